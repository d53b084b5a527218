//! The API on the network: keys, scopes, titles, TLS, limits, the audit log.

use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};

use crate::http::{Server, problem};
use crate::support::certificate::certificate;
use crate::support::{Rushes, told, videos};

/// An address that other machines reach.
const ANYWHERE: &str = "0.0.0.0:0";

fn key(rushes: &Rushes, args: &[&str]) -> String {
    let all = [&["key", "create"], args].concat();
    rushes.json(&all)["secret"].as_str().unwrap().to_owned()
}

fn get(server: &Server, key: &str, path: &str) -> Response {
    server.get(path).bearer_auth(key).send().unwrap()
}

#[test]
fn nothing_is_served_to_other_machines_without_keys_and_encryption() {
    let Some(rushes) = Rushes::new() else { return };
    let refused = |args: &[&str]| {
        let all = [&["serve", "--listen", ANYWHERE], args].concat();
        let output = rushes.run(&all);
        assert!(!output.status.success(), "{args:?}");
        told(&output)
    };
    assert!(refused(&[]).contains("--tls-certificate"));
    assert!(refused(&["--insecure"]).contains("rushes key create"));
    // A key for workers opens nothing there.
    key(&rushes, &["gpu-1"]);
    assert!(refused(&["--insecure"]).contains("rushes key create"));
    key(&rushes, &["panel", "--scope", "read"]);
    let missing = refused(&[
        "--tls-certificate",
        "/nowhere.pem",
        "--tls-key",
        "/nowhere.pem",
    ]);
    assert!(missing.contains("/nowhere.pem"), "{missing}");
}

#[test]
fn a_key_opens_what_its_scopes_say_and_changes_are_on_record() {
    let Some(rushes) = Rushes::new() else { return };
    let reader = key(&rushes, &["reader", "--scope", "read"]);
    let writer = key(&rushes, &["writer", "--scope", "write"]);
    let admin = key(&rushes, &["boss", "--scope", "admin"]);
    let worker = key(&rushes, &["gpu-1"]);
    let server = Server::start_at(&rushes, ANYWHERE, &["--insecure"]);

    assert_eq!(server.get("/healthz").send().unwrap().status(), 200);
    assert_eq!(server.get("/openapi.json").send().unwrap().status(), 200);
    let unkeyed = server.get("/v1/titles").send().unwrap();
    assert!(unkeyed.headers().contains_key("www-authenticate"));
    assert_eq!(problem(unkeyed), (401, "unauthorised".to_owned()));
    for bad in [
        "",
        "rk_",
        "rk_00",
        &reader[1..],
        &reader.to_uppercase(),
        "é",
    ] {
        let answer = server
            .get("/v1/titles")
            .header("x-api-key", bad.as_bytes())
            .send()
            .unwrap();
        assert_eq!(problem(answer).0, 401, "{bad:?}");
    }
    let answer = get(&server, &reader, "/v1/titles");
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("ratelimit-remaining"));
    let by_header = server
        .get("/v1/titles")
        .header("x-api-key", &reader)
        .send()
        .unwrap();
    assert_eq!(by_header.status(), 200);

    let create = |key: &str, name: &str| {
        let body = json!({ "name": name });
        server
            .post("/v1/bins")
            .bearer_auth(key)
            .json(&body)
            .send()
            .unwrap()
    };
    assert_eq!(
        problem(create(&reader, "no")),
        (403, "missing-scope".to_owned())
    );
    assert_eq!(
        problem(create(&worker, "no")),
        (403, "missing-scope".to_owned())
    );
    assert_eq!(create(&writer, "yes").status(), 201);
    assert_eq!(problem(get(&server, &worker, "/v1/titles")).0, 403);
    assert_eq!(problem(get(&server, &writer, "/v1/redactions")).0, 403);
    assert_eq!(problem(get(&server, &writer, "/v1/audit")).0, 403);

    let log: Value = get(&server, &admin, "/v1/audit").json().unwrap();
    let entries = log["entries"].as_array().unwrap();
    let seen: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                entry["key_name"].as_str().unwrap_or_default(),
                entry["status"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [("writer", 201), ("gpu-1", 403), ("reader", 403)],
        "{log:#}"
    );

    // Revoked and rotated keys open nothing from then on.
    rushes.json(&["key", "revoke", "reader"]);
    assert_eq!(problem(get(&server, &reader, "/v1/titles")).0, 401);
    let newer = rushes.json(&["key", "rotate", "writer"])["secret"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(problem(create(&writer, "old")).0, 401);
    assert_eq!(create(&newer, "new").status(), 201);
}

