//! What people add to titles, assets and shots: metadata, tags, notes.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::ToSchema;

use super::database::{self, Connection};
use super::{AssetId, CatalogError, ShotId, TitleId, now_ms};

/// Keys of one title or asset.
const MOST_KEYS: usize = 100;
/// Longest key in characters.
const MAX_KEY: usize = 64;
/// Longest text of a value, a tag or a note in characters.
const MAX_TEXT: usize = 4000;
/// Tags of one asset or shot.
const MOST_TAGS: usize = 100;
/// Longest tag in characters.
const MAX_TAG: usize = 100;

/// One value of metadata. Its type is part of it: `2` is not `"2"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum MetadataValue {
    /// True or false.
    Flag(bool),
    /// A number.
    Number(f64),
    /// Text.
    Text(String),
}

impl fmt::Display for MetadataValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

/// Metadata by key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Metadata(pub BTreeMap<String, MetadataValue>);

/// A change of metadata: a value for a key, or null to remove it. Other keys stay.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MetadataChange(pub BTreeMap<String, Option<MetadataValue>>);

impl From<String> for Metadata {
    fn from(stored: String) -> Self {
        serde_json::from_str(&stored).unwrap_or_default()
    }
}

impl Metadata {
    /// This metadata with a change applied.
    ///
    /// # Errors
    /// If a key or a value is longer than allowed, or there are too many.
    pub fn changed(mut self, change: MetadataChange) -> Result<Self, CatalogError> {
        for (key, value) in change.0 {
            let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
            if key.is_empty() || key.chars().count() > MAX_KEY || !key.chars().all(plain) {
                let what = format!(
                    "{key:?} cannot be a key of metadata; use 1 to {MAX_KEY} letters, digits, '.', '_' and '-'"
                );
                return Err(CatalogError::BadMetadata(what));
            }
            match value {
                None => drop(self.0.remove(&key)),
                Some(value) => {
                    if let MetadataValue::Text(text) = &value {
                        check_text(&format!("the text of {key}"), text)?;
                    }
                    self.0.insert(key, value);
                }
            }
        }
        if self.0.len() > MOST_KEYS {
            let what = format!("there are more than {MOST_KEYS} keys of metadata");
            return Err(CatalogError::BadMetadata(what));
        }
        Ok(self)
    }
}

/// Refuses text that is too long, or that has a null character, which PostgreSQL cannot read; `what` is its name in the error.
pub(super) fn check_text(what: &str, text: &str) -> Result<(), CatalogError> {
    if text.contains('\0') {
        let what = format!("{what} has a null character");
        return Err(CatalogError::BadMetadata(what));
    }
    if text.chars().count() <= MAX_TEXT {
        return Ok(());
    }
    let what = format!("{what} is longer than {MAX_TEXT} characters");
    Err(CatalogError::BadMetadata(what))
}

/// Tags as stored: a JSON list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
pub struct Tags(pub Vec<String>);

impl From<String> for Tags {
    fn from(stored: String) -> Self {
        Self(serde_json::from_str(&stored).unwrap_or_default())
    }
}

impl Tags {
    /// These tags, trimmed, each once, in alphabetical order.
    ///
    /// # Errors
    /// If one is empty or longer than allowed, or there are too many.
    pub fn checked(tags: Vec<String>) -> Result<Self, CatalogError> {
        let mut tags: Vec<String> = tags.into_iter().map(|tag| tag.trim().to_owned()).collect();
        tags.sort();
        tags.dedup();
        let is_bad = |tag: &String| {
            tag.is_empty() || tag.chars().count() > MAX_TAG || tag.chars().any(char::is_control)
        };
        if let Some(bad) = tags.iter().find(|tag| is_bad(tag)) {
            let what = format!("{bad:?} cannot be a tag; use 1 to {MAX_TAG} characters");
            return Err(CatalogError::BadMetadata(what));
        }
        if tags.len() > MOST_TAGS {
            let what = format!("there are more than {MOST_TAGS} tags");
            return Err(CatalogError::BadMetadata(what));
        }
        Ok(Self(tags))
    }

    fn stored(&self) -> String {
        serde_json::json!(self.0).to_string()
    }
}

/// What people added to a span of frames.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, FromRow, ToSchema)]
pub struct Annotation {
    /// Tags in alphabetical order.
    #[sqlx(try_from = "String")]
    pub tags: Tags,
    /// A note.
    pub note: Option<String>,
}

