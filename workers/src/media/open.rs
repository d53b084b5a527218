//! Opens a container on our own bytes, with nothing else in reach.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, Once, PoisonError};

use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::context::{Input, StreamIo};
use rushes_models::with_causes;

use super::continuity::{Breaks, Continuity, Part, Timed};
use super::error::out_of_memory;
use super::{Accepts, Bounds, MediaError, ffi, probe};
use crate::source::ByteSource;

/// Bytes per read by FFmpeg.
const IO_BUFFER: usize = 64 << 10;

/// Bytes to examine to name a container that is not accepted.
const HEAD: usize = 64 << 10;

/// A source shared by several readers. Each has its own position.
#[derive(Clone)]
pub(super) struct SharedSource {
    source: Arc<Mutex<Box<dyn ByteSource>>>,
    /// The first failure of the source itself: FFmpeg reduces it to a number.
    failure: Arc<Mutex<Option<String>>>,
    len: u64,
}

impl SharedSource {
    pub(super) fn new(source: Box<dyn ByteSource>) -> Self {
        let len = source.len();
        Self {
            source: Arc::new(Mutex::new(source)),
            failure: Arc::default(),
            len,
        }
    }

    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let read = lock(&self.source).read_at(offset, buffer);
        if let Err(error) = &read {
            lock(&self.failure).get_or_insert_with(|| with_causes(&error));
        }
        read
    }

    /// Fills a buffer starting at `offset`; `false` if the source ends before.
    pub(super) fn fill(&self, offset: u64, buffer: &mut [u8]) -> io::Result<bool> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_at(offset + filled as u64, &mut buffer[filled..])? {
                0 => return Ok(false),
                count => filled += count,
            }
        }
        Ok(true)
    }

    fn head(&self) -> io::Result<Vec<u8>> {
        let mut head = vec![0; HEAD];
        let mut filled = 0;
        while filled < HEAD {
            match self.read_at(filled as u64, &mut head[filled..])? {
                0 => break,
                count => filled += count,
            }
        }
        head.truncate(filled);
        Ok(head)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A position in a shared source.
struct Cursor {
    source: SharedSource,
    position: u64,
}

impl Read for Cursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read_at(self.position, buffer)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Cursor {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.source.len.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// An open container.
pub(super) struct Container {
    pub(super) input: Input,
    source: SharedSource,
    video: Option<usize>,
    /// Set if the file's own clock may break.
    continuity: Option<Continuity>,
}

impl Container {
    /// Opens a container and reads the headers of its streams.
    pub(super) fn open(source: SharedSource, bounds: &Bounds) -> Result<Self, MediaError> {
        init()?;
        if source.len == 0 {
            return Err(MediaError::Empty);
        }
        let cursor = Cursor {
            source: source.clone(),
            position: 0,
        };
        let io = StreamIo::from_read_seek_with_capacity(cursor, IO_BUFFER).map_err(internal)?;
        let mut options = ffmpeg::Dictionary::new();
        options.set("format_whitelist", &bounds.accepts.demuxers());
        if let Some(codecs) = bounds.accepts.codecs() {
            // Also for the decoders that FFmpeg opens to analyse streams.
            options.set("codec_whitelist", codecs);
        }
        options.set("protocol_whitelist", "");
        let input = ffmpeg::format::input_from_stream(io, None, Some(options))
            .map_err(|error| refuse(&source, error, bounds.accepts))?;
        let streams = u64::from(input.nb_streams());
        within("streams", streams, u64::from(bounds.max_streams))?;
        let video = probe::main_video(&input);
        let base = video
            .and_then(|video| input.stream(video))
            .map(|it| it.time_base());
        let continuity = base.and_then(|base| Continuity::new(&ffi::container(&input), base));
        Ok(Self {
            input,
            source,
            video,
            continuity,
        })
    }

    /// Reads the next packet, on one continuous clock; `None` at the end of the file.
    ///
    /// After a damaged stretch the caller may continue. Any other error is final.
    pub(super) fn packet(&mut self) -> Result<Option<ffmpeg::Packet>, PacketError> {
        let Some(mut continuity) = self.continuity.take() else {
            return self.read();
        };
        let packet = continuity.next(|| self.read_timed());
        self.continuity = Some(continuity);
        packet
    }

    /// Whether the file's clock may break.
    pub(super) const fn may_break(&self) -> bool {
        self.continuity.is_some()
    }

    /// The breaks in the file's clock found so far.
    pub(super) fn breaks(&self) -> Breaks {
        let continuity = self.continuity.as_ref();
        continuity.map(Continuity::breaks).unwrap_or_default()
    }

    /// A packet, and the meaning of its times.
    fn read_timed(&mut self) -> Result<Option<Timed>, PacketError> {
        let Some(packet) = self.read()? else {
            return Ok(None);
        };
        let stream = self.input.stream(packet.stream());
        let is_sound = stream
            .as_ref()
            .is_some_and(|stream| stream.parameters().medium() == ffmpeg::media::Type::Audio);
        Ok(Some(Timed {
            part: if Some(packet.stream()) == self.video {
                Part::Video
            } else if is_sound {
                Part::Sound
            } else {
                Part::Other
            },
            base: stream.map_or(ffmpeg::Rational(1, 1), |stream| stream.time_base()),
            packet,
        }))
    }

    fn read(&mut self) -> Result<Option<ffmpeg::Packet>, PacketError> {
        let mut packet = ffmpeg::Packet::empty();
        match packet.read(&mut self.input) {
            Ok(()) => Ok(Some(packet)),
            Err(ffmpeg::Error::Eof) => match self.failure() {
                Some(failure) => Err(PacketError::Final(MediaError::Io(failure))),
                None => Ok(None),
            },
            Err(ffmpeg::Error::InvalidData) => Err(PacketError::Damaged),
            Err(error) => Err(PacketError::Final(self.explain(error))),
        }
    }

    /// The meaning of an FFmpeg error: the source's own failure if there was one.
    pub(super) fn explain(&self, error: ffmpeg::Error) -> MediaError {
        match self.failure() {
            Some(failure) => MediaError::Io(failure),
            None => decode_error(error),
        }
    }

    fn failure(&self) -> Option<String> {
        lock(&self.source.failure).clone()
    }

    /// Discards all streams but the given ones, so that their bytes are not even read where the container
    /// allows that. If its clock may break, video and sound are still read, because the clock repair needs
    /// them; callers skip what they did not request.
    pub(super) fn only(&mut self, wanted: &[usize]) {
        let keeps_clock = self.continuity.is_some();
        for mut stream in self.input.streams_mut() {
            let is_clock = keeps_clock
                && (Some(stream.index()) == self.video
                    || stream.parameters().medium() == ffmpeg::media::Type::Audio);
            if !is_clock && !wanted.contains(&stream.index()) {
                ffi::discard(&mut stream);
            }
        }
    }
}

/// Why there is no packet.
pub(super) enum PacketError {
    /// Damaged data was skipped; the next read may succeed.
    Damaged,
    /// Reading cannot continue.
    Final(MediaError),
}

/// Refuses `found` if it exceeds `allowed`.
pub(super) fn within(what: &str, found: u64, allowed: u64) -> Result<(), MediaError> {
    if found <= allowed {
        return Ok(());
    }
    Err(MediaError::Limit {
        what: what.to_owned(),
        found,
        allowed,
    })
}

pub(super) fn internal(error: ffmpeg::Error) -> MediaError {
    unless_memory(error, MediaError::Internal)
}

pub(super) fn decode_error(error: ffmpeg::Error) -> MediaError {
    unless_memory(error, MediaError::Decode)
}

/// The text of an FFmpeg error. Lack of memory has its own error.
pub(super) fn unless_memory(
    error: ffmpeg::Error,
    otherwise: fn(String) -> MediaError,
) -> MediaError {
    if is_memory(error) {
        out_of_memory()
    } else {
        otherwise(with_causes(&error))
    }
}

pub(super) fn is_memory(error: ffmpeg::Error) -> bool {
    error
        == (ffmpeg::Error::Other {
            errno: ffmpeg::error::ENOMEM,
        })
}

/// Whether FFmpeg needs input before it gives output.
pub(super) fn is_again(error: ffmpeg::Error) -> bool {
    error
        == (ffmpeg::Error::Other {
            errno: ffmpeg::error::EAGAIN,
        })
}

/// Initialises FFmpeg once, with its log off: it must not write to our standard error.
fn init() -> Result<(), MediaError> {
    static QUIET: Once = Once::new();
    ffmpeg::init().map_err(internal)?;
    QUIET.call_once(|| ffmpeg::log::set_level(ffmpeg::log::Level::Quiet));
    Ok(())
}

/// Explains why a file was not opened.
fn refuse(source: &SharedSource, error: ffmpeg::Error, accepts: Accepts) -> MediaError {
    let head = match source.head() {
        Ok(head) => head,
        Err(error) => return MediaError::Io(with_causes(&error)),
    };
    let failure = lock(&source.failure).clone();
    if let Some(failure) = failure {
        return MediaError::Io(failure);
    }
    if is_memory(error) {
        return out_of_memory();
    }
    match ffi::guess_container(&head) {
        None => MediaError::NotMedia("unknown container format".to_owned()),
        Some(name) if !accepts.opens(&name) => MediaError::ForbiddenContainer(name),
        Some(name) if name.contains("mp4") => {
            MediaError::Truncated("the index of this MP4 or MOV is missing or damaged".to_owned())
        }
        Some(name) => MediaError::Truncated(format!(
            "it starts like {name}, but: {}",
            with_causes(&error)
        )),
    }
}
