//! Being told: server-sent events and webhooks.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::blocking::Response;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::http::{Server, problem};
use crate::support::{Rushes, videos};

/// A message of a stream: id, event and data.
pub(crate) type Message = (Option<i64>, String, Value);

/// The messages of a stream of server-sent events.
fn messages(answer: Response) -> impl Iterator<Item = Message> {
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut lines = BufReader::new(answer).lines();
    std::iter::from_fn(move || {
        let (mut id, mut event, mut data) = (None, String::new(), String::new());
        loop {
            let line = lines.next()?.ok()?;
            if let Some(text) = line.strip_prefix("id: ") {
                id = Some(text.parse().unwrap());
            } else if let Some(text) = line.strip_prefix("event: ") {
                text.clone_into(&mut event);
            } else if let Some(text) = line.strip_prefix("data: ") {
                data.push_str(text);
            } else if line.is_empty() && !data.is_empty() {
                return Some((id, event, serde_json::from_str(&data).unwrap()));
            }
        }
    })
}

pub(crate) fn follow(
    server: &Server,
    path: &str,
    after: Option<i64>,
) -> impl Iterator<Item = Message> {
    let mut request = server.get(path).timeout(Duration::from_secs(300));
    if let Some(after) = after {
        request = request.header("last-event-id", after.to_string());
    }
    messages(request.send().unwrap())
}

