//! Filters without anything to look for.

use serde_json::{Value, json};

use super::{Videos, harbour, ids, ingested, places, street};
use crate::http::problem;
use crate::support::{Rushes, told, videos};

#[test]
fn filters_alone_list_the_shots_that_fulfil_them() {
    let Some(rushes) = Rushes::new() else { return };
    let videos = Videos::new(&rushes);
    let tags = json!({ "tags": ["hero"] });
    let url = format!("{}/v1/shots/{}", videos.server.address, videos.shot(2));
    let answer = videos.server.client.patch(url).json(&tags).send().unwrap();
    assert!(answer.status().is_success());
    // By title, then by time.
    let all = [harbour(&[0, 50, 100]), street(&[0, 50, 100, 150])].concat();
    assert_eq!(videos.found("len:2s"), all);
    assert_eq!(videos.found("tag:hero"), street(&[100]));
    assert_eq!(
        videos.found("-tag:hero title:Street"),
        street(&[0, 50, 150])
    );
    let in_time = [street(&[0, 50, 100, 150]), harbour(&[0, 50, 100])].concat();
    assert_eq!(videos.found("len:2s sort:time"), in_time);
    assert_eq!(videos.found("len:2s sort:date"), all);
    let grouped = videos.find("len:2s group:title");
    assert_eq!(places(&grouped), [harbour(&[0]), street(&[0])].concat());
    assert_eq!(grouped["hits"][1]["stands_for"]["count"], 4);
    // The body says the same, and so do titles and assets alone.
    let body = json!({ "filters": { "tag": { "eq": "hero" } }, "facets": ["tag", "title"], "explain": true });
    let answer = videos.search(&body);
    assert_eq!(places(&answer), street(&[100]));
    assert_eq!(answer["weak"], false);
    assert_eq!(answer["modalities"], json!([]));
    assert_eq!(answer["explanation"]["query"], "tag:hero facet:tag,title");
    assert_eq!(
        answer["facets"]["title"],
        json!([{ "value": "Street", "count": 1 }])
    );
    assert_eq!(
        answer["coverage"],
        json!({ "ready": 2, "total": 2, "failed": 0 })
    );
    let body = json!({ "titles": ["Street"], "facets": ["boundary"] });
    let answer = videos.search(&body);
    assert_eq!(places(&answer), street(&[0, 50, 100, 150]));
    assert_eq!(
        answer["coverage"],
        json!({ "ready": 1, "total": 1, "failed": 0 })
    );
    assert_eq!(
        answer["facets"]["boundary"],
        json!([{ "value": "cut", "count": 3 }, { "value": "start", "count": 1 }])
    );
    assert_eq!(
        places(&videos.search(&json!({ "assets": [videos.harbour] }))),
        harbour(&[0, 50, 100])
    );
    assert_eq!(videos.search(&json!({ "q": "len:>9s" }))["weak"], true);
    // What cannot be told of a list is refused.
    for (body, code) in [
        (json!({ "q": "tag:hero in:visual" }), "nothing-for-modality"),
        (json!({ "q": "tag:hero -night" }), "all-negative"),
        (
            json!({ "titles": ["Street"], "weights": { "visual": 2 } }),
            "nothing-for-modality",
        ),
        (
            json!({ "titles": ["Street"], "parts": [], "filters": {}, "text": "" }),
            "empty-query",
        ),
        (json!({ "q": "sort:time" }), "empty-query"),
    ] {
        assert_eq!(videos.refused(&body), (400, code.to_owned()), "{body}");
    }
    let answer = videos
        .server
        .post("/v1/search")
        .json(&json!({ "q": "title:Nowhere" }));
    assert_eq!(
        problem(answer.send().unwrap()),
        (404, "title-not-found".to_owned())
    );
    // On the command line, and as an export.
    let shown = rushes.json(&["search", "tag:hero"]);
    assert_eq!(places(&shown), street(&[100]));
    assert_eq!(
        places(&rushes.json(&["search", "--title", "Street"])).len(),
        4
    );
    let said = told(&rushes.run(&["search", "tag:hero facet:tag"]));
    assert!(
        said.contains("tag: hero (1)") && said.contains("Street"),
        "{said}"
    );
    let export = json!({ "format": "csv", "search": { "q": "tag:hero" } });
    let csv = videos
        .server
        .post("/v1/exports")
        .json(&export)
        .send()
        .unwrap();
    assert_eq!(csv.text().unwrap().lines().count(), 2);
}

#[test]
fn pages_of_a_list_stay_the_same_while_videos_are_ingested() {
    let Some(rushes) = Rushes::new() else { return };
    let library = Videos::new(&rushes);
    let body = |page: &Value, limit: u64| json!({ "q": "len:2s facet:title", "limit": limit, "page": page });
    let whole = library.search(&body(&Value::Null, 50));
    let one = library.search(&body(&Value::Null, 3));
    // It comes first by title.
    let file = videos::made(&rushes.folder.path().join("later.mp4"), 2, 50, 0);
    ingested(&rushes, &file, "A", "en", super::STREET);
    let two = library.search(&body(&one["next"], 2));
    let three = library.search(&body(&two["next"], 50));
    assert_eq!([ids(&one), ids(&two), ids(&three)].concat(), ids(&whole));
    assert_eq!(three["next"], Value::Null);
    assert_eq!(three["facets"], whole["facets"]);
    assert_eq!(
        library.search(&body(&Value::Null, 50))["hits"]
            .as_array()
            .unwrap()
            .len(),
        9
    );
    let other = library.refused(&json!({ "q": "len:<9s facet:title", "page": one["next"] }));
    assert_eq!(other, (400, "bad-page-token".to_owned()));
}
