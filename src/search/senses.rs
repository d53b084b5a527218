//! Which senses answer a query that does not name them.

use super::query::{Operator, Query, QueryPart, WeightedModality};
use super::recall::{names_sound, names_tag};
use super::{Modality, SearchError, Searcher};
use crate::catalog::AssetId;
use crate::catalog::cues::CueOrigin;
use crate::index::ShotSet;

/// The weight of sound unless the query asks for it. A bang may be a door or a gun, and who writes of a car may want to see one:
/// sound moves up what another sense has found, and comes after the best of what others find.
const HINT: f64 = 0.5;

impl Searcher {
    /// The modalities to search. Meaning, speech, text, sound and labels are searched unasked where they can be and where
    /// they cannot make the answer smaller; sound only for words that name a sound, and with half the weight.
    pub(super) async fn senses(
        &self,
        query: &Query,
        scope: Option<&ShotSet>,
    ) -> Result<Vec<WeightedModality>, SearchError> {
        let mut senses = query.senses()?;
        if !query.modalities.is_empty() {
            return Ok(senses);
        }
        let is_any = query.operator == Operator::Any;
        let by_sound = is_any && self.names_sound(query, scope).await?;
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
                    by_sound
                }
                Modality::Visual | Modality::Dialogue => true,
            }
        });
        Ok(senses)
    }

    /// Whether a query names a sound that is measured, or that a tagger has heard in `scope`: an answer must not show what is
    /// heard elsewhere.
    async fn names_sound(
        &self,
        query: &Query,
        scope: Option<&ShotSet>,
    ) -> Result<bool, SearchError> {
        let parts: Vec<&QueryPart> = query
            .parts
            .iter()
            .filter(|part| part.weight > 0.0)
            .collect();
        if self.sound && parts.iter().any(|part| names_sound(part)) {
            return Ok(true);
        }
        let assets: Option<Vec<AssetId>> = scope.map(|scope| scope.assets().cloned().collect());
        let mut db = self.catalog.read().await?;
        for part in parts {
            if names_tag(&mut db, part, assets.as_deref()).await? {
                return Ok(true);
            }
        }
        drop(db);
        Ok(false)
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
