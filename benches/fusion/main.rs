//! Which sense is how reliable, and which weights rank the right shot highest?
//!
//! `cargo bench --bench fusion [-- --each]`. The golden queries (`queries.tsv`) are asked of the real binary over the films of
//! `footage.rs`. An answer has the rank of each hit in the list of each sense, so other weights need no other search. A
//! grid of weights is judged on one half of the queries, and what it chooses on the other half.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench prints its table and fails at once"
)]

#[path = "../../tests/it/support/ffmpeg.rs"]
mod ffmpeg;
mod footage;
mod golden;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use golden::GoldenQuery;
use rushes::search::LIKELY;

/// The constant of reciprocal rank fusion.
const K: f64 = 60.0;
/// The share of its weight that a place by sight counts if the shot is not likely.
const UNLIKELY: &str = "unlikely";
/// What is tried for each sense; that of speech is 1, since only ratios count. The first is what was used before it was
/// measured, and of equals it is kept.
const GRID: [(&str, &[f64]); 5] = [
    ("visual", &[1.0, 0.75, 0.5]),
    (UNLIKELY, &[1.0, 0.75, 0.5, 0.25, 0.1]),
    ("text", &[1.0, 0.75, 1.5]),
    ("sound", &[0.5, 0.25, 1.0]),
    ("meaning", &[1.0, 0.75, 0.5]),
];

type Weights = BTreeMap<&'static str, f64>;

/// What the binary answered.
struct Asked {
    query: GoldenQuery,
    hits: Vec<Value>,
}

impl Asked {
    /// Whether it chose the weights. The others judge them.
    fn is_tuning(&self) -> bool {
        blake3::hash(self.query.text.as_bytes()).as_bytes()[0].is_multiple_of(2)
    }

    /// The reciprocal rank if each place in the list of a sense has the weight that `weigh` gives the sense.
    fn rank(&self, weigh: impl Fn(&str) -> f64, unlikely: f64) -> f64 {
        let hits = self.hits.iter().map(|hit| {
            let places = hit["explanation"].as_array().unwrap().iter();
            let score = places.map(|one| {
                let sense = one["modality"].as_str().unwrap();
                let confidence = hit["evidence"][sense]["confidence"].as_f64();
                let is_likely = confidence.is_none_or(|confidence| confidence >= f64::from(LIKELY));
                let trust = if is_likely { 1.0 } else { unlikely };
                trust * weigh(sense) / (K + one["rank"].as_f64().unwrap())
            });
            (hit, score.sum())
        });
        let found: Vec<(&Value, f64)> = hits.filter(|(_, score)| *score > 0.0).collect();
        self.query.reciprocal_rank(&found)
    }

    /// That with weights for the senses that the query does not name. Those that it names have weight 1.
    fn weighed(&self, weights: &Weights) -> f64 {
        let names_senses = self.query.text.contains(':');
        let known = weights.iter().filter(|_| !names_senses);
        let known: Weights = known.map(|(&sense, &weight)| (sense, weight)).collect();
        self.rank(
            |sense| known.get(sense).copied().unwrap_or(1.0),
            weights[UNLIKELY],
        )
    }

    /// That of the answer as it is.
    fn answered(&self) -> f64 {
        let hits = self.hits.iter();
        let scored = hits.map(|hit| (hit, hit["score"].as_f64().unwrap()));
        self.query.reciprocal_rank(&scored.collect::<Vec<_>>())
    }
}

