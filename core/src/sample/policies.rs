//! Policies: what each votes for a trace, and the verdict that the votes make (design §7).

use super::conditions::{Bits, Conditions, Test, pattern};
use super::plan::{KindPlan, PolicyPlan};
use super::threshold;
use crate::keys::KeyTableBuilder;
use crate::price::money::to_decimal;
use crate::wire::span::{STATUS_ERROR, STATUS_OK, STATUS_UNSET};
use serde_json::json;

/// What the policies look at when a trace is due.
#[derive(Clone, Debug, Default)]
pub struct TraceSummary {
    /// Earliest start and latest end, Unix nanoseconds.
    pub start: u64,
    pub end: u64,
    /// One bit per status code seen.
    pub statuses: u8,
    pub trace_cost_pico: i128,
    pub max_call_cost_pico: i128,
    pub bits: Bits,
    /// 56 bits.
    pub randomness: u64,
}

impl TraceSummary {
    pub fn duration(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    pub keep: bool,
    /// Index of the credited policy: the one that voted highest, or the `drop` that matched.
    pub policy: Option<u16>,
    pub dropped_by_policy: bool,
    pub threshold: u64,
}

impl Verdict {
    pub const KEEP_ALL: Verdict = Verdict { keep: true, policy: None, dropped_by_policy: false, threshold: 0 };

    pub fn probability(&self) -> f64 {
        threshold::probability(self.threshold)
    }
}

/// One policy's vote: a probability above 0, or none.
pub type Vote = Option<f64>;

struct Policy {
    name: String,
    kind: Kind,
}

enum Kind {
    Always,
    Status(u8),
    Latency { above_ns: f64, up_to_ns: f64 },
    Probability(f64),
    Attribute { bit: u16, invert: bool },
    And(Vec<Kind>),
    Not(Box<Kind>),
    Drop(Vec<Kind>),
    Cost { trace_pico: Option<i128>, call_pico: Option<i128> },
}

/// The compiled policies of a plan.
pub struct Policies {
    policies: Vec<Policy>,
    pub conditions: Conditions,
}

impl Policies {
    pub fn compile(plans: &[PolicyPlan], keys: &mut KeyTableBuilder) -> Result<Self, String> {
        let mut conditions = Conditions::default();
        let mut policies = Vec::with_capacity(plans.len());
        for plan in plans {
            let kind =
                compile(plan, keys, &mut conditions).map_err(|fault| format!("policy {}: {fault}", plan.name))?;
            policies.push(Policy { name: plan.name.clone(), kind });
        }
        Ok(Self { policies, conditions })
    }

    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    pub fn len(&self) -> usize {
        self.policies.len()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.policies.iter().map(|policy| policy.name.as_str())
    }

    pub fn name(&self, index: u16) -> &str {
        &self.policies[usize::from(index)].name
    }

    /// Each policy's vote with the values it looked at, for `explain`.
    pub fn explain(&self, trace: &TraceSummary) -> Vec<serde_json::Value> {
        let told = self.policies.iter().map(|policy| {
            json!({"policy": policy.name, "vote": policy.kind.vote(trace), "looked_at": policy.kind.looked_at(trace)})
        });
        told.collect()
    }

    /// Collects every policy's vote (a `drop` votes for dropping) and decides.
    pub fn decide(&self, trace: &TraceSummary, votes: &mut Vec<Vote>) -> Verdict {
        votes.clear();
        if self.policies.is_empty() {
            return Verdict::KEEP_ALL;
        }
        let (mut best, mut credited) = (0.0, None);
        let (mut ceiling, mut dropper) = (1.0f64, None);
        for (index, policy) in self.policies.iter().enumerate() {
            let vote = policy.kind.vote(trace);
            votes.push(vote);
            let Some(probability) = vote else { continue };
            if matches!(policy.kind, Kind::Drop(_)) {
                // A drop that matches with probability q leaves at most 1 - q; written as a ceiling, the outcome stays a
                // threshold and the totals unbiased.
                if 1.0 - probability < ceiling {
                    ceiling = 1.0 - probability;
                    dropper = Some(index as u16);
                }
            } else if probability > best {
                best = probability;
                credited = Some(index as u16);
            }
        }
        let threshold = threshold::from_probability(best.min(ceiling));
        let keep = trace.randomness >= threshold;
        let dropped = !keep && dropper.is_some() && trace.randomness >= threshold::from_probability(best);
        let dropped = dropped || ceiling <= 0.0;
        let policy = if dropped { dropper } else { credited };
        Verdict { keep, policy, dropped_by_policy: dropped, threshold }
    }
}

impl Kind {
    fn looked_at(&self, trace: &TraceSummary) -> serde_json::Value {
        let parts = |parts: &[Kind]| parts.iter().map(|part| part.looked_at(trace)).collect::<Vec<_>>();
        match self {
            Kind::Always => json!({}),
            Kind::Status(_) => {
                let seen = [(STATUS_UNSET, "UNSET"), (STATUS_OK, "OK"), (STATUS_ERROR, "ERROR")];
                let seen: Vec<_> = seen.iter().filter(|(code, _)| trace.statuses >> code & 1 == 1).collect();
                json!({"status_codes": seen.iter().map(|(_, name)| name).collect::<Vec<_>>()})
            }
            Kind::Latency { .. } => json!({"duration_ms": trace.duration() as f64 / 1e6}),
            Kind::Probability(_) => json!({"randomness": format!("{:014x}", trace.randomness)}),
            Kind::Attribute { bit, .. } => json!({"attribute_matched": trace.bits.get(*bit)}),
            Kind::And(kinds) | Kind::Drop(kinds) => json!({"sub_policies": parts(kinds)}),
            Kind::Not(kind) => json!({"sub_policies": parts(std::slice::from_ref(kind))}),
            Kind::Cost { .. } => json!({
                "trace_usd": to_decimal(trace.trace_cost_pico),
                "max_call_usd": to_decimal(trace.max_call_cost_pico),
            }),
        }
    }

