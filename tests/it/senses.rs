//! All senses together: the golden queries find what was asked for, and each hit says which senses found it.

#[path = "../../benches/fusion/footage.rs"]
mod footage;
#[path = "../../benches/fusion/golden.rs"]
mod golden;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use self::golden::GoldenQuery;
use crate::http::Server;
use crate::support::videos::ffmpeg;
use crate::support::{Rushes, material, models_with, speech_models};

/// The least mean reciprocal rank of the queries for each sense, or pair of senses.
const FLOORS: [(&str, f64); 10] = [
    ("speech", 0.95),
    ("meaning", 0.85),
    ("text", 0.95),
    ("sound", 0.9),
    ("visual", 0.58),
    ("speech+text", 0.95),
    ("speech+visual", 0.75),
    ("text+visual", 0.75),
    ("sound+visual", 0.9),
    ("sound+text", 0.9),
];
/// That of all queries.
const FLOOR: f64 = 0.85;

/// With all senses; `None` if something for one of them is missing.
fn sensing() -> Option<Rushes> {
    speech_models()?;
    models_with("ppocr-v5")?;
    let rushes = Rushes::new()?.with("RUSHES_MODELS__PICTURE_TO_TEXT", "ppocr-v5");
    Some(rushes.with("RUSHES_WORK__SOUND", "true"))
}

#[test]
fn every_sense_finds_what_was_asked_for_and_says_how() {
    let (Some(rushes), Some(material)) = (sensing(), material()) else {
        return;
    };
    let films = footage::make(&material, rushes.folder.path(), ffmpeg);
    let paths: Vec<_> = films.iter().map(AsRef::as_ref).collect();
    let job = rushes.ingest(&paths);
    for video in job["videos"].as_array().unwrap() {
        assert_eq!(video["state"], "ready", "{video:#}");
    }
    let server = Server::start(&rushes, &[]);
    let mut ranks: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut each = String::new();
    for query in GoldenQuery::all() {
        let answer = server.search(&json!({ "q": query.text, "limit": 200, "explain": true }));
        let hits = answer["hits"].as_array().unwrap();
        for hit in hits {
            check_evidence(query.text, hit);
        }
        if let Some(first) = hits.iter().find(|hit| query.is_right(hit)) {
            let found = found_by(first);
            let missed = query.sense.split('+').find(|sense| !found.contains(*sense));
            assert_eq!(missed, None, "{}: {first:#}", query.text);
        }
        let scored: Vec<(&Value, f64)> = hits
            .iter()
            .map(|hit| (hit, hit["score"].as_f64().unwrap()))
            .collect();
        let rank = query.reciprocal_rank(&scored);
        each.push_str(&format!("{rank:.2} {} {}\n", query.sense, query.text));
        ranks.entry(query.sense).or_default().push(rank);
    }
    let mean = |ranks: &[f64]| ranks.iter().sum::<f64>() / ranks.len() as f64;
    let floors: BTreeMap<&str, f64> = FLOORS.into();
    let known: BTreeSet<_> = floors.keys().collect();
    assert_eq!(ranks.keys().collect::<BTreeSet<_>>(), known);
    for (sense, ranks) in &ranks {
        let (mean, floor) = (mean(ranks), floors[sense]);
        assert!(mean >= floor, "{sense}: {mean:.3} < {floor}\n{each}");
    }
    let all: Vec<f64> = ranks.into_values().flatten().collect();
    assert!(mean(&all) >= FLOOR, "all: {:.3}\n{each}", mean(&all));
}

/// The senses that a hit's evidence names.
fn found_by(hit: &Value) -> BTreeSet<&str> {
    let evidence = hit["evidence"].as_object().unwrap().iter();
    let given = evidence.filter(|(_, given)| !given.is_null());
    given.map(|(sense, _)| sense.as_str()).collect()
}

/// A hit has the evidence of each sense that ranked it, and of no other, and each says what was found.
fn check_evidence(query: &str, hit: &Value) {
    let ranked = hit["explanation"].as_array().unwrap().iter();
    let ranked: BTreeMap<&str, &Value> = ranked
        .map(|one| (one["modality"].as_str().unwrap(), &one["rank"]))
        .collect();
    assert_eq!(
        found_by(hit),
        ranked.keys().copied().collect(),
        "{query}: {hit:#}"
    );
    for (sense, rank) in ranked {
        let evidence = &hit["evidence"][sense];
        assert_eq!(&evidence["rank"], rank, "{query}: {hit:#}");
        let says = match sense {
            "visual" => evidence["similarity"].is_f64(),
            "speech" | "meaning" => evidence["text"].as_str().is_some_and(|it| !it.is_empty()),
            "text" => {
                let marks = evidence["marks"].as_array().unwrap();
                !marks.is_empty() && evidence["place"].is_array()
            }
            "sound" => query
                .to_lowercase()
                .contains(evidence["word"].as_str().unwrap()),
            "label" => evidence.is_object(),
            other => panic!("{query}: nothing is known of the sense {other}"),
        };
        assert!(says, "{query}: {hit:#}");
    }
}
