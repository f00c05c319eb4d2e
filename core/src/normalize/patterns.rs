//! Text tests of the plan, compiled.

use super::plan::Match;
use std::borrow::Cow;

/// Literal text with an optional `*` at either end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Glob {
    Exact(Box<[u8]>),
    Prefix(Box<[u8]>),
    Suffix(Box<[u8]>),
    Contains(Box<[u8]>),
}

impl Glob {
    pub fn new(text: &str) -> Self {
        let open = text.strip_prefix('*');
        let body = open.unwrap_or(text);
        match (open.is_some(), body.strip_suffix('*')) {
            (false, None) => Self::Exact(body.as_bytes().into()),
            (false, Some(body)) => Self::Prefix(body.as_bytes().into()),
            (true, None) => Self::Suffix(body.as_bytes().into()),
            (true, Some(body)) => Self::Contains(body.as_bytes().into()),
        }
    }

    #[inline]
    pub fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Exact(literal) => **literal == *text,
            Self::Prefix(literal) => text.starts_with(literal),
            Self::Suffix(literal) => text.ends_with(literal),
            Self::Contains(literal) => memchr::memmem::find(text, literal).is_some(),
        }
    }
}

/// A [`Match`], ready to ask. Expects text in lower case.
#[derive(Debug)]
pub enum Matcher {
    Exact(Box<str>),
    Prefix(Box<str>),
    Suffix(Box<str>),
    Contains(Box<str>),
    Domain(Box<str>),
    Regex(regex::Regex),
}

impl Matcher {
    pub fn new(pattern: &Match) -> Result<Self, String> {
        let lower = |text: &str| text.to_lowercase().into_boxed_str();
        Ok(match pattern {
            Match::Exact(text) => Self::Exact(lower(text)),
            Match::Prefix(text) => Self::Prefix(lower(text)),
            Match::Suffix(text) => Self::Suffix(lower(text)),
            Match::Contains(text) => Self::Contains(lower(text)),
            Match::Domain(text) => Self::Domain(lower(text)),
            Match::Regex(text) => Self::Regex(compiled(text)?),
        })
    }

    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(literal) => **literal == *text,
            Self::Prefix(literal) => text.starts_with(&**literal),
            Self::Suffix(literal) => text.ends_with(&**literal),
            Self::Contains(literal) => text.contains(&**literal),
            Self::Domain(literal) => {
                text.strip_suffix(&**literal).is_some_and(|head| head.is_empty() || head.ends_with('.'))
            }
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

/// A regex of bounded size.
pub fn compiled(text: &str) -> Result<regex::Regex, String> {
    regex::RegexBuilder::new(text).size_limit(1 << 20).build().map_err(|error| error.to_string())
}

/// The first value whose pattern matches.
pub fn first<'m, T>(rules: &'m [(Matcher, T)], text: &str) -> Option<&'m T> {
    rules.iter().find(|(matcher, _)| matcher.matches(text)).map(|(_, value)| value)
}

/// Whether a key pattern (`{n}`, trailing `*`) covers a key or another, narrower pattern.
pub fn covers(pattern: &str, key: &str) -> bool {
    let example = if key.contains('*') { Cow::Owned(key.replace('*', "x")) } else { Cow::Borrowed(key) };
    let mut rest = &*example;
    let (body, open) = match pattern.strip_suffix('*') {
        Some(body) => (body, true),
        None => (pattern, false),
    };
    let mut body = body;
    while let Some((literal, tail)) = body.split_once('{') {
        let Some(after) = rest.strip_prefix(literal) else {
            return false;
        };
        let end = after.find('.').unwrap_or(after.len());
        if end == 0 {
            return false;
        }
        rest = &after[end..];
        body = tail.split_once('}').map_or("", |(_, after)| after);
    }
    match rest.strip_prefix(body) {
        Some(tail) => open != tail.is_empty(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_at_either_end() {
        assert!(Glob::new("logfire.*").matches(b"logfire.openai"));
        assert!(!Glob::new("logfire.*").matches(b"logfire"));
        assert!(Glob::new("*.doGenerate").matches(b"ai.generateText.doGenerate"));
        assert!(Glob::new("*bedrock*").matches(b"x.bedrock.y"));
        assert!(Glob::new("ai").matches(b"ai"));
        assert!(!Glob::new("ai").matches(b"air"));
    }

    #[test]
    fn a_domain_matches_itself_and_what_lies_below() {
        let matcher = Matcher::new(&Match::Domain("openai.azure.com".into())).unwrap();
        assert!(matcher.matches("openai.azure.com"));
        assert!(matcher.matches("my.openai.azure.com"));
        assert!(!matcher.matches("notopenai.azure.com"));
        assert!(Matcher::new(&Match::Regex("(".into())).is_err());
    }

    #[test]
    fn patterns_cover_keys_and_narrower_patterns() {
        assert!(covers("langfuse.*", "langfuse.observation.metadata.*"));
        assert!(covers("langfuse.*", "langfuse.user.id"));
        assert!(covers("gen_ai.prompt.{n}.role", "gen_ai.prompt.0.role"));
        assert!(!covers("gen_ai.prompt.{n}.role", "gen_ai.prompt.0.content"));
        assert!(!covers("langfuse.*", "langfuse."));
        assert!(!covers("langfuse.user", "langfuse.user.id"));
    }
}
