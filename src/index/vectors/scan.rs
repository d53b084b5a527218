//! Searching segments: signs find candidates, high bytes rank them, and both bytes give the similarity.
//!
//! An estimate has a known standard deviation. Each row whose estimate plus one and a half of them reaches the similarity
//! of the last hit is ranked. So an easy query ranks few rows, and a hard one ranks many. Of the rows at the very end of
//! the list, a few in a hundred are missed; those further up are not.

use std::ops::Range;
use std::sync::Arc;

use super::codes::{BLOCK, BLOCK_ROWS, Query, Table, rounding};
use super::kernel::{ARCH, Coarse, Estimate, fine};
use super::layout::Part;
use super::segment::Segment;

/// Up to this many rows in scope, or per requested hit, estimates cost more than they save.
const RANKED: usize = 1000;
/// See [`RANKED`].
const RANKED_PER_HIT: usize = 4;
/// Shortest average run of rows in scope for which whole blocks are estimated.
const SHORTEST_RUN: usize = 16;

/// The rows of a segment that a search may find, in ascending order and without overlaps.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) segment: Arc<Segment>,
    pub(super) rows: Vec<Range<u32>>,
}

impl Scope {
    pub(super) fn len(&self) -> usize {
        self.rows.iter().map(ExactSizeIterator::len).sum()
    }

    /// Whether each of its rows is ranked, without an estimate before.
    fn is_ranked(&self, count: usize) -> bool {
        let rows = self.len();
        rows <= RANKED.max(RANKED_PER_HIT * count) || rows < SHORTEST_RUN * self.rows.len()
    }
}

/// A found row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    pub(super) similarity: f32,
    /// Index into the scopes.
    pub(super) segment: u32,
    pub(super) row: u32,
}

/// What a search did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effort {
    /// Shots in scope.
    pub shots: usize,
    /// Shots in scope that were estimated before the nearest were compared, which may miss a few. The others were all
    /// compared.
    pub estimated: usize,
    /// Shots that were compared by eight bits per value.
    pub ranked: usize,
    /// Shots in scope that were reached by a graph, which may miss some, instead of a scan.
    pub walked: usize,
}

impl Effort {
    /// Whether every shot in scope was compared.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        self.estimated == 0 && self.walked == 0
    }
}

/// The `count` rows whose vectors are nearest to `query`, best first, and what it took to find them.
pub(super) fn nearest(query: &Query, count: usize, scopes: &[Scope]) -> (Vec<Found>, Effort) {
    let mut candidates = Candidates {
        query,
        scopes,
        found: Vec::new(),
    };
    if count == 0 {
        return (Vec::new(), Effort::default());
    }
    let mut estimates = Estimates::new(scopes);
    let mut estimated = 0;
    for (number, scope) in (0..).zip(scopes) {
        if scope.is_ranked(count) {
            let rows: Vec<u32> = scope.rows.iter().cloned().flatten().collect();
            candidates.rank(number, &rows);
        } else {
            estimated += scope.len();
            estimates.add(number, scope, Table::new(query, &scope.segment.mean));
        }
    }
    let first = estimates.best(2 * count);
    candidates.rank_places(&estimates, &first);
    let least = candidates.least(count);
    let rest = estimates.within(least, &first);
    candidates.rank_places(&estimates, &rest);
    let effort = Effort {
        shots: scopes.iter().map(Scope::len).sum(),
        estimated,
        ranked: candidates.found.len(),
        walked: 0,
    };
    (candidates.best(count), effort)
}

/// The similarities of a query and about `count` rows, evenly spread over the scopes.
pub(super) fn sample(query: &Query, count: usize, scopes: &[Scope]) -> Vec<f32> {
    let rows: usize = scopes.iter().map(Scope::len).sum();
    let step = rows.div_ceil(count.max(1)).max(1);
    let mut candidates = Candidates {
        query,
        scopes,
        found: Vec::new(),
    };
    let mut skipped = 0;
    for (number, scope) in (0..).zip(scopes) {
        let rows = scope
            .rows
            .iter()
            .cloned()
            .flatten()
            .skip(skipped)
            .step_by(step);
        let rows: Vec<u32> = rows.collect();
        skipped = (skipped + rows.len() * step).saturating_sub(scope.len());
        candidates.rank(number, &rows);
    }
    let found = candidates.found.into_iter();
    found.map(|found| found.similarity).collect()
}

