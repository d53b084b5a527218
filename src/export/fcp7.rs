//! Final Cut Pro 7 XML (`xmeml` version 5), which Premiere and Resolve import.
//!
//! In and out points count frames of the file from its first; the file's own start timecode stands beside it.

use rushes_workers::time::{Rate, Timecode};

use super::xml::{Element, document};
use super::{CutList, ExportError, ExportFormat, Pick, RecordSpan, SourceFile};

/// Sound channels for which there is a track each.
const MOST_CHANNELS: u32 = 8;

/// The format.
#[derive(Debug)]
pub(super) struct Fcp7Xml;

impl ExportFormat for Fcp7Xml {
    fn name(&self) -> &'static str {
        "fcp7"
    }

    fn purpose(&self) -> &'static str {
        "Final Cut Pro 7 XML for Premiere; one rate"
    }

    fn extension(&self) -> &'static str {
        "xml"
    }

    fn media_type(&self) -> &'static str {
        "application/xml"
    }

    fn write(&self, list: &CutList) -> Result<Vec<u8>, ExportError> {
        let rate = list.single_rate(self.name())?;
        if !is_carried(rate) {
            return Err(ExportError::Rate {
                format: self.name(),
                rate,
            });
        }
        let record = list.record_timecode(self.name())?;
        let picks: Vec<Cut<'_>> = (1..)
            .zip(&list.picks)
            .zip(list.record_spans())
            .map(|((number, pick), span)| Cut {
                list,
                number,
                pick,
                span,
            })
            .collect();
        let channels = list.sources.iter().map(channels).max().unwrap_or(0);
        let mut described = vec![false; list.sources.len()];
        let picture = picks.iter().map(|cut| {
            let is_first = !std::mem::replace(&mut described[cut.pick.source], true);
            cut.item(None).holding(cut.end_of_picture(is_first))
        });
        let picture = Element::new("track").holding(picture);
        let sound = (1..=channels).map(|channel| {
            let cuts = picks.iter().filter(|cut| channels_of(cut) >= channel);
            let items = cuts.map(|cut| cut.item(Some(channel)).holding(cut.end_of_sound(channel)));
            Element::new("track").holding(items)
        });
        let (width, height) = picks.first().map_or((0, 0), |cut| cut.source().size);
        let look =
            Element::new("format").holding([Element::new("samplecharacteristics").holding([
                rate_element(rate),
                Element::text("width", width),
                Element::text("height", height),
                Element::text("pixelaspectratio", "square"),
            ])]);
        let mut media = vec![Element::new("video").holding([look, picture])];
        if channels > 0 {
            media.push(Element::new("audio").holding(sound));
        }
        let sequence = Element::new("sequence").with("id", "sequence-1").holding([
            Element::text("name", &list.name),
            Element::text("duration", list.record_frames()),
            rate_element(rate),
            timecode_element(record),
            Element::new("media").holding(media),
        ]);
        let root = Element::new("xmeml")
            .with("version", "5")
            .holding([sequence]);
        document("xmeml", &root)
    }
}

/// One pick with its place.
struct Cut<'a> {
    list: &'a CutList,
    number: usize,
    pick: &'a Pick,
    span: RecordSpan,
}

