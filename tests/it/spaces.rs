//! Two models for search by sight, side by side: one answers while the other is built, and the switch.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rushes::catalog::database;
use serde_json::{Value, json};

use crate::encoders::Hub;
use crate::http::{Server, problem};
use crate::support::{Rushes, told, videos};

const NEW: &str = "clip-vit-b32";
const SHOTS: usize = 3;

/// Ingests `count` videos of [`SHOTS`] shots each.
fn ingest(rushes: &Rushes, count: usize) {
    let files: Vec<_> = (0..count)
        .map(|at| {
            let name = format!("video-{at}.mp4");
            videos::made(&rushes.folder.path().join(name), SHOTS, 30, at)
        })
        .collect();
    let paths: Vec<_> = files.iter().map(std::path::PathBuf::as_path).collect();
    let summary = rushes.ingest(&paths);
    for video in summary["videos"].as_array().unwrap() {
        assert_eq!(video["state"], "ready", "{summary:#}");
    }
}

fn model(server: &Server, id: &str) -> Value {
    let list = server.json("/v1/models");
    let models = list["models"].as_array().unwrap();
    models.iter().find(|one| one["id"] == id).unwrap().clone()
}

/// Waits until a model is as wanted.
fn until(server: &Server, id: &str, is_so: impl Fn(&Value) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let found = model(server, id);
        if is_so(&found) {
            return;
        }
        assert!(Instant::now() < deadline, "{found:#}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn search(server: &Server, by: Option<&str>) -> reqwest::blocking::Response {
    let body = json!({ "text": "a pattern", "modalities": ["visual"], "model": by, "limit": 100, "explain": true });
    server.post("/v1/search").json(&body).send().unwrap()
}

/// The model that answers, and the number of hits.
fn answer(server: &Server, by: Option<&str>) -> (String, usize) {
    let answer = search(server, by);
    assert_eq!(answer.status(), 200, "{}", answer.text().unwrap());
    let answer: Value = answer.json().unwrap();
    let model = answer["explanation"]["model"].as_str().unwrap().to_owned();
    (model, answer["hits"].as_array().unwrap().len())
}

fn post(server: &Server, what: &str) -> reqwest::blocking::Response {
    let path = format!("/v1/models/{NEW}/{what}");
    server.post(&path).send().unwrap()
}

fn activate(server: &Server, id: &str) {
    let path = format!("/v1/models/{id}/activate");
    let answer = server.post(&path).send().unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().unwrap());
    let view: Value = answer.json().unwrap();
    assert_eq!((&view["id"], &view["is_used"]), (&json!(id), &json!(true)));
}

/// Number of stored vectors of a model's shots.
async fn stored(rushes: &Rushes, id: &str) -> i64 {
    let catalog = rushes.catalog().await;
    let mut db = catalog.read().await.unwrap();
    let count = "SELECT COUNT(*) FROM vectors v JOIN runs r ON r.id = v.run_id WHERE r.feature = 'embeddings/' || $1";
    let count = database::query_scalar(count).bind(id).fetch_one(&mut db);
    count.await.unwrap()
}

fn count_of(rushes: &Rushes, id: &str) -> i64 {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(stored(rushes, id))
}

#[test]
fn a_second_model_is_built_beside_the_first_and_takes_over_in_one_step() {
    let Some((_hub, rushes)) = Hub::beside_lite() else {
        return;
    };
    ingest(&rushes, 3);
    let all = 3 * SHOTS;

    // Nobody embeds yet, so the new space stays incomplete.
    let idle = rushes.with("RUSHES_WORK__EMBED", "0");
    let server = Server::start(&idle, &[]);
    assert_eq!(
        problem(search(&server, Some(NEW))),
        (400, "no-such-space".to_owned())
    );
    assert_eq!(
        problem(post(&server, "activate")),
        (404, "space-not-found".to_owned())
    );
    let begun = post(&server, "embed");
    assert_eq!(begun.status(), 202);
    assert_eq!(begun.json::<Value>().unwrap()["space"]["state"], "building");
    assert_eq!(post(&server, "embed").status(), 202, "again is the same");
    assert_eq!(
        problem(search(&server, Some(NEW))),
        (503, "space-not-ready".to_owned())
    );
    assert_eq!(
        problem(post(&server, "activate")),
        (409, "space-not-ready".to_owned())
    );
    assert_eq!(answer(&server, None), ("lite".to_owned(), all));
    assert_eq!(model(&server, "lite")["is_used"], true);
    let unknown = server.post("/v1/models/nothing/embed").send().unwrap();
    assert_eq!(problem(unknown), (404, "model-not-found".to_owned()));
    let unfit = server.post("/v1/models/minilm/embed").send().unwrap();
    assert_eq!(problem(unfit), (400, "not-for-sight".to_owned()));
    drop(server);

    // The process dies while the vectors are computed, twice.
    let rushes = idle.with("RUSHES_WORK__EMBED", "1");
    for done in [1, 2] {
        let server = Server::start(&rushes, &[]);
        until(&server, NEW, |model| {
            model["assets"].as_u64().unwrap() >= done
        });
        assert_eq!(answer(&server, None), ("lite".to_owned(), all));
        drop(server);
    }
    let server = Server::start(&rushes, &[]);
    until(&server, NEW, |model| model["space"]["state"] == "built");
    assert_eq!(model(&server, NEW)["assets"], 3);
    assert_eq!(count_of(&rushes, NEW), count_of(&rushes, "lite"));
    assert_eq!(answer(&server, None), ("lite".to_owned(), all));
    assert_eq!(answer(&server, Some(NEW)), (NEW.to_owned(), all));

    activate(&server, NEW);
    assert_eq!(answer(&server, None), (NEW.to_owned(), all));
    drop(server);
    let server = Server::start(&rushes, &[]);
    assert_eq!(
        answer(&server, None),
        (NEW.to_owned(), all),
        "it survives a restart"
    );
    assert_eq!(answer(&server, Some("lite")), ("lite".to_owned(), all));

    // What is registered now gets the vectors of both.
    let late = videos::made(&rushes.folder.path().join("late.mp4"), SHOTS, 30, 9);
    rushes.ingest(&[&late]);
    until(&server, "lite", |model| model["assets"] == 4);
    until(&server, NEW, |model| model["assets"] == 4);
    activate(&server, "lite");
    server.search(&json!({ "text": "a pattern" }));
    assert_eq!(answer(&server, None), ("lite".to_owned(), all + SHOTS));
}

