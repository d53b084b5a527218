//! Who is seen: off until it is turned on, found by name, and gone without a trace when it is turned off.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rushes::catalog::database;
use serde_json::{Value, json};

use crate::http::{Server, problem};
use crate::support::videos::ffmpeg;
use crate::support::{Rushes, first, frames, material, models_with, told};

pub(crate) const GROUNDS: &str = "the speakers agreed to be recorded";

fn looking() -> Option<(Rushes, PathBuf)> {
    let rushes = Rushes::new()?;
    models_with("faces")?;
    Some((rushes, material()?))
}

/// The clips of speakers, in the order of their names, as one silent video: a face in every shot of 75 frames. The third and
/// the eighth show one speaker.
pub(crate) fn speakers(material: &Path, folder: &Path, most: usize) -> PathBuf {
    let mut clips: Vec<PathBuf> = std::fs::read_dir(material.join("grid"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "mpg"))
        .collect();
    clips.sort();
    clips.truncate(most);
    let mut args: Vec<String> = Vec::new();
    for clip in &clips {
        args.extend(["-i".to_owned(), clip.display().to_string()]);
    }
    let inputs: String = (0..clips.len()).map(|at| format!("[{at}:v]")).collect();
    let file = folder.join(format!("speakers-{most}.mp4"));
    args.extend([
        "-filter_complex".to_owned(),
        format!(
            "{inputs}concat=n={}:v=1:a=0,setsar=1,format=yuv420p[v]",
            clips.len()
        ),
        "-map".to_owned(),
        "[v]".to_owned(),
        "-c:v".to_owned(),
        "libx264".to_owned(),
        "-preset".to_owned(),
        "veryfast".to_owned(),
        file.display().to_string(),
    ]);
    ffmpeg(&args.iter().map(String::as_str).collect::<Vec<_>>());
    file
}

fn refusal(rushes: &Rushes, args: &[&str]) -> String {
    let output = rushes.run(args);
    assert!(!output.status.success(), "{args:?}: {}", told(&output));
    told(&output)
}

fn people(rushes: &Rushes) -> Vec<Value> {
    let list = rushes.json(&["people"]);
    list["people"].as_array().unwrap().clone()
}

fn found(rushes: &Rushes, query: &str) -> Vec<(u64, u64)> {
    let answer = rushes.json(&["search", query, "-n", "50"]);
    let hits = answer["hits"].as_array().unwrap();
    let mut found: Vec<(u64, u64)> = hits.iter().map(frames).collect();
    found.sort_unstable();
    found
}

/// The descriptors and crops in the catalogue.
fn biometrics(rushes: &Rushes) -> Vec<(Vec<u8>, Vec<u8>)> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let catalog = rushes.catalog().await;
        let mut db = catalog.read().await.unwrap();
        let rows = database::query_as("SELECT descriptor, crop FROM faces ORDER BY id")
            .fetch_all(&mut db)
            .await
            .unwrap();
        drop(db);
        catalog.close().await;
        rows
    })
}

/// The files below a folder that hold the bytes.
fn holders(folder: &Path, wanted: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holders(&path, wanted));
        } else if std::fs::read(&path)
            .unwrap()
            .windows(wanted.len())
            .any(|window| window == wanted)
        {
            found.push(path);
        }
    }
    found
}

