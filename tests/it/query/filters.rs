//! Typed filters and facets.

use serde_json::{Value, json};

use super::{Videos, harbour, street};
use crate::support::Rushes;

fn send(videos: &Videos, path: &str, body: &Value) {
    let url = format!("{}{path}", videos.server.address);
    let answer = videos.server.client.patch(url).json(body).send().unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().unwrap());
}

/// Tags and metadata of the library.
fn described(videos: &Videos) {
    send(
        videos,
        &format!("/v1/assets/{}", videos.street),
        &json!({ "tags": ["city"], "metadata": { "season": 2, "code": "2", "cleared": true } }),
    );
    send(
        videos,
        &format!("/v1/shots/{}", videos.shot(2)),
        &json!({ "tags": ["hero", "late"] }),
    );
    let titles = videos.server.json("/v1/titles");
    let titles = titles["titles"].as_array().unwrap().iter();
    let title = titles.clone().find(|title| title["name"] == "Big Harbour");
    let id = title.unwrap()["id"].as_str().unwrap();
    send(
        videos,
        &format!("/v1/titles/{id}"),
        &json!({ "metadata": { "season": 3 } }),
    );
}

#[test]
fn every_field_leaves_the_shots_that_have_it() {
    let Some(rushes) = Rushes::new() else { return };
    let videos = Videos::new(&rushes);
    described(&videos);
    let all_street = street(&[0, 50, 100, 150]);
    let all_harbour = harbour(&[0, 50, 100]);
    let all = [all_harbour.clone(), all_street.clone()].concat();
    let asset = format!("asset:{}", videos.harbour);
    for (filter, expected) in [
        ("title:Street", &all_street),
        ("title:\"big harbour\"", &all_harbour),
        ("title:Street,\"Big Harbour\"", &all),
        ("-title:Street", &all_harbour),
        (asset.as_str(), &all_harbour),
        ("tag:hero", &street(&[100])),
        // An asset's tag is one of its shots.
        ("tag:city", &all_street),
        ("tag:city tag:late", &street(&[100])),
        ("tag:city -tag:hero", &street(&[0, 50, 150])),
        ("-tag:city,hero", &all_harbour),
        ("metadata.season:2", &all_street),
        ("metadata.season:3", &all_harbour),
        ("metadata.season:>=2", &all),
        ("metadata.season:\"2\"", &Vec::new()),
        ("metadata.code:\"2\"", &all_street),
        ("metadata.code:2", &Vec::new()),
        ("metadata.cleared:true", &all_street),
        ("rate:25 rate:25/1", &all),
        ("-metadata.cleared:true", &all_harbour),
        ("metadata.cleared:false", &Vec::new()),
        ("metadata.nothing:1", &Vec::new()),
        ("duration:>7s", &all_street),
        ("duration:<=6500ms", &all_harbour),
        ("len:2s", &all),
        ("len:<2s", &Vec::new()),
        ("len:1s..3s", &all),
        ("boundary:start", &[harbour(&[0]), street(&[0])].concat()),
        (
            "-boundary:start",
            &[harbour(&[50, 100]), street(&[50, 100, 150])].concat(),
        ),
        ("date:>2020-01-01", &all),
        ("date:<2020-01-01", &Vec::new()),
        ("language:de", &all_harbour),
        ("lang:en,de", &all),
        ("rate:25", &all),
        ("rate:25/1", &all),
        ("rate:24", &Vec::new()),
        ("width:320 height:<=240", &all),
        ("width:>320", &Vec::new()),
        ("codec:h264", &all),
        ("size:>1kB", &all),
        ("size:>1TB", &Vec::new()),
    ] {
        let found = videos.sorted(&format!("a pattern in:visual {filter}"));
        assert_eq!(&found, expected, "{filter}");
    }
    // Dialogue has the same scope, and so has what must match at the same time.
    assert_eq!(
        videos.sorted("red car in:dialogue tag:city len:2s"),
        street(&[0, 50])
    );
    assert_eq!(videos.sorted("steady in:dialogue tag:hero"), street(&[100]));
    // A line belongs to the shot that shows most of it.
    assert_eq!(videos.sorted("steady in:dialogue -tag:hero"), Vec::new());
    assert_eq!(
        videos.sorted("seen:pattern said:steady match:all tag:hero"),
        street(&[100])
    );
}

#[test]
fn a_scope_of_one_shot_is_searched_exactly() {
    let Some(rushes) = Rushes::new() else { return };
    let videos = Videos::new(&rushes);
    described(&videos);
    let body = json!({
        "text": "a pattern",
        "filters": { "tag": { "in": ["hero", "villain"] }, "len": { "gte": "2s", "lt": "1m" } },
        "titles": ["Street"],
        "explain": true,
        "limit": 1,
    });
    let answer = videos.search(&body);
    assert_eq!(super::places(&answer), street(&[100]));
    assert_eq!(answer["next"], Value::Null);
    assert_eq!(answer["explanation"]["recalls"][0]["searched"], 1);
    assert_eq!(
        answer["explanation"]["query"],
        "a pattern len:>=2s len:<1m tag:hero,villain"
    );
    assert_eq!(answer["coverage"]["total"], 1);
    // The titles of the request and those of the query must both fit.
    let body = json!({ "q": "pattern title:Street", "titles": ["Big Harbour"] });
    assert_eq!(videos.search(&body)["hits"], json!([]));
}

#[test]
fn values_are_counted_among_the_candidates() {
    let Some(rushes) = Rushes::new() else { return };
    let videos = Videos::new(&rushes);
    described(&videos);
    let answer = videos.find("pattern in:visual facet:title,tag,boundary,language,metadata.season");
    let counts = |field: &str, answer: &Value| -> Vec<(String, i64)> {
        let values = answer["facets"][field].as_array().unwrap().iter();
        values
            .map(|one| {
                let value = one["value"].as_str().unwrap().to_owned();
                (value, one["count"].as_i64().unwrap())
            })
            .collect()
    };
    let pairs = |list: &[(&str, i64)]| -> Vec<(String, i64)> {
        list.iter().map(|&(a, b)| (a.to_owned(), b)).collect()
    };
    assert_eq!(
        counts("title", &answer),
        pairs(&[("Street", 4), ("Big Harbour", 3)])
    );
    assert_eq!(
        counts("tag", &answer),
        pairs(&[("city", 4), ("hero", 1), ("late", 1)])
    );
    assert_eq!(
        counts("boundary", &answer),
        pairs(&[("cut", 5), ("start", 2)])
    );
    assert_eq!(counts("language", &answer), pairs(&[("en", 4), ("de", 3)]));
    let cleared = videos.find("pattern in:visual facet:metadata.cleared");
    assert_eq!(counts("metadata.cleared", &cleared), pairs(&[("true", 4)]));
    let body = json!({ "text": "red car", "modalities": ["dialogue"], "facets": ["title"] });
    assert_eq!(
        counts("title", &videos.search(&body)),
        pairs(&[("Street", 2)])
    );
    let told = crate::support::told(&rushes.run(&["search", "pattern facet:tag"]));
    assert!(told.contains("tag: city (4), hero (1), late (1)"), "{told}");
}
