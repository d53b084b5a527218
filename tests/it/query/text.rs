//! The text of a search box, on the command line and over HTTP.

use serde_json::{Value, json};

use super::{Videos, address, ids, street};
use crate::http::problem;
use crate::support::{Rushes, told};

#[test]
fn the_same_text_means_the_same_everywhere() {
    let Some(rushes) = Rushes::new() else { return };
    let videos = Videos::new(&rushes);
    let q = "red car -night title:Street in:dialogue sort:time";
    let got = videos.find(q);
    assert_eq!(super::places(&got), street(&[0]));
    assert_eq!(videos.search(&json!({ "q": q }))["hits"], got["hits"]);
    assert_eq!(rushes.json(&["search", q])["hits"], got["hits"]);
    // Words of a command line are one query.
    let args = [
        "search",
        "red",
        "car",
        "title:Street",
        "in:dialogue",
        "--",
        "-night",
    ];
    let args = args.map(str::to_owned);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut all = vec!["search", "--json"];
    all.extend(&args[1..]);
    let output = rushes.run(&all);
    let shown: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", told(&output)));
    assert_eq!(ids(&shown), ids(&got));
    let structured = json!({
        "parts": [{ "text": "red car" }, { "text": "night", "weight": -0.5 }],
        "filters": { "title": { "eq": "Street" } },
        "modalities": ["dialogue"],
        "sort": "time",
        "explain": true,
    });
    let structured = videos.search(&structured);
    assert_eq!(ids(&structured), ids(&got));
    assert_eq!(structured["explanation"]["query"], q);
    // A bin remembers the query, and an export can be made of it.
    let bin = rushes.json(&["bin", "add", "picks", "--search", q]);
    assert!(bin.is_object() || bin.is_array(), "{bin:#}");
    let export = json!({ "format": "csv", "search": { "q": q } });
    let csv = videos
        .server
        .post("/v1/exports")
        .json(&export)
        .send()
        .unwrap();
    assert_eq!(csv.text().unwrap().lines().count(), 2);
}

#[test]
fn a_mistake_is_shown_where_it_is() {
    let Some(rushes) = Rushes::new() else { return };
    let videos = Videos::new(&rushes);
    let output = rushes.run(&["search", "car tilte:Street"]);
    assert!(!output.status.success());
    let said = told(&output);
    for part in [
        "did you mean `title`?",
        "(character 5)",
        "\n  car tilte:Street\n      ^",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let answer = videos.server.get(&address(&[("q", "len:4")]));
    let body: Value = answer.send().unwrap().json().unwrap();
    assert_eq!(body["code"], "bad-filter-value", "{body:#}");
    assert_eq!(body["field"], "q", "{body:#}");
    assert!(
        body["detail"]
            .as_str()
            .unwrap()
            .contains("\n  len:4\n      ^")
    );
    // An unknown title is said, and not an empty answer.
    let answer = videos.server.get(&address(&[("q", "x title:Nowhere")]));
    assert_eq!(
        problem(answer.send().unwrap()),
        (404, "title-not-found".to_owned())
    );
}

#[test]
fn no_text_breaks_the_server() {
    let Some(rushes) = Rushes::new() else { return };
    let videos = Videos::new(&rushes);
    let long = "car ".repeat(2500);
    let brackets = "(".repeat(4000);
    let quotes = "\"".repeat(4001);
    let filters = "tag:a ".repeat(1000);
    let values = format!("tag:{}", "a,".repeat(3000));
    let binary: String = (0..2048_u32)
        .filter_map(|n| char::from_u32(n % 160))
        .collect();
    for q in [
        long.as_str(),
        &brackets,
        &quotes,
        &filters,
        &values,
        &binary,
        "\u{0}\u{1}\u{7f}",
        "\u{5e9}\u{5dc}\u{5d5}\u{5dd} title:\u{5e9} \u{202e}abc",
        "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{1f600}:\u{1f600}",
        "\u{7535}\u{5f71} \"\u{6771}\u{4eac}\" -\u{5b66}\u{6821}",
        "a' OR 1=1; DROP TABLE assets -- title:\"'; DROP TABLE shots\"",
        "metadata.a'b:1",
        "metadata.x:99999999999999999999999999999999",
        "size:>1e400",
        "len:>99999999999999999999h",
        "date:>9999-12-31",
        "^^^ ::: --- \\",
    ] {
        for answer in [
            videos.server.post("/v1/search").json(&json!({ "q": q })),
            videos.server.get(&address(&[("q", q)])),
            videos.server.post("/v1/search").json(&json!({ "text": q })),
        ] {
            let answer = answer.send().unwrap();
            let status = answer.status();
            let said = answer.text().unwrap();
            assert!(status == 200 || status.is_client_error(), "{q}: {said}");
        }
    }
    assert_eq!(videos.sorted("red car in:dialogue"), street(&[0, 50]));
    // What is not UTF-8 at all.
    let raw = videos.server.get("/v1/search?q=%ff%fe%00").send().unwrap();
    assert!(raw.status().is_success() || raw.status().is_client_error());
}

#[test]
fn a_title_that_there_is_not_gets_the_nearest_ones() {
    let Some(rushes) = Rushes::new() else { return };
    let videos = Videos::new(&rushes);
    let detail = |body: &Value| -> String {
        let answer = videos.server.post("/v1/search").json(body).send().unwrap();
        let answer: Value = answer.json().unwrap();
        assert_eq!(answer["code"], "title-not-found", "{answer:#}");
        answer["detail"].as_str().unwrap().to_owned()
    };
    let by_text = |q: &str| detail(&json!({ "q": q }));
    assert_eq!(
        by_text("car title:harbour"),
        "there is no title \"harbour\"; did you mean \"Big Harbour\"?"
    );
    assert!(by_text("car title:stret").ends_with("did you mean \"Street\"?"));
    assert_eq!(by_text("car title:bike"), "there is no title \"bike\"");
    let scoped = detail(&json!({ "text": "car", "titles": ["Steet"] }));
    assert!(scoped.ends_with("did you mean \"Street\"?"), "{scoped}");
    // On a command line as well, and only of what a key sees.
    let refused = told(&rushes.run(&["delete", "harbuor", "--yes"]));
    assert!(!refused.contains("did you mean"), "{refused}");
    let refused = told(&rushes.run(&["delete", "Big Harbuor", "--yes"]));
    assert!(
        refused.contains("did you mean \"Big Harbour\"?"),
        "{refused}"
    );
    let key = ["key", "create", "x", "--scope", "read", "--title", "Street"];
    let key = rushes.json(&key)["secret"].as_str().unwrap().to_owned();
    let ask = videos.server.post("/v1/search").bearer_auth(key);
    let hidden = ask
        .json(&json!({ "q": "car title:harbour" }))
        .send()
        .unwrap();
    let hidden: Value = hidden.json().unwrap();
    assert_eq!(hidden["detail"], "there is no title \"harbour\"");
}
