//! From a model's name to the model: exact names in one hash table, globs behind one Aho-Corasick pass over their
//! literals, so that the number of names and globs does not show in the time of a lookup, hit or miss.

use std::hash::BuildHasher;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::glob;
use super::names::{Naming, Spellings};

/// Stands for every provider, in a name's owner and in a chain.
pub const ANY: u16 = u16::MAX;

const CHAIN_MAX: usize = 24;

/// The providers whose models are asked, best first.
#[derive(Clone, Copy)]
pub struct Chain {
    ids: [u16; CHAIN_MAX],
    len: usize,
}

impl Chain {
    pub fn new() -> Chain {
        Chain { ids: [0; CHAIN_MAX], len: 0 }
    }

    pub fn push(&mut self, provider: u16) {
        if self.len < CHAIN_MAX && !self.as_slice().contains(&provider) {
            self.ids[self.len] = provider;
            self.len += 1;
        }
    }

    pub fn as_slice(&self) -> &[u16] {
        &self.ids[..self.len]
    }

    fn rank(&self, provider: u16) -> Option<usize> {
        self.as_slice().iter().position(|id| *id == provider)
    }
}

/// What was found, and which spelling of the name found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub model: u32,
    pub spelling: usize,
}

/// Smaller is better: the provider's place in the chain, the spelling, exact before glob, the more specific glob.
type Score = (usize, usize, u32, u32);

/// An exact name, and where the models that go by it stand among the owners.
struct Name {
    text: Box<[u8]>,
    owners: std::ops::Range<u32>,
}

#[derive(Clone, Copy)]
struct Owner {
    provider: u16,
    model: u32,
}

/// What a hit of the glob's literal still leaves to be shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// `text*`, `*text`, `*text*`: the hit's place decides.
    Prefix,
    Suffix,
    Contains,
    /// Stars inside, or nothing but stars: the whole glob is compared.
    Other,
}

impl Shape {
    fn of(glob: &str) -> Shape {
        let inner = glob.trim_matches('*');
        match (glob.starts_with('*'), glob.ends_with('*')) {
            _ if inner.is_empty() || inner.contains('*') => Shape::Other,
            (false, true) => Shape::Prefix,
            (true, false) => Shape::Suffix,
            (true, true) => Shape::Contains,
            (false, false) => Shape::Other,
        }
    }
}

struct Glob {
    text: Box<[u8]>,
    shape: Shape,
    except: Vec<Box<[u8]>>,
    owner: Owner,
    /// u32::MAX minus the bytes it fixes.
    looseness: u32,
}

/// One name or glob to be put into a table.
pub struct Entry<'a> {
    pub text: &'a str,
    pub except: &'a [String],
    pub provider: u16,
    pub model: u32,
}

const HITS_MAX: usize = 48;

/// Literals found in a name: their number, start and end. `more`: there were too many to note down.
struct Hits {
    list: [(u32, u16, u16); HITS_MAX],
    len: usize,
    more: bool,
}

pub struct NameTable {
    names: Vec<Name>,
    owners: Vec<Owner>,
    exact: HashTable<u32>,
    globs: Vec<Glob>,
    literals: Option<AhoCorasick>,
    /// Indices of `globs` by literal.
    by_literal: Vec<Vec<u32>>,
    /// Globs without a literal (`*`).
    wild: Vec<u32>,
    hasher: FixedState,
}

