//! Rule 4: reports beside one another, matched one to one, closest in time first.

use super::group::Rule;
use super::sets::Sets;
use super::sketch::Counts;
use super::tree::Tree;

/// Up to this many sets every pair is looked at; beyond, each set and its neighbors in time.
const ALL_PAIRS: usize = 48;
/// Neighbors looked at on one side.
const NEIGHBORS: usize = 48;

/// Members of a set whose place in the tree is compared.
const MEMBERS_COMPARED: usize = 8;

/// Scratch of the matching.
#[derive(Default)]
pub struct Matching {
    pairs: Vec<(u8, u64, u32, u32)>,
    sorted: Vec<u32>,
}

impl Matching {
    /// Unites sets of `leaders` that report the same calls.
    pub fn run(&mut self, leaders: &[u32], sets: &mut Sets, tree: &Tree) {
        let Some(first) = leaders.first() else { return };
        let scopes = sets.face(*first).scopes;
        if leaders.len() < 2 || leaders.iter().all(|leader| sets.face(*leader).scopes == scopes) {
            return;
        }
        self.pairs.clear();
        if leaders.len() <= ALL_PAIRS {
            for (at, one) in leaders.iter().enumerate() {
                for other in &leaders[at + 1..] {
                    self.consider(*one, *other, sets, tree);
                }
            }
        } else {
            self.sorted.clear();
            self.sorted.extend_from_slice(leaders);
            // Equal counts side by side first, so that among thousands of parallel calls each meets its like.
            self.sorted.sort_unstable_by_key(|leader| {
                let sketch = &sets.face(*leader).sketch;
                (sketch.output, sketch.start, *leader)
            });
            self.consider_neighbors(sets, tree);
            self.sorted.sort_unstable_by_key(|leader| (sets.face(*leader).sketch.start, *leader));
            self.consider_neighbors(sets, tree);
        }
        self.pairs.sort_unstable();
        for at in 0..self.pairs.len() {
            let (_, _, one, other) = self.pairs[at];
            let (one, other) = (sets.leader(one), sets.leader(other));
            if one != other && fit(one, other, sets, tree).is_some() {
                sets.unite(one, other, Rule::Sibling, tree);
            }
        }
    }

    fn consider_neighbors(&mut self, sets: &Sets, tree: &Tree) {
        for at in 0..self.sorted.len() {
            for next in at + 1..self.sorted.len().min(at + 1 + NEIGHBORS) {
                self.consider(self.sorted[at], self.sorted[next], sets, tree);
            }
        }
    }

    fn consider(&mut self, one: u32, other: u32, sets: &Sets, tree: &Tree) {
        if let Some(counts) = fit(one, other, sets, tree) {
            let (a, b) = (&sets.face(one).sketch, &sets.face(other).sketch);
            self.pairs.push((a.grade(b, counts), a.distance(b), one.min(other), one.max(other)));
        }
    }
}

/// Whether two sets may be reports of the same call.
fn fit(one: u32, other: u32, sets: &Sets, tree: &Tree) -> Option<Counts> {
    let (a, b) = (sets.face(one), sets.face(other));
    if a.scopes & b.scopes != 0 || !(a.reaches(b) || b.reaches(a)) {
        return None;
    }
    let counts = a.sketch.sibling(&b.sketch)?;
    let members = |leader| sets.members(leader).take(MEMBERS_COMPARED);
    // Rule 3 looked at those above one another, but not at what a third report of their call knows.
    let told_apart = |a: u32, b: u32| {
        (tree.is_above(a, b) || tree.is_above(b, a)) && sets.sketch(a).counts(sets.sketch(b)) != Counts::Differ
    };
    let stacked = members(one).any(|a| members(other).any(|b| told_apart(a, b)));
    (!stacked).then_some(counts)
}