/// Sets the metadata of a title.
///
/// # Errors
/// If the database fails.
pub async fn set_of_title(
    db: &mut Connection,
    title: &TitleId,
    metadata: &Metadata,
) -> Result<(), CatalogError> {
    database::query("UPDATE titles SET metadata = $1 WHERE id = $2")
        .bind(serde_json::json!(metadata).to_string())
        .bind(title)
        .execute(db)
        .await?;
    Ok(())
}

/// Sets the metadata of an asset.
///
/// # Errors
/// If the database fails.
pub async fn set_of_asset(
    db: &mut Connection,
    asset: &AssetId,
    metadata: &Metadata,
) -> Result<(), CatalogError> {
    database::query("UPDATE assets SET metadata = $1 WHERE id = $2")
        .bind(serde_json::json!(metadata).to_string())
        .bind(asset)
        .execute(db)
        .await?;
    Ok(())
}

/// Sets the tags of an asset.
///
/// # Errors
/// If the database fails.
pub async fn set_tags(
    db: &mut Connection,
    asset: &AssetId,
    tags: &Tags,
) -> Result<(), CatalogError> {
    database::query("UPDATE assets SET tags = $1 WHERE id = $2")
        .bind(tags.stored())
        .bind(asset)
        .execute(db)
        .await?;
    Ok(())
}

/// What was added to the very frames of a shot.
///
/// # Errors
/// If the database fails.
pub async fn annotation(db: &mut Connection, shot: &ShotId) -> Result<Annotation, CatalogError> {
    let found = database::query_as(
        "SELECT tags, note FROM annotations WHERE asset_id = $1 AND start_frame = $2 AND end_frame = $3",
    )
    .bind(&shot.asset)
    .bind(shot.start.cast_signed())
    .bind(shot.end.cast_signed())
    .fetch_optional(db)
    .await?;
    Ok(found.unwrap_or_default())
}

/// Replaces tags or note of the frames of a shot; what is `None` stays, an empty note is removed.
///
/// # Errors
/// If the note is longer than allowed, or the database fails.
pub async fn annotate(
    db: &mut Connection,
    shot: &ShotId,
    tags: Option<Tags>,
    note: Option<String>,
) -> Result<Annotation, CatalogError> {
    if let Some(note) = &note {
        check_text("the note", note)?;
    }
    let before = annotation(&mut *db, shot).await?;
    let after = Annotation {
        tags: tags.unwrap_or(before.tags),
        note: note.map_or(before.note, |note| (!note.is_empty()).then_some(note)),
    };
    database::query(
        "INSERT INTO annotations (asset_id, start_frame, end_frame, tags, note, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (asset_id, start_frame, end_frame) DO UPDATE
            SET tags = excluded.tags, note = excluded.note, updated_at = excluded.updated_at",
    )
    .bind(&shot.asset)
    .bind(shot.start.cast_signed())
    .bind(shot.end.cast_signed())
    .bind(after.tags.stored())
    .bind(&after.note)
    .bind(now_ms())
    .execute(db)
    .await?;
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_keeps_its_types_and_its_bounds() {
        let read = |json: &str| serde_json::from_str::<MetadataChange>(json).unwrap();
        let made = Metadata::default()
            .changed(read(r#"{"season": 2, "code": "2", "cleared": true}"#))
            .unwrap();
        let text = serde_json::to_string(&made).unwrap();
        assert_eq!(Metadata::from(text), made);
        assert_eq!(made.0["season"], MetadataValue::Number(2.0));
        assert_eq!(made.0["code"], MetadataValue::Text("2".to_owned()));
        let changed = made
            .changed(read(r#"{"season": null, "code": 3}"#))
            .unwrap();
        assert_eq!(changed.0.keys().collect::<Vec<_>>(), ["cleared", "code"]);
        for bad in [
            r#"{"": 1}"#,
            r#"{"a b": 1}"#,
            &format!("{{\"{}\": 1}}", "k".repeat(65)),
        ] {
            assert!(Metadata::default().changed(read(bad)).is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<MetadataChange>(r#"{"a": [1]}"#).is_err());
    }

    #[test]
    fn tags_are_kept_once_and_in_order() {
        let tags = |list: &[&str]| Tags::checked(list.iter().map(|&tag| tag.to_owned()).collect());
        assert_eq!(tags(&[" b", "a", "b "]).unwrap().0, ["a", "b"]);
        assert!(tags(&[""]).is_err() && tags(&["a\nb"]).is_err());
    }
}
