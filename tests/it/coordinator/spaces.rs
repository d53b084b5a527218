//! A second model's vectors, computed in the background.

use rushes::catalog::spaces::{self, SpaceState};
use rushes::features::tend_spaces;
use rushes_models::Space;

use super::*;

const NEW: &str = "clip-vit-b32";

fn new_space() -> Space {
    Space {
        id: format!("{NEW}@1"),
        dims: 4,
    }
}

/// Adds the model beside `lite`.
async fn add(bench: &Bench) {
    let mut tx = bench.catalog.begin().await.unwrap();
    let settings = settings();
    let first = (settings.model.as_str(), &settings.space);
    spaces::add(&mut tx, (NEW, &new_space()), first)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn tend(bench: &Bench, followed: bool) {
    let is_followed = |_| std::future::ready(Ok(followed));
    tend_spaces(&bench.catalog, &settings(), is_followed)
        .await
        .unwrap();
}

async fn state(bench: &Bench) -> SpaceState {
    let mut db = bench.catalog.read().await.unwrap();
    spaces::get(&mut db, NEW).await.unwrap().state
}

fn model(lease: &Lease) -> &str {
    let Task::Embeddings(task) = &lease.task else {
        panic!("{:?}", lease.task);
    };
    &task.model
}

/// Completes a run of the embed queue with vectors of its model.
async fn complete(bench: &Bench, lease: &Lease) {
    let output = if model(lease) == NEW {
        Output::Embeddings(EmbeddingsOutput {
            space: new_space().id,
            vectors: vec![vec![1.0, 0.0, 0.0, 0.0]; 2],
            frame_vectors: None,
        })
    } else {
        answer(lease)
    };
    let done = bench.coordinator.complete(&lease.ticket, &output).await;
    done.unwrap();
}

async fn published(bench: &Bench, asset: &AssetId) -> Vec<String> {
    let mut db = bench.catalog.read().await.unwrap();
    let published = runs::published(&mut db, asset).await.unwrap();
    let vectors = published.into_iter().map(|run| run.feature);
    let mut vectors: Vec<_> = vectors
        .filter(|feature| feature.starts_with("embeddings/"))
        .collect();
    vectors.sort();
    vectors
}

fn both() -> Vec<String> {
    vec![format!("embeddings/{NEW}"), "embeddings/lite".to_owned()]
}

#[tokio::test]
async fn vectors_in_the_background_go_last_and_hold_nothing_up() {
    let bench = Bench::over_local_embed().await;
    bench.complete_all().await;
    add(&bench).await;
    tend(&bench, true).await;
    // A video that comes later goes first all the same.
    let (other, job) = video(&bench.catalog, "b").await;
    bench.complete_media().await;
    let lease = bench.next().await.unwrap();
    assert_eq!(model(&lease), "lite");
    complete(&bench, &lease).await;
    assert_eq!(bench.state().await, RunState::Ready);
    let mut db = bench.catalog.read().await.unwrap();
    let job = jobs::get(&mut db, &job).await.unwrap();
    assert_eq!(job.state(), RunState::Ready);
    assert!(job.runs.iter().all(|run| !run.background));
    drop(db);
    assert_eq!(bench.generation().await, 1);
    assert_eq!(published(&bench, &bench.asset).await, ["embeddings/lite"]);
    tend(&bench, true).await;
    assert_eq!(state(&bench).await, SpaceState::Building);
    for _ in 0..2 {
        let lease = bench.next().await.unwrap();
        assert_eq!(model(&lease), NEW);
        complete(&bench, &lease).await;
    }
    assert!(bench.next().await.is_none());
    assert_eq!(published(&bench, &bench.asset).await, both());
    assert_eq!(published(&bench, &other).await, both());
    // Its other results are those of before.
    assert_eq!(bench.generation().await, 1);

    // It is complete once the index has it too.
    tend(&bench, false).await;
    assert_eq!(state(&bench).await, SpaceState::Building);
    tend(&bench, true).await;
    assert_eq!(state(&bench).await, SpaceState::Built);
    let mut tx = bench.catalog.begin().await.unwrap();
    spaces::activate(&mut tx, NEW).await.unwrap();
    tx.commit().await.unwrap();
    let (third, _) = video(&bench.catalog, "c").await;
    bench.complete_media().await;
    for wanted in [NEW, "lite"] {
        let lease = bench.next().await.unwrap();
        assert_eq!(model(&lease), wanted);
        complete(&bench, &lease).await;
    }
    assert_eq!(published(&bench, &third).await, both());
}

#[tokio::test]
async fn what_fails_in_the_background_does_not_keep_a_model_from_being_complete() {
    let bench = Bench::over_local_embed().await;
    bench.complete_all().await;
    add(&bench).await;
    tend(&bench, true).await;
    let lease = bench.next().await.unwrap();
    assert_eq!(model(&lease), NEW);
    let broken = failure(ErrorKind::Corrupt);
    bench
        .coordinator
        .fail(&lease.ticket, &broken)
        .await
        .unwrap();
    tend(&bench, true).await;
    assert_eq!(state(&bench).await, SpaceState::Built);
    assert_eq!(published(&bench, &bench.asset).await, ["embeddings/lite"]);
    assert_eq!(bench.state().await, RunState::Ready);
}

#[tokio::test]
async fn a_worker_gets_vectors_of_the_models_that_it_has() {
    let bench = Bench::over_local_embed().await;
    bench.complete_all().await;
    add(&bench).await;
    tend(&bench, true).await;
    let server = WorkServer::start(&bench.catalog, bench.folder.path());
    let secret = key(&bench.catalog, "gpu").await;
    let about = client(&server, &secret).about().await.unwrap();
    assert_eq!((about.model.as_str(), about.models.len()), ("lite", 2));
    let without = client(&server, &secret).of_models(vec!["lite".to_owned()]);
    assert!(without.lease("w", Queue::Embed).await.unwrap().is_none());
    let with = client(&server, &secret).of_models(vec![NEW.to_owned(), "lite".to_owned()]);
    let lease = with.lease("w", Queue::Embed).await.unwrap().unwrap();
    assert_eq!(model(&lease), NEW);
    server.stop();
}
