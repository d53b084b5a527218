//! Huffman tables (ITU-T T.81, annexes C, F.2.2.3 and K.2) and the bits they are read from and
//! written to.

use super::super::error::PictureError;

/// Bits looked up at once.
const FAST_BITS: u32 = 10;

/// A table ready for decoding.
#[derive(Debug, Clone)]
pub(crate) struct DecodeTable {
    /// By the next ten bits: length of the code << 8 | symbol; 0 where the code is longer.
    fast: Vec<u16>,
    /// By length: the first 16-bit left-aligned code that is longer than this.
    limit: [u32; 17],
    /// By length: index of the first value, less its first code.
    offset: [i32; 17],
    values: Vec<u8>,
}

impl DecodeTable {
    /// Reads one table: 16 counts by length, then the values.
    pub(crate) fn new(counts: &[u8], values: &[u8]) -> Result<Self, PictureError> {
        let mut table = Self {
            fast: vec![0; 1 << FAST_BITS],
            limit: [0; 17],
            offset: [0; 17],
            values: values.to_vec(),
        };
        let mut code = 0_u32;
        let mut index = 0_u32;
        for (length, &count) in (1_u32..).zip(counts) {
            let at = length as usize;
            table.offset[at] = index.cast_signed() - code.cast_signed();
            for _ in 0..count {
                let symbol = values[index as usize];
                if length <= FAST_BITS {
                    let first = (code << (FAST_BITS - length)) as usize;
                    let entry = (u16::from(count_u8(length)) << 8) | u16::from(symbol);
                    let last = first + (1 << (FAST_BITS - length));
                    table
                        .fast
                        .get_mut(first..last)
                        .ok_or_else(overfull)?
                        .fill(entry);
                }
                code += 1;
                index += 1;
            }
            if code > 1 << length {
                return Err(overfull());
            }
            table.limit[at] = code << (16 - length);
            code <<= 1;
        }
        Ok(table)
    }
}

fn overfull() -> PictureError {
    PictureError::corrupt("a Huffman table has too many codes")
}

/// A length of at most 16, as a byte.
fn count_u8(value: u32) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

/// Reads bits of one restart interval, most significant first, and drops the stuffed zeros.
#[derive(Debug)]
pub(crate) struct BitReader<'a> {
    data: &'a [u8],
    position: usize,
    /// The next bits, left-aligned; below the valid ones stand bits of bytes not yet counted.
    window: u64,
    valid: u32,
}

impl<'a> BitReader<'a> {
    pub(crate) const fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            position: 0,
            window: 0,
            valid: 0,
        }
    }

    /// Makes at least 32 bits valid, or all that are left.
    #[inline(always)]
    fn refill(&mut self) {
        if self.valid < 32 {
            if let Some(chunk) = self.data.get(self.position..self.position + 8)
                && let Ok(chunk) = <[u8; 8]>::try_from(chunk)
            {
                let word = u64::from_be_bytes(chunk);
                let inverse = !word;
                let has_ff =
                    inverse.wrapping_sub(0x0101_0101_0101_0101) & !inverse & 0x8080_8080_8080_8080;
                if has_ff == 0 {
                    let bytes = (63 - self.valid) >> 3;
                    self.window |= word >> self.valid;
                    self.position += bytes as usize;
                    self.valid += bytes * 8;
                    return;
                }
            }
            self.refill_slowly();
        }
    }

    #[cold]
    fn refill_slowly(&mut self) {
        // The fast path leaves bits of uncounted bytes below the valid ones.
        self.window &= !(u64::MAX >> self.valid);
        while self.valid <= 48
            && let Some(&byte) = self.data.get(self.position)
        {
            self.position += if byte == 0xFF { 2 } else { 1 };
            self.window |= u64::from(byte) << (56 - self.valid);
            self.valid += 8;
        }
    }

    #[inline(always)]
    fn consume(&mut self, count: u32) -> Result<(), PictureError> {
        if count > self.valid {
            return Err(exhausted());
        }
        self.window <<= count;
        self.valid -= count;
        Ok(())
    }

    /// The next symbol.
    #[inline(always)]
    pub(crate) fn symbol(&mut self, table: &DecodeTable) -> Result<u8, PictureError> {
        self.refill();
        let entry = table.fast[(self.window >> (64 - FAST_BITS)) as usize];
        if entry != 0 {
            self.consume(u32::from(entry >> 8))?;
            return Ok(entry.to_le_bytes()[0]);
        }
        self.long_symbol(table)
    }

    #[cold]
    fn long_symbol(&mut self, table: &DecodeTable) -> Result<u8, PictureError> {
        let bits = u32::try_from(self.window >> 48).unwrap_or(0);
        for length in FAST_BITS + 1..=16 {
            let at = length as usize;
            if bits < table.limit[at] {
                self.consume(length)?;
                let code = (bits >> (16 - length)).cast_signed();
                return usize::try_from(code + table.offset[at])
                    .ok()
                    .and_then(|index| table.values.get(index).copied())
                    .ok_or_else(|| PictureError::corrupt("an impossible Huffman code"));
            }
        }
        Err(if self.valid < 16 {
            exhausted()
        } else {
            PictureError::corrupt("an impossible Huffman code")
        })
    }

    /// The next `count` bits, at most 16; a symbol was read just before.
    #[inline(always)]
    pub(crate) fn bits(&mut self, count: u32) -> Result<i32, PictureError> {
        if count == 0 {
            return Ok(0);
        }
        let value = i32::try_from(self.window >> (64 - count)).unwrap_or(0);
        self.consume(count)?;
        Ok(value)
    }

    /// The next bit.
    #[inline(always)]
    pub(crate) fn bit(&mut self) -> Result<bool, PictureError> {
        self.refill();
        let bit = self.window >> 63 == 1;
        self.consume(1)?;
        Ok(bit)
    }

    /// A value of `count` bits, sign-extended (T.81, F.12).
    #[inline(always)]
    pub(crate) fn value(&mut self, count: u32) -> Result<i32, PictureError> {
        let value = self.bits(count)?;
        if count > 0 && value < 1 << (count - 1) {
            Ok(value - (1 << count) + 1)
        } else {
            Ok(value)
        }
    }

    /// Whether the data ends here: nothing but padding follows.
    pub(crate) fn at_end(&self) -> bool {
        let whole = (self.valid / 8) as usize;
        let rest = self.data.get(self.position..).unwrap_or_default();
        // Some encoders pad with a few bytes; more is another picture.
        whole + rest.len() <= 8 || rest.iter().all(|&b| b == 0 || b == 0xFF)
    }
}

