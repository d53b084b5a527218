//! Pictures whose samples stand side by side: PNG, WebP and TIFF.

use std::sync::OnceLock;

use image::{GrayImage, RgbImage};

use super::alpha::Look;
use super::error::PictureError;
use super::hidden::HiddenCopy;
use super::rules::Rules;
use super::thumbnail::Origin;
use super::{Facts, Format, PictureLimits, Rect, png, tiff, webp};

/// Samples of eight or sixteen bits.
#[derive(Debug, Clone)]
pub(crate) enum Samples {
    Eight(Vec<u8>),
    Sixteen(Vec<u16>),
}

/// A decoded picture.
#[derive(Debug, Clone)]
pub(crate) struct Pixels {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Samples a pixel: one or three, and one more for alpha.
    pub(crate) channels: usize,
    pub(crate) samples: Samples,
}

impl Pixels {
    /// Checks that the samples fill the picture.
    pub(crate) fn new(
        (width, height): (u32, u32),
        channels: usize,
        samples: Samples,
    ) -> Result<Self, PictureError> {
        let length = match &samples {
            Samples::Eight(values) => values.len(),
            Samples::Sixteen(values) => values.len(),
        };
        if length != width as usize * height as usize * channels || !(1..=4).contains(&channels) {
            return Err(PictureError::corrupt("the samples do not fill the picture"));
        }
        Ok(Self {
            width,
            height,
            channels,
            samples,
        })
    }

    /// Samples of colour a pixel.
    const fn colours(&self) -> usize {
        if self.channels < 3 { 1 } else { 3 }
    }

    /// Where the samples of a component within a rectangle stand, row by row.
    fn places(&self, component: usize, rect: Rect) -> impl Iterator<Item = usize> + use<> {
        let (width, channels) = (self.width as usize, self.channels);
        let columns = rect.x as usize..rect.x as usize + rect.width as usize;
        let rows = rect.y as usize..rect.y as usize + rect.height as usize;
        rows.flat_map(move |y| {
            columns
                .clone()
                .map(move |x| (y * width + x) * channels + component)
        })
    }

    fn read(&self, component: usize, rect: Rect) -> Vec<f32> {
        let places = self.places(component, rect);
        match &self.samples {
            Samples::Eight(values) => places.map(|at| f32::from(values[at])).collect(),
            Samples::Sixteen(values) => places.map(|at| f32::from(values[at])).collect(),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "held to the range of a sample"
    )]
    fn write(&mut self, component: usize, rect: Rect, samples: &[f32], changed: &[bool]) {
        let places = self.places(component, rect);
        let edits = places.zip(samples).zip(changed).filter(|(_, c)| **c);
        for ((at, &value), _) in edits {
            match &mut self.samples {
                Samples::Eight(values) => values[at] = value.round().clamp(0.0, 255.0) as u8,
                Samples::Sixteen(values) => values[at] = value.round().clamp(0.0, 65535.0) as u16,
            }
        }
    }

    /// Whether pixels have alpha.
    const fn has_alpha(&self) -> bool {
        self.channels != self.colours()
    }

    /// Its alpha in 8 bits; none where all pixels have the same.
    fn alpha(&self) -> Option<GrayImage> {
        if !self.has_alpha() {
            return None;
        }
        let last = |values: usize| (self.channels - 1..values).step_by(self.channels);
        let values: Vec<u8> = match &self.samples {
            Samples::Eight(values) => last(values.len()).map(|i| values[i]).collect(),
            Samples::Sixteen(values) => last(values.len())
                .map(|i| values[i].to_be_bytes()[0])
                .collect(),
        };
        let even = values.iter().all(|value| *value == values[0]);
        GrayImage::from_raw(self.width, self.height, values).filter(|_| !even)
    }

    /// The picture in 8-bit RGB; alpha is left out, since it hides but does not remove.
    fn rgb(&self) -> RgbImage {
        let mut picture = RgbImage::new(self.width, self.height);
        let wide = |value: &u16| value.to_be_bytes()[0];
        let grey = self.colours() == 1;
        for (i, pixel) in picture.pixels_mut().enumerate() {
            let at = i * self.channels;
            for (c, out) in pixel.0.iter_mut().enumerate() {
                let at = if grey { at } else { at + c };
                *out = match &self.samples {
                    Samples::Eight(values) => values[at],
                    Samples::Sixteen(values) => wide(&values[at]),
                };
            }
        }
        picture
    }
}

/// An opened picture.
pub(crate) struct Raster {
    bytes: Vec<u8>,
    format: Format,
    size: (u32, u32),
    /// Of colour.
    components: usize,
    /// Decoded when first asked for.
    pixels: OnceLock<Result<Pixels, PictureError>>,
    changed: bool,
    limits: PictureLimits,
}

