//! Label values, each label bounded: the first `limit` values keep their names, what comes after is `other`.

use crate::calls::Texts;
use crate::concept::Concept;
use hashbrown::HashMap;

/// What a label of the spend metrics shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    Service,
    /// The model that answered, else the one asked for.
    Model,
    Concept(Concept),
}

impl Label {
    /// The names that `metrics.labels` may list.
    pub fn from_name(name: &str) -> Option<Label> {
        Some(match name {
            "service" => Label::Service,
            "model" => Label::Model,
            "provider" => Label::Concept(Concept::Provider),
            "operation" => Label::Concept(Concept::Operation),
            "request_model" => Label::Concept(Concept::RequestModel),
            "response_model" => Label::Concept(Concept::ResponseModel),
            "tenant" => Label::Concept(Concept::TenantId),
            "user" => Label::Concept(Concept::UserId),
            "team" => Label::Concept(Concept::TeamId),
            "feature" => Label::Concept(Concept::Feature),
            "agent" => Label::Concept(Concept::AgentName),
            "workflow" => Label::Concept(Concept::WorkflowName),
            "prompt" => Label::Concept(Concept::PromptName),
            "variant" => Label::Concept(Concept::Variant),
            "environment" => Label::Concept(Concept::Environment),
            "service_tier" => Label::Concept(Concept::ServiceTier),
            "gateway" => Label::Concept(Concept::Gateway),
            _ => return None,
        })
    }

    #[inline]
    pub fn value<'a>(self, service: &'a str, texts: &Texts<'a>) -> &'a str {
        match self {
            Label::Service => service,
            Label::Model => model(texts),
            Label::Concept(concept) => texts.get(concept),
        }
    }
}

pub fn model<'a>(texts: &Texts<'a>) -> &'a str {
    match texts.get(Concept::ResponseModel) {
        "" => texts.get(Concept::RequestModel),
        model => model,
    }
}

/// Longest label value, bytes; the rest is cut.
const VALUE_MAX: usize = 256;

const OTHER_NAME: &str = "other";

/// The number of `other`.
pub const OTHER: u32 = 1;

/// The values of one label, by number.
#[derive(Debug)]
pub struct Values {
    numbers: HashMap<Box<str>, u32, foldhash::fast::RandomState>,
    names: Vec<Box<str>>,
    limit: usize,
}

impl Values {
    pub fn new(limit: usize) -> Self {
        let mut values = Self { numbers: HashMap::default(), names: Vec::new(), limit: limit.max(1) };
        for name in ["", OTHER_NAME] {
            values.numbers.insert(name.into(), values.names.len() as u32);
            values.names.push(name.into());
        }
        values
    }

    #[inline]
    pub fn number(&mut self, value: &str) -> u32 {
        let value = cut(value);
        match self.numbers.get(value) {
            Some(number) => *number,
            None => self.admit(value),
        }
    }

    fn admit(&mut self, value: &str) -> u32 {
        // The empty value and `other` take no place.
        if self.names.len() >= self.limit + 2 {
            return OTHER;
        }
        let number = self.names.len() as u32;
        self.names.push(value.into());
        self.numbers.insert(value.into(), number);
        number
    }

    pub fn name(&self, number: u32) -> &str {
        &self.names[number as usize]
    }
}

fn cut(value: &str) -> &str {
    if value.len() <= VALUE_MAX {
        return value;
    }
    let end = (0..=VALUE_MAX).rev().find(|at| value.is_char_boundary(*at)).unwrap_or(0);
    &value[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_beyond_the_limit_are_other() {
        let mut values = Values::new(2);
        let numbers: Vec<_> = ["a", "b", "c", "a", "", "d"].iter().map(|v| values.number(v)).collect();
        let names: Vec<_> = numbers.iter().map(|n| values.name(*n)).collect();
        assert_eq!(names, ["a", "b", "other", "a", "", "other"]);
        for index in 0..100_000 {
            values.number(&format!("model-{index}"));
        }
        assert_eq!(values.names.len(), 4);
        assert_eq!(cut(&"é".repeat(1000)).len(), 256);
    }
}
