//! The meaning recall: shots in which something is said that means about the same, in other words.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::lines::Lines;
use super::visual::sum;
use super::{Found, Recall, Wanted};
use crate::catalog::cues::CueOrigin;
use crate::catalog::passages::{self, Passage};
use crate::catalog::{AssetId, ShotId};
use crate::features::meaning_of;
use crate::index::IndexError;
use crate::search::fusion::Ranked;
use crate::search::query::PartKind;
use crate::search::{SearchError, Searcher};
use crate::views::{Clock, Time};

/// The least similarity of a passage that means about the same. For all-MiniLM-L6-v2, lines that answer a query
/// are at 0.44 and more, and unrelated ones below 0.32 (twenty lines, eighteen queries).
const LEAST: f32 = 0.4;
/// Passages that are looked at for each shot that is wanted. Neighbouring passages have lines in common.
const PER_SHOT: usize = 4;

/// How a shot was found by the meaning of what is said.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Meaning {
    /// The passage: a line, or a few neighbouring ones.
    pub text: String,
    /// When its first line appears.
    pub start: Time,
    /// When its last line disappears; exclusive.
    pub end: Time,
    /// Cosine similarity of the vectors of the passage and of the query.
    pub similarity: f32,
    /// Whether its lines are of subtitles or were heard.
    pub origin: CueOrigin,
    /// Rank in the list of this recall, from 1.
    pub rank: u32,
}

/// A passage that means about the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::search) struct Meant {
    text: String,
    frames: (u64, u64),
    ms: (u64, u64),
    similarity: f32,
    #[serde(default)]
    origin: CueOrigin,
}

pub(in crate::search) struct MeaningRecall;

impl Recall for MeaningRecall {
    type Match = Meant;
    type Evidence = Meaning;
    const ALIASES: &'static [&'static str] = &["meant"];
    const UNIT: &'static str = "passages";
    const MEASURE: &'static str = "similarity";
    const IS_SELECTIVE: bool = true;

    fn takes(part: &PartKind) -> bool {
        matches!(part, PartKind::Text { .. })
    }

    async fn ranked(searcher: &Searcher, wanted: Wanted<'_>) -> Result<Found<Meant>, SearchError> {
        let encoders = searcher.sentences()?;
        let mut parts = Vec::with_capacity(wanted.parts.len());
        for &(at, part) in wanted.parts {
            if let Some(text) = part.kind.text() {
                parts.push((at, part.weight, encoders.text(&text).await?));
            }
        }
        let vector = sum(&parts)?;
        let index = Arc::clone(&searcher.index);
        let space = encoders.space()?.id;
        let (count, scope) = (wanted.count.saturating_mul(PER_SHOT), wanted.scope.cloned());
        let near = tokio::task::spawn_blocking(move || {
            index.nearest(&space, &vector, count, scope.as_ref())
        });
        let (near, effort) = near.await.map_err(|_join| SearchError::Died)?;
        let mut seen = HashSet::new();
        let mut best: Vec<(ShotId, u32, f32)> = Vec::new();
        for near in near.into_iter().filter(|near| near.similarity >= LEAST) {
            if wanted.repeated || seen.insert(near.shot.clone()) {
                best.push((near.shot, near.ordinal, near.similarity));
            }
        }
        // Passages are of subtitles, or of what was heard.
        let lines = [
            (wanted.unsaid, CueOrigin::Subtitles),
            (wanted.unheard, CueOrigin::Speech),
        ]
        .map(|(parts, origin)| Lines::of(parts, &searcher.synonyms, origin));
        let index = Arc::clone(&searcher.index);
        // A vector leans away from what is not wanted; a line that says it is left out.
        let kept = tokio::task::spawn_blocking(move || {
            for lines in &lines {
                lines.exclude(&index, &mut best, |(shot, ..)| shot)?;
            }
            Ok::<_, IndexError>(best)
        });
        let mut best = kept.await.map_err(|_join| SearchError::Died)??;
        best.truncate(wanted.count);
        let ids: Vec<(AssetId, u32)> = best
            .iter()
            .map(|(shot, ordinal, _)| (shot.asset.clone(), *ordinal))
            .collect();
        let mut db = searcher.catalog.read().await?;
        let passages = passages::get_many(&mut db, &meaning_of(encoders.model()), &ids).await?;
        drop(db);
        let found = best.into_iter().zip(passages);
        let found = found.filter_map(|((shot, _, similarity), passage)| {
            let found = meant(passage?, similarity);
            // Other subtitles since it was indexed have other passages at the same rank.
            let is_shown = found.frames.0 < shot.end && shot.start < found.frames.1;
            is_shown.then_some(Ranked {
                shot,
                frames: found.frames,
                found,
                is_tied: false,
            })
        });
        Ok(Found {
            list: found.collect(),
            searched: effort.shots as u64,
            exact: effort.is_exact(),
        })
    }

    fn evidence(found: &Meant, rank: u32, clock: &Clock) -> Meaning {
        Meaning {
            text: found.text.clone(),
            start: clock.at(found.frames.0, found.ms.0),
            end: clock.at(found.frames.1, found.ms.1),
            similarity: found.similarity,
            origin: found.origin,
            rank,
        }
    }

    fn measure(found: &Meant) -> f32 {
        found.similarity
    }
}

fn meant(passage: Passage, similarity: f32) -> Meant {
    let span = |start: i64, end: i64| (start.cast_unsigned(), end.cast_unsigned());
    Meant {
        frames: span(passage.start_frame, passage.end_frame),
        ms: span(passage.start_ms, passage.end_ms),
        text: passage.text,
        origin: passage.origin,
        similarity,
    }
}
