//! What a server does with too much concurrent work, and with input beyond its limits.

use std::io::{Cursor, Read as _, Write as _};
use std::net::TcpStream;

use image::{DynamicImage, GrayImage, ImageFormat};
use reqwest::blocking::{Client, Response, multipart};
use rushes_workers::coordinator::{Coordinator as _, Failure, Lease, Ticket};
use rushes_workers::stages::Queue;
use serde_json::json;

use crate::coordinator::{Bench, answer, client, key, lost};
use crate::http::{Server, problem};
use crate::support::Rushes;
use rushes::catalog::database;

#[test]
fn more_searches_than_can_be_answered_at_once_are_turned_away() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    // All start while the first of them is still loading the encoder.
    let searchers: Vec<_> = (0..150)
        .map(|at| {
            let url = format!("{}/v1/search", server.address);
            let searcher = std::thread::Builder::new().name(format!("searcher-{at}"));
            searcher
                .spawn(move || {
                    let body = json!({"text": format!("a rabbit {at}")});
                    Client::new().post(url).json(&body).send().unwrap()
                })
                .unwrap()
        })
        .collect();
    let mut turned_away = 0;
    for searcher in searchers {
        let answer: Response = searcher.join().unwrap();
        if answer.status() == 200 {
            continue;
        }
        turned_away += 1;
        let wait: u32 = answer.headers()["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!(wait >= 1);
        assert_eq!(problem(answer), (429, "too-many-searches".to_owned()));
    }
    assert!((1..150).contains(&turned_away), "{turned_away} of 150");
    // Answered requests returned their places.
    for _ in 0..70 {
        let again = server.post("/v1/search").json(&json!({"text": "a rabbit"}));
        assert_eq!(again.send().unwrap().status(), 200);
    }
}

fn redact(server: &Server, picture: Vec<u8>) -> Response {
    let picture = multipart::Part::bytes(picture).file_name("a.png");
    let form = multipart::Form::new()
        .text("settings", r#"{"classes": ["face"]}"#)
        .part("picture", picture);
    let request = server.post("/v1/redact").header("accept", "image/*");
    request.multipart(form).send().unwrap()
}

/// A picture of one colour: a small file for any size of picture.
fn flat(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageLuma8(GrayImage::new(width, height))
        .write_to(&mut bytes, ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

#[test]
fn the_limit_of_pixels_is_configured_and_counts_before_memory_is_used() {
    let Some(rushes) = Rushes::new() else { return };
    let file = rushes.folder.path().join("rushes.toml");
    std::fs::write(&file, "[server]\npicture_limit_mpx = 1\n").unwrap();
    let rushes = rushes.with("RUSHES_CONFIG", file.to_str().unwrap());
    let server = Server::start(&rushes, &[]);
    assert_eq!(redact(&server, flat(1000, 1000)).status(), 200);
    // The memory of one picture is now in use. A picture with 50 times as many pixels must not add its own.
    let before = server.peak_memory();
    let large = flat(10_000, 5_000);
    assert!(large.len() < 1 << 20);
    for picture in [flat(1001, 1000), large] {
        let answer = redact(&server, picture);
        assert_eq!(problem(answer), (413, "picture-limit".to_owned()));
    }
    let grown = server.peak_memory() - before;
    assert!(
        grown < 30 << 20,
        "{grown} bytes for a picture that is refused"
    );
    drop(server);
    std::fs::write(&file, "[server]\npicture_limit_mpx = 2\n").unwrap();
    let server = Server::start(&rushes, &[]);
    assert_eq!(redact(&server, flat(1001, 1000)).status(), 200);
}

/// Starts to submit a result, and stops after the header.
fn begun(address: &std::net::SocketAddr, secret: &str, run: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).unwrap();
    write!(
        socket,
        "POST /v1/work/{run}/complete HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {secret}\r\n\
         content-type: application/json\r\ncontent-length: 100000\r\nexpect: 100-continue\r\n\r\n"
    )
    .unwrap();
    socket
}

#[tokio::test]
async fn a_slow_result_holds_up_only_those_of_its_own_key() {
    let bench = Bench::over_http().await;
    let server = bench.server.as_ref().unwrap();
    let lease = bench.next().await.unwrap();
    let slow = key(&bench.catalog, "slow").await;
    // The server asks for a body once it has a place for the result.
    let mut first = begun(&server.socket, &slow, &lease.ticket.run);
    let mut asked = [0; 12];
    first.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100");
    // More of them than there are places.
    let others: Vec<TcpStream> = (0..8)
        .map(|_| begun(&server.socket, &slow, &lease.ticket.run))
        .collect();
    let about = client(server, &slow);
    for _ in 0..8 {
        about.about().await.unwrap();
    }
    let result = answer(&lease);
    let sound = bench.coordinator.complete(&lease.ticket, &result);
    let sound = tokio::time::timeout(std::time::Duration::from_secs(60), sound).await;
    sound.expect("it waits for another key's results").unwrap();
    for mut other in others {
        other.set_nonblocking(true).unwrap();
        let read = other.read(&mut asked).map_err(|error| error.kind());
        assert_eq!(read, Err(std::io::ErrorKind::WouldBlock), "a second place");
    }
}

#[tokio::test]
async fn reports_on_runs_that_were_never_leased_leave_nothing() {
    let bench = Bench::over_http().await;
    let server = bench.server.as_ref().unwrap();
    let lease = bench.next().await.unwrap();
    let stranger = client(server, &key(&bench.catalog, "stranger").await);
    let mut tx = bench.catalog.begin().await.unwrap();
    rushes::catalog::assets::remove(&mut tx, &bench.asset)
        .await
        .unwrap();
    database::query("DELETE FROM garbage")
        .execute(&mut tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let failure = Failure {
        kind: rushes_models::ErrorKind::Internal,
        code: "test-failed".to_owned(),
        reason: "spite".to_owned(),
    };
    // One was leased to another key and deleted, and one never existed.
    let made_up = Lease {
        ticket: Ticket {
            run: "01KAX7Q0Z3ABCDEFGHJKMNPQRS".to_owned(),
            ..lease.ticket.clone()
        },
        ..lease.clone()
    };
    for run in [&lease, &made_up] {
        assert!(lost(&stranger.complete(&run.ticket, &answer(run)).await));
        assert!(lost(&stranger.fail(&run.ticket, &failure).await));
        assert!(lost(&stranger.release(&run.ticket).await));
    }
    assert!(lost(
        &bench.coordinator.fail(&made_up.ticket, &failure).await
    ));
    assert_eq!(garbage(&bench).await, 0);
    // Objects stored by the worker that held the run are garbage.
    let own = bench
        .coordinator
        .complete(&lease.ticket, &answer(&lease))
        .await;
    assert!(lost(&own));
    assert_eq!(garbage(&bench).await, 1);
    assert!(stranger.lease("w", Queue::Embed).await.unwrap().is_none());
}

async fn garbage(bench: &Bench) -> i64 {
    let mut db = bench.catalog.read().await.unwrap();
    database::query_scalar("SELECT COUNT(*) FROM garbage")
        .fetch_one(&mut db)
        .await
        .unwrap()
}
