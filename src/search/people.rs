//! Who searched for whom: each search for a person is noted in the audit log before it is answered.

use std::path::Path;

use super::{SearchError, SearchRequest, Searcher, pages};
use crate::catalog::audit::{self, AuditedRequest};
use crate::catalog::metadata::MetadataValue;
use crate::catalog::{Catalog, CatalogError, PersonId, people};

/// What the audit log calls a search.
const METHOD: &str = "SEARCH";
const PATH: &str = "/v1/search";

/// Removes what is left of deleted people in files: the lists that later pages of searches would show, which may count
/// their names, and free parts of the catalogue's file.
///
/// # Errors
/// If the lists cannot be deleted, or as [`Catalog::scrub`].
pub async fn forget_people(catalog: &Catalog, pages: &Path) -> Result<(), SearchError> {
    pages::forget(pages).map_err(SearchError::Pages)?;
    Ok(catalog.scrub().await?)
}

impl SearchRequest {
    /// The people that it names, also to leave them out.
    fn named_people(&self) -> impl Iterator<Item = &str> {
        let filters = self.query.filters.iter();
        let named = filters.filter(|filter| filter.name() == "person");
        named
            .flat_map(|filter| filter.values())
            .filter_map(|value| match value {
                MetadataValue::Text(who) => Some(who.as_str()),
                MetadataValue::Flag(_) | MetadataValue::Number(_) => None,
            })
    }
}

impl Searcher {
    /// The same as [`forget_people`], for this searcher's catalogue and pages.
    ///
    /// # Errors
    /// As that.
    pub async fn forget_people(&self) -> Result<(), SearchError> {
        forget_people(&self.catalog, self.pages.folder()).await
    }

    /// Notes which people are searched for, by their ids, and who searches. A later page is the same search.
    pub(super) async fn note_people(&self, request: &SearchRequest) -> Result<(), SearchError> {
        if request.page.is_some() || request.named_people().next().is_none() {
            return Ok(());
        }
        let within = request.scope.within.as_deref();
        let mut tx = self.catalog.begin().await?;
        let mut ids: Vec<PersonId> = Vec::new();
        for who in request.named_people() {
            ids.push(people::find(&mut tx, who, within).await?.id);
        }
        let ids: Vec<&str> = ids.iter().map(PersonId::as_str).collect();
        let asker = request.asker.as_ref();
        let noted = AuditedRequest {
            key: asker.map(|(id, name)| (id, name.as_str())),
            method: METHOD,
            path: PATH,
            status: 200,
            request_id: "",
            note: Some(&format!("people {}", ids.join(", "))),
        };
        audit::note(&mut tx, noted).await?;
        tx.commit().await.map_err(CatalogError::from)?;
        Ok(())
    }
}
