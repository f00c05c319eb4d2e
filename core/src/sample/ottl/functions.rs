//! Functions by name, with their arguments checked.

use super::{Call, Context, Fault, Term};
use crate::sample::conditions::pattern;

pub enum Argument {
    One(Term),
    List(Vec<Term>),
}

/// Every function, with its arguments.
const FUNCTIONS: [(&str, &str); 17] = [
    ("IsMatch", "target, pattern"),
    ("HasPrefix", "target, prefix"),
    ("HasSuffix", "target, suffix"),
    ("IsString", "value"),
    ("IsInt", "value"),
    ("IsDouble", "value"),
    ("IsBool", "value"),
    ("IsMap", "value"),
    ("IsList", "value"),
    ("IsRootSpan", ""),
    ("Int", "value"),
    ("Double", "value"),
    ("Len", "target"),
    ("Concat", "[values], delimiter"),
    ("Substring", "target, start, length"),
    ("ToLowerCase", "target"),
    ("ToUpperCase", "target"),
];

pub fn function(name: &str, start: usize, context: Context, arguments: Vec<(usize, Argument)>) -> Result<Call, Fault> {
    let Some((_, wanted)) = FUNCTIONS.iter().find(|(known, _)| *known == name) else {
        let names: Vec<_> = FUNCTIONS.iter().map(|(name, _)| *name).collect();
        return Err(Fault::new(start, format!("`{name}` is not supported; available: {}", names.join(", "))));
    };
    let wrong = || Fault::new(start, format!("takes ({wanted})"));
    let mut lists = Vec::new();
    let mut terms = Vec::new();
    for (at, argument) in arguments {
        match argument {
            Argument::List(items) if name == "Concat" && terms.is_empty() && lists.is_empty() => lists.push(items),
            Argument::List(_) => return Err(Fault::new(at, "a list is not expected here")),
            Argument::One(term) => terms.push((at, term)),
        }
    }
    let call = match <[(usize, Term); 1]>::try_from(terms) {
        Ok([(_, one)]) => match (name, lists.pop()) {
            ("Concat", Some(items)) => Call::Concat(items, one),
            ("IsString", None) => Call::IsString(one),
            ("IsInt", None) => Call::IsInt(one),
            ("IsDouble", None) => Call::IsDouble(one),
            ("IsBool", None) => Call::IsBool(one),
            ("IsMap", None) => Call::IsMap(one),
            ("IsList", None) => Call::IsList(one),
            ("Int", None) => Call::Int(one),
            ("Double", None) => Call::Double(one),
            ("Len", None) => Call::Len(one),
            ("ToLowerCase", None) => Call::ToLowerCase(one),
            ("ToUpperCase", None) => Call::ToUpperCase(one),
            _ => return Err(wrong()),
        },
        Err(terms) if !lists.is_empty() || terms.len() > 3 => return Err(wrong()),
        Err(terms) if terms.is_empty() => match (name, context) {
            ("IsRootSpan", Context::Span) => Call::IsRootSpan,
            ("IsRootSpan", Context::SpanEvent) => {
                return Err(Fault::new(start, "asks about spans, not about their events"));
            }
            _ => return Err(wrong()),
        },
        Err(terms) => {
            let mut terms = terms.into_iter();
            match (name, terms.next(), terms.next(), terms.next()) {
                ("IsMatch", Some((_, target)), Some((at, Term::Str(text))), None) => {
                    let compiled = pattern(&text).map_err(|fault| Fault::new(at, fault.replace('\n', " ")))?;
                    Call::IsMatch(target, compiled)
                }
                ("IsMatch", Some(_), Some((at, _)), None) => {
                    return Err(Fault::new(at, "the pattern must be written out in double quotes"));
                }
                ("HasPrefix", Some((_, target)), Some((_, prefix)), None) => Call::HasPrefix(target, prefix),
                ("HasSuffix", Some((_, target)), Some((_, suffix)), None) => Call::HasSuffix(target, suffix),
                ("Substring", Some((_, target)), Some((_, from)), Some((_, length))) => {
                    Call::Substring(target, from, length)
                }
                _ => return Err(wrong()),
            }
        }
    };
    Ok(call)
}
