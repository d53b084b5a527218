//! Replacing the file of an asset. Readers see the old file and its results until those of the new one are published.

use rushes_workers::storage::Locator;
use sqlx::FromRow;

use super::assets::{self, Sidecar};
use super::database::{self, Connection};
use super::runs::{self, RunState};
use super::{AssetId, CatalogError, jobs, now_ms, results, subtitles, uploads};

/// The file that is to become an asset's content.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Replacement {
    /// The number of this content among those that the asset has had.
    pub content: i64,
    /// Its location.
    pub uri: String,
    /// Version of the bytes at that location.
    pub version: Option<String>,
    /// Size in bytes.
    pub size: i64,
    /// BLAKE3 digest in hex, once the whole file has been read.
    pub blake3: Option<String>,
    /// Rank of the newest asset when it began.
    pub registered: i64,
}

impl Replacement {
    /// Where to read its bytes.
    #[must_use]
    pub fn locator(&self) -> Locator {
        Locator {
            uri: self.uri.clone(),
            version: self.version.clone(),
            size: self.size.cast_unsigned(),
        }
    }
}

/// The file that is to become an asset's content, if there is one.
///
/// # Errors
/// If the database fails.
pub async fn of(db: &mut Connection, asset: &AssetId) -> Result<Option<Replacement>, CatalogError> {
    Ok(database::query_as(
        "SELECT content, uri, version, size, blake3, registered FROM replacements WHERE asset_id = $1",
    )
    .bind(asset)
    .fetch_optional(db)
    .await?)
}

/// The asset whose content this file is to become.
///
/// # Errors
/// If the database fails.
pub async fn with_file(
    db: &mut Connection,
    file: &Locator,
) -> Result<Option<AssetId>, CatalogError> {
    Ok(database::query_scalar(
        "SELECT asset_id FROM replacements WHERE uri = $1 AND COALESCE(version, '') = $2 AND size = $3",
    )
    .bind(&file.uri)
    .bind(file.version.as_deref().unwrap_or_default())
    .bind(i64::try_from(file.size).unwrap_or(i64::MAX))
    .fetch_optional(db)
    .await?)
}

/// Sets the subtitle files that come with a replacement: a list in JSON.
pub(super) async fn set_sidecars(
    db: &mut Connection,
    asset: &AssetId,
    sidecars: &str,
) -> Result<(), CatalogError> {
    database::query("UPDATE replacements SET sidecars = $1 WHERE asset_id = $2")
        .bind(sidecars)
        .bind(asset)
        .execute(db)
        .await?;
    Ok(())
}

/// Refuses an asset whose replacement cannot be read. What is requested of the asset would be computed from it.
///
/// # Errors
/// [`CatalogError::ReplacementFailed`].
pub async fn check(db: &mut Connection, asset: &AssetId) -> Result<(), CatalogError> {
    if of(db, asset).await?.is_none() {
        return Ok(());
    }
    let wanted = runs::wanted(db, asset).await?;
    // The probe fails, or the backbone.
    let has_failed = wanted
        .iter()
        .any(|run| run.state == RunState::Failed && results::is_needed(&run.feature));
    if has_failed {
        return Err(CatalogError::ReplacementFailed);
    }
    Ok(())
}

