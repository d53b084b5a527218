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
        if !query.modalities.is_empty() {
            return Ok(senses);
        }
        let is_any = query.operator == Operator::Any;
        let names = |modality| {
            let mut parts = query.parts.iter();
            parts.any(|part: &QueryPart| part.modality == Some(modality))
        };
        senses.retain_mut(|sense| {
            if names(sense.modality) {
                return true;
            }
            match sense.modality {
                Modality::Meaning => is_any && self.sentences.is_some(),
                Modality::Label => is_any,
                Modality::Speech => is_any && self.hears(),
                Modality::Text => is_any && self.reads(),
                Modality::Sound => {
                    sense.weight = HINT;
                    let mut parts = query.parts.iter();
                    is_any && self.sound && parts.any(|part| part.weight > 0.0 && names_sound(part))
                }
                Modality::Visual | Modality::Dialogue => true,
            }
        });
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
