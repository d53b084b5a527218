//! Which senses answer a query that does not name them.

use super::query::{Operator, Query, QueryPart, WeightedModality};
use super::recall::names_sound;
use super::{Modality, SearchError, Searcher};
use crate::catalog::cues::CueOrigin;

/// The weight of sound unless the query asks for it. A bang may be a door or a gun: it moves up what another sense has found,
/// and comes after the best of what others find.
const HINT: f64 = 0.5;

impl Searcher {
    /// The modalities to search. Meaning, speech, text, sound and labels are searched unasked where they can be and where
    /// they cannot make the answer smaller; sound only for words that name a sound, and as a hint.
    pub(super) fn senses(&self, query: &Query) -> Result<Vec<WeightedModality>, SearchError> {
        let mut senses = query.senses()?;
        let is_named = |part: &QueryPart, modality| part.modality == Some(modality);
        if query.modalities.is_empty() {
            senses.retain(|sense| {
                let can = match sense.modality {
                    Modality::Meaning => {
                        self.sentences.is_some() && query.operator == Operator::Any
                    }
                    Modality::Label => query.operator == Operator::Any,
                    Modality::Speech => query.operator == Operator::Any && self.hears(),
                    Modality::Text => query.operator == Operator::Any && self.reads(),
                    Modality::Sound => {
                        self.sound
                            && query.operator == Operator::Any
                            && query
                                .parts
                                .iter()
                                .any(|part| part.weight > 0.0 && names_sound(part))
                    }
                    Modality::Visual | Modality::Dialogue => true,
                };
                can || query
                    .parts
                    .iter()
                    .any(|part| is_named(part, sense.modality))
            });
        }
        let is_named_anywhere = query
            .parts
            .iter()
            .any(|part| is_named(part, Modality::Sound));
        if query.modalities.is_empty() && !is_named_anywhere {
            for sense in &mut senses {
                if sense.modality == Modality::Sound {
                    sense.weight = HINT;
                }
            }
        }
        Ok(senses)
    }

    /// Whether there is, or may be, speech that was heard.
    fn hears(&self) -> bool {
        self.speech == Some(true) || self.has_lines(CueOrigin::Speech)
    }

    /// Whether there is, or may be, text in pictures that was read.
    fn reads(&self) -> bool {
        self.reading == Some(true) || self.has_lines(CueOrigin::Pictures)
    }

    fn has_lines(&self, origin: CueOrigin) -> bool {
        let lines = self.index.lines(origin, None);
        lines.is_ok_and(|lines| lines > 0)
    }
}
