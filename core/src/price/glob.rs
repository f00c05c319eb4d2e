//! Globs over model names and hosts: `*` stands for any run of bytes, everything else for itself.

/// Does `text` match? Linear in the length of both, whatever the number of stars.
pub fn matches(glob: &[u8], text: &[u8]) -> bool {
    let mut parts = glob.split(|byte| *byte == b'*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match memchr::memmem::find(rest, part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The longest run without a star; empty when the glob is nothing but stars.
pub fn longest_literal(glob: &str) -> &str {
    glob.split('*').max_by_key(|part| part.len()).unwrap_or("")
}

/// Bytes that a glob fixes; the larger, the more specific it is.
pub fn weight(glob: &str) -> u32 {
    glob.bytes().filter(|byte| *byte != b'*').count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_run() {
        for (glob, text, want) in [
            ("gpt-4o", "gpt-4o", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-4o*", "gpt-4o", true),
            ("*-tts", "gemini-tts", true),
            ("*-tts", "gemini-tts-1", false),
            ("*nova-lite*", "us.amazon.nova-lite-v1:0", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a*a", "a", false),
            ("*", "", true),
            ("**", "x", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(glob.as_bytes(), text.as_bytes()), want, "{glob} {text}");
        }
    }

    #[test]
    fn literals_are_found() {
        assert_eq!(longest_literal("a*bcd*e"), "bcd");
        assert_eq!(longest_literal("*"), "");
        assert_eq!(weight("a*bcd*e"), 5);
    }
}
