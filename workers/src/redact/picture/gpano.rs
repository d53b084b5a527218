//! What XMP says of a panorama (Google Photo Sphere XMP metadata, `GPano`).

use quick_xml::Reader;
use quick_xml::events::Event;
use serde::{Deserialize, Serialize};

const NAMESPACE: &[u8] = b"http://ns.google.com/photos/1.0/panorama/";

/// The panorama that a picture is, or is a part of.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GPano {
    /// `ProjectionType`, e.g. `equirectangular`.
    pub projection: Option<String>,
    /// `FullPanoWidthPixels`: pixels around the whole sphere.
    pub full_width: Option<u32>,
    /// `FullPanoHeightPixels`: pixels from zenith to nadir.
    pub full_height: Option<u32>,
    /// `CroppedAreaImageWidthPixels`.
    pub cropped_width: Option<u32>,
    /// `CroppedAreaImageHeightPixels`.
    pub cropped_height: Option<u32>,
    /// `CroppedAreaLeftPixels`: where the picture begins in the whole.
    pub cropped_left: Option<u32>,
    /// `CroppedAreaTopPixels`.
    pub cropped_top: Option<u32>,
    /// `PoseHeadingDegrees`: compass heading of the centre.
    pub heading: Option<f64>,
    /// `PosePitchDegrees`.
    pub pitch: Option<f64>,
    /// `PoseRollDegrees`.
    pub roll: Option<f64>,
}

impl GPano {
    fn set(&mut self, name: &[u8], value: &str) {
        let value = value.trim();
        let number = || value.parse::<f64>().ok().filter(|v| v.is_finite());
        match name {
            b"ProjectionType" => self.projection = Some(value.chars().take(64).collect()),
            b"FullPanoWidthPixels" => self.full_width = number().and_then(pixels),
            b"FullPanoHeightPixels" => self.full_height = number().and_then(pixels),
            b"CroppedAreaImageWidthPixels" => self.cropped_width = number().and_then(pixels),
            b"CroppedAreaImageHeightPixels" => self.cropped_height = number().and_then(pixels),
            b"CroppedAreaLeftPixels" => self.cropped_left = number().and_then(pixels),
            b"CroppedAreaTopPixels" => self.cropped_top = number().and_then(pixels),
            b"PoseHeadingDegrees" => self.heading = number(),
            b"PosePitchDegrees" => self.pitch = number(),
            b"PoseRollDegrees" => self.roll = number(),
            _ => {}
        }
    }
}

/// Some writers give pixels with a fraction, such as `4096.0`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range was checked"
)]
fn pixels(value: f64) -> Option<u32> {
    let rounded = value.round();
    (0.0..=f64::from(u32::MAX))
        .contains(&rounded)
        .then_some(rounded as u32)
}

/// Reads the panorama of an XMP packet, in its attribute or its element form. Damaged XML counts up
/// to the damage.
pub(crate) fn read(xmp: &[u8]) -> Option<GPano> {
    let mut prefixes = vec![b"GPano".to_vec()];
    let mut found = GPano::default();
    let mut reader = Reader::from_reader(xmp);
    reader.config_mut().check_end_names = false;
    // The property whose element is open.
    let mut open: Option<Vec<u8>> = None;
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(tag) | Event::Empty(tag) => {
                for attribute in tag.attributes().with_checks(false).flatten() {
                    let key = attribute.key.as_ref();
                    if let Some(prefix) = key.strip_prefix(b"xmlns:") {
                        // Each is compared with the name of every property.
                        if attribute.value.as_ref() == NAMESPACE && prefixes.len() < 16 {
                            prefixes.push(prefix.to_vec());
                        }
                    } else if let Some(name) = property(key, &prefixes) {
                        found.set(name, &String::from_utf8_lossy(&attribute.value));
                    }
                }
                open = property(tag.name().as_ref(), &prefixes).map(<[u8]>::to_vec);
            }
            Event::Text(text) => {
                if let Some(name) = &open {
                    found.set(name, &String::from_utf8_lossy(&text));
                }
            }
            Event::End(_) => open = None,
            Event::Eof => break,
            Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
    (found != GPano::default()).then_some(found)
}

/// The local name of a `GPano` property.
fn property<'a>(key: &'a [u8], prefixes: &[Vec<u8>]) -> Option<&'a [u8]> {
    let colon = key.iter().position(|&b| b == b':')?;
    prefixes
        .iter()
        .any(|prefix| prefix == &key[..colon])
        .then(|| &key[colon + 1..])
}
