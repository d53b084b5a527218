//! The page's files and its sign-in over HTTP: what they reveal, and whose cookie counts. What the page does in a browser
//! is tested in `web/tests`.

use reqwest::blocking::Response;
use serde_json::json;

use crate::http::{Server, problem};
use crate::support::{Rushes, missing};

const ANYWHERE: &str = "0.0.0.0:0";

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// The page's document; `None` if this binary was built without it.
fn document(server: &Server, path: &str) -> Option<Response> {
    let answer = server.get(path).send().unwrap();
    if answer.status() == 404 {
        assert_eq!(problem(answer).1, "no-page");
        missing(
            "page",
            "the binary was built without web/dist; run `make build`",
        );
        return None;
    }
    assert_eq!(answer.status(), 200, "{path}");
    Some(answer)
}

#[test]
fn every_screen_is_served_without_a_key_and_nothing_else_is() {
    let Some(rushes) = Rushes::new() else { return };
    rushes.run(&["key", "create", "reader", "--scope", "read"]);
    let server = Server::start_at(&rushes, ANYWHERE, &["--insecure"]);
    for path in [
        "/",
        "/library",
        "/bins",
        "/bins/1",
        "/shots/a.1-2",
        "/people",
        "/redactions",
        "/redactions/1",
        "/settings",
    ] {
        let Some(page) = document(&server, path) else {
            return;
        };
        let policy = header(&page, "content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert!(policy.contains("script-src 'self';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(header(&page, "cache-control"), "no-cache");
        assert!(page.text().unwrap().contains("<div id=\"app\">"));
    }
    for path in [
        "/shots",
        "/v1/titles",
        "/metrics",
        "/bins/1/2",
        "/../Cargo.toml",
        "/page",
    ] {
        let status = server.get(path).send().unwrap().status();
        assert!(status == 401 || status == 404, "{path}: {status}");
    }
    let gone = server.get("/page/index-0.js").send().unwrap();
    assert_eq!(problem(gone), (404, "no-such-route".to_owned()));
}

#[test]
fn a_link_on_another_page_leads_here_but_its_scripts_get_nothing() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    let cross = |path: &str| {
        server
            .get(path)
            .header("sec-fetch-site", "cross-site")
            .send()
            .unwrap()
    };
    if document(&server, "/").is_none() {
        return;
    }
    assert_eq!(cross("/").status(), 200);
    assert_eq!(cross("/shots/a.1-2").status(), 200);
    assert_eq!(
        problem(cross("/v1/titles")),
        (403, "foreign-origin".to_owned())
    );
    assert_eq!(
        problem(cross("/v1/session")),
        (403, "foreign-origin".to_owned())
    );
}

#[test]
fn a_browser_signs_in_with_a_key_and_no_other_site_can_use_it() {
    let Some(rushes) = Rushes::new() else { return };
    let made = rushes.json(&["key", "create", "editor", "--scope", "read"]);
    let key = made["secret"].as_str().unwrap();
    let server = Server::start_at(&rushes, ANYWHERE, &["--insecure"]);
    assert_eq!(problem(server.get("/v1/session").send().unwrap()).0, 401);
    let sign_in = |key: &str| server.post("/v1/session").json(&json!({ "key": key }));
    for wrong in [
        "",
        "rk_",
        "rk_0; Domain=evil",
        "rk_\u{e9}",
        &"r".repeat(5000),
    ] {
        let answer = sign_in(wrong).send().unwrap();
        assert!(answer.headers().get("set-cookie").is_none());
        assert_eq!(problem(answer).0, 401, "{wrong:?}");
    }
    // Another site cannot sign a browser in, either.
    let foreign = sign_in(key)
        .header("origin", "https://evil.example")
        .send()
        .unwrap();
    assert_eq!(problem(foreign), (403, "foreign-origin".to_owned()));

    let signed = sign_in(key).send().unwrap();
    assert_eq!(signed.status(), 204);
    let cookie = header(&signed, "set-cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "{cookie}");
    let secure = sign_in(key)
        .header("origin", server.address.replace("http:", "https:"))
        .send()
        .unwrap();
    assert!(header(&secure, "set-cookie").contains("; Secure"));

    let sent = format!("theme=dark; {}", cookie.split(';').next().unwrap());
    let get = |path: &str| server.get(path).header("cookie", &sent);
    assert_eq!(get("/v1/titles").send().unwrap().status(), 200);
    let session: serde_json::Value = get("/v1/session").send().unwrap().json().unwrap();
    assert_eq!(
        session,
        json!({"key": "editor", "scopes": ["read"], "all_titles": true})
    );
    // The scope of the key counts, and pages of other sites do not get through with it.
    let refused = server
        .post("/v1/titles")
        .json(&json!({"name": "x"}))
        .header("cookie", &sent)
        .send()
        .unwrap();
    assert_eq!(problem(refused), (403, "missing-scope".to_owned()));
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let refused = get("/v1/titles").header(name, value).send().unwrap();
        assert_eq!(
            problem(refused),
            (403, "foreign-origin".to_owned()),
            "{name}: {value}"
        );
    }
    let out = server
        .client
        .delete(format!("{}/v1/session", server.address))
        .send()
        .unwrap();
    assert_eq!(out.status(), 204);
    assert!(header(&out, "set-cookie").starts_with("rushes_key=; "));
    rushes.run(&["key", "revoke", "editor"]);
    assert_eq!(problem(get("/v1/titles").send().unwrap()).0, 401);
}

#[test]
fn the_cookie_of_another_server_does_not_lock_this_machine_out() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    let answer = server
        .get("/v1/titles")
        .header("cookie", "rushes_key=rk_stale")
        .send()
        .unwrap();
    assert_eq!(answer.status(), 200);
    let session = server.json("/v1/session");
    assert_eq!(session["key"], serde_json::Value::Null);
    assert!(
        session["scopes"]
            .as_array()
            .unwrap()
            .contains(&json!("admin"))
    );
}
