//! Policies: what each votes for a trace, and the verdict that the votes make (design §7).

use super::conditions::{Bits, Conditions, Test, pattern};
use super::plan::{KindPlan, PolicyPlan};
use super::threshold;
use crate::keys::KeyTableBuilder;
use crate::wire::span::{STATUS_ERROR, STATUS_OK, STATUS_UNSET};

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
    pub const KEEP_ALL: Verdict = Verdict {
        keep: true,
        policy: None,
        dropped_by_policy: false,
        threshold: 0,
    };

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
    Latency {
        above_ns: f64,
        up_to_ns: f64,
    },
    Probability(f64),
    Attribute {
        bit: u16,
        invert: bool,
    },
    And(Vec<Kind>),
    Not(Box<Kind>),
    Drop(Vec<Kind>),
    Cost {
        trace_pico: Option<i128>,
        call_pico: Option<i128>,
    },
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
            let kind = compile(plan, keys, &mut conditions)
                .map_err(|fault| format!("policy {}: {fault}", plan.name))?;
            policies.push(Policy {
                name: plan.name.clone(),
                kind,
            });
        }
        Ok(Self {
            policies,
            conditions,
        })
    }

    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.policies.iter().map(|policy| policy.name.as_str())
    }

    pub fn name(&self, index: u16) -> &str {
        &self.policies[usize::from(index)].name
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
        let dropped =
            !keep && dropper.is_some() && trace.randomness >= threshold::from_probability(best);
        let dropped = dropped || ceiling <= 0.0;
        let policy = if dropped { dropper } else { credited };
        Verdict {
            keep,
            policy,
            dropped_by_policy: dropped,
            threshold,
        }
    }
}

impl Kind {
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
                return parts
                    .iter()
                    .try_fold(1.0f64, |least, part| part.vote(trace).map(|p| least.min(p)));
            }
            Kind::Not(part) => {
                return Some(1.0 - part.vote(trace).unwrap_or(0.0)).filter(|p| *p > 0.0);
            }
            Kind::Cost {
                trace_pico,
                call_pico,
            } => {
                trace_pico.is_some_and(|limit| trace.trace_cost_pico >= limit)
                    || call_pico.is_some_and(|limit| trace.max_call_cost_pico >= limit)
            }
        };
        matches.then_some(1.0)
    }
}

fn compile(
    plan: &PolicyPlan,
    keys: &mut KeyTableBuilder,
    conditions: &mut Conditions,
) -> Result<Kind, String> {
    let mut children = |plans: &[PolicyPlan]| -> Result<Vec<Kind>, String> {
        if plans.is_empty() {
            return Err("has no sub-policy".to_owned());
        }
        plans
            .iter()
            .map(|child| compile(child, keys, conditions))
            .collect()
    };
    Ok(match &plan.kind {
        KindPlan::AlwaysSample => Kind::Always,
        KindPlan::StatusCode { status_codes } => Kind::Status(statuses(status_codes)?),
        KindPlan::Latency {
            threshold_ms,
            upper_threshold_ms,
        } => Kind::Latency {
            above_ns: threshold_ms * 1e6,
            up_to_ns: upper_threshold_ms.map_or(f64::INFINITY, |ms| ms * 1e6),
        },
        KindPlan::Probabilistic {
            sampling_percentage,
        } => Kind::Probability((sampling_percentage / 100.0).clamp(0.0, 1.0)),
        KindPlan::NumericAttribute {
            key,
            min_value,
            max_value,
            invert_match,
        } => {
            let (min, max) = (
                min_value.unwrap_or(f64::NEG_INFINITY),
                max_value.unwrap_or(f64::INFINITY),
            );
            Kind::Attribute {
                bit: conditions.add(keys, key, Test::Between(min, max)),
                invert: *invert_match,
            }
        }
        KindPlan::StringAttribute {
            key,
            values,
            enabled_regex_matching,
            invert_match,
        } => {
            let test = if *enabled_regex_matching {
                Test::Matches(
                    values
                        .iter()
                        .map(|value| pattern(value))
                        .collect::<Result<_, _>>()?,
                )
            } else {
                Test::Equals(values.iter().map(|value| value.as_bytes().into()).collect())
            };
            Kind::Attribute {
                bit: conditions.add(keys, key, test),
                invert: *invert_match,
            }
        }
        KindPlan::BooleanAttribute {
            key,
            value,
            invert_match,
        } => Kind::Attribute {
            bit: conditions.add(keys, key, Test::Is(*value)),
            invert: *invert_match,
        },
        KindPlan::And { children: plans } => Kind::And(children(plans)?),
        KindPlan::Drop { children: plans } => Kind::Drop(children(plans)?),
        KindPlan::Not { children: plans } => match <[Kind; 1]>::try_from(children(plans)?) {
            Ok([part]) => Kind::Not(Box::new(part)),
            Err(_) => return Err("not takes exactly one sub-policy".to_owned()),
        },
        KindPlan::Cost {
            trace_pico_usd,
            call_pico_usd,
        } => Kind::Cost {
            trace_pico: pico(trace_pico_usd)?,
            call_pico: pico(call_pico_usd)?,
        },
    })
}

fn pico(text: &Option<String>) -> Result<Option<i128>, String> {
    text.as_ref()
        .map(|digits| {
            digits
                .parse()
                .map_err(|_| format!("{digits:?} is not an integer"))
        })
        .transpose()
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
