//! Shots like a shot, elsewhere and earliest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Videos, ids, ingested, places};
use crate::http::{Server, files_in, problem};
use crate::support::videos::ffmpeg;
use crate::support::{Rushes, first, frames, told, videos};

#[test]
fn the_own_asset_or_title_is_left_out() {
    let Some(rushes) = Rushes::new() else { return };
    // A second asset of the same title, before the server starts.
    let file = videos::made(&rushes.folder.path().join("second.mp4"), 2, 50, 1);
    ingested(&rushes, &file, "Street", "en", super::STREET);
    let videos = Videos::new(&rushes);
    let second = |answer: &Value| {
        let others = ids(answer)
            .into_iter()
            .filter(|id| !id.starts_with(&videos.street));
        others.count()
    };
    let like = format!("like:{}", videos.shot(0));
    let all = videos.find(&format!("{like} in:visual"));
    assert_eq!(ids(&all).len(), 8);
    let elsewhere = videos.find(&format!("{like} in:visual other:assets"));
    assert_eq!((ids(&elsewhere).len(), second(&elsewhere)), (5, 5));
    let titles = videos.find(&format!("{like} other:titles"));
    assert!(
        places(&titles)
            .iter()
            .all(|(title, _)| title == "Big Harbour")
    );
    assert_eq!(ids(&titles).len(), 3);
    let body = json!({ "shot": videos.shot(0), "other": "titles", "modalities": ["visual"], "explain": true });
    let said = videos.search(&body);
    assert_eq!(ids(&said), ids(&titles));
    assert_eq!(said["coverage"]["total"], 1);
    assert_eq!(
        said["explanation"]["query"],
        format!("{like} in:visual other:titles")
    );
    let shot = videos.shot(0);
    assert_eq!(
        ids(&rushes.json(&["similar", &shot, "--other-titles"])),
        ids(&titles)
    );
    assert_eq!(
        ids(&rushes.json(&["similar", &shot, "--other-assets"])),
        ids(&elsewhere)
    );
    for body in [
        json!({ "text": "a car", "other": "titles" }),
        json!({ "q": "tag:hero other:titles" }),
        json!({ "parts": [{ "text": "a" }, { "shot": shot, "weight": -1 }], "other": "assets" }),
    ] {
        assert_eq!(
            videos.refused(&body),
            (400, "nothing-own".to_owned()),
            "{body}"
        );
    }
    assert_eq!(
        videos.refused(&json!({ "q": "x", "other": "titles" })),
        (400, "bad-request".to_owned())
    );
}

#[test]
fn of_near_duplicates_the_earliest_is_shown() {
    let Some(rushes) = Rushes::new() else { return };
    let make = |name: &str, shots: usize, seed: usize| {
        let file = videos::made(&rushes.folder.path().join(name), shots, 50, seed);
        let summary = rushes.json(&["ingest", file.to_str().unwrap()]);
        summary["videos"][0]["asset"].as_str().unwrap().to_owned()
    };
    // The same pictures in three videos; the lengths make them other files.
    let first_asset = make("first.mp4", 1, 0);
    make("second.mp4", 2, 0);
    let third = make("third.mp4", 3, 0);
    let server = Server::start(&rushes, &[]);
    let search = |q: String| server.search(&json!({ "q": q }));
    let like = format!("like:{third}.100-150 in:visual");
    let plain = search(format!("{like} sort:earliest"));
    let starts: Vec<u64> = places(&plain).into_iter().map(|(_, start)| start).collect();
    assert_eq!(starts, [0, 0, 50, 0, 50]);
    let earliest = search(format!("{like} collapse:similar=0.97 sort:earliest"));
    assert_eq!(ids(&earliest)[0], format!("{first_asset}.0-50"));
    assert_eq!(first(&earliest)["stands_for"]["count"], 3, "{earliest:#}");
    // By relevance the best of them is shown, whichever that is.
    let best = search(format!("{like} collapse:similar=0.97"));
    assert_eq!(
        best["hits"].as_array().unwrap().len(),
        earliest["hits"].as_array().unwrap().len()
    );
    // A list of all shots has this order too.
    let listed = search("len:2s sort:earliest".to_owned());
    assert_eq!(ids(&listed)[0], format!("{first_asset}.0-50"));
    assert_eq!(ids(&listed).len(), 6);
}

