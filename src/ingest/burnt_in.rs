//! Separates subtitles that are part of the picture from signs, titles, logos and credits.

use std::collections::HashMap;

use rushes_workers::dialogue::TimedText;
use rushes_workers::stages::is_subtitle_place;

use crate::catalog::texts::PictureText;

/// Lower edges of the subtitles of one video differ by at most this, as a share of the picture's height: by a line.
const SAME_EDGE: f64 = 0.06;
/// Least mean probability of the characters.
const LEAST_SCORE: f64 = 0.6;
/// Longest time that one subtitle is shown, in milliseconds. What stays longer is a logo or a caption of the broadcaster.
const LONGEST: i64 = 15_000;
/// Longest time that the same words are shown altogether, in milliseconds. A logo is shown again and again.
const LONGEST_IN_ALL: i64 = 60_000;
/// Longest time without a subtitle that is one all the same, in milliseconds: a cut lies in between.
const LONGEST_GAP: i64 = 1_100;
/// A subtitle appears up to two of these before it is seen and goes as long after, in milliseconds: pictures are read twice
/// a second. So times are within about a quarter of a second.
const UNSEEN: i64 = 250;
/// Most other texts in the picture beside a subtitle. More is a list of credits.
const MOST_BESIDE: usize = 4;
/// Fewest subtitles of a video that has any.
const FEWEST: usize = 2;

/// The subtitles among the texts of a video, by time. There are none, or at least two.
pub(super) fn lines(texts: &[PictureText]) -> Vec<TimedText> {
    let crowd = Crowd::of(texts);
    let candidates = texts.iter().filter(|text| may_be(text, &crowd));
    let candidates: Vec<&PictureText> = candidates.collect();
    let edges = candidates.iter().map(|text| text.top + text.height);
    let mut edges: Vec<f64> = edges.collect();
    edges.sort_by(f64::total_cmp);
    let near = |edge: f64| {
        let from = edges.partition_point(|other| *other < edge - SAME_EDGE);
        edges.partition_point(|other| *other <= edge + SAME_EDGE) - from
    };
    // Subtitles stand on one edge, and a sign that looks like one stands somewhere.
    let Some(edge) = edges.iter().copied().max_by_key(|&edge| near(edge)) else {
        return Vec::new();
    };
    let standing = candidates
        .into_iter()
        .filter(|text| (text.top + text.height - edge).abs() <= SAME_EDGE);
    let mut spans = joined(standing);
    let mut shown: HashMap<String, i64> = HashMap::new();
    for span in &spans {
        *shown.entry(letters(&span.text)).or_default() += span.end - span.start;
    }
    spans.retain(|span| {
        let in_all = shown.get(&letters(&span.text)).copied().unwrap_or_default();
        span.end - span.start <= LONGEST && in_all <= LONGEST_IN_ALL
    });
    let spans = stacked(spans);
    if spans.len() < FEWEST {
        return Vec::new();
    }
    let mut lines: Vec<TimedText> = Vec::with_capacity(spans.len());
    for span in spans {
        let start = (span.start - UNSEEN).max(0).cast_unsigned();
        // Between two that follow each other, the middle of the gap is where they change.
        let start = match lines.last_mut() {
            Some(before) if before.end_ms > start => {
                let seen = span.start.cast_unsigned();
                let change = u64::midpoint(start, before.end_ms).min(seen);
                before.end_ms = change.max(before.start_ms + 1);
                before.end_ms
            }
            _ => start,
        };
        lines.push(TimedText {
            start_ms: start,
            end_ms: (span.end + UNSEEN).cast_unsigned().max(start + 1),
            text: span.text,
        });
    }
    lines
}

/// When texts appear and disappear, in order of time.
struct Crowd {
    starts: Vec<i64>,
    ends: Vec<i64>,
}

impl Crowd {
    fn of(texts: &[PictureText]) -> Self {
        let mut starts: Vec<i64> = texts.iter().map(|text| text.start_frame).collect();
        let mut ends: Vec<i64> = texts.iter().map(|text| text.end_frame).collect();
        starts.sort_unstable();
        ends.sort_unstable();
        Self { starts, ends }
    }

    /// The number of texts in the picture at some time of this one, which is one of them.
    fn around(&self, text: &PictureText) -> usize {
        let begun = self.starts.partition_point(|at| *at < text.end_frame);
        begun - self.ends.partition_point(|at| *at <= text.start_frame)
    }
}

/// Whether a text can be a subtitle by what it says, where it stands and what is beside it.
fn may_be(text: &PictureText, crowd: &Crowd) -> bool {
    #[expect(clippy::cast_possible_truncation, reason = "shares of a picture")]
    let place = [text.left, text.top, text.width, text.height].map(|share| share as f32);
    let says = text.text.chars().filter(|c| c.is_alphanumeric());
    is_subtitle_place(place)
        && text.score >= LEAST_SCORE
        && says.count() >= 2
        && crowd.around(text) <= MOST_BESIDE + 1
}

/// One subtitle. Milliseconds are half-open.
struct Shown {
    start: i64,
    end: i64,
    text: String,
}

