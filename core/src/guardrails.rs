//! Verdicts of guardrails on one span. The strictest has concepts of its own; further ones stand in a text,
//! `Concept::MoreGuardrails`.

use crate::evaluations::{END, plain};
use crate::facts::LIST_SEPARATOR;

/// What a guardrail decided. An absent name is "".
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Guardrail<'t> {
    pub name: &'t str,
    pub decision: &'t str,
}

impl Guardrail<'_> {
    /// Appends it to the text of further ones, unless that would be longer than `limit` bytes; true when appended.
    #[must_use]
    pub fn append(&self, out: &mut String, limit: usize) -> bool {
        let one = format!("{}{LIST_SEPARATOR}{}{END}", plain(self.name), plain(self.decision));
        let fits = out.len() + one.len() <= limit;
        if fits {
            out.push_str(&one);
        }
        fits
    }
}

/// The verdicts that a text of further ones holds.
pub fn further(text: &str) -> impl Iterator<Item = Guardrail<'_>> {
    text.split_terminator(END).filter_map(|one| {
        let (name, decision) = one.split_once(LIST_SEPARATOR)?;
        Some(Guardrail { name, decision })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_read_again() {
        let mut text = String::new();
        let one = Guardrail { name: "pii", decision: "passed" };
        let forged = Guardrail { name: "a\u{1f}blocked\u{1e}b", decision: "flagged" };
        assert!(one.append(&mut text, 64));
        assert!(forged.append(&mut text, 64));
        let full = text.len() + 3;
        assert!(!one.append(&mut text, full));
        let plain = Guardrail { name: "", decision: "flagged" };
        assert_eq!(further(&text).collect::<Vec<_>>(), [one, plain]);
        assert_eq!(further("").count(), 0);
    }
}
