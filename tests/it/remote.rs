//! Workers on other machines: authentication, permissions, and a whole video through one.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rushes::catalog::keys;
use rushes_models::ErrorKind;
use rushes_workers::coordinator::http::{HttpCoordinator, WorkKey};
use rushes_workers::coordinator::{Coordinator as _, CoordinatorError, Directive, Failure};
use rushes_workers::stages::{EmbeddingsOutput, Output, Queue};
use rushes_workers::watch::Progress;
use serde_json::{Value, json};

use crate::coordinator::{Bench, answer, client, key, lost};
use crate::http::Server;
use crate::support::work_server::WorkServer;
use crate::support::{Rushes, told, videos};

const ROUTES: [(&str, &str); 6] = [
    ("GET", ""),
    ("POST", "/lease"),
    ("POST", "/01KAX7Q0Z3ABCDEFGHJKMNPQRS/heartbeat"),
    ("POST", "/01KAX7Q0Z3ABCDEFGHJKMNPQRS/complete"),
    ("POST", "/01KAX7Q0Z3ABCDEFGHJKMNPQRS/fail"),
    ("POST", "/01KAX7Q0Z3ABCDEFGHJKMNPQRS/release"),
];

fn refused<T: std::fmt::Debug>(result: Result<T, CoordinatorError>) -> String {
    match result {
        Err(CoordinatorError::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nobody_gets_in_without_a_key_that_is_in_use() {
    let bench = Bench::over_http().await;
    let server = bench.server.as_ref().unwrap();
    let revoked = key(&bench.catalog, "revoked").await;
    let mut tx = bench.catalog.begin().await.unwrap();
    keys::revoke(&mut tx, "revoked").await.unwrap();
    tx.commit().await.unwrap();
    let http = reqwest::Client::new();
    for authorization in [
        None,
        Some("Bearer rk_0000".to_owned()),
        Some("Bearer ".to_owned()),
        Some("Basic cms6cms=".to_owned()),
        Some(format!("Bearer {revoked}")),
    ] {
        for (method, path) in ROUTES {
            let url = format!("{}/v1/work{path}", server.address);
            // The body is not JSON: the key is checked first.
            let mut request = http.request(method.parse().unwrap(), url).body("{");
            if let Some(value) = &authorization {
                request = request.header("authorization", value);
            }
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 401, "{authorization:?} {path}");
            let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
            assert!(challenge.starts_with("Bearer"), "{challenge}");
            assert_eq!(answer.headers()["content-type"], "application/problem+json");
            let problem: Value = answer.json().await.unwrap();
            assert_eq!(problem["code"], "unauthorised");
        }
    }
    let why = refused(client(server, &revoked).lease("w", Queue::Embed).await);
    assert!(
        why.contains("rushes key create") && !why.contains(&revoked),
        "{why}"
    );
    // Nobody took a run.
    assert!(bench.next().await.is_some());
}

#[tokio::test]
async fn a_key_that_is_revoked_at_work_ends_the_work() {
    let bench = Bench::over_http().await;
    let lease = bench.next().await.unwrap();
    let mut tx = bench.catalog.begin().await.unwrap();
    assert!(keys::list(&mut tx).await.unwrap()[0].last_used_at.is_some());
    keys::revoke(&mut tx, "key").await.unwrap();
    tx.commit().await.unwrap();
    refused(
        bench
            .coordinator
            .heartbeat(&lease.ticket, Progress::default())
            .await,
    );
    refused(
        bench
            .coordinator
            .complete(&lease.ticket, &answer(&lease))
            .await,
    );
}

#[tokio::test]
async fn only_the_embed_queue_is_for_other_machines() {
    let bench = Bench::over_http().await;
    let why = refused(bench.coordinator.lease("w", Queue::Media).await);
    assert!(
        why.contains("the queue `media` has no work for other machines"),
        "{why}"
    );
    let server = bench.server.as_ref().unwrap();
    let secret = key(&bench.catalog, "another").await;
    let lease = |body: Value| {
        reqwest::Client::new()
            .post(format!("{}/v1/work/lease", server.address))
            .header("x-api-key", &secret)
            .json(&body)
            .send()
    };
    for (body, code) in [
        (
            json!({"worker": "w", "queues": ["media"]}),
            "queue-not-remote",
        ),
        (
            json!({"worker": "w", "queues": ["media", "embed"]}),
            "queue-not-remote",
        ),
        (json!({"worker": "w", "queues": []}), "queue-not-remote"),
        (
            json!({"worker": "../w", "queues": ["embed"]}),
            "bad-worker-name",
        ),
        (
            json!({"worker": "", "queues": ["embed"]}),
            "bad-worker-name",
        ),
        (
            json!({"worker": "w", "queues": ["nonsense"]}),
            "bad-request",
        ),
    ] {
        let answer = lease(body.clone()).await.unwrap();
        assert!(answer.status().is_client_error(), "{body}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["code"], code, "{body}: {problem}");
    }
    let big = "w".repeat(1024 * 1024);
    let answer = lease(json!({"worker": big, "queues": ["embed"]})).await;
    assert_eq!(answer.unwrap().status(), 413);
}

#[tokio::test]
async fn the_vectors_of_a_very_long_video_fit() {
    let bench = Bench::over_http().await;
    let lease = bench.next().await.unwrap();
    let long = Output::Embeddings(EmbeddingsOutput {
        space: "lite@0.1.0".to_owned(),
        vectors: vec![vec![0.5; 1152]; 10_000],
        frame_vectors: None,
    });
    // It arrives complete, and then turns out to belong to another video.
    match bench.coordinator.complete(&lease.ticket, &long).await {
        Err(CoordinatorError::Invalid(why)) => assert_eq!(why, "10000 vectors for 2 shots"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_a_worker_says_gives_no_orders_to_a_terminal() {
    let bench = Bench::over_http().await;
    let lease = bench.next().await.unwrap();
    let failure = Failure {
        kind: ErrorKind::InvalidInput,
        code: "test-failed".to_owned(),
        reason: format!("a\u{1b}[2Jb\nc{}", "d".repeat(10_000)),
    };
    bench
        .coordinator
        .fail(&lease.ticket, &failure)
        .await
        .unwrap();
    let reason = bench.run(&lease).await.reason.unwrap();
    assert!(reason.starts_with("a[2Jb\ncd"), "{reason}");
    assert_eq!(reason.len(), 4_000);
}

#[tokio::test]
async fn a_key_speaks_for_its_own_workers_only() {
    let bench = Bench::over_http().await;
    let server = bench.server.as_ref().unwrap();
    let lease = bench.next().await.unwrap();
    let stranger = client(server, &key(&bench.catalog, "ke").await);
    let beat = stranger.heartbeat(&lease.ticket, Progress::default()).await;
    assert_eq!(beat.unwrap(), Directive::Stop);
    let failure = Failure {
        kind: ErrorKind::InvalidInput,
        code: "test-failed".to_owned(),
        reason: "spite".to_owned(),
    };
    assert!(lost(
        &stranger.complete(&lease.ticket, &answer(&lease)).await
    ));
    assert!(lost(&stranger.fail(&lease.ticket, &failure).await));
    assert!(lost(&stranger.release(&lease.ticket).await));
    bench
        .coordinator
        .complete(&lease.ticket, &answer(&lease))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_worker_elsewhere_cannot_pass_for_one_of_this_machine() {
    let bench = Bench::over_http().await;
    // A local worker with this name would be dead: there is no lock with its name.
    let name = "local-01KAX7Q0Z3ABCDEFGHJKMNPQRS";
    let lease = bench.coordinator.lease(name, Queue::Embed).await.unwrap();
    let lease = lease.unwrap();
    assert!(
        bench
            .local
            .lease("w", Queue::Embed)
            .await
            .unwrap()
            .is_none()
    );
    let beat = bench
        .coordinator
        .heartbeat(&lease.ticket, Progress::default())
        .await;
    assert_eq!(beat.unwrap(), Directive::Continue);
}

#[tokio::test]
async fn a_server_that_went_away_and_came_back_takes_the_result() {
    let mut bench = Bench::over_http().await;
    let lease = bench.next().await.unwrap();
    let server = bench.server.take().unwrap();
    let socket = server.socket;
    server.stop();
    let unavailable = bench
        .coordinator
        .complete(&lease.ticket, &answer(&lease))
        .await;
    let error = unavailable.unwrap_err();
    assert!(matches!(error, CoordinatorError::Unavailable(_)), "{error}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let _again = WorkServer::start_at(socket, &bench.catalog, bench.folder.path());
    let beat = bench
        .coordinator
        .heartbeat(&lease.ticket, Progress::default())
        .await;
    assert_eq!(beat.unwrap(), Directive::Continue);
    bench
        .coordinator
        .complete(&lease.ticket, &answer(&lease))
        .await
        .unwrap();
}

#[tokio::test]
async fn what_is_no_rushes_server_is_said_to_be_none() {
    let bench = Bench::over_http().await;
    let elsewhere = format!("{}/elsewhere", bench.server.as_ref().unwrap().address);
    let key = WorkKey::new("rk_hush").unwrap();
    let coordinator = HttpCoordinator::new(&elsewhere, &key, false).unwrap();
    let why = refused(coordinator.about().await);
    assert!(why.contains("nothing at /elsewhere/v1/work"), "{why}");
}

#[tokio::test]
async fn the_server_says_what_it_wants_of_workers() {
    let bench = Bench::over_http().await;
    let secret = key(&bench.catalog, "about").await;
    let server = client(bench.server.as_ref().unwrap(), &secret);
    let about = server.about().await.unwrap();
    assert!(about.ok);
    assert_eq!((about.model.as_str(), about.dims), ("lite", 384));
    // The store is the same the next time.
    assert_eq!(server.about().await.unwrap(), about);
    let noted = std::fs::read_to_string(bench.folder.path().join("store/rushes-store"));
    assert_eq!(noted.unwrap(), about.store);
}

/// A worker on "another machine": it has no data folder, but a key file and the server's store.
struct Elsewhere {
    server: String,
    store: PathBuf,
    key: PathBuf,
}

impl Elsewhere {
    fn command(&self, rushes: &Rushes, role: &str) -> Command {
        let mut command = rushes.command(&[role, "--server", &self.server]);
        command
            .arg("--key-file")
            .arg(&self.key)
            .arg("--store")
            .arg(&self.store)
            // It must not be created.
            .env("RUSHES_DATA", "/dev/null/no-data-folder")
            .env("RUSHES_LOG", "trace");
        command
    }

    /// Starts the worker and waits until it reports that it is working.
    fn work(&self, rushes: &Rushes) -> Child {
        let log = std::fs::File::create(self.log()).unwrap();
        let mut child = self
            .command(rushes, "work")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let said = child.stdout.as_mut().unwrap();
        BufReader::new(said).read_line(&mut line).unwrap();
        assert!(line.starts_with("working as"), "{line:?}: {}", self.said());
        child
    }

    fn log(&self) -> PathBuf {
        self.key.with_extension("log")
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap()
    }
}

fn secret_of(rushes: &Rushes, name: &str, file: &Path) -> String {
    let made = rushes.json(&["key", "create", name]);
    let secret = made["secret"].as_str().unwrap().to_owned();
    std::fs::write(file, format!("{secret}\n")).unwrap();
    secret
}

fn terminate(mut child: Child) -> std::process::ExitStatus {
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status();
    assert!(sent.unwrap().success());
    child.wait().unwrap()
}

#[test]
fn a_video_gets_its_vectors_from_another_machine() {
    let Some(rushes) = Rushes::new() else { return };
    let rushes = rushes.with("RUSHES_WORK__EMBED", "0");
    let video = videos::made(&rushes.folder.path().join("video.mp4"), 3, 40, 0);
    let roots = rushes.folder.path().to_str().unwrap().to_owned();
    let server = Server::start(&rushes, &["--media-root", &roots]);
    let elsewhere = Elsewhere {
        server: server.address.clone(),
        store: rushes.data().join("store"),
        key: rushes.folder.path().join("gpu.key"),
    };
    let secret = secret_of(&rushes, "gpu", &elsewhere.key);
    let registered: Value = server
        .post("/v1/assets")
        .json(&json!({"uri": video.to_str().unwrap()}))
        .send()
        .unwrap()
        .json()
        .unwrap();
    let job = registered["assets"][0]["job"].as_str().unwrap();

    let worker = elsewhere.work(&rushes);
    let done = server.finished(job);
    assert_eq!(done["state"], "ready", "{done:#}");
    let found = server.search(&json!({"text": "colour bars", "modalities": ["visual"]}));
    assert_eq!(found["hits"].as_array().unwrap().len(), 3, "{found:#}");

    let healthy = |ok: bool| {
        let output = elsewhere.command(&rushes, "doctor").arg("--json").output();
        let output = output.unwrap();
        assert_eq!(output.status.success(), ok, "{}", told(&output));
        told(&output)
    };
    assert!(healthy(true).contains("key accepted"));
    assert!(terminate(worker).success(), "{}", elsewhere.said());
    assert!(!elsewhere.said().contains(&secret));

    // Without its key it loses its work, and says what to do.
    let mut worker = elsewhere.work(&rushes);
    let revoked = rushes.run(&["key", "revoke", "gpu"]);
    assert!(revoked.status.success(), "{}", told(&revoked));
    assert!(!worker.wait().unwrap().success());
    let said = elsewhere.said();
    assert!(said.contains("rushes key create"), "{said}");
    assert!(!said.contains(&secret) && !healthy(false).contains(&secret));
    let listed = rushes.json(&["key", "list"]);
    assert_eq!(listed["keys"][0]["name"], "gpu");
    assert!(!listed.to_string().contains(&secret));
}

#[test]
fn a_worker_with_another_store_or_none_does_not_begin() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    let other = rushes.folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let key = rushes.folder.path().join("gpu.key");
    secret_of(&rushes, "gpu", &key);
    let failed = |store: PathBuf, args: &[&str]| {
        let elsewhere = Elsewhere {
            server: server.address.clone(),
            store,
            key: key.clone(),
        };
        let output = elsewhere
            .command(&rushes, "work")
            .args(args)
            .output()
            .unwrap();
        assert!(!output.status.success());
        told(&output)
    };
    let wrong = failed(other, &[]);
    assert!(wrong.contains("not the server's store"), "{wrong}");
    let missing = failed(rushes.folder.path().join("nowhere"), &[]);
    assert!(missing.contains("does not exist"), "{missing}");
    assert!(!rushes.folder.path().join("nowhere").is_dir());
    let media = failed(rushes.data().join("store"), &["--queues", "media"]);
    assert!(media.contains("only the embed queue"), "{media}");
    let none = rushes.run(&[
        "work",
        "--server",
        &server.address,
        "--key-file",
        key.to_str().unwrap(),
    ]);
    assert!(told(&none).contains("--store"), "{}", told(&none));
    let keyless = rushes.run(&["work", "--server", &server.address]);
    assert!(
        told(&keyless).contains("rushes key create"),
        "{}",
        told(&keyless)
    );
}

#[test]
fn the_address_for_workers_serves_nothing_else() {
    let Some(rushes) = Rushes::new() else { return };
    let mut child = rushes
        .command(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--work-listen",
            "127.0.0.1:0",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    let second = lines.next().unwrap().unwrap();
    let address = second
        .split_whitespace()
        .find(|word| word.starts_with("http://"));
    let address = address.unwrap().trim_end_matches('/');
    let status = |path: &str, host: &str| {
        let request = reqwest::blocking::Client::new().get(format!("{address}{path}"));
        request
            .header("host", host)
            .send()
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(status("/v1/work", "rushes.example"), 401);
    assert_eq!(status("/healthz", "localhost"), 200);
    for path in ["/v1/assets", "/v1/search", "/metrics", "/openapi.json"] {
        assert_eq!(status(path, "localhost"), 404, "{path}");
    }
    assert!(terminate(child).success());
    let mut rest = String::new();
    for line in lines {
        rest.push_str(&line.unwrap());
    }
    assert_eq!(rest, "");
}
