//! Other words for a search, learnt from what people tried after it.

use super::query::{Operator, PartKind, Query, QueryPart};
use super::recall::Modality;
use super::{SearchError, SearchRequest, Searcher};
use crate::catalog::search_log;

/// The weight of learnt words. What only they find comes after what the query itself finds.
const WEIGHT: f64 = 0.3;
/// The modalities that search for words as they are. The others know what words mean.
pub(super) const BY_WORDS: [Modality; 4] = [
    Modality::Dialogue,
    Modality::Speech,
    Modality::Text,
    Modality::Label,
];

impl Query {
    /// The words of a query that looks for nothing but words, wherever they are.
    #[must_use]
    pub fn plain_words(&self) -> Option<&str> {
        let [part] = &self.parts[..] else {
            return None;
        };
        let PartKind::Text { words, phrases } = &part.kind else {
            return None;
        };
        let is_plain = phrases.is_empty() && part.modality.is_none() && part.weight > 0.0;
        (is_plain && !words.is_empty()).then_some(words)
    }

    /// The same query, which looks for other words too.
    pub(super) fn widened(&self, others: &[String]) -> Self {
        let mut query = self.clone();
        for other in others {
            query.parts.extend(BY_WORDS.map(|modality| QueryPart {
                modality: Some(modality),
                weight: WEIGHT,
                ..QueryPart::new(PartKind::Text {
                    words: other.clone(),
                    phrases: Vec::new(),
                })
            }));
        }
        query
    }
}

impl Searcher {
    /// The same searcher, which looks for other words too once they were tried `least` times.
    #[must_use]
    pub fn with_learnt_words(self, least: u32) -> Self {
        Self {
            learnt_after: Some(least),
            ..self
        }
    }

    /// Other words for a search. They are what people typed who see all titles, so whoever sees some only gets none.
    pub(super) async fn learnt(&self, request: &SearchRequest) -> Result<Vec<String>, SearchError> {
        let (Some(least), Some(words)) = (self.learnt_after, request.query.plain_words()) else {
            return Ok(Vec::new());
        };
        if request.scope.within.is_some() || request.query.operator == Operator::All {
            return Ok(Vec::new());
        }
        let mut db = self.catalog.read().await?;
        Ok(search_log::others(&mut db, words, least).await?)
    }
}
