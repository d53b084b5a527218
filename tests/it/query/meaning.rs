//! Dialogue by what it means, and answers in which nothing is likely.

use serde_json::{Value, json};

use super::ingested;
use crate::http::Server;
use crate::support::{Rushes, first, frames, told, videos};

const WORDS: &str = "\
1\n00:00:00,200 --> 00:00:01,000\nI apologise for what happened last night.\n
2\n00:00:02,200 --> 00:00:03,400\nThe train leaves at nine.\n
3\n00:00:04,200 --> 00:00:05,000\nWill you\n
4\n00:00:05,100 --> 00:00:05,900\nmarry\n
5\n00:00:06,100 --> 00:00:06,900\nme?\n";

#[test]
fn lines_are_found_by_what_they_mean() {
    let Some(rushes) = Rushes::new() else { return };
    let video = videos::made(&rushes.folder.path().join("words.mp4"), 5, 50, 0);
    ingested(&rushes, &video, "Words", "en", WORDS);
    let sorry = rushes.json(&["search", "--in", "meaning", "someone says sorry"]);
    let hit = first(&sorry);
    assert_eq!((&hit["title"], frames(hit)), (&json!("Words"), (0, 50)));
    let meant = &hit["evidence"]["meaning"];
    assert_eq!(meant["text"], "I apologise for what happened last night.");
    assert_eq!(
        (&meant["start"]["frame"], &meant["rank"]),
        (&json!(5), &json!(1))
    );
    assert!(meant["similarity"].as_f64().unwrap() > 0.4, "{meant}");
    assert_eq!(sorry["coverage"]["meaning"], 1);
    // By words it is not found.
    let said = rushes.json(&["search", "--in", "dialogue", "someone says sorry"]);
    assert_eq!(said["hits"], json!([]));
    // Said over several lines, in the shot that shows most of it.
    let proposal = rushes.json(&["search", "--in", "meaning", "a proposal of marriage"]);
    let meant = &first(&proposal)["evidence"]["meaning"];
    let text = meant["text"].as_str().unwrap();
    assert!(text.contains("marry"), "{text}");
    assert_eq!(frames(first(&proposal)), (100, 150));
    // What nobody means has no hits, and does not disturb other hits by default.
    let nobody = rushes.json(&["search", "--in", "meaning", "two people walking on a beach"]);
    assert_eq!(nobody["hits"], json!([]));
    let all = rushes.json(&["search", "someone says sorry"]);
    let evidence = &first(&all)["evidence"];
    assert!(
        !evidence["visual"].is_null() && !evidence["meaning"].is_null(),
        "{evidence}"
    );
    assert_eq!(all["weak"], false);
    let negative = rushes.json(&["search", "meant:\"someone says sorry\" meant:train"]);
    assert!(
        negative["hits"].as_array().unwrap().len() <= 2,
        "{negative:#}"
    );
    // A scope of single shots.
    let scoped = rushes.json(&[
        "search",
        "--in",
        "meaning",
        "someone says sorry title:Words len:>9s",
    ]);
    assert_eq!(scoped["hits"], json!([]));

    // The same over HTTP, at the same time as something seen.
    let server = Server::start(&rushes, &[]);
    let body = json!({
        "parts": [
            { "text": "someone says sorry", "modality": "meaning" },
            { "text": "a pattern", "modality": "visual" },
        ],
        "operator": "all",
        "explain": true,
    });
    let both = server.search(&body);
    assert_eq!(frames(first(&both)), (0, 50));
    assert_eq!(both["hits"].as_array().unwrap().len(), 1, "{both:#}");
    let ran = both["explanation"]["recalls"].as_array().unwrap();
    assert!(
        ran.iter().any(|recall| recall["unit"] == "passages"),
        "{ran:?}"
    );
}

#[test]
fn a_line_that_says_what_is_not_wanted_is_not_found_by_what_it_means() {
    let Some(rushes) = Rushes::new() else { return };
    let words = "\
1\n00:00:00,200 --> 00:00:01,000\nHe took his car to the garage.\n
2\n00:00:08,200 --> 00:00:09,400\nThe automobile was repaired.\n";
    let video = videos::made(&rushes.folder.path().join("words.mp4"), 5, 50, 0);
    ingested(&rushes, &video, "Words", "en", words);
    let found = |excluded: &str| -> Vec<u64> {
        let q = format!("his motor vehicle needed repairs {excluded}");
        let answer = rushes.json(&["search", "--in", "meaning,dialogue", &q]);
        let hits = answer["hits"].as_array().unwrap().iter();
        let mut starts: Vec<u64> = hits.map(|hit| frames(hit).0).collect();
        starts.sort_unstable();
        starts
    };
    assert_eq!(found(""), [0, 200]);
    for excluded in ["-car", "-said:car", "-\"his car\""] {
        assert_eq!(found(excluded), [200], "{excluded}");
    }
    // Nobody says that.
    assert_eq!(found("-said:bicycle"), [0, 200]);
}

#[test]
fn meaning_that_is_switched_off_is_said() {
    let Some(rushes) = Rushes::new() else { return };
    let video = videos::made(&rushes.folder.path().join("words.mp4"), 2, 50, 0);
    ingested(&rushes, &video, "Words", "en", WORDS);
    let search = |args: &[&str]| {
        let mut command = rushes.command(args);
        command
            .env("RUSHES_MODELS__TEXT_TO_TEXT", "")
            .output()
            .unwrap()
    };
    let all = search(&["search", "someone says sorry", "--json"]);
    let all: Value = serde_json::from_slice(&all.stdout).unwrap();
    assert!(all["coverage"]["meaning"].is_null(), "{all:#}");
    let refused = search(&["search", "--in", "meaning", "someone says sorry"]);
    assert!(!refused.status.success());
    let said = told(&refused);
    assert!(said.contains("rushes models pull minilm"), "{said}");
}
