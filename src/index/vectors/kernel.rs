//! The inner loops of the scan, for the widest registers of the processor.

use std::any::TypeId;
use std::sync::LazyLock;

use pulp::{Arch, Simd, WithSimd};

use super::codes::{BLOCK, LUT};

/// The processor's features, detected once.
pub(super) static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// Dot product of two vectors of the same length, which is a multiple of 16.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    ARCH.dispatch(
        #[inline(always)]
        || {
            // Independent sums, because a single sum would wait for each product.
            let mut sums = [0.0; 16];
            for (a, b) in a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0) {
                for lane in 0..16 {
                    sums[lane] += a[lane] * b[lane];
                }
            }
            sums.iter().sum()
        },
    )
}

/// Estimates the dot products of a query and of the rows of consecutive blocks:
/// `base + slope * offset + factor * (sum * step + bias)`, where `sum` is the row's sum over the table.
pub(super) struct Estimate<'a> {
    /// The blocks' codes.
    pub(super) codes: &'a [u8],
    /// The query's table: [`LUT`] bytes for each group of four values.
    pub(super) table: &'a [u8],
    pub(super) factors: &'a [f32],
    pub(super) offsets: &'a [f32],
    pub(super) base: f32,
    pub(super) slope: f32,
    pub(super) step: f32,
    pub(super) bias: f32,
    /// One estimate per row of the blocks.
    pub(super) out: &'a mut [f32],
}

impl Estimate<'_> {
    #[inline(always)]
    fn run(self, block: impl Fn(&[u8], &[u8], &mut [u16; BLOCK])) {
        let mut sums = [0; BLOCK];
        let blocks = self.codes.chunks_exact(self.table.len());
        let rows = self.factors.as_chunks::<BLOCK>().0.iter();
        let rows = rows.zip(self.offsets.as_chunks::<BLOCK>().0);
        let out = self.out.as_chunks_mut::<BLOCK>().0;
        for ((codes, (factors, offsets)), out) in blocks.zip(rows).zip(out) {
            block(codes, self.table, &mut sums);
            for lane in 0..BLOCK {
                let signs = f32::from(sums[lane]) * self.step + self.bias;
                out[lane] = self.base + self.slope * offsets[lane] + factors[lane] * signs;
            }
        }
    }
}

impl WithSimd for Estimate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        #[cfg(target_arch = "x86_64")]
        if TypeId::of::<S>() == TypeId::of::<pulp::x86::V3>()
            && let Some(simd) = pulp::x86::V3::try_new()
        {
            return self.run(
                #[inline(always)]
                |codes, table, sums| avx2::sums(simd, codes, table, sums),
            );
        }
        self.run(sums);
    }
}

/// The sum of each row of a block over the table.
#[inline(always)]
fn sums(codes: &[u8], table: &[u8], sums: &mut [u16; BLOCK]) {
    *sums = [0; BLOCK];
    for (codes, table) in codes
        .as_chunks::<LUT>()
        .0
        .iter()
        .zip(table.as_chunks::<LUT>().0)
    {
        for lane in 0..LUT {
            sums[lane] += u16::from(table[usize::from(codes[lane] & 15)]);
            sums[lane + LUT] += u16::from(table[usize::from(codes[lane] >> 4)]);
        }
    }
}

/// The same by table lookups inside registers (André, Kermarrec and Le Scouarnec 2015, "Cache locality is not
/// enough: high-performance nearest neighbor search with product quantization fast scan").
#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::__m256i;

    use pulp::x86::V3;

    use super::BLOCK;

    #[inline(always)]
    pub(super) fn sums(simd: V3, codes: &[u8], table: &[u8], sums: &mut [u16; BLOCK]) {
        let (avx, avx2) = (simd.avx, simd.avx2);
        let low_half = avx._mm256_set1_epi8(15);
        let low_byte = avx._mm256_set1_epi16(255);
        // Sums of even and odd rows of the first and second half of the block.
        let mut totals = [avx._mm256_setzero_si256(); 4];
        // Each register holds the codes of two groups of values.
        let pairs = codes
            .as_chunks::<32>()
            .0
            .iter()
            .zip(table.as_chunks::<32>().0);
        for (codes, table) in pairs {
            let (codes, table): (__m256i, __m256i) = (pulp::cast(*codes), pulp::cast(*table));
            let upper = avx2._mm256_srli_epi16::<4>(codes);
            let first = avx2._mm256_shuffle_epi8(table, avx2._mm256_and_si256(codes, low_half));
            let second = avx2._mm256_shuffle_epi8(table, avx2._mm256_and_si256(upper, low_half));
            let parts = [
                avx2._mm256_and_si256(first, low_byte),
                avx2._mm256_srli_epi16::<8>(first),
                avx2._mm256_and_si256(second, low_byte),
                avx2._mm256_srli_epi16::<8>(second),
            ];
            for (total, part) in totals.iter_mut().zip(parts) {
                *total = avx2._mm256_add_epi16(*total, part);
            }
        }
        for (at, total) in totals.into_iter().enumerate() {
            let total: [u16; 16] = pulp::cast(total);
            for lane in 0..8 {
                sums[at / 2 * 16 + 2 * lane + at % 2] = total[lane] + total[lane + 8];
            }
        }
    }
}