impl std::fmt::Debug for Raster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Raster")
            .field("format", &self.format)
            .field("size", &self.size)
            .field("changed", &self.changed)
            .finish_non_exhaustive()
    }
}

impl Raster {
    pub(crate) fn open(
        bytes: Vec<u8>,
        format: Format,
        limits: &PictureLimits,
    ) -> Result<Self, PictureError> {
        let facts = facts(format, &bytes)?;
        limits.check_pixels(facts.width, facts.height)?;
        // A palette may become four samples.
        let wide = u64::from(facts.bits).div_ceil(8).max(1);
        let samples = u64::from(facts.width) * u64::from(facts.height) * 4;
        limits.check_memory(samples * wide)?;
        let (size, components) = ((facts.width, facts.height), facts.components);
        Ok(Self {
            size,
            components,
            bytes,
            format,
            pixels: OnceLock::new(),
            changed: false,
            limits: *limits,
        })
    }

    fn decode(&self) -> Result<Pixels, PictureError> {
        let memory = usize::try_from(self.limits.max_memory).unwrap_or(usize::MAX);
        let pixels = match self.format {
            Format::Png => png::decode(&self.bytes, memory)?,
            Format::WebP => webp::decode(&self.bytes, memory)?,
            Format::Tiff => tiff::decode(&self.bytes, memory)?,
            Format::Jpeg => return Err(PictureError::Internal("a JPEG has blocks".to_owned())),
        };
        if (pixels.width, pixels.height) != self.size || pixels.colours() != self.components {
            return Err(PictureError::corrupt(
                "the header belongs to another picture",
            ));
        }
        Ok(pixels)
    }

    fn pixels(&self) -> Result<&Pixels, PictureError> {
        self.pixels
            .get_or_init(|| self.decode())
            .as_ref()
            .map_err(Clone::clone)
    }

    pub(crate) fn rgb(&self) -> Result<RgbImage, PictureError> {
        Ok(self.pixels()?.rgb())
    }

    /// Samples a pixel, of colour and of alpha.
    pub(crate) fn components(&self) -> usize {
        self.pixels().map_or(self.components, |p| p.channels)
    }

    pub(crate) fn is_transparent(&self) -> Result<bool, PictureError> {
        Ok(self.pixels()?.alpha().is_some())
    }

    pub(crate) fn look(&self, look: Look) -> Result<RgbImage, PictureError> {
        let pixels = self.pixels()?;
        Ok(match pixels.alpha() {
            Some(alpha) => look.apply(pixels.rgb(), &alpha),
            None => pixels.rgb(),
        })
    }

    pub(crate) const fn size(&self) -> (u32, u32) {
        self.size
    }

    pub(crate) fn read(&self, component: usize, rect: Rect) -> Result<Vec<f32>, PictureError> {
        Ok(self.pixels()?.read(component, rect))
    }

    pub(crate) fn write(
        &mut self,
        component: usize,
        rect: Rect,
        samples: &[f32],
        changed: &[bool],
    ) -> Result<(), PictureError> {
        self.pixels()?;
        let Some(Ok(pixels)) = self.pixels.get_mut() else {
            return Err(PictureError::Internal("the samples are gone".to_owned()));
        };
        pixels.write(component, rect, samples, changed);
        self.changed |= changed.contains(&true);
        Ok(())
    }

    pub(crate) fn finish(
        self,
        forget_names: bool,
    ) -> Result<(Vec<u8>, Vec<HiddenCopy>), PictureError> {
        let mut hidden = Vec::new();
        let changed = if self.changed {
            Some(self.pixels()?)
        } else {
            None
        };
        let decode = || self.rgb();
        let xmp = facts(self.format, &self.bytes)?.xmp;
        let mut rules = Rules::new(self.changed);
        if forget_names {
            rules = rules.forgetting(xmp);
        }
        let origin = Origin::new(rules, &decode);
        let written = match self.format {
            Format::Png => png::finish(&self.bytes, changed, &origin, &mut hidden)?,
            Format::WebP => webp::finish(&self.bytes, changed, &origin, &mut hidden)?,
            Format::Tiff => {
                let pixels = || self.pixels().cloned();
                tiff::finish(&self.bytes, changed, pixels, origin.rules(), &mut hidden)?
            }
            Format::Jpeg => return Err(PictureError::Internal("a JPEG has blocks".to_owned())),
        };
        Ok((written.unwrap_or(self.bytes), hidden))
    }
}

/// What a file says of itself.
pub(crate) fn facts(format: Format, bytes: &[u8]) -> Result<Facts<'_>, PictureError> {
    match format {
        Format::Png => png::facts(bytes),
        Format::WebP => webp::facts(bytes),
        Format::Tiff => tiff::facts(bytes),
        Format::Jpeg => super::jpeg::facts(bytes),
    }
}
