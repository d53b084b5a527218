//! Pictures as displayed: upright, with square pixels, in the requested size.

use ffmpeg_next::color::TransferCharacteristic;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;
use ffmpeg_next::{color, filter};
use image::RgbImage;

use super::frames::Frame;
use super::open::{decode_error, internal};
use super::tone::{Bright, ToneMap};
use super::{MediaError, ffi};
use crate::orientation::Orientation;

/// The stored and displayed shape of a video's pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Stored width in pixels.
    pub(super) width: u32,
    /// Stored height in pixels.
    pub(super) height: u32,
    /// Width over height of one stored pixel.
    pub(super) pixel_aspect: (u32, u32),
    pub(super) orientation: Orientation,
}

impl Geometry {
    pub(super) fn of(raw: &ffi::RawStream) -> Self {
        let (num, den) = raw.pixel_aspect;
        let sane = |value: i32| u32::try_from(value).ok().filter(|&value| value > 0);
        // An aspect beyond 1:20 is an error in the file, and would cause absurd sizes.
        let pixel_aspect = sane(num)
            .zip(sane(den))
            .filter(|&(num, den)| num / den < 20 && den / num < 20)
            .unwrap_or((1, 1));
        Self {
            width: u32::try_from(raw.width).unwrap_or(0),
            height: u32::try_from(raw.height).unwrap_or(0),
            pixel_aspect,
            orientation: raw.orientation,
        }
    }

    pub(super) fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Displayed width and height. Narrow pixels make the picture narrower and wide ones wider; the stored
    /// height is kept.
    pub(super) fn display(self) -> (u32, u32) {
        let (num, den) = self.pixel_aspect;
        let width = u64::from(self.width) * u64::from(num) / u64::from(den);
        let width = u32::try_from(width).unwrap_or(u32::MAX).max(1);
        self.orientation.upright_size((width, self.height.max(1)))
    }

    /// The display size scaled down, never up, to a height of at most `height`; both even.
    pub(super) fn of_height(self, height: u32) -> (u32, u32) {
        let (display_width, display_height) = self.display();
        let height = height.min(display_height);
        let width = u64::from(display_width) * u64::from(height) / u64::from(display_height);
        let even = |side: u32| (side & !1).max(2);
        (even(u32::try_from(width).unwrap_or(u32::MAX)), even(height))
    }

    /// The display size scaled down, never up, to fit `width` by `height`.
    pub(super) fn inside(self, width: u32, height: u32) -> (u32, u32) {
        let (display_width, display_height) = self.display();
        let (w, h) = (u64::from(display_width), u64::from(display_height));
        let (max_w, max_h) = (u64::from(width.max(1)), u64::from(height.max(1)));
        let side = |value: u64| u32::try_from(value.max(1)).unwrap_or(u32::MAX);
        if w <= max_w && h <= max_h {
            (display_width, display_height)
        } else if w * max_h >= h * max_w {
            (side(max_w), side((h * max_w + w / 2) / w))
        } else {
            (side((w * max_h + h / 2) / h), side(max_h))
        }
    }
}

/// Turns decoded frames upright, scales them to one size and converts them to one pixel format.
///
/// A frame's declared colour matrix and range are honoured. Frames of high dynamic range (PQ and HLG of ITU-R
/// BT.2100) are converted to standard range (BT.709), unless samples are to stay unchanged. Interlaced frames
/// are not deinterlaced.
pub(super) struct Converter {
    geometry: Geometry,
    width: u32,
    height: u32,
    format: Pixel,
    /// Whether high dynamic range is kept.
    keeps_range: bool,
    /// The filter chain for frames of one shape. A video may change its shape.
    chain: Option<(Shape, Chain)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    width: u32,
    height: u32,
    format: Pixel,
    space: color::Space,
    /// The HDR interpretation, if frames are to be converted to standard range.
    bright: Option<Bright>,
}

/// The converter for frames of one shape.
struct Chain {
    graph: filter::Graph,
    /// Converts the output of the graph to standard range, with a graph for the wanted format.
    tone: Option<(ToneMap, Option<filter::Graph>)>,
}

impl Converter {
    /// A converter for a video of this geometry to upright pictures of `width` by `height`.
    pub(super) const fn new(geometry: Geometry, size: (u32, u32), format: Pixel) -> Self {
        Self {
            geometry,
            width: size.0,
            height: size.1,
            format,
            keeps_range: false,
            chain: None,
        }
    }

    /// A converter that keeps samples of high dynamic range unchanged.
    pub(super) const fn keeping_range(mut self) -> Self {
        self.keeps_range = true;
        self
    }