impl Cut<'_> {
    fn source(&self) -> &SourceFile {
        self.list.source(self.pick)
    }

    fn id(&self, channel: Option<u32>) -> String {
        match channel {
            None => format!("clipitem-{}-v", self.number),
            Some(channel) => format!("clipitem-{}-a{channel}", self.number),
        }
    }

    /// What picture and sound have in common.
    fn item(&self, channel: Option<u32>) -> Element {
        let source = self.source();
        Element::new("clipitem")
            .with("id", self.id(channel))
            .holding([
                Element::text("name", &self.pick.name),
                Element::text("enabled", "TRUE"),
                Element::text("duration", source.frames),
                rate_element(source.timecode.rate),
                Element::text("start", self.span.start),
                Element::text("end", self.span.end),
                Element::text("in", self.pick.start),
                Element::text("out", self.pick.end),
            ])
    }

    /// The file, described where it comes first, the markers and the links.
    fn end_of_picture(&self, is_first: bool) -> Vec<Element> {
        let file = if is_first {
            file_element(self.pick.source, self.source())
        } else {
            file_reference(self.pick.source)
        };
        let mut end = vec![file];
        end.extend(self.pick.markers.iter().map(|marker| {
            Element::new("marker").holding([
                Element::text("comment", &marker.comment),
                Element::text("name", &marker.name),
                Element::text("in", marker.frame.clamp(self.pick.start, self.pick.end - 1)),
                Element::text("out", -1),
            ])
        }));
        end.extend(self.links());
        if let Some(note) = &self.pick.note {
            let comments = [Element::text("mastercomment1", note)];
            end.push(Element::new("comments").holding(comments));
        }
        end
    }

    fn end_of_sound(&self, channel: u32) -> Vec<Element> {
        let track = Element::new("sourcetrack").holding([
            Element::text("mediatype", "audio"),
            Element::text("trackindex", channel),
        ]);
        let mut end = vec![file_reference(self.pick.source), track];
        end.extend(self.links());
        end
    }

    /// Its rank on the track of the picture or of a channel of sound, from 1: a track leaves out what lacks its channel.
    fn index_on_track(&self, channel: Option<u32>) -> usize {
        let needed = channel.unwrap_or(0);
        let before = self.list.picks.iter().take(self.number - 1);
        let on_it = before.filter(|pick| channels(self.list.source(pick)) >= needed);
        on_it.count() + 1
    }

    /// Picture and sound stay together when one is moved.
    fn links(&self) -> Vec<Element> {
        let channels = channels_of(self);
        if channels == 0 {
            return Vec::new();
        }
        let link = |channel: Option<u32>| {
            Element::new("link").holding([
                Element::text("linkclipref", self.id(channel)),
                Element::text(
                    "mediatype",
                    if channel.is_some() { "audio" } else { "video" },
                ),
                Element::text("trackindex", channel.unwrap_or(1)),
                Element::text("clipindex", self.index_on_track(channel)),
            ])
        };
        std::iter::once(None)
            .chain((1..=channels).map(Some))
            .map(link)
            .collect()
    }
}

fn channels(source: &SourceFile) -> u32 {
    source
        .audio
        .map_or(0, |audio| audio.channels.min(MOST_CHANNELS))
}

fn channels_of(cut: &Cut<'_>) -> u32 {
    channels(cut.source())
}

fn file_reference(index: usize) -> Element {
    Element::new("file").with("id", format!("file-{}", index + 1))
}

fn file_element(index: usize, source: &SourceFile) -> Element {
    let (width, height) = source.size;
    let mut media = vec![Element::new("video").holding([
        Element::text("duration", source.frames),
        Element::new("samplecharacteristics").holding([
            rate_element(source.timecode.rate),
            Element::text("width", width),
            Element::text("height", height),
        ]),
    ])];
    if let Some(audio) = source.audio {
        media.push(Element::new("audio").holding([
            Element::new("samplecharacteristics").holding([
                Element::text("depth", 16),
                Element::text("samplerate", audio.sample_rate),
            ]),
            Element::text("channelcount", audio.channels),
        ]));
    }
    file_reference(index).holding([
        Element::text("name", &source.file_name),
        Element::text("pathurl", pathurl(&source.url)),
        rate_element(source.timecode.rate),
        Element::text("duration", source.frames),
        timecode_element(source.timecode),
        Element::new("media").holding(media),
    ])
}

/// A file's URL with the host that this format wants.
fn pathurl(url: &str) -> String {
    match url.strip_prefix("file:///") {
        Some(path) => format!("file://localhost/{path}"),
        None => url.to_owned(),
    }
}

/// Whether the rate is a whole number of frames a second, or that number less one part in 1001.
const fn is_carried(rate: Rate) -> bool {
    rate.den() == 1 || (rate.den() == 1001 && rate.num().is_multiple_of(1000))
}

fn rate_element(rate: Rate) -> Element {
    Element::new("rate").holding([
        Element::text("timebase", rate.nominal()),
        Element::text("ntsc", if rate.den() == 1001 { "TRUE" } else { "FALSE" }),
    ])
}

fn timecode_element(timecode: Timecode) -> Element {
    Element::new("timecode").holding([
        rate_element(timecode.rate),
        Element::text("string", timecode.label(0)),
        Element::text("frame", timecode.start),
        Element::text(
            "displayformat",
            if timecode.drop_frame { "DF" } else { "NDF" },
        ),
    ])
}
