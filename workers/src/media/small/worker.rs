//! The thread of a decoder, which decodes one chunk after another.

use std::collections::VecDeque;

use super::decode::{Decoding, Item, Outbox};
use super::packets::{PacketStep, Split};
use super::shared::{Alarm, Claim, Shared, Trade, Verdict};
use crate::media::video::Codec;

/// Frames of the next chunk that a decoder also decodes, for comparison.
const COMPARED: usize = 3;

/// Most entries of the next chunk that a decoder takes for that.
const MOST_OVERLAP: u64 = 128;

/// Decodes chunks until there are none left.
pub(super) fn work(shared: &Shared, codec: &Codec, max_pixels: u64) {
    let _alarm = Alarm(shared);
    while let Some(claim) = shared.claim() {
        let Claim { id, start } = claim;
        let decoding = match start.seq {
            0 => Decoding::new(codec, 1, max_pixels),
            _ => Decoding::amid(codec, max_pixels),
        };
        match decoding {
            Ok(decoding) => Run::new(shared, id, start, decoding).run(),
            Err(error) => {
                let mut out = Outbox::default();
                out.items.push(Item::Failed(error));
                shared.finish(id, start.seq, &mut out);
            }
        }
    }
}

/// The border of a chunk. The decoder that starts there and the previous one must assign frames and damage to
/// the two sides in the same way.
struct Border {
    split: Split,
    /// Whether a frame has come out that is not shown before the split's frame.
    passed: bool,
    /// Whether all packets since the split belong to frames shown before it.
    leading: bool,
}

impl Border {
    /// Nothing precedes the video's first packet.
    const fn new(split: Split) -> Self {
        let is_first = split.seq == 0;
        Self {
            split,
            passed: is_first,
            leading: !is_first,
        }
    }

    /// Whether damage of entry `seq`, which is not before the split, belongs before the border.
    fn is_leading(&mut self, entry: Option<&PacketStep>, seq: u64) -> bool {
        let is_packet = matches!(entry, Some(PacketStep::Packet(_)));
        let pts = entry.and_then(PacketStep::pts);
        if is_packet && seq != self.split.seq && pts.is_none_or(|pts| pts >= self.split.pts) {
            self.leading = false;
        }
        self.leading && seq != self.split.seq && entry.is_some()
    }

    /// Whether the next frame that came out belongs before the border.
    fn is_before(&mut self, pts: Option<i64>) -> bool {
        self.passed |= pts.is_some_and(|pts| pts >= self.split.pts);
        !self.passed
    }
}

/// A decoder's version of the beginning of the next chunk.
struct Overlap {
    border: Border,
    items: Vec<Item>,
    frames: usize,
    /// Number of items to compare: up to the last frame that counts.
    compared: usize,
}

impl Overlap {
    fn push(&mut self, item: Item) {
        let is_frame = matches!(item, Item::Frame(_));
        self.items.push(item);
        if is_frame && self.frames < COMPARED {
            self.frames += 1;
            self.compared = self.items.len();
        }
    }
}

/// One chunk in progress.
struct Run<'a> {
    shared: &'a Shared,
    id: u64,
    decoding: Decoding,
    /// Number of the next entry.
    fed: u64,
    batch: VecDeque<PacketStep>,
    start: Border,
    /// Frames of the chunk so far.
    frames: usize,
    /// Start of the next chunk, if it belongs to another decoder.
    next: Option<Split>,
    overlap: Option<Overlap>,
    made: Outbox,
    out: Outbox,
    failed: bool,
}

impl<'a> Run<'a> {
    fn new(shared: &'a Shared, id: u64, start: Split, decoding: Decoding) -> Self {
        Self {
            shared,
            id,
            decoding,
            fed: start.seq,
            batch: VecDeque::new(),
            start: Border::new(start),
            frames: 0,
            next: None,
            overlap: None,
            made: Outbox::default(),
            out: Outbox::default(),
            failed: false,
        }
    }

