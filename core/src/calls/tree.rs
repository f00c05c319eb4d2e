//! Which report stands above which, found through all spans of the trace.

use hashbrown::HashMap;

/// The spans of a trace: (span id, parent id) by index. A parent id of 0 marks a root.
pub trait Links {
    fn count(&self) -> usize;
    fn link(&self, index: usize) -> (u64, u64);
}

impl Links for [(u64, u64)] {
    fn count(&self) -> usize {
        self.len()
    }

    fn link(&self, index: usize) -> (u64, u64) {
        self[index]
    }
}

pub const NONE: u32 = u32::MAX;

/// Traces up to this many spans are searched faster than hashed.
const SCAN_LIMIT: usize = 48;

/// The forest of nodes. A node is a report, or a call that an earlier verdict counted; those stand in no span.
#[derive(Default)]
pub struct Tree {
    /// Nearest node above, or `NONE`.
    pub parent: Vec<u32>,
    first_child: Vec<u32>,
    next_sibling: Vec<u32>,
    /// Nodes, each before those below it.
    pub order: Vec<u32>,
    /// Place in `order`, and the place behind the last node below.
    enter: Vec<u32>,
    leave: Vec<u32>,
    /// For a node without parent: the id of the nearest span above it that is not in the trace, 0 when there is none.
    pub missing: Vec<u64>,
    spans: HashMap<u64, u32, foldhash::fast::RandomState>,
    /// Nodes that stand for spans of earlier batches, by span id.
    earlier: HashMap<u64, u32, foldhash::fast::RandomState>,
    /// By span: the node that stands there.
    node_at: Vec<u32>,
    /// By span: nearest node above or at it, and the missing id where there is none.
    above: Vec<Above>,
    path: Vec<u32>,
}

#[derive(Clone, Copy)]
enum Above {
    Unvisited,
    /// On the path being walked; to meet it again is a cycle.
    Open,
    Node(u32),
    Nothing(u64),
}

/// Where a node hangs: at a span of the trace, or below the span with this id.
#[derive(Clone, Copy)]
pub enum Hang {
    Span(u32),
    Below(u64),
}

impl Tree {
    /// `earlier`: span ids of nodes that hang below a span, should others stand below them.
    pub fn build<L: Links + ?Sized>(
        &mut self,
        links: &L,
        hangs: impl Iterator<Item = Hang> + Clone,
        earlier: impl Iterator<Item = (u64, u32)>,
    ) {
        self.earlier.clear();
        self.earlier.extend(earlier);
        let nodes = hangs.clone().count();
        let spans = links.count();
        for list in [&mut self.parent, &mut self.first_child, &mut self.next_sibling] {
            list.clear();
            list.resize(nodes, NONE);
        }
        self.missing.clear();
        self.missing.resize(nodes, 0);
        self.node_at.clear();
        self.node_at.resize(spans, NONE);
        self.above.clear();
        self.above.resize(spans, Above::Unvisited);
        self.spans.clear();
        if spans > SCAN_LIMIT {
            for index in 0..spans {
                self.spans.entry(links.link(index).0).or_insert(index as u32);
            }
        }
        for (node, hang) in hangs.clone().enumerate() {
            if let Hang::Span(span) = hang {
                // A span that was delivered twice is found by its first copy.
                let slot = &mut self.node_at[span as usize];
                *slot = (*slot).min(node as u32);
            }
        }
        for (node, hang) in hangs.enumerate() {
            let parent_id = match hang {
                Hang::Span(span) => links.link(span as usize).1,
                Hang::Below(id) => id,
            };
            match self.walk(links, parent_id) {
                Above::Node(parent) if parent != node as u32 => self.parent[node] = parent,
                Above::Nothing(missing) => self.missing[node] = missing,
                _ => {}
            }
        }
        self.cut_cycles();
        self.number();
    }

    /// Index of the first span with this id.
    pub fn find<L: Links + ?Sized>(&self, links: &L, id: u64) -> Option<u32> {
        if links.count() > SCAN_LIMIT {
            return self.spans.get(&id).copied();
        }
        (0..links.count()).find(|index| links.link(*index).0 == id).map(|index| index as u32)
    }

    /// The nearest node at or above the span `id`.
    fn walk<L: Links + ?Sized>(&mut self, links: &L, mut id: u64) -> Above {
        self.path.clear();
        let found = loop {
            if id == 0 {
                break Above::Nothing(0);
            }
            // Of a span that was counted, a further copy knows less.
            if let Some(node) = self.earlier.get(&id) {
                break Above::Node(*node);
            }
            let Some(span) = self.find(links, id) else { break Above::Nothing(id) };
            let at = span as usize;
            if self.node_at[at] != NONE {
                break Above::Node(self.node_at[at]);
            }
            match self.above[at] {
                Above::Unvisited => {}
                Above::Open => break Above::Nothing(0),
                known => break known,
            }
            self.above[at] = Above::Open;
            self.path.push(span);
            id = links.link(at).1;
        };
        for span in &self.path {
            self.above[*span as usize] = found;
        }
        found
    }

