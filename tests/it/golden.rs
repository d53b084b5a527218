//! Queries over real footage keep their ranks.

use serde_json::Value;

use crate::support::{Rushes, frames};

/// Checks `golden.tsv` over the videos of the material.
pub(crate) fn check(rushes: &Rushes) {
    let mut wrong = Vec::new();
    for line in include_str!("golden.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let [query, title, frame, rank] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line:?} has not four fields");
        };
        let answer = rushes.json(&["search", &with_ids(rushes, query), "-n", "50"]);
        let place = answer["hits"]
            .as_array()
            .unwrap()
            .iter()
            .position(|hit| is_at(hit, title, frame));
        let kept = match rank {
            "weak" => answer["weak"] == true,
            "-" => place.is_none(),
            worst => place.is_some_and(|place| place < worst.parse().unwrap()),
        };
        if !kept {
            wrong.push(format!("{line}: place {place:?}, weak {}", answer["weak"]));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn is_at(hit: &Value, title: &str, frame: &str) -> bool {
    hit["title"] == title && frames(hit).0.to_string() == frame
}

/// The query with the ids of the shots that it names.
fn with_ids(rushes: &Rushes, query: &str) -> String {
    let Some((before, rest)) = query.split_once('{') else {
        return query.to_owned();
    };
    let (name, after) = rest.split_once('}').unwrap();
    let (title, frame) = name.split_once('@').unwrap();
    let listed = rushes.json(&["search", &format!("in:visual x title:{title}"), "-n", "200"]);
    let hits = listed["hits"].as_array().unwrap();
    let shot = hits.iter().find(|hit| is_at(hit, title, frame));
    let id = shot.unwrap_or_else(|| panic!("no shot {name}"))["shot"].as_str();
    format!("{before}{}{after}", id.unwrap())
}
