//! Byte-level BPE as the makers of models publish it: text is cut into pieces by expressions, the bytes of a piece are
//! merged pair by pair, the pair of lowest rank first.

use super::plan::VocabularyPlan;
use hashbrown::HashTable;
use regex::Regex;
use std::sync::OnceLock;

/// Longest piece that is merged as one. Pieces are words; longer ones are made to cost time.
const PIECE: usize = 128;

/// Bytes of a vocabulary file, unpacked.
const FILE: usize = 32 << 20;

pub struct Vocabulary {
    name: Box<str>,
    path: Box<str>,
    split: Vec<Regex>,
    pub per_message: i64,
    pub per_request: i64,
    /// Read when first asked for; `None` where the file cannot be read.
    ranks: OnceLock<Option<Ranks>>,
}

/// Tokens to ranks.
struct Ranks {
    bytes: Vec<u8>,
    /// Where each token ends, by rank.
    ends: Vec<u32>,
    table: HashTable<u32>,
    hasher: foldhash::fast::FixedState,
}

impl Vocabulary {
    pub fn compile(plan: &VocabularyPlan) -> Result<Self, String> {
        let fault = |what: String| format!("vocabulary {:?}: {what}", plan.name);
        // `\s+(?!\S)|\s+` needs no look-ahead: `pieces` gives the last blank back.
        let split = plan.split.iter().map(|text| Regex::new(text).map_err(|error| fault(error.to_string())));
        Ok(Self {
            name: plan.name.as_str().into(),
            path: plan.path.as_str().into(),
            split: split.collect::<Result<_, _>>()?,
            per_message: plan.per_message,
            per_request: plan.per_request,
            ranks: OnceLock::new(),
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tokens of a text; `None` where the vocabulary cannot be read.
    pub fn count(&self, text: &str) -> Option<i64> {
        let ranks = self.ranks.get_or_init(|| Ranks::read(&self.path)).as_ref()?;
        let mut total = 0;
        let mut parts = Vec::new();
        pieces(&self.split, text, &mut |piece| {
            for chunk in piece.as_bytes().chunks(PIECE) {
                total += ranks.count(chunk, &mut parts);
            }
        });
        Some(total)
    }
}

/// Cuts a text by the first expression, what lies between and on its matches by the next.
fn pieces(split: &[Regex], text: &str, each: &mut impl FnMut(&str)) {
    let Some((first, rest)) = split.split_first() else {
        each(text);
        return;
    };
    let mut done = 0;
    while done < text.len() {
        let Some(found) = first.find_at(text, done).filter(|found| !found.is_empty()) else { break };
        let mut end = found.end();
        if let Some(last) = last_of_blanks(found.as_str())
            && end < text.len()
        {
            end -= last;
        }
        if found.start() > done {
            pieces(rest, &text[done..found.start()], each);
        }
        pieces(rest, &text[found.start()..end], each);
        done = end;
    }
    if done < text.len() {
        pieces(rest, &text[done..], each);
    }
}

/// Bytes of the last blank of a run of several that does not end a line: it belongs to the word behind it.
fn last_of_blanks(piece: &str) -> Option<usize> {
    let last = piece.chars().next_back()?;
    let is_run =
        piece.chars().all(char::is_whitespace) && !matches!(last, '\n' | '\r') && piece.len() > last.len_utf8();
    is_run.then(|| last.len_utf8())
}

impl Ranks {
    fn read(path: &str) -> Option<Self> {
        let packed = std::fs::read(path).ok()?;
        let bytes = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(&packed, FILE).ok()?;
        Self::new(&bytes)
    }

    fn new(file: &[u8]) -> Option<Self> {
        let hasher = foldhash::fast::FixedState::default();
        let mut ranks =
            Self { bytes: Vec::with_capacity(file.len()), ends: Vec::new(), table: HashTable::new(), hasher };
        let mut reader = crate::wire::reader::Reader::new(file);
        while !reader.at_end() {
            ranks.bytes.extend_from_slice(reader.bytes().ok()?);
            ranks.ends.push(ranks.bytes.len() as u32);
        }
        let mut table = HashTable::with_capacity(ranks.ends.len());
        for rank in 0..ranks.ends.len() as u32 {
            let hash = |rank: &u32| ranks.hash(ranks.token(*rank));
            table.insert_unique(hash(&rank), rank, hash);
        }
        ranks.table = table;
        Some(ranks)
    }

    fn hash(&self, token: &[u8]) -> u64 {
        use std::hash::BuildHasher;
        self.hasher.hash_one(token)
    }

    fn token(&self, rank: u32) -> &[u8] {
        let at = rank as usize;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.bytes[start..self.ends[at] as usize]
    }

    fn rank(&self, token: &[u8]) -> Option<u32> {
        self.table.find(self.hash(token), |rank| self.token(*rank) == token).copied()
    }

    /// Tokens of one piece. `parts`: where they begin, and the rank of each joined with the next; reused.
    fn count(&self, piece: &[u8], parts: &mut Vec<(usize, u32)>) -> i64 {
        const NONE: u32 = u32::MAX;
        if piece.len() < 2 || self.rank(piece).is_some() {
            return 1;
        }
        let pair = |start: usize, end: usize| self.rank(&piece[start..end]).unwrap_or(NONE);
        parts.clear();
        parts.extend((0..piece.len() - 1).map(|at| (at, pair(at, at + 2))));
        parts.extend([(piece.len() - 1, NONE), (piece.len(), NONE)]);
        loop {
            let best = parts.iter().enumerate().min_by_key(|(at, (_, rank))| (*rank, *at));
            let Some((at, &(_, rank))) = best else { break };
            if rank == NONE {
                break;
            }
            let reach = |parts: &[(usize, u32)], at: usize| match (parts.get(at), parts.get(at + 3)) {
                (Some((start, _)), Some((end, _))) => pair(*start, *end),
                _ => NONE,
            };
            let joined = reach(parts, at);
            if at > 0 {
                parts[at - 1].1 = reach(parts, at - 1);
            }
            parts[at].1 = joined;
            parts.remove(at + 1);
        }
        parts.len() as i64 - 1
    }
}
