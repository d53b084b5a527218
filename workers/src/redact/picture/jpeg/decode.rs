//! From entropy-coded data to quantised coefficients (ITU-T T.81, F.2 and G.2).

use super::super::error::PictureError;
use super::huffman::{BitReader, DecodeTable};
use super::markers::{self, Frame, Layout, Scan};
use super::standard;

/// The coefficients of one component.
#[derive(Debug, Clone)]
pub(crate) struct Plane {
    /// Blocks of 64 coefficients in zigzag order, `stride` blocks a row.
    pub(crate) blocks: Vec<[i16; 64]>,
    /// Steps of the quantiser, in zigzag order.
    pub(crate) quantiser: [u16; 64],
}

/// The tables in force while a file is read.
#[derive(Debug, Default)]
struct Tables {
    dc: [Option<DecodeTable>; 4],
    ac: [Option<DecodeTable>; 4],
    quantisers: [Option<[u16; 64]>; 4],
}

/// Reads all scans.
pub(crate) fn decode(bytes: &[u8], layout: &Layout) -> Result<Vec<Plane>, PictureError> {
    let frame = &layout.frame;
    let mut tables = Tables::standard()?;
    let mut planes: Vec<Plane> = frame
        .components
        .iter()
        .map(|c| Plane {
            blocks: vec![[0; 64]; c.stride * c.rows],
            quantiser: [0; 64],
        })
        .collect();
    let mut scans = layout.scans.iter();
    for piece in &layout.pieces {
        let payload = &bytes[piece.payload.clone()];
        match piece.marker {
            markers::DQT => tables.read_quantisers(payload)?,
            markers::DHT => tables.read_huffman(payload)?,
            markers::SOS => {
                let scan = scans
                    .next()
                    .ok_or_else(|| PictureError::Internal("a scan was not planned".to_owned()))?;
                for component in &scan.components {
                    let plane = &mut planes[component.index];
                    // T.81 lets a table be replaced between scans; the one at the first counts.
                    if plane.quantiser[0] == 0 {
                        let selector = frame.components[component.index].tq;
                        plane.quantiser =
                            tables.quantisers[usize::from(selector)].ok_or_else(|| {
                                PictureError::corrupt("a quantisation table is missing")
                            })?;
                    }
                }
                decode_scan(&bytes[piece.entropy()], frame, scan, &tables, &mut planes)?;
            }
            _ => {}
        }
    }
    Ok(planes)
}

impl Tables {
    /// As they are before any is read. Frames of motion JPEG have none of their own.
    fn standard() -> Result<Self, PictureError> {
        let mut tables = Self::default();
        for table in standard::TABLES {
            tables.read_huffman(table)?;
        }
        Ok(tables)
    }

    fn read_quantisers(&mut self, mut payload: &[u8]) -> Result<(), PictureError> {
        let wrong = || PictureError::corrupt("a quantisation table");
        while let Some((&head, rest)) = payload.split_first() {
            let wide = match head >> 4 {
                0 => false,
                1 => true,
                _ => return Err(wrong()),
            };
            let (table, rest) = rest
                .split_at_checked(if wide { 128 } else { 64 })
                .ok_or_else(wrong)?;
            let mut steps = [0; 64];
            for (i, step) in steps.iter_mut().enumerate() {
                *step = if wide {
                    u16::from_be_bytes([table[2 * i], table[2 * i + 1]])
                } else {
                    u16::from(table[i])
                };
            }
            if steps.contains(&0) {
                return Err(wrong());
            }
            *self
                .quantisers
                .get_mut(usize::from(head & 15))
                .ok_or_else(wrong)? = Some(steps);
            payload = rest;
        }
        Ok(())
    }

    fn read_huffman(&mut self, mut payload: &[u8]) -> Result<(), PictureError> {
        let wrong = || PictureError::corrupt("a Huffman table");
        while let Some((&head, rest)) = payload.split_first() {
            let (counts, rest) = rest.split_at_checked(16).ok_or_else(wrong)?;
            let total = counts.iter().map(|&c| usize::from(c)).sum();
            if total > 256 {
                return Err(wrong());
            }
            let (values, rest) = rest.split_at_checked(total).ok_or_else(wrong)?;
            let class = match head >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return Err(wrong()),
            };
            *class.get_mut(usize::from(head & 15)).ok_or_else(wrong)? =
                Some(DecodeTable::new(counts, values)?);
            payload = rest;
        }
        Ok(())
    }
}

