//! Both databases hold the same catalogue, and what is wrong with one is said.

use std::collections::{BTreeMap, BTreeSet};

use futures::FutureExt as _;
use rushes_models::with_causes;

use crate::catalog::events::{self, EventFilter};
use crate::catalog::testing::postgres::{PostgresServer, servers};
use crate::catalog::testing::{add, each_database, empty};
use crate::catalog::{Catalog, CatalogError, changes_after, database, note_change, queue};

use super::Dialect;

/// What is alike in both: kinds of columns, keys, indexes and references.
#[derive(Debug, Default, PartialEq, Eq)]
struct Schema {
    /// By table and column: its kind, whether it may be null, and its place in the primary key.
    columns: BTreeMap<(String, String), (String, bool, i64)>,
    indexes: BTreeSet<(String, bool)>,
    /// From a column of a table to a table, and what happens when its row is deleted.
    references: BTreeSet<(String, String, String, String)>,
}

async fn schema(catalog: &Catalog) -> Schema {
    let mut db = catalog.read().await.unwrap();
    let [columns, indexes, references] = match db.dialect() {
        Dialect::Sqlite => [
            "SELECT m.name, c.name, CASE c.type WHEN 'INTEGER' THEN 'bigint' WHEN 'REAL' THEN 'double precision'
                                        WHEN 'BLOB' THEN 'bytea' ELSE lower(c.type) END,
                    NOT c.\"notnull\" AND c.pk = 0, c.pk
               FROM sqlite_master m, pragma_table_info(m.name) c
              WHERE m.type = 'table' AND m.name NOT LIKE 'label_words%' AND m.name NOT LIKE 'sqlite%'
                AND m.name NOT LIKE '\\_%' ESCAPE '\\'",
            "SELECT i.name, i.\"unique\" FROM sqlite_master m, pragma_index_list(m.name) i
              WHERE m.type = 'table' AND i.origin = 'c'",
            "SELECT m.name, f.\"from\", f.\"table\", f.on_delete FROM sqlite_master m, pragma_foreign_key_list(m.name) f
              WHERE m.type = 'table'",
        ],
        // `rowid`, which every table of SQLite has, and the words of labels, which are a table of their own there.
        Dialect::Postgres => [
            "SELECT CAST(c.table_name AS TEXT), CAST(c.column_name AS TEXT),
                    CASE c.data_type WHEN 'boolean' THEN 'bigint' ELSE CAST(c.data_type AS TEXT) END,
                    c.is_nullable = 'YES',
                    CAST(COALESCE((SELECT array_position(i.indkey, CAST(c.ordinal_position AS SMALLINT)) + 1
                                     FROM pg_index i
                                    WHERE i.indisprimary AND i.indrelid = c.table_name::regclass), 0) AS BIGINT)
               FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
              WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.table_name <> '_sqlx_migrations'
                AND c.column_name <> 'rowid' AND c.data_type <> 'tsvector'",
            "SELECT CAST(c.relname AS TEXT), i.indisunique FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
               JOIN pg_class t ON t.oid = i.indrelid
              WHERE c.relnamespace = 'public'::regnamespace AND c.relname <> 'labels_by_words'
                AND NOT EXISTS (SELECT 1 FROM pg_constraint o WHERE o.conindid = c.oid)",
            "SELECT CAST(t.relname AS TEXT), CAST(a.attname AS TEXT), CAST(r.relname AS TEXT),
                    CASE o.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' ELSE 'NO ACTION' END
               FROM pg_constraint o JOIN pg_class t ON t.oid = o.conrelid JOIN pg_class r ON r.oid = o.confrelid
               JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = o.conkey[1]
              WHERE o.contype = 'f'",
        ],
    };
    let columns: Vec<(String, String, String, bool, i64)> = database::query_as(columns)
        .fetch_all(&mut db)
        .await
        .unwrap();
    let columns = columns
        .into_iter()
        .map(|(table, column, kind, nullable, key)| ((table, column), (kind, nullable, key)))
        .collect();
    let indexes: Vec<(String, bool)> = database::query_as(indexes)
        .fetch_all(&mut db)
        .await
        .unwrap();
    let references: Vec<(String, String, String, String)> = database::query_as(references)
        .fetch_all(&mut db)
        .await
        .unwrap();
    Schema {
        columns,
        indexes: indexes.into_iter().collect(),
        references: references.into_iter().collect(),
    }
}

