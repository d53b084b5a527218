//! `rushes delete` asks before it deletes a title, and `--search` takes what is likely.

use std::io::Write as _;
use std::process::Stdio;

use crate::support::{Rushes, told, videos};

fn titles(rushes: &Rushes) -> usize {
    rushes.json(&["titles"]).as_array().unwrap().len()
}

/// The output of a command on a terminal on which this is typed.
fn typed(rushes: &Rushes, args: &[&str], keys: &str) -> String {
    let command = rushes.command(args);
    let mut words = vec![command.get_program().to_str().unwrap().to_owned()];
    words.extend(
        command
            .get_args()
            .map(|arg| arg.to_str().unwrap().to_owned()),
    );
    let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    // `script` is of util-linux; it gives its child a terminal.
    let mut script = std::process::Command::new("script");
    script.args(["-q", "-e", "-c", &words.join(" "), "/dev/null"]);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    let mut child = script
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(keys.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(input);
    told(&output)
}

#[test]
fn a_title_is_deleted_only_by_who_agrees() {
    let Some(rushes) = Rushes::new() else { return };
    let video = videos::made(&rushes.folder.path().join("own.mp4"), 1, 40, 0);
    let summary = rushes.ingest(&[&video]);
    let asset = summary["videos"][0]["asset"].as_str().unwrap().to_owned();
    // In a pipe there is nobody to ask.
    let refused = rushes.run(&["delete", "own"]);
    assert!(!refused.status.success());
    assert!(
        told(&refused).contains("1 title with 1 file"),
        "{}",
        told(&refused)
    );
    assert!(told(&refused).contains("--yes"), "{}", told(&refused));
    assert_eq!(titles(&rushes), 1);
    let no = typed(&rushes, &["delete", "own"], "n\n");
    assert!(no.contains("delete 1 title with 1 file"), "{no}");
    assert!(no.contains("deleted nothing"), "{no}");
    assert_eq!(titles(&rushes), 1);
    let yes = typed(&rushes, &["delete", "own"], "y\n");
    assert!(yes.contains("deleted 1 title with 1 file"), "{yes}");
    assert_eq!(titles(&rushes), 0);
    assert!(video.is_file());
    // An asset has no other name than its id.
    let summary = rushes.ingest(&[&video]);
    assert_ne!(summary["videos"][0]["asset"], asset.as_str());
    let asset = summary["videos"][0]["asset"].as_str().unwrap();
    assert!(rushes.run(&["delete", asset]).status.success());
    assert_eq!(titles(&rushes), 0);
}
