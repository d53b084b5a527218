//! Answering a search: recalls, fusion, and the hits people and programs are shown.
//!
//! Each recall (by sight, by dialogue) comes back as a ranked list of its own; the lists are fused by
//! reciprocal rank, and every hit carries the evidence of each recall that found it.

mod encoders;
mod error;
mod fusion;
mod hit;
mod page;
mod picture;
mod query;

use std::collections::HashSet;
use std::sync::Arc;

use rushes_models::{EncoderOptions, ModelStore};

pub use encoders::Encoders;
pub use error::SearchError;
pub use hit::{
    Answer, AssetRef, Coverage, Dialogue, DialogueCoverage, Evidence, Hit, Line, Place, ShotDetail,
    Time, Visual,
};
pub use picture::read_picture;
pub use query::{Modality, Scope, SearchRequest, Subject};

use crate::catalog::{AssetId, Catalog, ShotId, assets, coverage, failed, shots};
use crate::features::{DIALOGUE, embeddings_of};
use crate::index::{CueHit, Index};
use fusion::{Found, fuse};
use page::Page;

/// How many candidates each recall is asked for, and so how far one can page. The same for every page,
/// or fused ranks would shift between pages.
const RECALL: usize = 400;
/// Hits on one page, at most.
pub const MAX_LIMIT: usize = 200;

/// Answers searches over a catalogue and its index.
#[derive(Debug, Clone)]
pub struct Searcher {
    catalog: Catalog,
    index: Arc<Index>,
    encoders: Arc<Encoders>,
}

impl Searcher {
    /// With encoders of `model` from `models`, loaded when first needed.
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

    /// Answers one search.
    ///
    /// # Errors
    /// [`SearchError`]: nothing to search for, an unknown title or shot, a model that is not pulled.
    pub async fn search(&self, request: &SearchRequest) -> Result<Answer, SearchError> {
        let started = std::time::Instant::now();
        request.validate()?;
        let page = Page::read(request)?;
        let scope = self.scope(&request.scope).await?;
        let found = self.recall(request, scope.as_ref()).await?;
        let (hits, next) = self.hits(&found, page.offset, request.limit).await?;
        let answer = Answer {
            next: next.map(|offset| page.at(offset)),
            coverage: self.coverage(&request.senses(), scope.as_ref()).await?,
            hits,
        };
        metrics::histogram!("rushes_search_seconds").record(started.elapsed().as_secs_f64());
        Ok(answer)
    }

    /// How much of the scope can be found by `senses`.
    ///
    /// # Errors
    /// If the catalogue fails.
    pub async fn coverage(
        &self,
        senses: &[Modality],
        scope: Option<&HashSet<AssetId>>,
    ) -> Result<Coverage, SearchError> {
        let (visual, seq) = (embeddings_of(self.encoders.model()), self.index.seq());
        // One state for all counts.
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
            let (ready, _) = coverage(&mut db, DIALOGUE, seq, scope).await?;
            let failed = failed(&mut db, DIALOGUE, scope).await?;
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
        let mut found = HashSet::new();
        for title in &scope.titles {
            let id = assets::find_title(&mut db, title).await?;
            found.extend(assets::list(&mut db, Some(&id)).await?);
        }
        for asset in &scope.assets {
            found.insert(assets::get(&mut db, asset).await?.id);
        }
        Ok(Some(found))
    }

    async fn recall(
        &self,
        request: &SearchRequest,
        scope: Option<&HashSet<AssetId>>,
    ) -> Result<Vec<Found>, SearchError> {
        let (visual, spoken) = match &request.subject {
            Subject::Text(text) => {
                let visual = if request.wants(Modality::Visual) {
                    let vector = self.encoders.text(text).await?;
                    self.by_sight(vector, scope).await?
                } else {
                    Vec::new()
                };
                let spoken = if request.wants(Modality::Dialogue) {
                    self.by_dialogue(text, scope).await?
                } else {
                    Vec::new()
                };
                (visual, spoken)
            }
            Subject::Shot(shot) => {
                let (shot, vector) = self.vector_of(shot).await?;
                let mut near = self.by_sight(vector, scope).await?;
                near.retain(|(id, _)| *id != shot);
                (near, Vec::new())
            }
            Subject::Picture(picture) => {
                let vector = self.encoders.picture(Arc::clone(picture)).await?;
                (self.by_sight(vector, scope).await?, Vec::new())
            }
        };
        Ok(fuse(visual, spoken))
    }

    async fn by_sight(
        &self,
        vector: Vec<f32>,
        scope: Option<&HashSet<AssetId>>,
    ) -> Result<Vec<(ShotId, f32)>, SearchError> {
        let index = Arc::clone(&self.index);
        let space = self.encoders.space()?.id;
        let scope = scope.cloned();
        let near = tokio::task::spawn_blocking(move || {
            index.nearest(&space, &vector, RECALL, scope.as_ref())
        });
        near.await.map_err(|_join| SearchError::Died)
    }

    async fn by_dialogue(
        &self,
        words: &str,
        scope: Option<&HashSet<AssetId>>,
    ) -> Result<Vec<CueHit>, SearchError> {
        let index = Arc::clone(&self.index);
        let (words, scope) = (words.to_owned(), scope.cloned());
        let spoken =
            tokio::task::spawn_blocking(move || index.spoken(&words, RECALL, scope.as_ref()));
        Ok(spoken.await.map_err(|_join| SearchError::Died)??)
    }

    /// A shot under its own id, and its stored vector in the space that is searched.
    async fn vector_of(&self, id: &ShotId) -> Result<(ShotId, Vec<f32>), SearchError> {
        let space = self.encoders.space()?.id;
        let mut db = self.catalog.read().await?;
        let shot = shots::get(&mut db, id).await?;
        let vector = shots::vector(&mut db, &shot, &space).await?;
        vector
            .map(|vector| (shot.id(), vector))
            .ok_or_else(|| SearchError::NoVector {
                shot: id.to_string(),
                space,
            })
    }

    /// Up to `limit` found shots from `offset` on, with what the catalogue says of them; and where to
    /// go on. Shots that a newer generation has replaced since the index was written are passed over.
    async fn hits(
        &self,
        found: &[Found],
        offset: usize,
        limit: usize,
    ) -> Result<(Vec<Hit>, Option<usize>), SearchError> {
        let mut db = self.catalog.read().await?;
        let mut hits = Vec::with_capacity(limit.min(found.len()));
        for (at, entry) in found.iter().enumerate().skip(offset) {
            if hits.len() == limit {
                return Ok((hits, Some(at)));
            }
            match shots::get(&mut db, &entry.shot).await {
                Ok(shot) => hits.push(Hit::new(&shot, entry)?),
                Err(error) if error.kind() == rushes_models::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok((hits, None))
    }
}

/// One shot with all there is to say of it. The catalogue alone knows; no index is needed.
///
/// # Errors
/// If there is no such shot.
pub async fn show(catalog: &Catalog, id: &ShotId) -> Result<ShotDetail, SearchError> {
    let mut db = catalog.read().await?;
    let shot = shots::get(&mut db, id).await?;
    let cues = shots::cues(&mut db, &shot.asset_id).await?;
    drop(db);
    ShotDetail::new(&shot, &cues)
}