    fn run(mut self) {
        loop {
            while let Some(entry) = self.batch.pop_front() {
                self.step(&entry);
                if self.failed || self.is_over() {
                    self.shared.finish(self.id, self.fed, &mut self.out);
                    return;
                }
            }
            let trade = self
                .shared
                .trade(self.id, self.fed, &mut self.out, &mut self.batch);
            match trade {
                Trade::Entries(next) => self.next = next,
                Trade::End => return self.end(),
                Trade::Gone => return,
            }
        }
    }

    /// Decodes the next entry.
    fn step(&mut self, entry: &PacketStep) {
        let seq = self.fed;
        if let Some(split) = self.next.filter(|split| split.seq == seq) {
            self.overlap = Some(Overlap {
                border: Border::new(split),
                items: Vec::new(),
                frames: 0,
                compared: 0,
            });
        }
        self.decoding.prints = self.frames < COMPARED || self.overlap.is_some();
        self.made.spare.append(&mut self.out.spare);
        self.decoding.feed(entry, &mut self.made);
        self.fed += 1;
        self.sort(Some(entry), seq);
    }

    /// Divides the output for an entry, or for the end, among this chunk and its neighbours.
    fn sort(&mut self, entry: Option<&PacketStep>, seq: u64) {
        let is_before = self.start.is_leading(entry, seq);
        let overlap = self.overlap.as_mut();
        let is_after = overlap.is_some_and(|overlap| !overlap.border.is_leading(entry, seq));
        let mut items = std::mem::take(&mut self.made.items);
        for item in items.drain(..) {
            match item {
                Item::Frame(shown) if self.start.is_before(shown.pts) => {
                    self.made.spare.push(shown.small);
                }
                Item::Frame(shown) => {
                    self.frames += 1;
                    let overlap = self.overlap.as_mut().and_then(|overlap| {
                        (!overlap.border.is_before(shown.pts)).then_some(overlap)
                    });
                    match overlap {
                        Some(overlap) => overlap.push(Item::Frame(shown)),
                        None => self.out.items.push(Item::Frame(shown)),
                    }
                }
                Item::Damage(_) if is_before => {}
                Item::Damage(_) => match &mut self.overlap {
                    Some(overlap) if is_after => overlap.push(item),
                    Some(_) | None => self.out.items.push(item),
                },
                Item::Failed(_) => {
                    self.out.items.push(item);
                    self.failed = true;
                    break;
                }
            }
        }
        self.made.items = items;
    }

    /// Whether the next chunk's decoder continues from here.
    fn is_over(&mut self) -> bool {
        let Some(overlap) = self.overlap.take() else {
            return false;
        };
        if overlap.frames >= COMPARED {
            return self.settle(overlap);
        }
        if self.fed - overlap.border.split.seq >= MOST_OVERLAP {
            self.shared.reject(self.id);
            self.keep(overlap);
        } else {
            self.overlap = Some(overlap);
        }
        false
    }

    /// Compares with the next chunk's decoder, and returns whether that one continues.
    fn settle(&mut self, overlap: Overlap) -> bool {
        let is_whole = overlap.frames < COMPARED;
        let compared = if is_whole {
            overlap.items.len()
        } else {
            overlap.compared
        };
        let ours = overlap.items.get(..compared).unwrap_or(&[]);
        let verdict = self
            .shared
            .compare(self.id, self.fed, &mut self.out, (ours, is_whole));
        match verdict {
            Verdict::Same | Verdict::Gone => true,
            Verdict::Different => {
                self.keep(overlap);
                false
            }
        }
    }

    /// The output for the next chunk becomes part of this one.
    fn keep(&mut self, overlap: Overlap) {
        self.next = None;
        self.out.items.extend(overlap.items);
    }

    /// The video has ended.
    fn end(mut self) {
        self.decoding.drain(&mut self.made);
        self.sort(None, self.fed);
        // No other decoder gets this far before it is drained too.
        self.fed = u64::MAX;
        if let Some(overlap) = self.overlap.take() {
            self.settle(overlap);
        }
        self.shared.finish(self.id, self.fed, &mut self.out);
    }
}