#[test]
fn speakers_are_told_apart_and_found_by_name_and_nothing_is_left_of_them_when_it_is_turned_off() {
    let Some((rushes, material)) = looking() else {
        return;
    };
    rushes.begin();
    assert_all_is_refused(&rushes);
    let on = rushes.json(&["people", "on", "--because", GROUNDS]);
    assert_eq!(on, json!({ "is_on": true, "requested": 0 }));
    let film = speakers(&material, rushes.folder.path(), 11);
    let job = rushes.ingest(&[&film]);
    assert_eq!(job["videos"][0]["state"], "ready", "{job:#}");

    // Ten speakers, one of whom is in two clips: no face is with another's, and none is apart from its own.
    let all = people(&rushes);
    let shots: Vec<i64> = all
        .iter()
        .map(|one| one["shots"].as_i64().unwrap())
        .collect();
    assert_eq!(shots, [2, 1, 1, 1, 1, 1, 1, 1, 1, 1], "{all:#?}");
    let label = all[0]["label"].as_str().unwrap();
    rushes.json(&["people", "name", label, "Anna"]);
    assert_eq!(found(&rushes, "person:anna"), [(150, 225), (525, 600)]);
    let answer = rushes.json(&["search", "person:Anna facet:person"]);
    let who = &first(&answer)["people"][0];
    assert_eq!(who["label"], "Anna");
    let place: Vec<f64> = serde_json::from_value(who["place"].clone()).unwrap();
    assert!(
        place.iter().all(|share| (0.0..1.0).contains(share)),
        "{place:?}"
    );
    let frame = who["frame"].as_u64().unwrap();
    let (start, end) = frames(first(&answer));
    assert!((start..end).contains(&frame));
    assert_eq!(
        answer["facets"]["person"],
        json!([{ "value": "Anna", "count": 2 }])
    );
    assert_eq!(
        answer["coverage"]["people"],
        json!({ "ready": 1, "failed": 0, "installed": true })
    );
    assert_conditions_hold(&rushes);

    // Pictures come out when they are asked for, and descriptors never do.
    let crops = rushes.folder.path().join("crops");
    let shown = rushes.json(&["people", "show", "Anna", "--crops", crops.to_str().unwrap()]);
    assert_eq!(shown["faces"].as_array().unwrap().len(), 2);
    for entry in std::fs::read_dir(&crops).unwrap() {
        let picture = image::open(entry.unwrap().path()).unwrap();
        assert_eq!((picture.width(), picture.height()), (150, 150));
    }
    let before = biometrics(&rushes);
    assert_eq!(before.len(), 11);
    let exported = rushes.folder.path().join("anna.json");
    let out = rushes.run(&[
        "export",
        "--search",
        "person:Anna",
        "-f",
        "json",
        "-o",
        exported.to_str().unwrap(),
    ]);
    let texts = [
        answer.to_string(),
        shown.to_string(),
        told(&out),
        rushes.json(&["people"]).to_string(),
    ];
    assert!(out.status.success(), "{}", told(&out));
    let exported = std::fs::read_to_string(exported).unwrap();
    assert!(exported.contains("speakers-11"), "{exported}");
    for text in texts.iter().chain([&exported]) {
        assert_holds_no_descriptor(text, &before);
    }

    assert_nothing_is_left(&rushes, &film, &before);
}

/// Whatever is about people says that the sense is off, and how it is turned on.
fn assert_all_is_refused(rushes: &Rushes) {
    for args in [
        &["people"][..],
        &["people", "show", "Anna"],
        &["people", "cluster"],
        &["search", "person:Anna"],
        &["search", "face:>0.3"],
        &["search", "len:>1s facet:person"],
    ] {
        let said = refusal(rushes, args);
        assert!(
            said.contains("rushes people on --because"),
            "{args:?}: {said}"
        );
    }
    assert!(refusal(rushes, &["people", "on", "--because", " "]).contains("grounds"));
}

/// Of eleven shots with ten people, two with Anna.
fn assert_conditions_hold(rushes: &Rushes) {
    // Attributes, somebody left out, two in one shot, and nobody of that name.
    assert_eq!(found(rushes, "person:Anna face:>0.1").len(), 2);
    assert_eq!(found(rushes, "person:Anna face:>0.9"), []);
    assert_eq!(found(rushes, "len:>1s -person:Anna").len(), 9);
    let other = people(rushes)[1]["label"].as_str().unwrap().to_owned();
    assert_eq!(
        found(rushes, &format!("person:Anna person:\"{other}\"")),
        []
    );
    assert_eq!(found(rushes, &format!("person:Anna,\"{other}\"")).len(), 3);
    assert!(refusal(rushes, &["search", "person:Nobody"]).contains("Nobody"));
    let felt: usize = [
        "neutral",
        "happy",
        "sad",
        "angry",
        "fearful",
        "disgusted",
        "surprised",
    ]
    .map(|one| found(rushes, &format!("expression:{one}")).len())
    .iter()
    .sum();
    assert_eq!(felt, 11);
    assert_eq!(rushes.json(&["people", "cluster"])["moved"], 0);
}

