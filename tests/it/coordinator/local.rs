//! Checks of the shared catalogue, and of workers on this machine.

use super::*;
use rushes::catalog::database;

#[tokio::test]
async fn another_detector_finds_shots_anew_and_the_first_ones_are_kept() {
    let bench = Bench::new(Over::LocalMedia).await;
    bench.complete_media().await;
    let ask = async |detector| {
        let mut tx = bench.catalog.begin().await.unwrap();
        let settings = Settings {
            detector,
            ..settings()
        };
        request(&mut tx, &bench.asset, &settings).await.unwrap();
        tx.commit().await.unwrap();
    };
    ask(DetectorKind::Signal).await;
    let lease = bench.next().await.unwrap();
    let is_signal =
        |task: &Task| matches!(task, Task::Shots(task) if task.detector == DetectorKind::Signal);
    assert!(is_signal(&lease.task), "{:?}", lease.task);
    bench.complete(&lease).await;
    bench.complete_media().await;
    ask(DetectorKind::Learned).await;
    assert!(bench.next().await.is_none());
}

/// Over HTTP there are no locks: a remote worker counts as dead when its lease expires.
#[tokio::test]
async fn the_runs_of_a_dead_worker_are_taken_over_at_once() {
    let bench = Bench::new(Over::LocalMedia).await;
    let dead = WorkerLock::new(bench.folder.path(), members::fresh_name()).unwrap();
    let held = bench
        .coordinator
        .lease(dead.name(), Queue::Media)
        .await
        .unwrap()
        .unwrap();
    assert!(bench.lease(Queue::Media).await.is_none());
    // Dropping the lock is what the system does when a process dies.
    drop(dead);
    let taken = bench.lease(Queue::Media).await.unwrap();
    assert_eq!(taken.ticket.run, held.ticket.run);
    assert!(lost(
        &bench
            .coordinator
            .complete(&held.ticket, &answer(&held))
            .await
    ));
}

/// Two jobs that ask for the same runs remain two; their shared runs end with the second.
#[tokio::test]
async fn cancelling_a_job_leaves_what_another_asks_for() {
    let bench = Bench::new(Over::LocalMedia).await;
    let lease = bench.begin().await;
    let mut tx = bench.catalog.begin().await.unwrap();
    let runs = request(&mut tx, &bench.asset, &settings()).await.unwrap();
    let second = jobs::create(&mut tx, &bench.asset, &runs).await.unwrap();
    let first = jobs::cancel(&mut tx, &bench.job).await.unwrap();
    assert_eq!(first.state(), RunState::Cancelled);
    let other = jobs::get(&mut tx, &second).await.unwrap();
    assert_eq!(other.state(), RunState::Running);
    tx.commit().await.unwrap();
    let beat = bench
        .coordinator
        .heartbeat(&lease.ticket, Progress::default())
        .await;
    assert_eq!(beat.unwrap(), Directive::Continue);
    let mut tx = bench.catalog.begin().await.unwrap();
    let second = jobs::cancel(&mut tx, &second).await.unwrap();
    assert_eq!(second.state(), RunState::Cancelled);
    tx.commit().await.unwrap();
    assert_eq!(bench.state_of(&lease).await, RunState::Cancelled);
    // After another request, the first one is running again.
    let mut tx = bench.catalog.begin().await.unwrap();
    let runs = request(&mut tx, &bench.asset, &settings()).await.unwrap();
    jobs::renew(&mut tx, &bench.job, &runs).await.unwrap();
    tx.commit().await.unwrap();
    bench.complete_all().await;
    assert_eq!(bench.state().await, RunState::Ready);
}

