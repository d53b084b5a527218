//! `people`: the faces that a video shows, shot by shot.

mod sample;
mod track;

use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use rushes_models::{EXPRESSIONS, FaceChip, FaceDescriptor, FaceReader, FoundFace};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::context::{RunContext, Stage};
use super::looks::{look_at, looks, shared};
use crate::error::StageError;
use crate::storage::Locator;
use sample::samples;
use track::{ShotFaces, Tracked};

/// Longest side of the pictures that are looked at, in pixels.
const SIDE: u32 = 960;
/// Height of the smallest face that can be distinguished from others, in pixels of such a picture.
const LEAST_HEIGHT: f32 = 32.0;
/// Most faces of one picture, the surest ones.
const MOST_FACES: usize = 100;
/// Overlap, as intersection over union, from which a face is the one that is left alone.
const SAME_PLACE: f32 = 0.3;
/// Quality of the picture of a face as JPEG.
const QUALITY: u8 = 85;

/// Find the faces of a video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PeopleTask {
    /// The video.
    pub media: Locator,
    /// Key of the stored timeline.
    pub timeline: String,
    /// First and one-past-last frame of each shot, in order.
    pub shots: Vec<(u64, u64)>,
    /// The model.
    #[schema(example = "faces")]
    pub model: String,
    /// Faces that are left alone.
    pub untouched: Vec<UntouchedFace>,
}

/// A face that must not be described, because its person was deleted: where it was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UntouchedFace {
    /// First frame.
    pub start: u64,
    /// One past the last.
    pub end: u64,
    /// Frames at which it was seen, with left, top, width and height as shares of the picture.
    pub path: Vec<(u64, [f32; 4])>,
}

impl UntouchedFace {
    /// Whether a face at a frame is this one.
    #[must_use]
    pub fn covers(&self, frame: u64, place: [f32; 4]) -> bool {
        if !(self.start..self.end).contains(&frame) {
            return false;
        }
        let nearest = self
            .path
            .iter()
            .min_by_key(|(seen, _)| seen.abs_diff(frame));
        nearest.is_some_and(|(_, seen)| shared(*seen, place) >= SAME_PLACE)
    }
}

/// The output of a [`PeopleTask`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PeopleOutput {
    /// The model and its detector, both as `id@revision`.
    #[schema(example = "faces@1+yunet@2023mar")]
    pub model: String,
    /// Faces by time. Each is within one shot.
    pub faces: Vec<FaceTrack>,
}

/// A face through a shot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FaceTrack {
    /// Rank of the shot, from 0.
    pub shot: u64,
    /// Frames at which it was seen, ascending, with left, top, width and height as shares of the picture.
    pub path: Vec<(u64, [f32; 4])>,
    /// The frame that shows it best.
    pub best: u64,
    /// Where it is then.
    pub place: [f32; 4],
    /// Score of the detector then, 0 to 1.
    pub score: f32,
    /// Mean probabilities of neutral, happy, sad, angry, fearful, disgusted and surprised.
    pub expressions: Vec<f32>,
    /// What distinguishes it from others. It is biometric, so it is never sent: faces are described only on the machine of the
    /// catalogue.
    #[serde(skip)]
    #[schema(ignore)]
    pub descriptor: Option<FaceDescriptor>,
    /// The face as a small JPEG, which is not sent either.
    #[serde(skip)]
    #[schema(ignore)]
    pub crop: Vec<u8>,
}

impl Stage for PeopleTask {
    type Output = PeopleOutput;

    fn run(&self, run: &RunContext<'_>) -> Result<PeopleOutput, StageError> {
        let timeline = run.stages.timeline(&self.timeline)?;
        let looks = looks(&self.shots, |span| {
            samples(span, |frame| timeline.ms_of(frame))
        });
        run.stages
            .faces
            .with(&self.model, |reader| self.look(run, reader, &looks))
    }
}

impl PeopleTask {
    fn look(
        &self,
        run: &RunContext<'_>,
        reader: &mut FaceReader,
        looks: &[(usize, u64)],
    ) -> Result<PeopleOutput, StageError> {
        let name = reader.name().to_owned();
        let mut looking = Looking {
            reader,
            untouched: &self.untouched,
            shot: None,
            faces: Vec::new(),
        };
        look_at(run, &self.media, SIDE, looks, |look, picture| {
            looking.look(look, picture)
        })?;
        looking.close()?;
        Ok(PeopleOutput {
            model: name,
            faces: looking.faces,
        })
    }
}

