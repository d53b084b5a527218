//! Collects the best line of each shot.
//!
//! One long take may have more matching lines than there are candidates. It must not hide the other shots.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::Column;
use tantivy::{DocAddress, DocId, Score, SegmentOrdinal, SegmentReader, TantivyError};

/// The `count` best shots, each with its best line, best first.
pub(super) struct BestPerShot {
    /// The fast field with a number for each shot.
    pub(super) shot: &'static str,
    pub(super) count: usize,
}

/// A line of a segment.
type Line = (Score, DocId);

pub(super) struct SegmentBest {
    segment: SegmentOrdinal,
    shots: Column<u64>,
    best: HashMap<u64, Line>,
}

impl SegmentCollector for SegmentBest {
    type Fruit = (SegmentOrdinal, HashMap<u64, Line>);

    fn collect(&mut self, doc: DocId, score: Score) {
        let Some(shot) = self.shots.first(doc) else {
            return;
        };
        match self.best.entry(shot) {
            Entry::Vacant(new) => {
                new.insert((score, doc));
            }
            // The first line of those that match as well.
            Entry::Occupied(mut known) if score > known.get().0 => {
                known.insert((score, doc));
            }
            Entry::Occupied(_) => {}
        }
    }

    fn harvest(self) -> Self::Fruit {
        (self.segment, self.best)
    }
}

impl Collector for BestPerShot {
    type Fruit = Vec<(Score, DocAddress)>;
    type Child = SegmentBest;

    fn for_segment(
        &self,
        segment: SegmentOrdinal,
        reader: &SegmentReader,
    ) -> Result<SegmentBest, TantivyError> {
        Ok(SegmentBest {
            segment,
            shots: reader.fast_fields().u64(self.shot)?,
            best: HashMap::new(),
        })
    }

    fn requires_scoring(&self) -> bool {
        true
    }

    fn merge_fruits(
        &self,
        segments: Vec<(SegmentOrdinal, HashMap<u64, Line>)>,
    ) -> Result<Self::Fruit, TantivyError> {
        let mut best: HashMap<u64, (Score, DocAddress)> = HashMap::new();
        for (segment, shots) in segments {
            for (shot, (score, doc)) in shots {
                let line = (score, DocAddress::new(segment, doc));
                let kept = best.entry(shot).or_insert(line);
                if is_before(line, *kept) {
                    *kept = line;
                }
            }
        }
        let mut best: Vec<(Score, DocAddress)> = best.into_values().collect();
        best.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        best.truncate(self.count);
        Ok(best)
    }
}

/// Whether a line comes before another: the better one, or else the one that was indexed first.
fn is_before(a: (Score, DocAddress), b: (Score, DocAddress)) -> bool {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).is_lt()
}
