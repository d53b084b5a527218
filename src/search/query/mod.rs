//! What is searched for, however it was asked for.
//!
//! `body` reads the JSON of requests, `syntax` the text of a search box; both make a [`Query`].

pub(in crate::search) mod body;
mod options;
pub(in crate::search) mod syntax;

use std::sync::Arc;

use bytes::Bytes;
use image::RgbImage;

pub use self::options::{Collapse, GroupBy, Operator, OtherOnly, SortBy};
use self::syntax::SyntaxError;
use super::recall::Modality;
use super::{MAX_LIMIT, SearchError};
use crate::catalog::filter::{self, CountedField, Filter};
use crate::catalog::{AssetId, KeyId, ShotId, TitleId};

/// Longest text of all parts together, in characters.
const MAX_TEXT: usize = 2000;
/// Most parts of one query.
const MOST_PARTS: usize = 16;
/// Largest weight.
const MAX_WEIGHT: f64 = 100.0;
/// Most facets of one query.
const MOST_FACETS: usize = 10;
/// Shots that are at least this similar count as near-duplicates, if a query does not say.
pub(in crate::search) const SIMILAR: f32 = 0.95;

/// A search by one or more parts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// What to look for. Shots are to be like the parts with a positive weight, and unlike the others. Without any, the
    /// shots that fulfil the filters are listed.
    pub parts: Vec<QueryPart>,
    /// Modalities to search, with their weights; all with weight 1 if empty.
    pub modalities: Vec<WeightedModality>,
    /// How the modalities are combined.
    pub operator: Operator,
    /// Which shots count at all.
    pub filters: Vec<Filter>,
    /// What becomes one hit.
    pub group_by: GroupBy,
    /// Which similar shots become one hit.
    pub collapse: Collapse,
    /// The order of hits.
    pub sort: SortBy,
    /// Fields whose values are counted.
    pub facets: Vec<CountedField>,
    /// Whether shots of the asset or the title of what the query names are left out.
    pub other: Option<OtherOnly>,
}

/// A part of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryPart {
    /// What it is.
    pub kind: PartKind,
    /// The only modality that it is for; all that can use it if `None`.
    pub modality: Option<Modality>,
    /// How much it counts. Negative for what is not wanted.
    pub weight: f64,
}

/// What a part of a query is.
#[derive(Debug, Clone, PartialEq)]
pub enum PartKind {
    /// What is seen or said.
    Text {
        /// Words.
        words: String,
        /// Phrases, which dialogue must contain as they stand.
        phrases: Vec<String>,
    },
    /// Shots similar to this shot.
    Shot(ShotId),
    /// Shots similar to what an asset shows from one time to another, in milliseconds.
    Span {
        /// The asset.
        asset: AssetId,
        /// Start.
        from_ms: u64,
        /// End, exclusive.
        to_ms: u64,
    },
    /// Shots similar to a picture.
    Picture(Arc<RgbImage>),
    /// Shots similar to a video file.
    Clip(Bytes),
    /// Shots whose vectors are close to this one.
    Vector {
        /// The vector, of any length but 0.
        vector: Arc<[f32]>,
        /// The space that it is in, if it is known: `model@revision`.
        space: Option<String>,
    },
}

impl PartKind {
    /// The whole text, phrases included; `None` if the part is no text.
    pub(super) fn text(&self) -> Option<String> {
        let Self::Text { words, phrases } = self else {
            return None;
        };
        let pieces = std::iter::once(words.as_str()).chain(phrases.iter().map(String::as_str));
        let pieces: Vec<&str> = pieces.filter(|piece| !piece.is_empty()).collect();
        Some(pieces.join(" "))
    }
}

/// A modality, and how much its ranks count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightedModality {
    /// The modality.
    pub modality: Modality,
    /// Its weight.
    pub weight: f64,
}

impl QueryPart {
    /// A text with weight 1.
    #[must_use]
    pub fn text(words: &str) -> Self {
        Self::new(PartKind::Text {
            words: words.to_owned(),
            phrases: Vec::new(),
        })
    }

    /// A part with weight 1.
    #[must_use]
    pub const fn new(kind: PartKind) -> Self {
        Self {
            kind,
            modality: None,
            weight: 1.0,
        }
    }

    fn check(&self) -> Result<(), SearchError> {
        if !self.weight.is_finite() || self.weight == 0.0 || self.weight.abs() > MAX_WEIGHT {
            return Err(SearchError::Weight(self.weight));
        }
        match &self.kind {
            PartKind::Text { words, phrases } => {
                let mut all = phrases.iter().chain([words]);
                if all.all(|text| text.trim().is_empty()) {
                    return Err(SearchError::Empty);
                }
            }
            PartKind::Span { from_ms, to_ms, .. } if from_ms >= to_ms => {
                return Err(SearchError::Span {
                    from_ms: *from_ms,
                    to_ms: *to_ms,
                });
            }
            PartKind::Vector { vector, .. } => {
                if let Some(at) = vector.iter().position(|x| !x.is_finite()) {
                    return Err(SearchError::VectorNotFinite(at));
                }
                if vector.iter().all(|&x| x == 0.0) {
                    return Err(SearchError::VectorZero);
                }
            }
            PartKind::Shot(_)
            | PartKind::Span { .. }
            | PartKind::Picture(_)
            | PartKind::Clip(_) => {}
        }
        Ok(())
    }
}