    /// Converts one frame. It takes ownership, because the chain consumes the frame.
    pub(super) fn convert(&mut self, picture: frame::Video) -> Result<frame::Video, MediaError> {
        let shape = Shape {
            width: picture.width(),
            height: picture.height(),
            format: picture.format(),
            space: picture.color_space(),
            bright: Bright::of(&picture).filter(|_bright| !self.keeps_range),
        };
        let chain = match self.chain.take() {
            Some((known, chain)) if known == shape => chain,
            _ => self.build(shape)?,
        };
        let (_, chain) = self.chain.insert((shape, chain));
        let converted = run(&mut chain.graph, picture)?;
        let Some((tone, graph)) = &mut chain.tone else {
            return Ok(converted);
        };
        let mut mapped = tone.apply(&converted).ok_or_else(|| {
            MediaError::Internal(format!("cannot tone-map {:?}", converted.format()))
        })?;
        if let Some(graph) = graph {
            mapped = run(graph, mapped)?;
            mapped.set_color_space(color::Space::BT709);
            mapped.set_color_range(color::Range::MPEG);
        }
        mapped.set_color_primaries(color::Primaries::BT709);
        mapped.set_color_transfer_characteristic(TransferCharacteristic::BT709);
        Ok(mapped)
    }

    fn build(&self, shape: Shape) -> Result<Chain, MediaError> {
        let orientation = self.geometry.orientation;
        // Before rotation, so sides are swapped in both cases or in neither.
        let (width, height) = orientation.upright_size((self.width, self.height));
        let scale = format!("scale={width}:{height}:flags=bicubic+accurate_rnd");
        let turn = turned(orientation);
        let Some(bright) = shape.bright else {
            let spec = format!("{scale},setsar=1{turn},format={}", name(self.format)?);
            let graph = filters((shape.width, shape.height), shape.format, &spec)?;
            return Ok(Chain { graph, tone: None });
        };
        // Few HDR files have another matrix, and some do not declare one.
        let matrix = if shape.space == color::Space::BT709 {
            "bt709"
        } else {
            "bt2020"
        };
        let spec = format!("{scale}:in_color_matrix={matrix},setsar=1{turn},format=gbrp16le");
        let graph = filters((shape.width, shape.height), shape.format, &spec)?;
        let back = if self.format == Pixel::RGB24 {
            None
        } else {
            let spec = format!(
                "scale=flags=bicubic+accurate_rnd:out_color_matrix=bt709:out_range=tv,format={}",
                name(self.format)?
            );
            let size = (self.width, self.height);
            Some(filters(size, Pixel::RGB24, &spec)?)
        };
        Ok(Chain {
            graph,
            tone: Some((ToneMap::new(bright), back)),
        })
    }
}

/// FFmpeg's name of a pixel format.
fn name(format: Pixel) -> Result<&'static str, MediaError> {
    let descriptor = format.descriptor();
    descriptor
        .map(|descriptor| descriptor.name())
        .ok_or_else(|| MediaError::UnsupportedCodec(format!("{format:?}")))
}

/// A chain of filters for pictures of one size and format.
fn filters(size: (u32, u32), format: Pixel, spec: &str) -> Result<filter::Graph, MediaError> {
    let missing = |name: &str| MediaError::Internal(format!("FFmpeg has no filter {name:?}"));
    let mut graph = filter::Graph::new();
    ffi::single_threaded(&mut graph);
    let buffer = filter::find("buffer").ok_or_else(|| missing("buffer"))?;
    let sink = filter::find("buffersink").ok_or_else(|| missing("buffersink"))?;
    let input = format!(
        "video_size={}x{}:pix_fmt={}:time_base=1/1:pixel_aspect=1/1",
        size.0,
        size.1,
        name(format)?,
    );
    graph.add(&buffer, "in", &input).map_err(internal)?;
    graph.add(&sink, "out", "").map_err(internal)?;
    graph
        .output("in", 0)
        .and_then(|parser| parser.input("out", 0))
        .and_then(|parser| parser.parse(spec))
        .and_then(|()| graph.validate())
        .map_err(internal)?;
    Ok(graph)
}

/// Sends a frame through a filter chain.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the filter chain takes the frame's contents and leaves it empty"
)]
fn run(graph: &mut filter::Graph, picture: frame::Video) -> Result<frame::Video, MediaError> {
    let (mut source, mut sink) = graph.get("in").zip(graph.get("out")).ok_or_else(|| {
        MediaError::Internal("the filter chain has no input or output".to_owned())
    })?;
    source.source().add(&picture).map_err(decode_error)?;
    let mut converted = frame::Video::empty();
    sink.sink().frame(&mut converted).map_err(decode_error)?;
    ffi::top_down(&mut converted)?;
    Ok(converted)
}

/// Filters that turn a stored picture upright.
const fn turned(orientation: Orientation) -> &'static str {
    match orientation {
        Orientation::Upright => "",
        Orientation::MirrorHorizontal => ",hflip",
        Orientation::Rotate180 => ",hflip,vflip",
        Orientation::MirrorVertical => ",vflip",
        Orientation::Transpose => ",transpose=cclock_flip",
        Orientation::Rotate90 => ",transpose=clock",
        Orientation::Transverse => ",transpose=clock_flip",
        Orientation::Rotate270 => ",transpose=cclock",
    }
}

/// Makes upright RGB pictures of a video's frames.
pub struct PictureMaker(Converter);

impl std::fmt::Debug for PictureMaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PictureMaker")
            .field("width", &self.0.width)
            .field("height", &self.0.height)
            .finish_non_exhaustive()
    }
}

