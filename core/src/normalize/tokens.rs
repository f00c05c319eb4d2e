//! Usage in its normal form: input contains cached tokens, output contains reasoning tokens, total is their sum.
//!
//! Evidence in this order: what the span says itself, proof that input excludes, proof that it includes (only where the
//! provider returns the total), the source's rule, the dialect's rule, the provider's own API.

use super::conclusion;
use super::plan::{CachedRule, Inclusion, NormalizePlan, Reasoning, ReasoningRule};
use super::provider::Providers;
use super::read::Anomalies;
use crate::concept::Concept;
use crate::facts::{Facts, Val};
use std::collections::BTreeMap;

/// One dialect's habits, providers by index.
#[derive(Debug, Default)]
pub struct Habits {
    cached: ByProvider<Inclusion>,
    scopes: BTreeMap<String, Inclusion>,
    versions: Vec<(Version, ByProvider<Inclusion>)>,
    reasoning: ByProvider<Reasoning>,
    provider_total: Option<bool>,
}

#[derive(Debug)]
struct ByProvider<T> {
    default: Option<T>,
    providers: Vec<(u16, T)>,
}

impl<T> Default for ByProvider<T> {
    fn default() -> Self {
        Self { default: None, providers: Vec::new() }
    }
}

impl<T: Copy> ByProvider<T> {
    fn get(&self, provider: Option<u16>) -> Option<T> {
        self.providers.iter().find(|(index, _)| Some(*index) == provider).map(|(_, value)| *value).or(self.default)
    }
}

/// Numeric parts of a version; what is missing is 0.
pub type Version = [u32; 4];

/// `1.62.0b1` → 1, 62, 0, 0; none without a leading digit.
pub fn version(text: &str) -> Option<Version> {
    let text = text.strip_prefix('v').unwrap_or(text);
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut parts = [0; 4];
    for (slot, part) in parts.iter_mut().zip(text.split('.')) {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        *slot = part[..digits].parse().unwrap_or(0);
    }
    Some(parts)
}

pub fn habits(plan: &NormalizePlan, providers: &Providers) -> Result<Vec<Habits>, String> {
    plan.dialects
        .iter()
        .map(|dialect| {
            let fault = |what: String| format!("dialect {}: {what}", dialect.name);
            let CachedRule { default, providers: by, scopes, versions } = &dialect.cached;
            let ReasoningRule { default: reasoning, providers: reasoning_by } = &dialect.reasoning;
            Ok(Habits {
                cached: ByProvider { default: *default, providers: resolve(by, providers).map_err(fault)? },
                scopes: scopes.clone(),
                versions: versions
                    .iter()
                    .map(|rule| {
                        let below =
                            version(&rule.below).ok_or_else(|| fault(format!("{:?} is no version", rule.below)))?;
                        Ok((
                            below,
                            ByProvider {
                                default: rule.default,
                                providers: resolve(&rule.providers, providers).map_err(fault)?,
                            },
                        ))
                    })
                    .collect::<Result<_, String>>()?,
                reasoning: ByProvider {
                    default: *reasoning,
                    providers: resolve(reasoning_by, providers).map_err(fault)?,
                },
                provider_total: dialect.provider_total,
            })
        })
        .collect()
}

fn resolve<T: Copy>(by: &BTreeMap<String, T>, providers: &Providers) -> Result<Vec<(u16, T)>, String> {
    by.iter().map(|(name, value)| Ok((providers.index(name)?, *value))).collect()
}

/// What is known about the usage besides the numbers.
pub struct Evidence<'n> {
    pub habits: Option<&'n Habits>,
    pub provider: Option<u16>,
    pub version: Option<Version>,
    /// The scope's name.
    pub scope: &'n str,
    /// Of the source that the input tokens came from.
    pub cached: Option<Inclusion>,
    /// Of the source that the output tokens came from.
    pub reasoning: Option<Reasoning>,
    /// Reasoning tokens or the output were read from a provider's response.
    pub from_response: bool,
    /// The source is a provider's response that has its own total.
    pub provider_total: Option<bool>,
}

