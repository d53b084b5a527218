//! The one table of file formats: which are opened, searched for in folders, or only reported.
//!
//! Content takes precedence over names. A format that cannot be opened has a row if its files show people:
//! redaction of a folder must not skip such a file silently.

use super::Accepts;

/// The kind of content of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// A still picture.
    Picture,
    /// Moving pictures.
    Video,
    /// Sound alone.
    Sound,
}

/// Bytes at positions of a file's head, all of which must match.
type Magic = &'static [(usize, &'static [u8])];

/// A file format.
#[derive(Debug)]
pub struct MediaFormat {
    /// Its name, for people.
    pub name: &'static str,
    /// The kind of content.
    pub medium: Medium,
    /// FFmpeg's name of the demuxer that opens it; `None` if FFmpeg must not open it.
    pub demuxer: Option<&'static str>,
    /// Extensions in lower case, without the dot.
    pub extensions: &'static [&'static str],
    /// Magic numbers; any one of them suffices.
    magic: &'static [Magic],
    /// Whether it can be redacted.
    pub redacted: bool,
}

/// The demuxer of MP4 and MOV. These also hold audio files and our proxies.
const MP4: &str = "mov,mp4,m4a,3gp,3g2,mj2";

/// The codecs of our own proxies.
const PROXY_CODECS: &str = "h264,aac";

/// Length of a file's head that identifies its format, in bytes.
pub const HEAD: usize = 600;

const fn picture(
    name: &'static str,
    extensions: &'static [&'static str],
    magic: &'static [Magic],
    redacted: bool,
) -> MediaFormat {
    MediaFormat {
        name,
        medium: Medium::Picture,
        demuxer: None,
        extensions,
        magic,
        redacted,
    }
}

const fn video(
    name: &'static str,
    demuxer: &'static str,
    extensions: &'static [&'static str],
    magic: &'static [Magic],
) -> MediaFormat {
    MediaFormat {
        name,
        medium: Medium::Video,
        demuxer: Some(demuxer),
        extensions,
        magic,
        redacted: true,
    }
}

/// A video format that is not opened: its demuxer is not worth the risk.
const fn closed(
    name: &'static str,
    extensions: &'static [&'static str],
    magic: &'static [Magic],
) -> MediaFormat {
    MediaFormat {
        name,
        medium: Medium::Video,
        demuxer: None,
        extensions,
        magic,
        redacted: false,
    }
}

/// Opened so that it is refused for having no pictures, not as unknown. It is recognised by bytes with which no
/// video starts: the brand of an MP4 proves nothing, and MP3 tags may precede anything.
const fn sound(
    name: &'static str,
    demuxer: &'static str,
    extensions: &'static [&'static str],
    magic: &'static [Magic],
) -> MediaFormat {
    MediaFormat {
        name,
        medium: Medium::Sound,
        demuxer: Some(demuxer),
        extensions,
        magic,
        redacted: false,
    }
}

