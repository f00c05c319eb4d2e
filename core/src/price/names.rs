//! The spellings of one model name that are worth looking up, from the name as written to its barest form.

use super::plan::NamingPlan;

/// Longer names are not looked up: no book has one, and a stranger may send megabytes.
pub const NAME_MAX: usize = 256;
const SPELLINGS_MAX: usize = 24;

/// How names may be shortened, from the plan. The two bytes at the cut come first, because comparing them settles
/// nearly every case.
#[derive(Debug, Default)]
pub struct Naming {
    prefixes: Vec<([u8; 2], Box<[u8]>)>,
    suffixes: Vec<([u8; 2], Box<[u8]>)>,
    request_suffixes: Vec<([u8; 2], Box<[u8]>)>,
    resources: Vec<([u8; 2], Box<[u8]>)>,
}

/// The length of the listed part that a name ends in.
fn ending(name: &[u8], parts: &[([u8; 2], Box<[u8]>)]) -> Option<usize> {
    let tail = name.last_chunk()?;
    let found = parts.iter().find(|(key, text)| key == tail && name.ends_with(text));
    found.map(|(_, text)| text.len())
}

/// The length of the listed part that a name begins with.
fn beginning(name: &[u8], parts: &[([u8; 2], Box<[u8]>)]) -> Option<usize> {
    let head = name.first_chunk()?;
    let found = parts.iter().find(|(key, text)| key == head && name.starts_with(text));
    found.map(|(_, text)| text.len())
}

impl Naming {
    pub fn compile(plan: &NamingPlan) -> Result<Naming, String> {
        let keyed = |texts: &[String], at_end: bool| {
            texts
                .iter()
                .map(|text| {
                    let bytes = text.as_bytes();
                    let key = if at_end { bytes.last_chunk() } else { bytes.first_chunk() };
                    key.map(|key| (*key, bytes.into()))
                        .ok_or_else(|| format!("the part {text:?} of model names is too short"))
                })
                .collect::<Result<Vec<_>, String>>()
        };
        Ok(Naming {
            prefixes: keyed(&plan.prefixes, false)?,
            suffixes: keyed(&plan.suffixes, true)?,
            request_suffixes: keyed(&plan.request_suffixes, true)?,
            resources: keyed(&plan.resources, false)?,
        })
    }

    fn prefix_of(&self, name: &[u8]) -> Option<usize> {
        beginning(name, &self.prefixes)
    }

    /// The part of a name that names the model, where the name is the path of a resource. Accounts and projects are
    /// many, the models in them few.
    #[inline]
    pub fn model_of<'a>(&self, name: &'a str) -> &'a str {
        match beginning(name.as_bytes(), &self.resources) {
            Some(_) => name.rsplit('/').next().filter(|model| !model.is_empty()).unwrap_or(name),
            None => name,
        }
    }

    /// The request asks for a variant (`x:free`) of the very model that answered, which the response does not repeat.
    pub fn names_variant(&self, request: &str, response: &str) -> bool {
        let request = request.trim_ascii().as_bytes();
        let Some(length) = ending(request, &self.request_suffixes) else { return false };
        let bare = &request[..request.len() - length];
        response.as_bytes().get(..bare.len()).is_some_and(|start| start.eq_ignore_ascii_case(bare))
    }
}

/// Spellings on the stack: slices of the lower-cased name, and rewritten ones behind it in the same buffer.
pub struct Spellings {
    buffer: [u8; 2 * NAME_MAX],
    written: usize,
    raw: usize,
    spans: [(u16, u16); SPELLINGS_MAX],
    count: usize,
    expanded: bool,
    prefixed: bool,
}

impl Spellings {
    /// The name as written, trimmed and in lower case; nothing for an empty or overlong one.
    #[inline]
    pub fn new(name: &str) -> Spellings {
        let name = name.trim_ascii().as_bytes();
        let mut this = Spellings {
            buffer: [0; 2 * NAME_MAX],
            written: 0,
            raw: 0,
            spans: [(0, 0); SPELLINGS_MAX],
            count: 0,
            expanded: false,
            prefixed: false,
        };
        if !name.is_empty() && name.len() <= NAME_MAX {
            for (to, from) in this.buffer.iter_mut().zip(name) {
                *to = from.to_ascii_lowercase();
            }
            this.raw = name.len();
            this.written = this.raw;
            this.push(0, this.raw);
        }
        this
    }

