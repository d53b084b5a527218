//! Shots: their places and their details.

use rushes_workers::time::Rate;
use serde::Serialize;
use utoipa::ToSchema;

use super::time::{Clock, Time};
use crate::catalog::cues::{self, Cue, CueOrigin};
use crate::catalog::database;
use crate::catalog::shots::{self, Opening, Shot};
use crate::catalog::sound_tags;
use crate::catalog::sounds;
use crate::catalog::texts::{self, PictureText};
use crate::catalog::{AssetId, Catalog, CatalogError, ShotId};

/// The file of a shot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AssetRef {
    /// Id of the asset.
    #[schema(value_type = String)]
    pub id: AssetId,
    /// Location of the file.
    pub uri: String,
}

/// A shot and its place.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Place {
    /// Id of the shot.
    #[schema(value_type = String)]
    pub shot: ShotId,
    /// Name of its title.
    pub title: String,
    /// Its file.
    pub asset: AssetRef,
    /// First frame.
    pub start: Time,
    /// One past the last frame.
    pub end: Time,
    /// Frame rate as a fraction.
    #[schema(value_type = String, example = "24000/1001")]
    pub rate: Rate,
    /// Width of its picture by its height, as displayed; null if the file does not say.
    #[schema(example = 1.778)]
    pub aspect: Option<f64>,
}

/// A shot with all its details.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ShotDetail {
    /// The shot and its place.
    #[serde(flatten)]
    pub place: Place,
    /// Whether the frame rate varies, so that timecode is nominal.
    pub variable_rate: bool,
    /// The boundary at its start.
    #[serde(rename = "in")]
    pub opening: BoundaryView,
    /// The boundary at its end; null if it ends with the video.
    #[serde(rename = "out")]
    pub closing: Option<BoundaryView>,
    /// The first shot of the video that looks nearly the same; null if no earlier one does.
    #[schema(value_type = Option<String>)]
    pub same_as: Option<ShotId>,
    /// The dialogue during it.
    pub dialogue: Vec<Line>,
    /// What is written in its pictures.
    pub text: Vec<WrittenText>,
    /// How it sounds; null if it was not measured.
    pub sound: Option<ShotSoundView>,
    /// What is heard in it, by name, the most likely first.
    pub heard: Vec<NamedSound>,
}

/// A sound that is heard in a shot, by name.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct NamedSound {
    /// What it is, as the tagger calls it.
    #[schema(example = "Applause")]
    pub name: String,
    /// How likely, 0 to 1, where it is most likely.
    #[schema(example = 0.87)]
    pub score: f64,
    /// When that is.
    pub at: Time,
}

/// How a shot sounds.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ShotSoundView {
    /// Integrated loudness in LUFS (EBU R 128, gated); null in silence.
    #[schema(example = -23.0)]
    pub loudness: Option<f64>,
    /// The loudest momentary loudness (400 ms) in LUFS; null in silence.
    #[schema(example = -18.2)]
    pub loudest: Option<f64>,
    /// True peak in dBTP; null without any sound.
    #[schema(example = -1.2)]
    pub peak: Option<f64>,
    /// The share of the time that is quieter than -60 LUFS, 0 to 1.
    pub silence: f64,
    /// The share of the time that resembles speech: an estimate without a model.
    pub voice: f64,
    /// The share of the time that resembles music: an estimate without a model.
    pub music: f64,
    /// Sounds that begin suddenly.
    pub onsets: i64,
    /// Sounds that begin suddenly and far above what was heard before, by time.
    pub bangs: Vec<BangView>,
}

/// A sound that begins suddenly and far above what was heard before.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BangView {
    /// When it begins.
    pub at: Time,
    /// By how many decibels it rises above the loudest moment of the second before.
    #[schema(example = 24.5)]
    pub rise: f64,
}

impl ShotSoundView {
    /// In one line, for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut parts = vec![match self.loudness {
            Some(loudness) => format!("{loudness:.1} LUFS"),
            None => "silent".to_owned(),
        }];
        for (name, share) in [("voice", self.voice), ("music", self.music)] {
            if share >= 0.05 {
                parts.push(format!("{name} {:.0}%", share * 100.0));
            }
        }
        let bangs = self.bangs.iter();
        let bangs: Vec<&str> = bangs.map(|bang| bang.at.smpte.as_str()).collect();
        if !bangs.is_empty() {
            parts.push(format!("bang at {}", bangs.join(", ")));
        }
        parts.join(", ")
    }

    async fn load(
        db: &mut database::Connection,
        id: &ShotId,
        clock: &Clock,
    ) -> Result<Option<Self>, CatalogError> {
        let Some(levels) = sounds::of_shot(db, id).await? else {
            return Ok(None);
        };
        let bangs = sounds::bangs_of(db, id).await?.into_iter();
        Ok(Some(Self {
            loudness: levels.loudness,
            loudest: levels.loudest,
            peak: levels.peak,
            silence: levels.silence,
            voice: levels.speech,
            music: levels.music,
            onsets: levels.onsets,
            bangs: bangs
                .map(|bang| BangView {
                    at: clock.stored(bang.frame, bang.ms),
                    rise: bang.rise,
                })
                .collect(),
        }))
    }
}