/// All formats, pictures first, because some of them start like MP4.
pub const FORMATS: &[MediaFormat] = &[
    picture(
        "JPEG",
        &["jpg", "jpeg", "jpe", "jfif", "mpo"],
        &[&[(0, b"\xFF\xD8")]],
        true,
    ),
    picture("PNG", &["png"], &[&[(0, b"\x89PNG")]], true),
    picture("WebP", &["webp"], &[&[(0, b"RIFF"), (8, b"WEBP")]], true),
    picture(
        "TIFF",
        &["tif", "tiff"],
        &[
            &[(0, b"II*\0")],
            &[(0, b"MM\0*")],
            &[(0, b"II+\0")],
            &[(0, b"MM\0+")],
        ],
        true,
    ),
    picture(
        "HEIF or AVIF",
        &["heic", "heif", "hif", "avif"],
        &[
            &[(4, b"ftypheic")],
            &[(4, b"ftypheix")],
            &[(4, b"ftypmif1")],
            &[(4, b"ftypavif")],
        ],
        false,
    ),
    picture("GIF", &["gif"], &[&[(0, b"GIF8")]], false),
    picture("BMP", &["bmp"], &[], false),
    picture("JPEG 2000", &["jp2"], &[&[(0, b"\0\0\0\x0CjP  ")]], false),
    picture("JPEG XL", &["jxl"], &[&[(0, b"\0\0\0\x0CJXL ")]], false),
    picture(
        "camera raw",
        &["dng", "arw", "cr2", "cr3", "nef", "orf", "raf", "rw2"],
        &[&[(4, b"ftypcrx ")]],
        false,
    ),
    sound("MPEG-4 sound", MP4, &["m4a"], &[]),
    video(
        "MP4 or QuickTime",
        MP4,
        &[
            "mp4", "mov", "m4v", "qt", "360", "3gp", "3g2", "f4v", "insv", "lrv",
        ],
        &[
            &[(4, b"ftyp")],
            &[(4, b"moov")],
            &[(4, b"mdat")],
            &[(4, b"wide")],
        ],
    ),
    video(
        "Matroska or WebM",
        "matroska,webm",
        &["mkv", "webm", "mk3d"],
        &[&[(0, b"\x1A\x45\xDF\xA3")]],
    ),
    video(
        "MPEG transport stream",
        "mpegts",
        &["ts", "m2ts", "mts", "m2t"],
        &[
            &[(0, b"G"), (188, b"G"), (376, b"G")],
            // With a timestamp before each packet, as on Blu-ray discs and in AVCHD.
            &[(4, b"G"), (196, b"G"), (388, b"G")],
        ],
    ),
    video(
        "MPEG program stream",
        "mpeg",
        &["mpg", "mpeg", "vob", "m2p"],
        &[&[(0, b"\0\0\x01\xBA")]],
    ),
    video(
        "MPEG video",
        "mpegvideo",
        &["m1v", "m2v", "mpv"],
        &[&[(0, b"\0\0\x01\xB3")]],
    ),
    video(
        "AVI",
        "avi",
        &["avi", "divx"],
        &[&[(0, b"RIFF"), (8, b"AVI")]],
    ),
    video(
        "MXF",
        "mxf",
        &["mxf"],
        &[&[(0, b"\x06\x0E\x2B\x34\x02\x05\x01\x01\x0D\x01\x02")]],
    ),
    video("Ogg", "ogg", &["ogv", "ogg", "ogm"], &[&[(0, b"OggS")]]),
    video("Flash video", "flv", &["flv"], &[&[(0, b"FLV\x01")]]),
    closed(
        "Windows Media",
        &["wmv", "asf"],
        &[&[(0, b"\x30\x26\xB2\x75\x8E\x66\xCF\x11")]],
    ),
    closed("DV", &["dv", "dif"], &[]),
    closed("RealMedia", &["rm", "rmvb"], &[&[(0, b".RMF")]]),
    closed(
        "a raw H.264, H.265 or MJPEG stream",
        &["h264", "264", "h265", "265", "hevc", "mjpeg", "mjpg"],
        &[],
    ),
    sound("WAVE", "wav", &["wav"], &[&[(0, b"RIFF"), (8, b"WAVE")]]),
    sound("FLAC", "flac", &["flac"], &[&[(0, b"fLaC")]]),
    sound("MP3", "mp3", &["mp3"], &[]),
];

impl MediaFormat {
    /// The format of a file, by its first [`HEAD`] bytes.
    #[must_use]
    pub fn of_head(head: &[u8]) -> Option<&'static Self> {
        FORMATS.iter().find(|format| {
            format.magic.iter().any(|magic| {
                magic
                    .iter()
                    .all(|(at, bytes)| head.get(*at..).is_some_and(|rest| rest.starts_with(bytes)))
            })
        })
    }

    /// The format of a file, by its extension.
    #[must_use]
    pub fn of_name(name: &str) -> Option<&'static Self> {
        let (_, extension) = name.rsplit_once('.')?;
        FORMATS.iter().find(|format| {
            let mut extensions = format.extensions.iter();
            extensions.any(|known| known.eq_ignore_ascii_case(extension))
        })
    }

    /// Whether its files can be ingested: videos that can be opened.
    #[must_use]
    pub const fn ingested(&self) -> bool {
        matches!(self.medium, Medium::Video) && self.demuxer.is_some()
    }

    /// Whether MP4 or MOV files have this extension, in lower case.
    pub(super) fn is_mp4_extension(extension: &str) -> bool {
        FORMATS
            .iter()
            .filter(|format| format.medium == Medium::Video && format.demuxer == Some(MP4))
            .any(|format| format.extensions.contains(&extension))
    }
}

