//! Answers searches: recalls, fusion, and hits for people and programs.
//!
//! A [`Query`] has parts, filters and an order. Each recall (visual, dialogue, meaning) returns its own ranked list for the parts
//! that it can use. The lists are fused by reciprocal rank, and every hit carries the evidence of each recall that found
//! it. `recall/` has one file per recall, `query/` what can be asked for.

mod clip;
mod confidence;
mod coverage;
mod duplicates;
mod encoders;
mod error;
mod fold;
mod fusion;
mod gaps;
mod hit;
mod learnt;
mod listed;
mod match_cuts;
mod pages;
mod people;
mod picture;
mod query;
mod recall;
mod scope;
mod senses;
mod shown;
mod sight;
#[cfg(test)]
mod testing;
mod vector;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use rushes_models::{EncoderOptions, ModelStore};
use rushes_workers::sandbox::Sandbox;

pub use clip::read_clip;
pub use confidence::{LIKELY, confidence};
pub use duplicates::{DuplicateGroup, DuplicateShot, DuplicatesPage, DuplicatesRequest};
pub use encoders::Encoders;
pub use error::SearchError;
pub use hit::{
    Answer, Contribution, Coverage, DialogueCoverage, Explanation, FacetValue, FrameSpan, Hit,
    RecallReport, SenseCoverage, StandsFor,
};
pub use match_cuts::{MatchCut, MatchCutEvidence, MatchCuts, MatchCutsCoverage, MatchCutsRequest};
pub use pages::tidy as tidy_pages;
pub use people::forget_people;
pub use picture::read_picture;
pub use query::body::{CollapseBody, ConditionsBody, PartBody, SearchBody};
pub use query::syntax::SyntaxError;
pub use query::{
    Collapse, GroupBy, Operator, OtherOnly, PartKind, Query, QueryPart, Scope, SearchRequest,
    SortBy, WeightedModality,
};
pub use recall::{
    Dialogue, Evidence, HeardSound, Label, Meaning, Modality, OnScreen, PartSimilarity, Sounding,
    Visual,
};

use crate::catalog::{Catalog, shots};
use crate::index::{Index, ShotSet, Synonyms};
use crate::telemetry;
use fusion::{FusedShot, fuse, intersect};
use pages::{Listing, Pages, Position};
use recall::{Match, Reach, Recalled};
use sight::SightEncoders;

/// Number of candidates per recall, which also limits paging. It is the same for every page, because ranks
/// would otherwise shift between pages.
const RECALL: usize = 400;
/// Number of candidates of a recall that narrows down another one.
const NARROWING: usize = 20_000;
/// Most hits per page.
pub const MAX_LIMIT: usize = 200;

/// One page of an answer.
struct Found {
    listing: Listing,
    hits: Vec<Hit>,
    /// The token of the next page.
    next: Option<String>,
    modalities: Vec<Modality>,
    coverage: Coverage,
}

/// Answers searches over a catalogue and its index.
#[derive(Debug, Clone)]
pub struct Searcher {
    catalog: Catalog,
    index: Arc<Index>,
    /// Those of all models.
    sight: Arc<SightEncoders>,
    /// Those of the model that answers.
    encoders: Arc<Encoders>,
    /// The encoder of dialogue; `None` if none is installed.
    sentences: Option<Arc<Encoders>>,
    /// Whether the model of speech is installed; `None` if speech is switched off.
    speech: Option<bool>,
    /// Whether the model that reads text in pictures is installed; `None` if reading is switched off.
    reading: Option<bool>,
    /// Whether sound is measured.
    sound: bool,
    /// Whether the model that names sounds is installed; `None` if naming is switched off.
    tagging: Option<bool>,
    /// Whether the model that tells faces apart is installed.
    faces: bool,
    synonyms: Arc<Synonyms>,
    /// How often other words must have been tried until they are searched for too; `None` if nothing is learnt.
    learnt_after: Option<u32>,
    /// Decodes clips; `None` if clips cannot be searched by.
    sandbox: Option<Sandbox>,
    pages: Pages,
}

impl Searcher {
    /// Creates a searcher with encoders from `models`, loaded at first use. `model` answers unless another one is active in
    /// the catalogue. What later pages show is kept in the folder `pages`.
    #[must_use]
    pub fn new(
        catalog: Catalog,
        index: Arc<Index>,
        models: ModelStore,
        (model, options): (&str, EncoderOptions),
        pages: PathBuf,
    ) -> Self {
        let sight = SightEncoders::new(models, model, options);
        Self {
            catalog,
            index,
            encoders: sight.of(model),
            sight: Arc::new(sight),
            sentences: None,
            speech: None,
            reading: None,
            sound: false,
            tagging: None,
            faces: false,
            synonyms: Arc::default(),
            learnt_after: None,
            sandbox: None,
            pages: Pages::new(pages),
        }
    }

