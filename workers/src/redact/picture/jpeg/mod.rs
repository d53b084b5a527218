//! JPEG (ITU-T T.81) changed block by block: what is not touched keeps its very coefficients.

mod colour;
mod dct;
mod decode;
mod encode;
mod gain_map;
mod huffman;
mod markers;
mod script;
mod segments;
mod standard;
mod streams;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use image::RgbImage;

use super::error::PictureError;
use super::hidden::HiddenCopy;
use super::rules::Rules;
use super::thumbnail::Origin;
use super::{Facts, PictureLimits, Rect};
use decode::Plane;
use markers::{Frame, Layout};

/// What a JPEG file says of itself before its first scan.
pub(crate) fn facts(bytes: &[u8]) -> Result<Facts<'_>, PictureError> {
    let (pieces, frame) = markers::head(bytes)?;
    let mut facts = Facts {
        width: frame.width,
        height: frame.height,
        bits: 8,
        channels: u8::try_from(frame.components.len()).unwrap_or(u8::MAX),
        components: frame.components.len(),
        exif: None,
        xmp: None,
    };
    for piece in &pieces {
        let payload = &bytes[piece.payload.clone()];
        if let Some(exif) = segments::exif(piece.marker, payload) {
            facts.exif.get_or_insert(exif);
        } else if let Some(xmp) = segments::xmp(piece.marker, payload) {
            facts.xmp.get_or_insert(xmp);
        }
    }
    Ok(facts)
}

/// An opened JPEG file.
pub(crate) struct Jpeg {
    bytes: Vec<u8>,
    layout: Layout,
    /// Read when first asked for.
    planes: OnceLock<Result<Vec<Plane>, PictureError>>,
    changed: bool,
}

impl std::fmt::Debug for Jpeg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jpeg")
            .field("frame", &self.layout.frame)
            .field("changed", &self.changed)
            .finish_non_exhaustive()
    }
}

impl Jpeg {
    pub(crate) fn open(bytes: Vec<u8>, limits: &PictureLimits) -> Result<Self, PictureError> {
        let layout = markers::layout(&bytes)?;
        let frame = &layout.frame;
        limits.check_pixels(frame.width, frame.height)?;
        // A block has 64 coefficients of two bytes.
        limits.check_memory(frame.blocks() * 128)?;
        for component in &frame.components {
            if !frame.h_max.is_multiple_of(component.h) || !frame.v_max.is_multiple_of(component.v)
            {
                return Err(PictureError::unsupported(
                    "JPEG whose components are sampled at odd ratios such as 3:2",
                ));
            }
        }
        let coded: u64 = layout
            .scans
            .iter()
            .map(|scan| layout.pieces[scan.piece].entropy().len() as u64)
            .sum();
        // A block costs at least the code of its DC difference and, in a sequential scan, of its
        // end; blocks that only fill up the MCUs of a scan of one component are not coded.
        let blocks: u64 = frame
            .components
            .iter()
            .map(|c| c.blocks_x as u64 * c.blocks_y as u64)
            .sum();
        let least = if frame.progressive() {
            blocks
        } else {
            2 * blocks
        };
        if coded * 8 < least {
            return Err(PictureError::truncated(
                "it has fewer bytes than its size needs",
            ));
        }
        Ok(Self {
            bytes,
            layout,
            planes: OnceLock::new(),
            changed: false,
        })
    }

    fn frame(&self) -> &Frame {
        &self.layout.frame
    }

    fn planes(&self) -> Result<&[Plane], PictureError> {
        self.planes
            .get_or_init(|| decode::decode(&self.bytes, &self.layout))
            .as_deref()
            .map_err(Clone::clone)
    }

    pub(crate) fn rgb(&self) -> Result<RgbImage, PictureError> {
        Ok(colour::rgb(&self.bytes, &self.layout, self.planes()?))
    }

    pub(crate) fn components(&self) -> usize {
        self.frame().components.len()
    }

    pub(crate) fn step(&self, component: usize) -> (u32, u32) {
        let frame = self.frame();
        let c = &frame.components[component];
        (frame.h_max / c.h, frame.v_max / c.v)
    }

    pub(crate) fn size(&self, component: usize) -> (u32, u32) {
        let c = &self.frame().components[component];
        (c.width, c.height)
    }

