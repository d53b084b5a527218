//! Which model answers by sight: the one that is active in the catalogue, or one that the search names.

use std::sync::{Arc, Mutex, PoisonError};

use rushes_models::{EncoderOptions, ModelStore};

use super::{Encoders, SearchError, Searcher};
use crate::catalog::spaces::{self, SpaceState};

/// Models whose encoders stay loaded: the active one, and the one before it or beside it.
const LOADED: usize = 2;

/// The encoders of the models for search by sight, opened when they are first used.
#[derive(Debug)]
pub(super) struct SightEncoders {
    models: ModelStore,
    options: EncoderOptions,
    /// The model that answers unless the catalogue names another.
    configured: String,
    /// The last used first.
    opened: Mutex<Vec<Arc<Encoders>>>,
}

impl SightEncoders {
    pub(super) fn new(models: ModelStore, configured: &str, options: EncoderOptions) -> Self {
        Self {
            models,
            options,
            configured: configured.to_owned(),
            opened: Mutex::default(),
        }
    }

    /// The encoders of `model`.
    pub(super) fn of(&self, model: &str) -> Arc<Encoders> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let known = opened.iter().position(|one| one.model() == model);
        let encoders = match known {
            Some(at) => opened.remove(at),
            None => Arc::new(Encoders::new(self.models.clone(), model, self.options)),
        };
        opened.insert(0, Arc::clone(&encoders));
        opened.truncate(LOADED);
        encoders
    }
}

impl Searcher {
    /// The same searcher, which answers by `model`, or by the active model if none is named. A search that has begun
    /// keeps its model when another becomes active.
    pub(super) async fn by(&self, model: Option<&str>) -> Result<Self, SearchError> {
        let mut db = self.catalog.read().await?;
        let used = spaces::all(&mut db).await?;
        drop(db);
        let active = used.iter().find(|one| one.is_active);
        let active = active.map_or(self.sight.configured.as_str(), |one| &one.model);
        let model = model.unwrap_or(active);
        if model != active {
            match used.iter().find(|one| one.model == model) {
                Some(one) if one.state == SpaceState::Built => {}
                Some(one) if one.state == SpaceState::Building => {
                    return Err(SearchError::NotBuilt(model.to_owned()));
                }
                Some(_) | None => return Err(SearchError::NoSpace(model.to_owned())),
            }
        }
        Ok(Self {
            encoders: self.sight.of(model),
            ..self.clone()
        })
    }
}