#[test]
fn searches_are_whole_while_models_are_switched() {
    let Some((_hub, rushes)) = Hub::beside_lite() else {
        return;
    };
    ingest(&rushes, 2);
    let server = Server::start(&rushes, &[]);
    assert_eq!(post(&server, "embed").status(), 202);
    until(&server, NEW, |model| model["space"]["state"] == "built");
    let stop = AtomicBool::new(false);
    let answers = std::thread::scope(|scope| {
        let searching = scope.spawn(|| {
            let mut answers = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                answers.push(answer(&server, None));
            }
            answers
        });
        for id in [NEW, "lite", NEW, "lite", NEW] {
            activate(&server, id);
            assert_eq!(answer(&server, None).0, id, "the next search is by {id}");
        }
        stop.store(true, Ordering::Relaxed);
        searching.join().unwrap()
    });
    for (model, hits) in answers {
        assert!(["lite", NEW].contains(&model.as_str()));
        assert_eq!(hits, 2 * SHOTS, "{model}");
    }

    // The vectors of the one before are kept until somebody removes them.
    let remove = |id: &str| {
        let path = format!("{}/v1/models/{id}/vectors", server.address);
        server.client.delete(path).send().unwrap()
    };
    assert_eq!(problem(remove(NEW)), (409, "model-in-use".to_owned()));
    assert_eq!(count_of(&rushes, "lite"), i64::try_from(2 * SHOTS).unwrap());
    assert_eq!(remove("lite").status(), 202);
    until(&server, "lite", |model| model["space"].is_null());
    assert_eq!(model(&server, "lite")["assets"], 0);
    assert_eq!(count_of(&rushes, "lite"), 0);
    assert_eq!(
        problem(search(&server, Some("lite"))),
        (400, "no-such-space".to_owned())
    );
    server.search(&json!({ "text": "a pattern" }));
    assert_eq!(answer(&server, None), (NEW.to_owned(), 2 * SHOTS));
    assert_eq!(problem(remove("lite")), (404, "space-not-found".to_owned()));
}

#[test]
fn models_are_built_used_and_dropped_on_the_command_line() {
    let Some((_hub, rushes)) = Hub::beside_lite() else {
        return;
    };
    ingest(&rushes, 2);
    let explained = |args: &[&str]| {
        let mut all = vec!["search", "--in", "visual", "a pattern", "--explain"];
        all.extend(args);
        let answer = rushes.json(&all);
        assert_eq!(answer["hits"].as_array().unwrap().len(), 2 * SHOTS);
        answer["explanation"]["model"].as_str().unwrap().to_owned()
    };
    let run = |args: &[&str]| {
        let output = rushes.run(args);
        (output.status.success(), told(&output))
    };
    let (ok, refused) = run(&["models", "use", NEW]);
    assert!(
        !ok && refused.contains("no video has vectors of it"),
        "{refused}"
    );
    let (ok, said) = run(&["models", "embed", NEW, "--queue-only"]);
    assert!(ok, "{said}");
    let (ok, refused) = run(&["search", "--model", NEW, "a pattern"]);
    assert!(!ok && refused.contains("still being computed"), "{refused}");
    let (ok, refused) = run(&["models", "use", NEW]);
    assert!(!ok && refused.contains("still being computed"), "{refused}");
    assert_eq!(explained(&[]), "lite");
    let (ok, said) = run(&["models", "embed", NEW]);
    assert!(ok && said.contains("complete"), "{said}");
    assert_eq!(explained(&[]), "lite");
    assert_eq!(explained(&["--model", NEW]), NEW);
    let (ok, said) = run(&["models", "use", NEW]);
    assert!(ok, "{said}");
    assert_eq!(explained(&[]), NEW);
    let listed = rushes.json(&["models", "list"]);
    let listed = listed.as_array().unwrap().iter();
    let of = |id: &str| listed.clone().find(|one| one["id"] == id).unwrap()["vectors"].clone();
    assert_eq!(of(NEW), "answers, 2 of 2 videos");
    assert_eq!(of("lite"), "built, 2 of 2 videos");
    let (ok, refused) = run(&["models", "drop", NEW]);
    assert!(!ok && refused.contains("rushes models use"), "{refused}");
    let (ok, said) = run(&["models", "drop", "lite"]);
    assert!(ok, "{said}");
    assert_eq!(count_of(&rushes, "lite"), 0);
    assert_eq!(explained(&[]), NEW);
}
