//! Truncation of text. JSON stays JSON: strings are cut, what follows is left out, and what says usage, model or cost
//! stays wherever it stands.

use super::json::{DEPTH, Scan, looks_like_json, quote, unescape};
use super::keys::ContentKeys;

/// Stands at the end of a text that was cut.
pub const MARK: &str = "…";

/// Stands for what lies too deep.
pub const NULL: &str = "null";

/// Longest text of these.
const NAME: usize = 256;

/// A text that was cut.
pub struct Short {
    pub text: String,
    /// Something of it has to stay although nothing is left for content.
    pub stays: bool,
}

/// The text, which stands at `place`, cut to about `limit` bytes; `None` when it is short enough as it is. `extra`: bytes
/// of what stays beyond the limit that may still be written.
pub fn text(text: &str, limit: usize, extra: &mut usize, keys: &ContentKeys, place: Place) -> Option<Short> {
    (text.len() > limit).then(|| shortened(text, limit, extra, keys, 0, place))
}

fn shortened(text: &str, limit: usize, extra: &mut usize, keys: &ContentKeys, depth: usize, place: Place) -> Short {
    if looks_like_json(text) && depth < DEPTH {
        let out = String::with_capacity(limit.min(text.len()) + 256);
        let mut cut = Cut { keys, left: limit, extra: *extra, out };
        let mut scan = Scan::new(text);
        if let Some(stays) = cut.value(&mut scan, depth, place)
            && scan.at_end()
        {
            *extra = cut.extra;
            return Short { text: cut.out, stays };
        }
    }
    Short { text: plain(text, limit), stays: false }
}

/// At most `limit` bytes, whole characters, the mark among them.
pub fn plain(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let room = limit.saturating_sub(MARK.len());
    let end = (0..=room.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let mark = if limit >= MARK.len() { MARK } else { "" };
    format!("{}{mark}", &text[..end])
}

/// Where in JSON, or in a map, a value stands: what of it stays although nothing is left for content.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Among content: nothing.
    Open,
    /// Under a name of usage, model or cost: short scalars, and the numbers of what lies deeper.
    Survives,
    /// Deeper under such a name: numbers.
    Numbers,
    /// Under a name of structure: short scalars.
    Structure,
    /// Under a name of what an app or a model made up: nothing, whatever names stand below.
    Own,
}

impl Place {
    /// The place of a member of an object that stands here.
    pub fn member(self, keys: &ContentKeys, name: &[u8]) -> Self {
        if self == Place::Own || keys.is_own(name) {
            Place::Own
        } else if keys.survives(name) {
            Place::Survives
        } else if keys.is_structure(name) {
            Place::Structure
        } else {
            self.item()
        }
    }

    /// The place of an item of a list that stands here.
    pub fn item(self) -> Self {
        match self {
            Place::Survives | Place::Numbers => Place::Numbers,
            // A list under a name of structure is no scalar.
            Place::Open | Place::Structure => Place::Open,
            Place::Own => Place::Own,
        }
    }

    pub fn keeps_numbers(self) -> bool {
        matches!(self, Place::Survives | Place::Numbers | Place::Structure)
    }

    pub fn keeps_text(self) -> bool {
        matches!(self, Place::Survives | Place::Structure)
    }
}

struct Cut<'k> {
    keys: &'k ContentKeys,
    /// Bytes of content that may still be written.
    left: usize,
    /// Bytes of what stays beyond the limit that may still be written.
    extra: usize,
    out: String,
}

impl Cut<'_> {
    /// Writes one value. True when it has to stay although nothing is left for content.
    fn value(&mut self, scan: &mut Scan<'_>, depth: usize, place: Place) -> Option<bool> {
        let depth = depth + 1;
        match scan.peek()? {
            b'{' | b'[' if depth > DEPTH => {
                scan.skip()?;
                self.out.push_str(NULL);
                Some(self.scalar(NULL.len(), Place::Open))
            }
            b'"' => {
                let raw = scan.string()?;
                Some(self.string(raw, depth, place))
            }
            b'{' => self.object(scan, depth, place),
            b'[' => self.array(scan, depth, place),
            _ => {
                let word = scan.word()?;
                self.out.push_str(word);
                Some(self.scalar(word.len(), place))
            }
        }
    }

    /// Counts a scalar that was written whole.
    fn scalar(&mut self, len: usize, place: Place) -> bool {
        if place.keeps_numbers() && self.extra >= len {
            self.extra -= len;
            return true;
        }
        self.left = self.left.saturating_sub(len);
        false
    }

    fn string(&mut self, raw: &str, depth: usize, place: Place) -> bool {
        if place.keeps_text() && raw.len() <= NAME && self.extra >= raw.len() {
            self.extra -= raw.len();
            self.verbatim(raw);
            return true;
        }
        if raw.len() <= self.left {
            self.left -= raw.len();
            self.verbatim(raw);
            return false;
        }
        let room = std::mem::take(&mut self.left);
        let whole = unescape(raw);
        let text = whole.as_deref().unwrap_or_default();
        let cut = shortened(text, room, &mut self.extra, self.keys, depth, place);
        quote(&cut.text, &mut self.out);
        cut.stays
    }

    fn verbatim(&mut self, raw: &str) {
        self.out.push('"');
        self.out.push_str(raw);
        self.out.push('"');
    }

    fn object(&mut self, scan: &mut Scan<'_>, depth: usize, place: Place) -> Option<bool> {
        scan.at += 1;
        self.out.push('{');
        let (mut stays, mut is_first) = (false, true);
        while !scan.take(b'}') {
            if scan.at_end() {
                return None;
            }
            let (mark, spent) = (self.out.len(), self.left == 0);
            if !is_first {
                self.out.push(',');
            }
            let name = scan.string()?;
            if name.len() <= NAME {
                self.verbatim(name);
            } else {
                quote(&plain(&unescape(name).unwrap_or_default(), NAME), &mut self.out);
            }
            self.out.push(':');
            if !scan.take(b':') {
                return None;
            }
            let below = place.member(self.keys, name.as_bytes());
            let member = self.value(scan, depth, below)?;
            stays |= member;
            if spent && !member {
                self.out.truncate(mark);
            } else {
                is_first = false;
                let purse = if member { &mut self.extra } else { &mut self.left };
                *purse = purse.saturating_sub(name.len().min(NAME) + 4);
            }
            if !scan.take(b',') && scan.peek()? != b'}' {
                return None;
            }
        }
        self.out.push('}');
        Some(stays)
    }

    fn array(&mut self, scan: &mut Scan<'_>, depth: usize, place: Place) -> Option<bool> {
        scan.at += 1;
        self.out.push('[');
        let (mut stays, mut is_first) = (false, true);
        while !scan.take(b']') {
            let (mark, spent) = (self.out.len(), self.left == 0);
            if !is_first {
                self.out.push(',');
            }
            let item = self.value(scan, depth, place.item())?;
            stays |= item;
            if spent && !item {
                self.out.truncate(mark);
            } else {
                is_first = false;
            }
            if !scan.take(b',') && scan.peek()? != b']' {
                return None;
            }
        }
        self.out.push(']');
        Some(stays)
    }
}

/// Whether a text under such a name may stay.
pub fn is_name(text: &[u8]) -> bool {
    text.len() <= NAME
}
