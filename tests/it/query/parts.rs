//! Queries of several parts.

use base64::Engine as _;
use serde_json::{Value, json};

use super::{Videos, harbour, ids, number, street, visual};
use crate::support::{Rushes, first, frames};

#[test]
fn parts_add_up_to_one_vector_by_weight() {
    let Some(rushes) = Rushes::new() else { return };
    let videos = Videos::new(&rushes);
    let (wanted, unwanted) = (videos.shot(0), videos.shot(1));
    let both = videos.search(&visual(&json!([
        { "text": "a test pattern", "weight": 1.5 },
        { "shot": unwanted, "weight": -0.5 },
    ])));
    let hits = both["hits"].as_array().unwrap();
    assert_eq!(hits.len(), 7, "{both:#}");
    let mut lengths = Vec::new();
    for hit in hits {
        let seen = &hit["evidence"]["visual"];
        let parts = seen["parts"].as_array().unwrap();
        let similarity = |at: usize| {
            assert_eq!(parts[at]["part"], at);
            number(&parts[at]["similarity"])
        };
        let sum = 1.5 * similarity(0) - 0.5 * similarity(1);
        lengths.push(sum / number(&seen["similarity"]));
    }
    // The sum is divided by its length, which is the same for all shots.
    for length in &lengths {
        assert!((length - lengths[0]).abs() < 0.01, "{lengths:?}");
    }
    // What is not wanted is less similar to the sum than to what is wanted.
    let of = |answer: &Value, shot: &str| {
        let hit = answer["hits"].as_array().unwrap().iter();
        let hit = hit.clone().find(|hit| hit["shot"] == shot);
        number(&hit.unwrap()["evidence"]["visual"]["similarity"])
    };
    let alone = videos.search(&visual(&json!([{ "text": "a test pattern" }])));
    assert!(of(&both, &unwanted) < of(&alone, &unwanted));
    assert!(first(&alone)["evidence"]["visual"]["parts"].is_null());
    // Two shots at once: neither is a hit.
    let two = videos.search(&visual(&json!([{ "shot": wanted }, { "shot": unwanted }])));
    let found = ids(&two);
    assert_eq!(found.len(), 5);
    assert!(!found.contains(&wanted) && !found.contains(&unwanted));
}

#[test]
fn a_time_a_shot_a_picture_and_a_vector_are_parts() {
    let Some(rushes) = Rushes::new() else { return };
    let videos = Videos::new(&rushes);
    let shot = videos.shot(1);
    let by_shot = videos.search(&json!({ "shot": shot, "limit": 50 }));
    assert_eq!(by_shot["hits"].as_array().unwrap().len(), 6);
    // From the middle of the shot, of which nothing else is shown.
    let span = json!([{ "asset": videos.street, "from_ms": 2400, "to_ms": 3600 }]);
    assert_eq!(ids(&videos.search(&visual(&span))), ids(&by_shot));
    let by_text = videos.find(&format!("like:{}@2.4s..3.6s", videos.street));
    assert_eq!(ids(&by_text), ids(&by_shot));
    // Two shots, mixed by how long each is shown.
    let span = json!([{ "asset": videos.street, "from_ms": 0, "to_ms": 2100 }]);
    let mixed = videos.search(&visual(&span));
    assert_eq!(mixed["hits"].as_array().unwrap().len(), 5);

    let picture = videos
        .server
        .get(&format!("/v1/shots/{shot}/thumbnail.jpg"));
    let picture = picture.send().unwrap().bytes().unwrap();
    let file = rushes.folder.path().join("still.jpg");
    std::fs::write(&file, &picture).unwrap();
    let sent = base64::engine::general_purpose::STANDARD.encode(&picture);
    let by_picture = videos.search(&visual(&json!([{ "picture": sent }])));
    let similar = rushes.json(&["similar", file.to_str().unwrap(), "-n", "50"]);
    assert_eq!(by_picture["hits"], similar["hits"]);
    assert_eq!(frames(first(&by_picture)), (50, 100), "{by_picture:#}");

    // Its length does not matter.
    let vector = |scale: f64| {
        let values: Vec<f64> = (0..384).map(|at| scale * f64::from(at % 7 - 3)).collect();
        videos.search(&visual(&json!([{ "vector": values }])))
    };
    assert_eq!(ids(&vector(1.0)), ids(&vector(0.01)));
    assert_eq!(ids(&vector(1.0)).len(), 7);
    assert_ne!(ids(&vector(1.0))[0], ids(&vector(-1.0))[0]);
}