#[test]
fn a_key_that_asks_too_often_is_told_when_to_come_back() {
    let Some(rushes) = Rushes::new() else { return };
    let rushes = rushes.with("RUSHES_SERVER__REQUESTS_PER_SECOND", "1");
    let (eager, calm) = (
        key(&rushes, &["a", "--scope", "read"]),
        key(&rushes, &["b", "--scope", "read"]),
    );
    let server = Server::start(&rushes, &[]);
    let refused = (0..20)
        .map(|_| get(&server, &eager, "/v1/bins"))
        .find(|answer| answer.status() == 429);
    let refused = refused.unwrap();
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(problem(refused).1, "rate-limited");
    assert_eq!(get(&server, &calm, "/v1/bins").status(), 200);
}

/// A server with two titles, "own" and "secret", and a key for the first of them.
struct Agency {
    rushes: Rushes,
    server: Server,
    scoped: String,
    own: Value,
    other: Value,
}

impl Agency {
    fn new() -> Option<Self> {
        let rushes = Rushes::new()?;
        let [own, other] = [("own", 0), ("secret", 3)].map(|(name, seed)| {
            let file = rushes.folder.path().join(format!("{name}.mp4"));
            let summary = rushes.ingest(&[&videos::made(&file, 2, 40, seed)]);
            assert_eq!(summary["videos"][0]["state"], "ready", "{summary:#}");
            summary["videos"][0].clone()
        });
        let scoped = key(&rushes, &["agency", "--scope", "write", "--title", "own"]);
        let server = Server::start(&rushes, &[]);
        Some(Self {
            rushes,
            server,
            scoped,
            own,
            other,
        })
    }

    fn get(&self, path: &str) -> Response {
        get(&self.server, &self.scoped, path)
    }

    fn post(&self, path: &str, body: &Value) -> Response {
        let request = self.server.post(path).bearer_auth(&self.scoped);
        request.json(body).send().unwrap()
    }

    fn asset(of: &Value) -> &str {
        of["asset"].as_str().unwrap()
    }

    /// What is hidden is answered exactly as what does not exist.
    fn assert_hidden(&self, path: &str, id: &str) {
        let ask = |id: &str| {
            let answer = self.get(&path.replace("ID", id));
            let status = answer.status().as_u16();
            let mut body: Value = answer.json().unwrap();
            body["request_id"] = Value::Null;
            (status, body.to_string().replace(id, "ID"))
        };
        let hidden = ask(id);
        assert_eq!(hidden, ask("01K00000000000000000000000"), "{path}");
        assert_eq!(hidden.0, 404, "{path}");
    }
}