impl NameTable {
    pub fn compile<'a>(entries: impl Iterator<Item = Entry<'a>>) -> Result<NameTable, String> {
        let (mut exact_entries, mut globs) = (Vec::new(), Vec::new());
        let mut literals: Vec<&str> = Vec::new();
        let mut by_literal: Vec<Vec<u32>> = Vec::new();
        let mut literal_index = hashbrown::HashMap::<&str, usize>::new();
        let mut wild = Vec::new();
        for entry in entries {
            let Entry { text, except, provider, model } = entry;
            if !text.contains('*') {
                exact_entries.push((text.as_bytes(), Owner { provider, model }));
                continue;
            }
            let index = globs.len() as u32;
            globs.push(Glob {
                text: text.as_bytes().into(),
                shape: Shape::of(text),
                except: except.iter().map(|e| e.as_bytes().into()).collect(),
                owner: Owner { provider, model },
                looseness: u32::MAX - glob::weight(text),
            });
            let literal = glob::longest_literal(text);
            if literal.is_empty() {
                wild.push(index);
                continue;
            }
            let slot = *literal_index.entry(literal).or_insert_with(|| {
                literals.push(literal);
                by_literal.push(Vec::new());
                literals.len() - 1
            });
            by_literal[slot].push(index);
        }
        let mut this = NameTable {
            names: Vec::new(),
            owners: Vec::with_capacity(exact_entries.len()),
            exact: HashTable::new(),
            globs,
            literals: automaton(&literals)?,
            by_literal,
            wild,
            hasher: FixedState::default(),
        };
        exact_entries.sort_by_key(|(text, owner)| (*text, owner.provider, owner.model));
        for (text, owner) in exact_entries {
            this.owners.push(owner);
            let end = this.owners.len() as u32;
            match this.names.last_mut() {
                Some(last) if *last.text == *text => last.owners.end = end,
                _ => this.names.push(Name { text: text.into(), owners: end - 1..end }),
            }
        }
        let NameTable { names, exact, hasher, .. } = &mut this;
        let hash = |index: &u32| hasher.hash_one(&*names[*index as usize].text);
        exact.reserve(names.len(), hash);
        for index in 0..names.len() as u32 {
            exact.insert_unique(hash(&index), index, hash);
        }
        Ok(this)
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.globs.is_empty()
    }

    /// The best model for a name among the providers of the chain.
    pub fn find(&self, spellings: &mut Spellings, naming: &Naming, chain: &Chain) -> Option<Found> {
        if spellings.len() == 0 || chain.len == 0 || self.is_empty() {
            return None;
        }
        let mut best: Option<(Score, u32)> = None;
        self.find_exact(spellings, 0, chain, &mut best);
        // The name as written, at the first provider of the chain: nothing else can be better.
        let settled = |best: &Option<(Score, u32)>| matches!(best, Some(((0, 0, ..), _)));
        if !settled(&best) {
            let hits = self.hits(spellings.raw());
            self.find_globs(&hits, spellings, 0..1, chain, &mut best);
            if !settled(&best) {
                spellings.expand(naming);
                for index in 1..spellings.len() {
                    self.find_exact(spellings, index, chain, &mut best);
                }
                if spellings.len() > 1 {
                    self.find_globs(&hits, spellings, 1..spellings.len(), chain, &mut best);
                }
            }
        }
        best.map(|((_, spelling, ..), model)| Found { model, spelling })
    }

    #[inline]
    fn find_exact(&self, spellings: &Spellings, index: usize, chain: &Chain, best: &mut Option<(Score, u32)>) {
        let text = spellings.get(index);
        let found = self.exact.find(self.hasher.hash_one(text), |at| *self.names[*at as usize].text == *text);
        let Some(name) = found else { return };
        let owners = &self.names[*name as usize].owners;
        for owner in &self.owners[owners.start as usize..owners.end as usize] {
            if let Some(rank) = chain.rank(owner.provider) {
                improve(best, (rank, index, 0, 0), owner.model);
            }
        }
    }

    /// Where literals of globs stand in a name. A name with more of them than a real one has is searched again.
    fn hits(&self, raw: &[u8]) -> Hits {
        let mut hits = Hits { list: [(0, 0, 0); HITS_MAX], len: 0, more: false };
        for hit in self.literals.iter().flat_map(|literals| literals.find_overlapping_iter(raw)) {
            match hits.list.get_mut(hits.len) {
                Some(place) => *place = (hit.pattern().as_u32(), hit.start() as u16, hit.end() as u16),
                None => {
                    hits.more = true;
                    break;
                }
            }
            hits.len += 1;
        }
        hits
    }

    fn find_globs(
        &self,
        hits: &Hits,
        spellings: &Spellings,
        which: std::ops::Range<usize>,
        chain: &Chain,
        best: &mut Option<(Score, u32)>,
    ) {
        for index in &self.wild {
            self.try_glob(*index, (0, 0), spellings, which.clone(), chain, best);
        }
        let mut try_all = |literal: usize, start: usize, end: usize| {
            for index in &self.by_literal[literal] {
                self.try_glob(*index, (start, end), spellings, which.clone(), chain, best);
            }
        };
        if hits.more {
            for hit in self.literals.iter().flat_map(|literals| literals.find_overlapping_iter(spellings.raw())) {
                try_all(hit.pattern().as_usize(), hit.start(), hit.end());
            }
        } else {
            for (literal, start, end) in &hits.list[..hits.len] {
                try_all(*literal as usize, usize::from(*start), usize::from(*end));
            }
        }
    }

    /// Tries a glob whose literal was found at `literal` of the raw name on some of its spellings.
    #[inline]
    fn try_glob(
        &self,
        index: u32,
        literal: (usize, usize),
        spellings: &Spellings,
        which: std::ops::Range<usize>,
        chain: &Chain,
        best: &mut Option<(Score, u32)>,
    ) {
        let glob = &self.globs[index as usize];
        let Some(rank) = chain.rank(glob.owner.provider) else { return };
        for spelling in which {
            let score = (rank, spelling, 1, glob.looseness);
            if best.as_ref().is_some_and(|(held, _)| *held <= score) {
                return;
            }
            let Some((start, end)) = spellings.place(spelling) else { continue };
            let fits = match glob.shape {
                Shape::Prefix => literal.0 == start && literal.1 <= end,
                Shape::Suffix => literal.1 == end && literal.0 >= start,
                Shape::Contains => literal.0 >= start && literal.1 <= end,
                Shape::Other => glob::matches(&glob.text, spellings.get(spelling)),
            };
            if fits && !glob.except.iter().any(|except| glob::matches(except, spellings.get(spelling))) {
                improve(best, score, glob.owner.model);
                return;
            }
        }
    }
}

