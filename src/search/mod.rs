//! Answers searches: recalls, fusion, and hits for people and programs.
//!
//! A [`Query`] has parts, filters and an order. Each recall (visual, dialogue, meaning) returns its own ranked list for the parts
//! that it can use. The lists are fused by reciprocal rank, and every hit carries the evidence of each recall that found
//! it. `recall/` has one file per recall, `query/` what can be asked for.

mod confidence;
mod encoders;
mod error;
mod fold;
mod fusion;
mod gaps;
mod hit;
mod pages;
mod picture;
mod query;
mod recall;
mod scope;
mod sight;
mod vector;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use rushes_models::{EncoderOptions, ModelStore};
use rushes_workers::stages::Feature;

pub use confidence::{LIKELY, confidence};
pub use encoders::Encoders;
pub use error::SearchError;
pub use hit::{
    Answer, Contribution, Coverage, DialogueCoverage, Explanation, FacetValue, FrameSpan, Hit,
    RecallReport, StandsFor,
};
pub use pages::tidy as tidy_pages;
pub use picture::read_picture;
pub use query::body::{CollapseBody, ConditionsBody, PartBody, SearchBody};
pub use query::syntax::SyntaxError;
pub use query::{
    Collapse, GroupBy, Operator, PartKind, Query, QueryPart, Scope, SearchRequest, SortBy,
    WeightedModality,
};
pub use recall::{Dialogue, Evidence, Meaning, Modality, PartSimilarity, Visual};

use crate::catalog::{
    AssetId, Catalog, ShotId, TitleId, coverage, failed, filter, given_up, listing, shots,
};
use crate::features::{embeddings_of, meaning_of};
use crate::index::{Index, ShotSet};
use crate::telemetry;
use crate::views::Clock;
use fold::Candidate;
use fusion::{FusedShot, fuse, intersect};
use pages::{Listing, Pages};
use recall::{Match, Reach, Recalled};
use sight::SightEncoders;

