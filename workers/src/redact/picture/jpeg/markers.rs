//! The marker segments of a JPEG file (ITU-T T.81, annex B).

use std::ops::Range;

use super::super::error::PictureError;
use super::script::Script;

pub(crate) const SOF2: u8 = 0xC2;
pub(crate) const DHT: u8 = 0xC4;
pub(crate) const SOI: u8 = 0xD8;
pub(crate) const EOI: u8 = 0xD9;
pub(crate) const SOS: u8 = 0xDA;
pub(crate) const DQT: u8 = 0xDB;
pub(crate) const DRI: u8 = 0xDD;
pub(crate) const APP0: u8 = 0xE0;
pub(crate) const COM: u8 = 0xFE;
/// No marker: bytes between two segments, which decoders pass over.
pub(crate) const JUNK: u8 = 0;

/// Scans a file may have. The longest legal script of a progressive picture has a few hundred.
const MAX_SCANS: usize = 1000;

/// One marker segment and, after SOS, its entropy-coded data.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    /// The second byte of the marker.
    pub(crate) marker: u8,
    /// Everything: fill bytes, marker, length, payload, entropy-coded data.
    pub(crate) whole: Range<usize>,
    /// What follows the length.
    pub(crate) payload: Range<usize>,
}

impl Piece {
    /// The entropy-coded data after a SOS segment.
    pub(crate) fn entropy(&self) -> Range<usize> {
        self.payload.end..self.whole.end
    }
}

/// One component of the frame.
#[derive(Debug, Clone)]
pub(crate) struct Component {
    pub(crate) id: u8,
    /// Sampling factors across and down.
    pub(crate) h: u32,
    pub(crate) v: u32,
    /// Selector of the quantisation table.
    pub(crate) tq: u8,
    /// Size in samples.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Blocks that hold samples of the picture.
    pub(crate) blocks_x: usize,
    pub(crate) blocks_y: usize,
    /// Blocks stored: whole MCUs.
    pub(crate) stride: usize,
    pub(crate) rows: usize,
}

/// The frame header.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) marker: u8,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) h_max: u32,
    pub(crate) v_max: u32,
    /// MCUs of an interleaved scan.
    pub(crate) mcus_x: usize,
    pub(crate) mcus_y: usize,
    pub(crate) components: Vec<Component>,
}

impl Frame {
    pub(crate) const fn progressive(&self) -> bool {
        self.marker == SOF2
    }

    /// Blocks of all components.
    pub(crate) fn blocks(&self) -> u64 {
        self.components
            .iter()
            .map(|c| c.stride as u64 * c.rows as u64)
            .sum()
    }
}

/// One component of a scan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScanComponent {
    /// Index in the frame.
    pub(crate) index: usize,
    /// Selectors of its Huffman tables.
    pub(crate) dc: usize,
    pub(crate) ac: usize,
}

/// One scan of the script of the file.
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    /// Index of its SOS in the pieces.
    pub(crate) piece: usize,
    pub(crate) components: Vec<ScanComponent>,
    /// Band of coefficients in zigzag order.
    pub(crate) ss: usize,
    pub(crate) se: usize,
    /// Successive approximation: the bit position before and after.
    pub(crate) ah: u32,
    pub(crate) al: u32,
    /// MCUs between restart markers; 0: none.
    pub(crate) restart: usize,
}

/// The structure of a file.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) frame: Frame,
    pub(crate) scans: Vec<Scan>,
    /// Where the primary picture ends: after its EOI.
    pub(crate) end: usize,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

/// Whether a segment of this marker is part of the coded picture. Decoders skip all others alike:
/// application data, comments, conditions of arithmetic coding, and what is reserved.
pub(crate) const fn is_picture(marker: u8) -> bool {
    is_frame(marker)
        || matches!(
            marker,
            DHT | SOI | EOI | SOS | DQT | DRI | 0xDC | 0xDE | 0xDF
        )
}

/// Where the next marker begins, at `at` or after bytes that belong to no marker: not FF, FF with a stuffed
/// zero, and markers without a meaning between segments.
fn junk_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut position = at;
    loop {
        position += bytes.get(position..)?.iter().position(|&b| b == 0xFF)?;
        let start = position;
        while *bytes.get(position)? == 0xFF {
            position += 1;
        }
        match bytes[position] {
            0x00..=0x01 | 0xD0..=0xD7 => position += 1,
            _ => return Some(start),
        }
    }
}

