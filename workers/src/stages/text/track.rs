//! Text over time: lines that stand together are one block, and a block that stays is one text.

use rushes_models::TextLine;

use crate::stages::looks::shared;

/// Lines of one block have heights that differ by at most this factor.
const HEIGHTS: f32 = 1.6;
/// Largest gap between two lines of a block, in heights of a line.
const GAP: f32 = 0.9;
/// Share of the characters by which two readings of the same text may differ.
const SAME_TEXT: f64 = 0.75;
/// Least overlap, as intersection over union, of a block with itself in the next look. Credits move.
const SAME_PLACE: f32 = 0.3;

/// Texts of one look that are kept, the largest first. More is a page of a book.
const MOST_BLOCKS: usize = 50;
/// Characters of a block that are kept.
const MOST_CHARACTERS: usize = 1000;

/// Text that stands together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Block {
    pub(super) text: String,
    /// Mean probability of the characters of its worst line.
    pub(super) score: f32,
    /// Left, top, width and height as shares of the picture.
    pub(super) place: [f32; 4],
}

/// A block, and the frames that show it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tracked {
    pub(super) frames: (u64, u64),
    pub(super) block: Block,
}

/// Lines of a picture that stand together: pieces of one row, and rows below each other.
struct Group {
    /// Left, top, right and bottom in pixels.
    bounds: [f32; 4],
    /// Height of its lines.
    line: f32,
    text: String,
    score: f32,
}

/// Rows of a picture, as shares of its height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rows {
    pub(super) top: f32,
    pub(super) bottom: f32,
}

impl Rows {
    pub(super) const ALL: Self = Self {
        top: 0.0,
        bottom: 1.0,
    };

    /// Whether the middle of a place is in these rows.
    fn contain(self, [_, top, _, height]: [f32; 4]) -> bool {
        (self.top..=self.bottom).contains(&(top + height / 2.0))
    }
}

impl Block {
    /// The block, which was seen in these rows of a picture, in the whole of it.
    pub(super) fn within(mut self, rows: Rows) -> Self {
        let [left, top, width, height] = self.place;
        let share = rows.bottom - rows.top;
        self.place = [left, rows.top + top * share, width, height * share];
        self
    }
}

/// The blocks of a picture of this size.
pub(super) fn blocks(lines: &[TextLine], (width, height): (u32, u32)) -> Vec<Block> {
    let mut pieces: Vec<Group> = lines.iter().map(Group::of).collect();
    pieces.sort_by(|a, b| a.bounds[0].total_cmp(&b.bounds[0]));
    let mut rows: Vec<Group> = Vec::new();
    for piece in pieces {
        match rows.iter_mut().find(|row| row.continues_in(&piece)) {
            Some(row) => row.join(&piece),
            None => rows.push(piece),
        }
    }
    rows.sort_by(|a, b| a.bounds[1].total_cmp(&b.bounds[1]));
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        match groups.iter_mut().find(|group| group.stands_above(&row)) {
            Some(group) => group.join(&row),
            None => groups.push(row),
        }
    }
    let area = |group: &Group| {
        let [left, top, right, bottom] = group.bounds;
        (right - left) * (bottom - top)
    };
    groups.sort_by(|a, b| area(b).total_cmp(&area(a)));
    groups.truncate(MOST_BLOCKS);
    groups.sort_by(|a, b| a.bounds[1].total_cmp(&b.bounds[1]));
    let (across, down) = (side(width), side(height));
    groups
        .into_iter()
        .map(|group| {
            let [left, top, right, bottom] = group.bounds;
            let (left, right) = (left.clamp(0.0, across), right.clamp(0.0, across));
            let (top, bottom) = (top.clamp(0.0, down), bottom.clamp(0.0, down));
            Block {
                text: group.text.chars().take(MOST_CHARACTERS).collect(),
                score: group.score,
                place: [
                    left / across,
                    top / down,
                    (right - left) / across,
                    (bottom - top) / down,
                ],
            }
        })
        .collect()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "sides of pictures are below 2^24"
)]
fn side(length: u32) -> f32 {
    length.max(1) as f32
}

impl Group {
    fn of(line: &TextLine) -> Self {
        let bounds = line.place.bounds();
        Self {
            bounds,
            line: line.place.height(),
            text: line.text.trim().to_owned(),
            score: line.score,
        }
    }

    fn is_as_high_as(&self, other: &Self) -> bool {
        self.line.max(other.line) <= HEIGHTS * self.line.min(other.line)
    }

