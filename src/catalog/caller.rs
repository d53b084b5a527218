//! Who asks, and what they see: a key, its scopes and its titles, or this machine's user.

use std::collections::HashSet;

use super::assets::{self, Asset};
use super::bins::{self, Bin, BinItem, Selection};
use super::database::Connection;
use super::jobs::{self, Job};
use super::keys::{Key, KeyScope};
use super::titles;
use super::{AssetId, CatalogError, JobId, KeyId, ShotId, TitleId};

/// The one who asks. The default is this machine's user, who may do and see everything.
///
/// What a caller does not see is answered as if it did not exist.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    key: Option<Key>,
    titles: Option<Vec<TitleId>>,
}

impl Caller {
    /// The holder of a key, who sees these titles; all if `None`.
    #[must_use]
    pub const fn new(key: Key, titles: Option<Vec<TitleId>>) -> Self {
        Self {
            key: Some(key),
            titles,
        }
    }

    /// A caller of whom nothing is known, who sees nothing.
    #[must_use]
    pub const fn nobody() -> Self {
        Self {
            key: None,
            titles: Some(Vec::new()),
        }
    }

    /// The key, for the audit log.
    #[must_use]
    pub fn key(&self) -> Option<(&KeyId, &str)> {
        self.key.as_ref().map(|key| (&key.id, key.name.as_str()))
    }

    /// The key of this caller, if it has one.
    #[must_use]
    pub const fn credential(&self) -> Option<&Key> {
        self.key.as_ref()
    }

    /// Whether this caller may do what needs `scope`.
    #[must_use]
    pub fn holds(&self, scope: KeyScope) -> bool {
        self.key.as_ref().is_none_or(|key| key.scope.include(scope))
    }

    /// The titles that are seen; all if `None`.
    #[must_use]
    pub fn titles(&self) -> Option<&[TitleId]> {
        self.titles.as_deref()
    }

    /// The key that owns what this caller makes, if it sees only what it made.
    #[must_use]
    pub fn owner(&self) -> Option<&KeyId> {
        let key = self.key.as_ref().filter(|_| self.titles.is_some());
        key.map(|key| &key.id)
    }

    /// Whether a title is seen.
    #[must_use]
    pub fn sees(&self, title: &TitleId) -> bool {
        self.titles
            .as_ref()
            .is_none_or(|titles| titles.contains(title))
    }

    /// The asset with this id, if it is seen.
    ///
    /// # Errors
    /// If it does not exist or is not seen, or the database fails.
    pub async fn asset(&self, db: &mut Connection, id: &AssetId) -> Result<Asset, CatalogError> {
        let asset = assets::get(db, id).await?;
        if self.sees(&asset.title_id) {
            return Ok(asset);
        }
        Err(hidden("asset", id.as_str()))
    }

    /// The title with this id or name, if it is seen.
    ///
    /// # Errors
    /// If it does not exist or is not seen, or the database fails.
    pub async fn title(
        &self,
        db: &mut Connection,
        id_or_name: &str,
    ) -> Result<TitleId, CatalogError> {
        titles::find(db, id_or_name, self.titles()).await
    }

    /// As [`Caller::asset`], for something of the asset that is called `what` and was asked for as `id`.
    ///
    /// # Errors
    /// If the asset does not exist or is not seen, or the database fails.
    pub async fn check(
        &self,
        db: &mut Connection,
        asset: &AssetId,
        (what, id): (&'static str, &str),
    ) -> Result<(), CatalogError> {
        if self.titles.is_none() {
            return Ok(());
        }
        match self.asset(db, asset).await {
            Err(CatalogError::NotFound { .. }) => Err(hidden(what, id)),
            found => found.map(drop),
        }
    }

    /// The job with this id, if its asset is seen.
    ///
    /// # Errors
    /// If it does not exist or is not seen, or the database fails.
    pub async fn job(&self, db: &mut Connection, id: &JobId) -> Result<Job, CatalogError> {
        let job = jobs::get(db, id).await?;
        self.check(db, &job.asset_id, ("job", id.as_str())).await?;
        Ok(job)
    }

    /// Refuses a shot whose asset is not seen. Whether the shot exists is not looked up.
    ///
    /// # Errors
    /// If the asset is not seen, or the database fails.
    pub async fn check_shot(&self, db: &mut Connection, id: &ShotId) -> Result<(), CatalogError> {
        self.check(db, &id.asset, ("shot", &id.to_string())).await
    }

    /// Checks that every asset that is picked is seen.
    ///
    /// # Errors
    /// If one is not seen, or the database fails.
    pub async fn check_picks(
        &self,
        db: &mut Connection,
        picks: &[Selection],
    ) -> Result<(), CatalogError> {
        let assets: HashSet<&AssetId> = picks.iter().map(|pick| &pick.asset).collect();
        for asset in assets {
            let named = ("asset", asset.as_str());
            self.check(db, asset, named).await?;
        }
        Ok(())
    }

    /// The items of a bin whose titles are seen: an asset may have been moved to another title since it was picked.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn items(
        &self,
        db: &mut Connection,
        bin: &Bin,
    ) -> Result<Vec<BinItem>, CatalogError> {
        let mut items = bins::items(db, &bin.id).await?;
        items.retain(|item| self.sees(&item.title_id));
        Ok(items)
    }
}

/// The error for what is not seen: the same as for what does not exist.
fn hidden(what: &'static str, id: &str) -> CatalogError {
    CatalogError::NotFound {
        what,
        id: id.to_owned(),
    }
}