    /// Parents that go round in a circle are no parents.
    fn cut_cycles(&mut self) {
        const DONE: u32 = u32::MAX - 1;
        // `enter` serves as the mark of the walk that visited a node.
        self.enter.clear();
        self.enter.resize(self.parent.len(), NONE);
        for start in 0..self.parent.len() as u32 {
            let mut node = start;
            while node != NONE && self.enter[node as usize] == NONE {
                self.enter[node as usize] = start;
                node = self.parent[node as usize];
            }
            if node != NONE && self.enter[node as usize] == start {
                self.parent[node as usize] = NONE;
            }
            node = start;
            while node != NONE && self.enter[node as usize] == start {
                self.enter[node as usize] = DONE;
                node = self.parent[node as usize];
            }
        }
    }

    fn number(&mut self) {
        let nodes = self.parent.len();
        for node in (0..nodes).rev() {
            let parent = self.parent[node];
            if parent != NONE {
                self.next_sibling[node] = self.first_child[parent as usize];
                self.first_child[parent as usize] = node as u32;
            }
        }
        self.order.clear();
        self.leave.clear();
        self.leave.resize(nodes, 0);
        for root in 0..nodes as u32 {
            if self.parent[root as usize] == NONE {
                self.descend(root);
            }
        }
    }

    fn descend(&mut self, root: u32) {
        let mut node = root;
        loop {
            self.enter[node as usize] = self.order.len() as u32;
            self.order.push(node);
            if self.first_child[node as usize] != NONE {
                node = self.first_child[node as usize];
                continue;
            }
            loop {
                self.leave[node as usize] = self.order.len() as u32;
                if node == root {
                    return;
                }
                if self.next_sibling[node as usize] != NONE {
                    node = self.next_sibling[node as usize];
                    break;
                }
                node = self.parent[node as usize];
            }
        }
    }

    /// The place of a node in `order`: greater than those of all nodes above it.
    pub fn place(&self, node: u32) -> u32 {
        self.enter[node as usize]
    }

    pub fn is_above(&self, upper: u32, lower: u32) -> bool {
        let at = self.enter[lower as usize];
        self.enter[upper as usize] < at && at < self.leave[upper as usize]
    }

    /// All nodes above, nearest first.
    pub fn above(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        let up = |node: u32| Some(self.parent[node as usize]).filter(|parent| *parent != NONE);
        std::iter::successors(up(node), move |above| up(*above))
    }

    pub fn children(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        let mut next = self.first_child[node as usize];
        std::iter::from_fn(move || {
            let child = next;
            (child != NONE).then(|| {
                next = self.next_sibling[child as usize];
                child
            })
        })
    }

    /// All nodes below, nearest first within each branch.
    pub fn below(&self, node: u32) -> &[u32] {
        &self.order[self.enter[node as usize] as usize + 1..self.leave[node as usize] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(links: &[(u64, u64)], hangs: &[Hang]) -> Tree {
        let mut tree = Tree::default();
        tree.build(links, hangs.iter().copied(), std::iter::empty());
        tree
    }

    #[test]
    fn reports_find_the_nearest_report_above() {
        let links = [(1, 0), (2, 1), (3, 2), (4, 3), (5, 99)];
        let tree = tree(&links, &[Hang::Span(3), Hang::Span(0), Hang::Span(4), Hang::Below(3)]);
        assert_eq!(tree.parent, [1, NONE, NONE, 1]);
        assert_eq!(tree.missing, [0, 0, 99, 0]);
        assert!(tree.is_above(1, 0) && tree.is_above(1, 3) && !tree.is_above(0, 1) && !tree.is_above(1, 2));
        assert_eq!(tree.below(1), [0, 3]);
    }

    #[test]
    fn circles_end() {
        let links = [(1, 2), (2, 1), (3, 3), (4, 5), (5, 4)];
        let tree = tree(&links, &[Hang::Span(0), Hang::Span(1), Hang::Span(2), Hang::Span(3)]);
        assert_eq!(tree.order.len(), 4);
        assert_eq!(tree.parent.iter().filter(|parent| **parent == NONE).count(), 3);
    }

    #[test]
    fn deep_and_wide_traces_agree_with_a_plain_walk() {
        let count = 5000_u64;
        let links: Vec<(u64, u64)> = (1..=count).map(|id| (id, if id % 7 == 0 { id / 2 } else { id - 1 })).collect();
        let hangs: Vec<Hang> = (0..count as u32).step_by(3).map(Hang::Span).collect();
        let tree = tree(&links, &hangs);
        for (node, hang) in hangs.iter().enumerate() {
            let Hang::Span(span) = hang else { unreachable!() };
            let mut id = links[*span as usize].1;
            while id != 0 && !(id - 1).is_multiple_of(3) {
                id = links[id as usize - 1].1;
            }
            let expected = if id == 0 { NONE } else { ((id - 1) / 3) as u32 };
            assert_eq!(tree.parent[node], expected);
        }
    }
}
