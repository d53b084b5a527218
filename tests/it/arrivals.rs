//! Objects that a store announces are ingested without a listing: nothing here lists a prefix twice.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::http::{Server, problem};
use crate::s3::on_s3;
use crate::support::readers::{python, script};
use crate::support::s3_server::{KEY, S3Server, SECRET};
use crate::support::{Rushes, videos};
use crate::watches::{create, id_of, until, until_answer};

/// A store in S3 and a queue in which it announces its objects, in a process that shares no code with rushes.
struct Store {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    endpoint: String,
    queue: String,
}

impl Store {
    fn start() -> Option<Self> {
        let mut child = Command::new(python()?)
            .arg(script("store.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let orders = child.stdin.take();
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        let about = answered(&mut answers);
        let text = |name: &str| about[name].as_str().unwrap().to_owned();
        Some(Self {
            child,
            orders,
            endpoint: text("endpoint"),
            queue: text("queue"),
            answers,
        })
    }

    fn order(&mut self, order: &str) -> Value {
        writeln!(self.orders.as_mut().unwrap(), "{order}").unwrap();
        answered(&mut self.answers)
    }

    fn put(&mut self, file: &Path, key: &str) {
        let put = self.order(&format!("put {} {key}", file.display()));
        assert_eq!(put, "put");
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.orders = None;
        self.child.wait().unwrap();
    }
}

fn answered(answers: &mut BufReader<ChildStdout>) -> Value {
    let mut line = String::new();
    answers.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

/// Waits until the queue is as wanted.
fn until_queue(server: &Server, is_so: impl Fn(&Value) -> bool) -> Value {
    until_answer(server, "/v1/watches", |all| is_so(&all["queue"]))["queue"].take()
}

/// With listings a day apart.
fn patient(rushes: Rushes) -> Rushes {
    rushes.with("RUSHES_SERVER__LISTING_S", "86400")
}

#[test]
fn what_a_store_announces_in_a_queue_is_ingested() {
    let (Some(mut store), Some(rushes)) = (Store::start(), Rushes::new()) else {
        return;
    };
    let rushes = patient(rushes)
        .with("AWS_ACCESS_KEY_ID", KEY)
        .with("AWS_SECRET_ACCESS_KEY", SECRET)
        .with("AWS_REGION", "us-east-1")
        .with("AWS_ENDPOINT", &store.endpoint)
        .with("RUSHES_SERVER__ARRIVALS_QUEUE", &store.queue);
    let made =
        |name: &str, seed: usize| videos::made(&rushes.folder.path().join(name), 2, 30, seed);
    let (first, second) = (made("first.mp4", 0), made("second.mp4", 1));
    let server = Server::start(&rushes, &["--media-root", "s3://footage/day1"]);
    let id = id_of(create(&server, "s3://footage/day1/", None), 201);
    store.put(&first, "day1/first.mp4");
    until(&server, &id, |watch| watch["ready"] == 1);
    // What no store sends, and what is elsewhere, is no obstacle.
    assert_eq!(store.order("say good morning"), "said");
    store.put(&second, "day2/second.mp4");
    store.put(&second, "day1/a+b.mp4");
    until(&server, &id, |watch| watch["ready"] == 2);
    let queue = until_queue(&server, |queue| {
        let counts = ["announced", "elsewhere", "unknown"].map(|name| queue[name].as_u64());
        counts == [Some(2), Some(1), Some(1)]
    });
    assert_eq!(queue["url"], store.queue);
    assert_eq!(queue["failure"], json!(null));
    let assets = server.json("/v1/assets");
    let names = assets["assets"].as_array().unwrap().iter();
    let mut names: Vec<&str> = names.map(|asset| asset["uri"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["s3://footage/day1/a+b.mp4", "s3://footage/day1/first.mp4"]
    );
    // Messages are deleted once they were used.
    drop(server);
    assert_eq!(store.order("left"), 0);
    let (checks, _) = rushes.json_any(&["doctor"]);
    let checks = checks.as_array().unwrap();
    let queue = checks
        .iter()
        .find(|check| check["what"] == "queue of arrivals");
    assert_eq!(queue.unwrap()["ok"], true, "{checks:#?}");
}

#[test]
fn a_queue_that_cannot_be_read_is_said_and_stops_nothing() {
    let (Some(store), Some(rushes)) = (Store::start(), Rushes::new()) else {
        return;
    };
    let lost = store.queue.replace("arrivals", "departures");
    let rushes = rushes
        .with("AWS_ACCESS_KEY_ID", KEY)
        .with("AWS_SECRET_ACCESS_KEY", SECRET)
        .with("AWS_ENDPOINT", &store.endpoint)
        .with("RUSHES_SERVER__ARRIVALS_QUEUE", &lost);
    let (checks, output) = rushes.json_any(&["doctor"]);
    assert!(!output.status.success());
    let said = checks.to_string();
    assert!(
        said.contains("NonExistentQueue") || said.contains("does not exist"),
        "{said}"
    );
    assert!(!said.contains(SECRET), "{said}");
    let root = rushes.folder.path().join("root");
    std::fs::create_dir_all(&root).unwrap();
    videos::made(&root.join("first.mp4"), 2, 30, 0);
    let server = Server::start(&rushes, &["--media-root", root.to_str().unwrap()]);
    let id = id_of(create(&server, root.to_str().unwrap(), None), 201);
    until(&server, &id, |watch| watch["ready"] == 1);
    let queue = until_queue(&server, |queue| queue["failure"].is_string());
    assert!(
        queue["failure"].as_str().unwrap().contains("departures"),
        "{queue:#}"
    );
    drop(server);
    let wrong = rushes.with("RUSHES_SERVER__ARRIVALS_QUEUE", "arrivals");
    let refused = wrong.run(&["serve", "--listen", "127.0.0.1:0"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("server.arrivals_queue") && said.contains("not the URL"),
        "{said}"
    );
}

#[test]
fn what_a_store_announces_by_a_request_is_ingested_once() {
    let buckets = tempfile::tempdir().unwrap();
    let folder = buckets.path().join("footage/day1");
    std::fs::create_dir_all(&folder).unwrap();
    videos::made(&folder.join("first.mp4"), 2, 30, 0);
    let s3 = S3Server::start(buckets.path());
    let Some(rushes) = on_s3(&s3) else { return };
    let rushes = patient(rushes);
    let server = Server::start(&rushes, &["--media-root", "s3://footage/day1"]);
    let id = id_of(create(&server, "s3://footage/day1/", None), 201);
    until(&server, &id, |watch| watch["ready"] == 1);
    videos::made(&folder.join("two words.mp4"), 2, 30, 1);
    let record =
        |key: &str| json!({ "s3": { "bucket": { "name": "footage" }, "object": { "key": key } } });
    let records = [
        record("day1/two+words.mp4"),
        record("day9/x.mp4"),
        record("day1/gone.mp4"),
    ];
    let message = json!({ "Records": records });
    for _ in 0..3 {
        let answer = server.post("/v1/arrivals").json(&message).send().unwrap();
        assert_eq!(answer.status(), 200);
        let answer: Value = answer.json().unwrap();
        assert_eq!(answer, json!({ "announced": 2, "elsewhere": 1 }));
    }
    until(&server, &id, |watch| watch["ready"] == 2);
    let jobs = server.json("/v1/jobs");
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 2, "{jobs:#}");
    let hello = server.post("/v1/arrivals").body("hello").send().unwrap();
    assert_eq!(problem(hello), (400, "bad-notice".to_owned()));
    assert_eq!(server.json("/v1/watches")["queue"], json!(null));
}
