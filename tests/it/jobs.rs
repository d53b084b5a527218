//! Jobs as users see them: how they are shown, when a new one is created, and who does the work.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Rushes, told, videos};

/// Jobs, newest first.
fn jobs(rushes: &Rushes) -> Vec<Value> {
    let listed = rushes.json(&["jobs"]);
    listed["jobs"].as_array().unwrap().clone()
}

/// An ingest of a long video that has started to detect shots.
fn ingest_under_way(rushes: &Rushes) -> Child {
    let video = rushes.folder.path().join("long.mp4");
    if !video.try_exists().unwrap() {
        videos::made(&video, 40, 60, 0);
    }
    rushes.begin();
    let mut child = rushes
        .command(&["ingest", video.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let is_looking = || {
        let stages = jobs(rushes).first().map(|job| job["stages"].clone());
        stages.is_some_and(|stages| {
            let stages = stages.as_array().unwrap();
            let is = |name, state| {
                let mut of = stages.iter().filter(|stage| stage["feature"] == name);
                of.any(|stage| stage["state"] == state)
            };
            is("probe", "ready") && is("shots", "running")
        })
    };
    while !is_looking() {
        assert!(
            child.try_wait().unwrap().is_none(),
            "the ingest ended too soon to mean anything"
        );
        assert!(Instant::now() < deadline, "{:?}", jobs(rushes));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(jobs(rushes)[0]["state"], "running");
    child
}

#[test]
fn an_interrupted_or_killed_ingest_leaves_a_job_that_waits() {
    let Some(rushes) = Rushes::new() else { return };
    for signal in [Signal::INT, Signal::KILL] {
        let mut child = ingest_under_way(&rushes);
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert!(!child.wait().unwrap().success());
        let job = jobs(&rushes).remove(0);
        assert_eq!(job["state"], "pending", "{job:#}");
        let id = job["id"].as_str().unwrap();
        let one = rushes.json(&["jobs", id]);
        assert_eq!(one["state"], "pending", "{one:#}");
        let shown = rushes.run(&["jobs", id]);
        assert!(!told(&shown).contains("running"), "{}", told(&shown));
        // The rest must be done by some process, and the message says by which.
        assert!(told(&shown).contains("rushes ingest"), "{}", told(&shown));
    }
    let video = rushes.folder.path().join("long.mp4");
    assert_eq!(rushes.ingest(&[&video])["videos"][0]["state"], "ready");
    let job = jobs(&rushes).remove(0);
    assert_eq!(job["state"], "ready", "{job:#}");
}

#[test]
fn asking_for_what_is_there_makes_no_new_job() {
    let Some(rushes) = Rushes::new() else { return };
    let video = videos::made(&rushes.folder.path().join("video.mp4"), 2, 40, 0);
    let first = rushes.ingest(&[&video]);
    let again = rushes.ingest(&[&video]);
    assert_eq!(again["videos"][0]["job"], first["videos"][0]["job"]);
    assert_eq!(again["videos"][0]["state"], "ready");
    assert_eq!(again["videos"][0]["new"], false);
    assert_eq!(jobs(&rushes).len(), 1);
    // New subtitles are new work.
    let subtitles = "1\n00:00:00,100 --> 00:00:01,000\nred herring\n";
    std::fs::write(video.with_extension("srt"), subtitles).unwrap();
    let more = rushes.ingest(&[&video]);
    assert_ne!(more["videos"][0]["job"], first["videos"][0]["job"]);
    assert_eq!(jobs(&rushes).len(), 2);
    // So are cancelled runs.
    let third = videos::made(&rushes.folder.path().join("third.mp4"), 1, 40, 2);
    let queue = ["ingest", "--queue-only", third.to_str().unwrap()];
    let queued = rushes.json(&queue);
    let id = queued["videos"][0]["job"].as_str().unwrap().to_owned();
    assert_eq!(rushes.json(&queue)["videos"][0]["job"], id.as_str());
    rushes.json(&["jobs", &id, "--cancel"]);
    assert_ne!(rushes.json(&queue)["videos"][0]["job"], id.as_str());
}

#[test]
fn who_does_the_work_is_said_where_nobody_is_at_it() {
    let Some(rushes) = Rushes::new() else { return };
    let video = videos::made(&rushes.folder.path().join("video.mp4"), 1, 40, 0);
    let queued = rushes.run(&["ingest", "--queue-only", video.to_str().unwrap()]);
    let who = |output: &std::process::Output| {
        let said = told(output);
        assert!(output.status.success(), "{said}");
        said.contains("`rushes ingest") && said.contains("`rushes serve`")
    };
    assert!(who(&queued), "{}", told(&queued));
    let id = jobs(&rushes)[0]["id"].as_str().unwrap().to_owned();
    rushes.json(&["jobs", &id, "--cancel"]);
    let retried = rushes.run(&["jobs", &id, "--retry"]);
    assert!(who(&retried), "{}", told(&retried));
    // A server does it without a request.
    let server = crate::http::Server::start(&rushes, &[]);
    assert!(!who(&rushes.run(&["jobs", &id, "--retry"])));
    assert_eq!(server.finished(&id)["state"], "ready");
    drop(server);
    // No work is left.
    assert!(!who(&rushes.run(&["jobs", &id, "--retry"])));
}

#[test]
fn deleting_without_a_server_deletes_what_was_computed() {
    let Some(rushes) = Rushes::new() else { return };
    let video = videos::made(&rushes.folder.path().join("video.mp4"), 2, 40, 0);
    rushes.ingest(&[&video]);
    let store = rushes.data().join("store");
    assert!(crate::http::files_in(&store).contains(".mp4"));
    let deleted = rushes.run(&["delete", "video", "--yes"]);
    assert!(deleted.status.success(), "{}", told(&deleted));
    assert!(told(&deleted).contains("1 file "), "{}", told(&deleted));
    assert_eq!(crate::http::files_in(&store), "");
    assert!(video.is_file());
    // Beside a server, the server does the work.
    let server = crate::http::Server::start(&rushes, &[]);
    rushes.ingest(&[&video]);
    let deleted = rushes.run(&["delete", "video", "--yes"]);
    assert!(told(&deleted).contains("server"), "{}", told(&deleted));
    crate::http::nothing_is_left_in(&store);
    drop(server);
}

/// An uncut take longer than five minutes, which is divided into shots.
#[test]
fn a_long_take_gets_shots_clips_and_vectors() {
    let Some(rushes) = Rushes::new() else { return };
    let video = rushes.folder.path().join("lecture.mp4");
    videos::ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "gradients=size=64x36:rate=5:speed=0.002:seed=7:duration=360",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
        video.to_str().unwrap(),
    ]);
    let summary = rushes.ingest(&[&video]);
    let (state, shots) = (
        &summary["videos"][0]["state"],
        &summary["videos"][0]["shots"],
    );
    assert_eq!((state.as_str(), shots.as_u64()), (Some("ready"), Some(2)));
    let found = rushes.json(&["search", "--in", "visual", "a colour"]);
    let mut spans: Vec<_> = found["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(crate::support::frames)
        .collect();
    spans.sort_unstable();
    assert_eq!(spans, [(0, 900), (900, 1800)]);
    let server = crate::http::Server::start(&rushes, &[]);
    for hit in found["hits"].as_array().unwrap() {
        let shot = hit["shot"].as_str().unwrap();
        let get = |what: &str| {
            let answer = server.get(&format!("/v1/shots/{shot}/{what}")).send();
            let answer = answer.unwrap();
            assert!(answer.status().is_success(), "{shot}: {}", answer.status());
            answer.bytes().unwrap()
        };
        let clip = rushes.folder.path().join("clip.mp4");
        std::fs::write(&clip, get("clip.mp4")).unwrap();
        assert_eq!(videos::frame_count(&clip), 900);
        let thumbnail = image::load_from_memory(&get("thumbnail.jpg")).unwrap();
        assert_eq!((thumbnail.width(), thumbnail.height()), (64, 36));
    }
}

#[test]
fn jobs_are_filtered_and_listed_page_by_page() {
    let Some(rushes) = Rushes::new() else { return };
    let video = videos::made(&rushes.folder.path().join("good.mp4"), 1, 40, 0);
    let broken = rushes.folder.path().join("broken.mp4");
    std::fs::write(&broken, b"not a video").unwrap();
    let good = rushes.ingest(&[&video])["videos"][0].clone();
    let (bad, _) = rushes.json_any(&["ingest", broken.to_str().unwrap()]);
    let third = videos::made(&rushes.folder.path().join("third.mp4"), 1, 40, 2);
    let queue = ["ingest", "--queue-only", third.to_str().unwrap()];
    let cancelled = rushes.json(&queue)["videos"][0]["job"].clone();
    rushes.json(&["jobs", cancelled.as_str().unwrap(), "--cancel"]);
    let all = jobs(&rushes);
    let ids: Vec<&str> = all.iter().map(|job| job["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3);
    let by_name = |video: &Value| video["job"].as_str().unwrap().to_owned();
    let (good_job, bad_job) = (by_name(&good), by_name(&bad["videos"][0]));

    let listed = |args: &[&str]| {
        let listed = rushes.json(&[&["jobs"], args].concat());
        let jobs = listed["jobs"].as_array().unwrap().clone();
        jobs.into_iter()
            .map(|job| job["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let is_only = |args: &[&str], job: &String| {
        assert_eq!(listed(args), std::slice::from_ref(job), "{args:?}");
    };
    is_only(&["--state", "ready"], &good_job);
    is_only(&["--state", "failed"], &bad_job);
    assert_eq!(
        listed(&["--state", "cancelled"]),
        [cancelled.as_str().unwrap()]
    );
    is_only(&["--title", "good"], &good_job);
    is_only(&["--asset", good["asset"].as_str().unwrap()], &good_job);
    is_only(&["--feature", "embeddings", "--state", "ready"], &good_job);
    assert_eq!(listed(&["--feature", "embeddings/lite"]).len(), 3);
    assert_eq!(listed(&["--feature", "embed"]).len(), 0);
    assert_eq!(listed(&["--since", "1h"]).len(), 3);
    assert_eq!(listed(&["--until", "1h"]).len(), 0);
    assert_eq!(listed(&["--until", "2020-01-01T00:00:00Z"]).len(), 0);
    for bad in [
        &["--state", "done"][..],
        &["--since", "yesterday"],
        &["--title", "nothing"],
    ] {
        assert!(
            !rushes.run(&[&["jobs"], bad].concat()).status.success(),
            "{bad:?}"
        );
    }
    let first = rushes.json(&["jobs", "-n", "2"]);
    let next = first["next"].as_str().unwrap();
    assert_eq!(listed(&["-n", "2", "--page", next]), [ids[2]]);

    // The same over HTTP.
    let server = crate::http::Server::start(&rushes, &[]);
    let (mut seen, mut page) = (Vec::new(), String::new());
    loop {
        let answer = server.json(&format!("/v1/jobs?limit=1{page}"));
        seen.extend(answer["jobs"].as_array().unwrap().clone());
        let Some(next) = answer["next"].as_str() else {
            break;
        };
        page = format!("&page={next}");
    }
    let seen: Vec<&str> = seen.iter().map(|job| job["id"].as_str().unwrap()).collect();
    assert_eq!(seen, ids);
    let count = |query: &str| {
        let answer = server.json(&format!("/v1/jobs?{query}"));
        answer["jobs"].as_array().unwrap().len()
    };
    let created = all[1]["created_ms"].as_i64().unwrap();
    for (query, expected) in [
        ("state=failed".to_owned(), 1),
        ("title=good&state=ready".to_owned(), 1),
        ("title=good&state=failed".to_owned(), 0),
        (format!("asset={}", good["asset"].as_str().unwrap()), 1),
        ("feature=dialogue".to_owned(), 3),
        (format!("since={created}"), 2),
        (format!("until={created}"), 1),
        (format!("since={created}&until={created}"), 0),
        ("since=2020-01-01T00:00:00%2B02:00".to_owned(), 3),
        ("until=2020-01-01T00:00:00Z".to_owned(), 0),
    ] {
        assert_eq!(count(&query), expected, "{query}");
    }
    for bad in [
        "state=finished",
        "asset=x",
        "page=x",
        "since=now",
        "since=2020-01-01",
        "until=1.5",
        "limit=0",
    ] {
        let answer = server.get(&format!("/v1/jobs?{bad}")).send().unwrap();
        assert_eq!(crate::http::problem(answer).0, 400, "{bad}");
    }
    let missing = server.get("/v1/jobs?title=nothing").send().unwrap();
    assert_eq!(
        crate::http::problem(missing),
        (404, "title-not-found".to_owned())
    );
}
