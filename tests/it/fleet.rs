//! Several servers with data folders of their own, on one catalogue in PostgreSQL and one store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use reqwest::blocking::multipart;
use rushes::catalog::{database, members};
use serde_json::{Value, json};

use crate::events::{Received, follow, receiver};
use crate::http::{Server, problem};
use crate::s3::on_s3;
use crate::support::postgres::{PostgresServer, servers};
use crate::support::s3_server::S3Server;
use crate::support::{Rushes, first, models_with, told, videos};
use crate::watches::{create, id_of, until};

/// Two data folders on one database and one store, in which a dead server is missed after two seconds.
struct Pair {
    one: Rushes,
    other: Rushes,
    folder: tempfile::TempDir,
}

impl Pair {
    fn on(server: &PostgresServer) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        let (address, store) = (server.database(), store.to_str().unwrap());
        let member = || {
            let rushes = Rushes::new()?
                .with("RUSHES_CATALOG__URL", &address)
                .with("RUSHES_CATALOG__LEASE_S", "2")
                .with("RUSHES_SERVER__WEBHOOK_PRIVATE", "true")
                .with("RUSHES_STORAGE__URL", store);
            Some(rushes)
        };
        let (one, other) = (member()?, member()?);
        Some(Self { one, other, folder })
    }

    fn video(&self, name: &str, shots: usize, seed: usize) -> PathBuf {
        videos::made(&self.folder.path().join(name), shots, 40, seed)
    }
}

/// The pairs of all servers of PostgreSQL.
fn pairs() -> impl Iterator<Item = Pair> {
    servers().iter().filter_map(Pair::on)
}

/// Uploads a video; its job.
fn upload(server: &Server, video: &Path) -> String {
    let title = video.file_stem().unwrap().to_str().unwrap().to_owned();
    let form = multipart::Form::new()
        .text("title", title)
        .file("file", video)
        .unwrap();
    let answer = server.post("/v1/assets").multipart(form).send().unwrap();
    assert_eq!(answer.status(), 202, "{}", answer.text().unwrap());
    let registered: Value = answer.json().unwrap();
    registered["assets"][0]["job"].as_str().unwrap().to_owned()
}

/// Shots of each title.
fn shots(server: &Server) -> BTreeMap<String, u64> {
    let titles = server.json("/v1/titles");
    let titles = titles["titles"].as_array().unwrap().iter();
    titles
        .map(|title| {
            let name = title["name"].as_str().unwrap().to_owned();
            (name, title["shots"].as_u64().unwrap())
        })
        .collect()
}

fn hits(server: &Server) -> usize {
    let answer = server.search(&json!({ "text": "a pattern", "limit": 100 }));
    answer["hits"].as_array().unwrap().len()
}

/// Rows of numbers and names in the catalogue.
fn read(rushes: &Rushes, sql: &'static str) -> Vec<(String, i64)> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let catalog = rushes.catalog().await;
        let mut db = catalog.read().await.unwrap();
        let rows = database::query_as(sql).fetch_all(&mut db).await.unwrap();
        drop(db);
        catalog.close().await;
        rows
    })
}

