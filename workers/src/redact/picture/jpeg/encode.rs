//! From quantised coefficients back to entropy-coded data (ITU-T T.81, F.1 and G.1), by the script
//! of the file itself.

use super::super::error::PictureError;
use super::decode::{Plane, mcus};
use super::huffman::{BitWriter, Census, EncodeTable, Sink};
use super::markers::{Frame, Scan};

/// Bits of a value that are no sign.
#[inline(always)]
const fn magnitude_bits(value: i32) -> u32 {
    32 - value.unsigned_abs().leading_zeros()
}

/// The bits that follow a category (T.81, F.1.2.1): negative values in one's complement.
#[inline(always)]
const fn low_bits(value: i32) -> u32 {
    (if value < 0 { value - 1 } else { value }).cast_unsigned()
}

/// Writes one scan: its Huffman tables, as few segments as needed, then `header` (its SOS as it
/// stood), then the data.
pub(crate) fn encode_scan(
    frame: &Frame,
    scan: &Scan,
    planes: &[Plane],
    header: &[u8],
    mut out: Vec<u8>,
) -> Result<Vec<u8>, PictureError> {
    let mut census = Census::new();
    ScanEncoder::new(frame, scan, planes, &mut census).run()?;
    let tables: Vec<Option<EncodeTable>> = census
        .frequencies
        .iter()
        .map(EncodeTable::optimal)
        .collect();
    write_tables(&tables, &mut out)?;
    out.extend_from_slice(header);
    let mut writer = BitWriter::new(out, tables);
    ScanEncoder::new(frame, scan, planes, &mut writer).run()?;
    Ok(writer.finish())
}

fn write_tables(tables: &[Option<EncodeTable>], out: &mut Vec<u8>) -> Result<(), PictureError> {
    let mut payload = Vec::new();
    for (slot, table) in tables.iter().enumerate() {
        if let Some(table) = table {
            // Class in the high half: DC 0, AC 1.
            let head = u8::try_from(((slot / 4) << 4) | (slot % 4)).unwrap_or(0);
            payload.push(head);
            payload.extend_from_slice(&table.counts);
            payload.extend_from_slice(&table.values);
        }
    }
    if payload.is_empty() {
        return Ok(());
    }
    let length = u16::try_from(payload.len() + 2)
        .map_err(|error| PictureError::Internal(error.to_string()))?;
    out.extend_from_slice(&[0xFF, super::markers::DHT]);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&payload);
    Ok(())
}

/// Plays one scan to a sink.
struct ScanEncoder<'a, S> {
    frame: &'a Frame,
    scan: &'a Scan,
    planes: &'a [Plane],
    sink: &'a mut S,
    /// DC predictors, by component of the frame.
    dc: [i32; 4],
    /// Blocks that have ended their band and are not yet told.
    end_of_band: u32,
    /// Correction bits of those blocks.
    corrections: Vec<bool>,
    /// The AC table of the only component of the scan.
    ac_slot: usize,
    /// Whether a difference was too large for a Huffman category.
    overflow: bool,
}

impl<'a, S: Sink> ScanEncoder<'a, S> {
    fn new(frame: &'a Frame, scan: &'a Scan, planes: &'a [Plane], sink: &'a mut S) -> Self {
        Self {
            frame,
            scan,
            planes,
            sink,
            dc: [0; 4],
            end_of_band: 0,
            corrections: Vec::new(),
            ac_slot: 4 + scan.components.first().map_or(0, |c| c.ac),
            overflow: false,
        }
    }

    fn run(mut self) -> Result<(), PictureError> {
        let (columns, rows) = mcus(self.frame, self.scan);
        let alone = self.scan.components.len() == 1;
        let mut until_restart = self.scan.restart;
        let mut restarts = 0_u8;
        for y in 0..rows {
            for x in 0..columns {
                if self.scan.restart > 0 && until_restart == 0 {
                    self.flush_band();
                    self.sink.restart(restarts);
                    restarts = (restarts + 1) % 8;
                    self.dc = [0; 4];
                    until_restart = self.scan.restart;
                }
                until_restart = until_restart.wrapping_sub(1);
                for c in &self.scan.components {
                    let component = &self.frame.components[c.index];
                    let (h, v) = if alone {
                        (1, 1)
                    } else {
                        (component.h as usize, component.v as usize)
                    };
                    for dy in 0..v {
                        let row = (y * v + dy) * component.stride + x * h;
                        let planes = self.planes;
                        for block in &planes[c.index].blocks[row..row + h] {
                            self.block(block, c.index, c.dc, 4 + c.ac);
                        }
                    }
                }
            }
        }
        self.flush_band();
        if self.overflow {
            return Err(PictureError::corrupt("a coefficient is out of range"));
        }
        Ok(())
    }

    #[inline(always)]
    fn block(&mut self, block: &[i16; 64], component: usize, dc: usize, ac: usize) {
        if !self.frame.progressive() {
            self.dc_first(block, component, dc);
            self.sequential_ac(block, ac);
        } else if self.scan.ss == 0 {
            if self.scan.ah == 0 {
                self.dc_first(block, component, dc);
            } else {
                let bit = i32::from(block[0]).cast_unsigned() >> self.scan.al;
                self.sink.bits(bit & 1, 1);
            }
        } else if self.scan.ah == 0 {
            self.ac_first(block);
        } else {
            self.ac_refine(block);
        }
    }

