//! Several servers with data folders of their own, on one catalogue in PostgreSQL and one store.

mod refusals;
mod roles;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reqwest::blocking::multipart;
use rushes::catalog::database;
use serde_json::{Value, json};

use crate::events::follow;
use crate::http::Server;
use crate::s3::on_s3;
use crate::support::postgres::{PostgresServer, servers};
use crate::support::s3_server::S3Server;
use crate::support::{Rushes, first, videos};

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

        // The first one comes back with its own folder, and its index continues from where it was.
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