/// Reads one marker segment at `at`, without entropy-coded data, or the bytes before it that belong to none.
pub(crate) fn segment(bytes: &[u8], at: usize) -> Result<Piece, PictureError> {
    let cut = || PictureError::truncated("it ends between two markers");
    let start = junk_end(bytes, at).ok_or_else(cut)?;
    if start > at {
        return Ok(Piece {
            marker: JUNK,
            whole: at..start,
            payload: at..start,
        });
    }
    let mut position = at;
    while *bytes.get(position).ok_or_else(cut)? == 0xFF {
        position += 1;
    }
    let marker = bytes[position];
    position += 1;
    match marker {
        SOI | EOI => {
            return Ok(Piece {
                marker,
                whole: at..position,
                payload: position..position,
            });
        }
        _ => {}
    }
    let length = usize::from(u16_at(bytes, position).ok_or_else(cut)?);
    if length < 2 {
        return Err(PictureError::corrupt("a segment of no length"));
    }
    let end = position + length;
    if end > bytes.len() {
        return Err(PictureError::truncated(format!(
            "the segment of marker 0x{marker:02X} is not complete"
        )));
    }
    Ok(Piece {
        marker,
        whole: at..end,
        payload: position + 2..end,
    })
}

/// Where the entropy-coded data at `at` ends: at the first marker that is no restart marker, or at
/// the fill bytes before it.
fn entropy_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut position = at;
    loop {
        position += bytes
            .get(position..)?
            .iter()
            .position(|&byte| byte == 0xFF)?;
        let start = position;
        while *bytes.get(position)? == 0xFF {
            position += 1;
        }
        let marker = bytes[position];
        if marker != 0 && !(0xD0..=0xD7).contains(&marker) {
            return Some(start);
        }
        position += 1;
    }
}

/// The segments before the first scan, the frame header among them.
pub(crate) fn head(bytes: &[u8]) -> Result<(Vec<Piece>, Frame), PictureError> {
    let mut pieces = Vec::new();
    let mut frame = None;
    let mut at = 2;
    loop {
        let piece = segment(bytes, at)?;
        at = piece.whole.end;
        match piece.marker {
            SOS => break,
            EOI => return Err(PictureError::corrupt("the file has no scan")),
            _ => {}
        }
        if is_frame(piece.marker) && frame.is_none() {
            frame = Some(parse_frame(piece.marker, &bytes[piece.payload.clone()])?);
        }
        pieces.push(piece);
    }
    let frame = frame.ok_or_else(|| PictureError::corrupt("a scan comes before its frame"))?;
    Ok((pieces, frame))
}

/// Reads the structure of a whole file.
pub(crate) fn layout(bytes: &[u8]) -> Result<Layout, PictureError> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut scans = Vec::new();
    let mut frame: Option<Frame> = None;
    let mut script = None;
    let mut restart = 0;
    let mut at = 2;
    loop {
        let mut piece = segment(bytes, at)?;
        let payload = &bytes[piece.payload.clone()];
        match piece.marker {
            SOI => return Err(PictureError::corrupt("a picture begins within the picture")),
            DRI => {
                let Ok(count) = <[u8; 2]>::try_from(payload) else {
                    return Err(PictureError::corrupt("a DRI of a wrong length"));
                };
                restart = usize::from(u16::from_be_bytes(count));
            }
            0xDC => {
                return Err(PictureError::unsupported(
                    "a JPEG whose height follows its first scan (DNL)",
                ));
            }
            0xDE | 0xDF => return Err(PictureError::unsupported("hierarchical JPEG")),
            SOS => {
                let frame = frame
                    .as_ref()
                    .ok_or_else(|| PictureError::corrupt("a scan comes before its frame"))?;
                let scan = parse_scan(frame, payload, pieces.len(), restart)?;
                script
                    .get_or_insert_with(|| Script::new(frame))
                    .admit(frame, &scan)?;
                if scans.len() == MAX_SCANS {
                    return Err(PictureError::Limit {
                        what: "scans".to_owned(),
                        found: scans.len() as u64 + 1,
                        allowed: MAX_SCANS as u64,
                    });
                }
                scans.push(scan);
                piece.whole.end = entropy_end(bytes, piece.payload.end)
                    .ok_or_else(|| PictureError::truncated("it ends within a scan"))?;
            }
            marker if is_frame(marker) => {
                if frame.is_some() {
                    return Err(PictureError::corrupt("the file has two frames"));
                }
                frame = Some(parse_frame(marker, payload)?);
            }
            _ => {}
        }
        at = piece.whole.end;
        let last = piece.marker == EOI;
        pieces.push(piece);
        if last {
            break;
        }
    }
    let frame = frame.ok_or_else(|| PictureError::corrupt("the file has no frame"))?;
    script
        .ok_or_else(|| PictureError::corrupt("the file has no scan"))?
        .complete()?;
    Ok(Layout {
        pieces,
        frame,
        scans,
        end: at,
    })
}

const fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xC3 | 0xC5..=0xCB | 0xCD..=0xCF)
}

