//! Checks that every coordinator must pass.

use super::*;
use crate::support::postgres::servers;

/// Runs each check on each coordinator.
macro_rules! suite {
    ($($check:ident)*) => {
        mod local_media { $(#[tokio::test] async fn $check() {
            super::$check(super::Bench::new(super::Over::LocalMedia).await).await;
        })* }
        mod local_embed { $(#[tokio::test] async fn $check() {
            super::$check(super::Bench::new(super::Over::LocalEmbed).await).await;
        })* }
        mod http_embed { $(#[tokio::test] async fn $check() {
            super::$check(super::Bench::new(super::Over::HttpEmbed).await).await;
        })* }
        mod postgres_media { $(#[tokio::test] async fn $check() {
            for server in super::servers() {
                super::$check(super::Bench::on(server, super::Over::LocalMedia).await).await;
            }
        })* }
        mod postgres_http_embed { $(#[tokio::test] async fn $check() {
            for server in super::servers() {
                super::$check(super::Bench::on(server, super::Over::HttpEmbed).await).await;
            }
        })* }
    };
}

suite! {
    runs_are_leased_only_when_their_inputs_are_ready
    an_asset_is_published_once_when_all_of_it_is_settled
    a_completion_counts_once_and_only_with_the_newest_token
    a_heartbeat_keeps_the_lease_until_the_job_is_cancelled
    bad_input_fails_at_once_and_what_waited_for_it_too
    what_does_not_answer_is_tried_again_later
    a_failed_side_feature_does_not_hide_the_video
    the_same_bytes_under_two_names_become_one_asset
    vectors_that_cannot_be_right_are_refused_and_nothing_is_lost
    vectors_are_stored_to_the_bit
    vectors_stay_until_those_of_a_new_model_are_ready
    a_video_deleted_under_a_worker_leaves_nothing_behind
}

async fn runs_are_leased_only_when_their_inputs_are_ready(bench: Bench) {
    let probe = bench.lease(Queue::Media).await.unwrap();
    assert!(matches!(probe.task, Task::Probe(_)));
    assert!(bench.lease(Queue::Media).await.is_none());
    assert!(bench.lease(Queue::Embed).await.is_none());
    bench.complete(&probe).await;
    let shots = bench.lease(Queue::Media).await.unwrap();
    let Task::Shots(task) = &shots.task else {
        panic!("{:?}", shots.task)
    };
    assert_eq!(task.detector, DetectorKind::Learned);
    let early = task.proxies.clone().unwrap();
    assert!(bench.lease(Queue::Embed).await.is_none());
    bench.complete(&shots).await;
    // Proxies cut early are where the proxy run looks for them.
    let mut prefix = None;
    while let Some(lease) = bench.lease(Queue::Media).await {
        if let Task::Proxies(task) = &lease.task {
            assert_eq!(early.height, task.height);
            prefix = Some(lease.prefix.clone());
        }
        bench.complete(&lease).await;
    }
    assert_eq!(prefix, Some(early.prefix));
    let vectors = bench.lease(Queue::Embed).await.unwrap();
    assert!(matches!(vectors.task, Task::Embeddings(_)));
    assert!(bench.lease(Queue::Embed).await.is_none());
}

async fn an_asset_is_published_once_when_all_of_it_is_settled(bench: Bench) {
    assert_eq!(bench.generation().await, 0);
    bench.complete_all().await;
    assert_eq!(bench.state().await, RunState::Ready);
    assert_eq!(bench.generation().await, 1);
    // Another request computes nothing and publishes nothing.
    video(&bench.catalog, "a").await;
    assert!(bench.next().await.is_none());
    assert_eq!(bench.generation().await, 1);
}

async fn a_completion_counts_once_and_only_with_the_newest_token(bench: Bench) {
    let first = bench.begin().await;
    bench.coordinator.release(&first.ticket).await.unwrap();
    let second = bench.next().await.unwrap();
    assert_eq!(first.ticket.run, second.ticket.run);
    assert!(second.ticket.token > first.ticket.token);
    assert!(lost(
        &bench
            .coordinator
            .complete(&first.ticket, &answer(&first))
            .await
    ));
    let corrupt = failure(ErrorKind::Corrupt);
    assert!(lost(&bench.coordinator.fail(&first.ticket, &corrupt).await));
    assert!(lost(&bench.coordinator.release(&first.ticket).await));
    bench.complete(&second).await;
    assert!(lost(
        &bench
            .coordinator
            .complete(&second.ticket, &answer(&second))
            .await
    ));
}

