//! The names of the sheets.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Parses the name of a sheet. It must be a PNG, so that no video is overwritten by mistake.
pub(super) fn parse_png(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let is_png = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    if is_png {
        Ok(path)
    } else {
        Err("sheets are PNG files; use a name that ends in .png".to_owned())
    }
}

/// The name of each video's first sheet: `sheet` itself for one video, `sheet-VIDEO.png` for several. Videos
/// with the same name get a number.
pub(super) fn of_sheets(sheet: &Path, videos: &[String]) -> Vec<PathBuf> {
    if videos.len() == 1 {
        return vec![sheet.to_owned()];
    }
    let stem = |path: &Path| {
        path.file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
    };
    let mut taken = HashSet::new();
    let names = videos.iter().map(|video| {
        // No dots: the shots of `SHEET.png` continue in `SHEET.2.png`.
        let video = stem(Path::new(video)).replace('.', "-");
        let name = format!("{}-{video}", stem(sheet));
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.clone())
            .chain(numbered)
            .find(|name| taken.insert(name.clone()));
        sheet.with_file_name(format!("{}.png", free.unwrap_or(name)))
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sheet: &str, videos: &[&str]) -> Vec<String> {
        let videos: Vec<String> = videos.iter().map(|&video| video.to_owned()).collect();
        of_sheets(Path::new(sheet), &videos)
            .iter()
            .map(|path| path.display().to_string())
            .collect()
    }

    #[test]
    fn each_video_has_a_sheet_of_its_own() {
        assert_eq!(names("out/a.png", &["x/video.mp4"]), ["out/a.png"]);
        assert_eq!(
            names(
                "out/a.png",
                &[
                    "video.mp4",
                    "x/video.mp4",
                    "video-2.mov",
                    "s3://b/k/c.d.mxf"
                ]
            ),
            [
                "out/a-video.png",
                "out/a-video-2.png",
                "out/a-video-2-2.png",
                "out/a-c-d.png"
            ]
        );
    }

    #[test]
    fn only_a_png_is_written() {
        assert!(parse_png("a.PNG").is_ok());
        for wrong in ["video.mp4", "a", "png", "a.jpg"] {
            assert!(parse_png(wrong).is_err(), "{wrong}");
        }
    }
}