#[tokio::test]
async fn both_databases_have_the_same_tables_keys_and_references() {
    let folder = tempfile::tempdir().unwrap();
    let of_sqlite = schema(&empty(&folder).await).await;
    assert!(of_sqlite.columns.len() > 200 && of_sqlite.references.len() > 20);
    for server in servers() {
        let catalog = Catalog::connect(&server.database().into()).await.unwrap();
        let of_postgres = schema(&catalog).await;
        for (column, what) in &of_sqlite.columns {
            assert_eq!(of_postgres.columns.get(column), Some(what), "{column:?}");
        }
        let missing: Vec<_> = of_postgres
            .columns
            .keys()
            .filter(|column| !of_sqlite.columns.contains_key(*column))
            .collect();
        assert!(missing.is_empty(), "only in PostgreSQL: {missing:?}");
        assert_eq!(of_postgres.indexes, of_sqlite.indexes);
        assert_eq!(of_postgres.references, of_sqlite.references);
    }
}

/// One of each type, and whether all are null.
type Values = (
    Option<i64>,
    Option<f64>,
    Option<String>,
    Option<Vec<u8>>,
    Option<bool>,
    bool,
);

#[tokio::test]
async fn values_come_back_as_they_were_bound() {
    each_database(async |catalog| {
        let mut db = catalog.read().await.unwrap();
        let text = "Ä\u{10FFFF}'\"\\\n";
        let bytes: &[u8] = &[0, 255, 39];
        for filled in [true, false] {
            let row: Values = database::query_as(
                "SELECT $1, $2, $3, $4, $5, $1 IS NULL AND $2 IS NULL AND $3 IS NULL AND $4 IS NULL AND $5 IS NULL",
            )
            .bind(filled.then_some(i64::MIN))
            .bind(filled.then_some(-0.1))
            .bind(filled.then_some(text))
            .bind(filled.then_some(bytes))
            .bind(filled.then_some(true))
            .fetch_one(&mut db)
            .await
            .unwrap();
            let expected = if filled {
                (
                    Some(i64::MIN),
                    Some(-0.1),
                    Some(text.to_owned()),
                    Some(bytes.to_vec()),
                    Some(true),
                    false,
                )
            } else {
                (None, None, None, None, None, true)
            };
            assert_eq!(row, expected);
        }
    })
    .await;
}

/// An order of people, or of a language, would be another.
#[tokio::test]
async fn text_is_ordered_and_compared_byte_by_byte() {
    each_database(async |catalog| {
        let mut tx = catalog.begin().await.unwrap();
        for name in ["é", "a", "B", "_", "z", "É", "A b", "a-b", "ab"] {
            add(&mut tx, name, 0, 1).await;
        }
        let names: Vec<String> = database::query_scalar("SELECT name FROM titles ORDER BY name")
            .fetch_all(&mut tx)
            .await
            .unwrap();
        assert_eq!(names, ["A b", "B", "_", "a", "a-b", "ab", "z", "É", "é"]);
        let names: Vec<String> =
            database::query_scalar("SELECT name FROM titles ORDER BY lower(name), name")
                .fetch_all(&mut tx)
                .await
                .unwrap();
        assert_eq!(names, ["_", "a", "A b", "a-b", "ab", "B", "z", "É", "é"]);
    })
    .await;
}

#[tokio::test]
async fn a_part_of_a_transaction_is_undone() {
    each_database(async |catalog| {
        let mut tx = catalog.begin().await.unwrap();
        add(&mut tx, "kept", 0, 1).await;
        tx.mark().await.unwrap();
        add(&mut tx, "undone", 0, 1).await;
        tx.undo().await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = catalog.begin().await.unwrap();
        add(&mut tx, "dropped", 0, 1).await;
        drop(tx);
        let mut db = catalog.read().await.unwrap();
        let names: Vec<String> = database::query_scalar("SELECT name FROM titles")
            .fetch_all(&mut db)
            .await
            .unwrap();
        assert_eq!(names, ["kept"]);
    })
    .await;
}

/// Who asks over HTTP may go away at any time.
#[tokio::test]
async fn a_writer_that_no_longer_waits_leaves_nothing_locked() {
    each_database(async |catalog| {
        let held = catalog.begin().await.unwrap();
        for _ in 0..30 {
            assert!(catalog.begin().now_or_never().is_none());
        }
        held.commit().await.unwrap();
        for title in ["a", "b", "c"] {
            let mut tx = catalog.begin().await.unwrap();
            add(&mut tx, title, 0, 1).await;
            tx.commit().await.unwrap();
            drop(catalog.snapshot().now_or_never());
            let mut all = catalog.snapshot().await.unwrap();
            let seen: Option<String> =
                database::query_scalar("SELECT id FROM titles WHERE name = $1")
                    .bind(title)
                    .fetch_optional(&mut all)
                    .await
                    .unwrap();
            assert!(seen.is_some());
        }
    })
    .await;
}

