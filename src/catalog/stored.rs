//! The objects in the store, and the files, that the catalogue refers to.

use futures::TryStreamExt as _;
use futures::stream::BoxStream;

use super::CatalogError;
use super::database::{self, Connection};

/// Results, uploads, and originals of redactions. `store:` is in front of the key in names of files.
const KEYS: &str = "SELECT key FROM objects
     UNION ALL SELECT substr(uri, 7) FROM assets WHERE substr(uri, 1, 6) = 'store:'
     UNION ALL SELECT substr(uri, 7) FROM replacements WHERE substr(uri, 1, 6) = 'store:'
     UNION ALL SELECT substr(f.source, 7) FROM redaction_files f JOIN redactions r ON r.id = f.redaction_id
                WHERE substr(f.source, 1, 6) = 'store:' AND r.stage <> 'deleting'";

/// The keys of all objects that the catalogue refers to. A key may come more than once.
pub fn keys(db: &mut Connection) -> BoxStream<'_, Result<String, CatalogError>> {
    let rows = database::query_as::<(String,)>(KEYS).fetch(db);
    Box::pin(rows.map_ok(|(key,)| key).map_err(CatalogError::from))
}

/// The names of all videos that are files of a machine, as `file://` URIs.
pub fn files(db: &mut Connection) -> BoxStream<'_, Result<String, CatalogError>> {
    let uris = "SELECT uri FROM assets WHERE substr(uri, 1, 5) = 'file:' ORDER BY registered";
    let rows = database::query_as::<(String,)>(uris).fetch(db);
    Box::pin(rows.map_ok(|(uri,)| uri).map_err(CatalogError::from))
}
