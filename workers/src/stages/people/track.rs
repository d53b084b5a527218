//! Faces over time: a face that stays about where it is belongs to one track, and tracks of a shot whose faces are alike
//! and are never seen together are one.

use rushes_models::{
    EXPRESSIONS, FaceChip, FaceDescriptor, FaceReader, FoundFace, ModelError, descriptor_distance,
};

use crate::stages::looks::shared;

/// Least overlap, as intersection over union, of a face with itself in the next look.
const SAME_PLACE: f32 = 0.3;
/// Looks without a face after which its track ends.
const PATIENCE: usize = 3;
/// Chips of a track that are described, the best ones.
const BEST: usize = 5;
/// Distance up to which descriptors of one shot are of one person.
const SAME_FACE: f32 = 0.5;
/// Most tracks of one shot. A crowd has no more faces that can be told apart.
const MOST_TRACKS: usize = 300;

/// A face of a track in one look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sighting {
    pub(super) frame: u64,
    /// Left, top, width and height as shares of the picture.
    pub(super) place: [f32; 4],
}

/// A face that may be described, and how good it is for that.
struct Candidate {
    chip: FaceChip,
    quality: f32,
    sighting: Sighting,
    score: f32,
}

/// A face through a part of a shot.
struct Track {
    path: Vec<Sighting>,
    best: Vec<Candidate>,
    /// Looks since it was last seen.
    missed: usize,
}

/// One person in a shot, as long as the face is seen.
pub(super) struct Tracked {
    pub(super) path: Vec<Sighting>,
    /// The face that shows the person best.
    pub(super) best: Sighting,
    pub(super) score: f32,
    pub(super) chip: FaceChip,
    pub(super) descriptor: FaceDescriptor,
    /// Mean probabilities of the expressions.
    pub(super) expressions: [f32; EXPRESSIONS.len()],
}

/// The faces of one shot, look by look.
#[derive(Default)]
pub(super) struct ShotFaces {
    open: Vec<Track>,
    done: Vec<Track>,
}

impl ShotFaces {
    /// What a look at a frame showed: faces with their places and chips.
    pub(super) fn add(&mut self, frame: u64, faces: Vec<(FoundFace, [f32; 4], FaceChip)>) {
        for track in &mut self.open {
            track.missed += 1;
        }
        let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
        for (at, track) in self.open.iter().enumerate() {
            for (face, (_, place, _)) in faces.iter().enumerate() {
                let last = track.path.last().map_or([0.0; 4], |last| last.place);
                pairs.push((shared(last, *place), at, face));
            }
        }
        pairs.retain(|&(overlap, ..)| overlap >= SAME_PLACE);
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut owner: Vec<Option<usize>> = vec![None; faces.len()];
        for (_, track, face) in pairs {
            if owner[face].is_none() && !owner.contains(&Some(track)) {
                owner[face] = Some(track);
            }
        }
        for ((face, place, chip), owner) in faces.into_iter().zip(owner) {
            let sighting = Sighting { frame, place };
            let candidate = Candidate {
                quality: quality(&face, &chip),
                chip,
                sighting,
                score: face.score,
            };
            match owner {
                Some(at) => self.open[at].see(candidate),
                None if self.open.len() + self.done.len() < MOST_TRACKS => {
                    let mut track = Track {
                        path: Vec::new(),
                        best: Vec::new(),
                        missed: 0,
                    };
                    track.see(candidate);
                    self.open.push(track);
                }
                None => {}
            }
        }
        let open = std::mem::take(&mut self.open);
        let (open, done) = open.into_iter().partition(|track| track.missed < PATIENCE);
        self.open = open;
        self.done.extend::<Vec<Track>>(done);
    }

    /// The people of the shot, in the order in which they appear.
    pub(super) fn finish(mut self, reader: &mut FaceReader) -> Result<Vec<Tracked>, ModelError> {
        self.done.append(&mut self.open);
        let mut people: Vec<Tracked> = Vec::new();
        for track in self.done {
            people.extend(track.described(reader)?);
        }
        people.sort_by_key(|one| one.path.first().map(|first| first.frame));
        let mut joined: Vec<Tracked> = Vec::new();
        for one in people {
            let known = joined.iter_mut().find(|known| {
                descriptor_distance(&known.descriptor, &one.descriptor) <= SAME_FACE
                    && !are_seen_together(&known.path, &one.path)
            });
            match known {
                Some(known) => known.join(one),
                None => joined.push(one),
            }
        }
        Ok(joined)
    }
}

impl Track {
    fn see(&mut self, candidate: Candidate) {
        self.missed = 0;
        self.path.push(candidate.sighting);
        self.best.push(candidate);
        self.best.sort_by(|a, b| b.quality.total_cmp(&a.quality));
        self.best.truncate(BEST);
    }

    fn described(self, reader: &mut FaceReader) -> Result<Option<Tracked>, ModelError> {
        let chips: Vec<&FaceChip> = self.best.iter().map(|one| &one.chip).collect();
        let descriptors = reader.describe(&chips)?;
        let expressions = reader.expressions(&chips)?;
        let Some(first) = descriptors.first() else {
            return Ok(None);
        };
        // Where faces cross, a track may take up another one. The best chip says whose it is.
        let own: Vec<usize> = (0..descriptors.len())
            .filter(|&at| descriptor_distance(first, &descriptors[at]) <= SAME_FACE)
            .collect();
        let descriptor = FaceDescriptor(mean(own.iter().map(|&at| &descriptors[at].0)));
        let expressions = mean::<{ EXPRESSIONS.len() }>(own.iter().map(|&at| &expressions[at]));
        let path = self.path;
        Ok(self.best.into_iter().next().map(|best| Tracked {
            path,
            best: best.sighting,
            score: best.score,
            chip: best.chip,
            descriptor,
            expressions,
        }))
    }
}

