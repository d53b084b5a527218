//! Titles and assets: registration, look-up, listing, deletion.

use rushes_workers::storage::{Locator, Uri};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::database::{self, Connection};
use super::metadata::{Metadata, Tags};
use super::{AssetId, CatalogError, TitleId, note_change, now_ms, replacements, titles, uploads};

/// A title with its counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow, utoipa::ToSchema)]
pub struct Title {
    /// Id.
    #[schema(value_type = String)]
    pub id: TitleId,
    /// What a viewer would call it. Unique.
    pub name: String,
    /// Assets in it.
    pub assets: i64,
    /// Shots that can be found in searches.
    pub shots: i64,
}

/// A subtitle file: beside a video, uploaded, or written from its pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sidecar {
    /// The file.
    pub locator: Locator,
    /// Its language, if its name states one.
    pub language: Option<String>,
    /// Whether it was written from the subtitles in the pictures.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_burnt_in: bool,
}

/// One media file.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Asset {
    /// Id.
    pub id: AssetId,
    /// The title it belongs to.
    pub title_id: TitleId,
    /// Name of that title.
    pub title: String,
    /// Its location.
    pub uri: String,
    /// Version of the bytes at that location.
    pub version: Option<String>,
    /// Size in bytes.
    pub size: i64,
    /// BLAKE3 digest in hex, once the whole file has been read.
    pub blake3: Option<String>,
    /// The generation that readers see; 0 if there is none.
    pub generation: i64,
    /// Metadata.
    #[sqlx(try_from = "String")]
    pub metadata: Metadata,
    /// Tags in alphabetical order.
    #[sqlx(try_from = "String")]
    pub tags: Tags,
    /// The number of its content, or of that which is to replace it. Results of one never pass for those of another.
    pub content: i64,
    /// Where the file is that is to replace its content.
    pub replaced_by: Option<String>,
    /// Subtitle files that came with the content that readers see.
    pub(super) sidecars: String,
    /// Those that came with the replacement.
    pub(super) next_sidecars: Option<String>,
    added_subtitles: String,
    removed_subtitles: String,
}

impl Asset {
    /// Where to read its bytes.
    #[must_use]
    pub fn locator(&self) -> Locator {
        Locator {
            uri: self.uri.clone(),
            version: self.version.clone(),
            size: self.size.cast_unsigned(),
        }
    }

    /// The subtitle files that came with its newest content.
    pub(super) fn sidecars(&self) -> Result<Vec<Sidecar>, CatalogError> {
        list_of(self.next_sidecars.as_ref().unwrap_or(&self.sidecars))
    }

    /// The subtitle files that were added to it.
    pub(super) fn added_subtitles(&self) -> Result<Vec<Sidecar>, CatalogError> {
        list_of(&self.added_subtitles)
    }

    /// Ids of the subtitle tracks that are not read.
    pub(super) fn removed_subtitles(&self) -> Result<Vec<String>, CatalogError> {
        list_of(&self.removed_subtitles)
    }
}

/// A list of subtitle files as it is stored.
pub(super) fn stored(files: &[Sidecar]) -> Result<String, CatalogError> {
    serde_json::to_string(files).map_err(|_unserialisable| CatalogError::Corrupt {
        what: "a list of subtitle files",
    })
}

fn list_of<T: serde::de::DeserializeOwned>(stored: &str) -> Result<Vec<T>, CatalogError> {
    serde_json::from_str(stored).map_err(|_not_json| CatalogError::Corrupt {
        what: "a list of subtitle files",
    })
}

/// What to register.
#[derive(Debug, Clone)]
pub struct NewAsset<'a> {
    /// The video.
    pub locator: &'a Locator,
    /// Name of its title, which is created if it does not exist.
    pub title: &'a str,
    /// Subtitle files.
    pub sidecars: &'a [Sidecar],
}

