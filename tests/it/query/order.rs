//! Groups, collapsed shots and the order of hits.

use serde_json::{Value, json};

use super::{Videos, harbour, ids, places, street};
use crate::http::Server;
use crate::support::{Rushes, first, videos::ffmpeg};

#[test]
fn hits_are_grouped_and_sorted() {
    let Some(rushes) = Rushes::new() else { return };
    let videos = Videos::new(&rushes);
    let in_time = [street(&[0, 50, 100, 150]), harbour(&[0, 50, 100])].concat();
    assert_eq!(videos.found("pattern in:visual sort:time"), in_time);
    let newest = [harbour(&[0, 50, 100]), street(&[0, 50, 100, 150])].concat();
    assert_eq!(videos.found("pattern in:visual sort:date"), newest);
    let flat = videos.find("pattern in:visual");
    for by in ["asset", "title"] {
        let answer = videos.find(&format!("pattern in:visual group:{by}"));
        let hits = answer["hits"].as_array().unwrap();
        assert_eq!(hits.len(), 2, "{answer:#}");
        assert_eq!(hits[0]["shot"], first(&flat)["shot"]);
        for hit in hits {
            let count = if hit["title"] == "Street" { 4 } else { 3 };
            assert_eq!(hit["stands_for"]["count"], count, "{hit:#}");
            let others = hit["stands_for"]["shots"].as_array().unwrap();
            assert_eq!(others.len(), count - 1);
            assert!(!others.contains(&hit["shot"]));
        }
    }
    let body =
        json!({ "text": "pattern", "modalities": ["visual"], "group_by": "asset", "sort": "time" });
    let grouped = places(&videos.search(&body));
    assert_eq!(grouped, [street(&[0]), harbour(&[0])].concat());
    assert!(first(&flat).get("stands_for").is_none());
}

/// Two pictures that take turns, twice each, then a third.
fn dialogue(rushes: &Rushes) -> Server {
    let file = rushes.folder.path().join("dialogue.mp4");
    let pictures = [
        "smptebars",
        "mandelbrot",
        "smptebars",
        "mandelbrot",
        "rgbtestsrc",
    ];
    let mut graph = String::new();
    for (at, picture) in pictures.iter().enumerate() {
        graph.push_str(&format!(
            "{picture}=size=320x240:rate=25,trim=end_frame=40,setpts=PTS-STARTPTS,format=yuv420p[v{at}];"
        ));
    }
    (0..pictures.len()).for_each(|at| graph.push_str(&format!("[v{at}]")));
    graph.push_str(&format!("concat=n={}[v]", pictures.len()));
    let file = file.to_str().unwrap();
    ffmpeg(&[
        "-filter_complex",
        &graph,
        "-map",
        "[v]",
        "-c:v",
        "libx264",
        file,
    ]);
    let summary = rushes.json(&["ingest", file]);
    assert_eq!(summary["videos"][0]["shots"], 5, "{summary:#}");
    Server::start(rushes, &[])
}

#[test]
fn shots_that_look_the_same_become_one_hit() {
    let Some(rushes) = Rushes::new() else { return };
    let server = dialogue(&rushes);
    let search = |collapse: Value| {
        server
            .search(&json!({ "text": "a pattern", "modalities": ["visual"], "collapse": collapse }))
    };
    assert_eq!(ids(&search(json!({}))).len(), 5);
    let similar = search(json!({ "similar": 0.97 }));
    let mut counts: Vec<u64> = similar["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["stands_for"]["count"].as_u64().unwrap_or(1))
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 2, 2], "{similar:#}");
    // The two sides of the dialogue are one hit, with all four shots.
    let alternating = search(json!({ "similar": 0.97, "alternating": true }));
    let hits = alternating["hits"].as_array().unwrap();
    assert_eq!(hits.len(), 2, "{alternating:#}");
    let mut counts: Vec<&Value> = hits.iter().map(|hit| &hit["stands_for"]["count"]).collect();
    counts.sort_by_key(|count| count.is_null());
    assert_eq!(counts, [&json!(4), &Value::Null]);
    // The text of a search box says the same.
    let said = json!({ "q": "pattern in:visual collapse:similar=0.97,alternating" });
    assert_eq!(server.search(&said)["hits"].as_array().unwrap().len(), 2);
}