/// A boundary between two shots.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BoundaryView {
    /// `start` of the video, `cut`, `fade`, `dissolve`, `wipe`, or `continued` in a long take that was divided.
    #[schema(example = "dissolve")]
    pub kind: String,
    /// First frame of the transition; for a cut, the first frame of the new shot. Null for shots from an
    /// earlier version; ingest the video again to get it.
    pub start: Option<u64>,
    /// The frame after the transition; for a cut, equal to `start`.
    pub end: Option<u64>,
    /// Confidence of the detector, 0 to 1.
    pub confidence: f64,
}

impl From<&Opening> for BoundaryView {
    fn from(opening: &Opening) -> Self {
        Self {
            kind: opening.kind.clone(),
            start: opening.start_frame.map(i64::cast_unsigned),
            end: opening.end_frame.map(i64::cast_unsigned),
            confidence: opening.confidence,
        }
    }
}

/// Text in the picture for some time.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct WrittenText {
    /// What it says.
    pub text: String,
    /// When it was first seen.
    pub start: Time,
    /// When it was last seen; exclusive.
    pub end: Time,
    /// Left, top, width and height as shares of the picture.
    #[schema(example = json!([0.3, 0.85, 0.4, 0.06]))]
    pub place: [f64; 4],
    /// Mean probability of its characters, 0 to 1.
    pub score: f64,
}

/// A line of dialogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Line {
    /// The text.
    pub text: String,
    /// When it appears.
    pub start: Time,
    /// When it disappears; exclusive.
    pub end: Time,
    /// Language, if known.
    pub language: Option<String>,
    /// Whether it is of subtitles or was heard.
    pub origin: CueOrigin,
}

impl Place {
    pub(crate) fn new(shot: &Shot, clock: &Clock) -> Self {
        Self {
            shot: shot.id(),
            title: shot.title.clone(),
            asset: AssetRef {
                id: shot.asset_id.clone(),
                uri: shot.uri.clone(),
            },
            start: clock.stored(shot.start_frame, shot.start_ms),
            end: clock.stored(shot.end_frame, shot.end_ms),
            rate: clock.rate,
            aspect: shot.aspect,
        }
    }
}

impl ShotDetail {
    /// The shot with this id, from the catalogue alone. No index is needed.
    ///
    /// # Errors
    /// If there is no such shot.
    pub async fn load(catalog: &Catalog, id: &ShotId) -> Result<Self, CatalogError> {
        let mut db = catalog.read().await?;
        let shot = shots::get(&mut db, id).await?;
        let cues = cues::cues(&mut db, &shot.asset_id).await?;
        let texts = texts::of(&mut db, &shot.asset_id).await?;
        let clock = Clock::of(&shot)?;
        let sound = ShotSoundView::load(&mut db, id, &clock).await?;
        let tags = sound_tags::of_shot(&mut db, id).await?;
        drop(db);
        let heard = tags.into_iter().map(|tag| NamedSound {
            name: tag.name,
            score: tag.score,
            at: clock.stored(tag.frame, tag.ms),
        });
        let detail = Self::new(&shot, &clock, &cues, &texts);
        Ok(Self {
            sound,
            heard: heard.collect(),
            ..detail
        })
    }

    fn new(shot: &Shot, clock: &Clock, cues: &[Cue], texts: &[PictureText]) -> Self {
        let dialogue = cues
            .iter()
            .filter(|cue| cue.start_frame < shot.end_frame && cue.end_frame > shot.start_frame)
            .map(|cue| Line {
                text: cue.text.clone(),
                start: clock.stored(cue.start_frame, cue.start_ms),
                end: clock.stored(cue.end_frame, cue.end_ms),
                language: cue.language.clone(),
                origin: cue.origin,
            })
            .collect();
        let text = texts
            .iter()
            .filter(|text| text.start_frame < shot.end_frame && text.end_frame > shot.start_frame)
            .map(|text| WrittenText {
                text: text.text.clone(),
                start: clock.stored(text.start_frame, text.start_ms),
                end: clock.stored(text.end_frame, text.end_ms),
                place: [text.left, text.top, text.width, text.height],
                score: text.score,
            })
            .collect();
        Self {
            place: Place::new(shot, clock),
            variable_rate: clock.variable,
            opening: (&shot.opening).into(),
            closing: shot.closing().as_ref().map(BoundaryView::from),
            same_as: shot.same_as(),
            dialogue,
            text,
            sound: None,
            heard: Vec::new(),
        }
    }
}
