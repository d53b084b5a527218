//! Rendering of crops: upright pieces of a picture, reduced or enlarged.
//!
//! Each pixel of the view is the average of its footprint, a rectangle of at least one pixel. All pixels of a column share
//! their horizontal weights, and all of a row their vertical ones. So rows are averaged first, which is the same work for
//! every byte, and columns after that.

use image::RgbImage;

use super::cast::{byte, cell, index, length, narrow};

/// One axis of a crop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    /// Where the view begins, in picture px.
    pub(super) start: f64,
    /// View px per picture px.
    pub(super) scale: f64,
    /// Pixels of the picture.
    pub(super) picture: u32,
    /// Pixels of the copy of the picture that is read.
    pub(super) copy: u32,
    /// Pixels of the view.
    pub(super) view: u32,
}

/// Which pixels of the copy a pixel of the view averages, each with its share. Of those beyond the edge the edge stands in.
#[derive(Debug)]
struct Tap {
    at: usize,
    shares: Vec<(usize, f32)>,
}

impl Axis {
    /// The view's pixels that lie inside the picture.
    fn taps(&self) -> Vec<Tap> {
        let scale = f64::from(self.copy) / f64::from(self.picture);
        let extent = narrow(scale / self.scale).max(1.0);
        let inside = 0.0..=f64::from(self.picture);
        let taps = (0..self.view).filter_map(|pixel| {
            let middle = self.start + (f64::from(pixel) + 0.5) / self.scale;
            let at = pixel as usize;
            inside.contains(&middle).then(|| Tap {
                at,
                shares: self.footprint(narrow(middle * scale) - extent / 2.0, extent),
            })
        });
        taps.collect()
    }

    /// How much of each pixel of the copy lies in a stretch.
    fn footprint(&self, start: f32, extent: f32) -> Vec<(usize, f32)> {
        let (first, before) = cell(start);
        let end = before + extent;
        let last = self.copy.saturating_sub(1) as usize;
        let mut shares = Vec::new();
        let (mut edge, mut reached) = (0.0, before);
        while reached < end {
            edge += 1.0;
            let next = end.min(edge);
            let pixel = first.saturating_add(length(shares.len()));
            shares.push((index(pixel).min(last), (next - reached) / extent));
            reached = next;
        }
        shares
    }
}

/// The view of a copy of a picture: black outside the picture.
pub(super) fn resample(copy: &RgbImage, across: &Axis, along: &Axis) -> RgbImage {
    let mut view = RgbImage::new(across.view, along.view);
    let columns = across.taps();
    let touched = || columns.iter().flat_map(|tap| &tap.shares);
    let (Some(&(left, _)), Some(&(right, _))) = (touched().next(), touched().last()) else {
        return view;
    };
    let (from, to) = (left * 3, (right + 1) * 3);
    let (stride, width) = (copy.width() as usize * 3, across.view as usize * 3);
    let mut line = vec![0.0_f32; to - from];
    let bytes: &mut [u8] = &mut view;
    for row in along.taps() {
        line.fill(0.0);
        for (source, share) in row.shares {
            let source = &copy.as_raw()[source * stride..][from..to];
            for (sum, value) in line.iter_mut().zip(source) {
                *sum += share * f32::from(*value);
            }
        }
        let target = &mut bytes[row.at * width..][..width];
        for column in &columns {
            let mut sum = [0.0; 3];
            for (source, share) in &column.shares {
                let pixel = &line[source * 3 - from..][..3];
                for (sum, value) in sum.iter_mut().zip(pixel) {
                    *sum += share * value;
                }
            }
            target[column.at * 3..][..3].copy_from_slice(&sum.map(byte));
        }
    }
    view
}
