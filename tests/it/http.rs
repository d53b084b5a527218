//! Tests of the HTTP API of a running server, over a real socket.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::blocking::{Client, RequestBuilder, Response, multipart};
use serde_json::{Value, json};

use crate::support::{Rushes, first, frames, videos};

/// A running `rushes serve`; killed at the end.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    pub(crate) client: Client,
}

impl Server {
    pub(crate) fn start(rushes: &Rushes, args: &[&str]) -> Self {
        Self::start_at(rushes, "127.0.0.1:0", args)
    }

    pub(crate) fn start_at(rushes: &Rushes, address: &str, args: &[&str]) -> Self {
        let mut all = vec!["serve", "--listen", address];
        all.extend(args);
        let mut child = rushes
            .command(&all)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let said = child.stdout.as_mut().unwrap();
        BufReader::new(said).read_line(&mut line).unwrap();
        let address = line
            .split_whitespace()
            .find(|word| word.starts_with("http://") || word.starts_with("https://"));
        let address = address.unwrap_or_else(|| panic!("serve said {line:?}"));
        Self {
            address: address.trim_end_matches('/').to_owned(),
            child,
            client: Client::new(),
        }
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.address))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.address))
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        let answer = self.get(path).send().unwrap();
        assert!(
            answer.status().is_success(),
            "{path}: {}",
            answer.text().unwrap()
        );
        answer.json().unwrap()
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its peak memory so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let file = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(file).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = peak.unwrap().trim().trim_end_matches(" kB");
        kilobytes.parse::<u64>().unwrap() * 1024
    }

    /// Follows a job until it ends.
    pub(crate) fn finished(&self, job: &str) -> Value {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let job = self.json(&format!("/v1/jobs/{job}"));
            if !matches!(job["state"].as_str(), Some("pending" | "running")) {
                return job;
            }
            assert!(Instant::now() < deadline, "{job:#}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Searches until all registered videos can be found.
    pub(crate) fn search(&self, body: &Value) -> Value {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let answer = self.post("/v1/search").json(body).send().unwrap();
            assert!(answer.status().is_success(), "{}", answer.text().unwrap());
            let answer: Value = answer.json().unwrap();
            if answer["coverage"]["ready"] == answer["coverage"]["total"] {
                return answer;
            }
            assert!(Instant::now() < deadline, "{answer:#}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The status and code of a refusal, which must be problem details.
pub(crate) fn problem(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let id = answer.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let body: Value = answer.json().unwrap();
    assert_eq!(body["status"], status);
    assert_eq!(body["request_id"], id);
    assert!(!body["detail"].as_str().unwrap().is_empty());
    (status, body["code"].as_str().unwrap().to_owned())
}

#[test]
fn a_video_is_uploaded_found_watched_and_deleted() {
    let Some(rushes) = Rushes::new() else { return };
    let video = videos::made(&rushes.folder.path().join("video.mp4"), 3, 40, 0);
    let server = Server::start(&rushes, &[]);
    assert_eq!(server.get("/healthz").send().unwrap().status(), 200);
    assert_eq!(server.json("/readyz")["coverage"]["total"], 0);

    let words = "1\n00:00:01,700 --> 00:00:02,900\nlook, a rabbit\n";
    let form = multipart::Form::new()
        .text("title", "Uploaded")
        .file("file", &video)
        .unwrap()
        .part(
            "subtitles",
            multipart::Part::text(words).file_name("video.srt"),
        );
    let answer = server.post("/v1/assets").multipart(form).send().unwrap();
    assert_eq!(answer.status(), 202);
    let registered: Value = answer.json().unwrap();
    let asset = registered["assets"][0]["asset"].as_str().unwrap();
    let job = server.finished(registered["assets"][0]["job"].as_str().unwrap());
    assert_eq!(job["state"], "ready", "{job:#}");

    let detail = server.json(&format!("/v1/assets/{asset}"));
    assert_eq!(
        (&detail["shots"], &detail["title"]),
        (&json!(3), &json!("Uploaded"))
    );
    assert_eq!(detail["media"]["streams"].as_array().unwrap().len(), 2);
    let spoken = server.search(&json!({"text": "a rabbit", "modalities": ["dialogue"]}));
    assert_eq!(frames(first(&spoken)), (40, 80));
    let shot = first(&spoken)["shot"].as_str().unwrap();
    let shown = server.json(&format!("/v1/shots/{shot}"));
    assert_eq!(shown["dialogue"][0]["text"], "look, a rabbit");
    let like = server.search(&json!({"shot": shot, "titles": ["Uploaded"]}));
    assert_eq!(like["hits"].as_array().unwrap().len(), 2);

    a_clip_is_served_in_ranges(&server, shot);
    // JSON for people and numbers for Prometheus.
    let metrics = server.get("/metrics").send().unwrap().text().unwrap();
    // Three shots and a line.
    assert!(metrics.contains("rushes_index_vectors 4"), "{metrics}");
    for described in metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
    {
        let name = described.split(' ').next().unwrap();
        assert!(
            metrics.contains(&format!("# HELP {name} ")),
            "{name}: {metrics}"
        );
    }

    let url = format!("{}/v1/assets/{asset}", server.address);
    assert_eq!(server.client.delete(&url).send().unwrap().status(), 204);
    assert_eq!(
        problem(server.client.get(&url).send().unwrap()),
        (404, "asset-not-found".to_owned())
    );
    let gone = server.search(&json!({"text": "a rabbit"}));
    assert!(gone["hits"].as_array().unwrap().is_empty());
    nothing_is_left_in(&rushes.data().join("store"));
}

#[test]
fn an_upload_cut_off_by_a_kill_leaves_nothing() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    let uploads = rushes.data().join("store/uploads");
    let mut socket = TcpStream::connect(server.address.trim_start_matches("http://")).unwrap();
    write!(
        socket,
        "POST /v1/assets HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000000\r\n\
         content-type: multipart/form-data; boundary=x\r\n\r\n\
         --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp4\"\r\n\r\n"
    )
    .unwrap();
    // More than is buffered before the first part is written.
    let megabyte = vec![7; 1 << 20];
    for _ in 0..24 {
        socket.write_all(&megabyte).unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    while files_in(&uploads).is_empty() {
        assert!(
            Instant::now() < deadline,
            "nothing of the upload was stored"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    // The server is killed, and a new one starts.
    drop(server);
    assert!(!files_in(&uploads).is_empty());
    let server = Server::start(&rushes, &[]);
    nothing_is_left_in(&uploads);
    assert_eq!(server.json("/v1/assets")["assets"], json!([]));
}

/// Files below a folder, but for the one in which a store says which it is.
pub(crate) fn files_in(store: &std::path::Path) -> String {
    let found = std::process::Command::new("find")
        .arg(store)
        .args(["-type", "f", "-not", "-name", "rushes-store"])
        .output();
    String::from_utf8(found.unwrap().stdout).unwrap()
}

/// A deleted upload is removed soon after, with everything computed from it.
pub(crate) fn nothing_is_left_in(store: &std::path::Path) {
    let files = || files_in(store);
    let deadline = Instant::now() + Duration::from_secs(30);
    while !files().is_empty() {
        assert!(Instant::now() < deadline, "left behind: {}", files());
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn a_clip_is_served_in_ranges(server: &Server, shot: &str) {
    let clip = format!("/v1/shots/{shot}/clip.mp4");
    let whole = server.get(&clip).send().unwrap();
    assert_eq!(whole.headers()["content-type"], "video/mp4");
    let tag = whole.headers()["etag"].to_str().unwrap().to_owned();
    let whole = whole.bytes().unwrap();
    assert_eq!(&whole[4..8], b"ftyp");
    let part = server
        .get(&clip)
        .header("range", "bytes=4-7")
        .send()
        .unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(
        part.headers()["content-range"],
        format!("bytes 4-7/{}", whole.len())
    );
    assert_eq!(part.bytes().unwrap().as_ref(), b"ftyp");
    let beyond = server
        .get(&clip)
        .header("range", "bytes=99999999-")
        .send()
        .unwrap();
    assert_eq!(beyond.status(), 416);
    assert_eq!(
        server
            .get(&clip)
            .header("if-none-match", tag)
            .send()
            .unwrap()
            .status(),
        304
    );
    let thumbnail = server
        .get(&format!("/v1/shots/{shot}/thumbnail.jpg"))
        .send()
        .unwrap();
    let picture = image::load_from_memory(&thumbnail.bytes().unwrap()).unwrap();
    assert_eq!((picture.width(), picture.height()), (320, 240));
}

#[test]
fn videos_are_registered_by_name_below_the_roots_only() {
    let Some(rushes) = Rushes::new() else { return };
    let roots = rushes.folder.path().join("videos");
    std::fs::create_dir(&roots).unwrap();
    let inside = videos::made(&roots.join("inside.mp4"), 1, 30, 0);
    let outside = videos::made(&rushes.folder.path().join("outside.mp4"), 1, 30, 1);
    let server = Server::start(&rushes, &["--media-root", roots.to_str().unwrap()]);
    let register = |uri: &str| {
        server
            .post("/v1/assets")
            .json(&json!({"uri": uri}))
            .send()
            .unwrap()
    };
    let answer = register(inside.to_str().unwrap());
    assert_eq!(answer.status(), 202);
    let answer: Value = answer.json().unwrap();
    assert_eq!(
        server.finished(answer["assets"][0]["job"].as_str().unwrap())["state"],
        "ready"
    );
    for bad in [
        outside.to_str().unwrap(),
        "/etc/passwd",
        "s3://bucket/video.mp4",
        "http://169.254.169.254/latest/meta-data",
        &format!("{}/../outside.mp4", roots.display()),
    ] {
        assert_eq!(
            problem(register(bad)),
            (400, "outside-media-roots".to_owned()),
            "{bad}"
        );
    }

    // An ingest beside the server only queues work, and the server does it.
    let outcome = rushes.ingest(&[&outside]);
    assert_eq!(outcome["videos"][0]["state"], "ready");
    let answer = server.search(&json!({"text": "a pattern", "modalities": ["visual"]}));
    assert_eq!(answer["hits"].as_array().unwrap().len(), 2);
    // The command line reads what the server has published.
    assert!(rushes.run(&["search", "a pattern"]).status.success());
}

#[test]
fn refusals_are_problem_details_with_stable_codes() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    let search = |body: Value| problem(server.post("/v1/search").json(&body).send().unwrap());
    assert_eq!(search(json!({})), (400, "bad-request".to_owned()));
    assert_eq!(
        search(json!({"text": " "})),
        (400, "empty-query".to_owned())
    );
    assert_eq!(
        search(json!({"text": "x", "colour": 1})),
        (400, "bad-request".to_owned())
    );
    assert_eq!(
        search(json!({"text": "x", "page": "bogus"})),
        (400, "bad-page-token".to_owned())
    );
    assert_eq!(
        search(json!({"text": "x", "titles": ["none"]})),
        (404, "title-not-found".to_owned())
    );
    assert_eq!(
        search(json!({"text": "x".repeat(3000)})),
        (400, "too-long".to_owned())
    );
    let get = |path: &str| problem(server.get(path).send().unwrap());
    assert_eq!(get("/v1/shots/nonsense"), (400, "bad-id".to_owned()));
    assert_eq!(
        get("/v1/jobs/01KAX7Q0Z3ABCDEFGHJKMNPQRS"),
        (404, "job-not-found".to_owned())
    );
    assert_eq!(get("/nowhere"), (404, "no-such-route".to_owned()));
    assert_eq!(problem(server.post("/healthz").send().unwrap()).0, 405);
    let form = multipart::Form::new().text("title", "no file");
    let answer = server.post("/v1/assets").multipart(form).send().unwrap();
    assert_eq!(problem(answer), (400, "bad-upload".to_owned()));
    // Another site's page, and another name for this machine.
    let foreign = server
        .get("/healthz")
        .header("origin", "https://evil.example")
        .send()
        .unwrap();
    assert_eq!(problem(foreign), (403, "foreign-origin".to_owned()));
    let rebound = server
        .get("/v1/titles")
        .header("host", "evil.example")
        .send()
        .unwrap();
    assert_eq!(problem(rebound), (403, "foreign-origin".to_owned()));
}

#[test]
fn the_openapi_document_is_as_committed() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    let document = server.json("/openapi.json");
    insta::assert_json_snapshot!("openapi", document, { ".info.version" => "[version]" });
}

/// Whether the document of `operation` lists `status`.
fn is_documented(operation: &Value, status: u16) -> bool {
    let class = format!("{}XX", status / 100);
    [status.to_string(), class]
        .iter()
        .any(|status| !operation["responses"][status].is_null())
}

/// The document lists each operation's input, and its answer to an invalid request.
#[test]
fn the_openapi_document_holds_what_the_server_does() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    let document = server.json("/openapi.json");
    let (mut operations, mut queries) = (0, 0);
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations += 1;
            let at = path
                .replace("{id}", "nonsense")
                .replace("{run}", "nonsense")
                .replace("{n}", "0");
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let send = |query: &str, origin: Option<&str>| {
                let url = format!("{}{at}{query}", server.address);
                let mut request = server.client.request(method.clone(), url);
                if let Some(origin) = origin {
                    request = request.header("origin", origin);
                }
                request.send().unwrap()
            };
            for (query, origin) in [
                ("", None),
                ("?no-such-parameter=1", None),
                ("", Some("https://evil.example")),
            ] {
                let status = send(query, origin).status().as_u16();
                assert!(
                    is_documented(operation, status),
                    "{method} {path}{query}: {status}"
                );
                assert!(
                    origin.is_none() || status == 403,
                    "{method} {path}: {status}"
                );
            }
            let parameters = operation["parameters"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            for parameter in parameters
                .iter()
                .filter(|parameter| parameter["in"] == "query")
            {
                queries += 1;
                let name = parameter["name"].as_str().unwrap();
                let answer = send(&format!("?{name}=1"), None);
                let text = answer.text().unwrap();
                assert!(
                    !text.contains("unknown field"),
                    "{method} {path}?{name}: {text}"
                );
            }
            // An operation that refuses unknown fields must name the known ones.
            let answer = send("?no-such-parameter=1", None);
            // A stream of events never ends.
            let kind = answer.headers().get("content-type");
            let is_stream = kind.is_some_and(|kind| kind == "text/event-stream");
            if !is_stream && answer.text().unwrap().contains("unknown field") {
                assert!(
                    parameters
                        .iter()
                        .any(|parameter| parameter["in"] == "query"),
                    "{method} {path}"
                );
            }
            if let Some(body) = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
                ["$ref"]
                .as_str()
            {
                let form = document.pointer(body.trim_start_matches('#')).unwrap();
                assert!(
                    form.to_string().contains("binary"),
                    "{method} {path}: {form}"
                );
            }
        }
    }
    assert!(
        operations > 25 && queries > 5,
        "{operations} operations, {queries} query parameters"
    );
}

#[test]
fn one_data_folder_has_one_server() {
    let Some(rushes) = Rushes::new() else { return };
    let _server = Server::start(&rushes, &[]);
    let second = rushes.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(!second.status.success());
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(text.contains("another rushes process"), "{text}");
}