    /// The lower-cased name.
    pub fn raw(&self) -> &[u8] {
        &self.buffer[..self.raw]
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn get(&self, index: usize) -> &[u8] {
        let (start, end) = self.spans[index];
        &self.buffer[start as usize..end as usize]
    }

    /// Does the name begin with a part that may be dropped, such as `us.`? Known once expanded.
    pub fn is_prefixed(&self) -> bool {
        self.prefixed
    }

    /// Where a spelling lies in the raw name; None for a rewritten one.
    pub fn place(&self, index: usize) -> Option<(usize, usize)> {
        let (start, end) = self.spans[index];
        (end as usize <= self.raw).then_some((start as usize, end as usize))
    }

    /// The part before the first slash; None without one.
    pub fn first_segment(&self) -> Option<&[u8]> {
        memchr::memchr(b'/', self.raw()).map(|at| &self.raw()[..at])
    }

    /// Add every other spelling. Path segments first, then known prefixes and suffixes, then dates: what changes the
    /// meaning least comes first, because the earlier spelling wins.
    pub fn expand(&mut self, naming: &Naming) {
        if self.expanded || self.count == 0 {
            return;
        }
        self.expanded = true;
        self.add_segments();
        for index in 0..self.count {
            let (start, end) = self.bounds(index);
            let name = &self.buffer[start..end];
            if let Some(length) = naming.prefix_of(name) {
                self.prefixed = true;
                self.push(start + length, end);
            }
        }
        for index in 0..self.count {
            let (start, mut end) = self.bounds(index);
            // Twice, because a version and a routing suffix may follow each other.
            for _ in 0..2 {
                let name = &self.buffer[start..end];
                let Some(length) = ending(name, &naming.suffixes) else {
                    break;
                };
                end -= length;
                self.push(start, end);
            }
        }
        for index in 0..self.count {
            self.add_dates(index);
        }
    }

    fn add_segments(&mut self) {
        let mut slashes = [0_usize; 3];
        let mut seen = 0;
        for at in memchr::memchr_iter(b'/', &self.buffer[..self.raw]) {
            // The first two and the last: `projects/…/models/x` has many, none of the middle ones starts a name.
            slashes[seen.min(2)] = at;
            seen += 1;
        }
        for at in slashes.into_iter().take(seen.min(3)) {
            self.push(at + 1, self.raw);
        }
    }

    fn add_dates(&mut self, index: usize) {
        let (start, end) = self.bounds(index);
        let name = &self.buffer[start..end];
        if let Some(at) = memchr::memrchr(b'@', name) {
            let (version, bare) = (start + at + 1..end, (start, start + at));
            self.rewrite(&[(bare.0, bare.1)], b"-", (version.start, version.end));
            self.push(bare.0, bare.1);
        } else if name.len() > 9 && is_compact_date(&name[name.len() - 9..]) {
            let date = end - 8;
            self.rewrite(&[(start, date + 4), (date + 4, date + 6)], b"-", (date + 6, end));
            self.push(start, date - 1);
        } else if name.len() > 11 && is_dashed_date(&name[name.len() - 11..]) {
            let date = end - 10;
            self.rewrite(&[(start, date + 4), (date + 5, date + 7)], b"", (date + 8, end));
            self.push(start, date - 1);
        }
    }

    /// Append `parts`, each followed by `glue`, and `last`, behind the name, and make it a spelling. Dropped when the
    /// buffer is full: only an absurdly long name has so many spellings.
    fn rewrite(&mut self, parts: &[(usize, usize)], glue: &[u8], last: (usize, usize)) {
        let length = parts.iter().map(|(a, b)| b - a + glue.len()).sum::<usize>() + last.1 - last.0;
        let begin = self.written;
        if begin + length > self.buffer.len() {
            return;
        }
        for &(from, to) in parts {
            self.buffer.copy_within(from..to, self.written);
            self.written += to - from;
            self.buffer[self.written..self.written + glue.len()].copy_from_slice(glue);
            self.written += glue.len();
        }
        self.buffer.copy_within(last.0..last.1, self.written);
        self.written += last.1 - last.0;
        self.push(begin, self.written);
    }

    fn bounds(&self, index: usize) -> (usize, usize) {
        let (start, end) = self.spans[index];
        (start as usize, end as usize)
    }

    fn push(&mut self, start: usize, end: usize) {
        let span = (start as u16, end as u16);
        if start < end && self.count < SPELLINGS_MAX && !self.spans[..self.count].contains(&span) {
            self.spans[self.count] = span;
            self.count += 1;
        }
    }
}

fn is_compact_date(tail: &[u8]) -> bool {
    tail[0] == b'-' && tail[1..3] == *b"20" && tail[3..].iter().all(u8::is_ascii_digit)
}

fn is_dashed_date(tail: &[u8]) -> bool {
    tail[0] == b'-'
        && tail[1..3] == *b"20"
        && (tail[5], tail[8]) == (b'-', b'-')
        && [3, 4, 6, 7, 9, 10].iter().all(|at| tail[*at].is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spellings(name: &str) -> Vec<String> {
        let naming = Naming::compile(&NamingPlan {
            prefixes: vec!["us.".into(), "global.".into()],
            suffixes: vec![":online".into(), "-v1:0".into()],
            ..NamingPlan::default()
        })
        .unwrap();
        let mut all = Spellings::new(name);
        all.expand(&naming);
        (0..all.len()).map(|index| String::from_utf8(all.get(index).to_vec()).unwrap()).collect()
    }

    #[test]
    fn the_name_as_written_comes_first_in_lower_case() {
        assert_eq!(spellings(" GPT-4o "), ["gpt-4o"]);
        assert!(spellings("").is_empty());
        assert!(spellings(&"x".repeat(NAME_MAX + 1)).is_empty());
    }

    #[test]
    fn paths_prefixes_and_suffixes_are_dropped() {
        assert_eq!(spellings("models/gemini-2.5-pro"), ["models/gemini-2.5-pro", "gemini-2.5-pro"]);
        let arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0";
        let found = spellings(arn);
        assert_eq!(found[1..3], ["us.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"]);
        assert_eq!(found.last().unwrap(), "amazon.nova-lite");
        assert_eq!(spellings("openai/gpt-4o:online").last().unwrap(), "gpt-4o");
        let path = spellings("projects/p/locations/l/publishers/google/models/gemini-x");
        assert_eq!(path.last().unwrap(), "gemini-x");
    }

    #[test]
    fn dates_are_rewritten_then_dropped() {
        assert_eq!(
            spellings("gpt-4o-mini-20240718"),
            ["gpt-4o-mini-20240718", "gpt-4o-mini-2024-07-18", "gpt-4o-mini"]
        );
        assert_eq!(spellings("gpt-4o-2024-08-06"), ["gpt-4o-2024-08-06", "gpt-4o-20240806", "gpt-4o"]);
        assert_eq!(
            spellings("claude-sonnet-4@20250514"),
            ["claude-sonnet-4@20250514", "claude-sonnet-4-20250514", "claude-sonnet-4"]
        );
    }

    #[test]
    fn the_path_of_a_resource_ends_in_the_model() {
        let resources = vec!["arn:".into(), "projects/".into()];
        let naming = Naming::compile(&NamingPlan { resources, ..NamingPlan::default() }).unwrap();
        for (name, want) in [
            ("arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.acme-1", "us.acme-1"),
            ("projects/p/locations/l/publishers/a/models/m@1", "m@1"),
            ("openai/gpt-4o", "openai/gpt-4o"),
            ("arn:none", "arn:none"),
            ("projects/", "projects/"),
            ("a", "a"),
            ("", ""),
        ] {
            assert_eq!(naming.model_of(name), want);
        }
    }

    #[test]
    fn a_variant_is_of_the_model_that_answered() {
        let request_suffixes = vec![":free".into()];
        let naming = Naming::compile(&NamingPlan { request_suffixes, ..NamingPlan::default() }).unwrap();
        assert!(naming.names_variant("Qwen/qwen3:free", "qwen/qwen3"));
        assert!(naming.names_variant("qwen/qwen3:free", "qwen/qwen3-04-28"));
        assert!(!naming.names_variant("qwen/qwen3:free", "deepseek/deepseek-r1"), "another model took over");
        assert!(!naming.names_variant("qwen/qwen3:free", ""), "nothing to decide between");
        assert!(!naming.names_variant("qwen/qwen3", "qwen/qwen3"));
    }

    #[test]
    fn hostile_names_stay_within_bounds() {
        for name in ["/".repeat(256), "us.".repeat(80), format!("{}@20250101", "a/".repeat(120)), "-20250101".into()] {
            assert!(spellings(&name).len() <= SPELLINGS_MAX);
        }
    }
}