fn main() {
    let material = std::env::var_os("RUSHES_MATERIAL").expect("set RUSHES_MATERIAL");
    let folder = tempfile::tempdir().unwrap();
    let films = footage::make(Path::new(&material), folder.path(), ffmpeg::ffmpeg);
    let data = folder.path().join("data");
    let run = |args: &[&str]| -> Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rushes"));
        command
            .env("RUSHES_DATA", &data)
            .env("RUSHES_MODELS__PICTURE_TO_TEXT", "ppocr-v5");
        let output = command.args(args).arg("--json").output().unwrap();
        let failed = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {failed}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let mut ingest = vec!["ingest"];
    ingest.extend(films.iter().map(|film| film.to_str().unwrap()));
    run(&ingest);
    let asked: Vec<Asked> = GoldenQuery::all()
        .into_iter()
        .map(|query| {
            let mut answer = run(&["search", query.text, "-n", "200", "--explain"]);
            let hits = answer["hits"].as_array_mut().map(std::mem::take);
            Asked {
                query,
                hits: hits.unwrap(),
            }
        })
        .collect();
    reliability(&asked);
    let first: Weights = GRID
        .iter()
        .map(|&(sense, tried)| (sense, tried[0]))
        .collect();
    let chosen = choose(&asked);
    for (name, weights) in [("before", &first), ("chosen", &chosen)] {
        println!("\n{name}: {weights:?}");
        report(&asked, |one| one.weighed(weights));
    }
    println!("\nas answered");
    report(&asked, Asked::answered);
    if std::env::args().any(|arg| arg == "--each") {
        println!("\nhalf before chosen answered");
        for one in &asked {
            let half = if one.is_tuning() { "tune" } else { "held" };
            let ranks = [one.weighed(&first), one.weighed(&chosen), one.answered()];
            let [before, after, answered] = ranks.map(|rank| format!("{rank:.2}"));
            println!(
                "{half} {before} {after} {answered} {:14} {}",
                one.query.sense, one.query.text
            );
        }
    }
}

fn mean(ranks: impl Iterator<Item = f64>) -> f64 {
    let ranks: Vec<f64> = ranks.collect();
    ranks.iter().sum::<f64>() / ranks.len() as f64
}

/// How good the list of each sense is by itself, on the tuning half.
fn reliability(asked: &[Asked]) {
    println!(
        "the list of a sense alone, on the tuning half: queries that it answers, MRR, first hits that are right"
    );
    for sense in ["visual", "speech", "text", "sound", "meaning"] {
        let has = |one: &&Asked| {
            let mut places = one
                .hits
                .iter()
                .flat_map(|hit| hit["explanation"].as_array().unwrap());
            one.is_tuning() && places.any(|place| place["modality"] == sense)
        };
        let alone = |one: &Asked| one.rank(|other| f64::from(u8::from(other == sense)), 1.0);
        let ranks: Vec<f64> = asked.iter().filter(has).map(alone).collect();
        let first = ranks.iter().filter(|&&rank| rank > 0.99).count();
        println!(
            "  {sense:8} {:3} {:.3} {first:3}",
            ranks.len(),
            mean(ranks.iter().copied())
        );
    }
}

/// The weights of the grid with the best mean reciprocal rank on the tuning half; of equals those that change the least.
fn choose(asked: &[Asked]) -> Weights {
    let mut all = vec![(Weights::new(), 0)];
    for (sense, tried) in GRID {
        let more = all.iter().flat_map(|(weights, changes)| {
            (0..).zip(tried).map(move |(step, &weight)| {
                let mut weights = weights.clone();
                weights.insert(sense, weight);
                (weights, changes + step)
            })
        });
        all = more.collect();
    }
    let judged = all.into_iter().map(|(weights, changes)| {
        let tuning = asked.iter().filter(|one| one.is_tuning());
        (
            mean(tuning.map(|one| one.weighed(&weights))),
            changes,
            weights,
        )
    });
    let best = judged.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    best.expect("the grid has points").2
}

fn report(asked: &[Asked], rank: impl Fn(&Asked) -> f64) {
    let mut senses: Vec<&str> = asked.iter().map(|one| one.query.sense).collect();
    senses.sort_unstable();
    senses.dedup();
    println!("  {:14} tune        held        all", "MRR");
    for sense in senses.iter().map(|&sense| Some(sense)).chain([None]) {
        let of = |half: Option<bool>| {
            let ranks: Vec<f64> = asked
                .iter()
                .filter(|one| sense.is_none_or(|sense| one.query.sense == sense))
                .filter(|one| half.is_none_or(|half| one.is_tuning() == half))
                .map(&rank)
                .collect();
            let count = ranks.len();
            format!("{:.3} ({count:2})", mean(ranks.into_iter()))
        };
        let name = sense.unwrap_or("together");
        println!(
            "  {name:14} {}  {}  {}",
            of(Some(true)),
            of(Some(false)),
            of(None)
        );
    }
}
