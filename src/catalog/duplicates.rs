//! Assets that turn out to have the same bytes as another asset: the two become one.

use super::assets::{self, Asset};
use super::database::{self, Connection};
use super::runs::{self, RunState};
use super::{AssetId, CatalogError, note_change, replacements, subtitles};

/// Another asset with the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SameBytes {
    /// The asset.
    pub asset: AssetId,
    /// Whether they are the bytes of its replacement, which is not published yet, and not its current ones.
    pub is_pending: bool,
}

/// Another asset that has these bytes or is to have them, if there is one.
///
/// # Errors
/// If the database fails.
pub async fn same_bytes(
    db: &mut Connection,
    id: &AssetId,
    blake3: &str,
) -> Result<Option<SameBytes>, CatalogError> {
    let found: Option<(AssetId, bool)> = database::query_as(
        "SELECT id, FALSE FROM assets WHERE blake3 = $1 AND id <> $2
          UNION ALL SELECT asset_id, TRUE FROM replacements WHERE blake3 = $1 AND asset_id <> $2 LIMIT 1",
    )
    .bind(blake3)
    .bind(id)
    .fetch_optional(db)
    .await?;
    Ok(found.map(|(asset, is_pending)| SameBytes { asset, is_pending }))
}

/// Makes `duplicate` another name of `original`, which has the same bytes. Its jobs move to the original, and so do its
/// locators if the bytes are the current ones of the original.
///
/// From now on the original is read from the duplicate's location in three cases: both are the same file,
/// modified since; the original's own file is gone; or some feature of the original is still to be computed. It is not
/// if the original is about to be replaced.
///
/// # Errors
/// If the database fails.
pub async fn merge(
    db: &mut Connection,
    duplicate: &AssetId,
    original: &SameBytes,
) -> Result<(), CatalogError> {
    let SameBytes { asset, is_pending } = original;
    let (new, old) = (
        assets::get(db, duplicate).await?,
        assets::get(db, asset).await?,
    );
    let list = if *is_pending {
        old.next_sidecars.as_ref().unwrap_or(&old.sidecars)
    } else {
        &old.sidecars
    };
    let has_new_subtitles = list == "[]" && new.sidecars != "[]";
    // Subtitle files that were uploaded with the duplicate are deleted with it.
    let is_moved =
        old.replaced_by.is_none() && (has_new_subtitles || is_read_there(db, &new, &old).await?);
    if is_moved {
        assets::point_to(db, asset, &new.locator()).await?;
        // Otherwise an upload that now belongs to the original would count as garbage below.
        database::query("UPDATE assets SET uri = '' WHERE id = $1")
            .bind(duplicate)
            .execute(&mut *db)
            .await?;
        if old.uri != new.uri {
            assets::discard_upload(db, &old.uri).await?;
        }
    }
    if has_new_subtitles && (is_moved || assets::upload_folder(&new.uri).is_none()) {
        if *is_pending {
            replacements::set_sidecars(db, asset, &new.sidecars).await?;
        } else {
            assets::set_sidecars(db, asset, &new.sidecars).await?;
        }
    }
    if *is_pending {
        // They do not locate the current bytes.
        database::query("DELETE FROM locators WHERE asset_id = $1")
            .bind(duplicate)
            .execute(&mut *db)
            .await?;
    }
    subtitles::move_added(db, &new, &old).await?;
    for statement in [
        "UPDATE locators SET asset_id = $2 WHERE asset_id = $1",
        "UPDATE jobs SET asset_id = $2 WHERE asset_id = $1",
        "UPDATE aliases SET asset_id = $2 WHERE asset_id = $1",
        "UPDATE bin_items SET asset_id = $2 WHERE asset_id = $1",
        "UPDATE annotations SET asset_id = $2 WHERE asset_id = $1 AND NOT EXISTS (
            SELECT 1 FROM annotations o WHERE o.asset_id = $2 AND o.start_frame = annotations.start_frame
                AND o.end_frame = annotations.end_frame)",
        "INSERT INTO aliases (id, asset_id) VALUES ($1, $2)",
    ] {
        database::query(statement)
            .bind(duplicate)
            .bind(asset)
            .execute(&mut *db)
            .await?;
    }
    assets::remove(db, duplicate).await?;
    note_change(db, asset).await
}

async fn is_read_there(
    db: &mut Connection,
    new: &Asset,
    old: &Asset,
) -> Result<bool, CatalogError> {
    if new.uri == old.uri || assets::is_gone(&old.uri) {
        return Ok(true);
    }
    let wanted = runs::wanted(db, &old.id).await?;
    Ok(!wanted.iter().all(|run| run.state == RunState::Ready))
}
