//! The protocol between parent and child over the child's standard input and output.
//!
//! A message is a tag (1 byte), a length (8 bytes, little-endian) and that many bytes. The parent sends one
//! request. The child then requests bytes of the source, waiting for each answer. It reports progress, sends
//! pictures and parts of its result, asks the questions of its job and writes a file, until it is done or has
//! failed. The parent trusts no length: each kind of message has a bound, and memory grows only with the bytes
//! that arrive.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use super::Limits;
use crate::media::MediaError;

/// Bytes of the source per request.
pub(super) const BLOCK: u32 = 512 << 10;

/// Most bytes of a result: the timeline of a very long video as JSON.
pub(super) const MAX_RESULT: u64 = 512 << 20;

/// Most bytes of a request or an answer.
const MAX_REQUEST: u64 = MAX_RESULT;

/// Most bytes of a question.
const MAX_QUESTION: u64 = 64;

/// Most bytes of a file per write.
pub(super) const MAX_WRITE: u64 = 1 << 20;

/// Most bytes of an error.
const MAX_ERROR: u64 = 64 << 10;

/// The job for the child, and its input.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) limits: Limits,
    /// Length of the source in bytes.
    pub(super) source_len: u64,
    /// Name of the job.
    pub(super) name: String,
    /// The job itself.
    pub(super) job: serde_json::Value,
}

/// A message from the parent.
#[derive(Debug)]
pub(super) enum ToChild {
    /// The request, as JSON.
    Request(Vec<u8>),
    /// Bytes of the source as requested; fewer only at its end.
    Data(Vec<u8>),
    /// The source could not be read, with the reason.
    NoData(String),
    /// The answer to a question.
    Answer(Vec<u8>),
}

/// A message from the child.
#[derive(Debug)]
pub(super) enum FromChild {
    /// Requests `len` bytes of the source from `offset`.
    Read { offset: u64, len: u32 },
    /// `done` of about `total` frames have been processed.
    Progress { done: u64, total: Option<u64> },
    /// A proxy, a picture, or a frame.
    Blob { index: u64, bytes: Vec<u8> },
    /// A question, defined by its job.
    Question(Vec<u8>),
    /// Bytes of its output file, from `offset`.
    Written { offset: u64, bytes: Vec<u8> },
    /// An early part of the result, defined by its job.
    Part(Vec<u8>),
    /// Success; the result as JSON.
    Done(Vec<u8>),
    /// Failure; a [`MediaError`] as JSON.
    Failed(Vec<u8>),
}

impl ToChild {
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Request(json) => send(out, 1, &[json]),
            Self::Data(bytes) => send(out, 2, &[bytes]),
            Self::NoData(why) => send(out, 3, &[why.as_bytes()]),
            Self::Answer(bytes) => send(out, 4, &[bytes]),
        }
    }

    pub(super) fn read(input: &mut impl Read) -> io::Result<Self> {
        let (tag, len) = header(input)?;
        match tag {
            1 => Ok(Self::Request(body(input, len, MAX_REQUEST)?)),
            2 => Ok(Self::Data(body(input, len, u64::from(BLOCK))?)),
            4 => Ok(Self::Answer(body(input, len, MAX_REQUEST)?)),
            3 => {
                let why = body(input, len, MAX_ERROR)?;
                Ok(Self::NoData(String::from_utf8_lossy(&why).into_owned()))
            }
            _ => Err(nonsense("unknown tag")),
        }
    }
}

