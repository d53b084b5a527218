//! Titles, tags and notes as a way to find shots, and synonyms.

use serde_json::{Value, json};

use super::{Videos, harbour, street};
use crate::support::{Rushes, first, told};

fn send(videos: &Videos, path: &str, body: &Value) {
    let url = format!("{}{path}", videos.server.address);
    let answer = videos.server.client.patch(url).json(body).send().unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().unwrap());
}

#[test]
fn shots_are_found_by_what_people_call_them() {
    let Some(rushes) = Rushes::new() else { return };
    let videos = Videos::new(&rushes);
    let shot = |at: u64| format!("/v1/shots/{}", videos.shot(at));
    send(
        &videos,
        &format!("/v1/assets/{}", videos.harbour),
        &json!({ "tags": ["Crane ship"] }),
    );
    send(
        &videos,
        &shot(2),
        &json!({ "tags": ["hero"], "note": "He meets the gangsters at the old crane." }),
    );
    // A tag of an asset is one of its shots; what is shorter comes first.
    let crane = videos.find("crane in:label");
    assert_eq!(
        super::places(&crane),
        [harbour(&[0, 50, 100]), street(&[100])].concat()
    );
    let evidence = |answer: &Value, at: usize| answer["hits"][at]["evidence"]["label"].clone();
    assert_eq!(evidence(&crane, 0)["kind"], "tag");
    assert_eq!(
        evidence(&crane, 0)["marks"],
        json!([{ "start": 0, "end": 5 }])
    );
    // Shots with the same label have the same rank.
    let ranks: Vec<Value> = (0..4)
        .map(|at| evidence(&crane, at)["rank"].clone())
        .collect();
    assert_eq!(ranks, [1, 1, 1, 4]);
    let note = videos.find("gangster meeting in:label");
    assert_eq!(super::places(&note), street(&[100]));
    let label = evidence(&note, 0);
    assert_eq!(label["kind"], "note");
    assert_eq!(
        label["marks"],
        json!([{ "start": 3, "end": 8 }, { "start": 13, "end": 22 }])
    );
    // A title is found by its words, and shots elsewhere are not.
    let title = videos.find("a boat in the Big Harbor in:label");
    assert_eq!(super::places(&title), Vec::new());
    let title = videos.find("the big harbour at night in:label");
    assert_eq!(super::places(&title), harbour(&[0, 50, 100]));
    assert_eq!(evidence(&title, 0)["text"], "Big Harbour");
    // In a scope, and without what is not wanted.
    assert_eq!(videos.found("crane in:label title:Street"), street(&[100]));
    assert_eq!(videos.found("crane in:label tag:hero"), street(&[100]));
    assert_eq!(videos.found("crane -ship in:label"), street(&[100]));
    assert_eq!(videos.found("label:\"old crane\""), street(&[100]));
    // It is searched by default, but not for what must match at the same time.
    let answer = videos.find("crane");
    assert!(
        answer["modalities"]
            .as_array()
            .unwrap()
            .contains(&json!("label")),
        "{answer:#}"
    );
    assert!(
        first(&answer)["evidence"]["label"].is_object(),
        "{answer:#}"
    );
    let all = videos.find("red car match:all");
    assert_eq!(all["modalities"], json!(["visual", "dialogue"]));
    let both = videos.find("said:steady label:crane match:all");
    assert_eq!(super::places(&both), street(&[100]));
    let said = told(&rushes.run(&["search", "hero", "--in", "label"]));
    assert!(said.contains("tag \u{201c}hero\u{201d}"), "{said}");
    // A change is found at once.
    send(
        &videos,
        &shot(2),
        &json!({ "tags": ["villain"], "note": "" }),
    );
    assert!(
        videos
            .found("crane in:label")
            .iter()
            .all(|(title, _)| title != "Street")
    );
    assert_eq!(videos.found("villain in:label"), street(&[100]));
}

#[test]
fn synonyms_of_the_settings_are_searched_for_and_said() {
    let Some(rushes) = Rushes::new() else { return };
    let settings = rushes.folder.path().join("rushes.toml");
    std::fs::write(
        &settings,
        "[search.synonyms]\nautomobile = ['car', 'red door']\n",
    )
    .unwrap();
    let rushes = rushes.with("RUSHES_CONFIG", settings.to_str().unwrap());
    let videos = Videos::new(&rushes);
    send(
        &videos,
        &format!("/v1/shots/{}", videos.shot(3)),
        &json!({ "note": "by the red door" }),
    );
    let said = videos.find("automobile in:dialogue");
    assert_eq!(super::places(&said), street(&[0, 50]));
    assert_eq!(videos.found("automobile in:label"), street(&[150]));
    // What stands in a phrase is not replaced.
    assert!(videos.found("\"automobile\" in:dialogue").is_empty());
    let body = json!({ "text": "an Automobile", "modalities": ["dialogue"], "explain": true });
    let answer = videos.search(&body);
    assert_eq!(
        answer["explanation"]["synonyms"],
        json!({ "automobile": ["car", "red door"] })
    );
    let body = json!({ "text": "an Automobile", "modalities": ["visual"], "explain": true });
    assert_eq!(videos.search(&body)["explanation"]["synonyms"], Value::Null);
    let shown = told(&rushes.run(&["search", "automobile in:dialogue", "--explain"]));
    assert!(
        shown.contains("automobile: searched for car, red door too"),
        "{shown}"
    );
}