/// Makes `new` the next content of an asset. What is being computed of the old content stops, and a replacement that
/// is not published yet is given up. `false` if these are the bytes of the asset already, or of its replacement; nothing
/// changes then.
///
/// # Errors
/// [`CatalogError::BytesInUse`] if another asset has this file.
pub async fn begin(
    db: &mut Connection,
    asset: &AssetId,
    new: &Locator,
    sidecars: &[Sidecar],
) -> Result<bool, CatalogError> {
    let size = i64::try_from(new.size).unwrap_or(i64::MAX);
    let sidecars = assets::stored(sidecars)?;
    let claimed = with_file(db, new).await?;
    let known: Option<AssetId> = match &new.version {
        // Without a version, nothing says that the bytes are still those that were seen there.
        None => None,
        Some(version) => {
            database::query_scalar(
                "SELECT asset_id FROM locators WHERE uri = $1 AND version = $2 AND size = $3",
            )
            .bind(&new.uri)
            .bind(version)
            .bind(size)
            .fetch_optional(&mut *db)
            .await?
        }
    };
    let mut others = known.iter().chain(&claimed);
    if let Some(other) = others.find(|known| *known != asset) {
        return Err(CatalogError::BytesInUse(other.to_string()));
    }
    if claimed.is_some() && new.version.is_some() {
        set_sidecars(db, asset, &sidecars).await?;
        return Ok(false);
    }
    withdraw(db, asset).await?;
    if known.is_some() {
        return Ok(false);
    }
    // The jobs first, so that each sends one event.
    for statement in [
        "UPDATE jobs SET cancelled_at = $1
          WHERE asset_id = $2 AND cancelled_at IS NULL
            AND EXISTS (SELECT 1 FROM job_runs o JOIN runs r ON r.id = o.run_id
                         WHERE o.job_id = jobs.id AND r.state IN ('pending', 'running'))",
        "UPDATE runs SET state = 'cancelled', finished_at = $1, reason = 'the file was replaced', lease_until = NULL,
                worker = NULL
          WHERE asset_id = $2 AND state IN ('pending', 'running')",
    ] {
        database::query(statement)
            .bind(now_ms())
            .bind(asset)
            .execute(&mut *db)
            .await?;
    }
    // They are of pictures that will be gone.
    let known = assets::get(db, asset).await?;
    subtitles::forget_burnt_in(db, &known).await?;
    database::query("UPDATE assets SET last_content = last_content + 1 WHERE id = $1")
        .bind(asset)
        .execute(&mut *db)
        .await?;
    database::query(
        "INSERT INTO replacements (asset_id, content, uri, version, size, sidecars, registered)
         SELECT id, last_content, $1, $2, $3, $4, (SELECT MAX(registered) FROM assets) FROM assets WHERE id = $5",
    )
    .bind(&new.uri)
    .bind(&new.version)
    .bind(size)
    .bind(sidecars)
    .bind(asset)
    .execute(&mut *db)
    .await?;
    if let Some(folder) = assets::upload_folder(&new.uri) {
        uploads::complete(db, &folder).await?;
    }
    Ok(true)
}

/// Stores the hash of a replacement's bytes.
///
/// # Errors
/// If the database fails.
pub async fn set_blake3(
    db: &mut Connection,
    asset: &AssetId,
    blake3: &str,
) -> Result<(), CatalogError> {
    database::query("UPDATE replacements SET blake3 = $1 WHERE asset_id = $2")
        .bind(blake3)
        .bind(asset)
        .execute(db)
        .await?;
    Ok(())
}

/// Gives up a replacement that is not published, with all that was computed of it and the jobs that wait for it; `false`
/// if there is none. Readers see what they saw before. What else was requested of the old content is dropped, so request
/// it again.
///
/// # Errors
/// If the database fails.
pub async fn withdraw(db: &mut Connection, asset: &AssetId) -> Result<bool, CatalogError> {
    let Some(pending) = of(db, asset).await? else {
        return Ok(false);
    };
    for statement in [
        "DELETE FROM replacements WHERE asset_id = $1",
        "DELETE FROM wanted WHERE asset_id = $1",
    ] {
        database::query(statement)
            .bind(asset)
            .execute(&mut *db)
            .await?;
    }
    database::query(
        "INSERT INTO wanted (asset_id, feature, run_id)
         SELECT asset_id, feature, run_id FROM published WHERE asset_id = $1",
    )
    .bind(asset)
    .execute(&mut *db)
    .await?;
    let kept = results::kept(db, asset).await?;
    jobs::give_up(db, asset, &kept).await?;
    results::drop_superseded(db, asset).await?;
    assets::discard_upload(db, &pending.uri).await?;
    Ok(true)
}

/// Makes a replacement whose results were just published the content of its asset. Returns the rank of the newest asset
/// when it began; `None` if there is no replacement.
///
/// # Errors
/// If the database fails.
pub(super) async fn apply(
    db: &mut Connection,
    asset: &AssetId,
) -> Result<Option<i64>, CatalogError> {
    let Some(new) = of(db, asset).await? else {
        return Ok(None);
    };
    let before = assets::get(db, asset).await?.uri;
    database::query(
        "UPDATE assets SET content = r.content, uri = r.uri, version = r.version, size = r.size, blake3 = r.blake3,
                sidecars = r.sidecars
           FROM replacements r WHERE r.asset_id = assets.id AND assets.id = $1",
    )
    .bind(asset)
    .execute(&mut *db)
    .await?;
    for statement in [
        "DELETE FROM replacements WHERE asset_id = $1",
        // They locate the old bytes.
        "DELETE FROM locators WHERE asset_id = $1",
    ] {
        database::query(statement)
            .bind(asset)
            .execute(&mut *db)
            .await?;
    }
    database::query(
        "INSERT INTO locators (uri, version, size, asset_id) VALUES ($1, $2, $3, $4)
         ON CONFLICT (uri, version, size) DO UPDATE SET asset_id = excluded.asset_id",
    )
    .bind(&new.uri)
    .bind(new.version.unwrap_or_default())
    .bind(new.size)
    .bind(asset)
    .execute(&mut *db)
    .await?;
    if before != new.uri {
        assets::discard_upload(db, &before).await?;
    }
    Ok(Some(new.registered))
}
