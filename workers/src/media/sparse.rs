//! Pictures at a few moments of a clip, with as little decoding as possible.
//!
//! If frames are stored in display order, the packets' own timestamps say which frame is shown when, before
//! anything is decoded. In each group of pictures only the frames up to the last wanted one are decoded, and
//! groups without a wanted frame are skipped. Proxies start such a group at each frame that is usually sampled.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::{Packet, frame};

use super::MediaError;
use super::frames::{Frame, FrameReader};
use super::open::is_again;
use super::picture::PictureMaker;
use super::sample::TimedPicture;

/// The pictures shown at `moments`, which ascend, with their timestamps; the same ones that decoding the whole clip would
/// give. `None` if that is not certain: damage, reordered frames, or a codec other than H.264.
///
/// # Errors
/// If a picture cannot be converted.
pub(super) fn pictures(
    reader: &mut FrameReader,
    maker: &mut PictureMaker,
    moments: &[i64],
) -> Result<Option<Vec<TimedPicture>>, MediaError> {
    if !reader.shows_as_stored() {
        return Ok(None);
    }
    let mut pictures: Vec<TimedPicture> = Vec::with_capacity(moments.len());
    let mut group = Group::default();
    while pictures.len() < moments.len() {
        let Ok(packet) = reader.video_packet() else {
            return Ok(None);
        };
        let until = match &packet {
            None => i64::MAX,
            Some(packet) => match packet.pts() {
                Some(pts) if !packet.is_corrupt() && group.last().is_none_or(|last| last < pts) => {
                    pts
                }
                _ => return Ok(None),
            },
        };
        // As in a full decode, the first frame represents moments before it, and the last one moments after it.
        let due = moments[pictures.len()..]
            .iter()
            .take_while(|&&moment| moment < until)
            .count();
        if due > 0 && group.last().is_some() {
            let Some(frame) = group.decode_last(reader) else {
                return Ok(None);
            };
            let pts = frame.pts;
            let picture = maker.make(frame)?;
            pictures.extend(std::iter::repeat_n(TimedPicture { pts, picture }, due));
        }
        match packet {
            None if group.last().is_none() => return Ok(None),
            None => break,
            Some(packet) if packet.is_key() => group = Group::begin(packet),
            Some(_) if group.last().is_none() => return Ok(None),
            Some(packet) => group.packets.push(packet),
        }
    }
    Ok(Some(pictures))
}

/// The packets since the last key frame.
#[derive(Default)]
struct Group {
    packets: Vec<Packet>,
    /// Number of these packets that the decoder received since it was flushed for this group.
    sent: usize,
}

impl Group {
    fn begin(key: Packet) -> Self {
        Self {
            packets: vec![key],
            sent: 0,
        }
    }

    fn last(&self) -> Option<i64> {
        self.packets.last().and_then(Packet::pts)
    }

    /// Decodes up to the last packet, and returns its frame if it is complete.
    fn decode_last(&mut self, reader: &mut FrameReader) -> Option<Frame> {
        let pts = self.last()?;
        let decoder = reader.decoder();
        if self.sent == 0 {
            decoder.flush();
        }
        let mut found = None;
        for packet in &self.packets[self.sent..] {
            decoder.send_packet(packet).ok()?;
            found = newest(decoder, found).ok()?;
        }
        self.sent = self.packets.len();
        if found.as_ref().and_then(|picture| picture.timestamp()) != Some(pts) {
            // The decoder holds it back. After draining, the group must be fed to it again.
            decoder.send_eof().ok()?;
            found = newest(decoder, found).ok()?;
            self.sent = 0;
        }
        let picture = found.filter(|picture| picture.timestamp() == Some(pts))?;
        Some(Frame {
            number: 0,
            pts,
            picture,
        })
    }
}

/// An incomplete frame.
struct Damaged;

/// Takes the available frames and returns the newest one, or else `before`.
fn newest(
    decoder: &mut ffmpeg::decoder::Video,
    before: Option<frame::Video>,
) -> Result<Option<frame::Video>, Damaged> {
    let mut newest = before;
    loop {
        let mut picture = frame::Video::empty();
        match decoder.receive_frame(&mut picture) {
            Ok(()) if picture.is_corrupt() || picture.has_decode_errors() => return Err(Damaged),
            Ok(()) => newest = Some(picture),
            Err(ffmpeg::Error::Eof) => return Ok(newest),
            Err(error) if is_again(error) => return Ok(newest),
            Err(_) => return Err(Damaged),
        }
    }
}
