//! Conventions of the command line.

use crate::support::{Rushes, told, videos};

#[test]
fn every_subcommand_has_help() {
    let Some(rushes) = Rushes::new() else { return };
    let help = rushes.run(&["--help"]);
    assert!(help.status.success());
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(
        text.contains("Examples:") && !text.contains("decode-child"),
        "{text}"
    );
    for command in [
        "ingest",
        "watch",
        "search",
        "similar",
        "show",
        "subtitles",
        "titles",
        "jobs",
        "delete",
        "serve",
        "work",
        "models",
        "index",
        "migrate",
        "store",
        "doctor",
        "shots",
    ] {
        assert!(text.contains(command), "{command} is missing in --help");
        let help = rushes.run(&[command, "--help"]);
        assert!(help.status.success(), "{}", told(&help));
    }
}

#[test]
fn mistakes_are_answered_with_the_fix() {
    let Some(rushes) = Rushes::new() else { return };
    rushes.begin();
    for (args, part) in [
        (&["search", ""][..], "nothing to search for"),
        (
            &["search", "-night"],
            "write the query in quotes, with what is wanted first: rushes search 'car -night'",
        ),
        (&["search", "car", "-night"], "rushes search 'car -night'"),
        (
            &["search", "-fog"],
            "with what is wanted first: rushes search 'car -night'",
        ),
        (&["search", "--", "-fog"], "say what is wanted too"),
        (&["search", "car", "--jsn"], "'--json'"),
        (&["search", "x", "-n", "0"], "limit must be"),
        (
            &["search", "x", "--title", "no such title"],
            "there is no title",
        ),
        (&["search", "x", "--page", "bogus"], "page token"),
        (&["similar", "no-such-file.jpg"], "no-such-file.jpg"),
        (
            &["show", "01KAX7Q0Z3ABCDEFGHJKMNPQRS.1-2"],
            "there is no shot",
        ),
        (&["show", "nonsense"], "is not the id of a shot"),
        (&["delete", "no such title"], "there is no title"),
        (&["serve", "--listen", "0.0.0.0:0"], "server.listen"),
        (&["--config", "no-such.toml", "titles"], "no-such.toml"),
    ] {
        let output = rushes.run(args);
        let text = told(&output);
        assert!(!output.status.success(), "{args:?}: {text}");
        assert!(text.contains(part), "{args:?}: {text}");
        assert!(!text.contains("panicked"), "{args:?}: {text}");
    }
}

#[test]
fn what_only_reads_makes_no_catalogue() {
    let Some(rushes) = Rushes::new() else { return };
    let mistyped = rushes.folder.path().join("dtaa");
    let folder = mistyped.to_str().unwrap();
    let shot = "01KAX7Q0Z3ABCDEFGHJKMNPQRS.1-2";
    for args in [
        &["search", "a car"][..],
        &["search", "tag:hero"],
        &["similar", shot],
        &["show", shot],
        &["titles"],
        &["jobs"],
        &["bin", "list"],
        &["export", "--bin", "b", "-f", "edl"],
        &["subtitles", "list", "01KAX7Q0Z3ABCDEFGHJKMNPQRS"],
        &["delete", "x"],
        &["index", "rebuild"],
    ] {
        let output = rushes.run(&[&["--data", folder], args].concat());
        let text = told(&output);
        assert!(!output.status.success(), "{args:?}: {text}");
        assert!(
            text.contains(folder) && text.contains("--data"),
            "{args:?}: {text}"
        );
        assert!(!mistyped.try_exists().unwrap(), "{args:?} made {folder}");
    }
}

#[test]
fn doctor_finds_nothing_to_fix() {
    let Some(rushes) = Rushes::new() else { return };
    let checks = rushes.json(&["doctor"]);
    let what: Vec<_> = checks
        .as_array()
        .unwrap()
        .iter()
        .map(|check| &check["what"])
        .collect();
    for wanted in [
        "FFmpeg",
        "encoders",
        "model",
        "disk of the data folder",
        "catalogue",
        "store",
    ] {
        assert!(
            what.iter().any(|what| *what == wanted),
            "{wanted}: {checks:#}"
        );
    }
}

#[test]
fn models_are_listed_and_verified() {
    let Some(rushes) = Rushes::new() else { return };
    let listed = rushes.json(&["models", "list"]);
    let lite = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|model| model["id"] == "lite")
        .unwrap();
    assert_eq!(lite["status"], "installed");
    let verified = rushes.json(&["models", "verify", "lite"]);
    assert!(
        verified
            .as_array()
            .unwrap()
            .iter()
            .all(|file| file["sound"] == true)
    );
}

#[test]
fn a_cancelled_job_stays_cancelled_until_it_is_tried_again() {
    let Some(rushes) = Rushes::new() else { return };
    let video = videos::made(&rushes.folder.path().join("video.mp4"), 2, 40, 0);
    let queued = rushes.json(&["ingest", "--queue-only", video.to_str().unwrap()]);
    assert_eq!(queued["videos"][0]["state"], "pending");
    let job = queued["videos"][0]["job"].as_str().unwrap();
    assert_eq!(
        rushes.json(&["jobs", job, "--cancel"])["state"],
        "cancelled"
    );
    assert_eq!(rushes.json(&["jobs", job, "--retry"])["state"], "pending");
    assert_eq!(rushes.ingest(&[&video])["videos"][0]["state"], "ready");
    assert_eq!(rushes.json(&["jobs", job])["state"], "ready");
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let Some(rushes) = Rushes::new() else { return };
    let mut child = rushes
        .command(&["models", "list", "--json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The pipe is closed before anything is read.
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(!told(&output).contains("panicked"), "{}", told(&output));
}
