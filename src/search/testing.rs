//! Searchers for tests.

use std::sync::Arc;

use rushes_models::{EncoderOptions, ModelStore};

use super::Searcher;
use crate::catalog::Catalog;
use crate::index::Index;

/// A searcher without models, over an empty index.
pub(super) fn searcher(folder: &tempfile::TempDir, catalog: &Catalog) -> Searcher {
    let path = |name: &str| folder.path().join(name);
    Searcher::new(
        catalog.clone(),
        Arc::new(Index::open(&path("index")).unwrap()),
        ModelStore::open(path("models")).unwrap(),
        ("lite", EncoderOptions::threads(1)),
        path("pages"),
    )
}
