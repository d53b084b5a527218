//! Cues as they are found in a file, with what was wrong on the way.

use std::fmt;

use super::{DialogueError, Subtitles, TimedText};

/// How long a cue is shown whose end makes no sense, if no other comes before, in milliseconds.
const WITHOUT_END: u64 = 5_000;

/// What was wrong with a subtitle file but did not keep it from being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Words before the first cue.
    Header,
    /// A time that cannot be read.
    Time,
    /// A cue without words.
    Empty,
    /// A cue that does not end after it begins.
    Length,
    /// A cue that begins before the one above it ends.
    Overlap,
    /// A cue that begins before the one above it.
    Order,
    /// The file ends in the middle of a cue.
    CutShort,
    /// Bytes that are not text.
    Letters,
    /// Markup that cannot be read.
    Markup,
    /// A cue right below the words of the one before.
    NotParted,
    /// The encoding is not said anywhere; this one explains every byte.
    Guessed(&'static str),
}

impl Fault {
    const fn text(self) -> &'static str {
        match self {
            Self::Header => "text before the first cue was ignored",
            Self::Time => {
                "not a cue time, so this cue was skipped; write it as 00:01:02,000 --> 00:01:04,500"
            }
            Self::Empty => "this cue has no words",
            Self::Length => {
                "this cue does not end after it begins; it was taken to last until the next one, at most 5 seconds"
            }
            Self::Overlap => "this cue begins before the one above it ends",
            Self::Order => "this cue begins before the one above it; cues were sorted by time",
            Self::CutShort => "the file ends in the middle of a cue",
            Self::Letters => "bytes that are not text were read as \u{fffd}",
            Self::Markup => "the markup is broken here; what follows may be missing",
            Self::NotParted => "there is no blank line between this cue and the one above it",
            Self::Guessed(_) => {
                "the encoding was guessed from the letters; check the words, or convert the file to UTF-8"
            }
        }
    }
}

/// A fault, where it was first seen, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Warning {
    /// What was wrong.
    pub fault: Fault,
    /// Line number of the first one, from 1.
    pub line: usize,
    /// How many there are in the file.
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

/// The cues of a file, as they come.
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

    /// A cue whose timing line, number `line`, cannot be read.
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

    /// Warns of a cue that is not after the one above it, for formats in which cues should be.
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

    /// All cues in order of time.
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

/// Lets cues that do not end after they begin last until the next one, and no longer than 5 seconds. Cues
/// are in order of their start.
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
