//! Reads a picture file upright, for use as a query.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Seek};
use std::path::Path;

use image::{DynamicImage, ImageDecoder as _, ImageError, ImageReader, Limits, RgbImage};

use super::SearchError;

/// Longest side of a picture in pixels. No camera makes larger ones.
const MAX_SIDE: u32 = 30_000;
/// Most memory for the pixels of a picture that came with a request, in bytes: 32 megapixels.
const MAX_SENT: u64 = 100 * 1024 * 1024;

/// Reads a picture and applies its EXIF or TIFF orientation. The result is RGB.
///
/// # Errors
/// [`SearchError::Picture`] if the file does not exist or is not a readable picture.
pub fn read_picture(file: &Path) -> Result<RgbImage, SearchError> {
    let wrap = |cause: String| SearchError::Picture {
        name: file.display().to_string(),
        cause,
    };
    let reader = File::open(file)
        .and_then(|file| ImageReader::new(BufReader::new(file)).with_guessed_format())
        .map_err(|error| wrap(unopened(&error)))?;
    decode(reader, Limits::default()).map_err(wrap)
}

/// Reads a picture that came with a request as `name`, as [`read_picture`] does, with less memory.
pub(super) fn read_sent_picture(bytes: &[u8], name: &str) -> Result<RgbImage, SearchError> {
    let wrap = |cause: String| SearchError::Picture {
        name: name.to_owned(),
        cause,
    };
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_SENT);
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    decode(reader.map_err(|error| wrap(unopened(&error)))?, limits).map_err(wrap)
}

/// Decodes a picture, or says why not. The content alone decides on the format: the name may be wrong.
fn decode<R: BufRead + Seek>(
    mut reader: ImageReader<R>,
    mut limits: Limits,
) -> Result<RgbImage, String> {
    if reader.format().is_none() {
        return Err(UNKNOWN.to_owned());
    }
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    reader.limits(limits.clone());
    let read = || {
        let mut decoder = reader.into_decoder()?;
        // The orientation may be unreadable in a picture that is readable.
        let orientation = decoder.orientation().ok();
        limits.reserve(decoder.total_bytes())?;
        decoder.set_limits(limits)?;
        let mut picture = DynamicImage::from_decoder(decoder)?;
        if let Some(orientation) = orientation {
            picture.apply_orientation(orientation);
        }
        Ok(picture.into_rgb8())
    };
    read().map_err(|error| undecoded(&error))
}

const UNKNOWN: &str = "not a picture in a supported format; use JPEG, PNG, WebP or TIFF";

/// Why a name is not a readable file.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others speak for themselves"
)]
fn unopened(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            "neither a file nor a shot id; give one of the two".to_owned()
        }
        io::ErrorKind::IsADirectory => "is a folder; give the name of a picture".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "permission denied; check the file's permissions".to_owned()
        }
        _ => format!("cannot be read: {error}"),
    }
}

