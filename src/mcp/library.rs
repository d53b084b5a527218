//! What the tools work on.

use std::sync::Arc;

use rushes_models::ErrorKind;
use rushes_workers::storage::Storage;
use tokio::sync::{Mutex, Semaphore};

use super::error::ToolError;
use super::folder::ExportsFolder;
use crate::app::App;
use crate::catalog::{Caller, Catalog, changes_after};
use crate::export::ExportSources;
use crate::search::{Answer, SearchRequest, Searcher};

/// The catalogue, its search, and the folder for exports.
pub(super) struct Library {
    /// The catalogue.
    pub(super) catalog: Catalog,
    /// Videos and derived objects.
    pub(super) storage: Storage,
    /// What exports with pictures are made from.
    pub(super) sources: ExportSources,
    /// Where exports may be written.
    pub(super) exports: Option<ExportsFolder>,
    /// Over which state of the index searches run.
    pub(super) index: SearchedIndex,
    /// Searches that may be under way at the same time.
    pub(super) searching: Arc<Semaphore>,
}

/// Over which state of the index searches run.
pub(super) enum SearchedIndex {
    /// This process writes it, and the searcher follows.
    Own(Searcher),
    /// Other processes may write it.
    Foreign {
        /// Opens it.
        app: Box<App>,
        /// The searcher over the newest known state.
        newest: Mutex<Option<Searcher>>,
    },
}

/// One call of a tool.
pub(super) struct Visit {
    /// What the tool works on.
    pub(super) library: Arc<Library>,
    /// Who calls it.
    pub(super) caller: Caller,
}

impl Visit {
    /// Answers one search over the newest state of the index, as far as the caller sees, if not too many are under way.
    pub(super) async fn search(&self, mut request: SearchRequest) -> Result<Answer, ToolError> {
        let library = &self.library;
        let _place = library.searching.try_acquire().map_err(|_all_taken| {
            let detail = "too many searches at once; ask again in a moment";
            ToolError::new(ErrorKind::Overloaded, "too-many-searches", detail)
        })?;
        let mut db = library.catalog.read().await?;
        request.restrict_to(&mut db, &self.caller).await?;
        drop(db);
        let searcher = library.searcher().await?;
        Ok(searcher.search(&request).await?)
    }
}

impl Library {
    async fn searcher(&self) -> Result<Searcher, ToolError> {
        let (app, newest) = match &self.index {
            SearchedIndex::Own(searcher) => return Ok(searcher.clone()),
            SearchedIndex::Foreign { app, newest } => (app, newest),
        };
        // The assistant's program runs for days while videos are ingested by others, so the index is read again when
        // the catalogue has changed. The encoders stay loaded.
        let mut known = newest.lock().await;
        if let Some(searcher) = &*known {
            let mut db = self.catalog.read().await?;
            if changes_after(&mut db, searcher.seq(), 1).await?.is_empty() {
                return Ok(searcher.clone());
            }
        }
        let index = app.index().await?;
        let searcher = match &*known {
            Some(searcher) => searcher.over(index),
            None => app.searcher(index),
        };
        *known = Some(searcher.clone());
        Ok(searcher)
    }
}
