//! Decides by name which subtitle files belong to a video.

use std::path::Path;

use unicode_normalization::UnicodeNormalization as _;

/// Extensions of the subtitle files that are read.
const EXTENSIONS: &[&str] = &["srt", "vtt", "ass", "ssa", "ttml", "dfxp", "itt"];

/// Languages, one per line: the code to store, then other codes and names. It has the codes of ISO 639-1 and
/// ISO 639-2, and the English names of the languages of ISO 639-1.
const LANGUAGES: &str = include_str!("languages.txt");

/// Words in a name that state the kind of track.
const KINDS: &[&str] = &["sdh", "cc", "hi", "default", "full"];

/// What the name of a sidecar file states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SidecarName {
    /// The language in lower case, e.g. `en` or `pt-br`, if the name has one.
    pub language: Option<String>,
    /// Whether it holds only the lines that every viewer needs, such as those in a foreign language.
    pub forced: bool,
}

/// Whether a file name is that of a supported subtitle file.
#[must_use]
pub fn is_subtitle_name(name: &str) -> bool {
    let extension = Path::new(name).extension();
    extension.is_some_and(|found| {
        EXTENSIONS
            .iter()
            .any(|known| found.eq_ignore_ascii_case(known))
    })
}

/// What the name of `subtitle` states if it is a sidecar of `video`; `None` if it is not.
///
/// Both are bare file names, compared after Unicode normalisation. A language and the kind of track may stand
/// between the video's name (with or without its extension) and the subtitle's extension: `video.srt`,
/// `video.mp4.srt`, `video.en.vtt`, `video.pt-BR.sdh.srt`. With any other word, as in `video.take2.srt`, the
/// file belongs to another video.
#[must_use]
pub fn sidecar(video: &str, subtitle: &str) -> Option<SidecarName> {
    if !is_subtitle_name(subtitle) {
        return None;
    }
    let video: String = video.nfc().collect();
    let subtitle: String = subtitle.nfc().collect();
    let stem = video
        .rsplit_once('.')
        .map_or(video.as_str(), |(stem, _)| stem);
    let (name, _) = subtitle.rsplit_once('.')?;
    [video.as_str(), stem]
        .into_iter()
        .filter_map(|of| name.strip_prefix(of))
        .find_map(tags)
}

/// The words after a video's name, each preceded by a full stop.
fn tags(rest: &str) -> Option<SidecarName> {
    let mut found = SidecarName {
        language: None,
        forced: false,
    };
    let mut words = rest.split('.');
    // Nothing may stand between the video's name and the first full stop.
    if words.next() != Some("") {
        return None;
    }
    for word in words {
        let word = word.to_lowercase();
        if word == "forced" {
            found.forced = true;
        } else if found.language.as_deref().is_none_or(|known| known == "hi")
            && let Some(language) = language(&word)
        {
            // `hi` alone is Hindi; beside a language it is "hearing impaired".
            found.language = Some(language);
        } else if !KINDS.contains(&word.as_str()) {
            return None;
        }
    }
    Some(found)
}

/// The language of `word`, in lower case: a code or name of the list, or such a code with script and region as
/// in BCP 47 (`zh-hant`, `pt_br`, `es-419`).
fn language(word: &str) -> Option<String> {
    let (primary, rest) = word
        .split_once(['-', '_'])
        .map_or((word, None), |(primary, rest)| (primary, Some(rest)));
    let line = LANGUAGES
        .lines()
        .find(|line| line.split(' ').any(|name| name == primary))?;
    let Some(rest) = rest else {
        let code = line.split(' ').next().filter(|_| primary.len() > 3);
        return Some(code.unwrap_or(primary).to_owned());
    };
    let subtag = |part: &str| match part.len() {
        2 => part.bytes().all(|byte| byte.is_ascii_alphabetic()),
        3 => part.bytes().all(|byte| byte.is_ascii_digit()),
        4 => part.bytes().all(|byte| byte.is_ascii_alphabetic()),
        _ => false,
    };
    let sound = primary.len() <= 3 && rest.split(['-', '_']).all(subtag);
    sound.then(|| word.replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(language: &str, forced: bool) -> SidecarName {
        SidecarName {
            language: (!language.is_empty()).then(|| language.to_owned()),
            forced,
        }
    }

    #[test]
    fn sidecars_are_told_by_name() {
        for (name, language, forced) in [
            ("video.srt", "", false),
            ("video.SRT", "", false),
            ("video.mp4.srt", "", false),
            ("video.mp4.en.srt", "en", false),
            ("video.en.vtt", "en", false),
            ("video.eng.srt", "eng", false),
            ("video.English.srt", "en", false),
            ("video.en.sdh.srt", "en", false),
            ("video.sdh.en.srt", "en", false),
            ("video.en.hi.srt", "en", false),
            ("video.hi.srt", "hi", false),
            ("video.hi.en.srt", "en", false),
            ("video.en.forced.srt", "en", true),
            ("video.forced.srt", "", true),
            ("video.default.ass", "", false),
            ("video.pt-BR.srt", "pt-br", false),
            ("video.zh_Hant.srt", "zh-hant", false),
            ("video.es-419.cc.ttml", "es-419", false),
            ("video.und.ssa", "und", false),
        ] {
            assert_eq!(
                sidecar("video.mp4", name),
                Some(named(language, forced)),
                "{name}"
            );
        }
    }

    #[test]
    fn files_of_other_videos_are_none() {
        for name in [
            "video2.srt",
            "video.take2.srt",
            "video.the whole story.srt",
            "video.txt",
            "video.v1.en.srt",
            "video..srt",
            "video.en.de.srt",
            "video.en-take2.srt",
            "video.mp4",
            "other.srt",
            "fil.srt",
        ] {
            assert_eq!(sidecar("video.mp4", name), None, "{name}");
        }
        // A word in the video's own name must be in the sidecar's name too.
        assert_eq!(sidecar("video.take2.mp4", "video.srt"), None);
        assert_eq!(
            sidecar("video.take2.mp4", "video.take2.srt"),
            Some(named("", false))
        );
    }

    #[test]
    fn names_are_the_same_however_their_accents_are_written() {
        let (composed, decomposed) = ("M\u{fc}ller", "Mu\u{308}ller");
        for (video, subtitle) in [(composed, decomposed), (decomposed, composed)] {
            let found = sidecar(&format!("{video}.mp4"), &format!("{subtitle}.de.srt"));
            assert_eq!(found, Some(named("de", false)));
        }
        let hangul = sidecar("\u{1112}\u{1161}\u{11ab}.mp4", "\u{d55c}.ko.srt");
        assert_eq!(hangul, Some(named("ko", false)));
    }
}
