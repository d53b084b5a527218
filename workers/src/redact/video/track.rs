//! Tracks: what is seen of one object in many frames, and what must be where it was not seen.
//!
//! After `ByteTrack` (Zhang et al. 2022): sure sightings are matched first to where tracks are expected, then unsure ones,
//! which only continue tracks. One pass goes forward; one goes backward from the beginning of each track, and finds the
//! unsure sightings before it and the track that it continues. Gaps are filled, ends are extended. Every
//! sure sighting is in a track, and nothing is ever taken away: what the detectors saw is hidden whatever a
//! track makes of it.

use std::collections::{BTreeMap, BTreeSet};

use rushes_models::Class;
use serde::{Deserialize, Serialize};

pub(super) use super::place::Place;
use super::place::{Outline, mixed, spread};

/// How tracks are made; all in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rules {
    /// The longest gap that is filled.
    pub(super) gap: f64,
    /// How long a track goes on before its first and after its last sighting.
    pub(super) extension: f64,
}

/// What the detectors saw of one object in one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spot {
    pub(super) frame: usize,
    pub(super) class: Class,
    /// Whether it counts by itself.
    pub(super) sure: bool,
    pub(super) place: Place,
}

/// When frames are shown, and which belong together.
#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    /// In seconds, ascending.
    pub(super) seconds: Vec<f64>,
    /// First frames after cuts.
    pub(super) cuts: BTreeSet<usize>,
}

/// How the box of a track in a frame came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FoundBy {
    /// The detectors saw it.
    Detected,
    /// They saw it before and after.
    Interpolated,
    /// They saw it a little later or earlier.
    Extended,
}

/// One box of a track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    pub(super) frame: usize,
    pub(super) place: Place,
    pub(super) by: FoundBy,
    /// The spot it is, if it was detected.
    pub(super) spot: Option<usize>,
}

/// Frames that a box is expected to be in the same place as another's from this share of common area on. Both are widened
/// for the comparison, for small things move by their own size.
const SURE_MATCH: f64 = 0.1;
const UNSURE_MATCH: f64 = 0.3;
/// How much of its new velocity a track takes over.
const AGILITY: f64 = 0.5;

/// A track while it is followed, in either direction of time.
#[derive(Debug, Clone, Copy)]
struct Followed {
    track: usize,
    last: Outline,
    time: f64,
    /// A second.
    velocity: (f64, f64),
}

impl Followed {
    fn expected(&self, time: f64) -> Outline {
        let passed = time - self.time;
        self.last
            .moved((self.velocity.0 * passed, self.velocity.1 * passed))
    }

    fn see(&mut self, seen: Outline, time: f64) {
        let passed = time - self.time;
        if passed.abs() > 1e-9 {
            let (dx, dy) = self.last.towards(&seen);
            let mix = |old: f64, new: f64| old + AGILITY * (new / passed - old);
            self.velocity = (mix(self.velocity.0, dx), mix(self.velocity.1, dy));
        }
        self.last = seen;
        self.time = time;
    }
}

/// The spots by frame, and what is known of them.
struct Tracker<'a> {
    times: &'a Times,
    rules: Rules,
    spots: &'a [Spot],
    by_frame: BTreeMap<usize, Vec<usize>>,
    /// Spots of each track, by time.
    tracks: Vec<Vec<usize>>,
    /// Which spots are in a track.
    taken: Vec<bool>,
}

/// Joins spots to tracks, fills what is between them, and extends their ends. Frames are indices into the times.
///
/// Every sure spot is in exactly one track, an unsure one in one or none.
pub(super) fn tracks(spots: &[Spot], times: &Times, rules: Rules) -> Vec<(Class, Vec<Step>)> {
    let mut by_frame: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, spot) in spots.iter().enumerate() {
        by_frame.entry(spot.frame).or_default().push(index);
    }
    let mut tracker = Tracker {
        times,
        rules,
        spots,
        by_frame,
        tracks: Vec::new(),
        taken: vec![false; spots.len()],
    };
    tracker.forward();
    tracker.backward();
    let mut tracks = std::mem::take(&mut tracker.tracks);
    tracks.retain(|track| !track.is_empty());
    tracks.sort_by_key(|track| (spots[track[0]].frame, track[0]));
    tracks
        .iter()
        .map(|track| (spots[track[0]].class, tracker.filled(track)))
        .collect()
}

