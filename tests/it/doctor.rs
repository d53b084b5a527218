//! `rushes doctor`: what it says of the catalogue and of the files that it names.

use serde_json::Value;

use crate::support::postgres::servers;
use crate::support::{DATABASE, Rushes, videos};

fn check(rushes: &Rushes, what: &str) -> Value {
    let (checks, _) = rushes.json_any(&["doctor"]);
    let checks = checks.as_array().unwrap();
    let found = checks.iter().find(|check| check["what"] == what);
    found.unwrap_or_else(|| panic!("{checks:#?}")).clone()
}

#[test]
fn the_database_is_described() {
    let Some(rushes) = Rushes::new() else { return };
    let rushes = rushes.with(DATABASE, "");
    let database = check(&rushes, "database");
    assert_eq!(database["ok"], true, "{database:#}");
    let found = database["found"].as_str().unwrap();
    assert!(found.starts_with("SQLite 3."), "{found}");
    assert!(found.contains("UTF-8, schema "), "{found}");
    for server in servers() {
        let Some(rushes) = Rushes::new() else { return };
        let rushes = rushes.on(server);
        let database = check(&rushes, "database");
        let found = database["found"].as_str().unwrap();
        let name = format!("PostgreSQL {}.", server.version);
        assert!(found.starts_with(&name), "{found}");
        assert!(found.contains("UTF8, schema "), "{found}");
        // It runs on this machine.
        let clock = check(&rushes, "clock of the database");
        assert_eq!(clock["ok"], true, "{clock:#}");
    }
}

#[test]
fn files_that_are_not_there_are_counted_and_named() {
    let Some(rushes) = Rushes::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<_> = (0..5)
        .map(|at| videos::made(&folder.path().join(format!("film {at}.mp4")), 1, 30, at))
        .collect();
    rushes.ingest(&[folder.path()]);
    let all = check(&rushes, "files of videos");
    assert_eq!(
        (&all["ok"], &all["found"]),
        (&true.into(), &"5 are readable".into())
    );
    for file in &files[1..] {
        std::fs::rename(file, file.with_extension("away")).unwrap();
    }
    let some = check(&rushes, "files of videos");
    // Searches work without them.
    assert_eq!(
        (&some["ok"], &some["optional"]),
        (&false.into(), &true.into())
    );
    let found = some["found"].as_str().unwrap();
    assert!(
        found.starts_with("4 of 5 cannot be read from here: "),
        "{found}"
    );
    assert_eq!(found.matches("film ").count(), 3, "{found}");
    assert!(
        found.contains("No such file") && found.ends_with('…'),
        "{found}"
    );
}
