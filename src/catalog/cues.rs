//! Lines of dialogue: those of subtitles, and where there are none, those that were heard.

use rushes_workers::stages::SpokenWord;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::ToSchema;

use super::database::{self, Connection, text_enum};
use super::{AssetId, CatalogError, RunId};

/// Where a line comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CueOrigin {
    /// Subtitle files, subtitle streams and closed captions.
    #[default]
    Subtitles,
    /// It was recognised in the sound.
    Speech,
    /// It is written in the pictures.
    Pictures,
}

text_enum!(CueOrigin {
    Subtitles => "subtitles",
    Speech => "speech",
    Pictures => "pictures",
});

impl CueOrigin {
    /// The name as stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subtitles => "subtitles",
            Self::Speech => "speech",
            Self::Pictures => "pictures",
        }
    }
}

/// A line of dialogue. Frames and milliseconds are half-open.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Cue {
    /// First frame.
    pub start_frame: i64,
    /// One past the last frame.
    pub end_frame: i64,
    /// Start in milliseconds from the start of the file.
    pub start_ms: i64,
    /// End in milliseconds, exclusive.
    pub end_ms: i64,
    /// The text.
    pub text: String,
    /// Language, if known.
    pub language: Option<String>,
    /// Where it comes from.
    pub origin: CueOrigin,
    /// How sure the model is of a line that was heard, 0 to 1.
    pub confidence: Option<f64>,
    /// The words of a line that was heard, as stored.
    words: Option<String>,
}

impl Cue {
    /// The words of a line that was heard; none for a line of subtitles.
    ///
    /// # Errors
    /// If the stored list is damaged.
    pub fn words(&self) -> Result<Vec<SpokenWord>, CatalogError> {
        let words = self.words.as_deref().map(serde_json::from_str);
        let words = words
            .transpose()
            .map_err(|_damaged| CatalogError::Corrupt {
                what: "the words of a line",
            })?;
        Ok(words.unwrap_or_default())
    }

    #[cfg(test)]
    pub(crate) fn of_subtitles(frames: (i64, i64), ms: (i64, i64), text: &str) -> Self {
        Self {
            start_frame: frames.0,
            end_frame: frames.1,
            start_ms: ms.0,
            end_ms: ms.1,
            text: text.to_owned(),
            language: None,
            origin: CueOrigin::Subtitles,
            confidence: None,
            words: None,
        }
    }
}

/// A line of dialogue to store. Frames and milliseconds are half-open.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CueRow {
    /// First frame that shows it, and one past the last.
    pub frames: (u64, u64),
    /// When it appears and disappears, in milliseconds from the start of the file.
    pub ms: (u64, u64),
    /// The text.
    pub text: String,
    /// Language, if known.
    pub language: Option<String>,
    /// Where it comes from.
    pub origin: CueOrigin,
    /// How sure the model is of a line that was heard.
    pub confidence: Option<f32>,
    /// The words of a line that was heard.
    pub words: Vec<SpokenWord>,
}

/// Stores the dialogue of a run.
///
/// # Errors
/// If the database fails.
pub async fn store_cues(
    db: &mut Connection,
    run: &RunId,
    cues: &[CueRow],
) -> Result<(), CatalogError> {
    for (ordinal, cue) in cues.iter().enumerate() {
        let words = (!cue.words.is_empty()).then(|| serde_json::json!(cue.words).to_string());
        database::query(
            "INSERT INTO cues (run_id, ordinal, start_frame, end_frame, start_ms, end_ms, text, language,
                               origin, confidence, words)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(run)
        .bind(ordinal.cast_signed() as i64)
        .bind(cue.frames.0.cast_signed())
        .bind(cue.frames.1.cast_signed())
        .bind(cue.ms.0.cast_signed())
        .bind(cue.ms.1.cast_signed())
        .bind(&cue.text)
        .bind(&cue.language)
        .bind(cue.origin)
        .bind(cue.confidence)
        .bind(words)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// The published lines of an asset, by time: those of its subtitles, or if it has none, those that were heard.
///
/// # Errors
/// If the database fails.
pub async fn cues(db: &mut Connection, asset: &AssetId) -> Result<Vec<Cue>, CatalogError> {
    for feature in ["dialogue", "speech"] {
        let cues: Vec<Cue> = database::query_as(
            "SELECT c.* FROM cues c JOIN published p ON p.run_id = c.run_id AND p.feature = $1
              WHERE p.asset_id = $2 ORDER BY c.ordinal",
        )
        .bind(feature)
        .bind(asset)
        .fetch_all(&mut *db)
        .await?;
        if !cues.is_empty() {
            return Ok(cues);
        }
    }
    Ok(Vec::new())
}

/// The lines of a run, by time.
///
/// # Errors
/// If the database fails.
pub async fn cues_of_run(db: &mut Connection, run: &RunId) -> Result<Vec<Cue>, CatalogError> {
    Ok(
        database::query_as("SELECT * FROM cues WHERE run_id = $1 ORDER BY ordinal")
            .bind(run)
            .fetch_all(db)
            .await?,
    )
}

/// Whether a run has any lines.
///
/// # Errors
/// If the database fails.
pub async fn has_cues(db: &mut Connection, run: &RunId) -> Result<bool, CatalogError> {
    Ok(
        database::query_scalar("SELECT EXISTS (SELECT 1 FROM cues WHERE run_id = $1)")
            .bind(run)
            .fetch_one(db)
            .await?,
    )
}

/// The result of the published run of `shots` of an asset, as JSON; `None` if nothing is published.
///
/// # Errors
/// If the database fails.
pub async fn scan_of(db: &mut Connection, asset: &AssetId) -> Result<Option<String>, CatalogError> {
    let scan: Option<Option<String>> = database::query_scalar(
        "SELECT r.output FROM published p JOIN runs r ON r.id = p.run_id
          WHERE p.asset_id = $1 AND p.feature = 'shots'",
    )
    .bind(asset)
    .fetch_optional(db)
    .await?;
    Ok(scan.flatten())
}
