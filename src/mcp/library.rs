//! What the tools work on.

use std::path::PathBuf;

use tokio::sync::{Mutex, Semaphore};

use super::error::ToolError;
use super::folder::ExportsFolder;
use crate::app::App;
use crate::catalog::changes_after;
use crate::search::{Answer, SearchRequest, Searcher};

/// Searches at once, as over HTTP.
const MOST_SEARCHES: usize = 64;

/// The catalogue, its search, and the folder for exports.
pub(super) struct Library {
    /// The catalogue and the store.
    pub(super) app: App,
    /// Where exports may be written.
    pub(super) exports: Option<ExportsFolder>,
    /// The searcher over the newest known state of the index.
    searcher: Mutex<Option<Searcher>>,
    searching: Semaphore,
}

impl Library {
    pub(super) fn new(app: App, exports: Option<PathBuf>) -> anyhow::Result<Self> {
        Ok(Self {
            app,
            exports: exports
                .map(|folder| ExportsFolder::open(&folder))
                .transpose()?,
            searcher: Mutex::new(None),
            searching: Semaphore::new(MOST_SEARCHES),
        })
    }

    /// Answers one search over the newest state of the index, if not too many are under way.
    pub(super) async fn search(&self, request: &SearchRequest) -> Result<Answer, ToolError> {
        let _place = self.searching.try_acquire().map_err(|_all_taken| {
            let detail = "too many searches at once; ask again in a moment";
            ToolError::new("too-many-searches", detail)
        })?;
        let searcher = self.searcher().await?;
        Ok(searcher.search(request).await?)
    }

    /// The assistant's program runs for days while videos are ingested by others, so the index is read again when
    /// the catalogue has changed. The encoders stay loaded.
    async fn searcher(&self) -> Result<Searcher, ToolError> {
        let mut known = self.searcher.lock().await;
        if let Some(searcher) = &*known {
            let mut db = self.app.catalog.read().await?;
            if changes_after(&mut db, searcher.seq(), 1).await?.is_empty() {
                return Ok(searcher.clone());
            }
        }
        let index = self.app.index().await?;
        let newest = match &*known {
            Some(searcher) => searcher.over(index),
            None => self.app.searcher(index),
        };
        *known = Some(newest.clone());
        Ok(newest)
    }
}