fn assert_nothing_is_left(rushes: &Rushes, film: &Path, before: &[(Vec<u8>, Vec<u8>)]) {
    // Deleting a person leaves the others, and the same file does not bring them back.
    rushes.json(&["people", "delete", "Anna"]);
    assert_eq!(biometrics(rushes).len(), 9);
    for (descriptor, crop) in before {
        let left = biometrics(rushes).iter().any(|(one, _)| one == descriptor);
        // With a database nothing of it was ever here.
        let left = left && !rushes.has_database();
        assert_eq!(
            holders(&rushes.data(), &descriptor[64..192]).is_empty(),
            !left
        );
        assert_eq!(
            holders(&rushes.data(), &crop[crop.len() / 2..]).is_empty(),
            !left
        );
    }
    assert_eq!(
        rushes.json(&["people", "off"]),
        json!({ "is_on": false, "deleted": 9 })
    );
    for (descriptor, crop) in before {
        for part in [
            &descriptor[..64],
            &descriptor[64..192],
            &descriptor[448..],
            &crop[crop.len() / 2..],
        ] {
            let holders = holders(&rushes.data(), part);
            assert!(holders.is_empty(), "{holders:?}");
        }
    }
    assert!(refusal(rushes, &["people"]).contains("rushes people on"));
    let on = rushes.json(&["people", "on", "--because", GROUNDS]);
    assert_eq!(on["requested"], 1);
    rushes.ingest(&[film]);
    let again = people(rushes);
    assert_eq!(again.len(), 9, "{again:#?}");
    assert!(
        again
            .iter()
            .all(|one| one["shots"] == 1 && one["name"].is_null())
    );
}

