//! What answers report about what could not be found or done.

use std::path::Path;

use reqwest::blocking::Response;
use serde_json::{Value, json};

use crate::http::Server;
use crate::redact_messages::without_plates;
use crate::support::{Rushes, told, videos};

/// The coverage of an answer, whether the model of speech is installed or not.
fn without_speech(answer: &Value) -> Value {
    let mut coverage = answer["coverage"].clone();
    assert!(coverage.as_object_mut().unwrap().remove("speech").is_some());
    coverage
}

#[test]
fn a_search_of_dialogue_says_which_subtitles_could_not_be_read() {
    let Some(rushes) = Rushes::new() else { return };
    let folder = rushes.folder.path().join("in");
    std::fs::create_dir(&folder).unwrap();
    for (seed, name) in ["bad", "good"].iter().enumerate() {
        videos::made(&folder.join(name).with_extension("mp4"), 1, 30, seed);
    }
    std::fs::write(folder.join("bad.srt"), "Dear diary,\n").unwrap();
    let words = "1\n00:00:00,100 --> 00:00:01,000\nred herring\n";
    std::fs::write(folder.join("good.srt"), words).unwrap();
    rushes.json_any(&["ingest", folder.to_str().unwrap()]);
    let spoken = |more: &[&str]| {
        let args = [&["search", "--in", "dialogue", "herring"], more].concat();
        without_speech(&rushes.json(&args))
    };
    assert_eq!(
        spoken(&[]),
        json!({"ready": 1, "total": 2, "failed": 0, "dialogue": {"ready": 1, "failed": 1}})
    );
    assert_eq!(
        spoken(&["--title", "good"]),
        json!({"ready": 1, "total": 1, "failed": 0, "dialogue": {"ready": 1, "failed": 0}})
    );
    let said = told(&rushes.run(&["search", "--in", "dialogue", "no such words"]));
    assert!(
        said.contains("the subtitles of 1 of 2 files could not be read"),
        "{said}"
    );
    // All can be found by sight; dialogue is a separate matter.
    let all = rushes.json(&["search", "a pattern"]);
    assert_eq!(
        without_speech(&all),
        json!({"ready": 2, "total": 2, "failed": 0, "dialogue": {"ready": 1, "failed": 1}, "meaning": 1})
    );
    let seen = rushes.json(&["search", "--in", "visual", "a pattern"]);
    assert_eq!(
        seen["coverage"],
        json!({"ready": 2, "total": 2, "failed": 0})
    );
    // A pending video has no dialogue yet.
    let third = videos::made(&folder.join("third.mp4"), 1, 30, 3);
    rushes.json(&["ingest", "--queue-only", third.to_str().unwrap()]);
    assert_eq!(
        spoken(&[]),
        json!({"ready": 1, "total": 3, "failed": 0, "dialogue": {"ready": 1, "failed": 1}})
    );
    let said = told(&rushes.run(&["search", "--in", "dialogue", "no such words"]));
    assert!(
        said.contains("the dialogue of 1 of 3 files can be searched so far"),
        "{said}"
    );
}

#[test]
fn doctor_says_which_detectors_are_missing_and_how_to_get_them() {
    let Some(rushes) = without_plates() else {
        return;
    };
    let (checks, output) = rushes.json_any(&["doctor"]);
    let of = |what: &str| {
        let mut checks = checks.as_array().unwrap().iter();
        let found = checks.find(|check| check["what"] == what);
        found.unwrap_or_else(|| panic!("{what}: {checks:#?}"))
    };
    assert_eq!(of("redaction of faces")["ok"], true);
    let plates = of("redaction of plates");
    assert_eq!(plates["ok"], false);
    let fix = plates["fix"].as_str().unwrap();
    assert!(fix.contains("rushes models pull plates"), "{fix}");
    // Videos can be searched without.
    assert!(output.status.success(), "{}", told(&output));
    let text = told(&rushes.run(&["doctor"]));
    assert!(text.contains("rushes models pull plates"), "{text}");
}

