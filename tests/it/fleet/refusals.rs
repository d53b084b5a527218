//! What does not fit the others is refused, and says what to do.

use std::path::Path;

use serde_json::Value;

use super::{pairs, read, until_row};
use crate::http::{Server, problem};
use crate::support::{Rushes, models_with, told};

/// How many processes work on the catalogue.
const LIVING: &str = "SELECT 'living', COUNT(*) FROM members WHERE until > now_ms()";

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
fn a_copy_of_the_store_takes_its_place_once_nobody_works_with_the_old_one() {
    for pair in pairs() {
        let videos = ["before.mp4", "meanwhile.mp4", "after.mp4", "late.mp4"];
        let mut seed = 0;
        // Each of other pictures, for the same file again would be no other video.
        let [before, meanwhile, after, late] = videos.map(|name| {
            seed += 1;
            pair.video(name, 1, seed)
        });
        let ingest =
            |rushes: &Rushes, video: &Path| rushes.run(&["ingest", video.to_str().unwrap()]);
        assert!(ingest(&pair.one, &before).status.success());
        let copy = pair.folder.path().join("copy");
        let to = copy.to_str().unwrap();
        let copied = pair.one.json(&["store", "copy", "--to", to]);
        assert_eq!(copied["objects"]["missing"], 0, "{copied:#}");
        let moved = pair.other.with("RUSHES_STORAGE__URL", to);
        let one = Server::start(&pair.one, &[]);
        let refused = ingest(&moved, &meanwhile);
        assert!(!refused.status.success());
        assert!(
            told(&refused).contains("rushes store copy"),
            "{}",
            told(&refused)
        );
        // It is killed, and missed when its lease has ended.
        drop(one);
        until_row(&pair.one, LIVING, |_, living| living == 0);
        let taken = ingest(&moved, &after);
        assert!(taken.status.success(), "{}", told(&taken));
        // The old one is none of this catalogue any more.
        let refused = ingest(&pair.one, &late);
        assert!(told(&refused).contains("storage.url"), "{}", told(&refused));
        let titles = "SELECT name, COUNT(*) FROM titles GROUP BY name ORDER BY name";
        let named = ["after", "before"].map(|name| (name.to_owned(), 1));
        assert_eq!(read(&moved, titles), named);
        // As after a backup of it was restored; it lacks what was made with the copy.
        for (args, is_adopted) in [
            (&["store", "adopt", "--json"][..], false),
            (&["store", "adopt", "--yes", "--json"], true),
        ] {
            let output = pair.one.run(args);
            assert_eq!(output.status.success(), is_adopted, "{}", told(&output));
            let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(answer["is_adopted"], is_adopted, "{answer:#}");
            assert!(answer["missing"].as_u64().unwrap() > 0, "{answer:#}");
        }
        assert!(ingest(&pair.one, &late).status.success());
        let one = Server::start(&pair.one, &[]);
        let refused = moved.run(&["store", "adopt"]);
        assert!(
            told(&refused).contains("stop them all"),
            "{}",
            told(&refused)
        );
        drop(one);
    }
}

#[test]
fn a_process_with_other_models_is_refused_while_others_work() {
    let Some(_) = models_with("minilm") else {
        return;
    };
    for pair in pairs() {
        let video = pair.video("video.mp4", 1, 0);
        let other = pair.other.with("RUSHES_MODELS__TEXT_TO_TEXT", "");
        let one = Server::start(&pair.one, &[]);
        for args in [vec!["work"], vec!["ingest", video.to_str().unwrap()]] {
            let refused = other.run(&args);
            assert!(!refused.status.success());
            let told = told(&refused);
            assert!(told.contains("models.text_to_text"), "{told}");
        }
        assert_eq!(read(&pair.one, "SELECT name, 1 FROM titles"), []);
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
