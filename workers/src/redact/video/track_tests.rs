//! Tests of tracks.

use proptest::prelude::*;

use super::super::super::geometry::Tangent;
use super::*;

const RULES: Rules = Rules {
    gap: 1.0,
    extension: 0.25,
};

/// So many frames at 20 a second.
fn times(frames: u32) -> Times {
    Times {
        seconds: (0..frames).map(|f| f64::from(f) / 20.0).collect(),
        cuts: BTreeSet::new(),
    }
}

fn flat(x: f64, y: f64) -> Place {
    Place::Flat([x, y, x + 40.0, y + 50.0])
}

fn spot(frame: usize, sure: bool, place: Place) -> Spot {
    Spot {
        frame,
        class: Class::Face,
        sure,
        place,
    }
}

/// A face that walks to the right.
fn walking(frame: u32) -> Place {
    flat(100.0 + 6.0 * f64::from(frame), 80.0)
}

fn frames_of(steps: &[Step], by: FoundBy) -> Vec<usize> {
    steps
        .iter()
        .filter(|step| step.by == by)
        .map(|step| step.frame)
        .collect()
}

#[test]
fn missed_frames_are_filled_where_the_object_must_have_been() {
    let spots: Vec<Spot> = [10, 11, 12, 13, 20, 21]
        .map(|f| spot(f as usize, true, walking(f)))
        .into();
    let tracks = tracks(&spots, &times(60), RULES);
    assert_eq!(tracks.len(), 1);
    let steps = &tracks[0].1;
    assert_eq!(
        frames_of(steps, FoundBy::Interpolated),
        (14..20).collect::<Vec<_>>()
    );
    for step in steps.iter().filter(|step| step.by == FoundBy::Interpolated) {
        let (Place::Flat(found), Place::Flat(true_one)) =
            (step.place, walking(u32::try_from(step.frame).unwrap()))
        else {
            panic!("not flat");
        };
        assert!(
            found
                .iter()
                .zip(true_one)
                .all(|(a, b)| (a - b).abs() < 1e-6),
            "{step:?}"
        );
    }
    // A quarter of a second at both ends is five frames.
    assert_eq!(
        frames_of(steps, FoundBy::Extended),
        [5, 6, 7, 8, 9, 22, 23, 24, 25, 26]
    );
    assert!(
        steps
            .windows(2)
            .all(|pair| pair[0].frame + 1 == pair[1].frame)
    );
}

#[test]
fn every_other_frame_is_enough() {
    for every in [2, 5, 10] {
        let spots: Vec<Spot> = (0..60)
            .step_by(every)
            .map(|f| spot(f, true, walking(u32::try_from(f).unwrap())))
            .collect();
        let tracks = tracks(&spots, &times(60), RULES);
        assert_eq!(tracks.len(), 1, "every {every}");
        assert!(
            (0..=50).all(|f| tracks[0].1.iter().any(|step| step.frame == f)),
            "every {every}"
        );
    }
}

#[test]
fn unsure_sightings_continue_tracks_both_ways_and_begin_none() {
    let sure = |f: u32| (10..20).contains(&f);
    let mut spots: Vec<Spot> = (2..40)
        .map(|f| spot(f as usize, sure(f), walking(f)))
        .collect();
    spots.push(spot(30, false, flat(900.0, 900.0)));
    let tracks = tracks(&spots, &times(60), RULES);
    assert_eq!(tracks.len(), 1);
    assert_eq!(
        frames_of(&tracks[0].1, FoundBy::Detected),
        (2..40).collect::<Vec<_>>()
    );
}

#[test]
fn a_long_gap_and_a_cut_end_tracks() {
    let spots = [
        spot(5, true, flat(0.0, 0.0)),
        spot(40, true, flat(0.0, 0.0)),
    ];
    assert_eq!(tracks(&spots, &times(60), RULES).len(), 2);
    let cut = Times {
        cuts: [12].into(),
        ..times(60)
    };
    let spots = [10, 11, 12, 13].map(|f| spot(f, true, flat(0.0, 0.0)));
    let found = tracks(&spots, &cut, RULES);
    assert_eq!(found.len(), 2);
    assert!(found[0].1.iter().all(|step| step.frame < 12));
    assert!(found[1].1.iter().all(|step| step.frame >= 12));
}

#[test]
fn on_the_sphere_a_track_crosses_the_seam() {
    let at = |yaw: f64| {
        Place::Sphere(Tangent {
            yaw,
            pitch: 10.0,
            roll: 0.0,
            half_width: 3.0,
            half_height: 4.0,
        })
    };
    let spots = [(0, 176.0), (1, 178.0), (4, -176.0)].map(|(f, yaw)| spot(f, true, at(yaw)));
    let tracks = tracks(&spots, &times(6), RULES);
    assert_eq!(tracks.len(), 1);
    let between: Vec<f64> = tracks[0]
        .1
        .iter()
        .filter(|step| step.by == FoundBy::Interpolated)
        .map(|step| match step.place {
            Place::Sphere(tangent) => tangent.yaw,
            Place::Flat(_) => panic!("not on the sphere"),
        })
        .collect();
    assert!(
        (between[0] - 180.0).abs() < 1e-9 && (between[1] - 182.0).abs() < 1e-9,
        "{between:?}"
    );
}

#[test]
fn two_that_cross_stay_two() {
    let left = |f: usize| flat(10.0 * f64::from(u32::try_from(f).unwrap()), 0.0);
    let right = |f: usize| flat(400.0 - 10.0 * f64::from(u32::try_from(f).unwrap()), 30.0);
    let spots: Vec<Spot> = (0..40)
        .flat_map(|f| [spot(f, true, left(f)), spot(f, true, right(f))])
        .collect();
    let tracks = tracks(&spots, &times(40), RULES);
    assert_eq!(tracks.len(), 2);
    assert!(
        tracks
            .iter()
            .all(|(_, steps)| frames_of(steps, FoundBy::Detected).len() == 40)
    );
}

proptest! {
    #[test]
    fn nothing_that_was_seen_is_lost(
        seen in prop::collection::vec((0..80_usize, any::<bool>(), 0.0..800.0, 0.0..500.0, any::<bool>()), 0..120),
        cuts in prop::collection::btree_set(1..80_usize, 0..4),
    ) {
        let spots: Vec<Spot> = seen
            .iter()
            .map(|&(frame, sure, x, y, face)| Spot {
                frame,
                class: if face { Class::Face } else { Class::Plate },
                sure,
                place: flat(x, y),
            })
            .collect();
        let times = Times { cuts, ..times(80) };
        let tracks = tracks(&spots, &times, RULES);
        let mut counts = vec![0; spots.len()];
        for (class, steps) in &tracks {
            for step in steps {
                prop_assert!(step.frame < 80);
                if let Some(spot) = step.spot {
                    counts[spot] += 1;
                    prop_assert_eq!(step.place, spots[spot].place);
                    prop_assert_eq!(step.frame, spots[spot].frame);
                    prop_assert_eq!(*class, spots[spot].class);
                }
            }
            prop_assert!(steps.windows(2).all(|pair| pair[0].frame + 1 == pair[1].frame));
            // No track crosses a cut.
            let (first, last) = (steps[0].frame, steps[steps.len() - 1].frame);
            prop_assert!(times.cuts.range(first + 1..last + 1).next().is_none());
        }
        for (spot, count) in spots.iter().zip(counts) {
            prop_assert!(count <= 1 && (count == 1 || !spot.sure));
        }
    }
}
