//! Just enough JSON to change single values of a text and leave all other bytes as they are.

/// Levels of nesting that are followed; what lies deeper cannot be looked into and becomes `null`.
pub const DEPTH: usize = 48;

/// A cursor over JSON text. Methods give `None` where the text is not JSON.
pub struct Scan<'t> {
    pub text: &'t str,
    pub at: usize,
}

impl<'t> Scan<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    pub fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// Takes `byte` when it is next.
    pub fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    pub fn at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// A string: what stands between its quotes, still escaped.
    pub fn string(&mut self) -> Option<&'t str> {
        if !self.take(b'"') {
            return None;
        }
        let start = self.at;
        let bytes = self.text.as_bytes();
        loop {
            self.at += memchr::memchr2(b'"', b'\\', &bytes[self.at..])?;
            if bytes[self.at] == b'"' {
                self.at += 1;
                return Some(&self.text[start..self.at - 1]);
            }
            match bytes.get(self.at + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
                b'u' if bytes.get(self.at + 2..self.at + 6)?.iter().all(u8::is_ascii_hexdigit) => self.at += 6,
                _ => return None,
            }
        }
    }

    /// Passes over a value, however deep.
    pub fn skip(&mut self) -> Option<()> {
        let mut open = Vec::new();
        loop {
            match self.peek()? {
                b'{' => {
                    self.at += 1;
                    if !self.take(b'}') {
                        open.push(b'}');
                        self.name()?;
                        continue;
                    }
                }
                b'[' => {
                    self.at += 1;
                    if !self.take(b']') {
                        open.push(b']');
                        continue;
                    }
                }
                b'"' => drop(self.string()?),
                _ => drop(self.word()?),
            }
            loop {
                let Some(&end) = open.last() else { return Some(()) };
                if self.take(end) {
                    open.pop();
                    continue;
                }
                if !self.take(b',') {
                    return None;
                }
                if end == b'}' {
                    self.name()?;
                }
                break;
            }
        }
    }

    /// The name of a member and its colon.
    fn name(&mut self) -> Option<()> {
        self.string()?;
        self.take(b':').then_some(())
    }

    /// A number, `true`, `false` or `null`. What Python writes for numbers that JSON lacks is taken too.
    pub fn word(&mut self) -> Option<&'t str> {
        self.peek()?;
        let rest = &self.text.as_bytes()[self.at..];
        let is_word = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        let len = rest.iter().take_while(is_word).count();
        let word = &self.text[self.at..self.at + len];
        let known = matches!(word, "true" | "false" | "null" | "NaN" | "Infinity" | "-Infinity")
            || (word.as_bytes().first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-')
                && word.parse::<f64>().is_ok());
        if !known {
            return None;
        }
        self.at += len;
        Some(word)
    }
}

/// The text that JSON escapes stand for; `None` when a surrogate has no partner.
pub fn unescape(raw: &str) -> Option<String> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let escape = rest.as_bytes().get(at + 1)?;
        rest = &rest[at + 2..];
        out.push(match escape {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let (first, after) = code(rest)?;
                rest = after;
                if let 0xd800..0xdc00 = first {
                    let (second, after) = code(rest.strip_prefix("\\u")?)?;
                    rest = after;
                    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                    char::from_u32(0x10000 + ((first - 0xd800) << 10) + low)?
                } else {
                    char::from_u32(first)?
                }
            }
            other => char::from(*other),
        });
    }
    out.push_str(rest);
    Some(out)
}

fn code(text: &str) -> Option<(u32, &str)> {
    let digits = text.get(..4)?;
    Some((u32::from_str_radix(digits, 16).ok()?, &text[4..]))
}

/// Appends text as a JSON string, quotes included.
pub fn quote(text: &str, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            char if char < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(char))),
            char => out.push(char),
        }
    }
    out.push('"');
}

/// The text may be a JSON object, array or string.
pub fn looks_like_json(text: &str) -> bool {
    let text = text.trim_ascii();
    let (first, last) = (text.as_bytes().first(), text.as_bytes().last());
    matches!((first, last), (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')))
        || (text.len() > 1 && matches!((first, last), (Some(b'"'), Some(b'"'))))
}