/// A change with a smaller number that others see later would never reach an index.
#[tokio::test]
async fn changes_are_numbered_in_the_order_in_which_they_are_seen() {
    each_database(async |catalog| {
        let mut tx = catalog.begin().await.unwrap();
        let (first, second) = (add(&mut tx, "a", 0, 1).await, add(&mut tx, "b", 0, 1).await);
        tx.commit().await.unwrap();
        let mut tx = catalog.begin().await.unwrap();
        note_change(&mut tx, &first).await.unwrap();
        let other = catalog.clone();
        let asset = second.clone();
        let other = tokio::spawn(async move {
            let mut tx = other.begin().await.unwrap();
            note_change(&mut tx, &asset).await.unwrap();
            tx.commit().await.unwrap();
        });
        // The other writer waits for this one, and reads do not.
        let mut db = catalog.read().await.unwrap();
        assert_eq!(changes_after(&mut db, 0, 9).await.unwrap(), []);
        assert!(!other.is_finished());
        tx.commit().await.unwrap();
        other.await.unwrap();
        let changes = changes_after(&mut db, 0, 9).await.unwrap();
        let assets: Vec<_> = changes.iter().map(|(_, asset)| asset.clone()).collect();
        assert_eq!(assets, [first.clone(), second]);
        // A new change of an asset takes the place of the one before.
        let mut tx = catalog.begin().await.unwrap();
        note_change(&mut tx, &first).await.unwrap();
        tx.commit().await.unwrap();
        let (newest, _) = changes[1];
        let later = changes_after(&mut db, newest, 9).await.unwrap();
        assert_eq!(later.len(), 1);
        assert_eq!(later[0].1, first);
    })
    .await;
}