fn exhausted() -> PictureError {
    PictureError::truncated("its entropy-coded data ends early")
}

/// What the encoder of a scan tells: first to a [`Census`], then to a [`BitWriter`].
pub(crate) trait Sink {
    /// A symbol of the table `slot` (DC 0 to 3, AC 4 to 7).
    fn symbol(&mut self, slot: usize, symbol: u8);
    /// The low `count` bits of `value`, at most 16.
    fn bits(&mut self, value: u32, count: u32);
    /// A restart marker, its number in 0 to 7.
    fn restart(&mut self, number: u8);
}

/// Counts the symbols of one scan.
#[derive(Debug)]
pub(crate) struct Census {
    pub(crate) frequencies: Vec<[u32; 256]>,
}

impl Census {
    pub(crate) fn new() -> Self {
        Self {
            frequencies: vec![[0; 256]; 8],
        }
    }
}

impl Sink for Census {
    #[inline(always)]
    fn symbol(&mut self, slot: usize, symbol: u8) {
        self.frequencies[slot][usize::from(symbol)] += 1;
    }

    #[inline(always)]
    fn bits(&mut self, _value: u32, _count: u32) {}

    fn restart(&mut self, _number: u8) {}
}

/// A table ready for encoding.
#[derive(Debug, Clone)]
pub(crate) struct EncodeTable {
    /// Codes of each length 1 to 16.
    pub(crate) counts: [u8; 16],
    /// Symbols in the order of their codes.
    pub(crate) values: Vec<u8>,
    /// By symbol: code and its length.
    codes: Vec<(u32, u32)>,
}

impl EncodeTable {
    /// The best table for symbols of these frequencies (T.81, K.2), or none for no symbols.
    pub(crate) fn optimal(frequencies: &[u32; 256]) -> Option<Self> {
        if frequencies.iter().all(|&f| f == 0) {
            return None;
        }
        let lengths = code_lengths(frequencies);
        let mut per_length = [0_u32; 258];
        for &length in &lengths {
            per_length[length] += 1;
        }
        per_length[0] = 0;
        limit_lengths(&mut per_length);
        // The symbol 256 only kept the code of all ones free; it has one of the longest codes.
        if let Some(longest) = (1..=16).rev().find(|&length| per_length[length] > 0) {
            per_length[longest] -= 1;
        }
        let mut symbols: Vec<u8> = (0..=255_u8)
            .filter(|&symbol| lengths[usize::from(symbol)] > 0)
            .collect();
        symbols.sort_by_key(|&symbol| lengths[usize::from(symbol)]);
        let mut counts = [0; 16];
        for (count, &n) in counts.iter_mut().zip(&per_length[1..]) {
            *count = u8::try_from(n).unwrap_or(u8::MAX);
        }
        let mut codes = vec![(0, 0); 256];
        let mut next = symbols.iter();
        let mut code = 0;
        for (length, &count) in (1_u32..).zip(&counts) {
            for &symbol in next.by_ref().take(usize::from(count)) {
                codes[usize::from(symbol)] = (code, length);
                code += 1;
            }
            code <<= 1;
        }
        Some(Self {
            counts,
            values: symbols,
            codes,
        })
    }
}