/// Splits the data of a scan at its restart markers, which must count 0 to 7 in turn.
fn intervals(data: &[u8]) -> Result<Vec<&[u8]>, PictureError> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while let Some(offset) = data[at..].iter().position(|&byte| byte == 0xFF) {
        let end = at + offset;
        at = end;
        while data.get(at) == Some(&0xFF) {
            at += 1;
        }
        let Some(&marker) = data.get(at) else {
            return Err(PictureError::corrupt("a scan ends within a marker"));
        };
        at += 1;
        if marker == 0 {
            if at - end > 2 {
                return Err(PictureError::corrupt("fill bytes within coded data"));
            }
            continue;
        }
        if usize::from(marker) != 0xD0 + found.len() % 8 {
            return Err(PictureError::corrupt("restart markers out of order"));
        }
        found.push(&data[start..end]);
        start = at;
    }
    // A restart marker may close the last interval.
    if start < data.len() || found.is_empty() {
        found.push(&data[start..]);
    }
    Ok(found)
}

/// One component as the decoder of a scan sees it.
struct Target<'a> {
    index: usize,
    h: usize,
    v: usize,
    stride: usize,
    dc: Option<&'a DecodeTable>,
    ac: Option<&'a DecodeTable>,
}

fn decode_scan(
    data: &[u8],
    frame: &Frame,
    scan: &Scan,
    tables: &Tables,
    planes: &mut [Plane],
) -> Result<(), PictureError> {
    let targets = targets(frame, scan, tables)?;
    let (columns, rows) = mcus(frame, scan);
    let total = columns * rows;
    let per_interval = if scan.restart == 0 {
        total
    } else {
        scan.restart
    };
    let intervals = intervals(data)?;
    if intervals.len() != total.div_ceil(per_interval) {
        return Err(PictureError::corrupt(format!(
            "{} restart intervals instead of {}",
            intervals.len(),
            total.div_ceil(per_interval)
        )));
    }
    let mut mcu = 0;
    for interval in intervals {
        let mut reader = BitReader::new(interval);
        let mut state = State {
            dc: [0; 4],
            end_of_band: 0,
        };
        for _ in 0..per_interval.min(total - mcu) {
            let (x, y) = (mcu % columns, mcu / columns);
            mcu += 1;
            for target in &targets {
                let blocks = &mut planes[target.index].blocks;
                for v in 0..target.v {
                    let row = (y * target.v + v) * target.stride + x * target.h;
                    for block in &mut blocks[row..row + target.h] {
                        if frame.progressive() {
                            progressive(&mut reader, block, scan, target, &mut state)?;
                        } else {
                            sequential(&mut reader, block, target, &mut state)?;
                        }
                    }
                }
            }
        }
        if state.end_of_band > 0 || !reader.at_end() {
            return Err(PictureError::corrupt("a scan has more data than blocks"));
        }
    }
    Ok(())
}

/// MCUs of a scan across and down (T.81, A.2).
pub(crate) fn mcus(frame: &Frame, scan: &Scan) -> (usize, usize) {
    match scan.components.as_slice() {
        [only] => {
            let component = &frame.components[only.index];
            (component.blocks_x, component.blocks_y)
        }
        _ => (frame.mcus_x, frame.mcus_y),
    }
}

fn targets<'a>(
    frame: &Frame,
    scan: &Scan,
    tables: &'a Tables,
) -> Result<Vec<Target<'a>>, PictureError> {
    let missing = || PictureError::corrupt("a Huffman table is missing");
    let alone = scan.components.len() == 1;
    scan.components
        .iter()
        .map(|c| {
            let component = &frame.components[c.index];
            let dc = tables.dc[c.dc].as_ref();
            let ac = tables.ac[c.ac].as_ref();
            if (scan.ss == 0 && scan.ah == 0 && dc.is_none()) || (scan.se > 0 && ac.is_none()) {
                return Err(missing());
            }
            Ok(Target {
                index: c.index,
                h: if alone { 1 } else { component.h as usize },
                v: if alone { 1 } else { component.v as usize },
                stride: component.stride,
                dc,
                ac,
            })
        })
        .collect()
}

/// What is carried from block to block within a restart interval.
struct State {
    /// DC predictors, by component of the frame.
    dc: [i32; 4],
    /// Blocks left in a run of blocks that have ended their band.
    end_of_band: u32,
}

fn range() -> PictureError {
    PictureError::corrupt("a coefficient is out of range")
}

fn overrun() -> PictureError {
    PictureError::corrupt("a block has more than 64 coefficients")
}

#[inline(always)]
fn next_dc(
    reader: &mut BitReader<'_>,
    table: &DecodeTable,
    predictor: &mut i32,
) -> Result<i32, PictureError> {
    let size = reader.symbol(table)?;
    if size > 15 {
        return Err(range());
    }
    *predictor += reader.value(u32::from(size))?;
    Ok(*predictor)
}

