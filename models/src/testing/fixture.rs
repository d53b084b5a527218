//! External fixtures of tests: pulled models and real footage. The tests of all three crates include this file.
//!
//! If a fixture is missing, the test that needs it is skipped and says so on standard error. If
//! `RUSHES_REQUIRE` names the fixture, the test fails.

use std::io::Write as _;
use std::path::PathBuf;

/// The fixtures: models that `make test` pulls, real footage, the timeline readers that it installs, the page inside the
/// binary, a runtime with `OpenVINO`, the rights to mount a small file system and to make network namespaces, and PostgreSQL.
/// `RUSHES_REQUIRE` lists some of them, separated by commas.
pub(crate) const FIXTURES: [&str; 8] = [
    "models", "material", "readers", "page", "openvino", "disk", "netns", "postgres",
];

/// The models folder in `RUSHES_MODELS`, if each of `ids` is installed in it.
pub(crate) fn models(ids: &[&str]) -> Option<PathBuf> {
    let found = variable("RUSHES_MODELS").map(PathBuf::from);
    let found = found.filter(|folder| ids.iter().all(|id| folder.join(id).is_dir()));
    if found.is_none() {
        let ids = ids.join(" and ");
        missing(
            "models",
            &format!("RUSHES_MODELS names no folder with {ids}; run `make test`"),
        );
    }
    found
}

/// The folder of real material in `RUSHES_MATERIAL`.
pub(crate) fn material() -> Option<PathBuf> {
    let found = variable("RUSHES_MATERIAL").map(PathBuf::from);
    let found = found.filter(|folder| folder.is_dir());
    if found.is_none() {
        missing("material", "RUSHES_MATERIAL names no folder");
    }
    found
}

/// Reports that a fixture is missing; the caller then skips the test.
///
/// # Panics
///
/// If `RUSHES_REQUIRE` names the fixture, or one that does not exist.
pub(crate) fn missing(fixture: &str, why: &str) {
    let required = variable("RUSHES_REQUIRE").unwrap_or_default();
    if let Err(refusal) = may_skip(fixture, &required) {
        panic!("{refusal}: {why}");
    }
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Not `eprintln!`, which the test harness hides when a test passes.
    let line = format!("skipped: {test}: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Whether a test may run without `fixture`, where `required` lists the required fixtures.
pub(crate) fn may_skip(fixture: &str, required: &str) -> Result<(), String> {
    assert!(FIXTURES.contains(&fixture), "{fixture} is no fixture");
    let names = required.split(',').map(str::trim);
    for name in names.filter(|name| !name.is_empty()) {
        if !FIXTURES.contains(&name) {
            let known = FIXTURES.join(", ");
            return Err(format!(
                "RUSHES_REQUIRE names {name}; the fixtures are {known}"
            ));
        }
        if name == fixture {
            return Err(format!("RUSHES_REQUIRE names {name}, which is missing"));
        }
    }
    Ok(())
}

/// Runs a test of this program without models and material. It must be skipped with a message, and fail if
/// `fixture` is required.
pub(crate) fn assert_cannot_pass_by_skipping(test: &str, fixture: &str) {
    let run = |required: &str| {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .env_remove("RUSHES_MODELS")
            .env_remove("RUSHES_MATERIAL")
            .env("RUSHES_REQUIRE", required)
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(text.contains("running 1 test"), "{test}: {text}");
        (output.status.success(), text)
    };
    let (passed, text) = run("");
    assert!(passed && text.contains("skipped: "), "{test}: {text}");
    let (passed, text) = run(fixture);
    let reason = format!("RUSHES_REQUIRE names {fixture}, which is missing");
    assert!(!passed && text.contains(&reason), "{test}: {text}");
}

/// A non-empty environment variable.
#[expect(
    clippy::disallowed_methods,
    reason = "tests are configured by their environment"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
