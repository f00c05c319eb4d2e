//! `runaway`: the trace belongs to a loop or a burst of spend that was seen.

use super::super::own_plan::{Per, RunawayPlan};
use super::super::runaway::{Watch, hash};
use super::super::state::Moment;
use super::super::summary::TraceSummary;
use super::super::vote::Vote;
use super::rule::{Compiler, Rule};
use serde_json::{Value, json};
use std::sync::Arc;

pub struct Runaway(Arc<Watch>);

impl Runaway {
    pub fn compile(plan: &RunawayPlan, path: &str, to: &mut Compiler<'_>) -> Self {
        to.needs.origin |= plan.per != Per::Trace;
        let watch = Arc::new(Watch::new(path, plan));
        to.watches.push(watch.clone());
        Self(watch)
    }

    fn key(&self, trace: &TraceSummary<'_>) -> u128 {
        match self.0.per() {
            Per::Trace => trace.id,
            Per::Session => hash(trace.origin.session).into(),
            Per::Agent => hash(trace.origin.agent).into(),
            Per::Tenant => hash(trace.origin.tenant).into(),
        }
    }
}

impl Rule for Runaway {
    fn vote(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) -> Vote {
        Vote::when(self.0.is_beyond(self.key(trace), moment.now))
    }

    fn learned(&self, trace: &TraceSummary<'_>, moment: &mut Moment<'_>) -> Value {
        let Some(counts) = self.0.counts(self.key(trace), moment.now) else { return Value::Null };
        let (tool, repeats) = counts.repeated.unzip();
        let name = tool.and_then(|tool| trace.tool_steps.iter().find(|(step, _)| *step == tool));
        json!({
            "repeats": repeats.unwrap_or(0.0),
            "tool": name.map(|(_, name)| name),
            "calls": counts.calls,
            "usd": counts.usd,
        })
    }

    fn looked_at(&self, trace: &TraceSummary<'_>) -> Value {
        match self.0.per() {
            Per::Trace => json!({"trace": format!("{:032x}", trace.id)}),
            Per::Session => json!({"session": trace.origin.session}),
            Per::Agent => json!({"agent": trace.origin.agent}),
            Per::Tenant => json!({"tenant": trace.origin.tenant}),
        }
    }
}
