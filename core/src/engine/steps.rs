//! What spans tell the watches for loops and bursts of spend as they arrive.

use super::compiled::Compiled;
use super::pricing::price_input;
use crate::calls::{Place, Report};
use crate::concept::Concept;
use crate::facts::{Facts, Role};
use crate::sample::runaway::{Step, hash};

/// What stands for a tool and its arguments.
pub fn tool_of(facts: &Facts<'_>) -> u64 {
    let text = |concept| hash(facts.text(concept).unwrap_or(""));
    text(Concept::ToolName).wrapping_mul(31).wrapping_add(text(Concept::ToolArguments)) | 1
}

/// What one span with facts says; `None` when it says nothing that a watch looks at. A cost is worked out only where one
/// is asked for, and before it is known which reports are the same call.
pub fn step(plan: &Compiled, place: Place, facts: &Facts<'_>) -> Option<Step> {
    let text = |concept| facts.text(concept).unwrap_or("");
    let call = facts.role == Role::Inference;
    let tool = text(Concept::Operation) == "execute_tool";
    if !call && !tool {
        return None;
    }
    let mut step = Step {
        trace: place.trace_id,
        session: hash(text(Concept::SessionId)),
        agent: hash(text(Concept::AgentName)),
        tenant: hash(text(Concept::TenantId)),
        call,
        ..Step::default()
    };
    if tool {
        step.tool = tool_of(facts);
    }
    if call {
        step.response = hash(text(Concept::ResponseId));
        if plan.policies.watches.iter().any(|watch| watch.prices()) {
            step.pico = plan.book.price(&price_input(&Report::from_facts(place, facts))).total_pico;
        }
    }
    Some(step)
}
