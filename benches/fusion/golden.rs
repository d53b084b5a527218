//! The golden queries, and where an answer has the first right shot.

use serde_json::Value;

/// A query with its right shots.
pub(crate) struct GoldenQuery {
    /// The fields of its answers' evidence that a right hit must have, joined by `+`.
    pub(crate) sense: &'static str,
    /// As it is typed.
    pub(crate) text: &'static str,
    /// Film and a frame of each right shot.
    right: Vec<(&'static str, u64)>,
}

impl GoldenQuery {
    /// All queries of `queries.tsv`.
    pub(crate) fn all() -> Vec<Self> {
        let lines = include_str!("queries.tsv").lines();
        lines
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let fields: Vec<&str> = line.split('\t').collect();
                let [sense, text, right] = fields[..] else {
                    panic!("{line:?} has not three fields");
                };
                let right = right.split('|').map(|shot| {
                    let (film, frame) = shot.split_once('@').expect("FILM@FRAME");
                    (film, frame.parse().expect("a frame"))
                });
                Self {
                    sense,
                    text,
                    right: right.collect(),
                }
            })
            .collect()
    }

    /// Whether a hit is one of the right shots.
    pub(crate) fn is_right(&self, hit: &Value) -> bool {
        let frame = |end: &str| hit[end]["frame"].as_u64().expect("a frame");
        let shot = frame("start")..frame("end");
        let mut right = self.right.iter();
        right.any(|(film, frame)| hit["title"] == *film && shot.contains(frame))
    }

    /// The reciprocal of the worst place that the first right shot may have, given the score of every hit: what is as good
    /// as it may come before it. 0 if it is not found.
    pub(crate) fn reciprocal_rank(&self, hits: &[(&Value, f64)]) -> f64 {
        let right = hits.iter().filter(|(hit, _)| self.is_right(hit));
        let Some(best) = right.map(|(_, score)| *score).max_by(f64::total_cmp) else {
            return 0.0;
        };
        let wrong = hits.iter().filter(|(hit, _)| !self.is_right(hit));
        let before = wrong.filter(|(_, score)| *score > best - 1e-12).count();
        1.0 / (1.0 + f64::from(u32::try_from(before).expect("a page is short")))
    }
}