impl From<QueryPart> for Query {
    fn from(part: QueryPart) -> Self {
        Self {
            parts: vec![part],
            ..Self::default()
        }
    }
}

impl Query {
    /// The query that the text of a search box says: `car -night tag:hero len:<4s`.
    ///
    /// # Errors
    /// [`SyntaxError`] with the place of the mistake.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        syntax::parse(text)
    }

    /// The same query in these modalities only.
    #[must_use]
    pub fn within(mut self, modalities: &[Modality]) -> Self {
        let weighted = |&modality| WeightedModality {
            modality,
            weight: 1.0,
        };
        self.modalities = modalities.iter().map(weighted).collect();
        self
    }

    /// Refuses what cannot be searched for.
    ///
    /// # Errors
    /// [`SearchError`] with a code of its own for each fault.
    pub fn check(&self) -> Result<(), SearchError> {
        if self.parts.is_empty() && self.filters.is_empty() {
            return Err(SearchError::Empty);
        }
        self.check_all()
    }

    /// [`Self::check`] for a query that may be empty, because its scope says which shots are listed.
    fn check_all(&self) -> Result<(), SearchError> {
        if self.parts.len() > MOST_PARTS {
            return Err(SearchError::TooManyParts(MOST_PARTS));
        }
        self.parts.iter().try_for_each(QueryPart::check)?;
        let length = |part: &QueryPart| match &part.kind {
            PartKind::Text { words, phrases } => {
                let phrases = phrases.iter().map(|phrase| phrase.chars().count());
                words.chars().count() + phrases.sum::<usize>()
            }
            PartKind::Shot(_)
            | PartKind::Span { .. }
            | PartKind::Picture(_)
            | PartKind::Clip(_)
            | PartKind::Vector { .. } => 0,
        };
        if self.parts.iter().map(length).sum::<usize>() > MAX_TEXT {
            return Err(SearchError::TooLong(MAX_TEXT));
        }
        if !self.parts.is_empty() && self.parts.iter().all(|part| part.weight < 0.0) {
            return Err(SearchError::AllNegative);
        }
        for WeightedModality { weight, .. } in &self.modalities {
            if !weight.is_finite() || *weight <= 0.0 || *weight > MAX_WEIGHT {
                return Err(SearchError::ModalityWeight(*weight));
            }
        }
        if let Some(similar) = self.collapse.similar
            && !(similar > 0.0 && similar <= 1.0)
        {
            return Err(SearchError::Threshold(similar));
        }
        if self.facets.len() > MOST_FACETS {
            return Err(SearchError::TooManyFacets(MOST_FACETS));
        }
        if self.other.is_some() && self.own().next().is_none() {
            return Err(SearchError::NothingOwn);
        }
        Ok(filter::check(&self.filters)?)
    }

    /// Whether it has to do with people: by a condition, or by counting them.
    #[must_use]
    pub fn asks_for_people(&self) -> bool {
        self.filters.iter().any(Filter::is_of_people)
            || self.facets.iter().any(CountedField::is_of_people)
    }

    /// The assets of what the query is to be like.
    pub(super) fn own(&self) -> impl Iterator<Item = &AssetId> {
        let wanted = self.parts.iter().filter(|part| part.weight > 0.0);
        wanted.filter_map(|part| match &part.kind {
            PartKind::Shot(shot) => Some(&shot.asset),
            PartKind::Span { asset, .. } => Some(asset),
            PartKind::Text { .. }
            | PartKind::Picture(_)
            | PartKind::Clip(_)
            | PartKind::Vector { .. } => None,
        })
    }

    /// The parts that a modality uses, with their places in the query.
    pub(super) fn parts_for(&self, modality: Modality) -> Vec<(usize, &QueryPart)> {
        let parts = self.parts.iter().enumerate();
        let used = parts.filter(|(_, part)| {
            part.modality.is_none_or(|only| only == modality) && modality.takes(&part.kind)
        });
        used.collect()
    }

    /// The modalities to search: those that have something to look for.
    pub(super) fn senses(&self) -> Result<Vec<WeightedModality>, SearchError> {
        let able = |modality: Modality| {
            let parts = self.parts_for(modality);
            parts.iter().any(|(_, part)| part.weight > 0.0)
        };
        if self.modalities.is_empty() && self.parts.is_empty() {
            // A list needs none.
            return Ok(Vec::new());
        }
        if self.modalities.is_empty() {
            let all = Modality::ALL.iter().copied().filter(|&one| able(one));
            let all: Vec<WeightedModality> = all
                .map(|modality| WeightedModality {
                    modality,
                    weight: 1.0,
                })
                .collect();
            if all.is_empty() {
                return Err(SearchError::AllNegative);
            }
            self.check_used(&all)?;
            return Ok(all);
        }
        let mut senses: Vec<WeightedModality> = Vec::new();
        for sense in &self.modalities {
            if !able(sense.modality) {
                return Err(SearchError::NothingFor(sense.modality.name()));
            }
            if senses.iter().all(|known| known.modality != sense.modality) {
                senses.push(*sense);
            }
        }
        self.check_used(&senses)?;
        Ok(senses)
    }

    /// Refuses a part that no searched modality uses. What it excludes would come back in silence.
    fn check_used(&self, senses: &[WeightedModality]) -> Result<(), SearchError> {
        let used = |at: usize| {
            let mut senses = senses.iter();
            senses.any(|sense| {
                self.parts_for(sense.modality)
                    .iter()
                    .any(|(part, _)| *part == at)
            })
        };
        match (0..self.parts.len()).find(|&at| !used(at)) {
            Some(at) => Err(SearchError::UnusedPart(at)),
            None => Ok(()),
        }
    }

    /// The text that [`Query::parse`] reads as this query; `None` if it has a part without text, such as a picture.
    #[must_use]
    pub fn to_text(&self) -> Option<String> {
        syntax::write(self)
    }

    /// A digest of everything that determines the results and their order.
    pub(super) fn digest(&self, hasher: &mut blake3::Hasher) {
        for part in &self.parts {
            match &part.kind {
                PartKind::Picture(picture) => {
                    hasher.update(format!("{:?}", picture.dimensions()).as_bytes());
                    hasher.update(picture.as_raw());
                }
                PartKind::Clip(bytes) => {
                    hasher.update(format!("clip {}", bytes.len()).as_bytes());
                    hasher.update(bytes);
                }
                kind @ (PartKind::Text { .. }
                | PartKind::Shot(_)
                | PartKind::Span { .. }
                | PartKind::Vector { .. }) => {
                    hasher.update(format!("{kind:?}").as_bytes());
                }
            }
            hasher.update(format!("{:?}{}", part.modality, part.weight).as_bytes());
        }
        let rest = (
            &self.modalities,
            self.operator,
            self.group_by,
            self.collapse,
            self.sort,
            &self.facets,
            self.other,
        );
        hasher.update(format!("{rest:?}").as_bytes());
        for filter in &self.filters {
            let filter = (filter.name(), filter.op(), filter.values());
            hasher.update(format!("{filter:?}").as_bytes());
        }
    }
}