#[test]
fn what_is_not_to_be_said_excludes_a_shot() {
    let Some(rushes) = Rushes::new() else { return };
    let videos = Videos::new(&rushes);
    assert_eq!(videos.sorted("red car in:dialogue"), street(&[0, 50]));
    assert_eq!(videos.sorted("red car -night in:dialogue"), street(&[0]));
    // It must be said in full, and as a phrase if it is one.
    assert_eq!(
        videos.sorted("red car -(night train) in:dialogue"),
        street(&[0, 50])
    );
    assert_eq!(
        videos.sorted("red car -\"in the night\" in:dialogue"),
        street(&[0])
    );
    // Several texts are fused by weight: the heavier one comes first.
    let order = |car: f64, christmas: f64| {
        let parts = json!([
            { "text": "look car", "weight": car },
            { "text": "merry mister", "weight": christmas },
        ]);
        let body = json!({ "parts": parts, "modalities": ["dialogue"] });
        super::places(&videos.search(&body))[0].clone()
    };
    assert_eq!(order(2.0, 1.0), street(&[0])[0]);
    assert_eq!(order(1.0, 2.0), street(&[150])[0]);
}

#[test]
fn a_phrase_must_be_said_as_it_stands() {
    let Some(rushes) = Rushes::new() else { return };
    let videos = Videos::new(&rushes);
    let all = [harbour(&[100]), street(&[150])].concat();
    assert_eq!(videos.sorted("merry christmas in:dialogue"), all);
    assert_eq!(
        videos.sorted("\"merry christmas\" in:dialogue"),
        street(&[150])
    );
    let body = json!({ "parts": [{ "phrases": ["merry christmas"] }], "modalities": ["dialogue"] });
    assert_eq!(super::places(&videos.search(&body)), street(&[150]));
    // By sight it is text like any other.
    let seen = |q: &str| ids(&videos.find(q));
    assert_eq!(
        seen("\"merry christmas\" in:visual"),
        seen("merry christmas in:visual")
    );
    let said = rushes.json(&["search", "\"merry christmas\" in:dialogue"]);
    assert_eq!(super::places(&said), street(&[150]));
}

#[test]
fn all_modalities_must_match_at_the_same_time() {
    let Some(rushes) = Rushes::new() else { return };
    let videos = Videos::new(&rushes);
    let answer = videos.find("seen:\"a test pattern\" said:\"steady, go\" match:all");
    let mut spans: Vec<(u64, u64, u64)> = answer["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| {
            let (start, end) = frames(&hit["matched"]);
            (frames(hit).0, start, end)
        })
        .collect();
    spans.sort_unstable();
    // The line is shown from 3.6 s to 5.2 s, over the cut at 4 s.
    assert_eq!(spans, [(50, 90, 100), (100, 100, 130)], "{answer:#}");
    let hit = first(&answer);
    for modality in ["visual", "dialogue"] {
        assert!(hit["evidence"][modality].is_object(), "{hit:#}");
    }
    // Any of them is less strict.
    let any = videos.find("seen:\"a test pattern\" said:\"steady, go\"");
    assert_eq!(any["hits"].as_array().unwrap().len(), 7);
    let body = json!({
        "parts": [
            { "text": "a test pattern", "modality": "visual" },
            { "text": "merry christmas", "modality": "dialogue" },
        ],
        "operator": "all",
    });
    let mut found = super::places(&videos.search(&body));
    found.sort();
    assert_eq!(found, [harbour(&[100]), street(&[150])].concat());
    // What nobody says is found by nobody.
    let none = videos.find("seen:pattern said:submarine match:all");
    assert_eq!(none["hits"], json!([]));
}

#[test]
fn the_weight_of_a_modality_counts() {
    let Some(rushes) = Rushes::new() else { return };
    let videos = Videos::new(&rushes);
    let body = |weight: f64| {
        json!({
            "parts": [
                { "shot": videos.shot(0), "modality": "visual" },
                { "text": "merry mister", "modality": "dialogue" },
            ],
            "weights": { "dialogue": weight },
            "explain": true,
        })
    };
    let heavy = videos.search(&body(50.0));
    assert_eq!(frames(first(&heavy)), (150, 200), "{heavy:#}");
    for hit in heavy["hits"].as_array().unwrap() {
        let parts = hit["explanation"].as_array().unwrap();
        let sum: f64 = parts.iter().map(|part| number(&part["contribution"])).sum();
        assert!((sum - number(&hit["score"])).abs() < 1e-9, "{hit:#}");
        for part in parts {
            let share = number(&part["weight"]) / (60.0 + number(&part["rank"]));
            assert!((share - number(&part["contribution"])).abs() < 1e-12);
        }
    }
    let recalls = &heavy["explanation"]["recalls"];
    assert_eq!(recalls[0]["modality"], "visual");
    assert_eq!(
        (
            &recalls[0]["searched"],
            &recalls[0]["exact"],
            &recalls[0]["unit"]
        ),
        (&json!(7), &json!(true), &json!("shots"))
    );
    assert_eq!(
        (&recalls[1]["searched"], &recalls[1]["weight"]),
        (&json!(6), &json!(50.0))
    );
    // Without being asked, an answer does not explain itself.
    let plain = videos.search(&json!({ "text": "x" }));
    assert!(plain.get("explanation").is_none());
    assert!(first(&plain).get("explanation").is_none());
    let told = rushes.run(&["search", "pattern", "--explain"]);
    let told = crate::support::told(&told);
    assert!(told.contains("found in 7 shots, exact"), "{told}");
}
