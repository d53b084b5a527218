//! Keeping other web pages out: a browser on this machine can reach loopback for any site it shows.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use rushes_workers::coordinator::wire::PATH;

use super::ApiError;

/// Refuses requests that were addressed to another name than this machine's (DNS rebinding), or that a
/// page of another origin sent (cross-site requests).
pub(super) async fn same_origin(request: Request, next: Next) -> Response {
    // What needs a key, no web page can have: a browser never adds one by itself. So workers may come by any
    // name, as behind a proxy; they never send an origin.
    let path = request.uri().path();
    let keyed = path == PATH
        || path
            .strip_prefix(PATH)
            .is_some_and(|rest| rest.starts_with('/'));
    match refusal(request.headers(), keyed) {
        Some(detail) => ApiError::forbidden("foreign-origin", detail).into_response(),
        None => {
            let mut response = next.run(request).await;
            // Browsers keep the answer from pages of other origins that asked without saying so.
            response.headers_mut().insert(
                "cross-origin-resource-policy",
                HeaderValue::from_static("same-origin"),
            );
            response
        }
    }
}

fn refusal(headers: &HeaderMap, keyed: bool) -> Option<String> {
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
    // A picture or a link of another page brings no origin, but what browsers say of it (W3C Fetch Metadata).
    if let Some(site @ ("cross-site" | "same-site")) =
        text(HeaderName::from_static("sec-fetch-site"))
    {
        return Some(format!(
            "requests from pages of other origins ({site}) are not accepted"
        ));
    }
    let origin = text(header::ORIGIN)?;
    let same = !keyed
        && origin
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
            assert_eq!(refusal(&headers(host, None), false), None, "{host}");
        }
        assert_eq!(
            refusal(&headers("localhost:1", Some("http://localhost:1")), false),
            None
        );
    }

    #[test]
    fn other_names_and_other_origins_are_not() {
        let mut embedded = headers("localhost:1", None);
        embedded.insert("sec-fetch-site", "cross-site".parse().unwrap());
        assert!(refusal(&embedded, false).is_some());
        // Typed into the address bar, or from a page of this server.
        for site in ["none", "same-origin"] {
            embedded.insert("sec-fetch-site", site.parse().unwrap());
            assert_eq!(refusal(&embedded, false), None);
        }
        assert!(refusal(&headers("evil.example", None), false).is_some());
        assert!(refusal(&headers("127.0.0.1.evil.example", None), false).is_some());
        assert!(refusal(&headers("localhost:1", Some("https://evil.example")), false).is_some());
        assert!(refusal(&headers("localhost:1", Some("null")), false).is_some());
        assert!(refusal(&headers("localhost:1", Some("http://localhost:2")), false).is_some());
    }

    #[test]
    fn what_needs_a_key_may_come_by_any_name_but_from_no_page() {
        assert_eq!(refusal(&headers("rushes.example", None), true), None);
        for origin in ["https://evil.example", "http://localhost:1"] {
            assert!(refusal(&headers("localhost:1", Some(origin)), true).is_some());
        }
    }
}