    /// The same searcher, which also searches dialogue by meaning, with vectors of `model` from `models`.
    #[must_use]
    pub fn with_sentences(
        self,
        models: ModelStore,
        (model, options): (&str, EncoderOptions),
    ) -> Self {
        Self {
            sentences: Some(Arc::new(Encoders::new(models, model, options))),
            ..self
        }
    }

    /// The same searcher, which can search by clips, decoded in `sandbox`.
    #[must_use]
    pub fn with_clips(self, sandbox: Sandbox) -> Self {
        Self {
            sandbox: Some(sandbox),
            ..self
        }
    }

    /// The same searcher, which looks for synonyms of words too.
    #[must_use]
    pub fn with_synonyms(self, synonyms: Synonyms) -> Self {
        Self {
            synonyms: Arc::new(synonyms),
            ..self
        }
    }

    fn sentences(&self) -> Result<&Arc<Encoders>, SearchError> {
        self.sentences.as_ref().ok_or(SearchError::NoSentences)
    }

    /// The same searcher over another state of the index. Encoders that are loaded stay loaded.
    #[must_use]
    pub fn over(&self, index: Arc<Index>) -> Self {
        Self {
            index,
            ..self.clone()
        }
    }

    /// The last change of the catalogue that this searcher can find.
    #[must_use]
    pub fn seq(&self) -> i64 {
        self.index.seq()
    }

    /// Answers one search.
    ///
    /// # Errors
    /// [`SearchError`]: nothing to search for, an unknown title or shot, a model that is not installed.
    pub async fn search(&self, request: &SearchRequest) -> Result<Answer, SearchError> {
        let searcher = self.by(request.model.as_deref()).await?;
        searcher.answer(request).await
    }

    async fn answer(&self, request: &SearchRequest) -> Result<Answer, SearchError> {
        let started = Instant::now();
        let seq = self.index.seq();
        request.check()?;
        self.note_people(request).await?;
        let learnt = self.learnt(request).await?;
        let found = if request.query.parts.is_empty() {
            self.listed(request).await?
        } else {
            self.found(request, &learnt, seq).await?
        };
        let Found {
            listing,
            hits,
            next,
            modalities,
            coverage,
        } = found;
        let took = started.elapsed().as_secs_f64();
        metrics::histogram!(telemetry::SEARCH_SECONDS.name).record(took);
        Ok(Answer {
            next,
            coverage,
            hits,
            explanation: request.explain.then(|| Explanation {
                query: request.query.to_text(),
                model: self.encoders.model().to_owned(),
                candidates: listing.hits.iter().map(|hit| hit.others.len() + 1).sum(),
                synonyms: self.synonyms_of(&request.query, &modalities),
                learnt,
                recalls: listing.recalls,
                ms: took * 1000.0,
            }),
            facets: listing.facets,
            weak: listing.weak,
            modalities,
        })
    }

    /// The words of a query that are searched for in other words too, and those.
    fn synonyms_of(&self, query: &Query, modalities: &[Modality]) -> BTreeMap<String, Vec<String>> {
        let modalities = modalities
            .iter()
            .filter(|one| learnt::BY_WORDS.contains(one));
        let parts = modalities.flat_map(|&modality| query.parts_for(modality));
        let words = parts.filter_map(|(_, part)| match &part.kind {
            PartKind::Text { words, .. } => Some(self.synonyms.used(words)),
            PartKind::Shot(_)
            | PartKind::Span { .. }
            | PartKind::Picture(_)
            | PartKind::Clip(_)
            | PartKind::Vector { .. } => None,
        });
        words.flatten().collect()
    }

    /// What the recalls find.
    async fn found(
        &self,
        request: &SearchRequest,
        learnt: &[String],
        seq: i64,
    ) -> Result<Found, SearchError> {
        let query = &request.query;
        let filters = self.filters_of(query).await?;
        let scope = self.scope(&request.scope, &filters).await?;
        let senses = self.senses(query, scope.as_ref()).await?;
        // Whoever may see some titles only must not learn from a confidence what the others show.
        let reach = Reach {
            scope: scope.as_ref(),
            crowd: scope.as_ref().filter(|_| request.scope.within.is_some()),
            count: RECALL,
            repeated: false,
        };
        let (listing, position) = match &request.page {
            None => {
                let widened = query.widened(learnt);
                (self.list(&widened, &senses, reach).await?, None)
            }
            Some(token) => {
                let (mut listing, position) = self.kept(request, token).await?;
                self.recount(request, &mut listing).await?;
                (listing, Some(position))
            }
        };
        let offset = position.map_or(0, |position| position.offset as usize);
        let (hits, next) = self
            .hits(request, &listing.hits, offset, request.limit)
            .await?;
        let next = match next {
            None => None,
            Some(offset) => Some(self.token(request, &listing, position, offset).await?),
        };
        let modalities: Vec<Modality> = senses.iter().map(|sense| sense.modality).collect();
        let mut coverage = self.coverage_at(seq, &modalities, scope.as_ref()).await?;
        if query.asks_for_people() {
            coverage.people = Some(self.people_coverage(scope.as_ref()).await?);
        }
        Ok(Found {
            listing,
            hits,
            next,
            modalities,
            coverage,
        })
    }

