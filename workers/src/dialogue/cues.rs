//! The cues of a file, with the problems found on the way.

use std::fmt;

use super::{DialogueError, Subtitles, TimedText};

/// Longest duration of a cue with an invalid end, if no other cue starts earlier, in milliseconds.
const WITHOUT_END: u64 = 5_000;

/// A problem in a subtitle file that did not prevent reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Text before the first cue.
    Header,
    /// A time that cannot be read.
    Time,
    /// A cue without text.
    Empty,
    /// A cue that does not end after its start.
    Length,
    /// A cue that starts before the previous one ends.
    Overlap,
    /// A cue that starts before the previous one.
    Order,
    /// The file ends in the middle of a cue.
    CutShort,
    /// Bytes that are not text.
    Letters,
    /// Markup that cannot be read.
    Markup,
    /// A cue directly below the text of the previous one.
    NotParted,
    /// The encoding is not declared; this one explains every byte.
    Guessed(&'static str),
}

impl Fault {
    const fn text(self) -> &'static str {
        match self {
            Self::Header => "text before the first cue was ignored",
            Self::Time => {
                "not a cue time, so this cue was skipped; write it as 00:01:02,000 --> 00:01:04,500"
            }
            Self::Empty => "this cue has no text",
            Self::Length => {
                "this cue does not end after it starts; it was extended to the next one, at most 5 seconds"
            }
            Self::Overlap => "this cue starts before the previous one ends",
            Self::Order => "this cue starts before the previous one; cues were sorted by time",
            Self::CutShort => "the file ends in the middle of a cue",
            Self::Letters => "invalid bytes were replaced by \u{fffd}",
            Self::Markup => "the markup is invalid here; the text after it may be missing",
            Self::NotParted => "there is no blank line between this cue and the previous one",
            Self::Guessed(_) => {
                "the encoding was guessed; check the text, or convert the file to UTF-8"
            }
        }
    }
}

/// A problem, with its first line and its count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Warning {
    /// The kind of problem.
    pub fault: Fault,
    /// Line number of the first one, from 1.
    pub line: usize,
    /// Its count in the file.
    pub count: usize,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.fault.text())?;
        if let Fault::Guessed(encoding) = self.fault {
            write!(f, " (read as {encoding})")?;
        }
        if self.count > 1 {
            write!(f, " (and {} more like it)", self.count - 1)?;
        }
        Ok(())
    }
}

/// The cues of a file, in file order.
#[derive(Debug, Default)]
pub(super) struct Cues {
    list: Vec<TimedText>,
    warnings: Vec<Warning>,
    bad_time: Option<(usize, String)>,
    last: Option<(u64, u64)>,
}

impl Cues {
    pub(super) fn warn(&mut self, line: usize, fault: Fault) {
        match self.warnings.iter_mut().find(|known| known.fault == fault) {
            Some(known) => known.count += 1,
            None => self.warnings.push(Warning {
                fault,
                line,
                count: 1,
            }),
        }
    }

    /// A cue whose timing line, number `line`, is invalid.
    pub(super) fn bad_time(&mut self, line: usize, text: &str) {
        self.warn(line, Fault::Time);
        self.bad_time
            .get_or_insert_with(|| (line, text.trim().chars().take(200).collect()));
    }

    /// A cue whose times are in line `line`.
    pub(super) fn add(&mut self, line: usize, (start_ms, end_ms): (u64, u64), text: String) {
        if text.is_empty() {
            self.warn(line, Fault::Empty);
            return;
        }
        if end_ms <= start_ms {
            self.warn(line, Fault::Length);
        }
        self.list.push(TimedText {
            start_ms,
            end_ms,
            text,
        });
    }

    /// Warns if a cue is not after the previous one, for formats in which cues should be ordered.
    pub(super) fn check_order(&mut self, line: usize, times: (u64, u64)) {
        if let Some(last) = self.last {
            if times.0 < last.0 {
                self.warn(line, Fault::Order);
            } else if times.0 < last.1 {
                self.warn(line, Fault::Overlap);
            }
        }
        self.last = Some(times);
    }

    /// All cues by time.
    pub(super) fn finish(mut self) -> Result<Subtitles, DialogueError> {
        if self.list.is_empty()
            && let Some((line, text)) = self.bad_time
        {
            return Err(DialogueError::Time { line, text });
        }
        self.list.sort_by_key(|cue| (cue.start_ms, cue.end_ms));
        end_all(&mut self.list);
        self.warnings.sort_by_key(|warning| warning.line);
        Ok(Subtitles {
            cues: self.list,
            warnings: self.warnings,
        })
    }
}

/// Extends cues that do not end after their start to the next one, and to at most 5 seconds. Cues are ordered
/// by their start.
pub(crate) fn end_all(cues: &mut [TimedText]) {
    let (mut start, mut later) = (u64::MAX, u64::MAX);
    for cue in cues.iter_mut().rev() {
        if cue.start_ms < start {
            later = start;
            start = cue.start_ms;
        }
        if cue.end_ms <= cue.start_ms {
            cue.end_ms = later.min(cue.start_ms.saturating_add(WITHOUT_END));
        }
    }
}