    fn vote(&self, trace: &TraceSummary) -> Vote {
        let matches = match self {
            Kind::Always => true,
            Kind::Status(wanted) => trace.statuses & wanted != 0,
            Kind::Latency { above_ns, up_to_ns } => {
                let duration = trace.duration() as f64;
                duration > *above_ns && duration <= *up_to_ns
            }
            Kind::Probability(probability) => return Some(*probability).filter(|p| *p > 0.0),
            Kind::Attribute { bit, invert } => trace.bits.get(*bit) != *invert,
            // Under one randomness the intersection of thresholds is the strictest of them.
            Kind::And(parts) | Kind::Drop(parts) => {
                return parts.iter().try_fold(1.0f64, |least, part| part.vote(trace).map(|p| least.min(p)));
            }
            Kind::Not(part) => {
                return Some(1.0 - part.vote(trace).unwrap_or(0.0)).filter(|p| *p > 0.0);
            }
            Kind::Cost { trace_pico, call_pico } => {
                trace_pico.is_some_and(|limit| trace.trace_cost_pico >= limit)
                    || call_pico.is_some_and(|limit| trace.max_call_cost_pico >= limit)
            }
        };
        matches.then_some(1.0)
    }
}

fn compile(plan: &PolicyPlan, keys: &mut KeyTableBuilder, conditions: &mut Conditions) -> Result<Kind, String> {
    let mut children = |plans: &[PolicyPlan]| -> Result<Vec<Kind>, String> {
        if plans.is_empty() {
            return Err("has no sub-policy".to_owned());
        }
        plans.iter().map(|child| compile(child, keys, conditions)).collect()
    };
    Ok(match &plan.kind {
        KindPlan::AlwaysSample => Kind::Always,
        KindPlan::StatusCode { status_codes } => Kind::Status(statuses(status_codes)?),
        KindPlan::Latency { threshold_ms, upper_threshold_ms } => Kind::Latency {
            above_ns: threshold_ms * 1e6,
            up_to_ns: upper_threshold_ms.map_or(f64::INFINITY, |ms| ms * 1e6),
        },
        KindPlan::Probabilistic { sampling_percentage } => {
            Kind::Probability((sampling_percentage / 100.0).clamp(0.0, 1.0))
        }
        KindPlan::NumericAttribute { key, min_value, max_value, invert_match } => {
            let (min, max) = (min_value.unwrap_or(f64::NEG_INFINITY), max_value.unwrap_or(f64::INFINITY));
            Kind::Attribute { bit: conditions.add(keys, key, Test::Between(min, max)), invert: *invert_match }
        }
        KindPlan::StringAttribute { key, values, enabled_regex_matching, invert_match } => {
            let test = if *enabled_regex_matching {
                Test::Matches(values.iter().map(|value| pattern(value)).collect::<Result<_, _>>()?)
            } else {
                Test::Equals(values.iter().map(|value| value.as_bytes().into()).collect())
            };
            Kind::Attribute { bit: conditions.add(keys, key, test), invert: *invert_match }
        }
        KindPlan::BooleanAttribute { key, value, invert_match } => {
            Kind::Attribute { bit: conditions.add(keys, key, Test::Is(*value)), invert: *invert_match }
        }
        KindPlan::And { children: plans } => Kind::And(children(plans)?),
        KindPlan::Drop { children: plans } => Kind::Drop(children(plans)?),
        KindPlan::Not { children: plans } => match <[Kind; 1]>::try_from(children(plans)?) {
            Ok([part]) => Kind::Not(Box::new(part)),
            Err(_) => return Err("not takes exactly one sub-policy".to_owned()),
        },
        KindPlan::Cost { trace_pico_usd, call_pico_usd } => {
            Kind::Cost { trace_pico: pico(trace_pico_usd)?, call_pico: pico(call_pico_usd)? }
        }
    })
}

fn pico(text: &Option<String>) -> Result<Option<i128>, String> {
    text.as_ref().map(|digits| digits.parse().map_err(|_| format!("{digits:?} is not an integer"))).transpose()
}

fn statuses(names: &[String]) -> Result<u8, String> {
    names.iter().try_fold(0, |mask, name| {
        let code = match name.as_str() {
            "UNSET" => STATUS_UNSET,
            "OK" => STATUS_OK,
            "ERROR" => STATUS_ERROR,
            other => return Err(format!("unknown status code {other:?}")),
        };
        Ok(mask | 1 << code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::span::Attr;
    use crate::wire::value::Value;
    use serde_json::json;

    fn policies(plans: serde_json::Value) -> (Policies, crate::keys::KeyTable) {
        let plans: Vec<PolicyPlan> = serde_json::from_value(plans).unwrap();
        let mut keys = KeyTableBuilder::default();
        let policies = Policies::compile(&plans, &mut keys).unwrap();
        (policies, keys.build())
    }

    fn with_attributes(
        policies: &Policies,
        keys: &crate::keys::KeyTable,
        attributes: &[(&str, Value<'_>)],
    ) -> TraceSummary {
        let attrs: Vec<_> = attributes
            .iter()
            .map(|(key, value)| Attr { key: key.as_bytes(), value: *value, id: keys.lookup(key.as_bytes()) })
            .collect();
        let mut trace = TraceSummary::default();
        policies.conditions.observe(&attrs, None, &mut trace.bits);
        trace
    }

    fn verdict(policies: &Policies, trace: &TraceSummary) -> Verdict {
        policies.decide(trace, &mut Vec::new())
    }

    #[test]
    fn the_highest_vote_wins_and_is_credited() {
        let (policies, _) = policies(json!([
            {"name": "tenth", "type": "probabilistic", "sampling_percentage": 10.0},
            {"name": "errors", "type": "status_code", "status_codes": ["ERROR"]},
        ]));
        let mut trace = TraceSummary { statuses: 1 << STATUS_ERROR, ..TraceSummary::default() };
        let kept = verdict(&policies, &trace);
        assert!(kept.keep && kept.policy == Some(1) && kept.threshold == 0);
        trace.statuses = 1 << STATUS_OK;
        let lost = verdict(&policies, &trace);
        assert!(!lost.keep && lost.policy == Some(0));
        trace.randomness = 0xe666 << 40;
        assert!(verdict(&policies, &trace).keep, "randomness equal to the threshold is kept");
        trace.randomness -= 1;
        assert!(!verdict(&policies, &trace).keep);
    }

    #[test]
    fn no_vote_drops_and_no_policy_keeps() {
        let (policies, _) = policies(json!([{"name": "e", "type": "status_code", "status_codes": ["ERROR"]}]));
        let trace = TraceSummary { randomness: threshold::RANGE - 1, ..TraceSummary::default() };
        assert!(!verdict(&policies, &trace).keep);
        let none = Policies::compile(&[], &mut KeyTableBuilder::default()).unwrap();
        assert_eq!(verdict(&none, &trace), Verdict::KEEP_ALL);
    }

    #[test]
    fn a_matching_drop_wins_wherever_it_stands() {
        let (policies, keys) = policies(json!([
            {"name": "all", "type": "always_sample"},
            {"name": "health", "type": "drop", "children": [
                {"name": "path", "type": "string_attribute", "key": "url.path", "values": ["/healthz"]},
            ]},
        ]));
        let health = with_attributes(&policies, &keys, &[("url.path", Value::Str(b"/healthz"))]);
        let dropped = verdict(&policies, &health);
        assert!(!dropped.keep && dropped.dropped_by_policy && dropped.policy == Some(1));
        let other = with_attributes(&policies, &keys, &[("url.path", Value::Str(b"/ask"))]);
        assert!(verdict(&policies, &other).keep);
    }

    #[test]
    fn a_drop_by_chance_leaves_an_unbiased_rest() {
        let (policies, _) = policies(json!([
            {"name": "all", "type": "always_sample"},
            {"name": "most", "type": "drop", "children": [
                {"name": "p", "type": "probabilistic", "sampling_percentage": 75.0},
            ]},
        ]));
        let with = |randomness| verdict(&policies, &TraceSummary { randomness, ..TraceSummary::default() });
        assert!(with(3 << 54).keep && (with(3 << 54).probability() - 0.25).abs() < 1e-9);
        let lost = with((3 << 54) - 1);
        assert!(!lost.keep && lost.dropped_by_policy && lost.policy == Some(1));
    }

    #[test]
    fn latency_excludes_its_lower_and_includes_its_upper_bound() {
        let (policies, _) = policies(json!([
            {"name": "slow", "type": "latency", "threshold_ms": 5000.0},
            {"name": "middle", "type": "latency", "threshold_ms": 10.0, "upper_threshold_ms": 50.0},
        ]));
        let votes = |ms: u64| {
            let mut votes = Vec::new();
            policies.decide(&TraceSummary { start: 7, end: 7 + ms * 1_000_000, ..TraceSummary::default() }, &mut votes);
            (votes[0].is_some(), votes[1].is_some())
        };
        assert_eq!(votes(4500), (false, false));
        assert_eq!(votes(5000), (false, false));
        assert_eq!(votes(5001), (true, false));
        assert_eq!(votes(10), (false, false));
        assert_eq!(votes(50), (false, true));
        assert_eq!(votes(51), (false, false));
        let backwards = TraceSummary { start: 10, end: 5, ..TraceSummary::default() };
        assert!(!verdict(&policies, &backwards).keep);
    }

    #[test]
    fn attributes_match_by_type_value_pattern_and_inversion() {
        let (policies, keys) = policies(json!([
            {"name": "range", "type": "numeric_attribute", "key": "n", "min_value": 2.5, "max_value": 10.0},
            {"name": "text", "type": "string_attribute", "key": "s", "values": ["a", "b"]},
            {"name": "regex", "type": "string_attribute", "key": "r", "values": ["v[0-9]+.HealthCheck$"],
             "enabled_regex_matching": true},
            {"name": "flag", "type": "boolean_attribute", "key": "f", "value": false},
            {"name": "not a", "type": "string_attribute", "key": "s", "values": ["a"], "invert_match": true},
        ]));
        let votes = |attributes: &[(&str, Value<'_>)]| {
            let mut votes = Vec::new();
            policies.decide(&with_attributes(&policies, &keys, attributes), &mut votes);
            votes.iter().map(|vote| if vote.is_some() { '1' } else { '0' }).collect::<String>()
        };
        assert_eq!(votes(&[]), "00001");
        assert_eq!(votes(&[("n", Value::Double(2.5)), ("s", Value::Str(b"a"))]), "11000");
        assert_eq!(votes(&[("n", Value::Int(10)), ("s", Value::Str(b"c"))]), "10001");
        assert_eq!(votes(&[("n", Value::Int(11)), ("n", Value::Str(b"5"))]), "00001");
        assert_eq!(votes(&[("r", Value::Str(b"grpc.v1.HealthCheck"))]), "00101");
        assert_eq!(votes(&[("r", Value::Str(b"grpc.v1.HealthChecks"))]), "00001");
        assert_eq!(votes(&[("f", Value::Bool(false))]), "00011");
        assert_eq!(votes(&[("f", Value::Bool(true))]), "00001");
    }

    #[test]
    fn and_not_and_cost_combine() {
        let (policies, _) = policies(json!([
            {"name": "both", "type": "and", "children": [
                {"name": "a", "type": "status_code", "status_codes": ["OK"]},
                {"name": "b", "type": "probabilistic", "sampling_percentage": 50.0},
            ]},
            {"name": "neither", "type": "not", "children": [
                {"name": "c", "type": "cost", "trace_pico_usd": "100", "call_pico_usd": "60"},
            ]},
        ]));
        let votes = |statuses, trace, call| {
            let mut votes = Vec::new();
            let summary =
                TraceSummary { statuses, trace_cost_pico: trace, max_call_cost_pico: call, ..TraceSummary::default() };
            policies.decide(&summary, &mut votes);
            votes
        };
        assert_eq!(votes(1 << STATUS_OK, 0, 0), [Some(0.5), Some(1.0)]);
        assert_eq!(votes(0, 100, 50), [None, None]);
        assert_eq!(votes(0, 99, 60), [None, None]);
        assert_eq!(votes(0, 99, 59), [None, Some(1.0)]);
    }

    #[test]
    fn more_conditions_than_a_word_has_bits() {
        let plans: Vec<_> = (0..150)
            .map(|n| json!({"name": format!("p{n}"), "type": "string_attribute", "key": format!("k{n}"), "values": ["x"]}))
            .collect();
        let (policies, keys) = policies(json!(plans));
        let trace = with_attributes(&policies, &keys, &[("k149", Value::Str(b"x"))]);
        assert_eq!(verdict(&policies, &trace).policy, Some(149));
    }
}
