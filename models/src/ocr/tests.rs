//! Text drawn by `FFmpeg`, and read back. `DejaVu` is there wherever `FFmpeg` can draw text on Debian.

use std::path::Path;
use std::process::Command;

use image::RgbImage;

use super::*;
use crate::ModelStore;
use crate::testing::{material, models};

fn reader() -> Option<TextReader> {
    let store = ModelStore::new(models(&["ppocr-v5", "onnxruntime"])?);
    Some(TextReader::open(&store, "ppocr-v5", 2).unwrap())
}

/// A picture of 1280 × 720 with lines of text: what, its size in pixels, and its place.
fn card(folder: &Path, font: &str, lines: &[(&str, u32, &str)]) -> RgbImage {
    let drawn: Vec<String> = lines
        .iter()
        .enumerate()
        .map(|(n, (text, size, place))| {
            let file = folder.join(format!("{n}.txt"));
            std::fs::write(&file, text).unwrap();
            format!(
                "drawtext=font='{font}':textfile={}:fontsize={size}:fontcolor=white:borderw=2:{place}",
                file.display()
            )
        })
        .collect();
    let out = folder.join("card.png");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i"])
        .arg("gradients=s=1280x720:seed=7:c0=0x203040:c1=0x805030:x0=0:y0=0:x1=1280:y1=720:d=1")
        .args(["-vf", &drawn.join(","), "-frames:v", "1"])
        .arg(&out)
        .status()
        .unwrap();
    assert!(made.success());
    image::open(&out).unwrap().into_rgb8()
}

#[test]
fn drawn_lines_are_read_where_they_are() {
    let Some(mut reader) = reader() else { return };
    let folder = tempfile::tempdir().unwrap();
    let lines = [
        ("THE LONG NIGHT", 96, "x=(w-tw)/2:y=120"),
        ("Scene 12, take 3: a café near Zürich", 32, "x=100:y=360"),
        ("Before the rain came, Thérèse.", 40, "x=(w-tw)/2:y=640"),
    ];
    let read = reader
        .read(&card(folder.path(), "DejaVu Sans", &lines))
        .unwrap();
    let texts: Vec<&str> = read.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts, lines.map(|(text, ..)| text));
    let [left, top, right, bottom] = read[0].place.bounds();
    assert!(
        top > 90.0 && bottom < 230.0 && left > 150.0 && right < 1130.0,
        "{read:?}"
    );
}

#[test]
fn small_and_serif_and_fixed_width_letters_are_read() {
    let Some(mut reader) = reader() else { return };
    // Without an l: at 20 pixels it differs from an I by less than rounding in the network.
    let text = "Quick brown foxes jump over 1947 busy dogs";
    for font in ["DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono"] {
        for size in [20, 28, 44] {
            let folder = tempfile::tempdir().unwrap();
            let picture = card(folder.path(), font, &[(text, size, "x=40:y=300")]);
            let read = reader.read(&picture).unwrap();
            let found: Vec<&str> = read.iter().map(|line| line.text.as_str()).collect();
            assert_eq!(found, [text], "{font} {size}");
        }
    }
}

#[test]
fn pictures_without_text_have_none() {
    let Some(mut reader) = reader() else { return };
    for picture in [
        RgbImage::new(1, 1),
        RgbImage::new(640, 3),
        RgbImage::from_pixel(640, 360, image::Rgb([250, 250, 250])),
    ] {
        assert_eq!(reader.read(&picture).unwrap(), []);
    }
    let Some(material) = material() else { return };
    let picture = image::open(material.join("faces/blazeface_4faces.png")).unwrap();
    assert_eq!(reader.read(&picture.into_rgb8()).unwrap(), []);
}

#[test]
fn a_repeated_character_counts_once_and_a_blank_between_makes_it_two() {
    let characters = ["", "a", "b"].map(str::to_owned);
    let columns = |classes: &[usize]| -> Vec<f32> {
        classes
            .iter()
            .flat_map(|&class| (0..3).map(move |n| if n == class { 0.8 } else { 0.1 }))
            .collect()
    };
    assert_eq!(spell(&columns(&[0, 1, 1, 0, 1, 2]), &characters).0, "aab");
    assert_eq!(spell(&columns(&[0, 0]), &characters), (String::new(), 0.0));
}

#[test]
fn the_list_of_characters_keeps_spaces() {
    let list = "blank\na\n\u{3000}\n \n";
    assert_eq!(characters(list), ["", "a", "\u{3000}", " "]);
}

#[test]
fn the_finder_sees_sides_that_it_can() {
    assert_eq!(seen_size((1280, 720), 736), (736, 416));
    assert_eq!(seen_size((10, 4000), 736), (32, 736));
    assert_eq!(seen_size((320, 240), 736), (320, 256));
}

#[test]
fn pieces_of_a_row_come_from_left_to_right() {
    let piece = |text: &str, left: f32, top: f32| TextLine {
        text: text.to_owned(),
        score: 1.0,
        place: LineBox {
            origin: [left, top],
            right: [100.0, 0.0],
            down: [0.0, 40.0],
        },
    };
    let lines = vec![
        piece("below", 0.0, 60.0),
        piece("second", 200.0, 8.0),
        piece("first", 0.0, 14.0),
    ];
    let read = in_reading_order(lines);
    let texts: Vec<&str> = read.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts, ["first", "second", "below"]);
}

#[test]
fn wide_signs_are_common_ones_outside_of_chinese_writing() {
    assert_eq!(in_common_forms("Zürich\u{ff0c} １4"), "Zürich, 14");
    assert_eq!(in_common_forms("上海\u{ff0c}北京"), "上海\u{ff0c}北京");
}