impl Accepts {
    /// The allowed demuxers, by FFmpeg's names. None of them can open another file.
    pub(super) fn demuxers(self) -> String {
        match self {
            Self::Videos => {
                let demuxers: Vec<&str> =
                    FORMATS.iter().filter_map(|format| format.demuxer).collect();
                demuxers.join(",")
            }
            Self::Proxies => MP4.to_owned(),
        }
    }

    /// The allowed decoders; `None` allows all.
    pub(super) const fn codecs(self) -> Option<&'static str> {
        match self {
            Self::Videos => None,
            Self::Proxies => Some(PROXY_CODECS),
        }
    }

    /// Whether a demuxer is allowed, by FFmpeg's name.
    pub(super) fn opens(self, demuxer: &str) -> bool {
        let allowed = self.demuxers();
        demuxer
            .split(',')
            .any(|name| allowed.split(',').any(|allowed| allowed == name))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The shortest heads that identify each format.
    pub(crate) fn heads(format: &MediaFormat) -> Vec<Vec<u8>> {
        let of_magic = |magic: &Magic| {
            let mut head = vec![0; HEAD];
            for (at, bytes) in *magic {
                head[*at..at + bytes.len()].copy_from_slice(bytes);
            }
            head
        };
        format.magic.iter().map(of_magic).collect()
    }

    #[test]
    fn every_row_is_found_by_its_heads_and_its_names() {
        for format in FORMATS {
            for head in heads(format) {
                assert_eq!(MediaFormat::of_head(&head).unwrap().name, format.name);
            }
            assert!(!format.extensions.is_empty(), "{}", format.name);
            for extension in format.extensions {
                for name in [
                    format!("a.{extension}"),
                    format!("a.b.{}", extension.to_uppercase()),
                ] {
                    let found = MediaFormat::of_name(&name).unwrap();
                    assert_eq!(found.name, format.name, "{name}");
                }
            }
        }
        assert!(MediaFormat::of_head(&[0; HEAD]).is_none());
        assert!(MediaFormat::of_head(b"").is_none());
        for name in ["mp4", "notes.txt", "a.", ""] {
            assert!(MediaFormat::of_name(name).is_none(), "{name}");
        }
    }

    #[test]
    fn what_is_ingested_or_redacted_is_opened() {
        for format in FORMATS {
            let opened = format
                .demuxer
                .is_some_and(|demuxer| Accepts::Videos.opens(demuxer));
            match format.medium {
                Medium::Video => assert_eq!(format.redacted, opened, "{}", format.name),
                Medium::Sound => assert!(opened && !format.redacted, "{}", format.name),
                Medium::Picture => assert!(!opened, "{}", format.name),
            }
            assert_eq!(
                format.ingested(),
                opened && format.medium == Medium::Video,
                "{}",
                format.name
            );
        }
    }

    #[test]
    fn the_demuxers_are_those_of_the_linked_library() {
        for format in FORMATS {
            let Some(demuxer) = format.demuxer else {
                continue;
            };
            let known = crate::media::ffi::has_demuxer(demuxer.split(',').next().unwrap());
            assert!(known, "{demuxer}");
        }
    }

    #[test]
    fn proxies_are_opened_by_one_demuxer() {
        assert!(Accepts::Proxies.opens("mov"));
        assert!(!Accepts::Proxies.opens("matroska,webm"));
        assert!(!Accepts::Videos.opens("asf"));
    }
}