/// The estimates of all rows in scope.
struct Estimates<'a> {
    scopes: &'a [Scope],
    /// The query's table for each segment that is estimated.
    tables: Vec<Option<Table>>,
    /// Segment and block of each [`BLOCK`] of values.
    blocks: Vec<(u32, u32)>,
    values: Vec<f32>,
}

impl<'a> Estimates<'a> {
    fn new(scopes: &'a [Scope]) -> Self {
        Self {
            scopes,
            tables: scopes.iter().map(|_| None).collect(),
            blocks: Vec::new(),
            values: Vec::new(),
        }
    }

    fn add(&mut self, number: u32, scope: &Scope, table: Table) {
        let segment = &scope.segment;
        for run in runs(&scope.rows) {
            let from = self.values.len();
            let (first, last) = (run.start as usize, run.end as usize);
            self.blocks.extend(run.clone().map(|block| (number, block)));
            self.values.resize(from + (last - first) * BLOCK, 0.0);
            let codes = segment.layout.block();
            ARCH.dispatch(Estimate {
                codes: &segment.part(Part::Codes)[first * codes..last * codes],
                table: &table.bytes,
                factors: &segment.factors[first * BLOCK..last * BLOCK],
                offsets: &segment.offsets[first * BLOCK..last * BLOCK],
                base: table.base,
                slope: table.slope,
                step: table.step,
                bias: table.bias,
                out: &mut self.values[from..],
            });
        }
        self.leave_out(number, scope);
        self.tables[number as usize] = Some(table);
    }

    /// Withdraws the estimates of rows that are in a block with others but not in scope.
    fn leave_out(&mut self, number: u32, scope: &Scope) {
        let mut at = self
            .blocks
            .partition_point(|(segment, _)| *segment < number);
        let mut ranges = scope.rows.iter().peekable();
        while let Some(&(_, first)) = self.blocks.get(at) {
            let rows = first * BLOCK_ROWS..(first + 1) * BLOCK_ROWS;
            while ranges.next_if(|range| range.end <= rows.start).is_some() {}
            let is_whole = ranges
                .peek()
                .is_some_and(|r| r.start <= rows.start && r.end >= rows.end);
            if !is_whole {
                let mut inside = [false; BLOCK];
                for range in ranges.clone().take_while(|range| range.start < rows.end) {
                    let from = range.start.max(rows.start) - rows.start;
                    let to = range.end.min(rows.end) - rows.start;
                    inside[from as usize..to as usize].fill(true);
                }
                let values = &mut self.values[at * BLOCK..][..BLOCK];
                let outside = values.iter_mut().zip(inside).filter(|(_, inside)| !inside);
                outside.for_each(|(value, _)| *value = f32::NEG_INFINITY);
            }
            at += 1;
        }
    }

    /// The places of the best estimates, in ascending order.
    fn best(&self, count: usize) -> Vec<usize> {
        let mut best: Vec<(f32, usize)> = Vec::with_capacity(2 * count + BLOCK);
        let mut least = f32::NEG_INFINITY;
        let keep_best = |best: &mut Vec<(f32, usize)>| {
            if best.len() > count {
                best.select_nth_unstable_by(count - 1, |a, b| b.0.total_cmp(&a.0));
                best.truncate(count);
            }
        };
        for (block, values) in self.values.as_chunks::<BLOCK>().0.iter().enumerate() {
            each(above(values, least), |lane| {
                best.push((values[lane], block * BLOCK + lane));
            });
            if best.len() >= 2 * count {
                keep_best(&mut best);
                least = best[count - 1].0;
            }
        }
        keep_best(&mut best);
        let mut places: Vec<usize> = best.into_iter().map(|(_, place)| place).collect();
        places.sort_unstable();
        places
    }

    /// The places of rows whose similarity may reach `least`, without those in `known`.
    fn within(&self, least: f32, known: &[usize]) -> Vec<usize> {
        let mut places = Vec::new();
        let mut known = known.iter().peekable();
        let values = self.values.as_chunks::<BLOCK>().0.iter();
        for (at, (values, (segment, block))) in values.zip(&self.blocks).enumerate() {
            let factors = &self.scopes[*segment as usize].segment.factors;
            let factors = &factors.as_chunks::<BLOCK>().0[*block as usize];
            let doubt = self.tables[*segment as usize]
                .as_ref()
                .map_or(0.0, |table| table.doubt);
            let upper = std::array::from_fn(|lane| values[lane] + doubt * factors[lane]);
            each(above(&upper, least), |lane| {
                let place = at * BLOCK + lane;
                while known.next_if(|known| **known < place).is_some() {}
                if known.peek() != Some(&&place) {
                    places.push(place);
                }
            });
        }
        places
    }