/// A DFA: one table step a byte, whatever the number of literals; a book's takes about a megabyte.
fn automaton(literals: &[&str]) -> Result<Option<AhoCorasick>, String> {
    if literals.is_empty() {
        return Ok(None);
    }
    AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::DFA))
        .match_kind(MatchKind::Standard)
        .prefilter(false)
        .build(literals)
        .map(Some)
        .map_err(|error| format!("model globs: {error}"))
}

fn improve(best: &mut Option<(Score, u32)>, score: Score, model: u32) {
    if best.as_ref().is_none_or(|(held, _)| score < *held) {
        *best = Some((score, model));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::plan::NamingPlan;

    fn table(entries: &[(&str, u16, u32)]) -> NameTable {
        NameTable::compile(entries.iter().map(|(text, provider, model)| Entry {
            text,
            except: &[],
            provider: *provider,
            model: *model,
        }))
        .unwrap()
    }

    fn find(table: &NameTable, name: &str, providers: &[u16]) -> Option<u32> {
        let mut chain = Chain::new();
        providers.iter().for_each(|provider| chain.push(*provider));
        let naming = Naming::compile(&NamingPlan {
            prefixes: vec!["us.".into()],
            suffixes: vec![":online".into()],
            ..NamingPlan::default()
        })
        .unwrap();
        table.find(&mut Spellings::new(name), &naming, &chain).map(|found| found.model)
    }

    #[test]
    fn exact_before_glob_and_specific_before_loose() {
        let table = table(&[("gpt-4o", 0, 1), ("gpt-4*", 0, 2), ("gpt-4o-audio*", 0, 3), ("*audio*", 0, 4)]);
        assert_eq!(find(&table, "gpt-4o", &[0]), Some(1));
        assert_eq!(find(&table, "gpt-4o-x", &[0]), Some(2));
        assert_eq!(find(&table, "GPT-4o-audio-preview", &[0]), Some(3));
        assert_eq!(find(&table, "some-audio-model", &[0]), Some(4));
        assert_eq!(find(&table, "o3", &[0]), None);
    }

    #[test]
    fn the_chain_decides_between_providers() {
        let table = table(&[("gpt-4o", 0, 1), ("gpt-4o", 1, 2), ("gpt-5", 1, 3)]);
        assert_eq!(find(&table, "gpt-4o", &[0, 1]), Some(1));
        assert_eq!(find(&table, "gpt-4o", &[1, 0]), Some(2));
        assert_eq!(find(&table, "gpt-5", &[0, 1]), Some(3));
        assert_eq!(find(&table, "gpt-5", &[0]), None);
    }

    #[test]
    fn a_glob_holds_for_one_spelling_not_across_spellings() {
        let table = table(&[("anthropic.claude*", 0, 1), ("*", 7, 2)]);
        assert_eq!(find(&table, "us.anthropic.claude-x", &[0]), Some(1));
        assert_eq!(find(&table, "xanthropic.claude-x", &[0]), None);
        assert_eq!(find(&table, "whatever", &[7]), Some(2));
    }

    #[test]
    fn a_name_full_of_literals_is_matched_all_the_same() {
        let table = table(&[("*a*b*", 0, 1), ("a*", 0, 2), ("*aaaz", 0, 3)]);
        let name = format!("{}b", "a".repeat(100));
        assert_eq!(find(&table, &name, &[0]), Some(1));
        assert_eq!(find(&table, &format!("us.{}z", "a".repeat(100)), &[0]), Some(3));
    }

    #[test]
    fn exceptions_are_not_matched() {
        let except = vec!["*-tts".to_owned(), "*-tts-*".to_owned()];
        let entry = Entry { text: "gemini-2.5-pro*", except: &except, provider: 0, model: 1 };
        let table = NameTable::compile([entry].into_iter()).unwrap();
        assert_eq!(find(&table, "models/gemini-2.5-pro", &[0]), Some(1));
        assert_eq!(find(&table, "gemini-2.5-pro-preview-tts", &[0]), None);
    }
}
