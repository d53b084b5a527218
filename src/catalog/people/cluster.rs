//! Groups descriptors by average linkage, without keeping the distances of all pairs.
//!
//! The linkage of two groups is the mean of the squared distances of their pairs. It follows from the sums of their
//! descriptors and of the squares of these, so a group needs one vector, however large it is. The order of merging is that
//! of nearest-neighbour chains (Benzécri 1982; Müllner 2011, arXiv 1109.2378), which gives the same groups as merging the
//! nearest pair of all each time, because this linkage is reducible.

use rushes_models::{DESCRIPTOR, FaceDescriptor};

/// Root mean square distance up to which groups of faces are of one person. Faces of one person are mostly below 0.4, and
/// those of two above 0.55.
pub(super) const SAME_PERSON: f64 = 0.5;

/// Faces that belong together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    /// Ranks of its faces.
    pub(super) members: Vec<usize>,
    /// What a user decided: groups with different ones are never joined.
    pub(super) decided: Option<usize>,
    count: u32,
    sum: Vec<f64>,
    squares: f64,
}

impl Group {
    pub(super) fn new(decided: Option<usize>) -> Self {
        Self {
            members: Vec::new(),
            decided,
            count: 0,
            sum: vec![0.0; DESCRIPTOR],
            squares: 0.0,
        }
    }

    /// A group of so many faces, known by their sums only.
    pub(super) fn summed(faces: u32, sum: Vec<f64>, squares: f64) -> Self {
        Self {
            members: Vec::new(),
            decided: None,
            count: faces,
            sum,
            squares,
        }
    }

    /// How many faces there are, the sum of their descriptors, and the sum of the squares of these.
    pub(super) fn sums(&self) -> (u32, &[f64], f64) {
        (self.count, &self.sum, self.squares)
    }

    pub(super) fn of(member: usize, face: &FaceDescriptor) -> Self {
        let mut group = Self::new(None);
        group.add(member, face);
        group
    }

    pub(super) fn add(&mut self, member: usize, face: &FaceDescriptor) {
        self.members.push(member);
        self.count += 1;
        for (sum, &number) in self.sum.iter_mut().zip(&face.0) {
            *sum += f64::from(number);
            self.squares += f64::from(number).powi(2);
        }
    }

    fn join(&mut self, other: Self) {
        self.members.extend(other.members);
        self.decided = self.decided.or(other.decided);
        self.count += other.count;
        self.squares += other.squares;
        for (sum, other) in self.sum.iter_mut().zip(other.sum) {
            *sum += other;
        }
    }

    /// Mean squared distance of the pairs; infinite if a user said that they are two people.
    fn linkage(&self, other: &Self) -> f64 {
        if let (Some(one), Some(two)) = (self.decided, other.decided)
            && one != two
        {
            return f64::INFINITY;
        }
        let product: f64 = self.sum.iter().zip(&other.sum).map(|(a, b)| a * b).sum();
        let (own, others) = (f64::from(self.count), f64::from(other.count));
        let squares = self.squares / own + other.squares / others;
        (squares - 2.0 * product / (own * others)).max(0.0)
    }

    /// Whether the groups are of one person, and how far they are apart.
    pub(super) fn nearness(&self, other: &Self) -> Option<f64> {
        Some(self.linkage(other)).filter(|&linkage| linkage <= SAME_PERSON * SAME_PERSON)
    }
}

/// Joins groups until those that are left are further apart than one person's are. Empty groups are dropped.
pub(super) fn joined(groups: Vec<Group>) -> Vec<Group> {
    let mut open: Vec<Group> = groups;
    open.retain(|group| !group.members.is_empty());
    let mut done = Vec::new();
    // Places in `open` of groups, each of which is the nearest one of the one before.
    let mut chain: Vec<usize> = Vec::new();
    while !open.is_empty() {
        let top = *chain.last().unwrap_or(&(open.len() - 1));
        if chain.is_empty() {
            chain.push(top);
        }
        let before = chain.len().checked_sub(2).map(|at| chain[at]);
        let Some((_, nearest)) = nearest(&open, top, before) else {
            // Nothing comes near it any more, whatever else is joined.
            chain.pop();
            done.push(take(&mut open, top, &mut chain));
            continue;
        };
        if chain.contains(&nearest) {
            // The two are nearest to each other.
            chain.truncate(chain.len().saturating_sub(2));
            chain.retain(|&at| at != top && at != nearest);
            let (low, high) = (top.min(nearest), top.max(nearest));
            let other = take(&mut open, high, &mut chain);
            open[low].join(other);
        } else {
            chain.push(nearest);
        }
    }
    done
}