/// Lengths of the codes of a Huffman tree over 256 symbols and the reserved one (figure K.1).
fn code_lengths(frequencies: &[u32; 256]) -> [usize; 257] {
    let mut weights = [0_u64; 257];
    for (weight, &frequency) in weights.iter_mut().zip(frequencies) {
        *weight = u64::from(frequency);
    }
    weights[256] = 1;
    let mut lengths = [0_usize; 257];
    let mut others: [Option<usize>; 257] = [None; 257];
    loop {
        // Of equal weights the greater symbol, so that the reserved one goes deepest.
        let least = |except: Option<usize>| {
            (0..257)
                .rev()
                .filter(|&i| weights[i] > 0 && Some(i) != except)
                .min_by_key(|&i| weights[i])
        };
        let Some(first) = least(None) else { break };
        let Some(second) = least(Some(first)) else {
            break;
        };
        weights[first] += weights[second];
        weights[second] = 0;
        let mut at = first;
        loop {
            lengths[at] += 1;
            match others[at] {
                Some(next) => at = next,
                None => break,
            }
        }
        others[at] = Some(second);
        let mut at = Some(second);
        while let Some(i) = at {
            lengths[i] += 1;
            at = others[i];
        }
    }
    lengths
}

/// Shortens codes to 16 bits (figure K.3).
fn limit_lengths(per_length: &mut [u32; 258]) {
    for i in (17..258).rev() {
        while per_length[i] > 0 {
            let Some(j) = (1..i - 1).rev().find(|&j| per_length[j] > 0) else {
                return;
            };
            per_length[i] -= 2;
            per_length[i - 1] += 1;
            per_length[j + 1] += 2;
            per_length[j] -= 1;
        }
    }
}

/// Writes bits, most significant first, and stuffs a zero after each 0xFF.
#[derive(Debug)]
pub(crate) struct BitWriter {
    out: Vec<u8>,
    tables: Vec<Option<EncodeTable>>,
    window: u64,
    filled: u32,
}

impl BitWriter {
    /// A writer that appends to `out`.
    pub(crate) const fn new(out: Vec<u8>, tables: Vec<Option<EncodeTable>>) -> Self {
        Self {
            out,
            tables,
            window: 0,
            filled: 0,
        }
    }

    /// Pads with ones, and hands the bytes back.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.align();
        self.out
    }

    fn align(&mut self) {
        let pad = (8 - self.filled % 8) % 8;
        if pad > 0 {
            self.bits((1 << pad) - 1, pad);
        }
        while self.filled >= 8 {
            self.filled -= 8;
            let byte = (self.window >> self.filled).to_le_bytes()[0];
            self.byte(byte);
        }
    }

    #[inline(always)]
    fn byte(&mut self, byte: u8) {
        self.out.push(byte);
        if byte == 0xFF {
            self.out.push(0);
        }
    }
}

impl Sink for BitWriter {
    #[inline(always)]
    fn symbol(&mut self, slot: usize, symbol: u8) {
        if let Some(table) = &self.tables[slot] {
            let (code, length) = table.codes[usize::from(symbol)];
            self.bits(code, length);
        }
    }

    #[inline(always)]
    fn bits(&mut self, value: u32, count: u32) {
        self.window = (self.window << count) | u64::from(value & ((1 << count) - 1));
        self.filled += count;
        if self.filled >= 32 {
            self.filled -= 32;
            let word = (self.window >> self.filled) & 0xFFFF_FFFF;
            let bytes = u32::try_from(word).unwrap_or(0).to_be_bytes();
            if bytes.contains(&0xFF) {
                for byte in bytes {
                    self.byte(byte);
                }
            } else {
                self.out.extend_from_slice(&bytes);
            }
        }
    }

    fn restart(&mut self, number: u8) {
        self.align();
        self.out.extend_from_slice(&[0xFF, 0xD0 + number]);
    }
}