/// Where to search: the union of both lists, or everything if both are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Titles by id or name.
    pub titles: Vec<String>,
    /// Assets.
    pub assets: Vec<AssetId>,
    /// The titles that may be searched at all; all of them if `None`.
    pub within: Option<Vec<TitleId>>,
}

impl Scope {
    /// Whether everything is in scope.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        self.titles.is_empty() && self.assets.is_empty() && self.within.is_none()
    }
}

/// One search request.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    /// What to search for.
    pub query: Query,
    /// Where to search.
    pub scope: Scope,
    /// The model to search by sight with; the active one if `None`.
    pub model: Option<String>,
    /// Hits per page.
    pub limit: usize,
    /// The page: `next` of the previous answer.
    pub page: Option<String>,
    /// Whether the answer says how it came about.
    pub explain: bool,
    /// Id and name of the key of who searches; `None` for this machine's user.
    pub asker: Option<(KeyId, String)>,
}

impl SearchRequest {
    /// The first page of a query over everything.
    #[must_use]
    pub fn new(query: Query, limit: usize) -> Self {
        Self {
            query,
            scope: Scope::default(),
            model: None,
            limit,
            page: None,
            explain: false,
            asker: None,
        }
    }

    pub(super) fn check(&self) -> Result<(), SearchError> {
        if !(1..=MAX_LIMIT).contains(&self.limit) {
            return Err(SearchError::Limit(MAX_LIMIT));
        }
        if self.scope.titles.is_empty() && self.scope.assets.is_empty() {
            self.query.check()
        } else {
            self.query.check_all()
        }
    }

    /// A digest of everything but the page.
    pub(super) fn digest(&self) -> [u8; 8] {
        let mut hasher = blake3::Hasher::new();
        self.query.digest(&mut hasher);
        hasher.update(format!("{:?}", self.scope).as_bytes());
        if let Some(model) = &self.model {
            hasher.update(model.as_bytes());
        }
        let mut short = [0; 8];
        short.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        short
    }
}

#[cfg(test)]
mod tests;