/// The nearest group of one person; `before` if several are as near.
fn nearest(open: &[Group], top: usize, before: Option<usize>) -> Option<(f64, usize)> {
    let own = &open[top];
    let mut best: Option<(f64, usize)> = None;
    let others = (0..open.len()).filter(|&at| at != top && Some(at) != before);
    for at in before.into_iter().chain(others) {
        if let Some(linkage) = own.nearness(&open[at])
            && best.is_none_or(|(least, _)| linkage < least)
        {
            best = Some((linkage, at));
        }
    }
    best
}

/// Takes a group out. The last one takes its place, also in the chain.
fn take(open: &mut Vec<Group>, at: usize, chain: &mut [usize]) -> Group {
    let group = open.swap_remove(at);
    let moved = open.len();
    for place in chain {
        if *place == moved {
            *place = at;
        }
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A face on a line: its distance from others is that of the numbers.
    fn face(at: f32) -> FaceDescriptor {
        let mut numbers = [0.0; DESCRIPTOR];
        numbers[0] = at;
        FaceDescriptor(numbers)
    }

    fn groups(faces: &[f32]) -> Vec<Group> {
        let faces = faces.iter().enumerate();
        faces
            .map(|(at, &place)| Group::of(at, &face(place)))
            .collect()
    }

    fn members(groups: Vec<Group>) -> Vec<Vec<usize>> {
        let mut members: Vec<Vec<usize>> = groups.into_iter().map(|one| one.members).collect();
        for one in &mut members {
            one.sort_unstable();
        }
        members.sort();
        members
    }

    #[test]
    fn faces_that_are_near_are_joined_and_chains_are_not() {
        let found = members(joined(groups(&[0.0, 5.0, 0.2, 5.1, 0.1, 9.0])));
        assert_eq!(found, [vec![0, 2, 4], vec![1, 3], vec![5]]);
        // Each is near the next, but the ends are far apart: they are not all one person.
        let chain: Vec<f32> = (0..12_u8).map(|n| f32::from(n) * 0.3).collect();
        assert!(joined(groups(&chain)).len() >= 3);
        assert_eq!(joined(Vec::new()), []);
    }

    #[test]
    fn the_groups_are_those_of_joining_the_nearest_pair_each_time() {
        let mut seed = 7_u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 40) as f32 / f32::from(1_u16 << 15) / 256.0
        };
        for _ in 0..20 {
            let places: Vec<f32> = (0..40).map(|_| random() * 6.0).collect();
            let mut slow = groups(&places);
            loop {
                let pairs = (0..slow.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
                let nearest = pairs
                    .filter_map(|(a, b)| Some((slow[a].nearness(&slow[b])?, a, b)))
                    .min_by(|x, y| x.0.total_cmp(&y.0));
                let Some((_, a, b)) = nearest else { break };
                let other = slow.remove(a);
                slow[b].join(other);
            }
            assert_eq!(members(joined(groups(&places))), members(slow));
        }
    }

    #[test]
    fn what_users_told_apart_stays_apart() {
        let mut anna = Group::new(Some(0));
        anna.add(0, &face(0.0));
        let mut berta = Group::new(Some(1));
        berta.add(1, &face(0.1));
        let free = Group::of(2, &face(0.09));
        let found = joined(vec![anna, berta, free, Group::new(Some(2))]);
        assert_eq!(members(found), [vec![0], vec![1, 2]]);
    }
}