impl Tracker<'_> {
    fn outline(&self, spot: usize) -> Outline {
        Outline::of(self.spots[spot].place)
    }

    fn time(&self, frame: usize) -> f64 {
        self.times.seconds[frame]
    }

    /// Whether no cut lies between two frames.
    fn together(&self, a: usize, b: usize) -> bool {
        let (first, last) = (a.min(b), a.max(b));
        self.times.cuts.range(first + 1..last + 1).next().is_none()
    }

    fn forward(&mut self) {
        let mut active: Vec<Followed> = Vec::new();
        let frames: Vec<(usize, Vec<usize>)> = self
            .by_frame
            .iter()
            .map(|(frame, spots)| (*frame, spots.clone()))
            .collect();
        for (frame, spots) in frames {
            self.keep_near(&mut active, frame);
            let time = self.time(frame);
            let mut followed: BTreeSet<usize> = BTreeSet::new();
            for (sure, least) in [(true, SURE_MATCH), (false, UNSURE_MATCH)] {
                let some: Vec<usize> = spots
                    .iter()
                    .copied()
                    .filter(|&spot| self.spots[spot].sure == sure)
                    .collect();
                for (follower, spot) in self.matches(&active, &followed, &some, time, least) {
                    followed.insert(follower);
                    let outline = self.outline(spot);
                    active[follower].see(outline, time);
                    self.tracks[active[follower].track].push(spot);
                    self.taken[spot] = true;
                }
            }
            for spot in spots {
                if self.spots[spot].sure && !self.taken[spot] {
                    self.taken[spot] = true;
                    active.push(Followed {
                        track: self.tracks.len(),
                        last: self.outline(spot),
                        time,
                        velocity: (0.0, 0.0),
                    });
                    self.tracks.push(vec![spot]);
                }
            }
        }
    }

    /// Follows each track from its beginning back in time.
    fn backward(&mut self) {
        let mut active: Vec<Followed> = Vec::new();
        let mut heads: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut tails: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (track, spots) in self.tracks.iter().enumerate() {
            if let (Some(&first), Some(&last)) = (spots.first(), spots.last()) {
                heads
                    .entry(self.spots[first].frame)
                    .or_default()
                    .push(track);
                tails.entry(self.spots[last].frame).or_default().push(track);
            }
        }
        let frames: Vec<(usize, Vec<usize>)> = self
            .by_frame
            .iter()
            .rev()
            .map(|(frame, spots)| (*frame, spots.clone()))
            .collect();
        for (frame, spots) in frames {
            self.keep_near(&mut active, frame);
            let time = self.time(frame);
            // The ends of tracks that one of these continues.
            let ends: Vec<(usize, usize)> = tails
                .get(&frame)
                .into_iter()
                .flatten()
                .filter_map(|&track| Some((track, *self.tracks[track].last()?)))
                .collect();
            let candidates: Vec<usize> = ends.iter().map(|(_, spot)| *spot).collect();
            let joined = self.matches(&active, &BTreeSet::new(), &candidates, time, SURE_MATCH);
            let gone: BTreeSet<usize> = joined.iter().map(|(follower, _)| *follower).collect();
            for (follower, spot) in joined {
                let earlier = ends
                    .iter()
                    .find(|(_, end)| *end == spot)
                    .map(|(track, _)| *track);
                if let Some(earlier) = earlier {
                    let later = std::mem::take(&mut self.tracks[active[follower].track]);
                    self.tracks[earlier].extend(later);
                }
            }
            let mut index = 0;
            active.retain(|_| {
                index += 1;
                !gone.contains(&(index - 1))
            });
            let unsure: Vec<usize> = spots
                .iter()
                .copied()
                .filter(|&spot| !self.taken[spot])
                .collect();
            for (follower, spot) in
                self.matches(&active, &BTreeSet::new(), &unsure, time, UNSURE_MATCH)
            {
                let outline = self.outline(spot);
                active[follower].see(outline, time);
                self.tracks[active[follower].track].insert(0, spot);
                self.taken[spot] = true;
            }
            for track in heads.remove(&frame).unwrap_or_default() {
                active.extend(self.head(track));
            }
        }
    }

    /// A track at its beginning, ready to be followed back.
    fn head(&self, track: usize) -> Option<Followed> {
        let mut spots = self.tracks[track].iter().take(3).rev();
        let first = *spots.next()?;
        let start = |spot: usize| Followed {
            track,
            last: self.outline(spot),
            time: self.time(self.spots[spot].frame),
            velocity: (0.0, 0.0),
        };
        Some(spots.fold(start(first), |mut followed, &spot| {
            let begins = followed.velocity == (0.0, 0.0);
            followed.see(self.outline(spot), self.time(self.spots[spot].frame));
            if begins {
                followed.velocity = (followed.velocity.0 / AGILITY, followed.velocity.1 / AGILITY);
            }
            followed
        }))
    }

    /// Lets go of tracks that are too far from a frame.
    fn keep_near(&self, active: &mut Vec<Followed>, frame: usize) {
        let time = self.time(frame);
        active.retain(|followed| {
            let near = (time - followed.time).abs() <= self.rules.gap + 1e-6;
            near && {
                // Both directions: the frame of the last sighting is the one shown at its time.
                let seen = self
                    .times
                    .seconds
                    .partition_point(|&t| t < followed.time - 1e-9);
                self.together(seen.min(self.times.seconds.len() - 1), frame)
            }
        });
    }

    /// Pairs of followers and spots that are most alike, each at most once.
    fn matches(
        &self,
        active: &[Followed],
        without: &BTreeSet<usize>,
        spots: &[usize],
        time: f64,
        least: f64,
    ) -> Vec<(usize, usize)> {
        let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
        for (follower, followed) in active.iter().enumerate() {
            let Some(&any) = self.tracks[followed.track].first() else {
                continue;
            };
            if without.contains(&follower) {
                continue;
            }
            let class = self.spots[any].class;
            let expected = followed.expected(time);
            for &spot in spots
                .iter()
                .filter(|&&spot| self.spots[spot].class == class)
            {
                let seen = self.outline(spot);
                // What moves by fits and starts is nearer to where it was than to where it was bound.
                let alike = expected
                    .likeness(&seen, time - followed.time)
                    .max(followed.last.likeness(&seen, time - followed.time));
                if alike >= least {
                    pairs.push((alike, follower, spot));
                }
            }
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let (mut followers, mut seen) = (BTreeSet::new(), BTreeSet::new());
        pairs.retain(|&(_, follower, spot)| {
            let free = !followers.contains(&follower) && !seen.contains(&spot);
            if free {
                followers.insert(follower);
                seen.insert(spot);
            }
            free
        });
        pairs
            .into_iter()
            .map(|(_, follower, spot)| (follower, spot))
            .collect()
    }

    /// All steps of a track: what was seen, what lies between, and a little at both ends.
    fn filled(&self, track: &[usize]) -> Vec<Step> {
        let mut steps = Vec::new();
        let (Some(&first), Some(&last)) = (track.first(), track.last()) else {
            return steps;
        };
        steps.extend(self.extended(first, track.get(1).copied(), false));
        for (at, &spot) in track.iter().enumerate() {
            let Spot { frame, place, .. } = self.spots[spot];
            steps.push(Step {
                frame,
                place,
                by: FoundBy::Detected,
                spot: Some(spot),
            });
            if let Some(&next) = track.get(at + 1) {
                let to = &self.spots[next];
                let whole = self.time(to.frame) - self.time(frame);
                steps.extend((frame + 1..to.frame).map(|between| Step {
                    frame: between,
                    place: mixed(
                        place,
                        to.place,
                        (self.time(between) - self.time(frame)) / whole,
                    ),
                    by: FoundBy::Interpolated,
                    spot: None,
                }));
            }
        }
        let before_last = track.len().checked_sub(2).map(|at| track[at]);
        steps.extend(self.extended(last, before_last, true));
        steps
    }

    /// The steps beyond one end of a track, in the order of time.
    fn extended(&self, end: usize, neighbour: Option<usize>, later: bool) -> Vec<Step> {
        let Spot { frame, place, .. } = self.spots[end];
        let velocity = neighbour.map_or((0.0, 0.0), |neighbour| {
            let passed = self.time(frame) - self.time(self.spots[neighbour].frame);
            let (dx, dy) = self.outline(neighbour).towards(&self.outline(end));
            (dx / passed, dy / passed)
        });
        let near = |other: &usize| {
            (self.time(*other) - self.time(frame)).abs() <= self.rules.extension + 1e-6
                && self.together(*other, frame)
        };
        let step = |other: usize| {
            let passed = self.time(other) - self.time(frame);
            Step {
                frame: other,
                place: spread(place, (velocity.0 * passed, velocity.1 * passed)),
                by: FoundBy::Extended,
                spot: None,
            }
        };
        if later {
            (frame + 1..self.times.seconds.len())
                .take_while(near)
                .map(step)
                .collect()
        } else {
            let mut steps: Vec<Step> = (0..frame).rev().take_while(near).map(step).collect();
            steps.reverse();
            steps
        }
    }
}

#[cfg(test)]
#[path = "track_tests.rs"]
mod tests;
