//! Which shots a command is about: named, found by a search, or in a bin.

use anyhow::ensure;

use super::output;
use crate::app::App;
use crate::catalog::bins::{self, Selection};
use crate::catalog::{AssetId, ShotId};
use crate::search::{Hit, Query, Scope, SearchRequest};

/// Options that name shots.
#[derive(Debug, clap::Args)]
pub(super) struct PickArgs {
    /// Ids of shots; `ASSET.START-END` may be any span of frames
    #[arg(value_name = "SHOT")]
    shots: Vec<ShotId>,
    /// Instead: the hits of a search, as `rushes search` takes it
    #[arg(long, value_name = "QUERY", conflicts_with = "shots")]
    search: Option<String>,
    /// Only in this title (id or name); may be given more than once
    #[arg(long, value_name = "TITLE", requires = "search")]
    title: Vec<String>,
    /// Only in this asset; may be given more than once
    #[arg(long, value_name = "ID", requires = "search")]
    asset: Vec<AssetId>,
    /// How many hits
    #[arg(long, short = 'n', default_value_t = 12)]
    limit: usize,
    /// Take hits too that are near, but not likely to be what the search is for
    #[arg(long, requires = "search")]
    unlikely: bool,
}

impl PickArgs {
    /// Whether nothing is named.
    pub(super) const fn is_empty(&self) -> bool {
        self.shots.is_empty() && self.search.is_none()
    }

    /// The search, if there is one.
    pub(super) fn search(&self) -> Option<&str> {
        self.search.as_deref()
    }

    /// What is named, in order.
    pub(super) async fn selections(&self, app: &App) -> anyhow::Result<Vec<Selection>> {
        let Some(text) = &self.search else {
            return Ok(self.shots.iter().map(Selection::from).collect());
        };
        let request = SearchRequest {
            scope: Scope {
                titles: self.title.clone(),
                assets: self.asset.clone(),
                within: None,
            },
            ..SearchRequest::new(Query::parse(text)?, self.limit)
        };
        let answer = app.searcher(app.index().await?).search(&request).await?;
        let taken = |hit: &&Hit| self.unlikely || hit.is_likely;
        let found: Vec<Selection> = answer
            .hits
            .iter()
            .filter(taken)
            .map(|hit| hit.selection(Some(text)))
            .collect();
        let left_out = answer.hits.len() - found.len();
        ensure!(
            left_out == 0 || !found.is_empty(),
            "none of the {} is likely to be what you search for; --unlikely takes the nearest all the same",
            output::count(left_out as u64, "hit")
        );
        if left_out > 0 {
            output::complain(&format!(
                "left out {}, which are near but not likely to be what you search for; --unlikely takes them too",
                output::count(left_out as u64, "hit")
            ));
        }
        Ok(found)
    }
}

/// The picks of a bin, with its name.
pub(super) async fn in_bin(app: &App, bin: &str) -> anyhow::Result<(Vec<Selection>, String)> {
    let mut db = app.catalog.snapshot().await?;
    let bin = bins::find(&mut db, bin, None).await?;
    let items = bins::items(&mut db, &bin.id).await?;
    Ok((items.into_iter().map(Selection::from).collect(), bin.name))
}