/// A run that died with its process three times is given up, and does not block other videos meanwhile.
#[tokio::test]
async fn a_run_that_kills_its_process_is_given_up() {
    let bench = Bench::new(Over::LocalMedia).await;
    video(&bench.catalog, "b").await;
    let mut deadly = None;
    for death in 1..=3 {
        let worker = WorkerLock::new(bench.folder.path(), members::fresh_name()).unwrap();
        let lease = async || {
            let leased = bench.coordinator.lease(worker.name(), Queue::Media).await;
            leased.unwrap().unwrap()
        };
        let mut held = lease().await;
        if death == 1 {
            deadly = Some(held.ticket.run.clone());
        } else {
            // The other video's runs now come first.
            while Some(&held.ticket.run) != deadly.as_ref() {
                bench.complete(&held).await;
                held = lease().await;
            }
        }
        assert_eq!(bench.run(&held).await.deaths, death - 1);
        drop(worker);
    }
    assert!(bench.lease(Queue::Media).await.is_none());
    let mut db = bench.catalog.read().await.unwrap();
    let job = jobs::get(&mut db, &bench.job).await.unwrap();
    drop(db);
    assert_eq!(job.state(), RunState::Failed);
    assert!(
        job.reasons()[0].starts_with("process-died"),
        "{:?}",
        job.reasons()
    );
    // After another request, it starts again.
    video(&bench.catalog, "a").await;
    let again = bench.lease(Queue::Media).await.unwrap();
    assert_eq!(Some(&again.ticket.run), deadly.as_ref());
    assert_eq!(bench.run(&again).await.deaths, 0);
}

/// A jump of the clock takes no lease from a worker on this machine, whose death shows in its lock.
#[tokio::test]
async fn only_leases_of_workers_elsewhere_lapse() {
    let bench = Bench::over_http().await;
    let mut tx = bench.catalog.begin().await.unwrap();
    let long_after = |now: i64| now + 3_600_000;
    let now = rushes::catalog::now_ms();
    let local = queue::lease(&mut tx, ("embed", None), "local-1", (now, 30_000)).await;
    let local = local.unwrap().unwrap();
    assert!(
        queue::bury_lapsed(&mut tx, long_after(now))
            .await
            .unwrap()
            .is_empty()
    );
    let still = runs::get(&mut tx, &local.id).await.unwrap();
    assert_eq!(still.state, RunState::Running);
    queue::release(&mut tx, &local.id, local.token)
        .await
        .unwrap();
    for death in 1..=3 {
        let lease = queue::lease(&mut tx, ("embed", None), "remote/k/w", (now, 30_000)).await;
        let lease = lease.unwrap().unwrap();
        // Before it expires, and after a server was away and returned, the lease is still the worker's.
        assert!(
            queue::bury_lapsed(&mut tx, now + 29_999)
                .await
                .unwrap()
                .is_empty()
        );
        queue::renew_leases(&mut tx, long_after(now) + 30_000)
            .await
            .unwrap();
        assert!(
            queue::bury_lapsed(&mut tx, long_after(now))
                .await
                .unwrap()
                .is_empty()
        );
        let given_up = queue::bury_lapsed(&mut tx, long_after(now) + 30_001)
            .await
            .unwrap();
        assert_eq!(given_up.len(), usize::from(death == 3));
        assert_eq!(runs::get(&mut tx, &lease.id).await.unwrap().deaths, death);
    }
}

/// A retry scheduled far ahead by a wrong clock is not waited for.
#[tokio::test]
async fn a_retry_in_a_future_that_was_a_mistake_is_due() {
    let bench = Bench::new(Over::LocalMedia).await;
    let mut tx = bench.catalog.begin().await.unwrap();
    let (now, year) = (rushes::catalog::now_ms(), 31_536_000_000);
    let lease = queue::lease(&mut tx, ("media", None), "w", (now, 30_000))
        .await
        .unwrap()
        .unwrap();
    let verdict = queue::Verdict::Retry(year);
    let run = (&lease.id, lease.token);
    let why = failure(ErrorKind::Unavailable);
    queue::fail(&mut tx, run, &why, verdict, now).await.unwrap();
    assert!(
        queue::is_waiting(&mut tx, ("media", None), now)
            .await
            .unwrap()
    );
    let again = queue::lease(&mut tx, ("media", None), "w", (now, 30_000))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(again.id, lease.id);
    let run = (&again.id, again.token);
    queue::fail(&mut tx, run, &why, queue::Verdict::Retry(60_000), now)
        .await
        .unwrap();
    assert!(
        !queue::is_waiting(&mut tx, ("media", None), now)
            .await
            .unwrap()
    );
}