#[test]
fn what_is_no_picture_to_search_with_is_said_in_words() {
    let Some(rushes) = Rushes::new() else { return };
    let path = |name: &str| rushes.folder.path().join(name).display().to_string();
    rushes.begin();
    std::fs::write(path("words.jpg"), "no picture").unwrap();
    let whole = crate::redact::jpeg(1);
    std::fs::write(path("cut.png"), &whole[..300]).unwrap();
    for (name, part) in [
        (path("missing.jpg"), "neither a file nor a shot id"),
        ("01KAX7Q0Z3.1".to_owned(), "neither a file nor a shot id"),
        (path(""), "a folder"),
        (path("words.jpg"), "not a picture in a supported format"),
        (path("cut.png"), "the picture is damaged"),
    ] {
        let output = rushes.run(&["similar", &name]);
        assert!(!output.status.success());
        let said = told(&output);
        assert!(said.contains(part) && said.contains(&name), "{said}");
        for raw in ["os error", "Format error", "could not be determined"] {
            assert!(!said.contains(raw), "{said}");
        }
    }
}

/// Status, code and detail of a refusal, and the field that it names.
fn refusal(answer: Response) -> (u64, String, String, Value) {
    let body: Value = answer.json().unwrap();
    let text = |key: &str| body[key].as_str().unwrap().to_owned();
    (
        body["status"].as_u64().unwrap(),
        text("code"),
        text("detail"),
        body["field"].clone(),
    )
}

#[test]
fn a_file_that_is_missing_below_a_media_root_is_not_found() {
    let Some(rushes) = Rushes::new() else { return };
    let root = rushes.folder.path().join("videos");
    std::fs::create_dir(&root).unwrap();
    let server = Server::start(&rushes, &["--media-root", root.to_str().unwrap()]);
    let register = |uri: &str| {
        let body = json!({ "uri": uri });
        refusal(server.post("/v1/assets").json(&body).send().unwrap())
    };
    let inside = root.join("missing.mp4").display().to_string();
    let (status, code, detail, _) = register(&inside);
    assert_eq!((status, code.as_str()), (404, "file-not-found"));
    assert!(detail.contains(&inside), "{detail}");
    // Nothing is revealed about other fields.
    let (status, code, ..) = register("/etc/no-such-file.mp4");
    assert_eq!((status, code.as_str()), (400, "outside-media-roots"));
}

