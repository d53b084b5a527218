//! Opening a catalogue in a database of PostgreSQL.

use std::str::FromStr as _;
use std::time::{Duration, Instant};

use rushes_models::LibraryError;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection as _, Executor as _, PgConnection};
use url::Url;

use crate::catalog::CatalogError;

/// How servers name this client.
pub(in crate::catalog) const PROGRAM: &str = "rushes";
/// The oldest version that works.
const OLDEST: i64 = 15;
/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a client that ends is waited for.
const LEAVING: Duration = Duration::from_secs(3);
/// A writer waits for others as long as in SQLite. Compiling takes longer than the queries here. The server notices the end
/// of a process after a moment, and that of a machine by its keepalive packets.
const SETTINGS: &str = "SET lock_timeout = '30s'; SET jit = off; SET tcp_keepalives_idle = 10;
    SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 3";
/// Parameters of an address. The library would write others into the log, with their values.
const PARAMETERS: [&str; 15] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "application_name",
];

fn options(address: &SecretString, program: &str) -> Result<PgConnectOptions, CatalogError> {
    let refused = |why: String| CatalogError::BadDatabaseUrl { why };
    let url = Url::parse(address.expose_secret()).map_err(|error| refused(error.to_string()))?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(refused(format!("it begins with {}:", url.scheme())));
    }
    let unknown = url
        .query_pairs()
        .map(|(key, _)| key.into_owned())
        .find(|key| !PARAMETERS.contains(&key.as_str()));
    if let Some(key) = unknown {
        return Err(refused(format!("the parameter {key:?} is not supported")));
    }
    let options = PgConnectOptions::from_str(address.expose_secret())
        .map_err(|error| refused(error.to_string()))?;
    if options.get_database().is_none() {
        return Err(refused("it names no database".to_owned()));
    }
    Ok(options.application_name(program))
}

/// The server and its database, as people may see them.
pub(in crate::catalog) fn place(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_default();
    match options.get_socket() {
        Some(socket) => format!("{}/{database}", socket.display()),
        None => format!("{}:{}/{database}", options.get_host(), options.get_port()),
    }
}

/// `program` is how the server names this client: [`PROGRAM`], or what begins with it.
pub(in crate::catalog) async fn open(
    address: &SecretString,
    program: &str,
) -> Result<PgPool, CatalogError> {
    let options = options(address, program)?;
    let place = place(&options);
    let pool = PgPoolOptions::new()
        .max_connections(16)
        .acquire_timeout(PATIENCE)
        .after_connect(|db, _| {
            Box::pin(async move {
                db.execute(SETTINGS).await?;
                Ok(())
            })
        })
        .connect_with(options)
        .await
        .map_err(|error| refusal(&place, error))?;
    let mut db = pool.acquire().await?;
    fit(&mut db, &place).await?;
    // Under a lock of the library's own, so that of two who start at once one waits.
    sqlx::migrate!("src/catalog/migrations/postgres")
        .run(&mut *db)
        .await
        .map_err(|error| unmigrated(&place, error))?;
    drop(db);
    Ok(pool)
}

/// Whether the server can hold a catalogue.
async fn fit(db: &mut PgConnection, place: &str) -> Result<(), CatalogError> {
    let place = || place.to_owned();
    let setting = "SELECT current_setting('server_version_num')::BIGINT / 10000,
                          current_setting('server_encoding'),
                          pg_is_in_recovery() OR current_setting('transaction_read_only')::BOOLEAN";
    let (version, encoding, is_read_only): (i64, String, bool) =
        sqlx::query_as(setting).fetch_one(db).await?;
    if version < OLDEST {
        return Err(CatalogError::OldDatabase {
            place: place(),
            version,
        });
    }
    if encoding != "UTF8" {
        return Err(CatalogError::BadEncoding {
            place: place(),
            encoding,
        });
    }
    if is_read_only {
        return Err(CatalogError::ReadOnlyDatabase { place: place() });
    }
    Ok(())
}

/// What an error while opening means.
fn refusal(place: &str, error: sqlx::Error) -> CatalogError {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .map(std::borrow::Cow::into_owned);
    let (place, source) = (place.to_owned(), LibraryError::new(error));
    match code.as_deref() {
        // Of the class of invalid authorisation.
        Some(code) if code.starts_with("28") => CatalogError::DatabaseLogin { place, source },
        Some("3D000") => CatalogError::NoDatabase { place },
        Some("42501") => CatalogError::DatabaseRights { place, source },
        Some("25006") => CatalogError::ReadOnlyDatabase { place },
        _ => CatalogError::Unreachable { place, source },
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others mean that the program itself is wrong"
)]
fn unmigrated(place: &str, error: MigrateError) -> CatalogError {
    match error {
        MigrateError::VersionMissing(_) => CatalogError::Newer {
            place: place.to_owned(),
        },
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            refusal(place, error)
        }
        error => CatalogError::Database(LibraryError::new(error)),
    }
}

/// A connection beside the pool, on which nothing waits for long.
pub(super) async fn connect(pool: &PgPool) -> Result<PgConnection, sqlx::Error> {
    let mut db = PgConnection::connect_with(&pool.connect_options()).await?;
    db.execute(SETTINGS).await?;
    db.execute("SET statement_timeout = '30s'").await?;
    Ok(db)
}

/// Whether another rushes is connected, but for those named `program`. One that ends is waited for: the server notices it
/// after a moment.
pub(in crate::catalog) async fn others(pool: &PgPool, program: &str) -> Result<bool, CatalogError> {
    let others = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity
        WHERE datname = current_database() AND starts_with(application_name, $1) AND application_name <> $2)";
    let begun = Instant::now();
    loop {
        let others: bool = sqlx::query_scalar(others)
            .bind(PROGRAM)
            .bind(program)
            .fetch_one(pool)
            .await?;
        if !others || begun.elapsed() > LEAVING {
            return Ok(others);
        }
        tokio::time::sleep(LEAVING / 30).await;
    }
}
