//! Tokens into a condition.

use super::functions::{Argument, function};
use super::lexer::{Token, tokens};
use super::paths::{self, Index};
use super::{Context, Expr, Fault, Term};
use crate::keys::KeyTableBuilder;

/// Characters of a condition, and levels of its nesting.
const MAX_LEN: usize = 10_000;
const MAX_DEPTH: usize = 64;

/// Reads a condition. `keys`: learns the attribute keys that it asks for.
pub fn parse(text: &str, context: Context, keys: &mut KeyTableBuilder) -> Result<Expr, Fault> {
    if text.len() > MAX_LEN {
        return Err(Fault::new(MAX_LEN, format!("a condition has at most {MAX_LEN} characters")));
    }
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0, context, keys };
    let expr = parser.or()?;
    match parser.peek() {
        Token::End => Ok(expr),
        Token::Word(word) if word == "where" => Err(parser.fault("a condition stands alone, without `where`")),
        other => Err(parser.fault(format!("{} where `and`, `or` or the end is expected", other.told()))),
    }
}

struct Parser<'k> {
    tokens: Vec<(usize, Token)>,
    at: usize,
    depth: usize,
    context: Context,
    keys: &'k mut KeyTableBuilder,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.at].1
    }

    fn offset(&self) -> usize {
        self.tokens[self.at].0
    }

    fn next(&mut self) -> Token {
        let token = self.tokens[self.at].1.clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(self.offset(), message)
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.peek() == token;
        if found {
            self.next();
        }
        found
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Token::Word(found) if found == word);
        if found {
            self.next();
        }
        found
    }

    fn expect(&mut self, token: &Token) -> Result<(), Fault> {
        if self.take(token) {
            return Ok(());
        }
        Err(self.fault(format!("{} where {} is expected", self.peek().told(), token.told())))
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth == MAX_DEPTH {
            return Err(self.fault(format!("nested more than {MAX_DEPTH} levels deep")));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn or(&mut self) -> Result<Expr, Fault> {
        let mut parts = vec![self.and()?];
        while self.take_word("or") {
            parts.push(self.and()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::Or(parts) })
    }

    fn and(&mut self) -> Result<Expr, Fault> {
        let mut parts = vec![self.factor()?];
        while self.take_word("and") {
            parts.push(self.factor()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::And(parts) })
    }

    fn factor(&mut self) -> Result<Expr, Fault> {
        self.deeper(|parser| {
            if parser.take_word("not") {
                return Ok(Expr::Not(Box::new(parser.factor()?)));
            }
            if parser.take(&Token::Open) {
                let inner = parser.or()?;
                parser.expect(&Token::Close)?;
                return Ok(inner);
            }
            parser.comparison()
        })
    }

    fn comparison(&mut self) -> Result<Expr, Fault> {
        let start = self.offset();
        let left = self.term()?;
        if let Token::Op(op) = *self.peek() {
            self.next();
            return Ok(Expr::Compare(left, op, self.term()?));
        }
        if *self.peek() == Token::Assign {
            return Err(self.fault("`=` compares nothing; write `==`"));
        }
        match &left {
            Term::Bool(_) => Ok(Expr::Holds(left)),
            Term::Call(call) if call.is_condition() => Ok(Expr::Holds(left)),
            _ => Err(Fault::new(start, "this is no condition by itself; compare it with something")),
        }
    }

    fn term(&mut self) -> Result<Term, Fault> {
        let start = self.offset();
        match self.next() {
            Token::Str(text) => Ok(Term::Str(text)),
            Token::Bytes(bytes) => Ok(Term::Bytes(bytes)),
            Token::Int(number) => Ok(Term::Int(number)),
            Token::Double(number) => Ok(Term::Double(number)),
            Token::Word(word) => self.word(word, start),
            Token::Minus => Err(Fault::new(start, "arithmetic is not supported")),
            other => Err(Fault::new(start, format!("{} where a value is expected", other.told()))),
        }
    }

    fn word(&mut self, word: String, start: usize) -> Result<Term, Fault> {
        match word.as_str() {
            "nil" => return Ok(Term::Nil),
            "true" => return Ok(Term::Bool(true)),
            "false" => return Ok(Term::Bool(false)),
            "and" | "or" | "not" => return Err(Fault::new(start, format!("`{word}` where a value is expected"))),
            _ => {}
        }
        if *self.peek() == Token::Open {
            let arguments = self.arguments()?;
            return Ok(Term::Call(Box::new(function(&word, start, self.context, arguments)?)));
        }
        if let Some(value) = constant(&word) {
            return Ok(Term::Int(value));
        }
        let mut names = vec![word];
        while self.take(&Token::Dot) {
            match self.next() {
                Token::Word(name) => names.push(name),
                other => return Err(self.fault(format!("{} where a name is expected", other.told()))),
            }
        }
        let mut indices = Vec::new();
        while self.take(&Token::BracketOpen) {
            let at = self.offset();
            indices.push(match self.next() {
                Token::Str(key) => Index::Key(key),
                Token::Int(number) if number >= 0 => Index::At(number as usize),
                _ => return Err(Fault::new(at, "a key in double quotes or a number is expected")),
            });
            self.expect(&Token::BracketClose)?;
        }
        if *self.peek() == Token::Dot {
            return Err(self.fault("nothing can follow an index but another index"));
        }
        Ok(Term::Path(paths::path(&names, indices, start, self.context, self.keys)?))
    }

    /// `(…)` with the offset of each argument.
    fn arguments(&mut self) -> Result<Vec<(usize, Argument)>, Fault> {
        self.expect(&Token::Open)?;
        let mut arguments = Vec::new();
        while !self.take(&Token::Close) {
            if !arguments.is_empty() {
                self.expect(&Token::Comma)?;
            }
            let start = self.offset();
            let after = self.tokens.get(self.at + 1).map(|(_, token)| token);
            if matches!(self.peek(), Token::Word(_)) && after == Some(&Token::Assign) {
                return Err(Fault::new(start, "named arguments are not supported; give them in order"));
            }
            let argument = self.deeper(|parser| {
                if parser.take(&Token::BracketOpen) {
                    return parser.list().map(Argument::List);
                }
                parser.term().map(Argument::One)
            })?;
            arguments.push((start, argument));
        }
        Ok(arguments)
    }

    /// The rest of `[…]`.
    fn list(&mut self) -> Result<Vec<Term>, Fault> {
        let mut items = Vec::new();
        while !self.take(&Token::BracketClose) {
            if !items.is_empty() {
                self.expect(&Token::Comma)?;
            }
            items.push(self.term()?);
        }
        Ok(items)
    }
}

/// Enum symbols of spans, as OTLP numbers them.
fn constant(word: &str) -> Option<i64> {
    Some(match word {
        "STATUS_CODE_UNSET" | "SPAN_KIND_UNSPECIFIED" => 0,
        "STATUS_CODE_OK" | "SPAN_KIND_INTERNAL" => 1,
        "STATUS_CODE_ERROR" | "SPAN_KIND_SERVER" => 2,
        "SPAN_KIND_CLIENT" => 3,
        "SPAN_KIND_PRODUCER" => 4,
        "SPAN_KIND_CONSUMER" => 5,
        _ => return None,
    })
}
