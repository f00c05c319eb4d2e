//! The `ot` member of a W3C tracestate: `rv` and `th` read, `th` written, everything else left as it is.

use super::threshold;
use std::fmt::Write;

/// What an incoming tracestate says about sampling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OtState {
    /// Explicit randomness.
    pub randomness: Option<u64>,
    /// The threshold that upstream samplers applied.
    pub threshold: Option<u64>,
}

/// A tracestate longer than this is not looked at (W3C asks for at most 512 characters).
const MAX_LEN: usize = 8192;

pub fn parse(tracestate: &[u8]) -> OtState {
    let mut state = OtState::default();
    if tracestate.len() > MAX_LEN {
        return state;
    }
    let Some(value) = std::str::from_utf8(tracestate).ok().and_then(member) else {
        return state;
    };
    for field in value.split(';') {
        if let Some(text) = field.strip_prefix("rv:") {
            state.randomness = threshold::randomness_from_hex(text);
        } else if let Some(text) = field.strip_prefix("th:") {
            state.threshold = threshold::from_hex(text);
        }
    }
    state
}

fn member(text: &str) -> Option<&str> {
    text.split(',').find_map(|member| member.trim().strip_prefix("ot="))
}

/// Writes the tracestate with `th` set, never weaker than it was; the `ot` member moves to the front, as W3C asks of a
/// changed member. Unknown fields of `ot` stay. An incoming `th` above the trace's `randomness` cannot be true, the trace
/// would not have come: it goes (OTEP 235).
///
/// `rv`: randomness to state where the trace has none of its own.
pub fn write(tracestate: &[u8], chosen: u64, randomness: u64, rv: Option<u64>, out: &mut String) {
    let text = std::str::from_utf8(tracestate).unwrap_or("");
    let old = member(text);
    let said = parse(tracestate);
    let incoming = said.threshold.filter(|th| *th <= randomness).unwrap_or(0);
    out.clear();
    out.push_str("ot=th:");
    threshold::push_hex(chosen.max(incoming), out);
    if let Some(rv) = rv.filter(|_| said.randomness.is_none()) {
        let _ = write!(out, ";rv:{rv:014x}");
    }
    if text.is_empty() {
        return;
    }
    for field in old.unwrap_or("").split(';').filter(|f| !f.is_empty() && !f.starts_with("th:")) {
        out.push(';');
        out.push_str(field);
    }
    for other in text.split(',').map(str::trim).filter(|m| !m.is_empty() && !m.starts_with("ot=")) {
        out.push(',');
        out.push_str(other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_threshold(tracestate: &[u8], chosen: u64, randomness: u64, rv: Option<u64>) -> String {
        let mut out = String::from("of the span before");
        write(tracestate, chosen, randomness, rv, &mut out);
        out
    }

    #[test]
    fn threshold_is_written_beside_what_was_there() {
        let write = |text: &str, th| with_threshold(text.as_bytes(), th, 0xff << 48, None);
        let tenth = threshold::from_probability(0.1);
        assert_eq!(write("", 0), "ot=th:0");
        assert_eq!(write("a=1,b=2", tenth), "ot=th:e666,a=1,b=2");
        assert_eq!(write("a=1,ot=rv:00000000000001;x:y,b=2", tenth), "ot=th:e666;rv:00000000000001;x:y,a=1,b=2");
        assert_eq!(write("ot=th:ff", tenth), "ot=th:ff", "a stricter incoming threshold stays");
        assert_eq!(write("ot=th:8", tenth), "ot=th:e666");
        assert_eq!(write("ot=th:XYZ", tenth), "ot=th:e666");
        assert_eq!(write("ot=th:ff1", tenth), "ot=th:e666", "a threshold that the trace did not pass goes");
    }

    #[test]
    fn randomness_is_stated_once() {
        assert_eq!(with_threshold(b"a=1", 1 << 55, 1 << 55, Some(5)), "ot=th:8;rv:00000000000005,a=1");
        let own = b"ot=rv:00000000000001";
        assert_eq!(with_threshold(own, 0, 1, Some(5)), "ot=th:0;rv:00000000000001");
    }

    #[test]
    fn junk_is_ignored() {
        assert_eq!(parse(b"\xff\xfe"), OtState::default());
        assert_eq!(parse(b"ot=th:;rv:12"), OtState::default());
        assert_eq!(parse(b"x=ot, ot=th:8").threshold, Some(1 << 55));
        assert_eq!(parse(&vec![b'a'; 10_000]), OtState::default());
    }
}