impl PictureMaker {
    pub(super) const fn new(geometry: Geometry, size: (u32, u32)) -> Self {
        Self(Converter::new(geometry, size, Pixel::RGB24))
    }

    /// The frame as an upright picture with square pixels.
    ///
    /// # Errors
    /// [`MediaError::Decode`] if its pixel format cannot be converted.
    pub fn make(&mut self, frame: Frame) -> Result<RgbImage, MediaError> {
        let picture = self.0.convert(frame.picture)?;
        let (width, height) = (picture.width(), picture.height());
        let stride = picture.stride(0);
        let row = width as usize * 3;
        let mut pixels = Vec::with_capacity(row * height as usize);
        for line in picture.data(0).chunks(stride).take(height as usize) {
            pixels.extend_from_slice(&line[..row]);
        }
        RgbImage::from_raw(width, height, pixels)
            .ok_or_else(|| MediaError::Internal("a picture has too few pixels".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The output of a converter for a picture of one colour, in PQ or HLG.
    fn shown(samples: [u16; 3], transfer: TransferCharacteristic, format: Pixel) -> Vec<u8> {
        let mut picture = frame::Video::new(Pixel::YUV444P10LE, 32, 16);
        for (plane, sample) in samples.into_iter().enumerate() {
            let (pairs, _) = picture.data_mut(plane).as_chunks_mut::<2>();
            pairs.fill(sample.to_le_bytes());
        }
        picture.set_color_range(color::Range::MPEG);
        picture.set_color_space(color::Space::BT2020NCL);
        picture.set_color_primaries(color::Primaries::BT2020);
        picture.set_color_transfer_characteristic(transfer);
        let geometry = Geometry {
            width: 32,
            height: 16,
            pixel_aspect: (1, 1),
            orientation: Orientation::MirrorVertical,
        };
        let mut converter = Converter::new(geometry, (16, 8), format);
        let converted = converter.convert(picture).unwrap();
        let planes = if format == Pixel::RGB24 { 1 } else { 3 };
        (0..planes)
            .flat_map(|plane| converted.data(plane)[..3].to_vec())
            .collect()
    }

    #[test]
    fn light_becomes_what_the_standards_say() {
        use TransferCharacteristic::{ARIB_STD_B67, SMPTE2084};
        // Signals in thousandths, and samples from BT.2100, BT.2390 and BT.1886, computed independently of this
        // program.
        for (transfer, signal, expected) in [
            (SMPTE2084, 62.34, 10.7),
            (SMPTE2084, 149.95, 27.9),
            (SMPTE2084, 299.7, 72.7),
            (SMPTE2084, 440.28, 142.2),
            (SMPTE2084, 508.08, 189.4),
            (SMPTE2084, 580.69, 230.3),
            (SMPTE2084, 652.58, 250.0),
            (SMPTE2084, 751.83, 255.0),
            (SMPTE2084, 902.57, 255.0),
            (ARIB_STD_B67, 100.0, 28.6),
            (ARIB_STD_B67, 250.0, 71.5),
            (ARIB_STD_B67, 380.0, 108.7),
            (ARIB_STD_B67, 500.0, 143.1),
            (ARIB_STD_B67, 750.0, 230.4),
            (ARIB_STD_B67, 900.0, 253.2),
            (ARIB_STD_B67, 1000.0, 255.0),
        ] {
            let luma = 64.0 + 876.0 * signal / 1000.0;
            let luma: u16 = format!("{luma:.0}").parse().unwrap();
            let found = shown([luma, 512, 512], transfer, Pixel::RGB24);
            for sample in found {
                let off = (f64::from(sample) - expected).abs();
                assert!(off < 2.0, "{transfer:?} {signal}: {sample}, not {expected}");
            }
        }
    }

    #[test]
    fn colours_and_white_are_those_of_bt_709() {
        let pq = TransferCharacteristic::SMPTE2084;
        // Red of BT.709 with 100 cd/m², in PQ of BT.2020 (ITU-R BT.2087): 62.74, 6.91 and 1.64 cd/m².
        let [r, g, b] = [0.462_07_f64, 0.271_35, 0.176_65];
        let luma = 0.2627 * r + 0.678 * g + 0.0593 * b;
        let chroma = |colour: f64, divisor: f64| 512.0 + 896.0 * (colour - luma) / divisor;
        let samples = [64.0 + 876.0 * luma, chroma(b, 1.8814), chroma(r, 1.4746)];
        let samples = samples.map(|sample| format!("{sample:.0}").parse().unwrap());
        let found = shown(samples, pq, Pixel::RGB24);
        let expected = 255.0 * (100.0_f64 / 203.0).powf(1.0 / 2.4);
        let red = f64::from(found[0]);
        assert!((red - expected).abs() < 4.0, "{found:?}, not {expected}");
        assert!(found[1] < 25 && found[2] < 25, "{found:?}");
        // White of 203 cd/m² in limited range.
        let found = shown([573, 512, 512], pq, Pixel::YUV420P);
        assert_eq!(found[0], 214);
        assert_eq!((found[3], found[6]), (128, 128));
    }
}
