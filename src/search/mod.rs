//! Answers searches: recalls, fusion, and hits for people and programs.
//!
//! Each recall (visual, dialogue) returns its own ranked list. The lists are fused by reciprocal rank, and
//! every hit carries the evidence of each recall that found it. `recall/` has one file per recall.

mod encoders;
mod error;
mod fusion;
mod gaps;
mod hit;
mod page;
mod picture;
mod query;
mod recall;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rushes_models::{EncoderOptions, ModelStore};
use rushes_workers::stages::Feature;

pub use encoders::Encoders;
pub use error::SearchError;
pub use hit::{Answer, Coverage, DialogueCoverage, Hit};
pub use picture::read_picture;
pub use query::{Scope, SearchRequest, Subject};
pub use recall::{Dialogue, Evidence, Modality, Visual};

use crate::catalog::{AssetId, Catalog, ShotId, assets, coverage, failed, shots};
use crate::features::embeddings_of;
use crate::index::Index;
use crate::telemetry;
use crate::views::Clock;
use fusion::{FusedShot, fuse};
use page::Page;
use recall::Match;

/// Number of candidates per recall, which also limits paging. It is the same for every page, because ranks
/// would otherwise shift between pages.
const RECALL: usize = 400;
/// Most hits per page.
pub const MAX_LIMIT: usize = 200;

/// Answers searches over a catalogue and its index.
#[derive(Debug, Clone)]
pub struct Searcher {
    catalog: Catalog,
    index: Arc<Index>,
    encoders: Arc<Encoders>,
}

impl Searcher {
    /// Creates a searcher with encoders of `model` from `models`, loaded at first use.
    #[must_use]
    pub fn new(
        catalog: Catalog,
        index: Arc<Index>,
        models: ModelStore,
        (model, options): (&str, EncoderOptions),
    ) -> Self {
        Self {
            catalog,
            index,
            encoders: Arc::new(Encoders::new(models, model, options)),
        }
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
        let started = std::time::Instant::now();
        request.validate()?;
        let page = Page::read(request)?;
        let scope = self.scope(&request.scope).await?;
        let senses = request.senses();
        let lists = recall::lists(self, &request.subject, &senses, scope.as_ref(), RECALL).await?;
        let found = fuse(lists);
        let (hits, next) = self.hits(&found, page.offset, request.limit).await?;
        let answer = Answer {
            next: next.map(|offset| page.at(offset)),
            coverage: self.coverage(&senses, scope.as_ref()).await?,
            hits,
        };
        metrics::histogram!(telemetry::SEARCH_SECONDS.name).record(started.elapsed().as_secs_f64());
        Ok(answer)
    }

    /// The share of the scope that can be found by `senses`.
    ///
    /// # Errors
    /// If the catalogue fails.
    pub async fn coverage(
        &self,
        senses: &[Modality],
        scope: Option<&HashSet<AssetId>>,
    ) -> Result<Coverage, SearchError> {
        let (visual, seq) = (embeddings_of(self.encoders.model()), self.index.seq());
        // Read all counts from one snapshot.
        let mut db = self.catalog.snapshot().await?;
        let (published, total) = coverage(&mut db, &visual, seq, scope).await?;
        let aside = self.index.set_aside();
        let unseen = aside
            .keys()
            .filter(|asset| scope.is_none_or(|scope| scope.contains(asset)));
        let (unseen, _) = coverage(&mut db, &visual, seq, Some(unseen)).await?;
        let mut found = Coverage {
            ready: published - unseen,
            total,
            dialogue: None,
        };
        if senses.contains(&Modality::Dialogue) {
            let dialogue = Feature::Dialogue.as_str();
            let (ready, _) = coverage(&mut db, dialogue, seq, scope).await?;
            let failed = failed(&mut db, dialogue, scope).await?;
            found.dialogue = Some(DialogueCoverage { ready, failed });
            if !senses.contains(&Modality::Visual) {
                found.ready = ready;
            }
        }
        Ok(found)
    }

    async fn scope(&self, scope: &Scope) -> Result<Option<HashSet<AssetId>>, SearchError> {
        if scope.is_everything() {
            return Ok(None);
        }
        let mut db = self.catalog.read().await?;
        let mut allowed = HashSet::new();
        for title in scope.within.iter().flatten() {
            allowed.extend(assets::list(&mut db, Some(title)).await?);
        }
        if scope.titles.is_empty() && scope.assets.is_empty() {
            return Ok(Some(allowed));
        }
        let mut found = HashSet::new();
        for title in &scope.titles {
            let id = assets::find_title(&mut db, title).await?;
            found.extend(assets::list(&mut db, Some(&id)).await?);
        }
        for asset in &scope.assets {
            found.insert(assets::get(&mut db, asset).await?.id);
        }
        if scope.within.is_some() {
            found.retain(|asset| allowed.contains(asset));
        }
        Ok(Some(found))
    }

    /// Up to `limit` shots from `offset` on, with their data from the catalogue, and the offset of the next
    /// page. Shots that a newer generation has replaced since they were indexed are skipped.
    async fn hits(
        &self,
        found: &[FusedShot<Match>],
        offset: usize,
        limit: usize,
    ) -> Result<(Vec<Hit>, Option<usize>), SearchError> {
        let mut db = self.catalog.read().await?;
        let mut hits = Vec::with_capacity(limit.min(found.len()));
        let mut clocks: HashMap<AssetId, Clock> = HashMap::new();
        let mut at = offset;
        while hits.len() < limit && at < found.len() {
            let batch = &found[at..found.len().min(at + limit - hits.len())];
            let ids: Vec<ShotId> = batch.iter().map(|entry| entry.shot.clone()).collect();
            let shots = shots::get_many(&mut db, &ids).await?;
            for (entry, shot) in batch.iter().zip(shots) {
                let Some(shot) = shot else { continue };
                let clock = match clocks.entry(shot.asset_id.clone()) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => new.insert(Clock::of(&shot)?),
                };
                hits.push(Hit::new(&shot, clock, entry));
            }
            at += batch.len();
        }
        Ok((hits, (at < found.len()).then_some(at)))
    }
}
