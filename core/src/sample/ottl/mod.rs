//! Conditions in the OpenTelemetry Transformation Language: the part of it that sampling policies use. A condition is
//! read when the plan is compiled; what is not supported is a fault there, with its position, never ignored.
//!
//! Grammar and meaning after pkg/ottl of the Collector's contrib repository (README, LANGUAGE, ottlfuncs).

mod eval;
mod functions;
mod lexer;
mod parser;
mod paths;
#[cfg(test)]
mod tests;

pub use eval::Seen;
pub use parser::parse;

pub use paths::Path;
use regex::bytes::Regex;

/// Which spans a condition is asked of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    Span,
    /// Once for each event of a span.
    SpanEvent,
}

/// Where a text stops making sense, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Bytes from the beginning.
    pub offset: usize,
    pub message: String,
}

impl Fault {
    fn new(offset: usize, message: impl Into<String>) -> Self {
        Self { offset, message: message.into() }
    }
}

/// A condition.
#[derive(Debug)]
pub enum Expr {
    Or(Vec<Expr>),
    And(Vec<Expr>),
    Not(Box<Expr>),
    Compare(Term, Op, Term),
    /// A literal, or a function that answers yes or no.
    Holds(Term),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// Something that has a value.
#[derive(Debug)]
pub enum Term {
    Nil,
    Bool(bool),
    Int(i64),
    Double(f64),
    Str(String),
    Bytes(Vec<u8>),
    Path(Path),
    Call(Box<Call>),
}

#[derive(Debug)]
pub enum Call {
    IsMatch(Term, Regex),
    HasPrefix(Term, Term),
    HasSuffix(Term, Term),
    IsString(Term),
    IsInt(Term),
    IsDouble(Term),
    IsBool(Term),
    IsMap(Term),
    IsList(Term),
    IsRootSpan,
    Int(Term),
    Double(Term),
    Len(Term),
    Concat(Vec<Term>, Term),
    Substring(Term, Term, Term),
    ToLowerCase(Term),
    ToUpperCase(Term),
}

impl Call {
    /// Answers yes or no, and may stand where a condition does.
    fn is_condition(&self) -> bool {
        use Call::*;
        match self {
            IsMatch(..) | HasPrefix(..) | HasSuffix(..) | IsString(_) | IsInt(_) | IsDouble(_) | IsBool(_)
            | IsMap(_) | IsList(_) | IsRootSpan => true,
            Int(_) | Double(_) | Len(_) | Concat(..) | Substring(..) | ToLowerCase(_) | ToUpperCase(_) => false,
        }
    }
}