/// Waits until there is a row as wanted.
fn until_row(rushes: &Rushes, sql: &'static str, is_so: impl Fn(&str, i64) -> bool) -> String {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let rows = read(rushes, sql);
        if let Some((name, _)) = rows.iter().find(|(name, number)| is_so(name, *number)) {
            return name.clone();
        }
        assert!(Instant::now() < deadline, "{sql}: {rows:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

const BY_HOLDER: &str = "SELECT holder, COUNT(*) FROM roles GROUP BY holder";
const HOLDERS: &str = "SELECT holder, term FROM roles WHERE holder <> '' ORDER BY name";

fn found_at_both(one: &Server, other: &Server, video: &Path) {
    let job = upload(one, video);
    // The other one knows the job, and follows it.
    let done = other.finished(&job);
    assert_eq!(done["state"], "ready", "{done:#}");
    for server in [other, one] {
        let found = server.search(&json!({ "text": "a pattern" }));
        assert_eq!(found["hits"].as_array().unwrap().len(), 3, "{found:#}");
        let shot = first(&found)["shot"].as_str().unwrap();
        for part in ["clip.mp4", "thumbnail.jpg"] {
            let answer = server
                .get(&format!("/v1/shots/{shot}/{part}"))
                .send()
                .unwrap();
            assert_eq!(answer.status(), 200, "{part}");
        }
    }
}

#[test]
fn what_one_server_ingests_the_other_finds_and_both_hear_of_it() {
    for pair in pairs() {
        let video = pair.video("video.mp4", 3, 0);
        let (one, other) = (
            Server::start(&pair.one, &[]),
            Server::start(&pair.other, &[]),
        );
        found_at_both(&one, &other, &video);
        let newest = read(&pair.one, "SELECT 'seq', MAX(seq) FROM events")[0].1;
        let heard = |server: &Server| {
            let mut seen = Vec::new();
            for (seq, event, _) in follow(server, "/v1/events", Some(0)) {
                seen.push((seq, event));
                if seq == Some(newest) {
                    break;
                }
            }
            seen
        };
        let (at_one, at_other) = (heard(&one), heard(&other));
        assert!(at_one.iter().any(|(_, event)| event == "job.ready"));
        assert_eq!(at_one, at_other);
        // What is deleted at one is not found at the other.
        let asset = one.json("/v1/assets")["assets"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let path = format!("{}/v1/assets/{asset}", other.address);
        assert_eq!(other.client.delete(path).send().unwrap().status(), 204);
        assert_eq!((hits(&one), hits(&other)), (0, 0));
    }
}

#[test]
fn two_servers_share_a_bucket() {
    let buckets = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(buckets.path().join("features")).unwrap();
    let bucket = S3Server::start(buckets.path());
    let Some(server) = servers().last() else {
        return;
    };
    let address = server.database();
    let member = || {
        let rushes = on_s3(&bucket)?
            .with("RUSHES_CATALOG__URL", &address)
            .with("RUSHES_STORAGE__URL", "s3://features/rushes");
        Some(rushes)
    };
    let (Some(one), Some(other)) = (member(), member()) else {
        return;
    };
    let video = videos::made(&one.folder.path().join("video.mp4"), 3, 40, 0);
    let (one, other) = (Server::start(&one, &[]), Server::start(&other, &[]));
    found_at_both(&one, &other, &video);
}

#[test]
fn a_server_that_is_killed_at_work_is_followed_by_the_other() {
    for pair in pairs() {
        let videos: Vec<PathBuf> = (0..4)
            .map(|at| pair.video(&format!("video{at}.mp4"), 3 + at % 2, at))
            .collect();
        let one = Server::start(&pair.one, &[]);
        let jobs: Vec<String> = videos.iter().map(|video| upload(&one, video)).collect();
        // It has something under way.
        let running = "SELECT worker, token FROM runs WHERE state = 'running'";
        let dead = until_row(&pair.other, running, |_, _| true);
        assert_eq!(
            read(&pair.other, HOLDERS)
                .into_iter()
                .map(|(holder, _)| holder)
                .collect::<Vec<_>>(),
            vec![dead.clone(); 4]
        );
        let other = Server::start(&pair.other, &[]);
        // Dropping it kills it.
        drop(one);
        for job in &jobs {
            let job = other.finished(job);
            assert_eq!(job["state"], "ready", "{job:#}");
        }
        let expected: BTreeMap<String, u64> = (0..4)
            .map(|at| (format!("video{at}"), 3 + at % 2))
            .collect();
        assert_eq!(shots(&other), expected);
        assert_eq!(hits(&other), 14);
        // All roles have moved, and the dead one is nobody's member.
        let members = "SELECT name, until FROM members ORDER BY name";
        let heir = until_row(&pair.other, HOLDERS, |holder, _| holder != dead);
        until_row(&pair.other, BY_HOLDER, |holder, count| {
            holder == heir && count == 4
        });
        let alive: Vec<String> = read(&pair.other, members)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(alive, [heir]);

        // The first one comes back with its own folder, and its index goes on from where it was.
        let one = Server::start(&pair.one, &[]);
        assert_eq!(hits(&one), 14);
        let late = pair.video("late.mp4", 2, 9);
        let job = upload(&one, &late);
        assert_eq!(other.finished(&job)["state"], "ready");
        assert_eq!((hits(&one), hits(&other)), (16, 16));
        drop((one, other));
        let (one, other) = (
            Server::start(&pair.one, &[]),
            Server::start(&pair.other, &[]),
        );
        assert_eq!((hits(&one), hits(&other)), (16, 16));
        assert_eq!(shots(&one), shots(&other));
        let published =
            "SELECT feature, COUNT(*) FROM published WHERE feature = 'shots' GROUP BY feature";
        assert_eq!(read(&pair.one, published), [("shots".to_owned(), 5)]);
    }
}

/// As if a server had stood still for longer than its lease: what it does as the holder of a role is refused.
#[test]
fn what_a_stale_holder_writes_is_refused() {
    for pair in pairs() {
        let _one = Server::start(&pair.one, &[]);
        until_row(&pair.one, BY_HOLDER, |_, count| count == 4);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let catalog = pair.one.catalog().await;
            let mut tx = catalog.begin().await.unwrap();
            let holder = members::all(&mut tx).await.unwrap().remove(0).name;
            let mut terms = members::renew(&mut tx, &holder, 60_000, None)
                .await
                .unwrap()
                .unwrap();
            let stale = terms.remove(0);
            tx.commit().await.unwrap();
            let under = catalog.under(stale);
            drop(under.begin().await.unwrap());
            let mut tx = catalog.begin().await.unwrap();
            members::forget(&mut tx, &holder).await.unwrap();
            tx.commit().await.unwrap();
            let refused = under.begin().await.unwrap_err();
            assert_eq!(refused.code(), "role-lost");
            catalog.close().await;
        });
        // The server hears that it was taken for dead, joins again and takes its roles in a new term.
        until_row(
            &pair.one,
            "SELECT holder, MIN(term) FROM roles GROUP BY holder HAVING COUNT(*) = 4",
            |holder, term| !holder.is_empty() && term > 2,
        );
    }
}

/// The ids of the next `count` messages; each comes once.
fn posted(received: &Receiver<Received>, count: usize) -> Vec<String> {
    let mut ids: Vec<String> = (0..count)
        .map(|_| {
            let message = received.recv_timeout(Duration::from_secs(120)).unwrap();
            assert_eq!(message.data()["type"], "title.created");
            message.header("webhook-id").to_owned()
        })
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
    ids
}

#[test]
fn an_event_is_posted_by_one_server_also_after_the_other_died() {
    for pair in pairs() {
        let (one, other) = (
            Server::start(&pair.one, &[]),
            Server::start(&pair.other, &[]),
        );
        let (url, received) = receiver(&[]);
        let hook = json!({ "url": url, "types": ["title.created"] });
        let made = one.post("/v1/webhooks").json(&hook).send().unwrap();
        assert!(made.status().is_success(), "{}", made.text().unwrap());
        let make = |server: &Server, names: std::ops::Range<usize>| {
            for name in names {
                let title = json!({ "name": format!("title {name}") });
                let made = server.post("/v1/titles").json(&title).send().unwrap();
                assert_eq!(made.status(), 201, "{}", made.text().unwrap());
            }
        };
        make(&one, 0..5);
        make(&other, 5..10);
        posted(&received, 10);
        // What the dead one could not note would be posted again, with the same id.
        let noted = "SELECT state, COUNT(*) FROM deliveries GROUP BY state";
        until_row(&pair.one, noted, |state, count| {
            state == "delivered" && count == 10
        });
        drop(one);
        make(&other, 10..15);
        posted(&received, 5);
        assert!(received.try_recv().is_err());
    }
}

#[test]
fn a_place_is_watched_by_one_server_and_by_the_other_when_it_dies() {
    for pair in pairs() {
        let incoming = pair.folder.path().join("incoming");
        std::fs::create_dir_all(&incoming).unwrap();
        videos::made(&incoming.join("first.mp4"), 2, 30, 0);
        let root = ["--media-root", pair.folder.path().to_str().unwrap()];
        let one = Server::start(&pair.one, &root);
        let other = Server::start(&pair.other, &root);
        // Asked for at the one that does not watch.
        let id = id_of(create(&other, incoming.to_str().unwrap(), None), 201);
        let watch = until(&one, &id, |watch| watch["ready"] == 1);
        assert_eq!(watch["state"], "watching");
        let watch = other.json(&format!("/v1/watches/{id}"));
        assert_eq!(
            (&watch["state"], &watch["ready"]),
            (&json!("elsewhere"), &json!(0))
        );
        drop(one);
        videos::made(&incoming.join("second.mp4"), 1, 30, 1);
        let watch = until(&other, &id, |watch| watch["ready"] == 2);
        assert_eq!(watch["state"], "watching");
        assert_eq!(
            other.json("/v1/assets")["assets"].as_array().unwrap().len(),
            2
        );
        // It is deleted at one that does not watch, too.
        let one = Server::start(&pair.one, &root);
        let path = format!("{}/v1/watches/{id}", one.address);
        assert_eq!(one.client.delete(path).send().unwrap().status(), 204);
        let gone = other.get(&format!("/v1/watches/{id}")).send().unwrap();
        assert_eq!(gone.status(), 404);
    }
}

#[test]
fn a_worker_with_a_folder_of_its_own_helps_a_server() {
    for pair in pairs() {
        let video = pair.video("video.mp4", 3, 0);
        let queued = pair
            .one
            .run(&["ingest", video.to_str().unwrap(), "--queue-only"]);
        assert!(queued.status.success(), "{}", told(&queued));
        let mut worker = pair.other.command(&["work"]).spawn().unwrap();
        let worked =
            "SELECT feature, COUNT(*) FROM published WHERE feature = 'shots' GROUP BY feature";
        until_row(&pair.one, worked, |_, count| count == 1);
        let found = pair.one.json(&["search", "a pattern"]);
        assert_eq!(found["coverage"]["total"], 1, "{found:#}");
        let deleted = pair.one.run(&["delete", "video", "--yes"]);
        assert!(
            told(&deleted).contains("the running server deletes"),
            "{}",
            told(&deleted)
        );
        until_row(
            &pair.one,
            "SELECT 'garbage', COUNT(*) FROM garbage",
            |_, count| count == 0,
        );
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
}

#[test]
fn a_server_with_another_store_is_refused_and_changes_nothing() {
    for pair in pairs() {
        let video = pair.video("video.mp4", 1, 0);
        let own = pair.folder.path().join("own");
        let stranger = pair
            .other
            .with("RUSHES_STORAGE__URL", own.to_str().unwrap());
        drop(Server::start(&pair.one, &[]));
        let titles = "SELECT name, 1 FROM titles";
        for args in [
            vec!["serve"],
            vec!["work"],
            vec!["ingest", video.to_str().unwrap()],
        ] {
            let refused = stranger.run(&args);
            assert!(!refused.status.success());
            let told = told(&refused);
            assert!(
                told.contains("storage.url") && told.contains("own"),
                "{told}"
            );
            assert_eq!(read(&pair.one, titles), []);
        }
        assert!(!own.join("rushes-store").try_exists().unwrap());
    }
}

#[test]
fn a_process_with_other_models_is_refused_while_others_work() {
    let Some(_) = models_with("minilm") else {
        return;
    };
    for pair in pairs() {
        let other = pair.other.with("RUSHES_MODELS__TEXT_TO_TEXT", "");
        let one = Server::start(&pair.one, &[]);
        let refused = other.run(&["work"]);
        assert!(!refused.status.success());
        let told = told(&refused);
        assert!(told.contains("models.text_to_text"), "{told}");
        drop(one);
    }
}

#[test]
fn an_upload_is_continued_where_its_bytes_are() {
    for pair in pairs() {
        let video = std::fs::read(pair.video("video.mp4", 1, 0)).unwrap();
        let (one, other) = (
            Server::start(&pair.one, &[]),
            Server::start(&pair.other, &[]),
        );
        let begun = one
            .post("/v1/uploads")
            .header("tus-resumable", "1.0.0")
            .header("upload-length", video.len())
            .header("upload-metadata", "filename dmlkZW8ubXA0")
            .send()
            .unwrap();
        assert_eq!(begun.status(), 201);
        let path = begun.headers()["location"].to_str().unwrap().to_owned();
        let send = |server: &Server, from: usize, to: usize| {
            let request = server.client.patch(format!("{}{path}", server.address));
            request
                .header("tus-resumable", "1.0.0")
                .header("content-type", "application/offset+octet-stream")
                .header("upload-offset", from)
                .body(video[from..to].to_vec())
                .send()
                .unwrap()
        };
        // The first bytes choose the server.
        assert_eq!(send(&other, 0, 1000).status(), 204);
        let elsewhere = problem(send(&one, 1000, video.len()));
        assert_eq!(elsewhere, (409, "upload-elsewhere".to_owned()));
        let offset = one.client.head(format!("{}{path}", one.address));
        let offset = offset.send().unwrap();
        assert_eq!(offset.headers()["upload-offset"], "1000");
        let done = send(&other, 1000, video.len());
        assert_eq!(done.status(), 204, "{}", done.text().unwrap());
        let job = done.headers()["rushes-job"].to_str().unwrap().to_owned();
        assert_eq!(one.finished(&job)["state"], "ready");
    }
}
