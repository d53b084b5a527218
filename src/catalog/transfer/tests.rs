//! Catalogues with rows in every table are moved there and back.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rushes_models::with_causes;
use sqlx::AssertSqlSafe;

use super::schema::{self, ColumnKind, TablePlan, quoted};
use super::{Catalog, TransferError, TransferredTable, count};
use crate::catalog::TitleId;
use crate::catalog::database::{self, Connection};
use crate::catalog::testing::postgres::{PostgresServer, servers};
use crate::catalog::testing::{add, empty};

async fn run(db: &mut Connection, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    database::query(sql).execute(db).await.unwrap();
}

async fn integer(db: &mut Connection, sql: &str) -> i64 {
    let sql = AssertSqlSafe(sql.to_owned());
    database::query_scalar(sql).fetch_one(db).await.unwrap()
}

async fn plans(catalog: &Catalog) -> Vec<TablePlan> {
    let (mut one, mut other) = (catalog.read().await.unwrap(), catalog.read().await.unwrap());
    schema::plan(&mut one, &mut other).await.unwrap()
}

/// A value of a column that its table accepts, in SQL.
async fn value(
    db: &mut Connection,
    table: &TablePlan,
    (column, kind): &(String, ColumnKind),
    nth: i64,
) -> String {
    let refers =
        "SELECT f.\"table\", f.\"to\" FROM pragma_foreign_key_list($1) f WHERE f.\"from\" = $2";
    let refers: Option<(String, String)> = database::query_as(refers)
        .bind(&table.name)
        .bind(column)
        .fetch_optional(db)
        .await
        .unwrap();
    if let Some((other, key)) = refers {
        return format!("(SELECT {} FROM {} LIMIT 1)", quoted(&key), quoted(&other));
    }
    let made_by: String = database::query_scalar("SELECT sql FROM sqlite_master WHERE name = $1")
        .bind(&table.name)
        .fetch_one(db)
        .await
        .unwrap();
    let allowed = made_by.split_once(&format!("CHECK ({column} IN ('"));
    let in_key = table.key.iter().any(|&at| table.columns[at].0 == *column);
    match kind {
        _ if column.ends_with("tags") => r#"'["a", "b"]'"#.to_owned(),
        ColumnKind::Text => match allowed {
            Some((_, rest)) => format!("'{}'", rest.split('\'').next().unwrap()),
            None => format!("'Ä \u{10FFFF} \n''{nth}'"),
        },
        // It may be a flag, which the schema of SQLite does not say.
        ColumnKind::Integer | ColumnKind::Flag if !in_key => "1".to_owned(),
        ColumnKind::Integer | ColumnKind::Flag => nth.to_string(),
        ColumnKind::Real => format!("-0.1 * {nth}"),
        ColumnKind::Bytes => format!("x'00FF270{nth}'"),
    }
}

/// Adds rows to every table of a file of SQLite: one with values everywhere, and one with as few as there may be.
async fn fill(catalog: &Catalog) {
    let tables = plans(catalog).await;
    // Twice, because triggers delete rows of one table when another gets some.
    for table in tables.iter().chain(&tables) {
        let mut tx = catalog.begin().await.unwrap();
        for nth in [1, 2] {
            let needed = "SELECT name FROM pragma_table_info($1) WHERE \"notnull\" OR pk";
            let needed: BTreeSet<String> = database::query_scalar(needed)
                .bind(&table.name)
                .fetch_all(&mut tx)
                .await
                .unwrap()
                .into_iter()
                .collect();
            let (mut columns, mut values) = (Vec::new(), Vec::new());
            for column in &table.columns {
                if nth == 1 || needed.contains(&column.0) {
                    columns.push(quoted(&column.0));
                    values.push(value(&mut tx, table, column, nth).await);
                }
            }
            let (columns, values) = (columns.join(", "), values.join(", "));
            // A second row may be one too many.
            let sql = format!(
                "INSERT OR IGNORE INTO {} ({columns}) VALUES ({values})",
                table.quoted()
            );
            run(&mut tx, &sql).await;
        }
        tx.commit().await.unwrap();
    }
    let mut tx = catalog.begin().await.unwrap();
    add(&mut tx, "Zebra crossing", 0, 3000).await;
    tx.commit().await.unwrap();
}

/// A catalogue in a file, with rows in every table.
async fn filled(folder: &tempfile::TempDir) -> Catalog {
    let catalog = empty(folder).await;
    fill(&catalog).await;
    catalog
}

async fn database(server: &PostgresServer) -> Catalog {
    Catalog::connect_to_move(&server.database().into())
        .await
        .unwrap()
}

async fn moved(from: &Catalog, to: &Catalog) -> Result<Vec<TransferredTable>, TransferError> {
    let mut last = 0;
    let result = from
        .copy_to(to, &mut |progress| {
            assert!(last <= progress.done && progress.done <= progress.total);
            last = progress.done;
        })
        .await;
    if let Ok(tables) = &result {
        let rows: u64 = tables.iter().map(|table| table.rows).sum();
        assert_eq!(last, 2 * rows);
    }
    result
}

