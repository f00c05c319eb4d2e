//! Reports that were found to be the same call: disjoint sets of nodes, each with one face to the others.

use super::group::Rule;
use super::sketch::Sketch;
use super::tree::{NONE, Tree};

/// What a set shows of itself.
#[derive(Clone, Copy)]
pub struct Face {
    /// The canonical report, with the usage and the models that the set knows.
    pub sketch: Sketch,
    pub canonical: u32,
    pub size: u32,
    /// The interval of all its reports.
    pub start: u64,
    pub end: u64,
    /// A bit for each scope of its reports.
    pub scopes: u64,
    /// Index of the earlier call that it contains, or `NONE`.
    pub earlier: u32,
    /// Its usage sums or repeats that of the sets below it: it is no call. Names the first of them, or `NONE`.
    pub covers: u32,
}

impl Face {
    /// Whether another set's canonical report lies within the interval of this one.
    pub fn reaches(&self, other: &Face) -> bool {
        let hull = Sketch { start: self.start, end: self.end, ..self.sketch };
        hull.contains(&other.sketch)
    }
}

#[derive(Default)]
pub struct Sets {
    leaders: Vec<u32>,
    /// A ring through the members of each set.
    next: Vec<u32>,
    /// As each node came.
    sketches: Vec<Sketch>,
    /// By leader.
    faces: Vec<Face>,
    rules: Vec<Option<Rule>>,
    scopes: Vec<u64>,
}

impl Sets {
    pub fn clear(&mut self) {
        self.leaders.clear();
        self.next.clear();
        self.sketches.clear();
        self.faces.clear();
        self.rules.clear();
        self.scopes.clear();
    }

    /// Adds a node as a set of its own. `earlier`: see `Face`; `scopes`: those of its reports.
    pub fn push(&mut self, sketch: Sketch, earlier: u32, scopes: impl Iterator<Item = u64>) {
        let node = self.leaders.len() as u32;
        let scopes = scopes.fold(0, |bits, scope| bits | self.scope_bit(scope));
        self.leaders.push(node);
        self.next.push(node);
        self.rules.push(None);
        self.sketches.push(sketch);
        let (start, end) = (sketch.start, sketch.end);
        self.faces.push(Face { sketch, canonical: node, size: 1, start, end, scopes, earlier, covers: NONE });
    }

    /// Scopes beyond 63 share a bit, so that they are never merged by mistake.
    fn scope_bit(&mut self, scope: u64) -> u64 {
        let at = self.scopes.iter().position(|known| *known == scope).unwrap_or_else(|| {
            if self.scopes.len() < 64 {
                self.scopes.push(scope);
            }
            self.scopes.len() - 1
        });
        1 << at
    }

    pub fn leader(&self, node: u32) -> u32 {
        #[cfg(test)]
        looks::note();
        self.leaders[node as usize]
    }

    /// A node as it came.
    pub fn sketch(&self, node: u32) -> &Sketch {
        #[cfg(test)]
        looks::note();
        &self.sketches[node as usize]
    }

    /// Of a leader.
    pub fn face(&self, leader: u32) -> &Face {
        #[cfg(test)]
        looks::note();
        &self.faces[leader as usize]
    }

    pub fn face_mut(&mut self, leader: u32) -> &mut Face {
        &mut self.faces[leader as usize]
    }

    /// The rule by which a node came to its set; none for one that is alone.
    pub fn rule(&self, node: u32) -> Option<Rule> {
        self.rules[node as usize]
    }

    pub fn members(&self, leader: u32) -> impl Iterator<Item = u32> + '_ {
        let mut next = Some(leader);
        std::iter::from_fn(move || {
            let node = next?;
            next = Some(self.next[node as usize]).filter(|after| *after != leader);
            Some(node)
        })
    }

    /// Makes two sets one.
    pub fn unite(&mut self, one: u32, other: u32, rule: Rule, tree: &Tree) {
        let (one, other) = (self.leader(one), self.leader(other));
        if one == other {
            return;
        }
        let (a, b) = (self.faces[one as usize], self.faces[other as usize]);
        for node in [a.canonical, b.canonical] {
            self.rules[node as usize].get_or_insert(rule);
        }
        let (mut face, outer) = if is_inner(&a, &b, tree) { (a, b) } else { (b, a) };
        face.sketch.learn(&outer.sketch);
        face.start = face.start.min(outer.start);
        face.end = face.end.max(outer.end);
        face.scopes |= outer.scopes;
        face.earlier = face.earlier.min(outer.earlier);
        face.size += outer.size;
        self.join(one, other, face);
    }

    /// Lets a wrapper give its usage to the only call below it.
    pub fn attach(&mut self, wrapper: u32, leader: u32) {
        self.rules[wrapper as usize].get_or_insert(Rule::Wrapper);
        let mut face = self.faces[leader as usize];
        face.sketch.learn(&self.sketches[wrapper as usize]);
        face.size += 1;
        self.join(leader, wrapper, face);
    }

    /// The smaller set takes the leader of the larger one, so that long chains stay cheap.
    fn join(&mut self, one: u32, other: u32, face: Face) {
        let size = |leader: u32| self.faces[leader as usize].size;
        let (keep, lose) = if size(one) >= size(other) { (one, other) } else { (other, one) };
        let mut node = lose;
        loop {
            self.leaders[node as usize] = keep;
            node = self.next[node as usize];
            if node == lose {
                break;
            }
        }
        self.next.swap(keep as usize, lose as usize);
        self.faces[keep as usize] = face;
    }
}

/// Which of two sets has the innermost report.
fn is_inner(a: &Face, b: &Face, tree: &Tree) -> bool {
    if (a.earlier == NONE) != (b.earlier == NONE) {
        return a.earlier != NONE;
    }
    if tree.is_above(a.canonical, b.canonical) || tree.is_above(b.canonical, a.canonical) {
        return tree.is_above(b.canonical, a.canonical);
    }
    if a.sketch.inference != b.sketch.inference {
        return a.sketch.inference;
    }
    let key = |face: &Face| (!face.sketch.client, face.sketch.duration(), face.canonical);
    key(a) <= key(b)
}

/// Counts how often nodes and sets are looked at, on this thread: the work of grouping, for tests of how it grows.
#[cfg(test)]
pub mod looks {
    use std::cell::Cell;

    thread_local!(static LOOKS: Cell<u64> = const { Cell::new(0) });

    pub fn note() {
        LOOKS.set(LOOKS.get() + 1);
    }

    /// What `work` gives, and the looks that it took.
    pub fn during<T>(work: impl FnOnce() -> T) -> (T, u64) {
        let before = LOOKS.get();
        let result = work();
        (result, LOOKS.get() - before)
    }
}
