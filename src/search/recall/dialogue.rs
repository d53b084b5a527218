//! The dialogue recall: shots with matching lines.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::Recall;
use crate::catalog::AssetId;
use crate::index::CueHit;
use crate::search::fusion::Ranked;
use crate::search::{SearchError, Searcher, Subject};
use crate::views::{Clock, Time};

/// How a shot was found by dialogue.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Dialogue {
    /// The matching line.
    pub text: String,
    /// When it appears.
    pub start: Time,
    /// When it disappears; exclusive.
    pub end: Time,
    /// BM25 score.
    pub score: f32,
    /// Rank in the list of this recall, from 1.
    pub rank: u32,
}

pub(in crate::search) struct DialogueRecall;

impl Recall for DialogueRecall {
    type Match = CueHit;
    type Evidence = Dialogue;

    fn takes(subject: &Subject) -> bool {
        matches!(subject, Subject::Text(_))
    }

    async fn ranked(
        searcher: &Searcher,
        subject: &Subject,
        scope: Option<&HashSet<AssetId>>,
        count: usize,
    ) -> Result<Vec<Ranked<CueHit>>, SearchError> {
        let Subject::Text(words) = subject else {
            return Ok(Vec::new());
        };
        let index = Arc::clone(&searcher.index);
        let (words, scope) = (words.clone(), scope.cloned());
        let spoken =
            tokio::task::spawn_blocking(move || index.spoken(&words, count, scope.as_ref()));
        let spoken = spoken.await.map_err(|_join| SearchError::Died)??;
        // A shot with several matching lines counts once, with its best line.
        let mut seen = HashSet::new();
        let best = spoken
            .into_iter()
            .filter(|cue| seen.insert(cue.shot.clone()));
        Ok(best
            .map(|found| Ranked {
                shot: found.shot.clone(),
                found,
            })
            .collect())
    }

    fn evidence(cue: &CueHit, rank: u32, clock: &Clock) -> Dialogue {
        Dialogue {
            text: cue.text.clone(),
            start: clock.at(cue.frames.0, cue.ms.0),
            end: clock.at(cue.frames.1, cue.ms.1),
            score: cue.score,
            rank,
        }
    }
}