/// Subtitles, with those that a cut or a look without them divided in one piece. They come by time.
fn joined<'a>(texts: impl Iterator<Item = &'a PictureText>) -> Vec<Shown> {
    let mut spans: Vec<Shown> = Vec::new();
    for text in texts.filter(|text| text.end_ms > text.start_ms) {
        let known = spans.iter_mut().rev().take(2).find(|span| {
            text.start_ms - span.end <= LONGEST_GAP && letters(&span.text) == letters(&text.text)
        });
        match known {
            Some(span) => span.end = span.end.max(text.end_ms),
            None => spans.push(Shown {
                start: text.start_ms,
                end: text.end_ms,
                text: text.text.clone(),
            }),
        }
    }
    spans
}

/// Subtitles, with lines that appear together in one of them. The upper one comes first.
fn stacked(spans: Vec<Shown>) -> Vec<Shown> {
    let mut stacked: Vec<Shown> = Vec::new();
    for span in spans {
        match stacked.last_mut() {
            Some(above) if above.start == span.start => {
                above.text.push('\n');
                above.text.push_str(&span.text);
                above.end = above.end.max(span.end);
            }
            _ => stacked.push(span),
        }
    }
    stacked
}

/// What a text says, without what readings of it differ in.
fn letters(text: &str) -> String {
    let letters = text.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At 25 frames a second.
    fn text(
        says: &str,
        (start, end): (i64, i64),
        [left, top, width, height]: [f64; 4],
    ) -> PictureText {
        PictureText {
            start_frame: start / 40,
            end_frame: end / 40,
            start_ms: start,
            end_ms: end,
            text: says.to_owned(),
            score: 0.95,
            left,
            top,
            width,
            height,
        }
    }

    const ONE_LINE: [f64; 4] = [0.3, 0.88, 0.4, 0.05];
    const TWO_LINES: [f64; 4] = [0.25, 0.83, 0.5, 0.1];

    fn said(texts: &[PictureText]) -> Vec<(u64, u64, String)> {
        let lines = lines(texts).into_iter();
        lines
            .map(|line| (line.start_ms, line.end_ms, line.text))
            .collect()
    }

    #[test]
    fn signs_titles_and_logos_are_no_subtitles() {
        let mut texts = vec![
            text("HARBOUR DINER", (0, 4000), [0.1, 0.1, 0.3, 0.1]),
            text("Who is there?", (1000, 3000), ONE_LINE),
            // A lower third is on the left, and a title in the middle.
            text("Jane Doe, mayor", (2000, 5000), [0.05, 0.85, 0.3, 0.06]),
            text(
                "It is me. Open the door, it is cold.",
                (4000, 6000),
                TWO_LINES,
            ),
            text("THE LONG NIGHT", (7000, 9000), [0.3, 0.45, 0.4, 0.1]),
            // Centred and low, but higher than subtitles are.
            text("DRINK MILK", (8000, 9000), [0.4, 0.62, 0.2, 0.1]),
            text("42", (9000, 9500), ONE_LINE),
        ];
        let expected = [
            (750, 3250, "Who is there?".to_owned()),
            (
                3750,
                6250,
                "It is me. Open the door, it is cold.".to_owned(),
            ),
            (8750, 9750, "42".to_owned()),
        ];
        assert_eq!(said(&texts), expected);
        texts.push(text("CHANNEL NINE", (10_000, 40_000), ONE_LINE));
        assert_eq!(said(&texts), expected);
        for minute in 1..10 {
            let start = minute * 60_000;
            texts.push(text("CHANNEL TEN", (start, start + 8000), ONE_LINE));
        }
        assert_eq!(said(&texts), expected);
    }

    #[test]
    fn a_subtitle_across_a_cut_is_one_line_and_lines_do_not_overlap() {
        let texts = [
            text("Who is there?", (1000, 2000), ONE_LINE),
            text("who is there", (2000, 3000), ONE_LINE),
            text("It is me.", (2900, 4000), ONE_LINE),
        ];
        assert_eq!(
            said(&texts),
            [
                (750, 2900, "Who is there?".to_owned()),
                (2900, 4250, "It is me.".to_owned())
            ]
        );
    }

    #[test]
    fn lines_that_appear_together_are_one_subtitle() {
        let lower = [0.3, 0.92, 0.4, 0.05];
        let texts = [
            text("Who is there?", (1000, 2000), ONE_LINE),
            text("- It is me.", (3000, 4000), ONE_LINE),
            text("- Come in.", (3000, 4500), lower),
        ];
        assert_eq!(
            said(&texts),
            [
                (750, 2250, "Who is there?".to_owned()),
                (2750, 4750, "- It is me.\n- Come in.".to_owned())
            ]
        );
        assert_eq!(said(&texts[1..]), []);
    }

    #[test]
    fn credits_and_a_single_sign_are_no_subtitles() {
        let credits: Vec<PictureText> = (0..8)
            .map(|row| {
                let top = 0.1 + 0.1 * f64::from(row);
                text(&format!("Gaffer {row}"), (0, 4000), [0.3, top, 0.4, 0.05])
            })
            .collect();
        assert_eq!(said(&credits), []);
        assert_eq!(said(&[text("MILK BAR", (0, 2000), ONE_LINE)]), []);
        assert_eq!(said(&[]), []);
    }
}
