//! The rows of the tables: for each dialect and key, the list of what is read.

use super::compile::{Blob, Draft, Entry, KeyInfo, List, NONE, Tables};
use super::paths::Paths;
use super::patterns::covers;
use crate::keys::{KeyId, KeyTable};
use hashbrown::HashMap;

impl Tables {
    /// Builds the rows. Every key of the table is asked which rules cover it, so that keys which other parts registered,
    /// and exact keys that also match a pattern, lose no rule.
    pub fn link(&mut self, table: &KeyTable, dialects: usize) -> Result<(), String> {
        self.width = table.len();
        self.rows = vec![0; (dialects + 1) * self.width];
        self.keys = vec![KeyInfo::default(); self.width];
        self.entries.clear();
        self.blobs.clear();
        self.lists = vec![List { from: 0, to: 0, blob: NONE, carrier: NONE }];
        let draft = std::mem::take(&mut self.draft);
        let mut exact: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut patterns = Vec::new();
        for (index, rule) in draft.iter().enumerate() {
            if rule.key.contains(['{', '*']) {
                patterns.push(index);
            } else {
                exact.entry(&rule.key).or_default().push(index);
            }
        }
        let mut known: HashMap<Vec<usize>, u16> = HashMap::new();
        // Dialects that a key's rules name: all others read the key as a span of no dialect does.
        let mut named = vec![false; dialects + 1];
        for key in 0..self.width {
            let name = table.name(KeyId(key as u16));
            let mut all = exact.get(name).cloned().unwrap_or_default();
            all.extend(
                patterns.iter().copied().filter(|&index| draft[index].key == name || covers(&draft[index].key, name)),
            );
            let info = &mut self.keys[key];
            for (canonical, concept, current) in &self.canonical {
                if canonical == name {
                    info.mine = true;
                    let slot = if *current { &mut info.canonical } else { &mut info.legacy };
                    *slot = Some(*concept);
                }
            }
            if all.is_empty() {
                continue;
            }
            info.mine = true;
            info.strong = all.iter().any(|&index| !draft[index].weak);
            all.sort_by_key(|&index| (draft[index].carrier, draft[index].entry.rank));
            named.fill(false);
            for dialect in all.iter().flat_map(|&index| &draft[index].dialects) {
                if let Some(one) = named.get_mut(usize::from(*dialect) + 1) {
                    *one = true;
                }
            }
            let ignores = |dialect: usize| {
                dialect > 0 && self.ignored.iter().any(|(one, key)| **key == *name && usize::from(*one) + 1 == dialect)
            };
            let ignoring: Vec<bool> = (0..=dialects).map(ignores).collect();
            for (dialect, &named) in named.iter().enumerate() {
                if ignoring[dialect] {
                    continue;
                }
                if dialect > 0 && !named {
                    self.rows[dialect * self.width + key] = self.rows[key];
                    continue;
                }
                let mut applicable = all.clone();
                applicable.retain(|&index| {
                    let own = &draft[index].dialects;
                    own.is_empty() || (dialect > 0 && own.contains(&(dialect as u16 - 1)))
                });
                let told = |index: usize| {
                    let concept = draft[index].entry.concept;
                    let tells = |other: &Draft| {
                        other.entry.concept == concept && !other.fallback && other.path.is_none() && !other.carrier
                    };
                    applicable.iter().any(|&other| tells(&draft[other]))
                };
                let told: Vec<usize> =
                    applicable.iter().copied().filter(|&index| draft[index].fallback && told(index)).collect();
                applicable.retain(|index| !told.contains(index));
                let list = match known.get(&applicable) {
                    Some(list) => *list,
                    None => {
                        let list = self.add_list(&draft, &applicable)?;
                        known.insert(applicable, list);
                        list
                    }
                };
                self.rows[dialect * self.width + key] = list;
            }
        }
        drop(exact);
        self.draft = draft;
        Ok(())
    }

    fn add_list(&mut self, draft: &[Draft], rules: &[usize]) -> Result<u16, String> {
        let from = self.entries.len() as u32;
        let mut carrier = NONE;
        let mut paths = Paths::new();
        let mut slots = Vec::new();
        for &index in rules {
            let rule = &draft[index];
            match &rule.path {
                _ if rule.carrier => carrier = carrier.min(rule.entry.rule),
                Some(path) => {
                    paths.add(path, slots.len() as u16)?;
                    slots.push(rule.entry);
                }
                // A rule that would read the same from the same value can add nothing.
                None if self.entries[from as usize..]
                    .iter()
                    .any(|known| (known.concept, known.ops) == (rule.entry.concept, rule.entry.ops)) => {}
                None => self.entries.push(rule.entry),
            }
        }
        let blob = if slots.is_empty() {
            NONE
        } else {
            self.blobs.push(Blob { paths, entries: slots.into() });
            (self.blobs.len() - 1) as u16
        };
        self.lists.push(List { from, to: self.entries.len() as u32, blob, carrier });
        u16::try_from(self.lists.len() - 1).map_err(|_| "too many different key uses".to_owned())
    }

    /// The row of a dialect (`NO_DIALECT` has one too).
    #[inline]
    pub fn row(&self, dialect: u16) -> &[u16] {
        let at = usize::from(dialect.wrapping_add(1)) * self.width;
        &self.rows[at..at + self.width]
    }

    #[inline]
    pub fn list(&self, index: u16) -> (List, &[Entry]) {
        let list = self.lists[usize::from(index)];
        (list, &self.entries[list.from as usize..list.to as usize])
    }
}
