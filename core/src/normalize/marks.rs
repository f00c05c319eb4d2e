//! What enricher leaves on a span that it normalized, so that the enricher behind it concludes nothing anew: attributes
//! with canonical names are as they should be, usage is in normal form, and neither what was added nor what was taken
//! away bears upon the span's dialect and role.

use super::append::ORIGINAL;
use crate::concept::{Concept, ConceptSet};
use crate::facts::Role;
use crate::keys::{KeyId, KeyTableBuilder};
use crate::output::stamp::{COST_STATE, USAGE_COST};
use crate::price::State;
use crate::wire::span::Attr;
use crate::wire::value::{Value, array};
use crate::wire::writer::{self, Scalar};

const ROLE: &str = "enricher.role";
const DIALECT: &str = "enricher.dialect";
/// The concepts that were concluded, not read.
pub const INFERRED: &str = "enricher.inferred";
const ATTRIBUTES: u32 = 9;

/// Nothing for a span that plays no part.
pub fn write(role: Role, dialect: &str, out: &mut Vec<u8>) {
    if role == Role::None {
        return;
    }
    writer::key_value(out, ATTRIBUTES, ROLE, Scalar::Str(role.name()));
    if !dialect.is_empty() {
        writer::key_value(out, ATTRIBUTES, DIALECT, Scalar::Str(dialect));
    }
}

/// The keys of the marks, and of the cost that is written beside them.
pub struct Keys {
    role: KeyId,
    dialect: KeyId,
    inferred: KeyId,
    state: KeyId,
    cost: KeyId,
    original_cost: KeyId,
}

impl Keys {
    pub fn add(keys: &mut KeyTableBuilder) -> Self {
        Self {
            role: keys.add(ROLE),
            dialect: keys.add(DIALECT),
            inferred: keys.add(INFERRED),
            state: keys.add(COST_STATE),
            cost: keys.add(USAGE_COST),
            original_cost: keys.add(&format!("{ORIGINAL}{USAGE_COST}")),
        }
    }

    pub fn all(&self) -> [KeyId; 6] {
        [self.role, self.dialect, self.inferred, self.state, self.cost, self.original_cost]
    }
}

/// The marks of one span.
#[derive(Default)]
pub struct Marks<'a> {
    /// None on a span that no enricher normalized.
    pub role: Option<Role>,
    /// The name; empty for none.
    pub dialect: &'a [u8],
    pub inferred: ConceptSet,
    cost: Cost,
}

/// What the cost on a marked span is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Cost {
    /// As it was sent: the span stands for no call.
    #[default]
    Sent,
    /// What the span reported, in US dollars.
    Reported,
    /// Enricher's own figure.
    Own,
}

impl<'a> Marks<'a> {
    pub fn note(&mut self, keys: &Keys, attr: &Attr<'a>) {
        match attr.value {
            Value::Str(text) if attr.id == keys.role => self.role = Role::from_name(text),
            Value::Str(text) if attr.id == keys.dialect => self.dialect = text,
            Value::Str(text) if attr.id == keys.state => {
                let reported = text == State::Reported.name().as_bytes();
                self.cost = if reported { Cost::Reported } else { Cost::Own };
            }
            Value::Array(items) if attr.id == keys.inferred => {
                for item in array(items).map_while(Result::ok) {
                    if let Value::Str(name) = item
                        && let Some(concept) = std::str::from_utf8(name).ok().and_then(Concept::from_name)
                    {
                        self.inferred.insert(concept);
                    }
                }
            }
            _ => {}
        }
    }

    /// The cost is in US dollars, whatever currency the span names.
    pub fn in_dollars(&self) -> bool {
        self.cost == Cost::Reported
    }

    /// The key that an attribute of a marked span is read as; none when it is not to be read. A cost that gave way to
    /// ours is what the span reported; where ours repeats it, it is read once.
    pub fn read_as(&self, keys: &Keys, id: KeyId) -> Option<KeyId> {
        match id {
            id if id == keys.original_cost => (self.cost != Cost::Reported).then_some(keys.cost),
            id if id == keys.cost && self.cost == Cost::Own => None,
            id => Some(id),
        }
    }
}
