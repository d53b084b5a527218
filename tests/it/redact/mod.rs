//! `rushes redact` on pictures: what comes out, what stays, and what happens when things go wrong.

mod batches;
mod faces;
mod pictures;

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use serde_json::Value;

use crate::disk_full::SmallDisk;
use crate::support::{Rushes, material, told};

/// The binary, and folders for originals and outputs.
struct Bench {
    rushes: Rushes,
    originals: PathBuf,
    out: PathBuf,
}

impl Bench {
    fn new() -> Option<Self> {
        let rushes = Rushes::new()?;
        let (originals, out) = (
            rushes.folder.path().join("in"),
            rushes.folder.path().join("out"),
        );
        std::fs::create_dir(&originals).unwrap();
        Some(Self {
            rushes,
            originals,
            out,
        })
    }

    fn original(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.originals.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Redacts faces in the originals.
    fn run(&self, more: &[&str]) -> Output {
        self.run_on(&self.originals, more)
    }

    fn run_on(&self, path: &Path, more: &[&str]) -> Output {
        let mut args = vec![
            "redact",
            path.to_str().unwrap(),
            "-o",
            self.out.to_str().unwrap(),
        ];
        args.extend(["--json"]);
        if !more.contains(&"--classes") {
            args.extend(["--classes", "face"]);
        }
        args.extend(more);
        self.rushes.run(&args)
    }

    fn record(&self, name: &str) -> Value {
        let path = self.out.join(format!("{name}.redaction.json"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    /// Every file in the output folder, hidden ones too.
    fn outputs(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(&self.out) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// What was said of a file.
fn line(output: &Output, name: &str) -> Value {
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|line| {
            line["file"]
                .as_str()
                .is_some_and(|file| file.ends_with(name))
        })
        .unwrap_or_else(|| panic!("nothing is said of {name}: {}", told(output)))
}

fn summary(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text
        .lines()
        .last()
        .unwrap_or_else(|| panic!("{}", told(output)));
    serde_json::from_str::<Value>(last).unwrap()["summary"].clone()
}

/// A picture with detail and no face.
fn pattern(width: u32, height: u32, seed: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let v = u8::try_from((x / 7 + y / 5 + seed) % 5 * 40).unwrap();
        Rgb([v, 255 - v, u8::try_from((x + seed) % 200).unwrap()])
    })
}

fn encoded(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(picture.clone())
        .write_to(&mut bytes, format)
        .unwrap();
    bytes.into_inner()
}

pub(crate) fn jpeg(seed: u32) -> Vec<u8> {
    encoded(&pattern(160, 120, seed), ImageFormat::Jpeg)
}

/// A JPEG with one more segment behind its start.
fn with_segment(jpeg: &[u8], marker: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xFF, marker], &length, payload, &jpeg[2..]].concat()
}

fn pixels(path: &Path) -> RgbImage {
    image::ImageReader::open(path)
        .unwrap()
        .with_guessed_format()
        .unwrap()
        .decode()
        .unwrap()
        .to_rgb8()
}
