//! What a response id proves. The ids of providers are long and random and name one answer for ever. Test servers send one
//! id always (`chatcmpl-123`), and Ollama draws its ids from a thousand numbers. An answer may be told several times.

use super::group::{Grouping, Rule};
use super::models;
use super::sketch::{ABSENT, hash};

/// In the key of an id that is too short to be the only one of its kind.
const WEAK: u64 = 1;

/// Reports with one id that each of them is compared with, and spans above a report that are searched for its id.
pub const SAME_ID: usize = 32;

/// Ids of so many bytes are taken as random without a look: those of OpenAI, Anthropic and Bedrock are longer, and every
/// report has one.
const LONG: usize = 28;
/// Letters and digits that make an id the only one of its kind.
const RANDOM: usize = 8;
/// Digits among them, unless capitals, small letters and digits mix.
const DIGITS: usize = 3;

/// A hash of an id that is not empty, never 0.
#[inline]
pub fn key(id: &str) -> u64 {
    let weak = if id.len() < LONG && may_repeat(id.as_bytes()) { WEAK } else { 0 };
    // 2, should all other bits be 0.
    (hash(id.as_bytes()) & !WEAK).max(2) | weak
}

fn may_repeat(id: &[u8]) -> bool {
    let prefix = id.iter().position(|byte| matches!(byte, b'-' | b'_')).map_or(0, |at| at + 1);
    let (mut letters, mut digits, mut cases) = (0, 0, 0_u8);
    for byte in &id[prefix..] {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'a'..=b'z' => (letters, cases) = (letters + 1, cases | 1),
            b'A'..=b'Z' => (letters, cases) = (letters + 1, cases | 2),
            _ => {}
        }
        if letters + digits >= RANDOM && (digits >= DIGITS || (cases == 3 && digits > 0)) {
            return false;
        }
    }
    true
}

/// Whether others may have the id with this key.
pub fn is_weak(key: u64) -> bool {
    key & WEAK != 0
}

/// Whether an id stands on reports of two calls. `same_source`: the reports are from one instrumentation in one process, and
/// neither stands above the other; `apart`: neither interval contains the other; `other_answer`: they tell two answers.
pub fn is_reused(id: u64, same_source: bool, apart: bool, other_answer: bool) -> bool {
    if is_weak(id) { same_source || apart } else { same_source && apart && other_answer }
}

/// What tells answers apart that have one id: the counts, and the model where it is known. 0 for none. Answers that are
/// fetched again (`responses.retrieve`) say the same, those of a test server that always sends one id differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Answer(u32);

/// Bits of an `Answer` for the model.
const MODEL_BITS: u32 = 12;

impl Answer {
    pub const UNKNOWN: Answer = Answer(0);

    /// `counts`: input, output, total; `names`: keys of the models asked and answering.
    pub fn of([input, output, total]: [i64; 3], [asked, answered]: [u64; 2]) -> Answer {
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        // Some tell the total only, and who tells both sides need not.
        let counts = if input == ABSENT && output == ABSENT { [total, ABSENT] } else { [input, output] };
        let mixed =
            counts.iter().fold(1, |mixed: u64, count| (mixed ^ *count as u64).wrapping_mul(SPREAD).rotate_left(29));
        let name = if answered == models::UNKNOWN { asked } else { answered };
        let model = (name.wrapping_mul(SPREAD) >> (64 - MODEL_BITS)) as u32;
        Answer(((mixed >> 32) as u32 & !((1 << MODEL_BITS) - 1)).max(1 << MODEL_BITS) | model)
    }

    /// Whether both are known and are not the same.
    pub fn differs(self, other: Answer) -> bool {
        let model = |answer: Answer| answer.0 & ((1 << MODEL_BITS) - 1);
        let known = model(self) != 0 && model(other) != 0;
        self != Answer::UNKNOWN
            && other != Answer::UNKNOWN
            && (self.0 >> MODEL_BITS != other.0 >> MODEL_BITS || (known && model(self) != model(other)))
    }
}

impl Grouping<'_> {
    /// Rule 1 within the trace.
    pub(super) fn same_ids(&mut self) {
        let reports = self.nodes.len() - self.earlier.len();
        self.by_id.clear();
        for (node, at) in self.nodes.iter().zip(0..) {
            let id = self.sets.face(at).sketch.response_id;
            // A wrapper that was counted repeats one of those below it: see `draw`.
            if node.claims && id != 0 && !self.is_counted_wrapper(at, reports) {
                self.by_id.push((id, at));
            }
        }
        self.by_id.sort_unstable();
        let by_id = std::mem::take(&mut self.by_id);
        for group in by_id.chunk_by(|one, other| one.0 == other.0).filter(|group| group.len() > 1) {
            let reused = self.is_reused(group);
            for pair in group.windows(2) {
                if !reused {
                    self.sets.unite(pair[0].1, pair[1].1, Rule::ResponseId, &self.tree);
                }
            }
            for (id, node) in group.iter().filter(|_| reused) {
                if let Some(above) = self.above_with_id(*node, *id)
                    && !self.is_whole(*node, above)
                {
                    self.sets.unite(*node, above, Rule::ResponseId, &self.tree);
                }
            }
        }
        self.by_id = by_id;
    }

    /// Whether an id stands on more than one call, so that it only tells what stands above one another.
    fn is_reused(&self, group: &[(u64, u32)]) -> bool {
        let reports = (self.nodes.len() - self.earlier.len()) as u32;
        let apart = |one: u32, other: u32| {
            // What earlier verdicts told apart stays so.
            one.min(other) >= reports
                || (is_weak(group[0].0) && self.is_whole(one, other))
                || (self.sets.sketch(one).reuses_id(self.sets.sketch(other))
                    && !self.tree.is_above(one, other)
                    && !self.tree.is_above(other, one))
        };
        (0..group.len()).any(|at| group[at + 1..].iter().take(SAME_ID).any(|other| apart(group[at].1, other.1)))
    }

    /// The nearest report above with the same id.
    fn above_with_id(&self, node: u32, id: u64) -> Option<u32> {
        let mut above = self.tree.parent[node as usize];
        for _ in 0..SAME_ID {
            let is_same = self.nodes.get(above as usize)?.claims && self.sets.sketch(above).response_id == id;
            if is_same {
                return Some(above);
            }
            above = self.tree.parent[above as usize];
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_providers_are_strong() {
        for id in [
            "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
            "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
            "msg_01XFDUDYJgAACzvnptvVoYEL",
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
            "TQ2oaPWGLJyEmtkP2cbCqAQ",
            "gen-1741892352-Zz1jPKbLMR6yVzKc2nqA",
            "cmpl-e5cc70bb28c444948073e77776eb30ef",
        ] {
            assert_eq!(key(id) & WEAK, 0, "{id}");
        }
    }

    #[test]
    fn ids_that_others_may_have_are_weak() {
        for id in [
            "chatcmpl-123",
            "chatcmpl-607",
            "resp_1",
            "msg_test",
            "mock",
            "chatcmpl-mock-response-1",
            "chatcmpl-test12",
            "id",
            "-",
        ] {
            assert_eq!(key(id) & WEAK, WEAK, "{id}");
        }
        assert_ne!(key("chatcmpl-123"), key("chatcmpl-124"));
    }
}
