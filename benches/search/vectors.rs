//! Vectors, the same in each run.

/// Deterministic noise.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    /// Between -0.5 and 0.5.
    fn uniform(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (((self.uniform() + 0.5) * end as f32) as usize).min(end - 1)
    }

    pub(crate) fn vector(&mut self, dims: usize) -> Vec<f32> {
        (0..dims).map(|_| self.uniform()).collect()
    }
}

pub(crate) fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
    vector
}

/// Unit vectors around centres: `spread` is the length of the noise relative to the centre's.
pub(crate) fn around<'a>(
    noise: &'a mut Noise,
    centres: &'a [Vec<f32>],
    spread: f32,
) -> impl Iterator<Item = Vec<f32>> + 'a {
    let dims = centres[0].len();
    // The length of uniform noise is sqrt(n / 12).
    let scale = spread * (12.0 / dims as f32).sqrt();
    std::iter::repeat_with(move || {
        let centre = &centres[noise.below(centres.len())];
        let noise = noise.vector(dims);
        unit(
            centre
                .iter()
                .zip(noise)
                .map(|(c, n)| c + scale * n)
                .collect(),
        )
    })
}
