//! Bins: named, ordered collections of spans of frames, picked by people.

use sqlx::FromRow;

use super::database::{self, Connection};
use super::metadata::check_text;
use super::{
    AssetId, BinId, BinItemId, CatalogError, KeyId, ShotId, TitleId, assets, now_ms, plain_name,
};

/// Items of one bin.
pub const MOST_ITEMS: usize = 100_000;
/// Bins of one key that sees only its own, and of all other clients together.
pub const MOST_BINS: i64 = 10_000;
/// Longest name in characters.
const MAX_NAME: usize = 200;
/// The texts of an item, in errors.
const TEXTS: &str = "a note, query or line";

/// A bin.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Bin {
    /// Id.
    pub id: BinId,
    /// What people call it. Unique among those of one owner.
    pub name: String,
    /// Counts every change, from 1.
    pub revision: i64,
    /// When it was made, Unix milliseconds.
    pub created_at: i64,
    /// When it was last changed.
    pub updated_at: i64,
    /// Items in it.
    pub items: i64,
    /// Name of the key that alone sees it, with those that see everything; `None` for a bin of everybody.
    pub owner: Option<String>,
}

/// A span of frames in a bin.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct BinItem {
    /// Id.
    pub id: BinItemId,
    /// The asset.
    pub asset_id: AssetId,
    /// Where that asset is.
    pub uri: String,
    /// Id of its title.
    pub title_id: TitleId,
    /// Name of its title.
    pub title: String,
    /// First frame.
    pub start_frame: i64,
    /// One past the last frame.
    pub end_frame: i64,
    /// What a person noted.
    pub note: Option<String>,
    /// The query that found it.
    pub query: Option<String>,
    /// Its score in that search: its ranks in all recalls, fused.
    pub score: Option<f64>,
    /// How alike it and the query look, -1 to 1.
    pub similarity: Option<f64>,
    /// What is said in it.
    pub line: Option<String>,
    /// The result of the run that found the asset's shots: rate, timecode. `None` if nothing is published of it.
    pub scan: Option<String>,
    /// First frame of the shot that its middle frame is in now.
    pub shown_start: Option<i64>,
    /// One past the last frame of that shot.
    pub shown_end: Option<i64>,
}

/// A span of frames that somebody picked, and how it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// The asset.
    pub asset: AssetId,
    /// First frame.
    pub start: u64,
    /// One past the last frame.
    pub end: u64,
    /// What a person noted.
    pub note: Option<String>,
    /// The query that found it.
    pub query: Option<String>,
    /// Its score in that search: its ranks in all recalls, fused.
    pub score: Option<f64>,
    /// How alike it and the query look, -1 to 1.
    pub similarity: Option<f64>,
    /// What is said in it.
    pub line: Option<String>,
}

impl From<&ShotId> for Selection {
    fn from(shot: &ShotId) -> Self {
        Self {
            asset: shot.asset.clone(),
            start: shot.start,
            end: shot.end,
            note: None,
            query: None,
            score: None,
            similarity: None,
            line: None,
        }
    }
}

impl From<BinItem> for Selection {
    fn from(item: BinItem) -> Self {
        Self {
            asset: item.asset_id,
            start: item.start_frame.cast_unsigned(),
            end: item.end_frame.cast_unsigned(),
            note: item.note,
            query: item.query,
            score: item.score,
            similarity: item.similarity,
            line: item.line,
        }
    }
}

/// What changes of an item; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BinItemChange {
    /// First frame.
    pub start: Option<u64>,
    /// One past the last frame.
    pub end: Option<u64>,
    /// The note; empty text removes it.
    pub note: Option<String>,
    /// Its place in the bin, from 0; beyond the end is the end.
    pub position: Option<usize>,
}

const COLUMNS: &str = "b.id, b.name, b.revision, b.created_at, b.updated_at,
    (SELECT COUNT(*) FROM bin_items i WHERE i.bin_id = b.id) AS items,
    (SELECT k.name FROM keys k WHERE k.id = b.owner) AS owner";

