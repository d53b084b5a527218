//! What one of several servers at a time does.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use rushes::catalog::members;
use serde_json::json;

use super::{BY_HOLDER, pairs, until_row};
use crate::events::{Received, receiver};
use crate::http::Server;
use crate::redactions::{accepted, counts, faces, finished, jpeg, part};
use crate::support::{told, videos};
use crate::watches::{create, id_of, until};

/// As if a server had stood still for longer than its lease: what it does as the holder of a role is refused.
#[test]
fn what_a_stale_holder_writes_is_refused() {
    for pair in pairs() {
        let _one = Server::start(&pair.one, &[]);
        until_row(&pair.one, BY_HOLDER, |_, count| count == 4);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let catalog = pair.one.catalog().await;
            let mut tx = catalog.begin().await.unwrap();
            let holder = members::all(&mut tx).await.unwrap().remove(0).name;
            let mut terms = members::renew(&mut tx, &holder, 60_000, None)
                .await
                .unwrap()
                .unwrap();
            let stale = terms.remove(0);
            tx.commit().await.unwrap();
            let under = catalog.under(stale);
            drop(under.begin().await.unwrap());
            let mut tx = catalog.begin().await.unwrap();
            members::forget(&mut tx, &holder).await.unwrap();
            tx.commit().await.unwrap();
            let refused = under.begin().await.unwrap_err();
            assert_eq!(refused.code(), "role-lost");
            catalog.close().await;
        });
        // The server hears that it was taken for dead, joins again and takes its roles in a new term.
        until_row(
            &pair.one,
            "SELECT holder, MIN(term) FROM roles GROUP BY holder HAVING COUNT(*) = 4",
            |holder, term| !holder.is_empty() && term > 2,
        );
    }
}

/// The ids of the next `count` messages; each comes once.
fn posted(received: &Receiver<Received>, count: usize) -> Vec<String> {
    let mut ids: Vec<String> = (0..count)
        .map(|_| {
            let message = received.recv_timeout(Duration::from_secs(120)).unwrap();
            assert_eq!(message.data()["type"], "title.created");
            message.header("webhook-id").to_owned()
        })
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
    ids
}

#[test]
fn an_event_is_posted_by_one_server_also_after_the_other_died() {
    for pair in pairs() {
        let (one, other) = (
            Server::start(&pair.one, &[]),
            Server::start(&pair.other, &[]),
        );
        let (url, received) = receiver(&[]);
        let hook = json!({ "url": url, "types": ["title.created"] });
        let made = one.post("/v1/webhooks").json(&hook).send().unwrap();
        assert!(made.status().is_success(), "{}", made.text().unwrap());
        let make = |server: &Server, names: std::ops::Range<usize>| {
            for name in names {
                let title = json!({ "name": format!("title {name}") });
                let made = server.post("/v1/titles").json(&title).send().unwrap();
                assert_eq!(made.status(), 201, "{}", made.text().unwrap());
            }
        };
        make(&one, 0..5);
        make(&other, 5..10);
        posted(&received, 10);
        // What the dead one could not note would be posted again, with the same id.
        let noted = "SELECT state, COUNT(*) FROM deliveries GROUP BY state";
        until_row(&pair.one, noted, |state, count| {
            state == "delivered" && count == 10
        });
        drop(one);
        make(&other, 10..15);
        posted(&received, 5);
        assert!(received.try_recv().is_err());
    }
}

#[test]
fn a_place_is_watched_by_one_server_and_by_the_other_when_it_dies() {
    for pair in pairs() {
        let incoming = pair.folder.path().join("incoming");
        std::fs::create_dir_all(&incoming).unwrap();
        videos::made(&incoming.join("first.mp4"), 2, 30, 0);
        let root = ["--media-root", pair.folder.path().to_str().unwrap()];
        let one = Server::start(&pair.one, &root);
        let other = Server::start(&pair.other, &root);
        // Asked for at the one that does not watch.
        let id = id_of(create(&other, incoming.to_str().unwrap(), None), 201);
        let watch = until(&one, &id, |watch| watch["ready"] == 1);
        assert_eq!(watch["state"], "watching");
        let watch = other.json(&format!("/v1/watches/{id}"));
        assert_eq!(
            (&watch["state"], &watch["ready"]),
            (&json!("elsewhere"), &json!(0))
        );
        drop(one);
        videos::made(&incoming.join("second.mp4"), 1, 30, 1);
        let watch = until(&other, &id, |watch| watch["ready"] == 2);
        assert_eq!(watch["state"], "watching");
        assert_eq!(
            other.json("/v1/assets")["assets"].as_array().unwrap().len(),
            2
        );
        // It is deleted at one that does not watch, too.
        let one = Server::start(&pair.one, &root);
        let path = format!("{}/v1/watches/{id}", one.address);
        assert_eq!(one.client.delete(path).send().unwrap().status(), 204);
        let gone = other.get(&format!("/v1/watches/{id}")).send().unwrap();
        assert_eq!(gone.status(), 404);
    }
}

#[test]
fn a_worker_with_a_folder_of_its_own_helps_a_server() {
    for pair in pairs() {
        let video = pair.video("video.mp4", 3, 0);
        let queued = pair
            .one
            .run(&["ingest", video.to_str().unwrap(), "--queue-only"]);
        assert!(queued.status.success(), "{}", told(&queued));
        let mut worker = pair.other.command(&["work"]).spawn().unwrap();
        let worked =
            "SELECT feature, COUNT(*) FROM published WHERE feature = 'shots' GROUP BY feature";
        until_row(&pair.one, worked, |_, count| count == 1);
        let found = pair.one.json(&["search", "a pattern"]);
        assert_eq!(found["coverage"]["total"], 1, "{found:#}");
        let deleted = pair.one.run(&["delete", "video", "--yes"]);
        assert!(
            told(&deleted).contains("the running server deletes"),
            "{}",
            told(&deleted)
        );
        until_row(
            &pair.one,
            "SELECT 'garbage', COUNT(*) FROM garbage",
            |_, count| count == 0,
        );
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
}

/// Pictures that are sent to one server are redacted by either, and both have the results.
#[test]
fn a_redaction_is_shared() {
    for pair in pairs() {
        let (one, other) = (
            Server::start(&pair.one, &[]),
            Server::start(&pair.other, &[]),
        );
        let form = (0..6).fold(faces(), |form, at| {
            form.part("file", part(jpeg(at), &format!("{at}.jpg")))
        });
        let answer = other.post("/v1/redactions").multipart(form).send().unwrap();
        let link = accepted(answer);
        let through = finished(&one, &link);
        assert_eq!(counts(&through), [0, 0, 6, 0], "{through:#}");
        for server in [&one, &other] {
            let picture = server.get(&format!("{link}/files/5")).send().unwrap();
            assert_eq!(picture.status(), 200, "{}", picture.text().unwrap());
        }
        // The originals of an upload are cleared away by the one that has the role.
        until_row(
            &pair.one,
            "SELECT 'left', COUNT(source) FROM redaction_files",
            |_, left| left == 0,
        );
        let path = format!("{}{link}", other.address);
        assert!(
            other
                .client
                .delete(path)
                .send()
                .unwrap()
                .status()
                .is_success()
        );
        until_row(
            &pair.one,
            "SELECT 'left', COUNT(*) FROM redactions",
            |_, left| left == 0,
        );
    }
}
