//! From a policy of the plan to its rule.

use super::super::plan::{KindPlan, PolicyPlan};
use super::adaptive::Target;
use super::budget::Budget;
use super::collector::{Always, Attribute, Latency, Probabilistic, SpanCount, StatusCode};
use super::combine::{All, Not};
use super::facts::{Aggregate, ErrorClass, Evaluation, Guardrail, Tokens};
use super::learned::{Rare, Slow};
use super::limits::{Composite, RateLimit, Unit};
use super::ours::Cost;
use super::part::Part;
use super::rule::{Compiler, Rule};
use super::runaway::Runaway;
use super::same_span::{HealthCheck, SameSpan};

/// `path`: names of the policy and of those that hold it.
pub fn compile(plan: &PolicyPlan, path: &str, to: &mut Compiler<'_>) -> Result<Box<dyn Rule>, String> {
    Ok(match &plan.kind {
        KindPlan::AlwaysSample => Box::new(Always),
        KindPlan::StatusCode { status_codes } => Box::new(StatusCode::compile(status_codes)?),
        KindPlan::Latency { threshold_ms, upper_threshold_ms } => {
            Box::new(Latency::compile(*threshold_ms, *upper_threshold_ms))
        }
        KindPlan::Probabilistic { sampling_percentage } => Box::new(Probabilistic::compile(*sampling_percentage)),
        KindPlan::NumericAttribute { key, min_value, max_value, invert_match } => {
            Box::new(Attribute::numeric(to, key, *min_value, *max_value, *invert_match))
        }
        KindPlan::StringAttribute { key, values, enabled_regex_matching, invert_match } => {
            Box::new(Attribute::text(to, key, values, *enabled_regex_matching, *invert_match)?)
        }
        KindPlan::BooleanAttribute { key, value, invert_match } => {
            Box::new(Attribute::flag(to, key, *value, *invert_match))
        }
        KindPlan::TraceState { key, values } => Box::new(Attribute::trace_state(to, key, values)),
        KindPlan::TraceFlags => Box::new(Attribute::sampled_flag(to)),
        KindPlan::OttlCondition { span, spanevent } => Box::new(Attribute::ottl(to, span, spanevent)?),
        KindPlan::SpanCount { min_spans, max_spans } => Box::new(SpanCount { min: *min_spans, max: *max_spans }),
        KindPlan::RateLimiting { spans_per_second, burst_capacity } => {
            Box::new(RateLimit::compile(Unit::Spans, *spans_per_second, *burst_capacity, path, to))
        }
        KindPlan::BytesLimiting { bytes_per_second, burst_capacity } => {
            Box::new(RateLimit::compile(Unit::Bytes, *bytes_per_second, *burst_capacity, path, to))
        }
        KindPlan::Composite { children, rates, order } => {
            Box::new(Composite::compile(parts(children, path, to)?, rates, order, path, to)?)
        }
        KindPlan::And { children, same_span: true } => Box::new(SameSpan::compile(children, to)?),
        KindPlan::HealthCheck { patterns } => Box::new(HealthCheck::compile(patterns, to)?),
        KindPlan::Runaway(plan) => Box::new(Runaway::compile(plan, path, to)),
        KindPlan::And { children, same_span: false } | KindPlan::Drop { children } => {
            Box::new(All::new(parts(children, path, to)?))
        }
        KindPlan::Not { children } => match <[_; 1]>::try_from(parts(children, path, to)?) {
            Ok([part]) => Box::new(Not(part)),
            Err(_) => return Err("not takes exactly one sub-policy".to_owned()),
        },
        KindPlan::Tokens(plan) => Box::new(Tokens::compile(plan, &mut to.needs)),
        KindPlan::ErrorClass { classes } => Box::new(ErrorClass::compile(classes, &mut to.needs)),
        KindPlan::Guardrail(plan) => Box::new(Guardrail::compile(plan, &mut to.needs)),
        KindPlan::Evaluation(plan) => Box::new(Evaluation::compile(plan, &mut to.needs)),
        KindPlan::Aggregate(plan) => Box::new(Aggregate::compile(plan, &mut to.needs)),
        KindPlan::Slow(plan) => Box::new(Slow::compile(plan, path, to)),
        KindPlan::Rare(plan) => Box::new(Rare::compile(plan, path, to)),
        KindPlan::Adaptive(plan) => Box::new(Target::compile(plan, path, to)),
        KindPlan::Budget(plan) => match <[_; 1]>::try_from(parts(&plan.children, path, to)?) {
            Ok([part]) => Box::new(Budget::compile(plan, part, path, to)?),
            Err(_) => return Err("budget takes exactly one sub-policy".to_owned()),
        },
        KindPlan::Cost { trace_pico_usd, call_pico_usd } => Box::new(Cost::compile(trace_pico_usd, call_pico_usd)?),
    })
}

fn parts(plans: &[PolicyPlan], path: &str, to: &mut Compiler<'_>) -> Result<Vec<Part>, String> {
    if plans.is_empty() {
        return Err("has no sub-policy".to_owned());
    }
    let each = |(at, child): (usize, &PolicyPlan)| {
        let rule = compile(child, &format!("{path}/{at}"), to)?;
        Ok(to.part(&child.name, rule))
    };
    plans.iter().enumerate().map(each).collect()
}