#[test]
fn a_follower_hears_everything_once_and_in_order() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    let stream = follow(&server, "/v1/events", None);
    let video = videos::made(&rushes.folder.path().join("video.mp4"), 2, 40, 0);
    let job = rushes.ingest(&[&video])["videos"][0]["job"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut seen: Vec<Message> = Vec::new();
    for message in stream {
        let is_last = message.1 == "job.ready";
        seen.push(message);
        if is_last {
            break;
        }
    }
    let kinds: Vec<&str> = seen.iter().map(|(_, event, _)| event.as_str()).collect();
    assert_eq!(
        kinds[..2],
        ["title.created", "asset.registered"],
        "{kinds:?}"
    );
    assert_eq!(seen.last().unwrap().2["job"], job.as_str());
    let stages = |state: &str| {
        let kind = format!("stage.{state}");
        let of = seen.iter().filter(|(_, event, _)| *event == kind);
        of.map(|(_, _, data)| data["body"]["feature"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for feature in ["probe", "shots", "proxies", "embeddings/lite"] {
        let once = |list: Vec<String>| list.iter().filter(|name| *name == feature).count() == 1;
        assert!(
            once(stages("running")) && once(stages("ready")),
            "{feature}: {seen:#?}"
        );
    }
    assert!(seen.is_sorted_by_key(|(id, ..)| *id));

    // Whoever was away continues where it was.
    let middle = seen.len() / 2;
    let again: Vec<Message> = follow(&server, "/v1/events", seen[middle - 1].0)
        .take(seen.len() - middle)
        .collect();
    assert_eq!(again, seen[middle..]);
    // One that knows of events which never happened here is told so.
    let (_, event, _) = follow(&server, "/v1/events", Some(1 << 40)).next().unwrap();
    assert_eq!(event, "missed");
    let bad = server
        .get("/v1/events")
        .header("last-event-id", "yesterday")
        .send()
        .unwrap();
    assert_eq!(problem(bad), (400, "bad-event-id".to_owned()));

    // A job that is over is told once, and the stream ends.
    let told: Vec<Message> = follow(&server, &format!("/v1/jobs/{job}/events"), None).collect();
    assert_eq!(
        (told.len(), &told[0].2["state"]),
        (1, &json!("ready")),
        "{told:#?}"
    );
    let missing = server
        .get("/v1/jobs/01K00000000000000000000000/events")
        .send()
        .unwrap();
    assert_eq!(problem(missing).0, 404);
}

/// A request as it came to the receiver.
#[derive(Debug)]
pub(crate) struct Received {
    headers: Vec<(String, String)>,
    body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(of, _)| of == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    pub(crate) fn data(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Checks the signature as the standard says, by code of its own.
    fn is_signed_with(&self, secret: &str) -> bool {
        let key = STANDARD
            .decode(secret.strip_prefix("whsec_").unwrap())
            .unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        let (id, time) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        mac.update(format!("{id}.{time}.{}", self.body).as_bytes());
        let expected = STANDARD.encode(mac.finalize().into_bytes());
        self.header("webhook-signature")
            .split(' ')
            .any(|signature| signature == format!("v1,{expected}"))
    }
}

/// A receiver that answers each request with the next of `statuses`, and 204 after those.
pub(crate) fn receiver(statuses: &'static [u16]) -> (String, Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (send, received) = channel();
    let thread = std::thread::Builder::new().name("receiver".to_owned());
    let spawned = thread.spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let status = statuses.get(number).copied().unwrap_or(204);
            answer(stream.unwrap(), status, &send);
        }
    });
    spawned.unwrap();
    (url, received)
}

fn answer(stream: TcpStream, status: u16, send: &Sender<Received>) {
    let mut reader = BufReader::new(stream);
    let (mut headers, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line.trim_end().is_empty() {
                break;
            }
            continue;
        };
        if name == "content-length" {
            length = value.parse().unwrap();
        }
        headers.push((name.to_owned(), value.to_owned()));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let extra = if status == 302 {
        "location: http://127.0.0.1:1/\r\n"
    } else {
        ""
    };
    let answer =
        format!("HTTP/1.1 {status} X\r\n{extra}connection: close\r\ncontent-length: 0\r\n\r\n");
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
    let body = String::from_utf8(body).unwrap();
    // The test may have what it wants already.
    drop(send.send(Received { headers, body }));
}

#[test]
fn what_happens_is_posted_signed_until_it_arrives() {
    let Some(rushes) = Rushes::new() else { return };
    let rushes = rushes.with("RUSHES_SERVER__WEBHOOK_PRIVATE", "true");
    let server = Server::start(&rushes, &[]);
    // The first message is refused, and one that leads elsewhere is not followed.
    let (url, received) = receiver(&[500]);
    let made: Value = server
        .post("/v1/webhooks")
        .json(&json!({ "url": url, "types": ["job."] }))
        .send()
        .unwrap()
        .json()
        .unwrap();
    let (id, secret) = (
        made["id"].as_str().unwrap(),
        made["secret"].as_str().unwrap(),
    );
    assert!(
        !server
            .get("/v1/webhooks")
            .send()
            .unwrap()
            .text()
            .unwrap()
            .contains(secret)
    );
    let video = videos::made(&rushes.folder.path().join("video.mp4"), 2, 40, 0);
    let job = rushes.ingest(&[&video])["videos"][0]["job"]
        .as_str()
        .unwrap()
        .to_owned();

    let wait = Duration::from_secs(120);
    let first = received.recv_timeout(wait).unwrap();
    assert!(first.is_signed_with(secret), "{first:?}");
    assert!(!first.is_signed_with("whsec_AAAA"));
    assert_eq!(first.data()["type"], "job.ready");
    assert_eq!(first.data()["data"]["job"], job.as_str());
    // It comes again after a pause, as the same message.
    let second = received.recv_timeout(wait).unwrap();
    assert_eq!(
        (second.header("webhook-id"), &second.body),
        (first.header("webhook-id"), &first.body)
    );
    assert!(second.is_signed_with(secret));

    let deliveries = || server.json(&format!("/v1/webhooks/{id}/deliveries"))["deliveries"].clone();
    let delivered = |list: &Value| list[0]["state"] == "delivered";
    // The answer is noted a moment after the receiver has given it.
    let list = std::iter::repeat_with(deliveries)
        .take(10_000)
        .find(delivered)
        .unwrap();
    assert_eq!(
        (&list[0]["attempts"], &list[0]["status"]),
        (&json!(2), &json!(204)),
        "{list:#}"
    );
    let delivery = list[0]["id"].as_str().unwrap();
    let again = server
        .post(&format!("/v1/webhooks/{id}/deliveries/{delivery}"))
        .send()
        .unwrap();
    assert_eq!(again.status(), 202);
    let third = received.recv_timeout(wait).unwrap();
    assert_eq!(third.header("webhook-id"), first.header("webhook-id"));

    let gone = server
        .client
        .delete(format!("{}/v1/webhooks/{id}", server.address))
        .send()
        .unwrap();
    assert_eq!(gone.status(), 204);
    assert_eq!(server.json("/v1/webhooks"), json!({ "webhooks": [] }));
}

#[test]
fn nothing_is_posted_to_private_addresses_or_where_a_redirect_leads() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    for url in [
        "http://127.0.0.1:7420/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:10.0.0.1]/",
        "file:///etc/passwd",
        "http://user:secret@example.com/",
    ] {
        let refused = server
            .post("/v1/webhooks")
            .json(&json!({ "url": url }))
            .send()
            .unwrap();
        assert_eq!(problem(refused), (400, "bad-address".to_owned()), "{url}");
    }
    let types = json!({ "url": "https://example.com/", "types": ["jobs"] });
    let refused = server.post("/v1/webhooks").json(&types).send().unwrap();
    assert_eq!(problem(refused), (400, "bad-event-type".to_owned()));
    drop(server);

    let rushes = rushes.with("RUSHES_SERVER__WEBHOOK_PRIVATE", "true");
    let server = Server::start(&rushes, &[]);
    let (url, received) = receiver(&[302]);
    let body = json!({ "url": url, "types": ["asset.registered"] });
    let made: Value = server
        .post("/v1/webhooks")
        .json(&body)
        .send()
        .unwrap()
        .json()
        .unwrap();
    let video = videos::made(&rushes.folder.path().join("video.mp4"), 2, 40, 0);
    rushes.ingest(&[&video]);
    received.recv_timeout(Duration::from_secs(120)).unwrap();
    let path = format!("/v1/webhooks/{}/deliveries", made["id"].as_str().unwrap());
    let noted = |list: &Value| list["deliveries"][0]["attempts"] == 1;
    let list = std::iter::repeat_with(|| server.json(&path))
        .take(10_000)
        .find(noted)
        .unwrap();
    assert_eq!(list["deliveries"][0]["status"], 302, "{list:#}");
    assert_eq!(list["deliveries"][0]["state"], "pending");
}