    /// Whether a piece to the right belongs to the same row.
    fn continues_in(&self, piece: &Self) -> bool {
        let shared = self.bounds[3].min(piece.bounds[3]) - self.bounds[1].max(piece.bounds[1]);
        let gap = piece.bounds[0] - self.bounds[2];
        self.is_as_high_as(piece)
            && shared > 0.6 * self.line.min(piece.line)
            && gap < 1.5 * self.line
    }

    /// Whether a row is the next line of this block.
    fn stands_above(&self, row: &Self) -> bool {
        let gap = row.bounds[1] - self.bounds[3];
        let shared = self.bounds[2].min(row.bounds[2]) - self.bounds[0].max(row.bounds[0]);
        self.is_as_high_as(row) && shared > 0.0 && gap < GAP * self.line && gap > -self.line
    }

    fn join(&mut self, other: &Self) {
        self.bounds = [
            self.bounds[0].min(other.bounds[0]),
            self.bounds[1].min(other.bounds[1]),
            self.bounds[2].max(other.bounds[2]),
            self.bounds[3].max(other.bounds[3]),
        ];
        self.text.push(' ');
        self.text.push_str(&other.text);
        self.score = self.score.min(other.score);
    }
}

/// The texts of a video, look by look.
pub(super) struct Tracks {
    shots: Vec<(u64, u64)>,
    /// The shot that is being read, and the last look at it.
    at: Option<(usize, u64)>,
    /// Texts that the last look showed.
    open: Vec<Tracked>,
    /// Texts that the last looks at a band did not show there any more.
    left: Vec<Tracked>,
    done: Vec<Tracked>,
}

impl Tracks {
    pub(super) fn new(shots: &[(u64, u64)]) -> Self {
        Self {
            shots: shots.to_vec(),
            at: None,
            open: Vec::new(),
            left: Vec::new(),
            done: Vec::new(),
        }
    }

    /// What a look at these rows of a frame of a shot showed. Looks come in order.
    pub(super) fn add(&mut self, (shot, frame): (usize, u64), rows: Rows, blocks: &[Block]) {
        let is_first = self.at.is_none_or(|(last, _)| last != shot);
        if is_first {
            self.close();
        }
        self.at = Some((shot, frame));
        // What stands elsewhere was not looked for.
        let (mut before, unseen): (Vec<_>, Vec<_>) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|one| rows.contain(one.block.place));
        self.open = unseen;
        if rows == Rows::ALL {
            // What left the band may only have moved: credits roll.
            before.append(&mut self.left);
        }
        for block in blocks {
            let known = before.iter().position(|one| is_same(&one.block, block));
            let mut text = match known {
                Some(at) => before.swap_remove(at),
                None => Tracked {
                    // What is there at the first look is taken to be there from the start.
                    frames: (if is_first { self.shots[shot].0 } else { frame }, frame + 1),
                    block: block.clone(),
                },
            };
            text.frames.1 = frame + 1;
            // The best reading counts, and where it moved to does not matter.
            if block.score > text.block.score {
                text.block.text.clone_from(&block.text);
                text.block.score = block.score;
            }
            self.open.push(text);
        }
        if rows == Rows::ALL {
            self.done.append(&mut before);
        } else {
            self.left.append(&mut before);
        }
    }

    /// Ends the shot that is being read: what its last look showed stays to its end.
    fn close(&mut self) {
        if let Some((shot, _)) = self.at {
            let end = self.shots[shot].1;
            for text in &mut self.open {
                text.frames.1 = end;
            }
        }
        self.done.append(&mut self.open);
        self.done.append(&mut self.left);
    }

    /// All texts, by time.
    pub(super) fn finish(mut self) -> Vec<Tracked> {
        self.close();
        self.done.sort_by_key(|text| text.frames);
        self.done
    }
}

/// Whether two blocks are the same text at two times.
fn is_same(one: &Block, other: &Block) -> bool {
    one.text == other.text
        || (shared(one.place, other.place) >= SAME_PLACE
            && strsim::normalized_levenshtein(&one.text, &other.text) >= SAME_TEXT)
}

#[cfg(test)]
mod tests {
    use rushes_models::LineBox;

    use super::*;

    fn line(text: &str, left: f32, top: f32, width: f32, height: f32) -> TextLine {
        TextLine {
            text: text.to_owned(),
            score: 0.9,
            place: LineBox {
                origin: [left, top],
                right: [width, 0.0],
                down: [0.0, height],
            },
        }
    }

    fn texts(blocks: &[Block]) -> Vec<&str> {
        blocks.iter().map(|block| block.text.as_str()).collect()
    }

    const BAND: Rows = Rows {
        top: 0.7,
        bottom: 1.0,
    };