/// Brings the usage of a span to normal form. Returns at once when there is none. Without evidence it has that form
/// already: another enricher gave it.
pub fn conclude(
    facts: &mut Facts<'_>,
    evidence: Option<&Evidence<'_>>,
    providers: &Providers,
    anomalies: &mut Anomalies,
) {
    use Concept as C;
    let told_total = facts.int(C::TotalTokens);
    if told_total.is_none() && !facts.has(C::InputTokens) && !facts.has(C::OutputTokens) {
        return;
    }
    if evidence.is_some() {
        fill(facts, told_total);
    }
    let split = [C::CacheWrite5mTokens, C::CacheWrite1hTokens, C::CacheWrite12hTokens]
        .iter()
        .map(|concept| facts.int(*concept).unwrap_or(0))
        .sum();
    if split > 0 && facts.int(C::CacheWriteTokens).unwrap_or(0) < split {
        facts.set(C::CacheWriteTokens, Val::Int(split), conclusion::PARTS);
        facts.inferred.insert(C::CacheWriteTokens);
    }
    let input = facts.int(C::InputTokens);
    let output = facts.int(C::OutputTokens);
    if input.unwrap_or(0) == 0 && output.unwrap_or(0) == 0 {
        // A call that was answered has read something: zeros are what an emitter writes when it knows nothing.
        let total = told_total.filter(|total| *total > 0);
        anomalies.zero_usage += u64::from(total.is_none() || input.is_some() || output.is_some());
        facts.unset(C::InputTokens);
        facts.unset(C::OutputTokens);
        if total.is_none() {
            facts.unset(C::TotalTokens);
        }
        return;
    }
    let cached = facts.int(C::CacheReadTokens).unwrap_or(0) + facts.int(C::CacheWriteTokens).unwrap_or(0);
    let reasoning = facts.int(C::ReasoningTokens).unwrap_or(0);
    let (mut input, mut output) = (input, output);
    if let (Some(raw), Some(evidence)) = (input, evidence)
        && cached > 0
        && excludes_cached(facts, evidence, providers, raw, output, reasoning, cached, told_total)
    {
        input = Some(raw + cached);
        adjust(facts, C::InputTokens, raw + cached, conclusion::CACHE_ADDED);
    }
    if let (Some(raw), Some(evidence)) = (output, evidence) {
        let whole = whole_output(evidence, providers, input.unwrap_or(0), raw, reasoning, told_total);
        if whole != raw {
            output = Some(whole);
            adjust(facts, C::OutputTokens, whole, conclusion::REASONING_ADDED);
            if reasoning == 0 {
                facts.set(C::ReasoningTokens, Val::Int(whole - raw), conclusion::TOTAL);
                facts.inferred.insert(C::ReasoningTokens);
            }
        }
    }
    if let (Some(input), Some(output)) = (input, output)
        && told_total.is_none_or(|total| total < input + output)
    {
        facts.set(C::TotalTokens, Val::Int(input + output), conclusion::PARTS);
        facts.inferred.insert(C::TotalTokens);
    }
}

/// Total minus the other part, where one is missing.
fn fill(facts: &mut Facts<'_>, total: Option<i64>) {
    let (missing, other) = match (facts.int(Concept::InputTokens), facts.int(Concept::OutputTokens)) {
        (None, Some(output)) => (Concept::InputTokens, output),
        (Some(input), None) => (Concept::OutputTokens, input),
        _ => return,
    };
    // An equal total (embeddings) leaves nothing to write down.
    if let Some(total) = total
        && total > other
    {
        adjust(facts, missing, total - other, conclusion::TOTAL);
    }
}

fn adjust(facts: &mut Facts<'_>, concept: Concept, value: i64, why: u16) {
    facts.set(concept, Val::Int(value), why);
    facts.inferred.insert(concept);
}

#[allow(clippy::too_many_arguments)]
fn excludes_cached(
    facts: &Facts<'_>,
    evidence: &Evidence<'_>,
    providers: &Providers,
    input: i64,
    output: Option<i64>,
    reasoning: i64,
    cached: i64,
    total: Option<i64>,
) -> bool {
    match facts.text(Concept::TokenSemantics) {
        Some("inclusive") => return false,
        Some("exclusive") => return true,
        _ => {}
    }
    if cached > input {
        return true;
    }
    if let (Some(total), Some(output)) = (total, output) {
        let plain = input + output;
        if plain != total && plain + reasoning != total {
            let with_cache = plain + cached;
            if with_cache == total || with_cache + reasoning == total {
                return true;
            }
        }
        if plain == total && total_is_providers(evidence, providers) {
            return false;
        }
    }
    let rule = evidence.cached.or_else(|| {
        let habits = evidence.habits?;
        habits
            .versions
            .iter()
            .find(|(below, _)| evidence.version.is_some_and(|version| version < *below))
            .and_then(|(_, rule)| rule.get(evidence.provider))
            .or_else(|| habits.scopes.get(evidence.scope).copied())
            .or_else(|| habits.cached.get(evidence.provider))
    });
    let rule = rule.or_else(|| evidence.provider.map(|index| providers.list[usize::from(index)].cached));
    rule == Some(Inclusion::Exclusive)
}

fn total_is_providers(evidence: &Evidence<'_>, providers: &Providers) -> bool {
    let returns = || evidence.provider.is_some_and(|index| providers.list[usize::from(index)].returns_total);
    match evidence.provider_total {
        Some(stated) => stated,
        None => match evidence.habits.and_then(|habits| habits.provider_total) {
            Some(stated) => stated && returns(),
            None => returns(),
        },
    }
}

/// Output with the reasoning tokens that were left out of it.
fn whole_output(
    evidence: &Evidence<'_>,
    providers: &Providers,
    input: i64,
    output: i64,
    reasoning: i64,
    total: Option<i64>,
) -> i64 {
    let rule = evidence.reasoning.or_else(|| evidence.habits?.reasoning.get(evidence.provider));
    if reasoning > 0 {
        let api = evidence.provider.map(|index| providers.list[usize::from(index)].reasoning);
        // In the form of OpenAI's responses, other providers count as they always do.
        let raw = evidence.from_response && rule == Some(Reasoning::Inside) && api == Some(Reasoning::Apart);
        let rule = if raw { api } else { rule.or(api) };
        if rule == Some(Reasoning::Apart) {
            return output + reasoning;
        }
        let fits = |sum: i64| total == Some(sum);
        if reasoning > output || (fits(input + output + reasoning) && !fits(input + output)) {
            return output + reasoning;
        }
        if fits(input + output) {
            return output;
        }
        return match rule {
            Some(Reasoning::Outside) => output + reasoning,
            _ => output,
        };
    }
    match (rule, total) {
        (Some(Reasoning::Missing), Some(total)) if total > input + output => total - input,
        _ => output,
    }
}
