//! What one span has to satisfy by itself: `and` with `same_span`, and the roots of health checks.

use super::super::conditions::{Test, pattern};
use super::super::groups::Group;
use super::super::plan::{KindPlan, PolicyPlan};
use super::super::state::Moment;
use super::super::summary::TraceSummary;
use super::super::vote::Vote;
use super::collector::{Attribute, StatusCode};
use super::combine::Not;
use super::part::Part;
use super::rule::{Compiler, Rule};
use serde_json::{Value, json};

pub struct SameSpan {
    bit: u16,
    /// Each condition by itself, on any span.
    parts: Vec<Part>,
}

impl SameSpan {
    pub fn compile(children: &[PolicyPlan], to: &mut Compiler<'_>) -> Result<Self, String> {
        let mut group = Group { statuses: u8::MAX, ..Group::default() };
        let mut each =
            |child: &PolicyPlan| add(child, true, &mut group, to).map_err(|fault| format!("{}: {fault}", child.name));
        let parts = children.iter().map(&mut each).collect::<Result<_, _>>()?;
        if group.statuses == u8::MAX {
            group.statuses = 0;
        } else if group.statuses == 0 {
            return Err("no status code is left over for the span to have".to_owned());
        }
        Ok(Self { bit: to.conditions.add_group(group), parts })
    }
}

/// Adds what a span is asked for, and gives the same as a policy on any span. `wanted`: whether the condition must hold or
/// must not.
fn add(child: &PolicyPlan, wanted: bool, group: &mut Group, to: &mut Compiler<'_>) -> Result<Part, String> {
    let attribute = match &child.kind {
        KindPlan::StatusCode { status_codes } => {
            let status = StatusCode::compile(status_codes)?;
            group.statuses &= if wanted { status.mask } else { !status.mask };
            return Ok(to.part(&child.name, Box::new(status)));
        }
        KindPlan::Not { children } => {
            let [inner] = children.as_slice() else { return Err("not takes exactly one sub-policy".to_owned()) };
            let inner = add(inner, !wanted, group, to)?;
            return Ok(to.part(&child.name, Box::new(Not(inner))));
        }
        KindPlan::NumericAttribute { key, min_value, max_value, invert_match } => {
            Attribute::numeric(to, key, *min_value, *max_value, *invert_match)
        }
        KindPlan::StringAttribute { key, values, enabled_regex_matching, invert_match } => {
            Attribute::text(to, key, values, *enabled_regex_matching, *invert_match)?
        }
        KindPlan::BooleanAttribute { key, value, invert_match } => Attribute::flag(to, key, *value, *invert_match),
        KindPlan::TraceState { key, values } => Attribute::trace_state(to, key, values),
        KindPlan::TraceFlags => Attribute::sampled_flag(to),
        KindPlan::OttlCondition { span, spanevent } => Attribute::ottl(to, span, spanevent)?,
        _ => return Err("cannot be judged on one span".to_owned()),
    };
    let (bit, invert) = attribute.parts();
    group.all.push((bit, wanted != invert));
    Ok(to.part(&child.name, Box::new(attribute)))
}

impl Rule for SameSpan {
    fn vote(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) -> Vote {
        if moment.heard.is_some() {
            let mut own = [Vote::NONE];
            self.parts.iter().for_each(|part| part.votes(&[trace], &[Vote::ALWAYS], moment, &mut own));
        }
        Vote::when(trace.bits.get(self.bit))
    }

    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value {
        let mut seen = json!({"span_matched": trace.bits.get(self.bit)});
        if let Some(span) = trace.witness(self.bit).and_then(|witness| witness.span_id) {
            seen["on"] = json!(format!("{span:016x}"));
        }
        seen
    }

    fn parts(&self) -> &[Part] {
        &self.parts
    }
}

/// Matches a trace whose root is a probe and that calls no model.
pub struct HealthCheck {
    bit: u16,
    /// One for each attribute that may tell a probe.
    each: Vec<u16>,
}

impl HealthCheck {
    pub fn compile(patterns: &[(String, Vec<String>)], to: &mut Compiler<'_>) -> Result<Self, String> {
        let mut group = Group { root: true, ..Group::default() };
        for (key, values) in patterns {
            let values = values.iter().map(|value| pattern(value)).collect::<Result<_, _>>()?;
            group.any.push(to.condition(key, Test::Matches(values)));
        }
        if group.any.is_empty() {
            return Err("no attribute tells a probe".to_owned());
        }
        let each = group.any.clone();
        Ok(Self { bit: to.conditions.add_group(group), each })
    }
}

impl Rule for HealthCheck {
    fn vote(&self, trace: &TraceSummary<'_>, _: &mut Moment<'_>) -> Vote {
        Vote::when(trace.bits.get(self.bit) && trace.call_count == 0)
    }

    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value {
        let witnesses = self.each.iter().filter_map(|bit| trace.witness(*bit));
        let of_root = witnesses.filter(|witness| witness.root && witness.value.is_some());
        let told: Vec<Value> = of_root.map(|one| json!({"key": one.key, "value": one.value})).collect();
        json!({"root_is_a_probe": trace.bits.get(self.bit), "calls": trace.call_count, "root": told})
    }
}
