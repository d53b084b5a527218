//! Damaged files: many small ones, each valid but for a few mutations by a seeded generator.

use super::super::fuzzing::Parser;

/// Files a parser is given.
const FILES: u64 = 10_000;

/// Numbers by a seed (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn byte(&mut self) -> u8 {
        const EDGES: [u8; 8] = [0, 1, 0x7F, 0x80, 0xFF, 0xFE, 0xD8, 0xD9];
        if self.below(2) == 0 {
            EDGES[self.below(EDGES.len())]
        } else {
            u8::try_from(self.below(256)).unwrap()
        }
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(5) {
            // Most of what is parsed stands in front.
            let most = if self.below(2) == 0 { 200 } else { bytes.len() };
            let at = self.below(most.min(bytes.len()));
            match self.below(8) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, self.byte()),
                2 if at < bytes.len() => drop(bytes.remove(at)),
                3 => {
                    let end = (at + self.below(64)).min(bytes.len());
                    let copy = bytes[at.min(end)..end].to_vec();
                    bytes.splice(at..at, copy);
                }
                _ => {
                    let byte = self.byte();
                    let length = 1 + self.below(4);
                    bytes
                        .iter_mut()
                        .skip(at)
                        .take(length)
                        .for_each(|b| *b = byte);
                }
            }
        }
    }
}

/// Puts the checksums of a PNG right, without which nothing of it is read.
fn with_sums(bytes: &mut [u8]) {
    let mut at = 8;
    while let Some(length) = bytes.get(at..).and_then(<[u8]>::first_chunk::<4>) {
        let length = u32::from_be_bytes(*length) as usize;
        let Some(end) = at
            .checked_add(8 + length)
            .filter(|end| end + 4 <= bytes.len())
        else {
            return;
        };
        let sum = crc32fast::hash(&bytes[at + 4..end]).to_be_bytes();
        bytes[end..end + 4].copy_from_slice(&sum);
        at = end + 4;
    }
}

fn survives(parser: Parser) {
    let seeds = parser.seeds();
    for seed in &seeds {
        assert!(parser.run(seed), "{parser:?}: a seed is not valid");
    }
    let mut taken = 0;
    for number in 1..=FILES {
        let mut dice = Dice(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut bytes = seeds[dice.below(seeds.len())].clone();
        dice.mutate(&mut bytes);
        if parser == Parser::Png && dice.below(4) > 0 {
            with_sums(&mut bytes);
        }
        taken += u32::from(parser.run(&bytes));
    }
    // Some are read to their end, and some are not.
    assert!(
        taken > 100 && u64::from(taken) < FILES - 100,
        "{parser:?}: {taken}"
    );
}

#[test]
fn damaged_exif_ends_in_no_panic() {
    survives(Parser::Exif);
}

#[test]
fn damaged_jpegs_end_in_no_panic() {
    survives(Parser::Jpeg);
}

#[test]
fn damaged_pngs_end_in_no_panic() {
    survives(Parser::Png);
}

#[test]
fn damaged_webps_end_in_no_panic() {
    survives(Parser::WebP);
}

#[test]
fn damaged_tiffs_end_in_no_panic() {
    survives(Parser::Tiff);
}
