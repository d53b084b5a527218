//! What the recalls of dialogue and of speech have in common: shots with matching lines.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Found, Wanted};
use crate::catalog::ShotId;
use crate::catalog::cues::CueOrigin;
use crate::index::{CueHit, Index, IndexError, ShotSet, SpokenQuery, Synonyms, TextRange};
use crate::search::fusion::{Ranked, share};
use crate::search::query::{PartKind, QueryPart};
use crate::search::{SearchError, Searcher};
use crate::views::{Clock, Time};

/// Most lines that are looked at if many shots are excluded by what is said in them.
const MOST_LINES: usize = 50_000;

/// How a shot was found by a line: of its subtitles, or heard in its sound.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Dialogue {
    /// The matching line.
    pub text: String,
    /// What of the line matches: ranges of its characters (Unicode scalar values), in order.
    pub marks: Vec<TextRange>,
    /// When it appears.
    pub start: Time,
    /// When it disappears; exclusive.
    pub end: Time,
    /// BM25 score.
    pub score: f32,
    /// Rank in the list of this recall, from 1.
    pub rank: u32,
}

impl Dialogue {
    pub(super) fn new(cue: &CueHit, rank: u32, clock: &Clock) -> Self {
        Self {
            text: cue.text.clone(),
            marks: cue.marks.clone(),
            start: clock.at(cue.frames.0, cue.ms.0),
            end: clock.at(cue.frames.1, cue.ms.1),
            score: cue.score,
            rank,
        }
    }
}

/// The best shots by lines of this origin.
pub(super) async fn ranked(
    searcher: &Searcher,
    wanted: Wanted<'_>,
    origin: CueOrigin,
) -> Result<Found<CueHit>, SearchError> {
    let index = Arc::clone(&searcher.index);
    let lines = Lines::of(wanted.parts, &searcher.synonyms, origin);
    let (scope, count, repeated) = (wanted.scope.cloned(), wanted.count, wanted.repeated);
    let found = tokio::task::spawn_blocking(move || {
        let list = lines.ranked(&index, scope.as_ref(), count, repeated)?;
        Ok::<_, IndexError>(Found {
            list,
            searched: index.lines(origin, scope.as_ref())?,
            exact: true,
        })
    });
    Ok(found.await.map_err(|_join| SearchError::Died)??)
}

/// What is to be said, and what is not.
pub(super) struct Lines {
    wanted: Vec<(f64, SpokenQuery)>,
    unwanted: Vec<SpokenQuery>,
}

impl Lines {
    pub(super) fn of(
        parts: &[(usize, &QueryPart)],
        synonyms: &Arc<Synonyms>,
        origin: CueOrigin,
    ) -> Self {
        let (mut wanted, mut unwanted) = (Vec::new(), Vec::new());
        for (_, part) in parts {
            let PartKind::Text { words, phrases } = &part.kind else {
                continue;
            };
            let query = SpokenQuery {
                words: words.clone(),
                phrases: phrases.clone(),
                // What excludes a shot must be said in full.
                strict: part.weight < 0.0,
                origin,
                synonyms: Arc::clone(synonyms),
            };
            if part.weight < 0.0 {
                unwanted.push(query);
            } else {
                wanted.push((part.weight, query));
            }
        }
        Self { wanted, unwanted }
    }

    fn ranked(
        &self,
        index: &Index,
        scope: Option<&ShotSet>,
        count: usize,
        repeated: bool,
    ) -> Result<Vec<Ranked<CueHit>>, IndexError> {
        let mut fetched = count;
        loop {
            let mut lists = Vec::with_capacity(self.wanted.len());
            for (weight, query) in &self.wanted {
                let list = if repeated {
                    index.spoken_lines(query, fetched, scope)?
                } else {
                    index.spoken(query, fetched, scope)?
                };
                lists.push((*weight, list));
            }
            let is_all = lists.iter().all(|(_, list)| list.len() < fetched);
            let mut found = fused(lists, repeated);
            let all = found.len();
            self.exclude(index, &mut found, |one| &one.shot)?;
            // Only what was excluded makes the list shorter than it could be.
            if is_all || found.len() == all || found.len() >= count || fetched >= MOST_LINES {
                found.truncate(count);
                return Ok(found);
            }
            fetched = MOST_LINES.min(fetched * 8);
        }
    }

    /// Removes shots with a line that is not wanted.
    pub(super) fn exclude<T>(
        &self,
        index: &Index,
        found: &mut Vec<T>,
        shot: impl Fn(&T) -> &ShotId,
    ) -> Result<(), IndexError> {
        if self.unwanted.is_empty() || found.is_empty() {
            return Ok(());
        }
        let shots = found.iter().map(|one| {
            let shot = shot(one);
            (shot.asset.clone(), shot.start)
        });
        let shots = ShotSet::from_starts(shots);
        let mut excluded: HashSet<ShotId> = HashSet::new();
        for query in &self.unwanted {
            let said = index.all_spoken(query, &shots)?;
            excluded.extend(said.into_iter().map(|cue| cue.shot));
        }
        found.retain(|one| !excluded.contains(shot(one)));
        Ok(())
    }
}

/// One list from one for each text. A shot counts once, with its best line, unless it may be repeated with each line.
fn fused(lists: Vec<(f64, Vec<CueHit>)>, repeated: bool) -> Vec<Ranked<CueHit>> {
    let key = |cue: &CueHit| (cue.shot.clone(), if repeated { cue.frames } else { (0, 0) });
    let mut places: HashMap<_, usize> = HashMap::new();
    let mut found: Vec<(f64, f64, CueHit)> = Vec::new();
    for (weight, list) in lists {
        let mut seen = HashSet::new();
        let best = list.into_iter().filter(|cue| seen.insert(key(cue)));
        for (rank, cue) in (1..).zip(best) {
            let score = share(weight, rank);
            let place = *places.entry(key(&cue)).or_insert(found.len());
            match found.get_mut(place) {
                Some((sum, most, shown)) => {
                    *sum += score;
                    if score > *most {
                        (*most, *shown) = (score, cue);
                    }
                }
                None => found.push((score, score, cue)),
            }
        }
    }
    // A stable order: one list stays as it is.
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let found = found.into_iter().map(|(_, _, cue)| Ranked {
        shot: cue.shot.clone(),
        frames: cue.frames,
        found: cue,
        is_tied: false,
    });
    found.collect()
}