/// Dot products of a query and the high bytes of rows, for each row number in `rows`.
pub(super) struct Coarse<'a> {
    pub(super) query: &'a [i16],
    pub(super) high: &'a [u8],
    pub(super) rows: &'a [u32],
    pub(super) out: &'a mut Vec<i32>,
}

impl WithSimd for Coarse<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.query.len();
        for &row in self.rows {
            let row = &self.high[row as usize * width..][..width];
            self.out.push(with_query(self.query, row));
        }
    }
}

#[inline(always)]
fn with_query(query: &[i16], row: &[u8]) -> i32 {
    let mut sum = 0;
    for (query, row) in query
        .as_chunks::<64>()
        .0
        .iter()
        .zip(row.as_chunks::<64>().0)
    {
        for lane in 0..64 {
            sum += i32::from(query[lane]) * i32::from(row[lane].cast_signed());
        }
    }
    sum
}

/// Dot product of a query and the high bytes of a row.
pub(super) fn product_with(query: &[i16], row: &[u8]) -> i32 {
    ARCH.dispatch(
        #[inline(always)]
        || with_query(query, row),
    )
}

/// Dot product of the high bytes of two rows.
pub(super) fn product(a: &[u8], b: &[u8]) -> i32 {
    ARCH.dispatch(
        #[inline(always)]
        || {
            let mut sum = 0;
            for (a, b) in a.as_chunks::<64>().0.iter().zip(b.as_chunks::<64>().0) {
                for lane in 0..64 {
                    sum += i32::from(a[lane].cast_signed()) * i32::from(b[lane].cast_signed());
                }
            }
            sum
        },
    )
}

/// Dot product of a query and a row of both bytes, in the row's own steps.
pub(super) fn fine(query: &[f32], high: &[u8], low: &[u8]) -> f32 {
    ARCH.dispatch(
        #[inline(always)]
        || {
            let mut sums = [0.0; 16];
            let row = high.as_chunks::<16>().0.iter().zip(low.as_chunks::<16>().0);
            for (query, (high, low)) in query.as_chunks::<16>().0.iter().zip(row) {
                for lane in 0..16 {
                    let high = i32::from(high[lane].cast_signed()) << 8;
                    sums[lane] += query[lane] * (high + i32::from(low[lane].cast_signed())) as f32;
                }
            }
            sums.iter().sum()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_agrees_with_the_plain_loop() {
        let byte = |n: usize| u8::try_from(n * 2_654_435_761 % 251).unwrap();
        for width in [64, 384, 1152] {
            let codes: Vec<u8> = (0..width / 4 * LUT * 3).map(byte).collect();
            let table: Vec<u8> = (0..width / 4 * LUT).map(|n| byte(n + 7) / 5).collect();
            let factors: Vec<f32> = (0..3 * BLOCK).map(|n| n as f32 * 0.01).collect();
            let offsets: Vec<f32> = (0..3 * BLOCK).map(|n| (n as f32).sin()).collect();
            let mut out = vec![0.0; 3 * BLOCK];
            ARCH.dispatch(Estimate {
                codes: &codes,
                table: &table,
                factors: &factors,
                offsets: &offsets,
                base: 0.5,
                slope: 0.25,
                step: 0.125,
                bias: -3.0,
                out: &mut out,
            });
            for (block, codes) in codes.chunks(table.len()).enumerate() {
                let mut plain = [0; BLOCK];
                sums(codes, &table, &mut plain);
                for (lane, sum) in plain.into_iter().enumerate() {
                    let row = block * BLOCK + lane;
                    let expected =
                        0.5 + 0.25 * offsets[row] + factors[row] * (f32::from(sum) * 0.125 - 3.0);
                    assert!((out[row] - expected).abs() < 1e-2, "{width} {row}");
                }
            }
        }
    }

    #[test]
    fn whole_numbers_multiply_exactly() {
        let query: Vec<i16> = (0..128).map(|n| n * 31 - 2000).collect();
        let high: Vec<u8> = (0..=255).collect();
        let mut out = Vec::new();
        ARCH.dispatch(Coarse {
            query: &query,
            high: &high,
            rows: &[1, 0],
            out: &mut out,
        });
        for (row, found) in [1, 0].into_iter().zip(&out) {
            let row = &high[row * 128..][..128];
            let plain = query.iter().zip(row);
            let plain: i32 = plain
                .map(|(q, x)| i32::from(*q) * i32::from(x.cast_signed()))
                .sum();
            assert_eq!(plain, *found);
        }
        let exact: Vec<f32> = query.iter().map(|x| f32::from(*x)).collect();
        let low = vec![3_u8; 128];
        let plain: f32 = exact
            .iter()
            .zip(&high)
            .map(|(q, x)| q * (f32::from(x.cast_signed()) * 256.0 + 3.0))
            .sum();
        assert!((fine(&exact, &high[..128], &low) - plain).abs() <= plain.abs() * 1e-5);
    }
}