    /// What was written, and the frames that show it.
    fn spans(tracks: Tracks) -> Vec<(String, (u64, u64))> {
        let found = tracks.finish().into_iter();
        found.map(|text| (text.block.text, text.frames)).collect()
    }

    fn block(text: &str, top: f32, score: f32) -> Block {
        Block {
            text: text.to_owned(),
            score,
            place: [0.3, top, 0.4, 0.1],
        }
    }

    #[test]
    fn lines_of_a_caption_are_one_block_and_a_sign_is_another() {
        let found = blocks(
            &[
                line("before the rain came.", 400.0, 650.0, 480.0, 40.0),
                line("DINER", 100.0, 80.0, 200.0, 60.0),
                line("You said you would be here", 360.0, 600.0, 560.0, 40.0),
            ],
            (1280, 720),
        );
        assert_eq!(
            texts(&found),
            ["DINER", "You said you would be here before the rain came."]
        );
        let [left, top, width, height] = found[1].place;
        assert!((left - 360.0 / 1280.0).abs() < 1e-3 && (top - 600.0 / 720.0).abs() < 1e-3);
        assert!((width - 560.0 / 1280.0).abs() < 1e-3 && (height - 90.0 / 720.0).abs() < 1e-3);
    }

    #[test]
    fn pieces_of_a_row_are_joined_from_left_to_right_and_columns_are_not() {
        let found = blocks(
            &[
                line("NIGHT", 420.0, 100.0, 200.0, 50.0),
                line("THE LONG", 100.0, 102.0, 300.0, 50.0),
                line("Exit", 900.0, 100.0, 90.0, 50.0),
            ],
            (1280, 720),
        );
        assert_eq!(texts(&found), ["THE LONG NIGHT", "Exit"]);
    }

    #[test]
    fn a_text_lasts_while_it_is_seen_and_its_best_reading_counts() {
        let mut tracks = Tracks::new(&[(0, 100), (100, 200)]);
        tracks.add((0, 10), Rows::ALL, &[block("HOTEI", 0.1, 0.8)]);
        tracks.add(
            (0, 50),
            Rows::ALL,
            &[block("HOTEL", 0.1, 0.95), block("Hello there.", 0.8, 0.9)],
        );
        tracks.add((0, 90), Rows::ALL, &[block("HOTEL", 0.1, 0.9)]);
        tracks.add((1, 110), Rows::ALL, &[block("HOTEL", 0.1, 0.9)]);
        assert_eq!(
            spans(tracks),
            [
                ("HOTEL".to_owned(), (0, 100)),
                ("Hello there.".to_owned(), (50, 51)),
                ("HOTEL".to_owned(), (100, 200))
            ]
        );
    }

    #[test]
    fn a_look_at_a_band_says_nothing_of_what_stands_elsewhere() {
        let mut tracks = Tracks::new(&[(0, 200)]);
        let sign = block("HOTEL", 0.1, 0.9);
        tracks.add(
            (0, 10),
            Rows::ALL,
            &[sign.clone(), block("Who is there?", 0.8, 0.9)],
        );
        tracks.add((0, 20), BAND, &[block("Who is there?", 0.8, 0.9)]);
        tracks.add((0, 30), BAND, &[]);
        tracks.add((0, 40), BAND, &[block("It is me.", 0.8, 0.9)]);
        tracks.add((0, 190), Rows::ALL, &[sign]);
        assert_eq!(
            spans(tracks),
            [
                ("Who is there?".to_owned(), (0, 21)),
                ("HOTEL".to_owned(), (0, 200)),
                ("It is me.".to_owned(), (40, 41)),
            ]
        );
    }

    #[test]
    fn credits_that_roll_out_of_a_band_are_one_text() {
        let mut tracks = Tracks::new(&[(0, 100)]);
        tracks.add(
            (0, 10),
            Rows::ALL,
            &[block("Directed by Jane Doe", 0.8, 0.9)],
        );
        tracks.add((0, 20), BAND, &[]);
        tracks.add(
            (0, 50),
            Rows::ALL,
            &[block("Directed by Jane Doe", 0.3, 0.9)],
        );
        assert_eq!(tracks.finish().len(), 1);
    }

    #[test]
    fn credits_that_roll_are_are_one_text() {
        let mut tracks = Tracks::new(&[(0, 100)]);
        tracks.add(
            (0, 10),
            Rows::ALL,
            &[block("Directed by Jane Doe", 0.8, 0.9)],
        );
        tracks.add(
            (0, 50),
            Rows::ALL,
            &[block("Directed by Jane Doe", 0.3, 0.9)],
        );
        let found = tracks.finish();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].frames, (0, 100));
    }
}
