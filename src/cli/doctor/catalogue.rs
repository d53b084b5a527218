//! Checks of the catalogue's database, and of the files that the catalogue names.

use std::fs::File;

use futures::TryStreamExt as _;
use rushes_models::with_causes;
use rushes_workers::storage::Uri;

use super::Check;
use crate::app::App;
use crate::catalog::database::{DatabaseFacts, Dialect};
use crate::catalog::{CatalogError, members, stored};

/// From how many milliseconds on two clocks are reported to differ.
const SKEW_MS: i64 = 2000;
/// Files that are named.
const NAMED: usize = 3;

/// What the database is, and whether its clock agrees with that of this machine.
pub(super) async fn database(app: &App) -> Vec<Check> {
    let what = "database";
    let facts = async { DatabaseFacts::of(&mut app.catalog.read().await?).await };
    let facts: Result<DatabaseFacts, CatalogError> = facts.await;
    match facts {
        Ok(facts) => {
            let name = match facts.dialect {
                Dialect::Sqlite => "SQLite",
                Dialect::Postgres => "PostgreSQL",
            };
            let found = format!(
                "{name} {}, {}, schema {}",
                facts.version, facts.encoding, facts.schema
            );
            let mut checks = vec![Check::good(what, found)];
            if facts.dialect == Dialect::Postgres {
                checks.push(clock(facts.ahead_ms));
            }
            checks
        }
        Err(error) => {
            let fix = "check that the database answers, and its log";
            vec![Check::bad(what, with_causes(&error), fix)]
        }
    }
}

/// Whether the store, which answers, is the one of a catalogue that machines share.
pub(super) async fn store(app: &App, store: String) -> Check {
    let what = "store";
    let known = async {
        let expected = members::store(&mut app.catalog.read().await?).await?;
        Ok::<_, anyhow::Error>((expected, app.storage.known_identity().await?))
    };
    match known.await {
        Ok((Some(expected), found)) if found.as_ref() != Some(&expected) => Check::bad(
            what,
            format!("{store} is not the one of the catalogue"),
            "set storage.url to that; if it is a restored backup, run `rushes store adopt`",
        ),
        Ok(_) => Check::good(what, store),
        Err(error) => Check::bad(
            what,
            with_causes(&*error),
            "check --store and the catalogue",
        ),
    }
}

/// Leases are timed by the database, and what people read by both.
fn clock(ahead_ms: i64) -> Check {
    let what = "clock of the database";
    let seconds = ahead_ms.unsigned_abs() as f64 / 1000.0;
    if ahead_ms.abs() <= SKEW_MS {
        return Check::good(what, format!("{seconds:.1} s from this machine's"));
    }
    let side = if ahead_ms > 0 { "ahead of" } else { "behind" };
    let fix = "set both clocks by NTP; until then times in lists and expiry dates of keys are off by this";
    Check::bad(what, format!("{seconds:.1} s {side} this machine's"), fix).optional()
}

/// Whether the videos in files can be read from here.
pub(super) async fn files(app: &App) -> Check {
    let what = "files of videos";
    match unreadable(app).await {
        Ok(Unreadable { count: 0, of, .. }) => Check::good(what, format!("{of} are readable")),
        Ok(Unreadable { count, of, first }) => {
            let more = if count > first.len() { " …" } else { "" };
            let found = format!(
                "{count} of {of} cannot be read from here: {}{more}",
                first.join(", ")
            );
            let fix = "mount their folders at these paths; searches and clips work without them, and nothing new can be \
                       computed of them";
            Check::bad(what, found, fix).optional()
        }
        Err(error) => Check::bad(what, with_causes(&error), "check the catalogue"),
    }
}

/// Files that cannot be read.
#[derive(Debug, Default)]
struct Unreadable {
    count: usize,
    /// Files of the catalogue.
    of: usize,
    /// The first few, with the reason.
    first: Vec<String>,
}

async fn unreadable(app: &App) -> Result<Unreadable, CatalogError> {
    let mut found = Unreadable::default();
    let mut db = app.catalog.snapshot().await?;
    let mut uris = stored::files(&mut db).try_chunks(1000);
    loop {
        let uris = match uris.try_next().await {
            Ok(Some(uris)) => uris,
            Ok(None) => return Ok(found),
            Err(error) => return Err(error.1),
        };
        let looked = tokio::task::spawn_blocking(move || {
            for uri in uris {
                found.look_at(&uri);
            }
            found
        });
        // A panic in it is one here.
        found = match looked.await {
            Ok(looked) => looked,
            Err(died) => std::panic::resume_unwind(died.into_panic()),
        };
    }
}

impl Unreadable {
    fn look_at(&mut self, uri: &str) {
        let Ok(Uri::File(path)) = uri.parse() else {
            return;
        };
        self.of += 1;
        if let Err(error) = File::open(&path) {
            self.count += 1;
            if self.first.len() < NAMED {
                self.first.push(format!("{} ({error})", path.display()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_differ_by_more_than_two_seconds_are_reported() {
        for near in [0, 2000, -2000] {
            assert!(clock(near).ok, "{near}");
        }
        let ahead = clock(2001);
        assert!(!ahead.ok && ahead.optional);
        assert!(ahead.found.contains("2.0 s ahead"), "{}", ahead.found);
        let behind = clock(-90_000);
        assert!(behind.found.contains("90.0 s behind"), "{}", behind.found);
    }
}