async fn a_heartbeat_keeps_the_lease_until_the_job_is_cancelled(bench: Bench) {
    let lease = bench.begin().await;
    let progress = Progress {
        done: 3,
        total: Some(10),
    };
    let beat = || bench.coordinator.heartbeat(&lease.ticket, progress);
    assert_eq!(beat().await.unwrap(), Directive::Continue);
    let mut tx = bench.catalog.begin().await.unwrap();
    jobs::cancel(&mut tx, &bench.job).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(beat().await.unwrap(), Directive::Stop);
    assert!(lost(
        &bench
            .coordinator
            .complete(&lease.ticket, &answer(&lease))
            .await
    ));
    assert_eq!(bench.state_of(&lease).await, RunState::Cancelled);
}

async fn bad_input_fails_at_once_and_what_waited_for_it_too(bench: Bench) {
    let lease = bench.begin().await;
    let bad = failure(ErrorKind::InvalidInput);
    bench.coordinator.fail(&lease.ticket, &bad).await.unwrap();
    assert_eq!(bench.state().await, RunState::Failed);
    let mut db = bench.catalog.read().await.unwrap();
    let job = jobs::get(&mut db, &bench.job).await.unwrap();
    assert_eq!(job.reasons(), ["a.mp4: because"]);
    drop(db);
    assert!(bench.next().await.is_none());
    // Another request starts again.
    video(&bench.catalog, "a").await;
    assert_eq!(bench.state_of(&lease).await, RunState::Pending);
    bench.complete_all().await;
    assert_eq!(bench.state().await, RunState::Ready);
}

async fn what_does_not_answer_is_tried_again_later(bench: Bench) {
    let lease = bench.begin().await;
    let later = failure(ErrorKind::Unavailable);
    bench.coordinator.fail(&lease.ticket, &later).await.unwrap();
    assert_eq!(bench.state_of(&lease).await, RunState::Pending);
    // It waits, and does not run at once.
    assert!(bench.next().await.is_none());
}

async fn a_failed_side_feature_does_not_hide_the_video(bench: Bench) {
    loop {
        let lease = bench.begin().await;
        if matches!(lease.task, Task::Dialogue(_) | Task::Embeddings(_)) {
            let bad = failure(ErrorKind::InvalidInput);
            bench.coordinator.fail(&lease.ticket, &bad).await.unwrap();
            break;
        }
        bench.complete(&lease).await;
    }
    bench.complete_all().await;
    assert_eq!(bench.state().await, RunState::Failed);
    assert_eq!(bench.generation().await, 1);
}

async fn the_same_bytes_under_two_names_become_one_asset(bench: Bench) {
    bench.complete_all().await;
    let (twin, job) = video(&bench.catalog, "b").await;
    let probe = bench.lease(Queue::Media).await.unwrap();
    let output = Output::Probe(ProbeOutput {
        blake3: blake3_of("file:///a.mp4"),
        info: Box::new(info()),
    });
    bench.local.complete(&probe.ticket, &output).await.unwrap();
    let mut db = bench.catalog.read().await.unwrap();
    let found = rushes::catalog::assets::get(&mut db, &twin).await.unwrap();
    assert_eq!(found.id, bench.asset);
    assert_eq!(
        jobs::get(&mut db, &job).await.unwrap().state(),
        RunState::Ready
    );
    drop(db);
    assert!(bench.next().await.is_none());
}

async fn vectors_that_cannot_be_right_are_refused_and_nothing_is_lost(bench: Bench) {
    bench.complete_media().await;
    let lease = bench.lease(Queue::Embed).await.unwrap();
    let Output::Embeddings(EmbeddingsOutput {
        space,
        vectors: sound,
        ..
    }) = answer(&lease)
    else {
        panic!("no vectors");
    };
    let with = |space: &str, vectors: &[Vec<f32>]| {
        Output::Embeddings(EmbeddingsOutput {
            space: space.to_owned(),
            vectors: vectors.to_vec(),
            frame_vectors: None,
        })
    };
    let shorter: Vec<Vec<f32>> = sound.iter().map(|vector| vector[1..].to_vec()).collect();
    let longer = |factor: f32| -> Vec<Vec<f32>> {
        let scaled = |vector: &Vec<f32>| vector.iter().map(|x| x * factor).collect();
        sound.iter().map(scaled).collect()
    };
    let nan = vectors(&[1.0, f32::NAN]);
    let infinite = vectors(&[1.0, f32::INFINITY]);
    for (bad, why) in [
        (with(&space, &sound[1..]), "1 vectors for 2 shots"),
        (with(&space, &[]), "0 vectors for 2 shots"),
        (with(&space, &shorter), "383 numbers"),
        (with("lite@9", &sound), "lite@9"),
        (with(&space, &longer(1.002)), "length 1.0020"),
        (with(&space, &longer(2.0)), "length 2.0000"),
        (with(&space, &longer(0.5)), "length 0.5000"),
        (nan, "not finite"),
        (infinite, "not finite"),
    ] {
        let refused = bench.of(Queue::Embed).complete(&lease.ticket, &bad).await;
        match refused {
            Err(CoordinatorError::Invalid(told)) => assert!(told.contains(why), "{told}"),
            other => panic!("{why}: {other:?}"),
        }
        assert_eq!(bench.state_of(&lease).await, RunState::Running);
    }
    assert_eq!(bench.generation().await, 0);
    bench.complete(&lease).await;
    assert_eq!(bench.generation().await, 1);
}