/// Number of candidates per recall, which also limits paging. It is the same for every page, because ranks
/// would otherwise shift between pages.
const RECALL: usize = 400;
/// Number of candidates of a recall that narrows down another one.
const NARROWING: usize = 20_000;
/// Most values of a facet.
const FACET_VALUES: u32 = 100;
/// Most hits per page.
pub const MAX_LIMIT: usize = 200;

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
        Self {
            catalog,
            index,
            encoders: Arc::new(Encoders::new(models.clone(), model, options)),
            sight: Arc::new(SightEncoders::new(models, model, options)),
            sentences: None,
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

    fn sentences(&self) -> Result<&Arc<Encoders>, SearchError> {
        self.sentences.as_ref().ok_or(SearchError::NoSentences)
    }

    /// The modalities to search. Meaning is searched unasked where it can be and where it cannot make the answer
    /// smaller.
    fn senses(&self, query: &Query) -> Result<Vec<WeightedModality>, SearchError> {
        let mut senses = query.senses()?;
        let is_named = |part: &QueryPart| part.modality == Some(Modality::Meaning);
        if query.modalities.is_empty()
            && !query.parts.iter().any(is_named)
            && (self.sentences.is_none() || query.operator == Operator::All)
        {
            senses.retain(|sense| sense.modality != Modality::Meaning);
        }
        Ok(senses)
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
        let query = &request.query;
        let senses = self.senses(query)?;
        let scope = self.scope(&request.scope, &query.filters).await?;
        let digest = request.digest();
        // Whoever may see some titles only must not learn from a confidence what the others show.
        let reach = Reach {
            scope: scope.as_ref(),
            crowd: scope.as_ref().filter(|_| request.scope.within.is_some()),
            count: RECALL,
            repeated: false,
        };
        let (listing, position) = match &request.page {
            None => (self.list(query, &senses, reach).await?, None),
            Some(token) => {
                let (pages, token) = (self.pages.clone(), token.clone());
                let read = move || {
                    let position = pages.read_token(&token, digest, crate::catalog::now_ms())?;
                    Ok((pages.listing(position)?, Some(position)))
                };
                blocking(read).await?
            }
        };
        let offset = position.map_or(0, |position| position.offset as usize);
        let (hits, next) = self.hits(request, &listing.hits, offset).await?;
        let next = match next {
            None => None,
            Some(offset) => {
                let (pages, listing) = (self.pages.clone(), listing.clone());
                let keep = move || {
                    let position = match position {
                        Some(position) => position,
                        None => pages.keep(&listing, digest)?,
                    };
                    pages.token(position.at(offset), digest)
                };
                Some(blocking(keep).await?)
            }
        };
        let modalities: Vec<Modality> = senses.iter().map(|sense| sense.modality).collect();
        let coverage = self.coverage_at(seq, &modalities, scope.as_ref()).await?;
        let took = started.elapsed().as_secs_f64();
        metrics::histogram!(telemetry::SEARCH_SECONDS.name).record(took);
        Ok(Answer {
            next,
            coverage,
            hits,
            explanation: request.explain.then(|| Explanation {
                query: query.to_text(),
                model: self.encoders.model().to_owned(),
                candidates: listing.hits.iter().map(|hit| hit.others.len() + 1).sum(),
                recalls: listing.recalls,
                ms: took * 1000.0,
            }),
            facets: listing.facets,
            weak: listing.weak,
            modalities,
        })
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
        Ok((fuse(lists.collect()), recalls))
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
        Ok((intersect(lists.collect()), recalls))
    }

    /// The counts of the values that a query asks for among what was found.
    async fn facets(
        &self,
        query: &Query,
        found: &[FusedShot<Match>],
    ) -> Result<Option<BTreeMap<String, Vec<FacetValue>>>, SearchError> {
        if query.facets.is_empty() {
            return Ok(None);
        }
        let shots: Vec<ShotId> = found.iter().map(|one| one.shot.clone()).collect();
        let mut db = self.catalog.read().await?;
        let mut facets = BTreeMap::new();
        for field in &query.facets {
            let counts = filter::facet(&mut db, field, &shots, FACET_VALUES).await?;
            let values = counts.into_iter().map(FacetValue::from).collect();
            facets.insert(field.name(), values);
        }
        Ok(Some(facets))
    }

    /// The hits from `offset` on, with their data from the catalogue, and the offset of the next page. Shots that a newer
    /// generation has replaced since they were indexed are skipped, and so is what may no longer be seen.
    async fn hits(
        &self,
        request: &SearchRequest,
        found: &[Candidate],
        offset: usize,
    ) -> Result<(Vec<Hit>, Option<usize>), SearchError> {
        let limit = request.limit;
        let mut db = self.catalog.read().await?;
        let mut hits = Vec::with_capacity(limit.min(found.len()));
        let mut clocks: HashMap<AssetId, Clock> = HashMap::new();
        let mut at = offset;
        while hits.len() < limit && at < found.len() {
            let batch = &found[at..found.len().min(at + limit - hits.len())];
            let ids: Vec<ShotId> = batch.iter().map(|entry| entry.fused.shot.clone()).collect();
            let hidden = hidden(&mut db, &ids, request.scope.within.as_deref()).await?;
            let shots = shots::get_many(&mut db, &ids).await?;
            for (entry, shot) in batch.iter().zip(shots) {
                let Some(shot) = shot.filter(|shot| !hidden.contains(&shot.asset_id)) else {
                    continue;
                };
                let clock = match clocks.entry(shot.asset_id.clone()) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => new.insert(Clock::of(&shot)?),
                };
                hits.push(Hit::new(&shot, clock, entry, request.explain));
            }
            at += batch.len();
        }
        Ok((hits, (at < found.len()).then_some(at)))
    }

    /// The share of the scope that can be found by `senses`.
    ///
    /// # Errors
    /// If the catalogue fails.
    pub async fn coverage(
        &self,
        senses: &[Modality],
        scope: Option<&ShotSet>,
    ) -> Result<Coverage, SearchError> {
        let searcher = self.by(None).await?;
        searcher.coverage_at(self.index.seq(), senses, scope).await
    }

    /// The share of the scope that an index at change `seq` can find. A search may take a while, and what is indexed
    /// meanwhile is not in its answer.
    async fn coverage_at(
        &self,
        seq: i64,
        senses: &[Modality],
        scope: Option<&ShotSet>,
    ) -> Result<Coverage, SearchError> {
        let visual = embeddings_of(self.encoders.model());
        // Read all counts from one snapshot.
        let mut db = self.catalog.snapshot().await?;
        let assets = || scope.map(ShotSet::assets);
        let (published, total) = coverage(&mut db, &visual, seq, assets()).await?;
        let aside = self.index.set_aside();
        let unseen = aside
            .keys()
            .filter(|asset| scope.is_none_or(|scope| scope.get(asset).is_some()));
        let (unseen, _) = coverage(&mut db, &visual, seq, Some(unseen)).await?;
        let mut found = Coverage {
            ready: published - unseen,
            total,
            failed: given_up(&mut db, &visual, assets()).await?,
            dialogue: None,
            meaning: None,
        };
        let by_sight = senses.contains(&Modality::Visual);
        if senses.contains(&Modality::Dialogue) || senses.contains(&Modality::Meaning) {
            let dialogue = Feature::Dialogue.as_str();
            let (ready, _) = coverage(&mut db, dialogue, seq, assets()).await?;
            let failed = failed(&mut db, dialogue, assets()).await?;
            found.dialogue = Some(DialogueCoverage { ready, failed });
            if !by_sight {
                found.ready = ready;
            }
        }
        if senses.contains(&Modality::Meaning)
            && let Some(sentences) = &self.sentences
        {
            let meaning = meaning_of(sentences.model());
            let (ready, _) = coverage(&mut db, &meaning, seq, assets()).await?;
            found.meaning = Some(ready);
            if senses == [Modality::Meaning] {
                found.ready = ready;
            }
        }
        Ok(found)
    }
}

/// Assets of these shots that are in other titles than these.
async fn hidden(
    db: &mut sqlx::SqliteConnection,
    shots: &[ShotId],
    within: Option<&[TitleId]>,
) -> Result<HashSet<AssetId>, SearchError> {
    let Some(titles) = within else {
        return Ok(HashSet::new());
    };
    let assets: Vec<AssetId> = shots.iter().map(|shot| shot.asset.clone()).collect();
    let places = listing::places(db, &assets).await?;
    let hidden = places
        .into_values()
        .filter(|place| !titles.contains(&place.title));
    Ok(hidden.map(|place| place.id).collect())
}

/// Reads or writes a file away from the threads that answer.
async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, SearchError> + Send + 'static,
) -> Result<T, SearchError> {
    let done = tokio::task::spawn_blocking(act).await;
    done.map_err(|_join| SearchError::Died)?
}