impl FromChild {
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Read { offset, len } => {
                send(out, 1, &[&offset.to_le_bytes(), &len.to_le_bytes()])
            }
            Self::Progress { done, total } => {
                // No video has u64::MAX frames, so it can stand for "unknown".
                let total = total.unwrap_or(u64::MAX);
                send(out, 2, &[&done.to_le_bytes(), &total.to_le_bytes()])
            }
            Self::Blob { index, bytes } => send(out, 3, &[&index.to_le_bytes(), bytes]),
            Self::Done(json) => send(out, 4, &[json]),
            Self::Failed(json) => send(out, 5, &[json]),
            Self::Question(bytes) => send(out, 6, &[bytes]),
            Self::Written { offset, bytes } => send(out, 7, &[&offset.to_le_bytes(), bytes]),
            Self::Part(bytes) => send(out, 8, &[bytes]),
        }
    }

    pub(super) fn read(input: &mut impl Read, max_blob: u64) -> io::Result<Self> {
        let (tag, len) = header(input)?;
        match tag {
            1 => {
                let body: [u8; 12] = array(&body(input, len, 12)?)?;
                let (offset, len) = body.split_at(8);
                Ok(Self::Read {
                    offset: u64::from_le_bytes(array(offset)?),
                    len: u32::from_le_bytes(array(len)?),
                })
            }
            2 => {
                let body: [u8; 16] = array(&body(input, len, 16)?)?;
                let (done, total) = body.split_at(8);
                let total = u64::from_le_bytes(array(total)?);
                Ok(Self::Progress {
                    done: u64::from_le_bytes(array(done)?),
                    total: (total != u64::MAX).then_some(total),
                })
            }
            3 => {
                let (index, bytes) = numbered(input, len, max_blob)?;
                Ok(Self::Blob { index, bytes })
            }
            4 => Ok(Self::Done(body(input, len, MAX_RESULT)?)),
            5 => Ok(Self::Failed(body(input, len, MAX_ERROR)?)),
            6 => Ok(Self::Question(body(input, len, MAX_QUESTION)?)),
            7 => {
                let (offset, bytes) = numbered(input, len, MAX_WRITE)?;
                Ok(Self::Written { offset, bytes })
            }
            8 => Ok(Self::Part(body(input, len, MAX_RESULT)?)),
            _ => Err(nonsense("unknown tag")),
        }
    }
}

/// A failure as the bytes of a message.
pub(super) fn encode_error(error: &MediaError) -> Vec<u8> {
    serde_json::to_vec(error).unwrap_or_default()
}

fn send(out: &mut impl Write, tag: u8, parts: &[&[u8]]) -> io::Result<()> {
    let len: u64 = parts.iter().map(|part| part.len() as u64).sum();
    let mut header = [0; 9];
    header[0] = tag;
    header[1..].copy_from_slice(&len.to_le_bytes());
    out.write_all(&header)?;
    for part in parts {
        out.write_all(part)?;
    }
    out.flush()
}

fn header(input: &mut impl Read) -> io::Result<(u8, u64)> {
    let mut header = [0; 9];
    input.read_exact(&mut header)?;
    Ok((header[0], u64::from_le_bytes(array(&header[1..])?)))
}

fn body(input: &mut impl Read, len: u64, max: u64) -> io::Result<Vec<u8>> {
    if len > max {
        return Err(nonsense(&format!(
            "{len} bytes where at most {max} are valid"
        )));
    }
    let mut bytes = Vec::new();
    input.take(len).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == len {
        Ok(bytes)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// A number, and at most `max` bytes after it.
fn numbered(input: &mut impl Read, len: u64, max: u64) -> io::Result<(u64, Vec<u8>)> {
    let mut number = [0; 8];
    let rest = len
        .checked_sub(8)
        .ok_or_else(|| nonsense("bytes without a number"))?;
    input.read_exact(&mut number)?;
    Ok((u64::from_le_bytes(number), body(input, rest, max)?))
}

fn array<const N: usize>(bytes: &[u8]) -> io::Result<[u8; N]> {
    bytes
        .try_into()
        .map_err(|_wrong_length| nonsense("a message of the wrong length"))
}

fn nonsense(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_wire() {
        let mut wire = Vec::new();
        FromChild::Read { offset: 7, len: 9 }
            .write(&mut wire)
            .unwrap();
        FromChild::Blob {
            index: 3,
            bytes: vec![1, 2],
        }
        .write(&mut wire)
        .unwrap();
        FromChild::Progress {
            done: 5,
            total: None,
        }
        .write(&mut wire)
        .unwrap();
        let mut input = wire.as_slice();
        let mut next = || FromChild::read(&mut input, 100).unwrap();
        assert!(matches!(next(), FromChild::Read { offset: 7, len: 9 }));
        assert!(matches!(next(), FromChild::Blob { index: 3, bytes } if bytes == [1, 2]));
        assert!(matches!(
            next(),
            FromChild::Progress {
                done: 5,
                total: None
            }
        ));
    }

    #[test]
    fn a_hostile_length_is_refused_before_memory_is_taken() {
        for tag in 1..=8 {
            let mut wire = vec![tag];
            wire.extend(u64::MAX.to_le_bytes());
            wire.extend([0; 64]);
            let error = FromChild::read(&mut wire.as_slice(), 100).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "tag {tag}");
        }
        assert!(FromChild::read(&mut [9_u8; 20].as_slice(), 100).is_err());
    }

    #[test]
    fn a_message_cut_short_is_an_end() {
        let mut wire = Vec::new();
        FromChild::Done(vec![0; 10]).write(&mut wire).unwrap();
        let error = FromChild::read(&mut &wire[..12], 100).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
