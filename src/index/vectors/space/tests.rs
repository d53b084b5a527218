//! Tests of `space`.

use std::collections::{BTreeSet, HashSet};

use super::*;
use crate::index::Frames;

/// Deterministic unit vectors in clusters, like those of real shots.
fn clustered(count: usize, dims: usize) -> Vec<Vec<f32>> {
    let mut state = 42_u64;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    };
    let centres: Vec<Vec<f32>> = (0..50)
        .map(|_| (0..dims).map(|_| random()).collect())
        .collect();
    (0..count)
        .map(|at| {
            let centre = &centres[at % centres.len()];
            unit(centre.iter().map(|x| x + 0.6 * random()).collect())
        })
        .collect()
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
    vector
}

fn put(space: &Space, asset: &AssetId, vectors: &[Vec<f32>]) {
    let mut batch = Batch::default();
    let shots = (0..vectors.len() as u64).map(|n| (n * 10, n * 10 + 10));
    let of = SpaceVectors {
        space: "s@1".to_owned(),
        shots: shots.collect(),
        vectors: vectors.to_vec(),
    };
    batch.add(asset, &of);
    space.apply(&batch).unwrap();
}

/// Assets of 100 shots each.
fn filled(vectors: &[Vec<f32>]) -> (Space, Vec<AssetId>) {
    let space = Space::new(vectors[0].len());
    let assets = vectors.chunks(100).map(|vectors| {
        let asset = AssetId::new();
        put(&space, &asset, vectors);
        asset
    });
    let assets = assets.collect();
    (space, assets)
}

fn plain(query: &[f32], vectors: &[Vec<f32>], rows: impl Iterator<Item = usize>) -> Vec<usize> {
    let similarity =
        |row: usize| -> f32 { query.iter().zip(&vectors[row]).map(|(a, b)| a * b).sum() };
    let mut rows: Vec<usize> = rows.collect();
    rows.sort_by(|a, b| similarity(*b).total_cmp(&similarity(*a)));
    rows
}

#[test]
fn replaced_and_deleted_shots_are_not_found() {
    let space = Space::new(32);
    let vectors = clustered(40, 32);
    let (a, b) = (AssetId::new(), AssetId::new());
    put(&space, &a, &vectors[..20]);
    put(&space, &b, &vectors[20..]);
    assert_eq!(space.nearest(&vectors[3], 1, None).0[0].shot.asset, a);
    put(&space, &a, &[]);
    assert_eq!(space.len(), 20);
    assert!(!space.holds(&a) && space.holds(&b));
    let found = space.nearest(&vectors[3], 40, None).0;
    assert!(found.len() == 20 && found.iter().all(|near| near.shot.asset == b));
    let scope = ShotSet::from(HashSet::from([a.clone()]));
    assert!(space.nearest(&vectors[3], 40, Some(&scope)).0.is_empty());
    put(&space, &a, &vectors[20..]);
    let found = space.nearest(&vectors[25], 2, None).0;
    assert_eq!(
        found.iter().map(|near| near.shot.start).collect::<Vec<_>>(),
        [50, 50]
    );
    // A similarity is that of the vectors, not of their codes.
    assert!((found[0].similarity - 1.0).abs() < 1e-4, "{found:?}");
}

#[test]
fn a_scan_finds_what_a_comparison_with_every_row_finds_in_any_scope() {
    let vectors = clustered(6000, 96);
    let (space, assets) = filled(&vectors);
    let between = |at: usize| {
        let pair = vectors[at].iter().zip(&vectors[at + 1]);
        unit(pair.map(|(a, b)| a + b).collect())
    };
    let some = |every: usize| (0..60).filter(move |asset| asset % every == 0);
    for every in [1, 2, 7] {
        let ids = some(every).map(|asset| assets[asset].clone());
        let scope = (every > 1).then(|| ShotSet::from(ids.collect::<HashSet<_>>()));
        let (mut found, mut wanted) = (0, 0);
        for query in [between(3), between(40), vectors[17].clone(), between(777)] {
            let rows = some(every).flat_map(|asset| asset * 100..asset * 100 + 100);
            let expected: BTreeSet<usize> =
                plain(&query, &vectors, rows).into_iter().take(50).collect();
            let near = space.nearest(&query, 50, scope.as_ref()).0;
            assert_eq!(near.len(), 50);
            assert!(
                near.windows(2)
                    .all(|pair| pair[0].similarity >= pair[1].similarity)
            );
            let row = |shot: &ShotId| {
                let asset = assets.iter().position(|asset| *asset == shot.asset);
                asset.unwrap() * 100 + usize::try_from(shot.start).unwrap() / 10
            };
            found += near
                .iter()
                .filter(|near| expected.contains(&row(&near.shot)))
                .count();
            wanted += 50;
        }
        assert!(
            found * 100 >= wanted * 99,
            "one in {every}: {found} of {wanted}"
        );
    }
}

#[test]
fn a_scope_of_single_shots_is_searched_exactly() {
    let vectors = clustered(3000, 32);
    let (space, assets) = filled(&vectors);
    let starts = |asset: &AssetId| (asset.clone(), Frames::Starts(vec![30, 500, 990]));
    let scope: ShotSet = assets.iter().map(starts).collect();
    let rows = (0..30).flat_map(|asset| [3, 50, 99].map(|row| asset * 100 + row));
    let expected = plain(&vectors[1750], &vectors, rows);
    let found = space.nearest(&vectors[1750], 10, Some(&scope)).0;
    let found: Vec<(AssetId, u64)> = found
        .into_iter()
        .map(|near| (near.shot.asset, near.shot.start))
        .collect();
    let expected: Vec<(AssetId, u64)> = expected[..10]
        .iter()
        .map(|row| (assets[row / 100].clone(), (row % 100) as u64 * 10))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn many_near_equal_shots_hide_nothing_beyond_them() {
    let mut vectors = clustered(400, 64);
    let wanted = vectors[399].clone();
    for (at, vector) in vectors.iter_mut().take(399).enumerate() {
        *vector = wanted
            .iter()
            .map(|x| x + 1e-4 * (at as f32).sin())
            .collect();
    }
    let (space, assets) = filled(&vectors);
    let found = space.nearest(&wanted, 400, None).0;
    assert_eq!(found.len(), 400);
    assert!(
        found
            .iter()
            .any(|near| near.shot.asset == assets[3] && near.shot.start == 990)
    );
}

#[test]
fn vectors_longer_than_one_and_empty_spaces_are_searched() {
    let space = Space::new(2);
    assert!(space.nearest(&[1.0, 0.0], 5, None).0.is_empty());
    put(&space, &AssetId::new(), &[vec![3.0, 4.0], vec![0.0, 0.0]]);
    let found = space.nearest(&[0.6, 0.8], 5, None).0;
    assert!(
        (found[0].similarity - 5.0).abs() < 1e-3 && found[1].similarity == 0.0,
        "{found:?}"
    );
    assert!(space.nearest(&[1.0, 0.0, 0.0], 5, None).0.is_empty());
}