#[test]
fn a_wrong_field_of_a_body_is_named() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    let post = |path: &str, body: &str| {
        let request = server.post(path).header("content-type", "application/json");
        refusal(request.body(body.to_owned()).send().unwrap())
    };
    let search = |body: &str| post("/v1/search", body);
    for (body, field, part) in [
        (
            r#"{"text": "x", "colour": 1}"#,
            json!("colour"),
            "there is no field `colour`; the fields are `q`, `text`, `shot`, ",
        ),
        (
            r#"{"text": "x", "limit": "ten"}"#,
            json!("limit"),
            "the field `limit` has a wrong value: ",
        ),
        (
            r#"{"text": "x", "modalities": ["smell"]}"#,
            json!("modalities[0]"),
            "the field `modalities[0]` has a wrong value: `smell` is none of `visual`, `dialogue`",
        ),
        (
            r#"{"text": "x", "text": "y"}"#,
            json!("text"),
            "the field `text` is given twice",
        ),
        (r#"{"text": "#, json!(null), "the body is not JSON: "),
    ] {
        let (status, code, detail, named) = search(body);
        assert_eq!((status, code.as_str()), (400, "bad-request"), "{body}");
        assert_eq!(named, field, "{body}: {detail}");
        assert!(detail.contains(part), "{body}: {detail}");
        for raw in ["target type", "deserialize", "expected one of", "usize"] {
            assert!(!detail.contains(raw), "{detail}");
        }
    }
    let (status, _, detail, field) = post("/v1/assets", r#"{"title": "x"}"#);
    assert_eq!((status, field), (400, json!("uri")));
    assert!(detail.contains("the field `uri` is missing"), "{detail}");
    // Queries and the settings of a redaction are parsed by the same rule.
    let answer = server.get("/v1/jobs?colour=1").send().unwrap();
    let (status, _, detail, field) = refusal(answer);
    assert_eq!((status, field), (400, json!("colour")));
    assert!(detail.contains("there is no field `colour`"), "{detail}");
    let settings = r#"{"inputs": ["/x.jpg"], "settings": {"classes": ["face"], "colour": 1}}"#;
    let (status, _, detail, field) = post("/v1/redactions", settings);
    assert_eq!((status, field), (400, json!("settings.colour")), "{detail}");
    assert!(
        detail.contains("there is no field `settings.colour`"),
        "{detail}"
    );
}

#[test]
fn a_title_that_was_not_applied_is_said_with_the_way_to_move_the_asset() {
    let Some(rushes) = Rushes::new() else { return };
    let video = videos::made(&rushes.folder.path().join("video.mp4"), 1, 40, 0);
    let copy = rushes.folder.path().join("copy.mp4");
    std::fs::copy(&video, &copy).unwrap();
    let ingest = |file: &Path, title: &str| {
        let file = file.to_str().unwrap();
        rushes.json(&["ingest", file, "--title", title])["videos"][0].clone()
    };
    let first = ingest(&video, "Day 3");
    assert_eq!(first["warnings"], json!([]));
    // The same file, and the same bytes elsewhere.
    for file in [&video, &copy] {
        let again = ingest(file, "Day 4");
        assert_eq!(
            (&again["title"], &again["new"]),
            (&json!("Day 3"), &json!(false))
        );
        let said = again["warnings"][0].as_str().unwrap();
        let asset = first["asset"].as_str().unwrap();
        for part in [
            "\"Day 4\" was not applied",
            "\"Day 3\"",
            &format!("rushes titles --move {asset} --to \"Day 4\""),
        ] {
            assert!(said.contains(part), "{said}");
        }
    }
    assert_eq!(ingest(&video, "Day 3")["warnings"], json!([]));
    // What is said works; the title that is empty then goes.
    let asset = first["asset"].as_str().unwrap();
    let titles = rushes.json(&["titles", "--move", asset, "--to", "Day 4"]);
    let names: Vec<&Value> = titles
        .as_array()
        .unwrap()
        .iter()
        .map(|title| &title["name"])
        .collect();
    assert_eq!(names, [&json!("Day 4")], "{titles:#}");
    assert_eq!(ingest(&video, "Day 4")["warnings"], json!([]));
    let found = rushes.json(&["search", "a test card", "--title", "Day 4"]);
    assert_eq!(found["hits"][0]["title"], "Day 4", "{found:#}");
    let missing = [
        "titles",
        "--move",
        "01K00000000000000000000000",
        "--to",
        "Day 4",
    ];
    assert!(told(&rushes.run(&missing)).contains("there is no asset"));
}

#[test]
fn bins_say_whose_they_are_and_how_their_picks_were_found() {
    let Some(rushes) = Rushes::new() else { return };
    let video = videos::made(&rushes.folder.path().join("video.mp4"), 2, 40, 0);
    rushes.ingest(&[&video]);
    rushes.json(&["bin", "add", "Found", "--search", "a test card", "-n", "1"]);
    let shown = rushes.json(&["bin", "show", "Found"]);
    let pick = &shown["picks"][0];
    let found = rushes.json(&["search", "a test card", "-n", "1"]);
    let hit = &found["hits"][0];
    assert_eq!(pick["score"], hit["score"], "{shown:#}");
    let similarity = |value: &Value| format!("{:.6}", value.as_f64().unwrap());
    assert_eq!(
        similarity(&pick["similarity"]),
        similarity(&hit["evidence"]["visual"]["similarity"])
    );
    let table = told(&rushes.run(&["bin", "show", "Found"]));
    assert!(
        table.contains("similarity") && table.contains("score"),
        "{table}"
    );
    let list = rushes.run(&["export", "--bin", "Found", "-f", "csv", "-o", "-"]);
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    assert!(
        list.contains("a test card, similarity 0.") && list.contains(", score 0.0"),
        "{list}"
    );

    let made = rushes.json(&[
        "key", "create", "agency", "--scope", "write", "--title", "video",
    ]);
    let server = Server::start_at(&rushes, "0.0.0.0:0", &["--insecure"]);
    let request = server
        .post("/v1/bins")
        .bearer_auth(made["secret"].as_str().unwrap());
    assert_eq!(
        request
            .json(&json!({ "name": "Theirs" }))
            .send()
            .unwrap()
            .status(),
        201
    );
    let listed = rushes.json(&["bin", "list"]);
    let owners: Vec<(&Value, &Value)> = listed["bins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bin| (&bin["name"], &bin["owner"]))
        .collect();
    assert_eq!(
        owners,
        [
            (&json!("Found"), &Value::Null),
            (&json!("Theirs"), &json!("agency"))
        ]
    );
    let table = told(&rushes.run(&["bin", "list"]));
    assert!(
        table.contains("owner") && table.contains("agency"),
        "{table}"
    );
}
