//! Vectors and queries.

use std::path::Path;

use crate::vectors::{Noise, around, unit};

/// Queries of each kind.
const QUERIES: usize = 500;
/// CLIP's text vectors that rows are made of. The others are queries.
const CENTRES: usize = 900;

/// A kind of queries.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    queries: Vec<f32>,
}

/// Rows and queries of one length.
pub(crate) struct Data {
    pub(crate) name: &'static str,
    pub(crate) dims: usize,
    rows: Vec<f32>,
    kinds: Vec<Kind>,
}

fn sum(a: &[f32], b: &[f32]) -> Vec<f32> {
    unit(a.iter().zip(b).map(|(a, b)| a + b).collect())
}

/// A number in half precision; those below 2^-14 count as 0.
fn half(bits: u16) -> f32 {
    let exponent = i32::from(bits >> 10 & 31);
    if exponent == 0 {
        return 0.0;
    }
    let fraction = 1.0 + f32::from(bits & 1023) / 1024.0;
    let magnitude = fraction * 2.0_f32.powi(exponent - 15);
    if bits >> 15 == 1 {
        -magnitude
    } else {
        magnitude
    }
}

impl Data {
    /// Vectors in clusters of about 100; queries inside clusters, and between two of them.
    pub(crate) fn clusters(count: usize, dims: usize) -> Self {
        let mut noise = Noise(42);
        let centres: Vec<Vec<f32>> = (0..count / 100).map(|_| unit(noise.vector(dims))).collect();
        let rows = around(&mut noise, &centres, 0.7)
            .take(count)
            .flatten()
            .collect::<Vec<f32>>();
        let inside = around(&mut noise, &centres, 0.7).take(QUERIES).flatten();
        let inside = inside.collect();
        let between = (0..QUERIES).flat_map(|_| {
            let mut pick = || &rows[noise.below(count) * dims..][..dims];
            let (a, b) = (pick().to_vec(), pick().to_vec());
            sum(&a, &b)
        });
        let between = between.collect();
        Self {
            name: "clusters",
            dims,
            rows,
            kinds: vec![
                Kind {
                    name: "inside",
                    queries: inside,
                },
                Kind {
                    name: "between",
                    queries: between,
                },
            ],
        }
    }

    /// Vectors around real CLIP text vectors; queries are other such vectors, and sums of two. `None` without the
    /// material.
    pub(crate) fn clip(count: usize) -> Option<Self> {
        let material = std::env::var_os("RUSHES_MATERIAL")?;
        let file = Path::new(&material).join("clip_reference/lvis_v1_clip_a+cname.npy");
        let bytes = std::fs::read(file).ok()?;
        let dims = 512;
        // An NPY header, then little-endian half precision in C order.
        let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        let floats = bytes[header..].as_chunks::<2>().0;
        let floats: Vec<f32> = floats
            .iter()
            .map(|x| half(u16::from_le_bytes(*x)))
            .collect();
        let texts: Vec<Vec<f32>> = floats
            .chunks_exact(dims)
            .map(|v| unit(v.to_vec()))
            .collect();
        let (centres, others) = texts.split_at(CENTRES);
        let mut noise = Noise(42);
        let rows = around(&mut noise, centres, 0.7)
            .take(count)
            .flatten()
            .collect();
        let between = (0..QUERIES).flat_map(|_| {
            sum(
                &others[noise.below(others.len())],
                &others[noise.below(others.len())],
            )
        });
        let between = between.collect();
        Some(Self {
            name: "clip",
            dims,
            rows,
            kinds: vec![
                Kind {
                    name: "text",
                    queries: others.concat(),
                },
                Kind {
                    name: "two texts",
                    queries: between,
                },
            ],
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len() / self.dims
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.rows.chunks_exact(self.dims)
    }

    pub(crate) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    pub(crate) fn queries(&self, kind: &Kind) -> Vec<Vec<f32>> {
        kind.queries
            .chunks_exact(self.dims)
            .map(<[f32]>::to_vec)
            .collect()
    }

    /// Writes them for the peer.
    pub(crate) fn write(&self, folder: &Path) {
        let bytes = |values: &[f32]| {
            values
                .iter()
                .flat_map(|x| x.to_le_bytes())
                .collect::<Vec<u8>>()
        };
        std::fs::write(folder.join("rows.f32"), bytes(&self.rows)).unwrap();
        for kind in &self.kinds {
            let name = format!("{}.queries.f32", kind.name);
            std::fs::write(folder.join(name), bytes(&kind.queries)).unwrap();
        }
    }
}
