//! Which names a watcher takes.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use rushes_workers::dialogue::is_subtitle_name;

use crate::ingest::is_video_name;

/// Endings of files that a program is still writing.
const TEMPORARY: &[&str] = &[
    ".part",
    ".partial",
    ".crdownload",
    ".download",
    ".filepart",
    ".tmp",
    "~",
];

/// Decides by the name of a file below a place. Names use `/`.
#[derive(Debug, Clone)]
pub(super) struct NameFilter {
    /// Patterns without `/`, for each part of a name.
    parts: GlobSet,
    /// Patterns with `/`, for the whole name and the folders above it.
    names: GlobSet,
}

impl NameFilter {
    /// Leaves out what matches one of the patterns `ignore`.
    pub(super) fn new(ignore: &[String]) -> Result<Self, globset::Error> {
        let (mut parts, mut names) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for pattern in ignore {
            let trimmed = pattern.trim_matches('/');
            let glob = GlobBuilder::new(trimmed).literal_separator(true).build()?;
            if trimmed.contains('/') {
                names.add(glob);
            } else {
                parts.add(glob);
            }
        }
        Ok(Self {
            parts: parts.build()?,
            names: names.build()?,
        })
    }

    /// Whether a file counts: a video or subtitle file that is neither temporary, hidden nor ignored.
    pub(super) fn takes(&self, name: &str) -> bool {
        let last = name.rsplit('/').next().unwrap_or(name);
        (is_video_name(last) || is_subtitle_name(last)) && self.enters(name)
    }

    /// Whether to look into a folder.
    pub(super) fn enters(&self, name: &str) -> bool {
        let is_left_out = name.split('/').any(|part| {
            part.starts_with(['.', '~'])
                || TEMPORARY
                    .iter()
                    .any(|ending| part.to_lowercase().ends_with(ending))
                || self.parts.is_match(part)
        });
        let folders = name.match_indices('/').map(|(end, _)| &name[..end]);
        !is_left_out
            && !folders
                .chain([name])
                .any(|folder| self.names.is_match(folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(ignore: &[&str]) -> NameFilter {
        let ignore: Vec<String> = ignore.iter().map(|&glob| glob.to_owned()).collect();
        NameFilter::new(&ignore).unwrap()
    }

    #[test]
    fn videos_and_subtitles_are_taken_and_temporary_names_are_not() {
        let filter = filter(&[]);
        for name in ["a.mp4", "day 1/B.MOV", "a.en.srt", "a/b/c.mkv"] {
            assert!(filter.takes(name), "{name}");
        }
        for name in [
            "a.mp4.part",
            "a.mp4.crdownload",
            "a.mp4~",
            "~a.mp4",
            ".a.mp4.Xy12",
            ".a.mp4",
            ".trash/a.mp4",
            "a.mp4.Download/a.mp4",
            "notes.txt",
            "a",
        ] {
            assert!(!filter.takes(name), "{name}");
        }
    }

    #[test]
    fn a_pattern_without_a_slash_is_for_any_part_and_one_with_a_slash_for_the_whole() {
        let filter = filter(&["*_proxy.*", "cache", "day1/raw", "out/**/x.mp4"]);
        for name in [
            "a_proxy.mp4",
            "day2/b_proxy.mov",
            "cache/a.mp4",
            "b/cache/a.mp4",
            "day1/raw/a.mp4",
            "out/x.mp4",
            "out/b/c/x.mp4",
        ] {
            assert!(!filter.takes(name), "{name}");
        }
        for name in ["a.mp4", "day2/raw/a.mp4", "cached/a.mp4", "x.mp4"] {
            assert!(filter.takes(name), "{name}");
        }
        assert!(NameFilter::new(&["[".to_owned()]).is_err());
    }
}
