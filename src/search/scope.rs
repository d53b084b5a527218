//! Where a query is searched: the shots that its scope and its filters leave.

use std::collections::HashSet;

use super::query::{OtherOnly, PartKind, Query, Scope, SearchRequest};
use super::{Coverage, Modality, SearchError, Searcher};
use crate::catalog::database::Connection;
use crate::catalog::filter::{self, Filter, FilterOp};
use crate::catalog::metadata::MetadataValue;
use crate::catalog::{AssetId, Caller, CatalogError, TitleId, assets, titles};
use crate::index::ShotSet;

impl SearchRequest {
    /// Leaves of the request what `caller` sees, and notes who that is.
    ///
    /// # Errors
    /// If it names what the caller does not see, or the database fails.
    pub async fn restrict_to(
        &mut self,
        db: &mut Connection,
        caller: &Caller,
    ) -> Result<(), CatalogError> {
        self.asker = caller.key().map(|(id, name)| (id.clone(), name.to_owned()));
        for part in &self.query.parts {
            match &part.kind {
                PartKind::Shot(shot) => caller.check_shot(db, shot).await?,
                PartKind::Span { asset, .. } => {
                    let named = ("asset", asset.as_str());
                    caller.check(db, asset, named).await?;
                }
                PartKind::Text { .. }
                | PartKind::Picture(_)
                | PartKind::Clip(_)
                | PartKind::Vector { .. } => {}
            }
        }
        self.scope.restrict_to(db, caller).await
    }
}

impl Scope {
    /// Leaves of the scope what `caller` sees.
    ///
    /// # Errors
    /// If it names what the caller does not see, or the database fails.
    pub async fn restrict_to(
        &mut self,
        db: &mut Connection,
        caller: &Caller,
    ) -> Result<(), CatalogError> {
        let Some(titles) = caller.titles() else {
            return Ok(());
        };
        for name in &self.titles {
            caller.title(db, name).await?;
        }
        for asset in &self.assets {
            caller.asset(db, asset).await?;
        }
        self.within = Some(titles.to_vec());
        Ok(())
    }
}

impl Searcher {
    /// The shots in scope; `None` for all.
    pub(super) async fn scope(
        &self,
        scope: &Scope,
        filters: &[Filter],
    ) -> Result<Option<ShotSet>, SearchError> {
        let named = self.named(scope).await?;
        if filters.is_empty() && scope.within.is_none() {
            return Ok(named);
        }
        let within = scope.within.as_deref();
        // All from one state of the catalogue.
        let mut db = self.catalog.snapshot().await?;
        filter::check_names(&mut db, filters, within).await?;
        let matching = filter::matching(&mut db, filters, within).await?;
        let whole = filters.iter().all(|filter| !filter.is_per_shot());
        let matching = if whole {
            ShotSet::from_assets(matching.into_iter().map(|(asset, _)| asset))
        } else {
            let shots = matching.into_iter();
            ShotSet::from_starts(
                shots.filter_map(|(asset, start)| Some((asset, start?.cast_unsigned()))),
            )
        };
        Ok(Some(match named {
            Some(named) => named.and(&matching),
            None => matching,
        }))
    }

    /// The filters of a query, with one that leaves out the assets or the titles of what it is to be like.
    pub(super) async fn filters_of(&self, query: &Query) -> Result<Vec<Filter>, SearchError> {
        let mut filters = query.filters.clone();
        let Some(other) = query.other else {
            return Ok(filters);
        };
        let mut own: Vec<MetadataValue> = Vec::new();
        let mut db = self.catalog.read().await?;
        for asset in query.own() {
            let asset = assets::get(&mut db, asset).await?;
            let id = match other {
                OtherOnly::Assets => asset.id.to_string(),
                OtherOnly::Titles => asset.title_id.to_string(),
            };
            own.push(MetadataValue::Text(id));
        }
        let field = match other {
            OtherOnly::Assets => "asset",
            OtherOnly::Titles => "title",
        };
        filters.push(Filter::new(field, FilterOp::Not, own)?);
        Ok(filters)
    }

    /// The share of these titles, or of all, that can be found by `senses`.
    ///
    /// # Errors
    /// If the catalogue fails.
    pub async fn coverage_within(
        &self,
        senses: &[Modality],
        within: Option<Vec<TitleId>>,
    ) -> Result<Coverage, SearchError> {
        let scope = Scope {
            within,
            ..Scope::default()
        };
        let scope = self.scope(&scope, &[]).await?;
        self.coverage(senses, scope.as_ref()).await
    }

    /// The titles and assets that are named; `None` if none is.
    pub(super) async fn named(&self, scope: &Scope) -> Result<Option<ShotSet>, SearchError> {
        if scope.titles.is_empty() && scope.assets.is_empty() {
            return Ok(None);
        }
        let mut db = self.catalog.read().await?;
        let mut found: HashSet<AssetId> = HashSet::new();
        for title in &scope.titles {
            let id = titles::find(&mut db, title, scope.within.as_deref()).await?;
            found.extend(assets::list(&mut db, Some(&id)).await?);
        }
        for asset in &scope.assets {
            found.insert(assets::get(&mut db, asset).await?.id);
        }
        Ok(Some(ShotSet::from_assets(found)))
    }
}