/// The counts for coverage stay right in every way in which videos come and go.
#[tokio::test]
async fn coverage_is_counted_right_without_counting() {
    let bench = Bench::new(Over::LocalEmbed).await;
    let covered = async |seq| {
        let mut db = bench.catalog.read().await.unwrap();
        let all = rushes::catalog::coverage(&mut db, "embeddings/lite", seq, None::<[&AssetId; 0]>);
        let all = all.await.unwrap();
        let ids = rushes::catalog::assets::list(&mut db, None).await.unwrap();
        let counted = rushes::catalog::coverage(&mut db, "embeddings/lite", seq, Some(&ids));
        assert_eq!(all, counted.await.unwrap());
        all
    };
    assert_eq!(covered(i64::MAX).await, (0, 1));
    bench.complete_all().await;
    assert_eq!(covered(i64::MAX).await, (1, 1));
    // Not indexed yet.
    assert_eq!(covered(0).await, (0, 1));
    let (twin, _) = video(&bench.catalog, "b").await;
    assert_eq!(covered(i64::MAX).await, (1, 2));
    bench.complete_all().await;
    assert_eq!(covered(i64::MAX).await, (2, 2));
    let mut tx = bench.catalog.begin().await.unwrap();
    rushes::catalog::assets::remove(&mut tx, &twin)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(covered(i64::MAX).await, (1, 1));
    let mut db = bench.catalog.read().await.unwrap();
    let titles = rushes::catalog::assets::titles(&mut db).await.unwrap();
    assert_eq!(titles.len(), 1);
    assert_eq!((titles[0].assets, titles[0].shots), (1, 2));
    // One change per video is kept, however often it changed.
    let changes = rushes::catalog::changes_after(&mut db, 0, 100)
        .await
        .unwrap();
    assert_eq!(changes.len(), 2);
}

/// After the clock was set back, the newer registration of a path has the smaller id.
#[tokio::test]
async fn a_file_overwritten_while_the_clock_was_wrong_replaces_the_old_one() {
    let bench = Bench::new(Over::LocalMedia).await;
    bench.complete_all().await;
    let mut tx = bench.catalog.begin().await.unwrap();
    // Ids from the future, as given out by a clock that was ahead.
    let future = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ";
    for (table, column) in [
        ("runs", "asset_id"),
        ("wanted", "asset_id"),
        ("published", "asset_id"),
        ("jobs", "asset_id"),
        ("locators", "asset_id"),
        ("changes", "asset_id"),
    ] {
        let statement = format!("UPDATE {table} SET {column} = '{future}' WHERE {column} = $1");
        database::query("PRAGMA defer_foreign_keys = ON")
            .execute(&mut tx)
            .await
            .unwrap();
        database::query(sqlx::AssertSqlSafe(statement))
            .bind(&bench.asset)
            .execute(&mut tx)
            .await
            .unwrap();
    }
    database::query("UPDATE assets SET id = $1 WHERE id = $2")
        .bind(future)
        .bind(&bench.asset)
        .execute(&mut tx)
        .await
        .unwrap();
    let locator = Locator {
        uri: "file:///a.mp4".to_owned(),
        version: Some("2".to_owned()),
        size: 11,
    };
    let new = NewAsset {
        locator: &locator,
        title: "a",
        sidecars: &[],
    };
    let (current, _) = register(&mut tx, new).await.unwrap();
    request(&mut tx, &current, &settings()).await.unwrap();
    tx.commit().await.unwrap();
    assert!(current.as_str() < future);
    let probe = bench.lease(Queue::Media).await.unwrap();
    let output = Output::Probe(ProbeOutput {
        blake3: blake3_of("other bytes"),
        info: Box::new(info()),
    });
    bench.local.complete(&probe.ticket, &output).await.unwrap();
    bench.complete_all().await;
    let mut db = bench.catalog.read().await.unwrap();
    let left = rushes::catalog::assets::list(&mut db, None).await.unwrap();
    assert_eq!(left, [current]);
}

#[test]
fn a_catalogue_cannot_be_opened_on_something_else() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file: &Path = &folder.path().join("catalog.db");
    std::fs::write(
        file,
        b"this is no database, however long it may be ...............",
    )
    .unwrap();
    let error = runtime
        .block_on(Catalog::open(file))
        .unwrap_err()
        .to_string();
    assert!(error.contains("catalog.db"), "{error}");
}
