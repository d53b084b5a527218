//! Pictures as a person sees them: upright, with square pixels, of the size asked for.

use ffmpeg_next::color::TransferCharacteristic;
use ffmpeg_next::filter;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;
use image::RgbImage;

use super::frames::Frame;
use super::open::{decode_error, internal};
use super::{MediaError, ffi};

/// The shape of a film's pictures, stored and seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Stored width in pixels.
    pub(super) width: u32,
    /// Stored height in pixels.
    pub(super) height: u32,
    /// Width over height of one stored pixel.
    pub(super) pixel_aspect: (u32, u32),
    /// Clockwise turn that sets the picture upright: 0, 90, 180 or 270 degrees.
    pub(super) rotation: u16,
}

impl Geometry {
    pub(super) fn of(raw: &ffi::RawStream) -> Self {
        let (num, den) = raw.pixel_aspect;
        let sane = |value: i32| u32::try_from(value).ok().filter(|&value| value > 0);
        // An aspect beyond 1:20 is a mistake of the file, and would ask for absurd sizes.
        let pixel_aspect = sane(num)
            .zip(sane(den))
            .filter(|&(num, den)| num / den < 20 && den / num < 20)
            .unwrap_or((1, 1));
        Self {
            width: u32::try_from(raw.width).unwrap_or(0),
            height: u32::try_from(raw.height).unwrap_or(0),
            pixel_aspect,
            rotation: raw.rotation,
        }
    }

    pub(super) fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Width and height as a person sees them. Narrow pixels make the picture narrower, wide ones
    /// make it wider: the stored height is kept.
    pub(super) fn display(self) -> (u32, u32) {
        let (num, den) = self.pixel_aspect;
        let width = u64::from(self.width) * u64::from(num) / u64::from(den);
        let width = u32::try_from(width).unwrap_or(u32::MAX).max(1);
        if self.is_sideways() {
            (self.height.max(1), width)
        } else {
            (width, self.height.max(1))
        }
    }

    /// The display size scaled down, never up, so that its height is at most `height`; both even.
    pub(super) fn of_height(self, height: u32) -> (u32, u32) {
        let (display_width, display_height) = self.display();
        let height = height.min(display_height);
        let width = u64::from(display_width) * u64::from(height) / u64::from(display_height);
        let even = |side: u32| (side & !1).max(2);
        (even(u32::try_from(width).unwrap_or(u32::MAX)), even(height))
    }

    /// The display size scaled down, never up, so that it is at most `width` by `height`.
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

    const fn is_sideways(self) -> bool {
        self.rotation == 90 || self.rotation == 270
    }
}

/// Turns decoded frames upright, scales them to one size, and converts them to one pixel format.
///
/// The colour matrix and range that a frame declares are honoured. Frames of high dynamic range (PQ and HLG of ITU-R
/// BT.2100) become ones of standard range (BT.709), unless samples are to stay what they are. Interlaced frames are not
/// deinterlaced.
pub(super) struct Converter {
    geometry: Geometry,
    width: u32,
    height: u32,
    format: Pixel,
    /// Whether high dynamic range is kept.
    keeps_range: bool,
    /// The chain for frames of one shape; a film may change its shape on the way.
    chain: Option<(Shape, filter::Graph)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    width: u32,
    height: u32,
    format: Pixel,
    /// Its transfer characteristic by FFmpeg's name, if that is of high dynamic range.
    bright: Option<&'static str>,
}

impl Converter {
    /// A converter for a film of this geometry to upright pictures of `width` by `height`.
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

    /// One that leaves samples of high dynamic range what they are.
    pub(super) const fn keeping_range(mut self) -> Self {
        self.keeps_range = true;
        self
    }

    /// Converts one frame. It is taken because the chain takes what it holds.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "what the frame holds is moved into the filter chain, which empties it"
    )]
    pub(super) fn convert(&mut self, picture: frame::Video) -> Result<frame::Video, MediaError> {
        let shape = Shape {
            width: picture.width(),
            height: picture.height(),
            format: picture.format(),
            bright: if self.keeps_range {
                None
            } else {
                bright(&picture)
            },
        };
        let graph = match self.chain.take() {
            Some((known, graph)) if known == shape => graph,
            _ => self.build(shape)?,
        };
        let (_, graph) = self.chain.insert((shape, graph));
        let (mut source, mut sink) = graph
            .get("in")
            .zip(graph.get("out"))
            .ok_or_else(|| MediaError::Internal("the filter chain has no ends".to_owned()))?;
        source.source().add(&picture).map_err(decode_error)?;
        let mut converted = frame::Video::empty();
        sink.sink().frame(&mut converted).map_err(decode_error)?;
        Ok(converted)
    }

    fn build(&self, shape: Shape) -> Result<filter::Graph, MediaError> {
        let missing = |name: &str| MediaError::Internal(format!("FFmpeg has no filter {name:?}"));
        let format_name = |format: Pixel| {
            let descriptor = format.descriptor();
            descriptor
                .map(|descriptor| descriptor.name())
                .ok_or_else(|| MediaError::UnsupportedCodec(format!("{format:?}")))
        };
        let mut graph = filter::Graph::new();
        ffi::single_threaded(&mut graph);
        let buffer = filter::find("buffer").ok_or_else(|| missing("buffer"))?;
        let sink = filter::find("buffersink").ok_or_else(|| missing("buffersink"))?;
        let input = format!(
            "video_size={}x{}:pix_fmt={}:time_base=1/1:pixel_aspect=1/1",
            shape.width,
            shape.height,
            format_name(shape.format)?,
        );
        graph.add(&buffer, "in", &input).map_err(internal)?;
        graph.add(&sink, "out", "").map_err(internal)?;
        let (turn, sideways) = match self.geometry.rotation {
            90 => (",transpose=clock", true),
            180 => (",hflip,vflip", false),
            270 => (",transpose=cclock", true),
            _ => ("", false),
        };
        let (width, height) = if sideways {
            (self.height, self.width)
        } else {
            (self.width, self.height)
        };
        let spec = format!(
            "scale={width}:{height}:flags=bicubic+accurate_rnd,setsar=1{turn}{},format={}",
            shape.bright.map_or_else(String::new, to_standard_range),
            format_name(self.format)?,
        );
        graph
            .output("in", 0)
            .and_then(|parser| parser.input("out", 0))
            .and_then(|parser| parser.parse(&spec))
            .and_then(|()| graph.validate())
            .map_err(internal)?;
        Ok(graph)
    }
}

/// FFmpeg's name of the transfer characteristic of a picture of high dynamic range.
fn bright(picture: &frame::Video) -> Option<&'static str> {
    let transfer = picture.color_transfer_characteristic();
    if transfer == TransferCharacteristic::SMPTE2084 {
        Some("smpte2084")
    } else if transfer == TransferCharacteristic::ARIB_STD_B67 {
        Some("arib-std-b67")
    } else {
        None
    }
}

/// Filters that make BT.709 of high dynamic range: 203 cd/m² is the white of paper (ITU-R BT.2408), and what is up to
/// 1000 cd/m² is compressed into what is left above it.
fn to_standard_range(transfer: &str) -> String {
    format!(
        ",format=yuv444p10le,zscale=tin={transfer}:pin=2020:min=2020_ncl:p=2020:m=2020_ncl:t=linear:npl=203,format=gbrpf32le,\
         zscale=p=709,tonemap=tonemap=mobius:param=0.3:desat=0:peak=4.93,\
         zscale=t=709:m=709:p=709:r=limited:d=error_diffusion,format=yuv444p"
    )
}

/// Makes upright RGB pictures of a film's frames.
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