    #[inline(always)]
    fn dc_first(&mut self, block: &[i16; 64], component: usize, slot: usize) {
        let value = i32::from(block[0]) >> self.scan.al;
        let difference = value - self.dc[component];
        self.dc[component] = value;
        let size = magnitude_bits(difference);
        if size > 15 {
            self.overflow = true;
            return;
        }
        self.sink.symbol(slot, size.to_le_bytes()[0]);
        self.sink.bits(low_bits(difference), size);
    }

    #[inline(always)]
    fn value(&mut self, slot: usize, run: usize, value: i32) {
        let size = magnitude_bits(value);
        if size > 15 {
            self.overflow = true;
            return;
        }
        let symbol = (run << 4).to_le_bytes()[0] | size.to_le_bytes()[0];
        self.sink.symbol(slot, symbol);
        self.sink.bits(low_bits(value), size);
    }

    #[inline(always)]
    fn sequential_ac(&mut self, block: &[i16; 64], slot: usize) {
        let mut set = nonzero(block) & !1;
        let mut next = 1;
        while set != 0 {
            let k = set.trailing_zeros() as usize;
            set &= set - 1;
            let mut run = k - next;
            while run > 15 {
                self.sink.symbol(slot, 0xF0);
                run -= 16;
            }
            self.value(slot, run, i32::from(block[k]));
            next = k + 1;
        }
        if next < 64 {
            self.sink.symbol(slot, 0);
        }
    }

    /// The first scan of a band (T.81, figure G.3). The point transform divides towards zero.
    fn ac_first(&mut self, block: &[i16; 64]) {
        let slot = self.ac_slot;
        let mut set = nonzero(block) & band(self.scan);
        let mut next = self.scan.ss;
        while set != 0 {
            let k = set.trailing_zeros() as usize;
            set &= set - 1;
            let value = i32::from(block[k]) / (1 << self.scan.al);
            if value == 0 {
                continue;
            }
            self.flush_band();
            let mut run = k - next;
            while run > 15 {
                self.sink.symbol(slot, 0xF0);
                run -= 16;
            }
            self.value(slot, run, value);
            next = k + 1;
        }
        if next <= self.scan.se {
            self.end_of_band += 1;
            if self.end_of_band == 0x7FFF {
                self.flush_band();
            }
        }
    }

    /// A refining scan of a band (T.81, figures G.7 to G.9).
    fn ac_refine(&mut self, block: &[i16; 64]) {
        let slot = self.ac_slot;
        let al = self.scan.al;
        let magnitude = |k: usize| i32::from(block[k]).unsigned_abs() >> al;
        let set = nonzero(block) & band(self.scan);
        // After the last coefficient that becomes nonzero here, the rest is an end of band.
        let mut last_fresh = 0;
        let mut left = set;
        while left != 0 {
            let k = left.trailing_zeros() as usize;
            left &= left - 1;
            if magnitude(k) == 1 {
                last_fresh = k;
            }
        }
        let mut run = 0;
        // Correction bits of this block that no symbol has carried yet.
        let mut pending: Vec<bool> = Vec::new();
        let values = block.iter().enumerate().take(self.scan.se + 1);
        for (k, &coefficient) in values.skip(self.scan.ss) {
            let value = magnitude(k);
            if value == 0 {
                run += 1;
                continue;
            }
            while run > 15 && k <= last_fresh {
                self.flush_band();
                self.sink.symbol(slot, 0xF0);
                run -= 16;
                self.corrections_now(&mut pending);
            }
            if value > 1 {
                pending.push(value & 1 == 1);
                continue;
            }
            self.flush_band();
            self.sink
                .symbol(slot, ((run << 4) | 1_usize).to_le_bytes()[0]);
            self.sink.bits(u32::from(coefficient > 0), 1);
            self.corrections_now(&mut pending);
            run = 0;
        }
        if run > 0 || !pending.is_empty() {
            self.end_of_band += 1;
            self.corrections.append(&mut pending);
            // The bound on the corrections only limits memory, as in other encoders.
            if self.end_of_band == 0x7FFF || self.corrections.len() > 1 << 16 {
                self.flush_band();
            }
        }
    }

    fn corrections_now(&mut self, pending: &mut Vec<bool>) {
        for bit in pending.drain(..) {
            self.sink.bits(u32::from(bit), 1);
        }
    }

    #[inline(always)]
    fn flush_band(&mut self) {
        if self.end_of_band > 0 {
            self.write_band();
        }
    }

    fn write_band(&mut self) {
        let exponent = self.end_of_band.ilog2();
        self.sink
            .symbol(self.ac_slot, (exponent << 4).to_le_bytes()[0]);
        if exponent > 0 {
            self.sink.bits(self.end_of_band, exponent);
        }
        self.end_of_band = 0;
        let mut pending = std::mem::take(&mut self.corrections);
        self.corrections_now(&mut pending);
        self.corrections = pending;
    }
}

/// Which coefficients of a block are not zero.
#[inline(always)]
fn nonzero(block: &[i16; 64]) -> u64 {
    let mut set = 0;
    for (eighth, values) in block.chunks_exact(8).enumerate() {
        let mut bits = 0;
        for (k, &value) in values.iter().enumerate() {
            bits |= u64::from(value != 0) << k;
        }
        set |= bits << (8 * eighth);
    }
    set
}

/// The coefficients of the band of a scan.
const fn band(scan: &Scan) -> u64 {
    (u64::MAX >> (63 - scan.se)) & (u64::MAX << scan.ss)
}
