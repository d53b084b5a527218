//! Dialogue by words: languages, typing errors, what is marked, and indexes of earlier versions.

use serde_json::Value;

use super::{Videos, harbour, ingested, street};
use crate::support::{Rushes, first, videos};

/// The marked words of the first hit.
fn marked(answer: &Value) -> Vec<String> {
    let said = &first(answer)["evidence"]["dialogue"];
    let text: Vec<char> = said["text"].as_str().unwrap().chars().collect();
    let marks = said["marks"].as_array().unwrap().iter();
    let place = |mark: &Value, edge: &str| usize::try_from(mark[edge].as_u64().unwrap()).unwrap();
    marks
        .map(|mark| {
            text[place(mark, "start")..place(mark, "end")]
                .iter()
                .collect()
        })
        .collect()
}

#[test]
fn lines_are_found_by_the_words_of_their_language() {
    let Some(rushes) = Rushes::new() else { return };
    let videos = Videos::new(&rushes);
    // English stems in English lines, German ones in German lines.
    assert_eq!(videos.found("cars in:dialogue"), street(&[0, 50]));
    let german = videos.find("Autos in:dialogue");
    assert_eq!(super::places(&german), harbour(&[0]));
    assert_eq!(marked(&german), ["Auto"]);
    assert_eq!(videos.found("rote in:dialogue"), harbour(&[0]));
    // Typing errors are forgiven where nobody says the word, and not in phrases.
    let typo = videos.find("chirstmas mister in:dialogue");
    assert_eq!(super::places(&typo), street(&[150]));
    assert_eq!(marked(&typo), ["christmas", "mister"]);
    assert!(videos.found("\"merry chirstmas\" in:dialogue").is_empty());
    // What is unlike a word excludes no neighbour of it.
    assert_eq!(videos.found("car -nihgt in:dialogue"), street(&[0, 50]));
    assert_eq!(videos.found("car -nights in:dialogue"), street(&[0]));
}

#[test]
fn a_text_index_of_an_earlier_version_is_made_anew() {
    let Some(rushes) = Rushes::new() else { return };
    let file = videos::made(&rushes.folder.path().join("video.mp4"), 4, 50, 0);
    ingested(&rushes, &file, "Video", "en", super::STREET);
    let found = || super::places(&rushes.json(&["search", "red cars in:dialogue"]));
    let before = found();
    assert_eq!(before.len(), 2);
    let meta = rushes.data().join("index/text/meta.json");
    let schema = std::fs::read_to_string(&meta).unwrap();
    assert!(schema.contains("dialogue-4"), "{schema}");
    std::fs::write(&meta, schema.replace("dialogue-4", "dialogue-2")).unwrap();
    assert_eq!(found(), before);
    let schema = std::fs::read_to_string(&meta).unwrap();
    assert!(schema.contains("dialogue-4"), "{schema}");
}

#[test]
fn a_long_take_hides_no_other_shot() {
    let Some(rushes) = Rushes::new() else { return };
    let file = videos::made(&rushes.folder.path().join("takes.mp4"), 3, 250, 0);
    // The first shot says it 450 times, the others once and with more words.
    let time = |ms: u64| format!("00:00:{:02},{:03}", ms / 1000, ms % 1000);
    let line = |at: u64, from: u64, to: u64, text: &str| {
        format!("{at}\n{} --> {}\n{text}\n\n", time(from), time(to))
    };
    let mut words: String = (0..450)
        .map(|at| line(at + 1, at * 20, at * 20 + 20, "go on"))
        .collect();
    words += &line(451, 11_000, 12_000, "go on and on with a good many words");
    words += &line(452, 21_000, 22_000, "and then they go on to somewhere else");
    ingested(&rushes, &file, "Takes", "en", &words);
    let answer = rushes.json(&["search", "go on in:dialogue"]);
    let mut starts: Vec<u64> = super::places(&answer)
        .into_iter()
        .map(|(_, at)| at)
        .collect();
    starts.sort_unstable();
    assert_eq!(starts, [0, 250, 500], "{answer:#}");
}
