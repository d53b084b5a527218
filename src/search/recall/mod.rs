//! The recalls, one file each, and the list of them.
//!
//! Each recall returns its own ranked list. The lists are fused by rank, and every hit carries the evidence of
//! each recall that found it. To add a recall, write its file and add a line to the list below.

mod dialogue;
mod visual;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use dialogue::Dialogue;
use dialogue::DialogueRecall;
pub use visual::Visual;
use visual::VisualRecall;

use super::fusion::Ranked;
use super::{SearchError, Searcher, Subject};
use crate::catalog::AssetId;
use crate::views::Clock;

/// One way to find shots.
pub(super) trait Recall {
    /// The data on a match, kept until the hit is shown.
    type Match;
    /// The evidence as shown.
    type Evidence;

    /// Whether it can search for `subject`.
    fn takes(subject: &Subject) -> bool;

    /// The `count` best shots, best first, without duplicates.
    fn ranked(
        searcher: &Searcher,
        subject: &Subject,
        scope: Option<&HashSet<AssetId>>,
        count: usize,
    ) -> impl Future<Output = Result<Vec<Ranked<Self::Match>>, SearchError>> + Send;

    /// The evidence of a match at rank `rank`, from 1.
    fn evidence(found: &Self::Match, rank: u32, clock: &Clock) -> Self::Evidence;
}

macro_rules! recalls {
    ($($(#[$doc:meta])* $modality:ident as $field:ident: $recall:ident -> $evidence:ident;)+) => {
        /// A modality to search.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum, ToSchema,
        )]
        #[serde(rename_all = "kebab-case")]
        pub enum Modality {
            $($(#[$doc])* $modality,)+
        }

        impl Modality {
            /// Every modality.
            const ALL: &[Self] = &[$(Self::$modality),+];

            fn takes(self, subject: &Subject) -> bool {
                match self {
                    $(Self::$modality => <$recall as Recall>::takes(subject),)+
                }
            }
        }

        /// Why a shot is in the result: the modalities that found it, and how.
        #[derive(Debug, Clone, PartialEq, Default, Serialize, ToSchema)]
        pub struct Evidence {
            $($(#[$doc])* pub $field: Option<$evidence>,)+
        }

        /// The match of any recall.
        #[derive(Debug, Clone, PartialEq)]
        pub(super) enum Match {
            $($modality(<$recall as Recall>::Match),)+
        }

        impl Evidence {
            /// The evidence of matches with their ranks.
            pub(super) fn of(matches: &[(u32, Match)], clock: &Clock) -> Self {
                let mut evidence = Self::default();
                for (rank, found) in matches {
                    match found {
                        $(Match::$modality(found) => {
                            evidence.$field = Some($recall::evidence(found, *rank, clock));
                        })+
                    }
                }
                evidence
            }
        }

        /// The ranked list of each requested recall.
        pub(super) async fn lists(
            searcher: &Searcher,
            subject: &Subject,
            modalities: &[Modality],
            scope: Option<&HashSet<AssetId>>,
            count: usize,
        ) -> Result<Vec<Vec<Ranked<Match>>>, SearchError> {
            let mut lists = Vec::with_capacity(modalities.len());
            for modality in modalities {
                lists.push(match modality {
                    $(Modality::$modality => {
                        let ranked = $recall::ranked(searcher, subject, scope, count).await?;
                        ranked.into_iter().map(|ranked| ranked.map(Match::$modality)).collect()
                    })+
                });
            }
            Ok(lists)
        }
    };
}

recalls! {
    /// What is seen.
    Visual as visual: VisualRecall -> Visual;
    /// What is said.
    Dialogue as dialogue: DialogueRecall -> Dialogue;
}

/// The modalities in `asked`, or all if it is empty, that can search for `subject`.
pub(super) fn modalities(asked: &[Modality], subject: &Subject) -> Vec<Modality> {
    let asked = if asked.is_empty() {
        Modality::ALL
    } else {
        asked
    };
    let able = asked.iter().filter(|modality| modality.takes(subject));
    able.copied().collect()
}