/// Looks at pictures one by one.
struct Looking<'a> {
    reader: &'a mut FaceReader,
    untouched: &'a [UntouchedFace],
    /// The shot that is being looked at.
    shot: Option<(usize, ShotFaces)>,
    faces: Vec<FaceTrack>,
}

impl Looking<'_> {
    fn look(&mut self, (shot, frame): (usize, u64), picture: &RgbImage) -> Result<(), StageError> {
        if self.shot.as_ref().is_none_or(|(last, _)| *last != shot) {
            self.close()?;
        }
        let found = self.found(frame, picture)?;
        let (_, faces) = self
            .shot
            .get_or_insert_with(|| (shot, ShotFaces::default()));
        faces.add(frame, found);
        Ok(())
    }

    /// The faces in a picture that are large enough and not left alone.
    fn found(
        &mut self,
        frame: u64,
        picture: &RgbImage,
    ) -> Result<Vec<(FoundFace, [f32; 4], FaceChip)>, StageError> {
        let mut found = Vec::new();
        for face in self.reader.find(picture)?.into_iter().take(MOST_FACES) {
            let place = place_of(&face, picture);
            let is_untouched = self.untouched.iter().any(|one| one.covers(frame, place));
            if face.rect[3] - face.rect[1] >= LEAST_HEIGHT && !is_untouched {
                let chip = FaceChip::of(picture, &face).map_err(rushes_models::ModelError::from)?;
                found.push((face, place, chip));
            }
        }
        Ok(found)
    }

    /// Ends the shot that is being looked at.
    fn close(&mut self) -> Result<(), StageError> {
        if let Some((shot, faces)) = self.shot.take() {
            for tracked in faces.finish(self.reader)? {
                self.faces.push(face_track(shot, tracked)?);
            }
        }
        Ok(())
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "sides of pictures are below 2^24"
)]
fn place_of(face: &FoundFace, picture: &RgbImage) -> [f32; 4] {
    let (width, height) = (
        picture.width().max(1) as f32,
        picture.height().max(1) as f32,
    );
    let [left, top, right, bottom] = face.rect;
    [
        left / width,
        top / height,
        (right - left) / width,
        (bottom - top) / height,
    ]
}

fn face_track(shot: usize, tracked: Tracked) -> Result<FaceTrack, StageError> {
    let mut crop = Vec::new();
    JpegEncoder::new_with_quality(&mut crop, QUALITY)
        .encode_image(tracked.chip.picture())
        .map_err(|_unwritable| StageError::Corrupt("the picture of a face".to_owned()))?;
    let expressions: [f32; EXPRESSIONS.len()] = tracked.expressions;
    Ok(FaceTrack {
        shot: shot as u64,
        path: tracked
            .path
            .iter()
            .map(|sighting| (sighting.frame, sighting.place))
            .collect(),
        best: tracked.best.frame,
        place: tracked.best.place,
        score: tracked.score,
        expressions: expressions.to_vec(),
        descriptor: Some(tracked.descriptor),
        crop,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_that_was_deleted_is_known_by_its_place_and_time() {
        let untouched = UntouchedFace {
            start: 100,
            end: 200,
            path: vec![(110, [0.1, 0.1, 0.2, 0.2]), (190, [0.6, 0.1, 0.2, 0.2])],
        };
        assert!(untouched.covers(105, [0.12, 0.1, 0.2, 0.2]));
        assert!(untouched.covers(199, [0.6, 0.12, 0.2, 0.2]));
        assert!(!untouched.covers(110, [0.6, 0.1, 0.2, 0.2]));
        assert!(!untouched.covers(200, [0.6, 0.1, 0.2, 0.2]));
    }

    #[test]
    fn what_is_biometric_is_neither_sent_nor_printed() {
        let track = FaceTrack {
            shot: 0,
            path: vec![(3, [0.1; 4])],
            best: 3,
            place: [0.1; 4],
            score: 0.9,
            expressions: vec![0.1; EXPRESSIONS.len()],
            descriptor: Some(FaceDescriptor([0.125; rushes_models::DESCRIPTOR])),
            crop: vec![0xAB; 40],
        };
        let json = serde_json::to_string(&track).unwrap();
        assert!(
            !json.contains("descriptor") && !json.contains("crop"),
            "{json}"
        );
        assert!(!format!("{track:?}").contains("0.125"), "{track:?}");
    }
}
