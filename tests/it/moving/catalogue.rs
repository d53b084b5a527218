//! `rushes migrate`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::SystemTime;

use serde_json::Value;
use sqlx::{Connection as _, PgConnection};

use super::content::{FILLED, answers, fill, refusal, with_webhooks};
use crate::http::Server;
use crate::support::postgres::{PostgresServer, servers};
use crate::support::{DATABASE, Rushes, told};

/// With its catalogue in a file, wherever other tests keep theirs.
fn in_file() -> Option<Rushes> {
    Some(with_webhooks(Rushes::new()?.with(DATABASE, "")))
}

/// The files below a folder, and when they were written.
fn files(folder: &Path) -> BTreeMap<String, SystemTime> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            let modified = entry.metadata().unwrap().modified().unwrap();
            found.insert(entry.path().display().to_string(), modified);
        }
    }
    found
}

/// Names of tables, with rows and digests.
fn tables(moved: &Value) -> BTreeMap<String, (u64, String)> {
    let tables = moved["tables"].as_array().unwrap().iter();
    tables
        .map(|table| {
            let (rows, digest) = (table["rows"].as_u64(), table["digest"].as_str());
            let name = table["table"].as_str().unwrap().to_owned();
            (name, (rows.unwrap(), digest.unwrap().to_owned()))
        })
        .collect()
}

#[test]
fn a_library_of_every_kind_is_moved_there_and_back_and_answers_the_same() {
    for server in servers() {
        let Some(mut rushes) = in_file() else { return };
        let folder = tempfile::tempdir().unwrap();
        let shows_people = fill(&rushes, folder.path());
        let before = answers(&rushes);
        let vectors = files(&rushes.data().join("index/vectors"));
        let file = rushes.data().join("catalog.db");

        let address = server.database();
        let there = rushes.json(&["migrate", "--to", &address]);
        let moved = tables(&there);
        for table in FILLED {
            assert!(moved[table].0 > 0, "{table} is empty: {there:#}");
        }
        if shows_people {
            assert!(moved["faces"].0 > 0 && moved["people"].0 > 0);
        }
        // The file is kept. What is read from now on is in the database.
        std::fs::rename(&file, folder.path().join("kept.db")).unwrap();
        rushes = rushes.with(DATABASE, &address);
        assert_eq!(answers(&rushes), before, "PostgreSQL {}", server.version);
        // Nothing was embedded or indexed again.
        assert_eq!(files(&rushes.data().join("index/vectors")), vectors);
        assert!(!file.try_exists().unwrap());

        let back = rushes.json(&["migrate", "--to", "sqlite"]);
        assert_eq!(tables(&back), moved);
        let text = refusal(&rushes, &["migrate", "--to", "sqlite"]);
        assert!(text.contains("exists already"), "{text}");
        rushes = rushes.with(DATABASE, "");
        assert_eq!(answers(&rushes), before);
        assert_eq!(files(&rushes.data().join("index/vectors")), vectors);
        let text = refusal(&rushes, &["migrate", "--to", "sqlite"]);
        assert!(text.contains("catalog.url is not set"), "{text}");
        // It is one that work continues with.
        let output = rushes.run(&["ingest", folder.path().to_str().unwrap()]);
        assert!(output.status.success(), "{}", told(&output));
    }
}

#[test]
fn a_database_that_cannot_take_it_is_refused_and_no_password_is_printed() {
    let Some(rushes) = in_file() else { return };
    rushes.begin();
    for server in servers() {
        let hushed = |address: &str| address.replace("rushes@", "rushes:hush@");
        let used = server.database();
        server.execute(
            &used,
            "CREATE TABLE titles (id TEXT); CREATE ROLE guarded LOGIN PASSWORD 'other'",
        );
        let read_only = server.database();
        let name = read_only.split(['/', '?']).nth(3).unwrap();
        let no_changes = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
        server.execute(&read_only, &no_changes);
        let full = hushed(&server.database());
        let moved = rushes.run(&["migrate", "--to", &full]);
        assert!(moved.status.success(), "{}", told(&moved));
        assert!(!told(&moved).contains("hush"), "{}", told(&moved));
        for (address, part) in [
            (full, "is not empty: its table keys has rows"),
            (hushed(&used), "titles"),
            (hushed(&read_only), "takes no changes"),
            (
                server.address("guarded:hush", name),
                "refused the user or the password",
            ),
            (
                server.address("rushes:hush", "nothing"),
                "there is no database",
            ),
            (
                "postgres://a:hush@localhost/db?host=/nowhere".to_owned(),
                "/nowhere/db cannot be reached",
            ),
            (
                "mysql://a:hush@localhost/db".to_owned(),
                "begins with mysql:",
            ),
            ("hush".to_owned(), "relative URL"),
        ] {
            let text = refusal(&rushes, &["migrate", "--to", &address]);
            assert!(text.contains(part), "{part}: {text}");
            assert!(!text.contains("hush"), "{text}");
            assert!(!text.contains("panicked"), "{text}");
        }
    }
    // The catalogue is as it was.
    let keys = rushes.json(&["key", "list"]);
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
}

