//! Servers of PostgreSQL for tests: one a version that `scripts/setup-postgres` found, while the tests run.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::fixture;

/// A running server, on a socket in a folder of its own. It stops when this is dropped, or with the process.
#[derive(Debug)]
pub(crate) struct PostgresServer {
    /// `18` …
    pub(crate) version: String,
    programs: PathBuf,
    socket: PathBuf,
    /// The script that runs it until its standard input ends.
    script: Child,
    databases: AtomicU32,
}

/// The servers that tests share, the oldest version first. Without any, the test that asks is skipped, and says so.
pub(crate) fn servers() -> &'static [PostgresServer] {
    static SERVERS: OnceLock<Vec<PostgresServer>> = OnceLock::new();
    let servers = SERVERS.get_or_init(|| {
        let versions = installed();
        let fast = [
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
        ];
        versions
            .iter()
            .map(|version| PostgresServer::start(version, &fast))
            .collect()
    });
    if servers.is_empty() {
        fixture::missing(
            "postgres",
            "RUSHES_TEST_POSTGRES names no folder of scripts/setup-postgres; run `make test`",
        );
    }
    servers
}

/// The installations, the oldest version first.
pub(crate) fn installed() -> Vec<PathBuf> {
    let Some(folder) = fixture::variable("RUSHES_TEST_POSTGRES") else {
        return Vec::new();
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut versions: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("bin/postgres").is_file())
        .collect();
    versions.sort();
    versions
}

impl PostgresServer {
    /// Starts a server with settings such as `fsync=off`.
    pub(crate) fn start(installation: &Path, settings: &[&str]) -> Self {
        let socket = tempfile::Builder::new()
            .prefix("rushes-pg-")
            .tempdir()
            .unwrap()
            .keep();
        let root = fixture::variable("CARGO_MANIFEST_DIR").unwrap();
        let mut script = Command::new(Path::new(&root).join("scripts/run-postgres"))
            .args([installation, &socket])
            .args(settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = script.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "the server does not start");
        Self {
            version: installation.file_name().unwrap().display().to_string(),
            programs: installation.join("bin"),
            socket,
            script,
            databases: AtomicU32::new(0),
        }
    }

    /// A new database, and its address.
    pub(crate) fn database(&self) -> String {
        let count = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{count}");
        self.run("createdb", &[&name]);
        self.address("rushes", &name)
    }

    /// A new database, with what a backup by `pg_dump` has of the one at `address`.
    pub(crate) fn backed_up(&self, address: &str) -> String {
        let of = |address: &str| address.split(['/', '?']).nth(3).unwrap().to_owned();
        let copy = self.database();
        let file = self.socket.join(format!("{}.dump", of(&copy)));
        let file = file.to_str().unwrap();
        self.run("pg_dump", &["-Fc", "-f", file, &of(address)]);
        self.run("pg_restore", &["--exit-on-error", "-d", &of(&copy), file]);
        copy
    }

    /// The address of a database, for a user with or without a password, as `name:password`.
    pub(crate) fn address(&self, user: &str, database: &str) -> String {
        let socket = self.socket.display();
        format!("postgres://{user}@localhost/{database}?host={socket}")
    }

    /// Executes SQL in the database at `address`.
    pub(crate) fn execute(&self, address: &str, sql: &str) {
        let database = address.split(['/', '?']).nth(3).unwrap();
        self.run(
            "psql",
            &["-q", "-v", "ON_ERROR_STOP=1", "-c", sql, database],
        );
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = Command::new(self.programs.join(program))
            .arg("-h")
            .arg(&self.socket)
            .args(["-U", "rushes"])
            .args(arguments)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {told}");
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        self.script.wait().ok();
    }
}
