//! JSON paths of one source, merged into a tree so that a text is walked once for all of them.

pub type NodeId = u16;

#[derive(Default, Debug)]
struct Node {
    fields: Vec<(Box<[u8]>, NodeId)>,
    /// `[]`.
    every: Option<NodeId>,
    /// `[3]`.
    at: Vec<(usize, NodeId)>,
    /// `*`: members that are numbers.
    numbers: Option<NodeId>,
    /// Slots that the names of these members go to (`*~`).
    names: Vec<u16>,
    slots: Vec<u16>,
}

/// Several paths, each with a slot number that hits are reported under.
#[derive(Debug)]
pub struct Paths {
    nodes: Vec<Node>,
    /// Where paths that begin with `**.` start.
    deep: Option<NodeId>,
    /// Fields that no path that may start anywhere starts below.
    closed: Vec<Box<[u8]>>,
    /// Some path has `*`.
    numbers: bool,
}

enum Step {
    Field(String),
    Every,
    At(usize),
    Numbers,
    Names,
}

impl Paths {
    pub const ROOT: NodeId = 0;

    pub fn new() -> Self {
        Self { nodes: vec![Node::default()], deep: None, closed: Vec::new(), numbers: false }
    }

    /// Keeps `**.` paths from starting anywhere below a field of this name.
    pub fn close(&mut self, key: &str) {
        self.closed.push(key.as_bytes().into());
    }

    #[inline]
    pub fn is_closed(&self, key: &[u8]) -> bool {
        self.closed.iter().any(|closed| **closed == *key)
    }

    /// Adds a path (`a.b[0].c[]`, `**.a`; `\.` is a dot inside a name; `*` is every member of an object that is a number
    /// or text that is one, `*~` its name).
    pub fn add(&mut self, path: &str, slot: u16) -> Result<(), String> {
        let (rest, mut at) = match path.strip_prefix("**.") {
            Some(rest) => {
                if self.deep.is_none() {
                    self.deep = Some(self.node()?);
                }
                (rest, self.deep.unwrap_or_default())
            }
            None => (path, Self::ROOT),
        };
        for step in steps(rest).ok_or_else(|| format!("{path:?} is no JSON path"))? {
            if matches!(step, Step::Names) {
                self.numbers = true;
                self.nodes[usize::from(at)].names.push(slot);
                return Ok(());
            }
            at = self.child(at, step)?;
        }
        self.nodes[usize::from(at)].slots.push(slot);
        Ok(())
    }

    fn node(&mut self) -> Result<NodeId, String> {
        let id = NodeId::try_from(self.nodes.len()).map_err(|_| "too many JSON paths")?;
        self.nodes.push(Node::default());
        Ok(id)
    }

    fn child(&mut self, at: NodeId, step: Step) -> Result<NodeId, String> {
        let node = &self.nodes[usize::from(at)];
        let found = match &step {
            Step::Field(name) => node.fields.iter().find(|(field, _)| **field == *name.as_bytes()).map(|(_, id)| *id),
            Step::Every => node.every,
            Step::Numbers | Step::Names => node.numbers,
            Step::At(index) => node.at.iter().find(|(i, _)| i == index).map(|(_, id)| *id),
        };
        if let Some(id) = found {
            return Ok(id);
        }
        let id = self.node()?;
        let node = &mut self.nodes[usize::from(at)];
        match step {
            Step::Field(name) => node.fields.push((name.into_bytes().into(), id)),
            Step::Every => node.every = Some(id),
            Step::Numbers | Step::Names => {
                self.numbers = true;
                node.numbers = Some(id);
            }
            Step::At(index) => node.at.push((index, id)),
        }
        Ok(id)
    }

    #[inline]
    pub fn field(&self, node: NodeId, key: &[u8]) -> Option<NodeId> {
        self.nodes[usize::from(node)].fields.iter().find(|(field, _)| **field == *key).map(|(_, id)| *id)
    }

    #[inline]
    pub fn deep_field(&self, key: &[u8]) -> Option<NodeId> {
        self.field(self.deep?, key)
    }

    #[inline]
    pub fn has_deep(&self) -> bool {
        self.deep.is_some()
    }

    #[inline]
    pub fn has_numbers(&self) -> bool {
        self.numbers
    }

    /// Where members that are numbers lead, and the slots of their names.
    pub fn numbers(&self, node: NodeId) -> (Option<NodeId>, &[u16]) {
        let node = &self.nodes[usize::from(node)];
        (node.numbers, &node.names)
    }

    pub fn items(&self, node: NodeId, index: usize) -> [Option<NodeId>; 2] {
        let node = &self.nodes[usize::from(node)];
        let at = node.at.iter().find(|(i, _)| *i == index);
        [node.every, at.map(|(_, id)| *id)]
    }

    #[inline]
    pub fn slots(&self, node: NodeId) -> &[u16] {
        &self.nodes[usize::from(node)].slots
    }

    /// Some path goes on below this node.
    pub fn continues(&self, node: NodeId) -> bool {
        let node_ref = &self.nodes[usize::from(node)];
        let of_objects = !node_ref.fields.is_empty() || node_ref.numbers.is_some() || !node_ref.names.is_empty();
        node == Self::ROOT || of_objects || node_ref.every.is_some() || !node_ref.at.is_empty()
    }
}

fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for part in split(path) {
        let (name, mut rest) = match part.find('[') {
            Some(at) => (&part[..at], &part[at..]),
            None => (part.as_str(), ""),
        };
        if name == "*" || name == "*~" {
            steps.push(if name == "*" { Step::Numbers } else { Step::Names });
        } else if !name.is_empty() {
            steps.push(Step::Field(name.replace('\\', "")));
        } else if rest.is_empty() {
            return None;
        }
        while let Some(inner) = rest.strip_prefix('[') {
            let (index, after) = inner.split_once(']')?;
            steps.push(if index.is_empty() { Step::Every } else { Step::At(index.parse().ok()?) });
            rest = after;
        }
        if !rest.is_empty() {
            return None;
        }
    }
    // Numbers have nothing below them.
    let inside = steps.len().saturating_sub(1);
    let ends = !steps[..inside].iter().any(|step| matches!(step, Step::Numbers | Step::Names));
    ends.then_some(steps)
}

/// Parts between dots that no backslash precedes.
fn split(path: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = path.chars();
    while let Some(char) = chars.next() {
        match char {
            '.' => parts.push(String::new()),
            '\\' => {
                let part = parts.last_mut().expect("never empty");
                part.push('\\');
                part.extend(chars.next());
            }
            other => parts.last_mut().expect("never empty").push(other),
        }
    }
    parts
}

impl Default for Paths {
    fn default() -> Self {
        Self::new()
    }
}