/// Looks for the numbers as text, and for the bytes in base64 and in hex.
fn assert_holds_no_descriptor(text: &str, all: &[(Vec<u8>, Vec<u8>)]) {
    use base64::Engine as _;
    let folded = text.to_lowercase();
    assert!(!folded.contains("descriptor"), "{text}");
    for (descriptor, _) in all {
        let (numbers, _) = descriptor.as_chunks::<4>();
        for number in numbers.iter().map(|four| f32::from_le_bytes(*four)) {
            let digits = format!("{:.5}", number.abs());
            assert!(
                number.abs() < 0.01 || !text.contains(&digits),
                "{digits} in {text}"
            );
        }
        // Any alignment of three bytes.
        for from in 0..3 {
            let base64 = base64::engine::general_purpose::STANDARD_NO_PAD
                .encode(&descriptor[from..from + 48]);
            assert!(!text.contains(&base64[4..]), "{text}");
        }
        let hex: String = descriptor[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert!(!folded.contains(&hex), "{text}");
    }
}

/// Asks again until there is an answer.
fn until<T>(ask: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(300),
            "nobody was found"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn key(rushes: &Rushes, args: &[&str]) -> String {
    let all = [&["key", "create"], args].concat();
    rushes.json(&all)["secret"].as_str().unwrap().to_owned()
}

#[test]
fn over_http_only_an_administrator_turns_it_on_and_who_searched_for_whom_is_on_record() {
    let Some((rushes, material)) = looking() else {
        return;
    };
    let film = speakers(&material, rushes.folder.path(), 2);
    rushes.ingest(&[&film]);
    let reader = key(&rushes, &["reader", "--scope", "read"]);
    let writer = key(&rushes, &["writer", "--scope", "write"]);
    let admin = key(&rushes, &["boss", "--scope", "admin"]);
    let server = Server::start_at(&rushes, "0.0.0.0:0", &["--insecure"]);
    let get = |key: &str, path: &str| server.get(path).bearer_auth(key).send().unwrap();
    let off = (409, "people-off".to_owned());
    for path in [
        "/v1/people",
        "/v1/people/Anna",
        "/v1/people/Anna/faces",
        "/v1/search?q=person:Anna",
        "/v1/faces/01KAX7Q0Z3ABCDEFGHJKMNPQRS/crop.jpg",
    ] {
        assert_eq!(problem(get(&reader, path)), off, "{path}");
    }
    let consent = |key: &str| {
        let url = format!("{}/v1/people/consent", server.address);
        server
            .client
            .put(url)
            .bearer_auth(key)
            .json(&json!({ "because": GROUNDS }))
            .send()
            .unwrap()
    };
    assert_eq!(problem(consent(&writer)), (403, "missing-scope".to_owned()));
    let given = consent(&admin);
    assert_eq!(given.status(), 200);
    let given: Value = given.json().unwrap();
    assert_eq!(
        (&given["is_on"], &given["consent"]["key_name"]),
        (&json!(true), &json!("boss"))
    );
    // Grounds are the administrator's business.
    let seen: Value = get(&reader, "/v1/people/consent").json().unwrap();
    assert_eq!(
        seen,
        json!({ "is_on": true, "is_installed": true, "consent": null })
    );
    let people = until(|| {
        let list: Value = get(&reader, "/v1/people").json().unwrap();
        let people = list["people"].as_array().unwrap().clone();
        (people.len() == 2).then_some(people)
    });
    let person = people[0]["id"].as_str().unwrap();
    let url = format!("{}/v1/people/{person}", server.address);
    let rename = |key: &str| {
        server
            .client
            .patch(&url)
            .bearer_auth(key)
            .json(&json!({ "name": "Anna" }))
            .send()
            .unwrap()
    };
    assert_eq!(problem(rename(&reader)), (403, "missing-scope".to_owned()));
    let named = rename(&writer);
    assert_eq!(named.headers()["cache-control"], "no-store");
    assert_eq!(named.json::<Value>().unwrap()["label"], "Anna");
    let answer: Value = get(&reader, "/v1/search?q=person:Anna").json().unwrap();
    assert_eq!(first(&answer)["people"][0]["person"], person);
    let faces: Value = get(&reader, "/v1/people/Anna/faces").json().unwrap();
    let face = faces["faces"][0]["id"].as_str().unwrap();
    let crop = get(&reader, &format!("/v1/faces/{face}/crop.jpg"));
    assert_eq!(crop.headers()["content-type"], "image/jpeg");
    assert!(crop.bytes().unwrap().starts_with(&[0xFF, 0xD8]));
    let biometrics = biometrics(&rushes);
    for text in [answer.to_string(), faces.to_string(), people[0].to_string()] {
        assert_holds_no_descriptor(&text, &biometrics);
    }

    let log: Value = get(&admin, "/v1/audit").json().unwrap();
    assert_is_on_record(&log, person);

    // A key for some titles sees who is in them, and changes nobody.
    let agency = key(
        &rushes,
        &["agency", "--scope", "write", "--title", "speakers-2"],
    );
    assert_eq!(get(&agency, "/v1/people/Anna").status(), 200);
    assert_eq!(problem(rename(&agency)), (403, "title-key".to_owned()));
    let url = format!("{}/v1/people/consent", server.address);
    let gone = server
        .client
        .delete(url)
        .bearer_auth(&admin)
        .send()
        .unwrap();
    assert_eq!(gone.json::<Value>().unwrap(), json!({ "faces": 2 }));
    assert_eq!(problem(get(&reader, "/v1/search?q=person:Anna")), off);
    for (descriptor, crop) in &biometrics {
        for part in [&descriptor[64..192], &crop[crop.len() / 2..]] {
            assert_eq!(holders(&rushes.data(), part), Vec::<PathBuf>::new());
        }
    }
}

/// Who turned it on and why, and who searched for whom.
fn assert_is_on_record(log: &Value, person: &str) {
    let entries = log["entries"].as_array().unwrap();
    let entry = |method: &str| entries.iter().find(|one| one["method"] == method).unwrap();
    assert_eq!(entry("SEARCH")["key_name"], "reader");
    assert_eq!(entry("SEARCH")["note"], format!("people {person}"));
    assert!(entry("SEARCH")["key_id"].is_string());
    let put = entries
        .iter()
        .find(|one| one["status"] == 200 && one["method"] == "PUT")
        .unwrap();
    assert_eq!(
        (&put["key_name"], &put["note"]),
        (&json!("boss"), &json!(GROUNDS))
    );
}