#[inline(always)]
fn sequential(
    reader: &mut BitReader<'_>,
    block: &mut [i16; 64],
    target: &Target<'_>,
    state: &mut State,
) -> Result<(), PictureError> {
    let (Some(dc), Some(ac)) = (target.dc, target.ac) else {
        return Err(range());
    };
    let value = next_dc(reader, dc, &mut state.dc[target.index])?;
    block[0] = i16::try_from(value).map_err(|_out_of_range| range())?;
    let mut k = 1;
    while k < 64 {
        let symbol = reader.symbol(ac)?;
        let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        if size == 0 {
            match run {
                0 => return Ok(()),
                15 => k += 16,
                _ => {
                    return Err(PictureError::corrupt(
                        "a run of blocks in a sequential scan",
                    ));
                }
            }
            continue;
        }
        k += run;
        let value = reader.value(size)?;
        *block.get_mut(k).ok_or_else(overrun)? =
            i16::try_from(value).map_err(|_out_of_range| range())?;
        k += 1;
    }
    if k > 64 { Err(overrun()) } else { Ok(()) }
}

#[inline(always)]
fn progressive(
    reader: &mut BitReader<'_>,
    block: &mut [i16; 64],
    scan: &Scan,
    target: &Target<'_>,
    state: &mut State,
) -> Result<(), PictureError> {
    match (scan.ss, scan.ah, target.dc, target.ac) {
        (0, 0, Some(dc), _) => {
            let value = next_dc(reader, dc, &mut state.dc[target.index])?;
            block[0] = value
                .checked_mul(1 << scan.al)
                .and_then(|value| i16::try_from(value).ok())
                .ok_or_else(range)?;
            Ok(())
        }
        (0, _, _, _) => {
            if reader.bit()? {
                block[0] |= 1 << scan.al;
            }
            Ok(())
        }
        (_, 0, _, Some(ac)) => ac_first(reader, block, scan, ac, state),
        (_, _, _, Some(ac)) => ac_refine(reader, block, scan, ac, state),
        (_, _, _, None) => Err(range()),
    }
}

/// The first scan of a band (T.81, G.1.2.2).
fn ac_first(
    reader: &mut BitReader<'_>,
    block: &mut [i16; 64],
    scan: &Scan,
    table: &DecodeTable,
    state: &mut State,
) -> Result<(), PictureError> {
    if state.end_of_band > 0 {
        state.end_of_band -= 1;
        return Ok(());
    }
    let mut k = scan.ss;
    while k <= scan.se {
        let symbol = reader.symbol(table)?;
        let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        if size == 0 {
            if run == 15 {
                k += 16;
                continue;
            }
            state.end_of_band = end_of_band(reader, symbol >> 4)? - 1;
            return Ok(());
        }
        k += run;
        if k > scan.se {
            return Err(overrun());
        }
        block[k] = i16::try_from(reader.value(size)? << scan.al).map_err(|_wide| range())?;
        k += 1;
    }
    if k > scan.se + 1 {
        Err(overrun())
    } else {
        Ok(())
    }
}

/// The length of a run of ended bands.
fn end_of_band(reader: &mut BitReader<'_>, exponent: u8) -> Result<u32, PictureError> {
    let exponent = u32::from(exponent);
    let extra = reader.bits(exponent)?;
    Ok((1 << exponent) + extra.cast_unsigned())
}

/// A refining scan of a band (T.81, G.1.2.3).
fn ac_refine(
    reader: &mut BitReader<'_>,
    block: &mut [i16; 64],
    scan: &Scan,
    table: &DecodeTable,
    state: &mut State,
) -> Result<(), PictureError> {
    let bit = 1_i16 << scan.al;
    let mut k = scan.ss;
    if state.end_of_band == 0 {
        while k <= scan.se {
            let symbol = reader.symbol(table)?;
            let mut zeros = usize::from(symbol >> 4);
            let fresh = match symbol & 15 {
                0 if zeros == 15 => 0,
                0 => {
                    state.end_of_band = end_of_band(reader, symbol >> 4)?;
                    break;
                }
                1 if reader.bit()? => bit,
                1 => -bit,
                _ => return Err(PictureError::corrupt("a refinement of more than a bit")),
            };
            loop {
                if k > scan.se {
                    return Err(overrun());
                }
                if block[k] != 0 {
                    refine(reader, &mut block[k], bit)?;
                } else if zeros == 0 {
                    block[k] = fresh;
                    k += 1;
                    break;
                } else {
                    zeros -= 1;
                }
                k += 1;
            }
        }
    }
    if state.end_of_band > 0 {
        state.end_of_band -= 1;
        for value in &mut block[k..=scan.se] {
            if *value != 0 {
                refine(reader, value, bit)?;
            }
        }
    }
    Ok(())
}

#[inline(always)]
fn refine(reader: &mut BitReader<'_>, value: &mut i16, bit: i16) -> Result<(), PictureError> {
    if reader.bit()? {
        *value = if *value > 0 {
            value.checked_add(bit)
        } else {
            value.checked_sub(bit)
        }
        .ok_or_else(range)?;
    }
    Ok(())
}