async fn vectors_are_stored_to_the_bit(bench: Bench) {
    bench.complete_media().await;
    let lease = bench.lease(Queue::Embed).await.unwrap();
    // Numbers that a conversion through decimal or wider floats might change.
    let odd = vectors(&[f32::from_bits(1), -0.0]);
    let done = bench.of(Queue::Embed).complete(&lease.ticket, &odd).await;
    done.unwrap();
    let mut db = bench.catalog.read().await.unwrap();
    let kept = rushes::catalog::vectors::of_asset(&mut db, &bench.asset).await;
    let kept = kept.unwrap().remove(0);
    let Output::Embeddings(EmbeddingsOutput { space, vectors, .. }) = odd else {
        panic!("no vectors");
    };
    let bits = |vectors: &[Vec<f32>]| -> Vec<u32> {
        vectors.iter().flatten().map(|x| x.to_bits()).collect()
    };
    assert_eq!(kept.0, space);
    assert_eq!(bits(&kept.1), bits(&vectors));
}

/// Requests the video's features with another model, whose space has the same dimension.
async fn ask_for_another_model(bench: &Bench) -> JobId {
    let mut tx = bench.catalog.begin().await.unwrap();
    let mut other = settings();
    other.model = "other".to_owned();
    other.space.id = "other@1".to_owned();
    let runs = request(&mut tx, &bench.asset, &other).await.unwrap();
    let job = jobs::create(&mut tx, &bench.asset, &runs).await.unwrap();
    tx.commit().await.unwrap();
    job
}

async fn spaces(bench: &Bench) -> Vec<String> {
    let mut db = bench.catalog.read().await.unwrap();
    let stored = rushes::catalog::vectors::of_asset(&mut db, &bench.asset).await;
    let mut spaces: Vec<String> = stored
        .unwrap()
        .into_iter()
        .map(|(space, _)| space)
        .collect();
    spaces.sort();
    spaces
}

async fn vectors_stay_until_those_of_a_new_model_are_ready(bench: Bench) {
    bench.complete_all().await;
    let before = spaces(&bench).await;
    assert_eq!(before.len(), 1);
    // Cancelled.
    let job = ask_for_another_model(&bench).await;
    let mut tx = bench.catalog.begin().await.unwrap();
    jobs::cancel(&mut tx, &job).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(spaces(&bench).await, before);
    // Failed.
    ask_for_another_model(&bench).await;
    let lease = bench.lease(Queue::Embed).await.unwrap();
    let bad = failure(ErrorKind::Unsupported);
    bench
        .of(Queue::Embed)
        .fail(&lease.ticket, &bad)
        .await
        .unwrap();
    assert_eq!(spaces(&bench).await, before);
    // Ready: then they replace the old ones.
    ask_for_another_model(&bench).await;
    let lease = bench.lease(Queue::Embed).await.unwrap();
    let Output::Embeddings(EmbeddingsOutput { vectors, .. }) = answer(&lease) else {
        panic!("no vectors");
    };
    let output = Output::Embeddings(EmbeddingsOutput {
        space: "other@1".to_owned(),
        vectors,
        frame_vectors: None,
    });
    bench
        .of(Queue::Embed)
        .complete(&lease.ticket, &output)
        .await
        .unwrap();
    assert_eq!(spaces(&bench).await, ["other@1"]);
}

async fn a_video_deleted_under_a_worker_leaves_nothing_behind(bench: Bench) {
    let lease = bench.begin().await;
    let mut tx = bench.catalog.begin().await.unwrap();
    rushes::catalog::assets::remove(&mut tx, &bench.asset)
        .await
        .unwrap();
    let prefixes = rushes::catalog::garbage::prefixes(&mut tx).await.unwrap();
    for prefix in &prefixes {
        rushes::catalog::garbage::collected(&mut tx, prefix)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    assert!(prefixes.contains(&lease.prefix));
    // Objects that the worker stored since are garbage again.
    assert!(lost(
        &bench
            .coordinator
            .complete(&lease.ticket, &answer(&lease))
            .await
    ));
    let mut db = bench.catalog.read().await.unwrap();
    let garbage = rushes::catalog::garbage::prefixes(&mut db).await.unwrap();
    assert_eq!(garbage, [lease.prefix]);
}