#[test]
fn a_catalogue_that_is_worked_on_is_not_moved() {
    let Some(rushes) = in_file() else { return };
    rushes.begin();
    for server in servers() {
        let serving = Server::start(&rushes, &[]);
        let address = server.database();
        let text = refusal(&rushes, &["migrate", "--to", &address]);
        assert!(
            text.contains("another process works on the data folder"),
            "{text}"
        );
        drop(serving);
        let (Some(other), target) = (Rushes::new(), server.database()) else {
            return;
        };
        // A server with another data folder, on the target.
        let other = other.with(DATABASE, &address);
        let serving = Server::start(&other, &[]);
        let text = refusal(&rushes, &["migrate", "--to", &address]);
        assert!(
            text.contains("another process works on the catalogue"),
            "{text}"
        );
        // And on the source.
        let third = Rushes::without_models().with(DATABASE, &address);
        let text = refusal(&third, &["migrate", "--to", &target]);
        assert!(
            text.contains("another process works on the catalogue"),
            "{text}"
        );
        drop(serving);
        rushes.json(&["migrate", "--to", &target]);
    }
}

/// Adds rows to a catalogue that take a while to copy.
async fn enlarge(rushes: &Rushes) {
    let catalog = rushes.catalog().await;
    let mut tx = catalog.begin().await.unwrap();
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
        INSERT INTO events (at, type, title_id, asset_id, body)
        SELECT i, 'asset.changed', '', '', '{\"of\": \"' || hex(zeroblob(100)) || '\"}' FROM n";
    rushes::catalog::database::query(many)
        .execute(&mut tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    catalog.close().await;
}

/// Whether rows of events are being copied into a database.
async fn is_copying(db: &mut PgConnection) -> bool {
    let copying = "SELECT EXISTS (SELECT 1 FROM pg_stat_progress_copy
                    WHERE relid = to_regclass('events') AND tuples_processed > 1000)";
    sqlx::query_scalar(copying).fetch_one(db).await.unwrap()
}

async fn kill_while_copying(rushes: &Rushes, server: &PostgresServer, address: &str) {
    let mut child = rushes
        .command(&["migrate", "--to", address])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut db = PgConnection::connect(address).await.unwrap();
    while !is_copying(&mut db).await {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "it ended before: {ended:?}");
        tokio::task::yield_now().await;
    }
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    // Nothing of it stays, once the server has noticed.
    while is_copying(&mut db).await {
        tokio::task::yield_now().await;
    }
    for table in ["events", "titles", "keys"] {
        let count = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        let rows: i64 = sqlx::query_scalar(count).fetch_one(&mut db).await.unwrap();
        assert_eq!(rows, 0, "{table} in PostgreSQL {}", server.version);
    }
    db.close().await.unwrap();
}

#[test]
fn a_move_that_was_killed_half_way_leaves_the_target_empty_and_is_made_again() {
    let Some(mut rushes) = in_file() else { return };
    rushes.begin();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(enlarge(&rushes));
    for server in servers() {
        let address = server.database();
        runtime.block_on(kill_while_copying(&rushes, server, &address));
        let there = rushes.json(&["migrate", "--to", &address]);
        assert!(tables(&there)["events"].0 >= 300_000);

        // And back, while the file grows.
        let file = rushes.data().join("catalog.db");
        std::fs::remove_file(&file).unwrap();
        rushes = rushes.with(DATABASE, &address);
        let mut child = rushes
            .command(&["migrate", "--to", "sqlite"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let growing = rushes.data().join("moving/catalog.db-wal");
        while std::fs::metadata(&growing).map_or(0, |file| file.len()) < 5_000_000 {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended before: {ended:?}");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
        assert!(!file.try_exists().unwrap());
        let back = rushes.json(&["migrate", "--to", "sqlite"]);
        assert_eq!(tables(&back), tables(&there));
        assert!(!rushes.data().join("moving").try_exists().unwrap());
        rushes = rushes.with(DATABASE, "");
    }
}

#[test]
fn a_move_that_is_interrupted_leaves_nothing() {
    let Some(mut rushes) = in_file() else { return };
    rushes.begin();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(enlarge(&rushes));
    let Some(server) = servers().last() else {
        return;
    };
    let address = server.database();
    rushes.json(&["migrate", "--to", &address]);
    std::fs::remove_file(rushes.data().join("catalog.db")).unwrap();
    rushes = rushes.with(DATABASE, &address);
    let child = rushes
        .command(&["migrate", "--to", "sqlite"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let growing = rushes.data().join("moving/catalog.db-wal");
    while std::fs::metadata(&growing).map_or(0, |file| file.len()) < 1_000_000 {
        std::thread::yield_now();
    }
    let id = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", told(&output));
    assert!(
        told(&output).contains("the source is unchanged"),
        "{}",
        told(&output)
    );
    for name in ["catalog.db", "moving"] {
        assert!(!rushes.data().join(name).try_exists().unwrap(), "{name}");
    }
}