#[test]
fn a_key_for_one_title_never_learns_of_another() {
    let Some(agency) = Agency::new() else { return };
    let wide = ["key", "create", "x", "--scope", "admin", "--title", "own"];
    assert!(!agency.rushes.run(&wide).status.success());
    let (own, asset) = (Agency::asset(&agency.own), Agency::asset(&agency.other));
    let job = agency.other["job"].as_str().unwrap();
    for path in ["/v1/titles", "/v1/assets", "/v1/jobs"] {
        let shown = agency.get(path).text().unwrap();
        assert!(
            shown.contains("own") || shown.contains(own),
            "{path}: {shown}"
        );
        for hidden in ["secret", asset, job] {
            assert!(!shown.contains(hidden), "{path}: {shown}");
        }
    }
    for path in [
        "/v1/assets/ID",
        "/v1/assets/ID/shots",
        "/v1/shots/ID.0-40",
        "/v1/shots/ID.0-40/thumbnail.jpg",
        "/v1/shots/ID.0-40/clip.mp4",
    ] {
        agency.assert_hidden(path, asset);
    }
    agency.assert_hidden("/v1/jobs/ID", job);
    agency.assert_hidden("/v1/jobs/ID/events", job);
    agency.assert_hidden("/v1/assets?title=ID", "secret");
    agency.assert_hidden("/v1/titles/ID", "secret");
    let ready: Value = agency.get("/readyz").json().unwrap();
    assert_eq!(ready["coverage"]["total"], 1, "{ready:#}");
    // A bin of somebody else is no bin.
    let hidden_shot = format!("{asset}.0-40");
    agency
        .rushes
        .json(&["bin", "add", "secret picks", &hidden_shot]);
    assert!(!agency.get("/v1/bins").text().unwrap().contains("secret"));
    agency.assert_hidden("/v1/bins/ID", "secret picks");
    let url = format!("{}/v1/assets/{asset}", agency.server.address);
    let delete = agency.server.client.delete(url).bearer_auth(&agency.scoped);
    assert_eq!(problem(delete.send().unwrap()).0, 404);
}

#[test]
fn a_key_for_one_title_uses_that_one_and_no_other() {
    let Some(agency) = Agency::new() else { return };
    let asset = Agency::asset(&agency.other);
    let hidden_shot = format!("{asset}.0-40");
    let search = |body: Value| agency.post("/v1/search", &body);
    let found: Value = search(json!({ "text": "a red square", "limit": 50 }))
        .json()
        .unwrap();
    let hits = found["hits"].as_array().unwrap();
    let is_own = |hit: &Value| hit["title"] == "own";
    assert!(!hits.is_empty() && hits.iter().all(is_own), "{found:#}");
    assert_eq!(found["coverage"]["total"], 1, "{found:#}");
    // Neither by exclusion nor by counting.
    let body = json!({ "q": "a red square -title:own", "facets": ["title"] });
    let found: Value = search(body).json().unwrap();
    assert_eq!(
        (&found["hits"], &found["facets"]["title"]),
        (&json!([]), &json!([]))
    );
    let body = json!({ "q": "a red square facet:title group:title" });
    let found: Value = search(body).json().unwrap();
    assert_eq!(found["facets"]["title"][0]["value"], "own");
    assert_eq!(found["facets"]["title"].as_array().unwrap().len(), 1);
    // Neither in a list, nor among near-duplicates, nor by its labels.
    let listed: Value = search(json!({ "q": "len:>0s facet:title" }))
        .json()
        .unwrap();
    assert!(
        listed["hits"].as_array().unwrap().iter().all(is_own),
        "{listed:#}"
    );
    assert_eq!(listed["facets"]["title"].as_array().unwrap().len(), 1);
    assert_eq!(listed["coverage"]["total"], 1);
    let labelled: Value = search(json!({ "q": "secret in:label" })).json().unwrap();
    assert_eq!(labelled["hits"], json!([]));
    let near: Value = agency.get("/v1/duplicates?similar=0.01").json().unwrap();
    assert!(!near.to_string().contains("secret"), "{near:#}");
    assert_eq!(near["looked_at"], 2);
    let picked = json!([{ "shot": hidden_shot }]);
    for (path, body) in [
        ("/v1/search", json!({ "text": "x", "titles": ["secret"] })),
        ("/v1/search", json!({ "text": "x", "assets": [asset] })),
        ("/v1/search", json!({ "shot": hidden_shot })),
        ("/v1/search", json!({ "titles": ["secret"] })),
        ("/v1/search", json!({ "q": "title:secret" })),
        (
            "/v1/search",
            json!({ "shot": hidden_shot, "other": "titles" }),
        ),
        ("/v1/search", json!({ "q": "x title:secret" })),
        ("/v1/search", json!({ "q": format!("x asset:{asset}") })),
        ("/v1/search", json!({ "q": format!("like:{hidden_shot}") })),
        (
            "/v1/search",
            json!({ "parts": [{ "asset": asset, "from_ms": 0, "to_ms": 9 }] }),
        ),
        ("/v1/exports", json!({ "format": "otio", "picks": picked })),
        (
            "/v1/exports",
            json!({ "format": "otioz", "picks": [{ "asset": asset, "start": 0, "end": 1 }] }),
        ),
        (
            "/v1/exports",
            json!({ "format": "csv", "search": { "shot": hidden_shot } }),
        ),
        (
            "/v1/exports",
            json!({ "format": "otio", "bin": "secret picks" }),
        ),
        ("/v1/bins", json!({ "name": "b", "picks": picked })),
        ("/v1/titles/own/merge", json!({ "into": "secret" })),
    ] {
        assert_eq!(problem(agency.post(path, &body)).0, 404, "{path} {body}");
    }
    // Registering could show that bytes are known, and so could a name that is in use.
    let register = json!({ "uri": agency.other["uri"] });
    for (path, body) in [
        ("/v1/assets", register),
        ("/v1/titles", json!({ "name": "secret" })),
    ] {
        assert_eq!(problem(agency.post(path, &body)).1, "title-key", "{path}");
    }
    let own_shot = format!("{}.0-40", Agency::asset(&agency.own));
    let bin = json!({ "name": "mine", "picks": [{ "shot": own_shot }] });
    assert_eq!(agency.post("/v1/bins", &bin).status(), 201);
    let export = json!({ "format": "edl", "bin": "mine" });
    assert_eq!(agency.post("/v1/exports", &export).status(), 200);
    // A title that is deleted takes the rights to it along, and leaves none to anything else.
    assert!(agency.rushes.run(&["delete", "own", "-y"]).status.success());
    let titles: Value = agency.get("/v1/titles").json().unwrap();
    assert_eq!(titles, json!({ "titles": [] }));
    let found: Value = search(json!({ "text": "a red square" })).json().unwrap();
    assert_eq!(found["hits"], json!([]), "{found:#}");
    assert_eq!(found["coverage"]["total"], 0, "{found:#}");
}