    /// The list that a token of an earlier page names, and the place in it.
    async fn kept(
        &self,
        request: &SearchRequest,
        token: &str,
    ) -> Result<(Listing, Position), SearchError> {
        let (pages, token, digest) = (self.pages.clone(), token.to_owned(), request.digest());
        let read = move || {
            let position = pages.read_token(&token, digest, crate::catalog::now_ms())?;
            Ok((pages.listing(position)?, position))
        };
        blocking(read).await
    }

    /// The token of a place in a list, which is kept if it is not yet.
    async fn token(
        &self,
        request: &SearchRequest,
        listing: &Listing,
        position: Option<Position>,
        offset: usize,
    ) -> Result<String, SearchError> {
        let (pages, listing, digest) = (self.pages.clone(), listing.clone(), request.digest());
        let keep = move || {
            let position = match position {
                Some(position) => position,
                None => pages.keep(&listing, digest)?,
            };
            pages.token(position.at(offset), digest)
        };
        blocking(keep).await
    }

    /// All hits of a query, and how they were found.
    async fn list(
        &self,
        query: &Query,
        senses: &[WeightedModality],
        reach: Reach<'_>,
    ) -> Result<Listing, SearchError> {
        let (mut found, recalls) = match query.operator {
            Operator::Any => self.any(query, senses, reach).await?,
            Operator::All => self.all(query, senses, reach).await?,
        };
        let is_likely =
            |shot: &FusedShot<Match>| shot.matches.iter().any(|one| one.found.is_likely());
        let weak = !found.iter().any(is_likely);
        // By sight every shot has a rank. Another order, and counts, make sense for likely shots only.
        if !weak && (query.sort != SortBy::Relevance || !query.facets.is_empty()) {
            found.retain(is_likely);
        }
        let facets = self.facets(query, &found).await?;
        let recalls = recalls.iter().map(RecallReport::of).collect();
        Ok(Listing {
            hits: fold::fold(self, query, found).await?,
            facets,
            recalls,
            weak,
            continues: None,
        })
    }

    /// Shots that any modality finds.
    async fn any(
        &self,
        query: &Query,
        senses: &[WeightedModality],
        reach: Reach<'_>,
    ) -> Result<(Vec<FusedShot<Match>>, Vec<Recalled>), SearchError> {
        let mut recalls = Vec::with_capacity(senses.len());
        for &sense in senses {
            recalls.push(recall::run(self, query, sense, reach).await?);
        }
        let lists = recalls
            .iter()
            .map(|one| (one.sense.weight, one.found.list.clone()));
        Ok((fuse(lists.collect(), Match::trust), recalls))
    }

    /// Shots that every modality finds at the same time.
    ///
    /// What finds matches only comes first and narrows down the scope of what ranks everything, so nothing is lost
    /// because it is far down in a list.
    async fn all(
        &self,
        query: &Query,
        senses: &[WeightedModality],
        reach: Reach<'_>,
    ) -> Result<(Vec<FusedShot<Match>>, Vec<Recalled>), SearchError> {
        let mut order = senses.to_vec();
        order.sort_by_key(|sense| !sense.modality.is_selective());
        let mut scope = reach.scope.cloned();
        let mut recalls: Vec<Recalled> = Vec::with_capacity(order.len());
        for (at, &sense) in order.iter().enumerate() {
            let is_last = at + 1 == order.len();
            // What finds matches only may find several in a shot, at different times.
            let repeated = sense.modality.is_selective();
            let reach = Reach {
                scope: scope.as_ref(),
                count: if is_last && !repeated {
                    RECALL
                } else {
                    NARROWING
                },
                repeated: repeated || !is_last,
                ..reach
            };
            let recalled = recall::run(self, query, sense, reach).await?;
            if !is_last {
                let spans = recalled.found.list.iter();
                let spans: Vec<_> = spans
                    .map(|one| (&one.shot.asset, one.frames.0, one.frames.1))
                    .collect();
                let mut db = self.catalog.read().await?;
                let shots = shots::overlapping(&mut db, &spans).await?;
                let narrow = ShotSet::from_starts(shots);
                scope = Some(scope.map_or_else(|| narrow.clone(), |wide| wide.and(&narrow)));
            }
            recalls.push(recalled);
        }
        let lists = recalls.iter().rev();
        let lists = lists.map(|one| (one.sense.weight, one.found.list.clone()));
        Ok((intersect(lists.collect(), Match::trust), recalls))
    }
}

/// Reads or writes a file away from the threads that answer.
async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, SearchError> + Send + 'static,
) -> Result<T, SearchError> {
    let done = tokio::task::spawn_blocking(act).await;
    done.map_err(|_join| SearchError::Died)?
}
