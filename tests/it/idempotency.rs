//! Requests made again: carried out once, and answered from memory.

use reqwest::blocking::Response;
use serde_json::{Value, json};

use crate::http::{Server, problem};
use crate::support::Rushes;

#[test]
fn the_same_request_again_is_answered_and_not_carried_out() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    let post = |key: &str, name: &str| -> Response {
        let request = server.post("/v1/bins").header("idempotency-key", key);
        request.json(&json!({ "name": name })).send().unwrap()
    };
    let first = post("one", "Picks");
    assert_eq!(first.status(), 201);
    assert!(!first.headers().contains_key("idempotency-replayed"));
    let first: Value = first.json().unwrap();
    let again = post("one", "Picks");
    assert_eq!(
        (
            again.status().as_u16(),
            &again.headers()["idempotency-replayed"]
        ),
        (201, &"true".parse().unwrap())
    );
    assert_eq!(again.json::<Value>().unwrap(), first);
    assert_eq!(server.json("/v1/bins")["bins"].as_array().unwrap().len(), 1);

    // Without a key, and with another one, it is another request.
    let twice = server
        .post("/v1/bins")
        .json(&json!({ "name": "Picks" }))
        .send()
        .unwrap();
    assert_eq!(problem(twice).1, "name-in-use");
    assert_eq!(problem(post("two", "Picks")).1, "name-in-use");
    // What was refused may be tried again with the same key.
    assert_eq!(post("two", "More").status(), 201);
    assert_eq!(
        problem(post("one", "Others")),
        (422, "idempotency-key-reused".to_owned())
    );
    assert_eq!(
        problem(post(&"k".repeat(256), "Long")),
        (400, "bad-idempotency-key".to_owned())
    );

    // Nobody gets the answer to a request of another key's holder.
    let created = rushes.json(&["key", "create", "panel", "--scope", "write"]);
    let other = server
        .post("/v1/bins")
        .bearer_auth(created["secret"].as_str().unwrap())
        .header("idempotency-key", "one")
        .json(&json!({ "name": "Picks" }))
        .send()
        .unwrap();
    assert_eq!(problem(other).1, "name-in-use");
}

#[test]
fn of_many_at_once_one_is_carried_out() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    let send = || {
        let request = server.post("/v1/bins").header("idempotency-key", "same");
        let answer = request.json(&json!({ "name": "Picks" })).send().unwrap();
        match answer.status().as_u16() {
            201 => answer.json::<Value>().unwrap()["id"]
                .as_str()
                .unwrap()
                .to_owned(),
            _ => problem(answer).1,
        }
    };
    let answers: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(send)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let id = server.json("/v1/bins")["bins"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(answers.contains(&id), "{answers:?}");
    assert!(
        answers
            .iter()
            .all(|answer| *answer == id || answer == "request-under-way"),
        "{answers:?}"
    );
}

#[test]
fn text_is_packed_for_those_who_take_it() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    for coding in ["gzip", "zstd"] {
        let answer = server
            .get("/openapi.json")
            .header("accept-encoding", coding)
            .send()
            .unwrap();
        assert_eq!(answer.headers()["content-encoding"], coding);
    }
    let plain = server
        .get("/openapi.json")
        .header("accept-encoding", "identity")
        .send()
        .unwrap();
    assert!(!plain.headers().contains_key("content-encoding"));
}
