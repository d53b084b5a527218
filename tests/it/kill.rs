//! `kill -9` at any moment loses nothing and duplicates nothing.

use std::process::Stdio;
use std::time::Duration;

use crate::support::{Rushes, rounds, told, videos};

/// Videos and their number of shots, as in a catalogue.
fn counted(rushes: &Rushes) -> Vec<(String, u64)> {
    let titles = rushes.json(&["titles"]);
    let mut counted: Vec<_> = titles
        .as_array()
        .unwrap()
        .iter()
        .map(|title| {
            (
                title["name"].as_str().unwrap().to_owned(),
                title["shots"].as_u64().unwrap(),
            )
        })
        .collect();
    counted.sort();
    counted
}

#[test]
fn killed_at_random_moments_every_video_still_completes() {
    let (Some(rushes), Some(calm)) = (Rushes::new(), Rushes::new()) else {
        return;
    };
    let folder = rushes.folder.path().join("videos");
    std::fs::create_dir(&folder).unwrap();
    let rounds = rounds("RUSHES_KILL_ROUNDS", 6);
    // Enough of them that work remains at the last kill.
    let count = 4.max(rounds);
    let expected: u64 = (0..count)
        .map(|at| {
            let shots = 3 + at % 3;
            videos::made(&folder.join(format!("video{at}.mp4")), shots, 40, at);
            shots as u64
        })
        .sum();
    let inputs = folder.to_str().unwrap();

    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut at_work = 0;
    for _ in 0..rounds {
        let mut child = rushes
            .command(&["ingest", inputs, "--json"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // This is not a wait for something, but the random moment itself.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(20 + (state >> 33) % 1500));
        at_work += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    eprintln!("{rounds} kills, {at_work} of them at work");
    assert!(
        at_work * 2 >= rounds,
        "most kills came too late to mean anything"
    );

    let last = rushes.run(&["ingest", inputs, "--json"]);
    assert!(last.status.success(), "{}", told(&last));
    calm.ingest(&[&folder]);
    assert_eq!(counted(&rushes), counted(&calm));
    // One vector per shot, none missing or duplicate.
    let rebuilt = rushes.json(&["index", "rebuild"]);
    assert_eq!(rebuilt["vectors"], expected);
    let found = rushes.json(&["search", "--in", "visual", "a pattern", "-n", "200"]);
    assert_eq!(
        found["hits"].as_array().unwrap().len() as u64,
        expected.min(200)
    );
    assert_eq!(found["coverage"]["ready"], count);
}
