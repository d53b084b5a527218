use super::*;
use crate::catalog::testing::each_database;

#[tokio::test]
async fn a_caller_of_whom_nothing_is_known_receives_no_events() {
    each_database(async |catalog| {
        let mut tx = catalog.begin().await.unwrap();
        crate::catalog::bins::create(&mut tx, "Picks", None)
            .await
            .unwrap();
        let (mut parts, ()) = Request::new(()).into_parts();
        let Ok(nobody) = Caller::from_request_parts(&mut parts, &()).await;
        let filter = nobody.event_filter();
        assert!(!filter.redactions);
        let seen = crate::catalog::events::after(&mut tx, 0, &filter, 10).await;
        assert_eq!(seen.unwrap(), []);
        let all = Caller::default().event_filter();
        let seen = crate::catalog::events::after(&mut tx, 0, &all, 10).await;
        assert_eq!(seen.unwrap().len(), 1);
    })
    .await;
}

#[test]
fn every_route_needs_the_scope_of_what_it_does() {
    for (method, path, scope) in [
        (Method::GET, "/v1/assets", KeyScope::Read),
        (Method::POST, "/v1/search", KeyScope::Read),
        (Method::POST, "/v1/exports", KeyScope::Read),
        (Method::POST, "/mcp", KeyScope::Read),
        (Method::POST, "/v1/assets", KeyScope::Write),
        (Method::DELETE, "/v1/jobs/x", KeyScope::Write),
        (Method::PATCH, "/v1/bins/x/items/y", KeyScope::Write),
        (Method::POST, "/v1/redact", KeyScope::Redact),
        (Method::GET, "/v1/redactions/x/files", KeyScope::Redact),
        (Method::GET, "/v1/audit", KeyScope::Admin),
        (Method::GET, "/v1/disk", KeyScope::Write),
        (Method::GET, "/v1/models", KeyScope::Read),
        (Method::POST, "/v1/models/x/embed", KeyScope::Admin),
        (Method::POST, "/v1/models/x/activate", KeyScope::Admin),
        (Method::DELETE, "/v1/models/x/vectors", KeyScope::Admin),
        // A webhook outlives the key that made it.
        (Method::POST, "/v1/webhooks", KeyScope::Admin),
        (Method::GET, "/metrics", KeyScope::Admin),
        // Not below another route by its letters alone.
        (Method::GET, "/v1/redacted", KeyScope::Read),
    ] {
        assert_eq!(needed(&method, path), scope, "{method} {path}");
    }
}
