//! Keeping other web pages out: a browser on this machine can reach loopback for any site it shows.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

/// Tells browsers to keep the answer from pages of other origins that asked without saying so.
pub(super) async fn same_origin_resource(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(
        "cross-origin-resource-policy",
        HeaderValue::from_static("same-origin"),
    );
    response
}

/// Why a request is refused that was addressed to another name than this machine's (DNS rebinding), or that a page of
/// another origin sent (cross-site requests). Pages of the `origins` may ask. `keyed` requests may come by any
/// name: other pages have no key, and a browser sends the cookie that stands for one only to the name that set it.
pub(super) fn refusal(headers: &HeaderMap, keyed: bool, origins: &[String]) -> Option<String> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(header::HOST);
    if let Some(host) = host
        && !keyed
        && !is_loopback(host)
    {
        return Some(format!(
            "this server answers as localhost only, not as {host:?}"
        ));
    }
    let origin = text(header::ORIGIN);
    if origin.is_some_and(|origin| origins.iter().any(|admitted| admitted == origin)) {
        return None;
    }
    // A picture or a link of another page brings no origin, but what browsers say of it (W3C Fetch Metadata).
    if let Some(site @ ("cross-site" | "same-site")) =
        text(HeaderName::from_static("sec-fetch-site"))
    {
        return Some(format!(
            "requests from pages of other origins ({site}) are not accepted"
        ));
    }
    let origin = origin?;
    // A page that this server itself served.
    let same = origin
        .split_once("://")
        .is_some_and(|(_, authority)| host == Some(authority));
    (!same).then(|| format!("requests from pages of {origin:?} are not accepted"))
}

/// Whether `host`, with or without a port, names this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &'static str, origin: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        headers
    }

    #[test]
    fn this_machine_is_let_in() {
        for host in [
            "localhost:7420",
            "127.0.0.1:7420",
            "[::1]:7420",
            "localhost",
        ] {
            assert_eq!(refusal(&headers(host, None), false, &[]), None, "{host}");
        }
        assert_eq!(
            refusal(
                &headers("localhost:1", Some("http://localhost:1")),
                false,
                &[]
            ),
            None
        );
    }

    #[test]
    fn other_names_and_other_origins_are_not() {
        let mut embedded = headers("localhost:1", None);
        embedded.insert("sec-fetch-site", "cross-site".parse().unwrap());
        assert!(refusal(&embedded, false, &[]).is_some());
        // Typed into the address bar, or from a page of this server.
        for site in ["none", "same-origin"] {
            embedded.insert("sec-fetch-site", site.parse().unwrap());
            assert_eq!(refusal(&embedded, false, &[]), None);
        }
        assert!(refusal(&headers("evil.example", None), false, &[]).is_some());
        assert!(refusal(&headers("127.0.0.1.evil.example", None), false, &[]).is_some());
        assert!(
            refusal(
                &headers("localhost:1", Some("https://evil.example")),
                false,
                &[]
            )
            .is_some()
        );
        assert!(refusal(&headers("localhost:1", Some("null")), false, &[]).is_some());
        assert!(
            refusal(
                &headers("localhost:1", Some("http://localhost:2")),
                false,
                &[]
            )
            .is_some()
        );
    }

    #[test]
    fn what_needs_a_key_may_come_by_any_name_but_from_no_page() {
        assert_eq!(refusal(&headers("rushes.example", None), true, &[]), None);
        for origin in ["https://evil.example", "http://localhost:2"] {
            assert!(refusal(&headers("localhost:1", Some(origin)), true, &[]).is_some());
        }
    }

    #[test]
    fn pages_of_admitted_origins_may_ask() {
        let origins = ["https://panel.example".to_owned()];
        let mut asked = headers("localhost:1", Some("https://panel.example"));
        asked.insert("sec-fetch-site", "cross-site".parse().unwrap());
        assert_eq!(refusal(&asked, false, &origins), None);
        let other = headers("localhost:1", Some("https://panel.example.evil"));
        assert!(refusal(&other, false, &origins).is_some());
    }
}
