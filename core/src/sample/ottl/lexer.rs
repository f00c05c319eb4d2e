//! Text into tokens.

use super::{Fault, Op};

#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// Names, keywords and enums.
    Word(String),
    Str(String),
    Bytes(Vec<u8>),
    Int(i64),
    Double(f64),
    Op(Op),
    Open,
    Close,
    BracketOpen,
    BracketClose,
    Comma,
    Dot,
    Assign,
    Minus,
    End,
}

impl Token {
    /// What it is, for messages.
    pub fn told(&self) -> String {
        match self {
            Token::Word(word) => format!("`{word}`"),
            Token::Str(_) => "a text".to_owned(),
            Token::Bytes(_) => "bytes".to_owned(),
            Token::Int(_) | Token::Double(_) => "a number".to_owned(),
            Token::Op(_) => "a comparison".to_owned(),
            Token::Open => "`(`".to_owned(),
            Token::Close => "`)`".to_owned(),
            Token::BracketOpen => "`[`".to_owned(),
            Token::BracketClose => "`]`".to_owned(),
            Token::Comma => "`,`".to_owned(),
            Token::Dot => "`.`".to_owned(),
            Token::Assign => "`=`".to_owned(),
            Token::Minus => "`-`".to_owned(),
            Token::End => "the end".to_owned(),
        }
    }
}

/// Tokens with the offsets where they begin; the last is `End`.
pub fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Fault> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        let next = bytes.get(at + 1).copied().unwrap_or(0);
        let (len, token) = match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {
                at += 1;
                continue;
            }
            b'=' if next == b'=' => (2, Token::Op(Op::Eq)),
            b'!' if next == b'=' => (2, Token::Op(Op::Ne)),
            b'<' if next == b'=' => (2, Token::Op(Op::Le)),
            b'>' if next == b'=' => (2, Token::Op(Op::Ge)),
            b'<' => (1, Token::Op(Op::Lt)),
            b'>' => (1, Token::Op(Op::Gt)),
            b'=' => (1, Token::Assign),
            b'(' => (1, Token::Open),
            b')' => (1, Token::Close),
            b'[' => (1, Token::BracketOpen),
            b']' => (1, Token::BracketClose),
            b',' => (1, Token::Comma),
            b'"' => quoted(text, at)?,
            b'0' if matches!(next, b'x' | b'X') => hexadecimal(text, at)?,
            b'0'..=b'9' => number(text, at)?,
            b'-' | b'+' if next.is_ascii_digit() => number(text, at)?,
            b'.' if next.is_ascii_digit() => number(text, at)?,
            b'.' => (1, Token::Dot),
            b'-' => (1, Token::Minus),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                let len = bytes[at..].iter().take_while(|byte| word(byte)).count();
                (len, Token::Word(text[at..at + len].to_owned()))
            }
            b'+' | b'*' | b'/' => return Err(Fault::new(at, "arithmetic is not supported")),
            b'\'' => return Err(Fault::new(at, "texts stand in double quotes")),
            _ => {
                let character = text[at..].chars().next().unwrap_or(' ');
                return Err(Fault::new(at, format!("{character:?} means nothing here")));
            }
        };
        out.push((start, token));
        at += len;
    }
    out.push((text.len(), Token::End));
    Ok(out)
}

/// A text in double quotes with Go's escapes; gives its length with quotes.
fn quoted(text: &str, at: usize) -> Result<(usize, Token), Fault> {
    let mut out = String::new();
    let mut rest = text[at + 1..].char_indices();
    while let Some((index, character)) = rest.next() {
        match character {
            '"' => return Ok((index + 2, Token::Str(out))),
            '\\' => {
                let (_, escape) = rest.next().ok_or_else(|| Fault::new(at, "the text does not end"))?;
                out.push(match escape {
                    '"' | '\\' | '\'' => escape,
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    'u' => {
                        let digits: String = rest.by_ref().take(4).map(|(_, digit)| digit).collect();
                        let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4);
                        code.and_then(char::from_u32)
                            .ok_or_else(|| Fault::new(at + 1 + index, r"\u takes four hexadecimal digits"))?
                    }
                    _ => return Err(Fault::new(at + 1 + index, format!("\\{escape} is not an escape"))),
                });
            }
            _ => out.push(character),
        }
    }
    Err(Fault::new(at, "the text does not end"))
}

fn hexadecimal(text: &str, at: usize) -> Result<(usize, Token), Fault> {
    let digits: &str = {
        let len = text.as_bytes()[at + 2..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        &text[at + 2..at + 2 + len]
    };
    let pairs = digits.as_bytes().chunks_exact(2);
    if digits.is_empty() || !pairs.remainder().is_empty() {
        return Err(Fault::new(at, "bytes are an even number of hexadecimal digits"));
    }
    let byte =
        |pair: &[u8]| pair.iter().fold(0, |byte, digit| byte << 4 | (*digit as char).to_digit(16).unwrap_or(0) as u8);
    Ok((digits.len() + 2, Token::Bytes(pairs.map(byte).collect())))
}

fn number(text: &str, at: usize) -> Result<(usize, Token), Fault> {
    let bytes = &text.as_bytes()[at..];
    let mut len = usize::from(matches!(bytes[0], b'-' | b'+'));
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut double = false;
    len += digits(len);
    if bytes.get(len) == Some(&b'.') && bytes.get(len + 1).is_some_and(u8::is_ascii_digit) {
        double = true;
        len += 1 + digits(len + 1);
    }
    if matches!(bytes.get(len), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(len + 1), Some(b'-' | b'+')));
        let exponent = digits(len + 1 + sign);
        if exponent > 0 {
            double = true;
            len += 1 + sign + exponent;
        }
    }
    let written = &text[at..at + len];
    let token = if double { written.parse().ok().map(Token::Double) } else { written.parse().ok().map(Token::Int) };
    Ok((len, token.ok_or_else(|| Fault::new(at, "the number is too large"))?))
}