#[test]
fn a_clip_is_a_query_and_leaves_nothing_behind() {
    let Some(rushes) = Rushes::new() else { return };
    let videos = Videos::new(&rushes);
    // The pictures of the third and fourth shots of the street, in another file.
    let clip = videos::made(&rushes.folder.path().join("clip.mkv"), 2, 50, 2);
    let found = rushes.json(&["similar", clip.to_str().unwrap()]);
    let best: Vec<(String, u64)> = places(&found).into_iter().take(2).collect();
    let mut starts: Vec<u64> = best
        .iter()
        .filter(|(title, _)| title == "Street")
        .map(|(_, at)| *at)
        .collect();
    starts.sort_unstable();
    assert_eq!(starts, [100, 150], "{found:#}");
    let bytes = STANDARD.encode(std::fs::read(&clip).unwrap());
    let stored = || files_in(&rushes.data().join("store"));
    let before = stored();
    let body = json!({ "parts": [{ "clip": bytes }], "modalities": ["visual"], "limit": 2, "explain": true });
    let answer = videos.search(&body);
    assert_eq!(ids(&answer), ids(&found)[..2]);
    assert_eq!(answer["explanation"]["query"], Value::Null);
    // Later pages need the same clip.
    let mut next = body.clone();
    next["page"] = answer["next"].clone();
    assert_eq!(ids(&videos.search(&next)), ids(&found)[2..4]);
    assert_eq!(stored(), before);
    let part = |clip: &str| json!({ "parts": [{ "clip": clip }] });
    for (body, refusal) in [
        (part("not base64!"), (400, "bad-clip")),
        (part(&STANDARD.encode("no video at all")), (400, "bad-clip")),
        (part(&"A".repeat(23 * 1024 * 1024)), (413, "clip-too-large")),
        (
            json!({ "parts": [{ "clip": bytes }], "modalities": ["dialogue"] }),
            (400, "nothing-for-modality"),
        ),
    ] {
        assert_eq!(videos.refused(&body), (refusal.0, refusal.1.to_owned()));
    }
}

#[test]
fn a_clip_of_two_hours_is_refused() {
    let Some(rushes) = Rushes::new() else { return };
    let videos = Videos::new(&rushes);
    // One frame a minute, so that the file is small.
    let file = rushes.folder.path().join("long.mp4");
    let name = file.to_str().unwrap();
    let pictures = "color=size=64x64:rate=1/60:duration=7200";
    ffmpeg(&["-f", "lavfi", "-i", pictures, "-c:v", "libx264", name]);
    let clip = STANDARD.encode(std::fs::read(&file).unwrap());
    let refused = videos.refused(&json!({ "parts": [{ "clip": clip }] }));
    assert_eq!(refused, (413, "clip-too-long".to_owned()));
    let said = told(&rushes.run(&["similar", name]));
    assert!(said.contains("longer than 120 s"), "{said}");
    // A file that is larger than a clip may be is not read.
    let sparse = rushes.folder.path().join("large.mp4");
    std::fs::copy(&file, &sparse).unwrap();
    let opened = std::fs::File::options().write(true).open(&sparse).unwrap();
    opened.set_len(300 * 1024 * 1024).unwrap();
    let said = told(&rushes.run(&["similar", sparse.to_str().unwrap()]));
    assert!(said.contains("more than 268435456 bytes"), "{said}");
}

#[test]
fn near_duplicates_are_listed_in_groups() {
    let Some(rushes) = Rushes::new() else { return };
    // The same pictures in two videos; the lengths make them other files.
    for (name, shots) in [("first", 3), ("second", 4)] {
        let file = videos::made(
            &rushes.folder.path().join(format!("{name}.mp4")),
            shots,
            50,
            0,
        );
        let file = file.to_str().unwrap();
        let summary = rushes.json(&["ingest", file, "--title", name]);
        assert_eq!(summary["videos"][0]["state"], "ready", "{summary:#}");
    }
    let server = Server::start(&rushes, &[]);
    let page = |query: &str| server.json(&format!("/v1/duplicates?{query}"));
    let groups = |page: &Value| -> Vec<Vec<(String, u64)>> {
        let groups = page["groups"].as_array().unwrap().iter();
        let shots = groups.map(|group| group["shots"].as_array().unwrap().iter());
        shots
            .map(|shots| {
                let place =
                    |shot: &Value| (shot["title"].as_str().unwrap().to_owned(), frames(shot).0);
                shots.map(place).collect()
            })
            .collect()
    };
    let pair = |at: u64| vec![("first".to_owned(), at), ("second".to_owned(), at)];
    let all = page("similar=0.99");
    assert_eq!(groups(&all), [pair(0), pair(50), pair(100)], "{all:#}");
    assert_eq!(all["next"], Value::Null);
    assert_eq!(all["looked_at"], 7);
    assert_eq!(all["groups"][0]["more"], false);
    // Page by page the groups are the same.
    let mut paged = Vec::new();
    let mut token = String::new();
    loop {
        let one = page(&format!("similar=0.99&limit=1{token}"));
        paged.extend(groups(&one));
        match one["next"].as_str() {
            Some(next) => token = format!("&page={next}"),
            None => break,
        }
    }
    assert_eq!(paged, groups(&all));
    // A scope leaves out what is not in it.
    assert!(groups(&page("similar=0.99&q=title:first")).is_empty());
    assert_eq!(
        rushes.json(&["duplicates", "--similar", "0.99"])["groups"],
        all["groups"]
    );
    let scoped = rushes.json(&["duplicates", "--similar", "0.99", "--title", "second"]);
    assert_eq!(scoped["groups"], json!([]));
    let said = told(&rushes.run(&["duplicates", "--similar", "0.99"]));
    assert!(
        said.contains("first") && said.contains("7 shots looked at"),
        "{said}"
    );
    for (query, code) in [
        ("similar=0", "bad-threshold"),
        ("limit=0", "invalid-input"),
        ("q=a+car", "bad-request"),
        ("page=x", "bad-page-token"),
        ("q=tilte:x", "unknown-field"),
    ] {
        let refused = problem(
            server
                .get(&format!("/v1/duplicates?{query}"))
                .send()
                .unwrap(),
        );
        assert_eq!((refused.0, refused.1.as_str()), (400, code), "{query}");
    }
}
