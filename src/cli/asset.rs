//! Assets as people name them.

use std::path::Path;

use anyhow::bail;
use rushes_workers::storage::Uri;

use crate::catalog::assets::{self, Asset};
use crate::catalog::database::Connection;

/// The asset with this id, location or file name.
pub(super) async fn named(db: &mut Connection, name: &str) -> anyhow::Result<Asset> {
    if let Ok(id) = name.parse() {
        return Ok(assets::get(db, &id).await?);
    }
    let path = Path::new(name).canonicalize().ok();
    let location = path.map_or_else(|| name.to_owned(), |path| Uri::File(path).to_string());
    let found = assets::named(db, &location, name).await?;
    match found.as_slice() {
        [one] => Ok(assets::get(db, one).await?),
        [] => bail!(
            "no asset has the id, location or file name {name:?}; `rushes jobs` shows their files"
        ),
        several => {
            let ids: Vec<String> = several.iter().map(ToString::to_string).collect();
            bail!(
                "several assets have the file name {name:?}: give one of the ids {}",
                ids.join(", ")
            )
        }
    }
}
