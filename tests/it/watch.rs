//! `rushes watch`: videos that arrive are ingested by themselves, once and whole.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::s3::on_s3;
use crate::support::s3_server::S3Server;
use crate::support::{Rushes, first, frames, told, videos};

/// Longest wait for a line.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running `rushes watch --json`.
struct Watch {
    child: Child,
    lines: Receiver<Value>,
    /// All events so far, as `new a.mp4`.
    past: Vec<String>,
}

impl Watch {
    /// Starts it, and waits until it watches.
    fn start(rushes: &Rushes, args: &[&str]) -> Self {
        let mut child = rushes
            .command(&[&["watch", "--json"], args].concat())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::Builder::new()
            .name("lines".to_owned())
            .spawn(move || {
                for line in out.lines() {
                    let line = line.unwrap();
                    let event = serde_json::from_str(&line);
                    send.send(event.unwrap_or_else(|_| panic!("not JSON: {line}")))
                        .ok();
                }
            })
            .unwrap();
        let mut watch = Self {
            child,
            lines,
            past: Vec::new(),
        };
        watch.until("watching");
        watch
    }

    /// Waits for an event, given as `new a.mp4`.
    fn until(&mut self, wanted: &str) -> Value {
        loop {
            let event = self
                .lines
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|error| panic!("{wanted}: {error}: {:?}", self.past));
            self.past.push(short(&event));
            if self.past.last().unwrap() == wanted {
                return event;
            }
        }
    }

    /// Whether an event has come by now.
    fn has_come(&mut self, wanted: &str) -> bool {
        while let Ok(event) = self.lines.try_recv() {
            self.past.push(short(&event));
        }
        self.past.iter().any(|event| event == wanted)
    }

    /// Presses Ctrl-C. Returns all its events; it must end without an error.
    fn interrupt(mut self) -> Vec<String> {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{:?}", self.past);
        let rest = self.lines.iter().map(|event| short(&event));
        self.past.into_iter().chain(rest).collect()
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// An event with its file name.
fn short(event: &Value) -> String {
    let name = event["uri"].as_str().unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default();
    format!("{} {name}", event["event"].as_str().unwrap())
        .trim_end()
        .to_owned()
}

/// Runs `rushes watch --once`. Returns its events and whether it succeeded.
fn once(rushes: &Rushes, folder: &Path) -> (Vec<String>, bool) {
    let folder = folder.to_str().unwrap();
    let output = rushes.run(&["watch", "--once", "--settle", "0", "--json", folder]);
    let lines = String::from_utf8_lossy(&output.stdout);
    let events = lines.lines().map(|line| {
        let event = serde_json::from_str(line);
        short(&event.unwrap_or_else(|_| panic!("{}", told(&output))))
    });
    (events.collect(), output.status.success())
}

fn folder(rushes: &Rushes) -> PathBuf {
    let folder = rushes.folder.path().join("in");
    std::fs::create_dir(&folder).unwrap();
    folder
}

/// A video outside of the watched folder.
fn made(rushes: &Rushes, name: &str, shots: usize, seed: usize) -> PathBuf {
    videos::made(&rushes.folder.path().join(name), shots, 40, seed)
}

fn jobs(rushes: &Rushes) -> usize {
    rushes.json(&["jobs"])["jobs"].as_array().unwrap().len()
}

#[test]
fn a_video_that_is_copied_slowly_is_ingested_once_and_whole() {
    let Some(rushes) = Rushes::new() else { return };
    let folder = folder(&rushes);
    let bytes = std::fs::read(made(&rushes, "slow.mp4", 3, 0)).unwrap();
    let other = made(&rushes, "other.mp4", 1, 1);
    let mut watch = Watch::start(&rushes, &["--settle", "3", folder.to_str().unwrap()]);
    let mut copy = File::create(folder.join("slow.mp4")).unwrap();
    let (half, mut rest) = bytes.split_at(bytes.len() / 2);
    copy.write_all(half).unwrap();
    // The copy is under way for as long as another file needs to settle.
    std::fs::copy(&other, folder.join("other.mp4")).unwrap();
    while !watch.has_come("new other.mp4") {
        assert!(watch.child.try_wait().unwrap().is_none());
        let (byte, later) = rest.split_at(1);
        copy.write_all(byte).unwrap();
        rest = later;
        std::thread::sleep(Duration::from_millis(50));
    }
    copy.write_all(rest).unwrap();
    drop(copy);
    let ready = watch.until("ready slow.mp4");
    assert_eq!(ready["shots"], 3, "{ready:#}");
    assert_eq!(ready["title"], "slow");
    let mut events = watch.interrupt();
    events.sort();
    let expected = [
        "new other.mp4",
        "new slow.mp4",
        "ready other.mp4",
        "ready slow.mp4",
        "watching",
    ];
    assert_eq!(events, expected);
    assert_eq!(jobs(&rushes), 2);
}

#[test]
fn a_file_that_is_renamed_into_place_is_taken_and_temporary_or_ignored_ones_are_not() {
    let Some(rushes) = Rushes::new() else { return };
    let folder = folder(&rushes);
    let video = made(&rushes, "video.mp4", 2, 2);
    for name in ["a.mp4.part", "b_proxy.mp4", ".c.mp4", "notes.txt"] {
        std::fs::copy(&video, folder.join(name)).unwrap();
    }
    let args = [
        "--settle",
        "1",
        "--ignore",
        "*_proxy.*",
        "--title",
        "Day 1",
        folder.to_str().unwrap(),
    ];
    let mut watch = Watch::start(&rushes, &args);
    std::fs::rename(folder.join("a.mp4.part"), folder.join("a.mp4")).unwrap();
    watch.until("ready a.mp4");
    // A whole folder, renamed into place.
    let day = rushes.folder.path().join("day");
    std::fs::create_dir(&day).unwrap();
    made(&rushes, "day/d.mp4", 1, 3);
    std::fs::rename(&day, folder.join("day")).unwrap();
    watch.until("ready d.mp4");
    // What disappears stays in the catalogue.
    std::fs::remove_file(folder.join("a.mp4")).unwrap();
    let events = watch.interrupt();
    let expected = [
        "watching",
        "new a.mp4",
        "ready a.mp4",
        "new d.mp4",
        "ready d.mp4",
    ];
    assert_eq!(events, expected);
    let titles = rushes.json(&["titles"]);
    assert_eq!(titles[0]["name"], "Day 1", "{titles:#}");
    assert_eq!(titles[0]["shots"], 3, "{titles:#}");
}

#[test]
fn subtitles_that_come_later_make_the_dialogue_searchable() {
    let Some(rushes) = Rushes::new() else { return };
    let folder = folder(&rushes);
    let video = made(&rushes, "talk.mp4", 2, 1);
    let mut watch = Watch::start(&rushes, &["--settle", "1", folder.to_str().unwrap()]);
    std::fs::copy(&video, folder.join("talk.mp4")).unwrap();
    watch.until("ready talk.mp4");
    std::fs::write(
        folder.join("talk.en.vtt"),
        "WEBVTT\n\n00:01.700 --> 00:02.900\nMerry Christmas, everybody!\n",
    )
    .unwrap();
    watch.until("changed talk.mp4");
    watch.until("ready talk.mp4");
    watch.interrupt();
    let answer = rushes.json(&["search", "--in", "dialogue", "merry christmas"]);
    assert_eq!(frames(first(&answer)), (40, 80), "{answer:#}");
}

#[test]
fn what_is_no_video_is_refused_once_and_again_only_after_a_change() {
    let Some(rushes) = Rushes::new() else { return };
    let folder = folder(&rushes);
    std::fs::write(folder.join("bad.mp4"), "garbage").unwrap();
    let mut watch = Watch::start(
        &rushes,
        &["--settle", "1", "--rescan", "1", folder.to_str().unwrap()],
    );
    let refused = watch.until("refused bad.mp4");
    assert!(!refused["reason"].as_str().unwrap().is_empty());
    // Many looks later.
    let good = made(&rushes, "good.mp4", 1, 0);
    std::fs::copy(&good, folder.join("good.mp4")).unwrap();
    watch.until("ready good.mp4");
    let events = watch.interrupt();
    let refusals = events.iter().filter(|event| *event == "refused bad.mp4");
    assert_eq!(refusals.count(), 1, "{events:?}");

    // A new process says it again, and computes nothing.
    let before = jobs(&rushes);
    let (events, succeeded) = once(&rushes, &folder);
    assert_eq!(
        (events, succeeded),
        (vec!["refused bad.mp4".to_owned()], false)
    );
    assert_eq!(jobs(&rushes), before);
    let listed = rushes.json(&["jobs"]);
    assert!(
        listed["jobs"]
            .as_array()
            .unwrap()
            .iter()
            .all(|job| { ["ready", "failed"].contains(&job["state"].as_str().unwrap()) })
    );
    std::fs::copy(made(&rushes, "whole.mp4", 2, 4), folder.join("bad.mp4")).unwrap();
    let (events, succeeded) = once(&rushes, &folder);
    assert_eq!(events, ["new bad.mp4", "ready bad.mp4"]);
    assert!(succeeded);
}

#[test]
fn killed_and_started_again_it_ingests_what_came_meanwhile_and_nothing_twice() {
    let Some(rushes) = Rushes::new() else { return };
    let folder = folder(&rushes);
    let (a, b) = (made(&rushes, "a.mp4", 3, 0), made(&rushes, "b.mp4", 2, 1));
    let mut watch = Watch::start(&rushes, &["--settle", "1", folder.to_str().unwrap()]);
    std::fs::copy(&a, folder.join("a.mp4")).unwrap();
    watch.until("new a.mp4");
    watch.kill();
    std::fs::copy(&b, folder.join("b.mp4")).unwrap();
    let (mut events, succeeded) = once(&rushes, &folder);
    assert!(succeeded, "{events:?}");
    events.sort();
    assert_eq!(events, ["new b.mp4", "ready a.mp4", "ready b.mp4"]);
    assert_eq!(jobs(&rushes), 2);
    let (events, succeeded) = once(&rushes, &folder);
    assert!(succeeded);
    assert!(events.is_empty(), "{events:?}");
    assert_eq!(jobs(&rushes), 2);
}

#[test]
fn a_watcher_without_work_leaves_the_data_folder_to_a_server() {
    let Some(rushes) = Rushes::new() else { return };
    let folder = folder(&rushes);
    let (a, b) = (made(&rushes, "a.mp4", 1, 0), made(&rushes, "b.mp4", 1, 1));
    std::fs::copy(&a, folder.join("a.mp4")).unwrap();
    let mut watch = Watch::start(&rushes, &["--settle", "1", folder.to_str().unwrap()]);
    watch.until("ready a.mp4");
    let mut server = loop {
        // The watcher stops its workers a moment after the last video is ready.
        let mut server = rushes
            .command(&["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        if line.starts_with("serving on") {
            break server;
        }
        server.wait().unwrap();
    };
    std::fs::copy(&b, folder.join("b.mp4")).unwrap();
    watch.until("ready b.mp4");
    watch.interrupt();
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn a_prefix_in_s3_is_watched_by_listing_it() {
    let buckets = tempfile::tempdir().unwrap();
    let videos = buckets.path().join("archive/videos");
    std::fs::create_dir_all(&videos).unwrap();
    let server = S3Server::start(buckets.path());
    let Some(rushes) = on_s3(&server) else { return };
    let mut watch = Watch::start(
        &rushes,
        &["--settle", "1", "--interval", "1", "s3://archive/videos/"],
    );
    std::fs::rename(made(&rushes, "a.mp4", 2, 0), videos.join("a.mp4")).unwrap();
    let ready = watch.until("ready a.mp4");
    assert_eq!(ready["uri"], "s3://archive/videos/a.mp4");
    assert_eq!(ready["shots"], 2);
    std::fs::write(
        videos.join("a.srt"),
        "1\n00:00:00,200 --> 00:00:01,200\nlook, a rabbit\n",
    )
    .unwrap();
    watch.until("changed a.mp4");
    watch.until("ready a.mp4");
    let events = watch.interrupt();
    let new = events.iter().filter(|event| *event == "new a.mp4");
    assert_eq!(new.count(), 1, "{events:?}");
    let answer = rushes.json(&["search", "--in", "dialogue", "rabbit"]);
    assert_eq!(frames(first(&answer)), (0, 40), "{answer:#}");
}

#[test]
fn places_that_cannot_be_watched_are_answered_with_the_fix() {
    let Some(rushes) = Rushes::new() else { return };
    let folder = folder(&rushes);
    let file = folder.join("a.mp4");
    std::fs::write(&file, "x").unwrap();
    let data = rushes.data();
    rushes.begin();
    for (args, part) in [
        (vec![file.to_str().unwrap()], "not a folder"),
        (vec!["no/such/folder"], "no such file"),
        (vec!["store:uploads"], "cannot be watched"),
        (vec![data.to_str().unwrap()], "its own files"),
        (vec![folder.to_str().unwrap(), "--ignore", "["], "--ignore"),
    ] {
        let output = rushes.run(&[&["watch", "--once"], args.as_slice()].concat());
        let text = told(&output);
        assert!(!output.status.success(), "{args:?}: {text}");
        assert!(text.contains(part), "{args:?}: {text}");
    }
}