pub(super) fn parse_frame(marker: u8, payload: &[u8]) -> Result<Frame, PictureError> {
    let kind = match marker {
        0xC0..=0xC2 => None,
        0xC3 => Some("lossless JPEG"),
        0xC5..=0xC7 => Some("hierarchical JPEG"),
        _ => Some("arithmetic-coded JPEG"),
    };
    if let Some(kind) = kind {
        return Err(PictureError::unsupported(kind));
    }
    let short = || PictureError::corrupt("a short frame header");
    let bits = *payload.first().ok_or_else(short)?;
    if bits != 8 {
        return Err(PictureError::unsupported(format!(
            "JPEG of {bits} bits a sample"
        )));
    }
    let height = u32::from(u16_at(payload, 1).ok_or_else(short)?);
    let width = u32::from(u16_at(payload, 3).ok_or_else(short)?);
    if height == 0 {
        return Err(PictureError::unsupported(
            "a JPEG whose height follows its first scan (DNL)",
        ));
    }
    if width == 0 {
        return Err(PictureError::corrupt("the picture has no width"));
    }
    let count = usize::from(*payload.get(5).ok_or_else(short)?);
    if count == 0 || count > 4 {
        return Err(PictureError::unsupported(format!(
            "JPEG of {count} components"
        )));
    }
    if payload.len() != 6 + 3 * count {
        return Err(short());
    }
    let specs: Vec<(u8, u32, u32, u8)> = payload[6..]
        .chunks_exact(3)
        .map(|c| (c[0], u32::from(c[1] >> 4), u32::from(c[1] & 15), c[2]))
        .collect();
    if specs
        .iter()
        .any(|&(_, h, v, tq)| !(1..=4).contains(&h) || !(1..=4).contains(&v) || tq > 3)
    {
        return Err(PictureError::corrupt("impossible sampling factors"));
    }
    let ids: std::collections::BTreeSet<u8> = specs.iter().map(|s| s.0).collect();
    if ids.len() != count {
        return Err(PictureError::corrupt("two components of one name"));
    }
    let h_max = specs.iter().map(|s| s.1).max().unwrap_or(1);
    let v_max = specs.iter().map(|s| s.2).max().unwrap_or(1);
    let mcus_x = width.div_ceil(8 * h_max) as usize;
    let mcus_y = height.div_ceil(8 * v_max) as usize;
    let components = specs
        .into_iter()
        .map(|(id, h, v, tq)| {
            let width = (width * h).div_ceil(h_max);
            let height = (height * v).div_ceil(v_max);
            Component {
                id,
                h,
                v,
                tq,
                width,
                height,
                blocks_x: width.div_ceil(8) as usize,
                blocks_y: height.div_ceil(8) as usize,
                stride: mcus_x * h as usize,
                rows: mcus_y * v as usize,
            }
        })
        .collect();
    Ok(Frame {
        marker,
        width,
        height,
        h_max,
        v_max,
        mcus_x,
        mcus_y,
        components,
    })
}

fn parse_scan(
    frame: &Frame,
    payload: &[u8],
    piece: usize,
    restart: usize,
) -> Result<Scan, PictureError> {
    let wrong = |what: &str| PictureError::corrupt(format!("a scan header: {what}"));
    let count = usize::from(*payload.first().ok_or_else(|| wrong("empty"))?);
    if count == 0 || count > 4 || payload.len() != 4 + 2 * count {
        return Err(wrong("wrong length"));
    }
    let mut components: Vec<ScanComponent> = Vec::with_capacity(count);
    for pair in payload[1..=2 * count].chunks_exact(2) {
        let index = frame
            .components
            .iter()
            .position(|c| c.id == pair[0])
            .ok_or_else(|| wrong("unknown component"))?;
        // T.81, B.2.3: the order of the frame.
        if components.last().is_some_and(|last| last.index >= index) {
            return Err(wrong("components out of order"));
        }
        let (dc, ac) = (usize::from(pair[1] >> 4), usize::from(pair[1] & 15));
        if dc > 3 || ac > 3 {
            return Err(wrong("impossible table"));
        }
        components.push(ScanComponent { index, dc, ac });
    }
    if count > 1 {
        let blocks: u32 = components
            .iter()
            .map(|c| frame.components[c.index].h * frame.components[c.index].v)
            .sum();
        if blocks > 10 {
            return Err(wrong("more than 10 blocks an MCU"));
        }
    }
    let tail = &payload[1 + 2 * count..];
    let scan = Scan {
        piece,
        components,
        ss: usize::from(tail[0]),
        se: usize::from(tail[1]),
        ah: u32::from(tail[2] >> 4),
        al: u32::from(tail[2] & 15),
        restart,
    };
    let sound = if frame.progressive() {
        let band = if scan.ss == 0 {
            scan.se == 0
        } else {
            scan.ss <= scan.se && scan.se < 64 && count == 1
        };
        band && scan.al <= 13 && (scan.ah == 0 || scan.ah == scan.al + 1)
    } else {
        scan.ss == 0 && scan.se == 63 && scan.ah == 0 && scan.al == 0
    };
    if sound {
        Ok(scan)
    } else {
        Err(wrong("impossible band"))
    }
}