/// A catalogue with two runs to lease.
async fn with_two_runs(server: &PostgresServer) -> Catalog {
    let catalog = Catalog::connect(&server.database().into()).await.unwrap();
    let mut tx = catalog.begin().await.unwrap();
    for title in ["a", "b"] {
        add(&mut tx, title, 0, 1).await;
    }
    database::query("UPDATE runs SET state = 'pending'")
        .execute(&mut tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    catalog
}

#[tokio::test]
async fn two_who_lease_at_once_get_different_runs() {
    for server in servers() {
        let catalog = with_two_runs(server).await;
        // The first one leases, and has not finished.
        let mut first = catalog.begin_beside().await.unwrap();
        let choice = ("media", None);
        let mut second = catalog.begin_beside().await.unwrap();
        let one = queue::lease(&mut first, choice, "1", (0, 1000))
            .await
            .unwrap();
        let two = queue::lease(&mut second, choice, "2", (0, 1000))
            .await
            .unwrap();
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_ne!(one.id, two.id);
        let three = queue::lease(&mut second, choice, "2", (0, 1000))
            .await
            .unwrap();
        assert_eq!(three, None);
        first.rollback().await.unwrap();
        second.commit().await.unwrap();
        let mut third = catalog.begin_beside().await.unwrap();
        let again = queue::lease(&mut third, choice, "3", (0, 1000))
            .await
            .unwrap();
        assert_eq!(again.unwrap().id, one.id);
    }
}

/// A follower asks for what is after the last event that it got, and never again for what is before.
#[tokio::test]
async fn an_event_is_not_seen_before_one_with_a_smaller_number() {
    for server in servers() {
        let catalog = with_two_runs(server).await;
        let mut db = catalog.read().await.unwrap();
        let seen = events::newest(&mut db).await.unwrap();
        let choice = ("media", None);
        let mut first = catalog.begin_beside().await.unwrap();
        queue::lease(&mut first, choice, "1", (0, 1000))
            .await
            .unwrap()
            .unwrap();
        let mut second = catalog.begin_beside().await.unwrap();
        queue::lease(&mut second, choice, "2", (0, 1000))
            .await
            .unwrap()
            .unwrap();
        second.commit().await.unwrap();
        let mut db = catalog.read().await.unwrap();
        let follower = tokio::spawn(async move {
            events::after(&mut db, seen, &EventFilter::ALL, 9)
                .await
                .unwrap()
        });
        let mut db = catalog.read().await.unwrap();
        let all = "SELECT COUNT(*) FROM events WHERE seq > $1";
        let there: i64 = database::query_scalar(all)
            .bind(seen)
            .fetch_one(&mut db)
            .await
            .unwrap();
        assert_eq!(there, 1);
        assert!(!follower.is_finished());
        first.commit().await.unwrap();
        let seqs: Vec<i64> = follower
            .await
            .unwrap()
            .iter()
            .map(|event| event.seq)
            .collect();
        assert_eq!(seqs, [seen + 1, seen + 2]);
    }
}

#[tokio::test]
async fn two_who_make_the_catalogue_at_once_both_get_it() {
    for server in servers() {
        let address = server.database();
        let opened = (0..4).map(|_| {
            let address = address.clone();
            async move { Catalog::connect(&address.into()).await }
        });
        for catalog in futures::future::join_all(opened).await {
            let mut tx = catalog.unwrap().begin().await.unwrap();
            add(&mut tx, "one", 0, 1).await;
            tx.commit().await.unwrap();
        }
    }
}

/// The error of opening a catalogue at an address. It never has the password.
async fn refused(address: String) -> CatalogError {
    let error = Catalog::connect(&address.into()).await.unwrap_err();
    let told = format!("{error} {error:?} {}", with_causes(&error));
    assert!(!told.contains("hush"), "{told}");
    error
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_without_its_password() {
    for (address, what) in [
        ("sqlite:hush.db", "begins with sqlite:"),
        ("mysql://a:hush@host/db", "begins with mysql:"),
        ("/data/hush/catalog.db", "relative URL"),
        ("postgres://a:hush@host", "names no database"),
        ("postgres://a:hush@host/db?sslmod=hush", "\"sslmod\""),
        ("postgres://a:hush@host/db?password=hush", "\"password\""),
        ("postgres://a:hush@host:port/db", "port"),
    ] {
        let error = refused(address.to_owned()).await;
        assert!(
            matches!(error, CatalogError::BadDatabaseUrl { .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_named() {
    let error = refused("postgres://a:hush@localhost/db?host=/nowhere".to_owned()).await;
    assert!(
        matches!(error, CatalogError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("/nowhere/db"), "{error}");
}

fn name(address: &str) -> &str {
    address.split(['/', '?']).nth(3).unwrap()
}

async fn check_refusals(server: &PostgresServer) {
    let address = server.database();
    server.execute(&address, "CREATE ROLE guarded LOGIN PASSWORD 'other'");
    let error = refused(server.address("guarded:hush", name(&address))).await;
    assert!(
        matches!(error, CatalogError::DatabaseLogin { .. }),
        "{error:?}"
    );
    // It may log in with its own password, but not create anything.
    server.execute(&address, "REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let error = refused(server.address("guarded:other", name(&address))).await;
    assert!(
        matches!(error, CatalogError::DatabaseRights { .. }),
        "{error:?}"
    );
    let error = refused(server.address("rushes:hush", "nothing")).await;
    assert!(
        matches!(error, CatalogError::NoDatabase { .. }),
        "{error:?}"
    );

    Catalog::connect(&address.clone().into()).await.unwrap();
    server.execute(
        &address,
        "INSERT INTO _sqlx_migrations VALUES (9999, 'of tomorrow', now(), true, '', 0)",
    );
    let error = refused(address.clone()).await;
    assert!(matches!(error, CatalogError::Newer { .. }), "{error:?}");
    server.execute(
        &address,
        "DELETE FROM _sqlx_migrations WHERE version = 9999",
    );
    let read_only = format!(
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        name(&address)
    );
    server.execute(&address, &read_only);
    let error = refused(address).await;
    assert!(
        matches!(error, CatalogError::ReadOnlyDatabase { .. }),
        "{error:?}"
    );

    let address = server.database();
    server.execute(
        &address,
        "CREATE DATABASE bytes TEMPLATE template0 ENCODING SQL_ASCII LOCALE 'C' LOCALE_PROVIDER libc",
    );
    let error = refused(server.address("rushes:hush", "bytes")).await;
    assert!(
        matches!(error, CatalogError::BadEncoding { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_database_is_said() {
    for server in servers() {
        check_refusals(server).await;
    }
}

#[tokio::test]
async fn a_null_character_is_refused_where_it_cannot_be_stored() {
    for server in servers() {
        let catalog = Catalog::connect(&server.database().into()).await.unwrap();
        let mut tx = catalog.begin().await.unwrap();
        let result = database::query("SELECT $1")
            .bind("a\0b")
            .execute(&mut tx)
            .await;
        let error = CatalogError::from(result.unwrap_err());
        assert_eq!(error.code(), "null-character", "{error:?}");
    }
}