async fn tables_of(catalog: &Catalog) -> BTreeSet<String> {
    // Those of full-text indexes are made of other tables.
    let names = match catalog.database() {
        None => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'
                AND name NOT LIKE 'label_words%' AND name <> '_sqlx_migrations'"
        }
        Some(_) => {
            "SELECT CAST(table_name AS TEXT) FROM information_schema.tables
              WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'"
        }
    };
    let mut db = catalog.read().await.unwrap();
    let names: Vec<String> = database::query_scalar(names)
        .fetch_all(&mut db)
        .await
        .unwrap();
    names.into_iter().collect()
}

fn file(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("back").join("catalog.db")
}

#[tokio::test]
async fn every_row_of_every_table_is_moved_there_and_back() {
    for server in servers() {
        let folder = tempfile::tempdir().unwrap();
        let source = filled(&folder).await;
        let target = database(server).await;
        let there = moved(&source, &target).await.unwrap();
        let names: BTreeSet<String> = there.iter().map(|table| table.table.clone()).collect();
        assert_eq!(names, tables_of(&source).await);
        assert_eq!(names, tables_of(&target).await);
        let empty: Vec<_> = there.iter().filter(|table| table.rows == 0).collect();
        assert!(empty.is_empty(), "{empty:#?}");

        let back = file(&folder);
        std::fs::create_dir(back.parent().unwrap()).unwrap();
        // As a process that was killed left it.
        let left = back.with_file_name("moving");
        std::fs::create_dir(&left).unwrap();
        std::fs::write(left.join("catalog.db"), "half").unwrap();
        let again = target.copy_to_file(&back, &mut |_| {}).await.unwrap();
        assert_eq!(again, there);
        assert!(!left.try_exists().unwrap());
        // One file, with all of it.
        let files: Vec<_> = std::fs::read_dir(back.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(files, ["catalog.db"]);
        let error = target.copy_to_file(&back, &mut |_| {}).await.unwrap_err();
        assert!(matches!(error, TransferError::FileExists { .. }), "{error}");

        // To another server, from what came back.
        let back = Catalog::open(&back).await.unwrap();
        let third = database(server).await;
        assert_eq!(moved(&back, &third).await.unwrap(), there);
        let fourth = database(server).await;
        assert_eq!(moved(&third, &fourth).await.unwrap(), there);
    }
}

#[tokio::test]
async fn numbers_of_deleted_rows_are_not_given_again() {
    for server in servers() {
        let folder = tempfile::tempdir().unwrap();
        let source = filled(&folder).await;
        let mut tx = source.begin().await.unwrap();
        let newest = integer(&mut tx, "SELECT MAX(seq) FROM events").await;
        run(&mut tx, "DELETE FROM events WHERE seq > 2").await;
        tx.commit().await.unwrap();
        let target = database(server).await;
        moved(&source, &target).await.unwrap();
        let next = async |catalog: &Catalog| {
            let mut tx = catalog.begin().await.unwrap();
            add(&mut tx, &TitleId::new().to_string(), 0, 1).await;
            let next = integer(&mut tx, "SELECT MIN(seq) FROM events WHERE seq > 2").await;
            tx.rollback().await.unwrap();
            next
        };
        assert_eq!(next(&target).await, newest + 1);
        let back = file(&folder);
        std::fs::create_dir(back.parent().unwrap()).unwrap();
        target.copy_to_file(&back, &mut |_| {}).await.unwrap();
        let back = Catalog::open(&back).await.unwrap();
        assert!(next(&back).await > newest);
    }
}

async fn labels_with(db: &mut Connection, word: &str) -> usize {
    let dialect = db.dialect();
    let found: Vec<(i64, f64)> = database::query_as(dialect.labels_with_words())
        .bind(dialect.words_of_labels(&[word.to_owned()]))
        .fetch_all(db)
        .await
        .unwrap();
    found.len()
}

#[tokio::test]
async fn a_moved_catalogue_keeps_its_triggers_and_finds_its_words() {
    for server in servers() {
        let folder = tempfile::tempdir().unwrap();
        let source = filled(&folder).await;
        let target = database(server).await;
        moved(&source, &target).await.unwrap();
        let back = file(&folder);
        std::fs::create_dir(back.parent().unwrap()).unwrap();
        target.copy_to_file(&back, &mut |_| {}).await.unwrap();
        let back = Catalog::open(&back).await.unwrap();
        for catalog in [&source, &target, &back] {
            let mut tx = catalog.begin().await.unwrap();
            assert_eq!(labels_with(&mut tx, "zebra").await, 1);
            let before = integer(&mut tx, "SELECT COUNT(*) FROM events").await;
            add(&mut tx, "Gnu", 0, 1).await;
            let after = integer(&mut tx, "SELECT COUNT(*) FROM events").await;
            assert_eq!(after, before + 2);
            assert_eq!(labels_with(&mut tx, "gnu").await, 1);
            tx.rollback().await.unwrap();
        }
    }
}

async fn rows(catalog: &Catalog) -> i64 {
    let mut db = catalog.read().await.unwrap();
    let mut rows = 0;
    for plan in plans(catalog).await {
        rows += count(&mut db, &plan, None).await.unwrap();
    }
    rows
}

#[tokio::test]
async fn a_target_with_rows_is_refused_and_left_as_it_is() {
    for server in servers() {
        let folder = tempfile::tempdir().unwrap();
        let source = filled(&folder).await;
        let target = database(server).await;
        let mut tx = target.begin().await.unwrap();
        run(
            &mut tx,
            "INSERT INTO titles (id, name, created_at) VALUES ('a', 'a', 0)",
        )
        .await;
        tx.commit().await.unwrap();
        let before = rows(&target).await;
        let error = moved(&source, &target).await.unwrap_err();
        assert!(matches!(error, TransferError::NotEmpty { .. }), "{error}");
        assert!(error.to_string().contains("/test_"), "{error}");
        assert_eq!(rows(&target).await, before);
        let error = moved(&target, &target).await.unwrap_err();
        assert!(matches!(error, TransferError::SamePlace { .. }), "{error}");
    }
}

#[tokio::test]
async fn what_cannot_be_stored_is_named_and_nothing_is_left_in_the_target() {
    for server in servers() {
        let folder = tempfile::tempdir().unwrap();
        let source = filled(&folder).await;
        let mut tx = source.begin().await.unwrap();
        let bad = "UPDATE annotations SET note = 'a' || char(0) WHERE start_frame = 1";
        run(&mut tx, bad).await;
        tx.commit().await.unwrap();
        let target = database(server).await;
        let seeds = rows(&target).await;
        let error = moved(&source, &target).await.unwrap_err();
        let message = error.to_string();
        assert!(message.contains("annotations.note"), "{message}");
        assert!(message.contains("null character"), "{message}");
        assert_eq!(rows(&target).await, seeds);

        // What is wrong is corrected, and the same database takes it.
        let mut tx = source.begin().await.unwrap();
        run(&mut tx, "UPDATE annotations SET note = 'a'").await;
        tx.commit().await.unwrap();
        moved(&source, &target).await.unwrap();
        let mut tx = target.begin().await.unwrap();
        run(
            &mut tx,
            "UPDATE shots SET confidence = 'NaN' WHERE ordinal = 7",
        )
        .await;
        tx.commit().await.unwrap();
        let back = folder.path().join("back.db");
        let error = target.copy_to_file(&back, &mut |_| {}).await.unwrap_err();
        assert!(error.to_string().contains("shots.confidence"), "{error}");
        assert!(!back.try_exists().unwrap());
        assert!(!folder.path().join("moving").try_exists().unwrap());
    }
}

#[tokio::test]
async fn a_catalogue_that_is_used_is_not_moved() {
    for server in servers() {
        let folder = tempfile::tempdir().unwrap();
        let source = filled(&folder).await;
        let address = server.database();
        let target = Catalog::connect_to_move(&address.clone().into())
            .await
            .unwrap();
        let address = address.into();
        let other = Catalog::connect(&address).await.unwrap();
        let error = moved(&source, &target).await.unwrap_err();
        assert!(matches!(error, TransferError::InUse { .. }), "{error}");
        other.close().await;
        moved(&source, &target).await.unwrap();
        let other = Catalog::connect(&address).await.unwrap();
        let third = database(server).await;
        let error = moved(&target, &third).await.unwrap_err();
        assert!(matches!(error, TransferError::InUse { .. }), "{error}");
        other.close().await;
        moved(&target, &third).await.unwrap();
    }
}

#[tokio::test]
async fn a_difference_in_the_schemas_is_named() {
    for server in servers() {
        let folder = tempfile::tempdir().unwrap();
        let source = filled(&folder).await;
        let target = database(server).await;
        let mut tx = target.begin().await.unwrap();
        run(&mut tx, "ALTER TABLE bins ADD COLUMN colour TEXT").await;
        tx.commit().await.unwrap();
        let error = moved(&source, &target).await.unwrap_err();
        assert!(error.to_string().contains("bins.colour"), "{error}");
        let mut tx = target.begin().await.unwrap();
        run(&mut tx, "ALTER TABLE bins DROP COLUMN colour").await;
        // A table that takes less than its like: what it refuses is said by the database.
        run(&mut tx, "ALTER TABLE bins ADD CHECK (revision > 99)").await;
        tx.commit().await.unwrap();
        let error = moved(&source, &target).await.unwrap_err();
        assert!(error.to_string().contains("table bins"), "{error}");
        assert!(
            with_causes(&error).contains("check constraint"),
            "{error:?}"
        );
        assert_eq!(rows(&target).await, rows(&database(server).await).await);
    }
}
