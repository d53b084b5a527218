//! Keys over HTTP: who makes them, what is shown once, and what is kept nowhere.

use serde_json::{Value, json};

use crate::http::{Server, problem};
use crate::support::Rushes;

#[test]
fn keys_are_made_rotated_and_revoked_over_http() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    let new = json!({"name": "panel", "scopes": ["read", "write"], "days": 30});
    let made = server.post("/v1/keys").json(&new).send().unwrap();
    assert_eq!(made.status(), 201);
    assert_eq!(made.headers()["cache-control"], "no-store");
    let made: Value = made.json().unwrap();
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert_eq!(made["scopes"], json!(["read", "write"]));
    assert!(made["expires_ms"].as_i64() > made["created_ms"].as_i64());
    let as_key = |secret: &str| {
        server
            .get("/v1/titles")
            .bearer_auth(secret)
            .send()
            .unwrap()
            .status()
    };
    assert_eq!(as_key(&secret), 200);

    let listed = server.json("/v1/keys");
    assert_eq!(listed["keys"][0]["name"], "panel");
    assert!(!listed.to_string().contains("rk_"));

    let rotated = server.post("/v1/keys/panel/rotate").send().unwrap();
    let rotated: Value = rotated.json().unwrap();
    assert_eq!(as_key(&secret), 401);
    let second = rotated["secret"].as_str().unwrap();
    assert_eq!(as_key(second), 200);
    let revoke = || {
        server
            .client
            .delete(format!("{}/v1/keys/panel", server.address))
            .send()
            .unwrap()
    };
    assert_eq!(revoke().status(), 204);
    assert_eq!(as_key(second), 401);
    assert_eq!(problem(revoke()).0, 404);
    assert!(server.json("/v1/keys")["keys"][0]["revoked_ms"].is_number());
}

#[test]
fn only_those_who_may_do_everything_make_keys() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    let title = server
        .post("/v1/titles")
        .json(&json!({"name": "Day 3"}))
        .send()
        .unwrap();
    assert_eq!(title.status(), 201);
    let secret = |args: &[&str]| {
        let all = [&["key", "create"], args].concat();
        rushes.json(&all)["secret"].as_str().unwrap().to_owned()
    };
    let writer = secret(&["writer", "--scope", "write"]);
    let admin = secret(&["boss", "--scope", "admin"]);
    let new = |name: &str| json!({"name": name, "scopes": ["read"], "titles": ["Day 3"]});
    let post = |key: &str, body: &Value| {
        server
            .post("/v1/keys")
            .bearer_auth(key)
            .json(body)
            .send()
            .unwrap()
    };
    assert_eq!(
        problem(post(&writer, &new("a"))),
        (403, "missing-scope".to_owned())
    );
    assert_eq!(
        problem(server.get("/v1/keys").bearer_auth(&writer).send().unwrap()).0,
        403
    );
    assert_eq!(post(&admin, &new("a")).status(), 201);
    assert_eq!(problem(post(&admin, &new("a"))).1, "name-in-use");
    for (body, code) in [
        (json!({"name": "b", "scopes": []}), "no-scopes"),
        (
            json!({"name": "b", "scopes": ["read"], "days": 0}),
            "bad-days",
        ),
        (json!({"name": "no spaces", "scopes": ["read"]}), "bad-name"),
        (
            json!({"name": "b", "scopes": ["everything"]}),
            "bad-request",
        ),
        (
            json!({"name": "b", "scopes": ["read"], "titles": ["nowhere"]}),
            "title-not-found",
        ),
    ] {
        let refused = problem(post(&admin, &body));
        assert_eq!(refused.1, code, "{body}: {refused:?}");
    }
}

#[test]
fn a_secret_is_kept_nowhere_not_even_for_a_repeated_request() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    let send = |path: &str, body: &Value| {
        let request = server.post(path).header("idempotency-key", path).json(body);
        request.send().unwrap()
    };
    let key = json!({"name": "panel", "scopes": ["read"]});
    let made: Value = send("/v1/keys", &key).json().unwrap();
    let again = send("/v1/keys", &key);
    assert!(!again.headers().contains_key("idempotency-replayed"));
    assert_eq!(problem(again).1, "name-in-use");
    let secret = made["secret"].as_str().unwrap();
    drop(server);
    for file in walkdir::WalkDir::new(rushes.data()) {
        let file = file.unwrap();
        if file.file_type().is_file() {
            let bytes = std::fs::read(file.path()).unwrap();
            let found = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found, "{}", file.path().display());
        }
    }
}