    pub(crate) fn read(&self, component: usize, rect: Rect) -> Result<Vec<f32>, PictureError> {
        let plane = &self.planes()?[component];
        let stride = self.frame().components[component].stride;
        let mut samples = vec![0.0; rect.area()];
        for (bx, by) in rect.blocks() {
            let block = &plane.blocks[by * stride + bx];
            let values = dct::to_samples(block, &plane.quantiser);
            for (at, x, y) in rect.within(bx, by) {
                samples[at] = values[y * 8 + x].clamp(0.0, 255.0);
            }
        }
        Ok(samples)
    }

    pub(crate) fn write(
        &mut self,
        component: usize,
        rect: Rect,
        samples: &[f32],
        changed: &[bool],
    ) -> Result<(), PictureError> {
        self.planes()?;
        let Some(Ok(planes)) = self.planes.get_mut() else {
            return Err(PictureError::Internal("the blocks are gone".to_owned()));
        };
        let plane = &mut planes[component];
        let c = &self.layout.frame.components[component];
        let (width, height) = (c.width as usize, c.height as usize);
        for (bx, by) in rect.blocks() {
            if !rect.within(bx, by).any(|(at, _, _)| changed[at]) {
                continue;
            }
            let block = &mut plane.blocks[by * c.stride + bx];
            let mut values = dct::to_samples(block, &plane.quantiser);
            let mut touched = [false; 64];
            for (at, x, y) in rect.within(bx, by) {
                if changed[at] {
                    values[y * 8 + x] = samples[at].clamp(0.0, 255.0);
                    touched[y * 8 + x] = true;
                }
            }
            // Samples outside the picture repeat its edge, the old edge; they follow.
            for y in 0..8 {
                for x in 0..8 {
                    let inside_x = x.min((width - 1).saturating_sub(bx * 8));
                    let inside_y = y.min((height - 1).saturating_sub(by * 8));
                    if touched[inside_y * 8 + inside_x] {
                        values[y * 8 + x] = values[inside_y * 8 + inside_x];
                    }
                }
            }
            *block = dct::to_block(&values, &plane.quantiser);
            self.changed = true;
            // So do the blocks that only fill up an MCU.
            let flat = block[0];
            let last_x = if bx + 1 == c.blocks_x {
                c.stride
            } else {
                bx + 1
            };
            let last_y = if by + 1 == c.blocks_y { c.rows } else { by + 1 };
            for y in by..last_y {
                for x in bx..last_x {
                    if (x, y) != (bx, by) {
                        let filler = &mut plane.blocks[y * c.stride + x];
                        *filler = [0; 64];
                        filler[0] = flat;
                    }
                }
            }
        }
        Ok(())
    }

    pub(crate) fn finish(
        self,
        forget_names: bool,
    ) -> Result<(Vec<u8>, Vec<HiddenCopy>), PictureError> {
        let decode = || self.rgb();
        let xmp = facts(&self.bytes)?.xmp;
        let mut rules = Rules::new(self.changed);
        if forget_names {
            rules = rules.forgetting(xmp);
        }
        let origin = Origin::new(rules, &decode);
        let (cleaned, hidden) = segments::clean(&self.bytes, &self.layout, &origin);
        if !self.changed && !cleaned.altered {
            return Ok((self.bytes, hidden));
        }
        Ok((self.assemble(&cleaned)?, hidden))
    }

    /// The file anew: cleaned segments, and scans as they were or coded again.
    fn assemble(&self, cleaned: &segments::Cleaned) -> Result<Vec<u8>, PictureError> {
        let planes = if self.changed { self.planes()? } else { &[] };
        let mut out = Vec::with_capacity(self.bytes.len());
        out.extend_from_slice(&self.bytes[..2]);
        let mut scans = self.layout.scans.iter();
        for (piece, kept) in self.layout.pieces.iter().zip(&cleaned.pieces) {
            let original = &self.bytes[piece.whole.clone()];
            match (piece.marker, kept) {
                (markers::DHT, _) if self.changed => {}
                (markers::SOS, _) if self.changed => {
                    let scan = scans.next().ok_or_else(|| {
                        PictureError::Internal("a scan was not planned".to_owned())
                    })?;
                    let header = &self.bytes[piece.whole.start..piece.payload.end];
                    out = encode::encode_scan(self.frame(), scan, planes, header, out)?;
                }
                (_, segments::SegmentFate::Same) => out.extend_from_slice(original),
                (_, segments::SegmentFate::Changed(bytes)) => out.extend_from_slice(bytes),
                (_, segments::SegmentFate::Dropped) => {}
            }
        }
        Ok(out)
    }
}
