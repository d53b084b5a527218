//! Uploads over a line that breaks: tus 1.0.0.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::blocking::Response;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::http::{Server, files_in, problem};
use crate::support::{Rushes, videos};

const OCTETS: &str = "application/offset+octet-stream";

fn begin(server: &Server, length: usize, metadata: &str) -> String {
    let answer = server
        .post("/v1/uploads")
        .header("tus-resumable", "1.0.0")
        .header("upload-length", length)
        .header("upload-metadata", metadata)
        .send()
        .unwrap();
    assert_eq!(answer.status(), 201);
    assert!(answer.headers().contains_key("upload-expires"));
    answer.headers()["location"].to_str().unwrap().to_owned()
}

fn send(
    server: &Server,
    upload: &str,
    offset: usize,
    bytes: &[u8],
    checksum: Option<&str>,
) -> Response {
    let url = format!("{}{upload}", server.address);
    let mut request = server
        .client
        .request(Method::PATCH, url)
        .header("tus-resumable", "1.0.0")
        .header("upload-offset", offset)
        .header("content-type", OCTETS)
        .body(bytes.to_vec());
    if let Some(checksum) = checksum {
        request = request.header("upload-checksum", checksum);
    }
    request.send().unwrap()
}

fn offset(server: &Server, upload: &str) -> usize {
    let url = format!("{}{upload}", server.address);
    let answer = server
        .client
        .head(url)
        .header("tus-resumable", "1.0.0")
        .send()
        .unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["cache-control"]),
        (200, &"no-store".parse().unwrap())
    );
    answer.headers()["upload-offset"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// Announces all of `bytes`, sends `count` of them, and breaks the line.
fn break_off(server: &Server, upload: &str, offset: usize, bytes: &[u8], count: usize) {
    let host = server.address.strip_prefix("http://").unwrap();
    let mut line = TcpStream::connect(host).unwrap();
    let head = format!(
        "PATCH {upload} HTTP/1.1\r\nhost: {host}\r\ntus-resumable: 1.0.0\r\nupload-offset: {offset}\r\n\
         content-type: {OCTETS}\r\ncontent-length: {}\r\n\r\n",
        bytes.len()
    );
    line.write_all(head.as_bytes()).unwrap();
    line.write_all(&bytes[..count]).unwrap();
    line.shutdown(std::net::Shutdown::Write).unwrap();
    // Until the server has noticed.
    drop(line.read_to_end(&mut Vec::new()));
}

#[test]
fn an_upload_arrives_over_a_line_that_breaks_and_a_server_that_dies() {
    let Some(rushes) = Rushes::new() else { return };
    let file = videos::made(&rushes.folder.path().join("video.mp4"), 3, 40, 0);
    let bytes = std::fs::read(file).unwrap();
    let names = format!(
        "filename {},title {}",
        STANDARD.encode("../ä b.mp4"),
        STANDARD.encode("Größe")
    );
    let mut server = Server::start(&rushes, &[]);
    let upload = begin(&server, bytes.len(), &names);

    // A piece at a time; every other line breaks in the middle of its piece, and once the server is killed.
    let piece = bytes.len() / 7 + 1;
    let mut broken = 0;
    loop {
        let at = offset(&server, &upload);
        if at >= bytes.len() - piece {
            break;
        }
        let next = &bytes[at..at + piece];
        if broken < 3 {
            broken += 1;
            break_off(&server, &upload, at, next, piece / 2);
            let now = offset(&server, &upload);
            assert!((at..=at + piece / 2).contains(&now), "{at} {now}");
        } else {
            assert_eq!(send(&server, &upload, at, next, None).status(), 204);
        }
        if broken == 2 {
            drop(server);
            server = Server::start(&rushes, &[]);
        }
    }
    let at = offset(&server, &upload);
    let rest = &bytes[at..];
    let last = send(
        &server,
        &upload,
        at,
        rest,
        Some(&format!("sha256 {}", STANDARD.encode(Sha256::digest(rest)))),
    );
    assert_eq!(last.status(), 204);
    let job = last.headers()["rushes-job"].to_str().unwrap().to_owned();
    assert_eq!(server.finished(&job)["state"], "ready");
    let asset = server.json(&format!(
        "/v1/assets/{}",
        last.headers()["rushes-asset"].to_str().unwrap()
    ));
    assert_eq!(
        (&asset["title"], &asset["size"]),
        (&json!("Größe"), &json!(bytes.len()))
    );
    assert_eq!(asset["blake3"], blake3::hash(&bytes).to_hex().to_string());
    let shown = server.json(&upload);
    assert_eq!(
        (&shown["asset"], &shown["received"]),
        (&asset["id"], &json!(bytes.len()))
    );
    // Nothing of it is left in the spool.
    assert_eq!(files_in(&rushes.data().join("spool")), "");
}

#[test]
fn bytes_that_are_not_right_are_refused_and_nothing_is_lost() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    let upload = begin(
        &server,
        10,
        &format!("filename {}", STANDARD.encode("a.mp4")),
    );
    assert_eq!(send(&server, &upload, 0, b"abcd", None).status(), 204);
    for (offset_sent, bytes, checksum, expected) in [
        (0, &b"abcd"[..], None, (409, "wrong-offset")),
        (8, b"ij", None, (409, "wrong-offset")),
        (4, b"efghijk", None, (413, "too-large")),
        (
            4,
            b"ef",
            Some("sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            (460, "checksum-mismatch"),
        ),
        (4, b"ef", Some("md5 AAAA"), (400, "bad-request")),
        (4, b"ef", Some("sha1 AAAA"), (400, "bad-request")),
    ] {
        let refused = problem(send(&server, &upload, offset_sent, bytes, checksum));
        assert_eq!(
            refused,
            (expected.0, expected.1.to_owned()),
            "{offset_sent}"
        );
        assert_eq!(offset(&server, &upload), 4);
    }
    let plain = server
        .client
        .request(Method::PATCH, format!("{}{upload}", server.address))
        .header("tus-resumable", "1.0.0")
        .header("upload-offset", 4)
        .body("ef")
        .send()
        .unwrap();
    assert_eq!(problem(plain).0, 415);
    let old = server
        .post("/v1/uploads")
        .header("tus-resumable", "0.2.2")
        .header("upload-length", 1)
        .send()
        .unwrap();
    assert_eq!(problem(old), (412, "wrong-version".to_owned()));
    for length in ["0", "-1", "x", "99999999999999999999"] {
        let refused = server
            .post("/v1/uploads")
            .header("tus-resumable", "1.0.0")
            .header("upload-length", length);
        assert_eq!(problem(refused.send().unwrap()).0, 400, "{length}");
    }
    let huge = server
        .post("/v1/uploads")
        .header("tus-resumable", "1.0.0")
        .header("upload-length", 1_u64 << 50);
    assert_eq!(problem(huge.send().unwrap()), (413, "too-large".to_owned()));

    // What arrives whole but is no video fails as any other file does.
    let last = send(&server, &upload, 4, b"efghij", None);
    assert_eq!(last.status(), 204);
    let job = server.finished(last.headers()["rushes-job"].to_str().unwrap());
    assert_eq!(job["state"], "failed", "{job:#}");

    // Another key's upload does not exist.
    let made = rushes.json(&["key", "create", "panel", "--scope", "write"]);
    let foreign = server
        .get(&upload)
        .bearer_auth(made["secret"].as_str().unwrap())
        .send()
        .unwrap();
    assert_eq!(problem(foreign), (404, "upload-not-found".to_owned()));

    let given_up = begin(&server, 10, "");
    assert_eq!(send(&server, &given_up, 0, b"abcd", None).status(), 204);
    let url = format!("{}{given_up}", server.address);
    let deleted = server
        .client
        .delete(url)
        .header("tus-resumable", "1.0.0")
        .send()
        .unwrap();
    assert_eq!(deleted.status(), 204);
    assert_eq!(problem(server.get(&given_up).send().unwrap()).0, 404);
    assert_eq!(files_in(&rushes.data().join("spool")), "");
    let options: Value = server.json("/openapi.json")["paths"]["/v1/uploads"]["options"].clone();
    assert!(options.is_object());
}

/// Announces all bytes from `at` on and sends those before `until`, and then nothing more: the server cannot know that
/// nobody is there. Returns the line once the bytes have arrived.
fn fall_silent(
    rushes: &Rushes,
    server: &Server,
    upload: &str,
    bytes: &[u8],
    until: usize,
) -> TcpStream {
    let host = server.address.strip_prefix("http://").unwrap();
    let at = offset(server, upload);
    let mut line = TcpStream::connect(host).unwrap();
    let head = format!(
        "PATCH {upload} HTTP/1.1\r\nhost: {host}\r\ntus-resumable: 1.0.0\r\nupload-offset: {at}\r\n\
         content-type: {OCTETS}\r\ncontent-length: {}\r\n\r\n",
        bytes.len() - at
    );
    line.write_all(head.as_bytes()).unwrap();
    line.write_all(&bytes[at..until]).unwrap();
    let id = upload.rsplit('/').next().unwrap();
    let spooled = rushes.data().join("spool").join(id);
    let deadline = Instant::now() + Duration::from_secs(60);
    while std::fs::metadata(&spooled).map_or(0, |file| file.len()) < until as u64 {
        assert!(Instant::now() < deadline, "the bytes do not arrive");
        std::thread::sleep(Duration::from_millis(10));
    }
    line
}

#[test]
fn a_line_that_breaks_without_a_word_does_not_hold_up_the_next_one() {
    let Some(rushes) = Rushes::new() else { return };
    let file = videos::made(&rushes.folder.path().join("video.mp4"), 2, 40, 0);
    let bytes = std::fs::read(file).unwrap();
    let server = Server::start(&rushes, &[]);
    let name = format!("filename {}", STANDARD.encode("a.mp4"));
    let upload = begin(&server, bytes.len(), &name);
    let third = bytes.len() / 3;
    let first = fall_silent(&rushes, &server, &upload, &bytes, third);
    // A client that asks gets an offset to resume from, at once.
    assert_eq!(offset(&server, &upload), third);
    let second = fall_silent(&rushes, &server, &upload, &bytes, 2 * third);
    // A client that sends without asking gets the offset.
    let early = send(&server, &upload, third, &bytes[third..], None);
    assert_eq!(problem(early), (409, "wrong-offset".to_owned()));
    let at = offset(&server, &upload);
    assert_eq!(at, 2 * third);
    let last = send(&server, &upload, at, &bytes[at..], None);
    assert_eq!(last.status(), 204);
    let job = last.headers()["rushes-job"].to_str().unwrap();
    assert_eq!(server.finished(job)["state"], "ready");
    let asset = last.headers()["rushes-asset"].to_str().unwrap();
    let asset = server.json(&format!("/v1/assets/{asset}"));
    assert_eq!(asset["blake3"], blake3::hash(&bytes).to_hex().to_string());
    drop((first, second));

    // One can be given up while it is under way.
    let upload = begin(&server, bytes.len(), &name);
    let line = fall_silent(&rushes, &server, &upload, &bytes, third);
    let url = format!("{}{upload}", server.address);
    let deleted = server.client.delete(url).header("tus-resumable", "1.0.0");
    assert_eq!(deleted.send().unwrap().status(), 204);
    assert_eq!(problem(server.get(&upload).send().unwrap()).0, 404);
    drop(line);
    assert_eq!(files_in(&rushes.data().join("spool")), "");
}