/// Why a file is not read as a picture.
fn undecoded(error: &ImageError) -> String {
    match error {
        ImageError::Unsupported(_) => UNKNOWN.to_owned(),
        ImageError::Limits(_) => {
            "the picture is too large; scale it down, as a few hundred pixels per side are enough"
                .to_owned()
        }
        ImageError::IoError(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            unopened(error)
        }
        ImageError::Decoding(error) => match std::error::Error::source(error) {
            Some(cause) => format!("the picture is damaged: {cause}"),
            None => "the picture is damaged".to_owned(),
        },
        ImageError::IoError(_) | ImageError::Encoding(_) | ImageError::Parameter(_) => {
            "the picture is damaged".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use image::codecs::jpeg::JpegEncoder;
    use image::codecs::png::PngEncoder;
    use image::codecs::webp::WebPEncoder;
    use image::metadata::Orientation;
    use image::{ExtendedColorType, ImageEncoder, Rgb};

    use super::*;

    const WIDTH: u32 = 96;
    const HEIGHT: u32 = 64;

    /// A picture with four different corners.
    fn photograph() -> RgbImage {
        RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
            let cell = |value: u32| u8::try_from(value).unwrap();
            let spot = x.abs_diff(20).pow(2) + y.abs_diff(12).pow(2) < 90;
            Rgb([cell(2 * x), cell(3 * y), if spot { 250 } else { 40 }])
        })
    }

    /// The picture as a camera would store it in this orientation.
    fn stored(orientation: Orientation) -> RgbImage {
        let back = if orientation == Orientation::Rotate90 {
            Orientation::Rotate270
        } else if orientation == Orientation::Rotate270 {
            Orientation::Rotate90
        } else {
            orientation
        };
        let mut picture = DynamicImage::ImageRgb8(photograph());
        picture.apply_orientation(back);
        picture.into_rgb8()
    }

    /// A TIFF directory of short and long values, at offset 8 of a little-endian file.
    fn directory(entries: &[(u16, u32)], pixels: &[u8]) -> Vec<u8> {
        let count = u16::try_from(entries.len()).unwrap();
        let mut bytes = b"II*\0\x08\0\0\0".to_vec();
        bytes.extend(count.to_le_bytes());
        for (tag, value) in entries {
            bytes.extend(tag.to_le_bytes());
            // LONG, once.
            bytes.extend([4, 0, 1, 0, 0, 0]);
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend([0; 4]);
        bytes.extend(pixels);
        bytes
    }

    fn exif(orientation: Orientation) -> Vec<u8> {
        let mut bytes = directory(&[(0x0112, u32::from(orientation.to_exif()))], &[]);
        // Orientation is a SHORT in EXIF.
        bytes[12] = 3;
        bytes
    }

    fn tiff(picture: &RgbImage, orientation: Orientation) -> Vec<u8> {
        let pixels = picture.as_raw();
        let entries = [
            (0x0100, picture.width()),
            (0x0101, picture.height()),
            (0x0102, 8),
            (0x0103, 1),
            (0x0106, 2),
            (0x0111, 8 + 2 + 10 * 12 + 4),
            (0x0112, u32::from(orientation.to_exif())),
            (0x0115, 3),
            (0x0116, picture.height()),
            (0x0117, u32::try_from(pixels.len()).unwrap()),
        ];
        let mut bytes = directory(&entries, pixels);
        // BitsPerSample for three channels is three equal SHORTs, which do not fit here. Readers accept one
        // value for all. Orientation is a SHORT.
        bytes[10 + 6 * 12 + 2] = 3;
        bytes
    }

    fn encode(
        mut encoder: impl ImageEncoder,
        picture: &RgbImage,
        orientation: Orientation,
    ) -> image::ImageResult<()> {
        encoder.set_exif_metadata(exif(orientation)).unwrap();
        let (width, height) = picture.dimensions();
        encoder.write_image(picture.as_raw(), width, height, ExtendedColorType::Rgb8)
    }

    #[test]
    fn a_photograph_is_read_upright_however_it_is_stored() {
        let folder = tempfile::tempdir().unwrap();
        let upright = photograph();
        for orientation in (1..=8).filter_map(Orientation::from_exif) {
            let picture = stored(orientation);
            let file = |format: &str| {
                let mut bytes = Cursor::new(Vec::new());
                match format {
                    "jpg" => encode(
                        JpegEncoder::new_with_quality(&mut bytes, 98),
                        &picture,
                        orientation,
                    ),
                    "png" => encode(PngEncoder::new(&mut bytes), &picture, orientation),
                    "webp" => encode(WebPEncoder::new_lossless(&mut bytes), &picture, orientation),
                    _ => {
                        *bytes.get_mut() = tiff(&picture, orientation);
                        Ok(())
                    }
                }
                .unwrap();
                bytes.into_inner()
            };
            for (format, most) in [("png", 0), ("webp", 0), ("tif", 0), ("jpg", 40)] {
                let path = folder.path().join(format!("photograph.{format}"));
                std::fs::write(&path, file(format)).unwrap();
                let read = read_picture(&path).unwrap();
                assert_eq!(
                    read.dimensions(),
                    (WIDTH, HEIGHT),
                    "{format} {orientation:?}"
                );
                let pairs = read.as_raw().iter().zip(upright.as_raw());
                let farthest = pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap();
                assert!(farthest <= most, "{format} {orientation:?}: {farthest}");
            }
        }
    }

    #[test]
    fn what_is_no_picture_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words.jpg");
        std::fs::write(&path, "no picture").unwrap();
        let error = read_picture(&path).unwrap_err();
        assert!(error.to_string().contains("words.jpg"), "{error}");
    }
}