#[test]
fn https_is_served_with_the_certificate_as_it_is_now() {
    let Some(rushes) = Rushes::new() else { return };
    let secret = key(&rushes, &["panel", "--scope", "read"]);
    let make = || certificate(rushes.folder.path(), "DNS:localhost,IP:127.0.0.1");
    let [trusted, private] = make();
    // A client that trusts the certificate in the file now, and no other.
    let client = || {
        let pem = std::fs::read(&trusted).unwrap();
        let trusted = reqwest::Certificate::from_pem(&pem).unwrap();
        Client::builder().tls_certs_only([trusted]).build().unwrap()
    };
    let args = [
        "--tls-certificate",
        trusted.to_str().unwrap(),
        "--tls-key",
        private.to_str().unwrap(),
    ];
    let server = Server::start_at(&rushes, ANYWHERE, &args);
    let port = server.address.rsplit(':').next().unwrap().to_owned();
    let ask = |client: &Client| {
        client
            .get(format!("https://localhost:{port}/v1/titles"))
            .bearer_auth(&secret)
            .send()
    };
    assert_eq!(ask(&client()).unwrap().status(), 200);
    // Plain HTTP is not understood there.
    assert!(
        Client::new()
            .get(format!("http://localhost:{port}/healthz"))
            .send()
            .is_err()
    );
    let old = client();
    make();
    // The server looks at its files once a second.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while ask(&client()).is_err() {
        assert!(
            std::time::Instant::now() < deadline,
            "the new certificate is not in use"
        );
    }
    drop(old);
}
