//! What can be searched for, and how: parts, modalities, filters, order, pages and the text of a search box.

mod bad_input;
mod dialogue;
mod filters;
mod labels;
mod learnt;
mod list;
mod meaning;
mod order;
mod pages;
mod parts;
mod similar;
mod text;

use std::path::Path;

use serde_json::{Value, json};

use crate::http::{Server, problem};
use crate::support::{Rushes, frames, videos};

/// Two videos of shots of 50 frames, two seconds each, with subtitles.
struct Videos {
    server: Server,
    /// Four shots, in the title "Street", with English subtitles.
    street: String,
    /// Three shots, in the title "Big Harbour", with German subtitles.
    harbour: String,
}

/// What is said on the street. The third line begins in the second shot and ends in the third.
const STREET: &str = "\
1\n00:00:00,200 --> 00:00:01,000\nlook, a red car\n
2\n00:00:02,200 --> 00:00:02,900\na red car in the night\n
3\n00:00:03,600 --> 00:00:05,200\nready, steady, go\n
4\n00:00:06,200 --> 00:00:07,000\nmerry christmas, mister red\n";
const HARBOUR: &str = "\
1\n00:00:00,200 --> 00:00:01,000\nschau, ein rotes Auto\n
2\n00:00:04,200 --> 00:00:05,000\nmerry white christmas\n";

fn ingested(rushes: &Rushes, file: &Path, title: &str, language: &str, words: &str) -> String {
    std::fs::write(file.with_extension(format!("{language}.srt")), words).unwrap();
    let file = file.to_str().unwrap();
    let summary = rushes.json(&["ingest", file, "--title", title]);
    let video = &summary["videos"][0];
    assert_eq!(video["state"], "ready", "{summary:#}");
    video["asset"].as_str().unwrap().to_owned()
}

impl Videos {
    fn new(rushes: &Rushes) -> Self {
        let folder = rushes.folder.path();
        let street = videos::made(&folder.join("street.mp4"), 4, 50, 0);
        let harbour = videos::made(&folder.join("harbour.mp4"), 3, 50, 4);
        Self {
            street: ingested(rushes, &street, "Street", "en", STREET),
            harbour: ingested(rushes, &harbour, "Big Harbour", "de", HARBOUR),
            server: Server::start(rushes, &[]),
        }
    }

    /// The id of a shot of the street, by its place.
    fn shot(&self, at: u64) -> String {
        format!("{}.{}-{}", self.street, at * 50, at * 50 + 50)
    }

    fn search(&self, body: &Value) -> Value {
        self.server.search(body)
    }

    /// A search by text, over GET.
    fn find(&self, q: &str) -> Value {
        let answer = self.server.get(&address(&[("q", q)]));
        let answer = answer.send().unwrap();
        assert!(
            answer.status().is_success(),
            "{q}: {}",
            answer.text().unwrap()
        );
        answer.json().unwrap()
    }

    /// Title and first frame of each hit of a search by text, in order.
    fn found(&self, q: &str) -> Vec<(String, u64)> {
        places(&self.find(q))
    }

    /// The first frames of all shots that a search by text finds, sorted, by title.
    fn sorted(&self, q: &str) -> Vec<(String, u64)> {
        let mut found = self.found(q);
        found.sort();
        found
    }

    /// Status, code and detail of a search that must fail.
    fn refused(&self, body: &Value) -> (u16, String) {
        problem(self.server.post("/v1/search").json(body).send().unwrap())
    }
}

/// The path of a search with these parameters.
fn address(parameters: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let query = query.extend_pairs(parameters).finish();
    format!("/v1/search?{query}")
}

fn places(answer: &Value) -> Vec<(String, u64)> {
    let hits = answer["hits"].as_array().unwrap().iter();
    hits.map(|hit| (hit["title"].as_str().unwrap().to_owned(), frames(hit).0))
        .collect()
}

fn street(starts: &[u64]) -> Vec<(String, u64)> {
    starts.iter().map(|&at| ("Street".to_owned(), at)).collect()
}

fn harbour(starts: &[u64]) -> Vec<(String, u64)> {
    starts
        .iter()
        .map(|&at| ("Big Harbour".to_owned(), at))
        .collect()
}

fn ids(answer: &Value) -> Vec<String> {
    let hits = answer["hits"].as_array().unwrap().iter();
    hits.map(|hit| hit["shot"].as_str().unwrap().to_owned())
        .collect()
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

fn visual(parts: &Value) -> Value {
    json!({ "parts": parts, "modalities": ["visual"], "limit": 50 })
}