impl Tracked {
    /// Takes up a later track of the same person.
    fn join(&mut self, other: Self) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a shot is looked at some tens of times"
        )]
        let (own, others) = (self.path.len() as f32, other.path.len() as f32);
        let between = |a: f32, b: f32| (a * own + b * others) / (own + others);
        for (a, b) in self.descriptor.0.iter_mut().zip(other.descriptor.0) {
            *a = between(*a, b);
        }
        for (a, b) in self.expressions.iter_mut().zip(other.expressions) {
            *a = between(*a, b);
        }
        if area(other.best.place) > area(self.best.place) {
            (self.best, self.score, self.chip) = (other.best, other.score, other.chip);
        }
        self.path.extend(other.path);
        self.path.sort_by_key(|sighting| sighting.frame);
    }
}

/// How well a face can be described: large, sharp and frontal ones best.
fn quality(face: &FoundFace, chip: &FaceChip) -> f32 {
    let height = face.rect[3] - face.rect[1];
    let size = (height / 150.0).min(1.0);
    let sharpness = chip.sharpness();
    size * (0.2 + 0.8 * face.frontality()) * (sharpness / (sharpness + 50.0))
}

fn are_seen_together(one: &[Sighting], other: &[Sighting]) -> bool {
    one.iter().any(|a| other.iter().any(|b| a.frame == b.frame))
}

fn area(place: [f32; 4]) -> f32 {
    place[2] * place[3]
}

/// The mean of rows of numbers.
fn mean<'a, const N: usize>(rows: impl Iterator<Item = &'a [f32; N]>) -> [f32; N] {
    let (mut sum, mut count) = ([0.0; N], 0.0_f32);
    for row in rows {
        for (total, number) in sum.iter_mut().zip(row) {
            *total += number;
        }
        count += 1.0;
    }
    sum.map(|total| total / count.max(1.0))
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;
    use crate::stages::looks::edges;

    fn look(places: &[[f32; 4]]) -> Vec<(FoundFace, [f32; 4], FaceChip)> {
        let picture = RgbImage::new(200, 200);
        places
            .iter()
            .map(|&place| {
                let [left, top, right, bottom] = edges(place).map(|share| share * 200.0);
                let (x, y) = (f32::midpoint(left, right), f32::midpoint(top, bottom));
                let face = FoundFace {
                    rect: [left, top, right, bottom],
                    points: [
                        [x - 5.0, y],
                        [x + 5.0, y],
                        [x, y + 3.0],
                        [x - 4.0, y + 7.0],
                        [x + 4.0, y + 7.0],
                    ],
                    score: 0.9,
                };
                (face, place, FaceChip::of(&picture, &face).unwrap())
            })
            .collect()
    }

    fn paths(faces: &ShotFaces) -> Vec<Vec<u64>> {
        let tracks = faces.done.iter().chain(&faces.open);
        let mut paths: Vec<Vec<u64>> = tracks
            .map(|track| track.path.iter().map(|one| one.frame).collect())
            .collect();
        paths.sort();
        paths
    }

    #[test]
    fn faces_that_move_little_are_followed_and_others_begin_a_track() {
        let mut faces = ShotFaces::default();
        faces.add(10, look(&[[0.1, 0.1, 0.2, 0.2], [0.6, 0.1, 0.2, 0.2]]));
        faces.add(20, look(&[[0.62, 0.12, 0.2, 0.2], [0.12, 0.1, 0.2, 0.2]]));
        faces.add(30, look(&[[0.14, 0.12, 0.2, 0.2], [0.4, 0.7, 0.2, 0.2]]));
        assert_eq!(paths(&faces), [vec![10, 20], vec![10, 20, 30], vec![30]]);
    }

    #[test]
    fn a_face_that_looks_away_for_a_moment_stays_and_one_that_leaves_does_not() {
        let mut faces = ShotFaces::default();
        let place = [0.4, 0.4, 0.2, 0.2];
        faces.add(1, look(&[place]));
        faces.add(2, Vec::new());
        faces.add(3, Vec::new());
        faces.add(4, look(&[place]));
        for frame in 5..8 {
            faces.add(frame, Vec::new());
        }
        faces.add(9, look(&[place]));
        assert_eq!(paths(&faces), [vec![1, 4], vec![9]]);
    }

    #[test]
    fn a_shot_keeps_the_best_chips_of_so_many_tracks() {
        let mut faces = ShotFaces::default();
        for frame in 0..40 {
            faces.add(frame, look(&[[0.4, 0.4, 0.2, 0.2]]));
        }
        assert_eq!(faces.open.len(), 1);
        assert_eq!(
            (faces.open[0].best.len(), faces.open[0].path.len()),
            (BEST, 40)
        );
        assert!(are_seen_together(&faces.open[0].path, &faces.open[0].path));
    }
}