/// Makes an empty bin; of a key that sees only its own, if one is given.
///
/// # Errors
/// If the name is no name or is in use, there are too many, or the database fails.
pub async fn create(
    db: &mut Connection,
    name: &str,
    owner: Option<&KeyId>,
) -> Result<Bin, CatalogError> {
    let name = checked_name(db, name, None, owner).await?;
    let count: i64 =
        database::query_scalar("SELECT COUNT(*) FROM bins WHERE owner IS NOT DISTINCT FROM $1")
            .bind(owner)
            .fetch_one(&mut *db)
            .await?;
    if count >= MOST_BINS {
        return Err(CatalogError::TooManyBins(MOST_BINS));
    }
    let id = BinId::new();
    database::query(
        "INSERT INTO bins (id, name, owner, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&id)
    .bind(name)
    .bind(owner)
    .bind(now_ms())
    .bind(now_ms())
    .execute(&mut *db)
    .await?;
    find(db, id.as_str(), owner).await
}

/// All bins by name; those of one key only, if one is given.
///
/// # Errors
/// If the database fails.
pub async fn list(db: &mut Connection, owner: Option<&KeyId>) -> Result<Vec<Bin>, CatalogError> {
    let statement =
        format!("SELECT {COLUMNS} FROM bins b WHERE $1 IS NULL OR b.owner = $1 ORDER BY b.name");
    Ok(database::query_as(sqlx::AssertSqlSafe(statement))
        .bind(owner)
        .fetch_all(db)
        .await?)
}

/// The bin with this id or name; of one key only, if one is given. A name is looked for among the bins of that key, or
/// among those of no key, so that no key's bin passes for another one.
///
/// # Errors
/// [`CatalogError::NotFound`] if there is none.
pub async fn find(
    db: &mut Connection,
    id_or_name: &str,
    owner: Option<&KeyId>,
) -> Result<Bin, CatalogError> {
    let statement = format!(
        "SELECT {COLUMNS} FROM bins b WHERE (b.id = $1 AND ($2 IS NULL OR b.owner = $2)) OR (b.name = $1 AND b.owner IS NOT DISTINCT FROM $2)
          ORDER BY b.id = $1 DESC"
    );
    database::query_as(sqlx::AssertSqlSafe(statement))
        .bind(id_or_name)
        .bind(owner)
        .fetch_optional(db)
        .await?
        .ok_or_else(|| CatalogError::NotFound {
            what: "bin",
            id: id_or_name.to_owned(),
        })
}

/// Gives a bin another name.
///
/// # Errors
/// If the name is no name or is in use, or the database fails.
pub async fn rename(db: &mut Connection, bin: &BinId, name: &str) -> Result<(), CatalogError> {
    let owner: Option<KeyId> = database::query_scalar("SELECT owner FROM bins WHERE id = $1")
        .bind(bin)
        .fetch_one(&mut *db)
        .await?;
    let name = checked_name(db, name, Some(bin), owner.as_ref()).await?;
    database::query("UPDATE bins SET name = $1 WHERE id = $2")
        .bind(name)
        .bind(bin)
        .execute(&mut *db)
        .await?;
    touch(db, bin).await
}

/// Deletes a bin. The videos stay.
///
/// # Errors
/// If the database fails.
pub async fn delete(db: &mut Connection, bin: &BinId) -> Result<(), CatalogError> {
    database::query("DELETE FROM bins WHERE id = $1")
        .bind(bin)
        .execute(db)
        .await?;
    Ok(())
}

/// Checks that a bin is still at the revision that its editor knows.
///
/// # Errors
/// [`CatalogError::Changed`] if it is at another.
pub fn expect_revision(bin: &Bin, expected: Option<i64>) -> Result<(), CatalogError> {
    match expected {
        Some(expected) if expected != bin.revision => Err(CatalogError::Changed {
            expected,
            found: bin.revision,
        }),
        Some(_) | None => Ok(()),
    }
}

/// The items of a bin in order.
///
/// # Errors
/// If the database fails.
pub async fn items(db: &mut Connection, bin: &BinId) -> Result<Vec<BinItem>, CatalogError> {
    Ok(database::query_as(
        "SELECT i.id, i.asset_id, a.uri, a.title_id, t.name AS title, i.start_frame, i.end_frame, i.note, i.query, i.score,
                i.similarity, i.line, r.output AS scan, s.start_frame AS shown_start, s.end_frame AS shown_end
           FROM bin_items i
           JOIN assets a ON a.id = i.asset_id
           JOIN titles t ON t.id = a.title_id
           LEFT JOIN published p ON p.asset_id = a.id AND p.feature = 'shots'
           LEFT JOIN runs r ON r.id = p.run_id
           LEFT JOIN shots s ON s.run_id = p.run_id AND s.start_frame <= (i.start_frame + i.end_frame) / 2
                            AND s.end_frame > (i.start_frame + i.end_frame) / 2
          WHERE i.bin_id = $1 ORDER BY i.position",
    )
    .bind(bin)
    .fetch_all(db)
    .await?)
}

/// Adds items at the end of a bin, all or none; the answer is their ids.
///
/// # Errors
/// If an asset is unknown, a span is not within its video, or the bin is full.
pub async fn append(
    db: &mut Connection,
    bin: &Bin,
    new: &[Selection],
) -> Result<Vec<BinItemId>, CatalogError> {
    let texts = new
        .iter()
        .flat_map(|item| [&item.note, &item.query, &item.line])
        .flatten();
    for text in texts {
        check_text(TEXTS, text)?;
    }
    let before = usize::try_from(bin.items).unwrap_or(MOST_ITEMS);
    if before + new.len() > MOST_ITEMS {
        return Err(CatalogError::BinFull(MOST_ITEMS));
    }
    let last: Option<i64> =
        database::query_scalar("SELECT MAX(position) FROM bin_items WHERE bin_id = $1")
            .bind(&bin.id)
            .fetch_one(&mut *db)
            .await?;
    let mut ids = Vec::with_capacity(new.len());
    for (position, item) in (last.unwrap_or(-1) + 1..).zip(new) {
        let asset = assets::get(db, &item.asset).await?.id;
        check_span(db, &asset, item.start, item.end).await?;
        let id = BinItemId::new();
        database::query(
            "INSERT INTO bin_items (id, bin_id, position, asset_id, start_frame, end_frame, note, query, score, similarity, line)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(&id)
        .bind(&bin.id)
        .bind(position)
        .bind(&asset)
        .bind(item.start.cast_signed())
        .bind(item.end.cast_signed())
        .bind(item.note.as_deref().filter(|note| !note.is_empty()))
        .bind(&item.query)
        .bind(item.score)
        .bind(item.similarity)
        .bind(&item.line)
        .execute(&mut *db)
        .await?;
        ids.push(id);
    }
    touch(db, &bin.id).await?;
    Ok(ids)
}

/// Changes an item.
///
/// # Errors
/// If it is not in the bin, or the new span is not within its video.
pub async fn change(
    db: &mut Connection,
    bin: &BinId,
    item: &BinItemId,
    change: &BinItemChange,
) -> Result<(), CatalogError> {
    let known: Option<(AssetId, i64, i64)> = database::query_as(
        "SELECT asset_id, start_frame, end_frame FROM bin_items WHERE bin_id = $1 AND id = $2",
    )
    .bind(bin)
    .bind(item)
    .fetch_optional(&mut *db)
    .await?;
    let (asset, start, end) = known.ok_or_else(|| no_such_item(item))?;
    let start = change.start.unwrap_or(start.cast_unsigned());
    let end = change.end.unwrap_or(end.cast_unsigned());
    check_span(db, &asset, start, end).await?;
    database::query("UPDATE bin_items SET start_frame = $1, end_frame = $2 WHERE id = $3")
        .bind(start.cast_signed())
        .bind(end.cast_signed())
        .bind(item)
        .execute(&mut *db)
        .await?;
    if let Some(note) = &change.note {
        check_text(TEXTS, note)?;
        database::query("UPDATE bin_items SET note = NULLIF($1, '') WHERE id = $2")
            .bind(note)
            .bind(item)
            .execute(&mut *db)
            .await?;
    }
    if let Some(position) = change.position {
        place(db, bin, item, position).await?;
    }
    touch(db, bin).await
}

/// Takes an item out of a bin.
///
/// # Errors
/// If it is not in the bin.
pub async fn remove(
    db: &mut Connection,
    bin: &BinId,
    item: &BinItemId,
) -> Result<(), CatalogError> {
    let removed = database::query("DELETE FROM bin_items WHERE bin_id = $1 AND id = $2")
        .bind(bin)
        .bind(item)
        .execute(&mut *db)
        .await?;
    if removed.rows_affected() == 0 {
        return Err(no_such_item(item));
    }
    touch(db, bin).await
}

/// Moves an item to a place and numbers all of them anew.
async fn place(
    db: &mut Connection,
    bin: &BinId,
    item: &BinItemId,
    position: usize,
) -> Result<(), CatalogError> {
    let mut order: Vec<BinItemId> = database::query_scalar(
        "SELECT id FROM bin_items WHERE bin_id = $1 AND id <> $2 ORDER BY position",
    )
    .bind(bin)
    .bind(item)
    .fetch_all(&mut *db)
    .await?;
    order.insert(position.min(order.len()), item.clone());
    database::query(
        "UPDATE bin_items SET position = CAST(o.key AS BIGINT)
           FROM (SELECT key, value FROM json_each($1)) o WHERE bin_items.id = o.value",
    )
    .bind(serde_json::json!(order).to_string())
    .execute(db)
    .await?;
    Ok(())
}

/// Checks that a span has a frame and lies within its video, as far as the video is known.
async fn check_span(
    db: &mut Connection,
    asset: &AssetId,
    start: u64,
    end: u64,
) -> Result<(), CatalogError> {
    let frames: Option<i64> = database::query_scalar(
        "SELECT CAST(json_extract(r.output, '$.frames') AS BIGINT) FROM published p JOIN runs r ON r.id = p.run_id
          WHERE p.asset_id = $1 AND p.feature = 'shots'",
    )
    .bind(asset)
    .fetch_optional(db)
    .await?
    .flatten();
    let frames = frames.map_or(i64::MAX.cast_unsigned(), i64::cast_unsigned);
    if start < end && end <= frames {
        return Ok(());
    }
    Err(CatalogError::BadSpan {
        asset: asset.to_string(),
        start,
        end,
        frames,
    })
}

async fn touch(db: &mut Connection, bin: &BinId) -> Result<(), CatalogError> {
    database::query("UPDATE bins SET revision = revision + 1, updated_at = $1 WHERE id = $2")
        .bind(now_ms())
        .bind(bin)
        .execute(db)
        .await?;
    Ok(())
}

async fn checked_name<'a>(
    db: &mut Connection,
    name: &'a str,
    of: Option<&BinId>,
    owner: Option<&KeyId>,
) -> Result<&'a str, CatalogError> {
    let trimmed =
        plain_name(name, MAX_NAME).ok_or_else(|| CatalogError::BadBinName(name.to_owned()))?;
    // Each owner has names of its own, so that none learns those of others.
    let taken: Option<BinId> = database::query_scalar(
        "SELECT id FROM bins WHERE name = $1 AND owner IS NOT DISTINCT FROM $2",
    )
    .bind(trimmed)
    .bind(owner)
    .fetch_optional(db)
    .await?;
    match taken {
        Some(other) if Some(&other) != of => Err(CatalogError::BinNameInUse(trimmed.to_owned())),
        Some(_) | None => Ok(trimmed),
    }
}

fn no_such_item(item: &BinItemId) -> CatalogError {
    CatalogError::NotFound {
        what: "item",
        id: item.to_string(),
    }
}

#[cfg(test)]
mod tests;