/// Registers an asset, or returns the existing one. The flag is `true` for a new asset.
///
/// # Errors
/// If the database fails.
pub async fn register(
    db: &mut Connection,
    new: NewAsset<'_>,
) -> Result<(AssetId, bool), CatalogError> {
    let version = new.locator.version.as_deref().unwrap_or_default();
    let size = i64::try_from(new.locator.size).unwrap_or(i64::MAX);
    let sidecars = stored(new.sidecars)?;
    if let Some(asset) = replacements::with_file(db, new.locator).await? {
        // The current content of the asset stays what it is.
        replacements::set_sidecars(db, &asset, &sidecars).await?;
        return Ok((asset, false));
    }
    let known: Option<AssetId> = database::query_scalar(
        "SELECT asset_id FROM locators WHERE uri = $1 AND version = $2 AND size = $3",
    )
    .bind(&new.locator.uri)
    .bind(version)
    .bind(size)
    .fetch_optional(&mut *db)
    .await?;
    if let Some(asset) = known {
        // The file was just seen at this location. The location where it was first seen may be outdated.
        let before = get(db, &asset).await?;
        point_to(db, &asset, new.locator).await?;
        // The subtitle files beside this video count from now on. A copy elsewhere without subtitles does not
        // change them.
        if !new.sidecars.is_empty() || before.uri == new.locator.uri {
            set_sidecars(db, &asset, &sidecars).await?;
        }
        return Ok((asset, false));
    }
    let title = ensure_title(db, new.title).await?;
    let asset = AssetId::new();
    database::query(
        "INSERT INTO assets (id, title_id, uri, version, size, sidecars, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&asset)
    .bind(&title)
    .bind(&new.locator.uri)
    .bind(&new.locator.version)
    .bind(size)
    .bind(&sidecars)
    .bind(now_ms())
    .execute(&mut *db)
    .await?;
    database::query("INSERT INTO locators (uri, version, size, asset_id) VALUES ($1, $2, $3, $4)")
        .bind(&new.locator.uri)
        .bind(version)
        .bind(size)
        .bind(&asset)
        .execute(&mut *db)
        .await?;
    if let Some(folder) = upload_folder(&new.locator.uri) {
        uploads::complete(db, &folder).await?;
    }
    note_change(db, &asset).await?;
    Ok((asset, true))
}

async fn ensure_title(db: &mut Connection, name: &str) -> Result<TitleId, CatalogError> {
    database::query(
        "INSERT INTO titles (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
    )
    .bind(TitleId::new())
    .bind(name)
    .bind(now_ms())
    .execute(&mut *db)
    .await?;
    Ok(
        database::query_scalar("SELECT id FROM titles WHERE name = $1")
            .bind(name)
            .fetch_one(db)
            .await?,
    )
}

/// The asset with this id, or the asset with the same bytes of which this id has become another name.
///
/// # Errors
/// [`CatalogError::NotFound`] if there is none.
pub async fn get(db: &mut Connection, id: &AssetId) -> Result<Asset, CatalogError> {
    database::query_as(
        "SELECT a.id, a.title_id, t.name AS title, a.uri, a.version, a.size, a.blake3, a.generation, a.metadata, a.tags,
                COALESCE(r.content, a.content) AS content, r.uri AS replaced_by,
                a.sidecars, r.sidecars AS next_sidecars, a.added_subtitles, a.removed_subtitles
           FROM assets a JOIN titles t ON t.id = a.title_id LEFT JOIN replacements r ON r.asset_id = a.id
          WHERE a.id = COALESCE((SELECT asset_id FROM aliases WHERE id = $1), $1)",
    )
    .bind(id)
    .fetch_optional(db)
    .await?
    .ok_or_else(|| CatalogError::NotFound {
        what: "asset",
        id: id.to_string(),
    })
}

/// Stores the hash of an asset's bytes.
///
/// # Errors
/// If the database fails.
pub async fn set_blake3(
    db: &mut Connection,
    id: &AssetId,
    blake3: &str,
) -> Result<(), CatalogError> {
    database::query("UPDATE assets SET blake3 = $1 WHERE id = $2")
        .bind(blake3)
        .bind(id)
        .execute(db)
        .await?;
    Ok(())
}

/// Whether a local file no longer exists. For other locations this cannot be checked here.
#[must_use]
pub fn is_gone(uri: &str) -> bool {
    match uri.parse() {
        Ok(Uri::File(path)) => !path.try_exists().unwrap_or(true),
        Ok(Uri::S3 { .. } | Uri::Store(_)) | Err(_) => false,
    }
}

/// Retires registrations of a file whose bytes have changed; `current` is the asset of the new bytes. An asset
/// that also exists elsewhere is read from there, and others are removed. Later registrations are of newer bytes. If
/// `current` was just `replaced`, this is the rank of the newest registration when the replacement began.
///
/// # Errors
/// If the database fails.
pub async fn retire_overwritten(
    db: &mut Connection,
    current: &AssetId,
    replaced: Option<i64>,
) -> Result<(), CatalogError> {
    let uri = get(db, current).await?.uri;
    let overwritten: Vec<AssetId> = database::query_scalar(
        "SELECT id FROM assets WHERE uri = $1 AND id <> $2
                AND registered <= COALESCE($3, (SELECT registered FROM assets WHERE id = $2))",
    )
    .bind(&uri)
    .bind(current)
    .bind(replaced)
    .fetch_all(&mut *db)
    .await?;
    for asset in overwritten {
        database::query("DELETE FROM locators WHERE asset_id = $1 AND uri = $2")
            .bind(&asset)
            .bind(&uri)
            .execute(&mut *db)
            .await?;
        let others: Vec<(String, String, i64)> =
            database::query_as("SELECT uri, version, size FROM locators WHERE asset_id = $1")
                .bind(&asset)
                .fetch_all(&mut *db)
                .await?;
        let elsewhere = others.into_iter().find(|(uri, ..)| !is_gone(uri));
        match elsewhere {
            Some((uri, version, size)) => {
                let locator = Locator {
                    uri,
                    version: (!version.is_empty()).then_some(version),
                    size: size.cast_unsigned(),
                };
                point_to(db, &asset, &locator).await?;
            }
            None => remove(db, &asset).await?,
        }
    }
    Ok(())
}

pub(super) async fn point_to(
    db: &mut Connection,
    asset: &AssetId,
    locator: &Locator,
) -> Result<(), CatalogError> {
    database::query("UPDATE assets SET uri = $1, version = $2, size = $3 WHERE id = $4")
        .bind(&locator.uri)
        .bind(&locator.version)
        .bind(i64::try_from(locator.size).unwrap_or(i64::MAX))
        .bind(asset)
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn set_sidecars(
    db: &mut Connection,
    asset: &AssetId,
    sidecars: &str,
) -> Result<(), CatalogError> {
    database::query("UPDATE assets SET sidecars = $1 WHERE id = $2")
        .bind(sidecars)
        .bind(asset)
        .execute(db)
        .await?;
    Ok(())
}

/// Records the folder of an upload as garbage. Videos that are only referenced are never deleted.
pub(super) async fn discard_upload(db: &mut Connection, uri: &str) -> Result<(), CatalogError> {
    match upload_folder(uri) {
        Some(folder) => uploads::discard(db, &folder).await,
        None => Ok(()),
    }
}

/// The store's folder that holds only this uploaded video.
pub(super) fn upload_folder(uri: &str) -> Option<String> {
    match uri.parse() {
        Ok(Uri::Store(key)) => key
            .rsplit_once('/')
            .map(|(folder, _name)| folder.to_owned()),
        Ok(Uri::File(_) | Uri::S3 { .. }) | Err(_) => None,
    }
}

/// Deletes an asset with everything computed from it, and its title if it was the title's last asset. The same
/// transaction records its stored objects as garbage.
///
/// # Errors
/// If the database fails.
pub async fn remove(db: &mut Connection, id: &AssetId) -> Result<(), CatalogError> {
    database::query(
        "INSERT INTO garbage (prefix) SELECT 'runs/' || id FROM runs WHERE asset_id = $1 ON CONFLICT DO NOTHING",
    )
    .bind(id)
    .execute(&mut *db)
    .await?;
    let known: Option<(String, TitleId, String)> =
        database::query_as("SELECT uri, title_id, added_subtitles FROM assets WHERE id = $1")
            .bind(id)
            .fetch_optional(&mut *db)
            .await?;
    let Some((uri, title, added)) = known else {
        return Ok(());
    };
    replacements::withdraw(db, id).await?;
    discard_upload(db, &uri).await?;
    for file in list_of::<Sidecar>(&added)? {
        discard_upload(db, &file.locator.uri).await?;
    }
    database::query("DELETE FROM assets WHERE id = $1")
        .bind(id)
        .execute(&mut *db)
        .await?;
    titles::remove_if_empty(db, &title).await?;
    note_change(db, id).await
}

/// All titles by name.
///
/// # Errors
/// If the database fails.
pub async fn titles(db: &mut Connection) -> Result<Vec<Title>, CatalogError> {
    Ok(database::query_as(
        "SELECT t.id, t.name, COUNT(a.id) AS assets, CAST(COALESCE(SUM(a.shots), 0) AS BIGINT) AS shots
           FROM titles t LEFT JOIN assets a ON a.title_id = t.id GROUP BY t.id ORDER BY t.name",
    )
    .fetch_all(db)
    .await?)
}

/// The title with this id or name.
///
/// # Errors
/// [`CatalogError::NotFound`] if there is none.
pub async fn find_title(db: &mut Connection, id_or_name: &str) -> Result<TitleId, CatalogError> {
    database::query_scalar("SELECT id FROM titles WHERE id = $1 OR name = $1 ORDER BY id = $1 DESC")
        .bind(id_or_name)
        .fetch_optional(db)
        .await?
        .ok_or_else(|| CatalogError::NotFound {
            what: "title",
            id: id_or_name.to_owned(),
        })
}

/// The assets at a location, or else those whose file has this name; a few of them if there are many.
///
/// # Errors
/// If the database fails.
pub async fn named(
    db: &mut Connection,
    location: &str,
    file_name: &str,
) -> Result<Vec<AssetId>, CatalogError> {
    let located = database::query_scalar("SELECT id FROM assets WHERE uri = $1 LIMIT 10")
        .bind(location)
        .fetch_all(&mut *db)
        .await?;
    if !located.is_empty() {
        return Ok(located);
    }
    Ok(database::query_scalar(
        "SELECT id FROM assets WHERE length(uri) > length($1) AND substr(uri, length(uri) - length($1)) = '/' || $1 ORDER BY id LIMIT 10",
    )
    .bind(file_name)
    .fetch_all(db)
    .await?)
}

/// The assets of a title, or all assets.
///
/// # Errors
/// If the database fails.
pub async fn list(
    db: &mut Connection,
    title: Option<&TitleId>,
) -> Result<Vec<AssetId>, CatalogError> {
    Ok(database::query_scalar(
        "SELECT id FROM assets WHERE $1 IS NULL OR title_id = $1 ORDER BY id",
    )
    .bind(title)
    .fetch_all(db)
    .await?)
}
