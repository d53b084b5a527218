//! Pages that stay as they were.

use serde_json::{Value, json};

use super::{Videos, address, ids, ingested};
use crate::http::problem;
use crate::support::{Rushes, told, videos};

#[test]
fn pages_stay_the_same_while_videos_are_ingested() {
    let Some(rushes) = Rushes::new() else { return };
    let library = Videos::new(&rushes);
    let body = |page: &Value, limit: u64| json!({ "text": "a pattern", "modalities": ["visual"], "limit": limit, "page": page, "facets": ["title"] });
    let whole = library.search(&body(&Value::Null, 50));
    let one = library.search(&body(&Value::Null, 3));
    // A copy of the best video would come first, and so would its shots.
    let file = videos::made(&rushes.folder.path().join("later.mp4"), 5, 50, 0);
    ingested(&rushes, &file, "Later", "en", super::STREET);
    let now = library.search(&body(&Value::Null, 50));
    assert_eq!(ids(&now).len(), 12);
    let two = library.search(&body(&one["next"], 2));
    let three = library.search(&body(&two["next"], 50));
    assert_eq!([ids(&one), ids(&two), ids(&three)].concat(), ids(&whole));
    assert_eq!(three["next"], Value::Null);
    assert_eq!(three["facets"], whole["facets"]);
    // The same page again is the same page.
    assert_eq!(library.search(&body(&one["next"], 2))["hits"], two["hits"]);
}

#[test]
fn tokens_cannot_be_made_up_or_used_elsewhere() {
    let Some(rushes) = Rushes::new() else { return };
    let library = Videos::new(&rushes);
    let first = library.find("a pattern in:visual group:shot");
    assert_eq!(first["next"], Value::Null);
    let page = |q: &str, page: &str| {
        let query = [("q", q), ("limit", "2"), ("page", page)];
        library.server.get(&address(&query)).send().unwrap()
    };
    let query = [("q", "a pattern in:visual"), ("limit", "2")];
    let first: Value = library
        .server
        .get(&address(&query))
        .send()
        .unwrap()
        .json()
        .unwrap();
    let token = first["next"].as_str().unwrap();
    assert_eq!(page("a pattern in:visual", token).status(), 200);
    let forged = format!("B{}", &token[1..]);
    for (q, token) in [
        ("another pattern in:visual", token),
        ("a pattern", token),
        ("a pattern in:visual tag:x", token),
        ("a pattern in:visual", forged.as_str()),
        ("a pattern in:visual", &token[..20]),
        ("a pattern in:visual", "\u{1f600}"),
        ("a pattern in:visual", "../../secret"),
    ] {
        let refused = problem(page(q, token));
        assert_eq!(refused, (400, "bad-page-token".to_owned()), "{q} {token}");
    }
    // A list that is no longer kept is said to be too old.
    let folder = rushes.data().join("pages");
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "list")
        {
            std::fs::remove_file(path).unwrap();
        }
    }
    let refused = problem(page("a pattern in:visual", token));
    assert_eq!(refused, (400, "page-token-expired".to_owned()));
}

#[test]
fn the_command_line_pages_from_one_process_to_the_next() {
    let Some(rushes) = Rushes::new() else { return };
    let file = videos::made(&rushes.folder.path().join("video.mp4"), 5, 50, 2);
    ingested(&rushes, &file, "Video", "en", super::STREET);
    let whole = rushes.json(&["search", "a pattern in:visual"]);
    let mut found = Vec::new();
    let mut page = Value::Null;
    let mut seed = 0;
    loop {
        let mut args = vec!["search", "a pattern in:visual", "-n", "2"];
        if let Some(token) = page.as_str() {
            args.extend(["--page", token]);
        }
        let answer = rushes.json(&args);
        found.extend(ids(&answer));
        page = answer["next"].clone();
        if page.is_null() {
            break;
        }
        // The catalogue grows between two processes.
        let file = rushes.folder.path().join(format!("later{seed}.mp4"));
        let file = videos::made(&file, 1, 40, seed);
        rushes.ingest(&[&file]);
        seed += 1;
    }
    assert_eq!(found, ids(&whole));
    assert_eq!(seed, 2);
    let output = rushes.run(&["search", "other words", "--page", "AAAA"]);
    assert!(told(&output).contains("page token"), "{}", told(&output));
}