    /// Segment and row of a place.
    fn row(&self, place: usize) -> (u32, u32) {
        let (segment, block) = self.blocks[place / BLOCK];
        let lane = u32::try_from(place % BLOCK).unwrap_or_default();
        (segment, block * BLOCK_ROWS + lane)
    }
}

/// Rows with their similarities by high bytes.
struct Candidates<'a> {
    query: &'a Query,
    scopes: &'a [Scope],
    found: Vec<Found>,
}

impl Candidates<'_> {
    fn rank(&mut self, number: u32, rows: &[u32]) {
        let segment = &self.scopes[number as usize].segment;
        let mut products = Vec::with_capacity(rows.len());
        ARCH.dispatch(Coarse {
            query: &self.query.steps,
            high: segment.part(Part::High),
            rows,
            out: &mut products,
        });
        self.found
            .extend(rows.iter().zip(products).map(|(&row, product)| Found {
                similarity: product as f32 * self.query.step * segment.scales[row as usize],
                segment: number,
                row,
            }));
    }

    fn rank_places(&mut self, estimates: &Estimates<'_>, places: &[usize]) {
        let rows: Vec<(u32, u32)> = places.iter().map(|place| estimates.row(*place)).collect();
        for rows in rows.chunk_by(|a, b| a.0 == b.0) {
            let numbers: Vec<u32> = rows.iter().map(|(_, row)| *row).collect();
            self.rank(rows[0].0, &numbers);
        }
    }

    /// What a row's similarity by high bytes must be, at least, for it to be one of the `count` best.
    fn least(&mut self, count: usize) -> f32 {
        if self.found.len() < count {
            return f32::NEG_INFINITY;
        }
        let (_, last, _) = self.found.select_nth_unstable_by(count - 1, best_first);
        let scale = self.scopes[last.segment as usize].segment.scales[last.row as usize];
        last.similarity - rounding(scale)
    }

    fn best(mut self, count: usize) -> Vec<Found> {
        let least = self.least(count);
        self.found.retain(|found| found.similarity >= least);
        for found in &mut self.found {
            let segment = &self.scopes[found.segment as usize].segment;
            let (high, low) = segment.row(found.row);
            let steps = fine(&self.query.values, high, low);
            found.similarity = steps * segment.scales[found.row as usize];
        }
        self.found.sort_unstable_by(best_first);
        self.found.truncate(count);
        self.found
    }
}

fn best_first(a: &Found, b: &Found) -> std::cmp::Ordering {
    let place = |found: &Found| (found.segment, found.row);
    b.similarity
        .total_cmp(&a.similarity)
        .then(place(a).cmp(&place(b)))
}

/// The blocks that hold `rows`, as runs without overlaps.
fn runs(rows: &[Range<u32>]) -> Vec<Range<u32>> {
    let mut runs: Vec<Range<u32>> = Vec::new();
    for rows in rows.iter().filter(|rows| !rows.is_empty()) {
        let blocks = rows.start / BLOCK_ROWS..rows.end.div_ceil(BLOCK_ROWS);
        match runs.last_mut() {
            Some(last) if last.end >= blocks.start => last.end = last.end.max(blocks.end),
            _ => runs.push(blocks),
        }
    }
    runs
}

/// One bit per value that is above `least`.
#[inline]
fn above(values: &[f32; BLOCK], least: f32) -> u32 {
    // Most blocks have none, and a maximum is found in registers.
    let most = values.iter().fold(
        f32::NEG_INFINITY,
        |most, &x| if x > most { x } else { most },
    );
    if most <= least {
        return 0;
    }
    let bits = values.iter().enumerate();
    bits.fold(0, |bits, (lane, &value)| {
        bits | u32::from(value > least) << lane
    })
}

/// Calls `act` with the number of each bit that is set.
#[inline]
fn each(mut bits: u32, mut act: impl FnMut(usize)) {
    while bits != 0 {
        act(bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}
