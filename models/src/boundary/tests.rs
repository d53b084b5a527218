//! Compares the network with the one that was trained.

use super::*;

const FRAMES: usize = 120;

/// The frames of `models/boundary/golden.py`.
fn frames() -> Vec<[Vec<u8>; 3]> {
    let cell = |value: usize| u8::try_from(value).unwrap();
    let luma = |t: usize, y: usize, x: usize| {
        let first = (x * 3 + y * 2 + t) % 180 + 20;
        let second = ((x / 8 + y / 6) % 2) * 120 + (x + 2 * t) % 50 + 30;
        let third = (y * 5 + t) % 100 + 100;
        let part = t.saturating_sub(79).min(13);
        let shown = if t < 50 { first } else { second };
        cell((shown * (13 - part) + third * part) / 13)
    };
    let plane = |value: &dyn Fn(usize, usize) -> u8| {
        let places = (0..CELLS).map(|index| (index / WIDTH, index % WIDTH));
        places.map(|(y, x)| value(y, x)).collect()
    };
    (0..FRAMES)
        .map(|t| {
            [
                plane(&|y, x| luma(t, y, x)),
                plane(&|_, x| cell(112 + x / 2)),
                plane(&|y, _| cell(119 + y / 2)),
            ]
        })
        .collect()
}

fn look(frames: &[[Vec<u8>; 3]]) -> Vec<BoundaryVerdict> {
    let planes: Vec<[&[u8]; 3]> = frames
        .iter()
        .map(|frame| frame.each_ref().map(Vec::as_slice))
        .collect();
    BoundaryNetwork::new().unwrap().look(&planes).unwrap()
}

#[test]
fn verdicts_are_those_of_the_network_that_was_trained() {
    let golden: Vec<[f32; 5]> =
        serde_json::from_str(include_str!("../../boundary/golden.json")).unwrap();
    let found = look(&frames());
    assert_eq!(found.len(), golden.len());
    for (frame, (found, golden)) in found.iter().zip(&golden).enumerate() {
        let found = [
            found.cut,
            found.gradual,
            found.dissolve,
            found.fade,
            found.wipe,
        ];
        for (found, golden) in found.iter().zip(golden) {
            assert!(
                (found - golden).abs() < 1e-3,
                "frame {frame}: {found} is not {golden}"
            );
        }
    }
}

#[test]
fn frames_farther_than_the_reach_change_nothing() {
    let all = frames();
    let some = &all[20..];
    let (all, some) = (look(&all), look(some));
    // Beyond the receptive field, the surroundings of a frame are the same, so the outputs are too, up to
    // rounding.
    for frame in AROUND + 20..FRAMES {
        let (a, b) = (all[frame], some[frame - 20]);
        assert!((a.cut - b.cut).abs() < 1e-4, "{frame}");
        assert!((a.gradual - b.gradual).abs() < 1e-4, "{frame}");
    }
}

#[test]
fn one_frame_and_no_frame_are_looked_at() {
    assert_eq!(look(&[]).len(), 0);
    assert_eq!(look(&frames()[..1]).len(), 1);
    assert_eq!(look(&frames()[..3]).len(), 3);
}

#[test]
fn a_frame_of_another_size_is_refused() {
    let plane = vec![0_u8; 10];
    let error = BoundaryNetwork::new()
        .unwrap()
        .look(&[[plane.as_slice(); 3]])
        .unwrap_err();
    let message = crate::with_causes(&error);
    assert!(message.contains("10 cells"), "{message}");
}
