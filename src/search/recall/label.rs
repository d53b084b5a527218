//! The label recall: shots whose title, tags or notes have the words.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Found, Recall, Wanted};
use crate::catalog::database;
use crate::catalog::labels::{self, FoundLabel, LabelKind, LabelWords};
use crate::catalog::{AssetId, ShotId};
use crate::index::{Frames, LabelQuery, ShotSet, TextRange};
use crate::search::fusion::{Ranked, share};
use crate::search::query::{PartKind, QueryPart};
use crate::search::vector::narrow;
use crate::search::{SearchError, Searcher};
use crate::views::Clock;

/// Labels that are looked at.
const MOST_LABELS: u32 = 2000;
/// Shots that are looked at if some shots of assets are in scope.
const MOST_SHOTS: u32 = 100_000;

/// How a shot was found by what people call it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Label {
    /// What matches: the name of the title, a tag of the shot or of its asset, or a note on the shot.
    pub kind: LabelKind,
    /// Its text.
    pub text: String,
    /// What of the text matches: ranges of its characters (Unicode scalar values), in order.
    pub marks: Vec<TextRange>,
    /// BM25 score; 0 for writing that does not separate words.
    pub score: f32,
    /// Rank in the list of this recall, from 1. Shots with the same label have the same rank.
    pub rank: u32,
}

/// A label that matches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::search) struct Labelled {
    kind: LabelKind,
    text: String,
    marks: Vec<TextRange>,
    score: f32,
}

pub(in crate::search) struct LabelRecall;

impl Recall for LabelRecall {
    type Match = Labelled;
    type Evidence = Label;
    const ALIASES: &'static [&'static str] = &["labelled"];
    const UNIT: &'static str = "labels";
    const MEASURE: &'static str = "bm25";
    const IS_SELECTIVE: bool = true;

    fn takes(part: &PartKind) -> bool {
        matches!(part, PartKind::Text { .. })
    }

    async fn ranked(
        searcher: &Searcher,
        wanted: Wanted<'_>,
    ) -> Result<Found<Labelled>, SearchError> {
        let mut db = searcher.catalog.read().await?;
        let scope = wanted.scope;
        let assets: Option<Vec<AssetId>> = scope.map(|scope| scope.assets().cloned().collect());
        let reach = Reach {
            scope,
            assets: assets.as_deref(),
            count: wanted.count,
        };
        let (mut lists, mut unwanted) = (Vec::new(), HashSet::new());
        for (_, part) in wanted.parts {
            let Some(query) = query_of(searcher, part) else {
                continue;
            };
            let is_unwanted = part.weight < 0.0;
            let count = if is_unwanted {
                MOST_SHOTS as usize
            } else {
                reach.count
            };
            let list = labelled(&mut db, &query, Reach { count, ..reach }).await?;
            if is_unwanted {
                unwanted.extend(list.into_iter().map(|(_, shot, _)| shot));
            } else {
                lists.push((part.weight, list));
            }
        }
        let searched = labels::count(&mut db, assets.as_deref()).await?;
        drop(db);
        let mut list = fused(lists);
        list.retain(|one| !unwanted.contains(&one.shot));
        list.truncate(wanted.count);
        Ok(Found {
            list,
            searched: searched.unsigned_abs(),
            exact: true,
        })
    }

    fn evidence(found: &Labelled, rank: u32, _: &Clock) -> Label {
        Label {
            kind: found.kind,
            text: found.text.clone(),
            marks: found.marks.clone(),
            score: found.score,
            rank,
        }
    }

    fn measure(found: &Labelled) -> f32 {
        found.score
    }
}

/// Where labels are looked for.
#[derive(Clone, Copy)]
struct Reach<'a> {
    scope: Option<&'a ShotSet>,
    /// The assets of the scope.
    assets: Option<&'a [AssetId]>,
    /// How many shots.
    count: usize,
}

/// The rank of the label of a shot, from 1, the shot, and the label.
type LabelledShot = (u32, ShotId, Labelled);

/// What labels are searched by for a part of the query. What is not wanted must be there in full.
fn query_of(searcher: &Searcher, part: &QueryPart) -> Option<LabelQuery> {
    let PartKind::Text { words, phrases } = &part.kind else {
        return None;
    };
    let is_strict = part.weight < 0.0;
    Some(LabelQuery::new(
        words,
        phrases,
        is_strict,
        &searcher.synonyms,
    ))
}

/// The shots with matching labels, each once with its best label.
async fn labelled(
    db: &mut database::Connection,
    query: &LabelQuery,
    reach: Reach<'_>,
) -> Result<Vec<LabelledShot>, SearchError> {
    let (words, letters) = query.candidates();
    let wanted = LabelWords { words, letters };
    let found = labels::find(db, &wanted, reach.assets, MOST_LABELS).await?;
    let (mut matching, mut marked): (Vec<FoundLabel>, Vec<Labelled>) = (Vec::new(), Vec::new());
    for label in found {
        let Some(marks) = query.marks(&label.text) else {
            continue;
        };
        marked.push(Labelled {
            kind: label.kind,
            text: label.text.clone(),
            marks,
            score: narrow(label.score),
        });
        matching.push(label);
    }
    let is_partial = |scope: &ShotSet| {
        let mut all = scope.iter();
        all.any(|(_, frames)| matches!(frames, Frames::Starts(_)))
    };
    let most = if reach.scope.is_some_and(is_partial) {
        MOST_SHOTS
    } else {
        // A shot may have several labels.
        u32::try_from(reach.count.saturating_mul(4)).unwrap_or(MOST_SHOTS)
    };
    let shots = labels::shots_of(db, &matching, reach.assets, most).await?;
    let mut seen = HashSet::new();
    let (mut list, mut rank, mut last) = (Vec::new(), 0, None);
    for (at, shot) in shots {
        let is_in = reach
            .scope
            .is_none_or(|scope| scope.contains(&shot.asset, shot.start));
        let Some(label) = marked
            .get(at)
            .filter(|_| is_in && seen.insert(shot.clone()))
        else {
            continue;
        };
        if last != Some(at) {
            // As in a race: after two firsts comes a third.
            rank = u32::try_from(list.len() + 1).unwrap_or(u32::MAX);
            last = Some(at);
        }
        list.push((rank, shot, label.clone()));
    }
    Ok(list)
}

/// One list from one for each part. Shots with equal sums have equal ranks.
fn fused(lists: Vec<(f64, Vec<LabelledShot>)>) -> Vec<Ranked<Labelled>> {
    let mut places: HashMap<ShotId, usize> = HashMap::new();
    let mut found: Vec<(f64, ShotId, Labelled)> = Vec::new();
    for (weight, list) in lists {
        for (rank, shot, label) in list {
            let place = *places.entry(shot.clone()).or_insert(found.len());
            match found.get_mut(place) {
                Some((sum, ..)) => *sum += share(weight, rank),
                None => found.push((share(weight, rank), shot, label)),
            }
        }
    }
    // A stable order: one list stays as it is.
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut last = None;
    let ranked = found.into_iter().map(|(sum, shot, found)| {
        let is_tied = last == Some(sum.to_bits());
        last = Some(sum.to_bits());
        Ranked {
            frames: (shot.start, shot.end),
            shot,
            found,
            is_tied,
        }
    });
    ranked.collect()
}
