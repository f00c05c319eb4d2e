//! Factors on list prices: regional uplifts, rules of thumb where a list has no rate, users' discounts.

use super::context::{Aspects, Condition};
use super::glob;
use super::money::Ratio;
use super::plan::{ModifierPlan, PricePlan};
use super::rates::{Moment, Row, unit_names};
use crate::usage::Unit;

pub struct Modifier {
    pub label: Box<str>,
    factor: Ratio,
    /// Pico-dollars off for one of a unit, not of its stored parts.
    off: Ratio,
    units: u64,
    provider: Option<u16>,
    from: u64,
    until: u64,
    hosts: Vec<Box<str>>,
    except_hosts: Vec<Box<str>>,
    condition: Condition,
    fallback: bool,
}

/// Which modifiers concern which model.
pub struct Modifiers {
    all: Vec<Modifier>,
    by_model: Vec<Vec<u16>>,
}

/// The modifiers that hold for one call, as a set over its model's list.
pub struct Active<'a> {
    modifiers: &'a [Modifier],
    list: &'a [u16],
    set: u64,
}

impl Modifiers {
    pub fn compile(plan: &PricePlan) -> Result<Modifiers, String> {
        let mut by_model = vec![Vec::new(); plan.models.id.len()];
        let mut all = Vec::with_capacity(plan.modifiers.len());
        for (index, source) in plan.modifiers.iter().enumerate() {
            let index = u16::try_from(index).map_err(|_| "more than 65535 price modifiers")?;
            for model in &source.models {
                by_model
                    .get_mut(*model as usize)
                    .ok_or_else(|| format!("price modifier {index} names no model"))?
                    .push(index);
            }
            all.push(Modifier::compile(source, index)?);
        }
        if by_model.iter().any(|list| list.len() > 64) {
            return Err("more than 64 price modifiers (uplifts and discounts) on one model".to_owned());
        }
        Ok(Modifiers { all, by_model })
    }

    #[inline]
    pub fn active(&self, model: u32, moment: &Moment, provider: Option<u16>, host: &str) -> Active<'_> {
        let list = &self.by_model[model as usize];
        let mut set = 0;
        for (at, index) in list.iter().enumerate() {
            if self.all[usize::from(*index)].holds(moment, provider, host) {
                set |= 1 << at;
            }
        }
        Active { modifiers: &self.all, list, set }
    }
}

impl Modifier {
    fn compile(source: &ModifierPlan, index: u16) -> Result<Modifier, String> {
        let units = unit_names(&source.units)?;
        let texts = |globs: &[String]| globs.iter().map(|g| g.as_str().into()).collect();
        Ok(Modifier {
            label: source.label.as_str().into(),
            factor: Ratio::new(source.num, source.den)
                .ok_or_else(|| format!("price modifier {index} has the denominator 0"))?,
            off: Ratio::new(source.off, source.off_per.max(1)).unwrap_or(Ratio::NOTHING),
            units: if units.is_empty() { u64::MAX } else { units.iter().fold(0, |set, unit| set | unit.bit()) },
            provider: source.provider,
            from: source.from,
            until: if source.until == 0 { u64::MAX } else { source.until },
            hosts: texts(&source.hosts),
            except_hosts: texts(&source.except_hosts),
            condition: Condition::new(
                source.search_context,
                source.inference_geo,
                source.service_tier,
                source.speed,
                source.batch,
                source.tenant,
            )?,
            fallback: source.fallback,
        })
    }

    fn holds(&self, moment: &Moment, provider: Option<u16>, host: &str) -> bool {
        let on_host = |globs: &[Box<str>]| globs.iter().any(|g| glob::matches(g.as_bytes(), host.as_bytes()));
        self.condition.holds(moment.circumstances)
            && (self.provider.is_none() || self.provider == provider)
            && (self.from..self.until).contains(&moment.unix_seconds)
            && (self.hosts.is_empty() || on_host(&self.hosts))
            && !on_host(&self.except_hosts)
    }
}

impl Active<'_> {
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.set == 0
    }

    /// Those that change a line of `unit` priced by `row`.
    fn on<'s>(&'s self, unit: Unit, row: &'s Row) -> impl Iterator<Item = &'s Modifier> + 's {
        let mut set = self.set;
        std::iter::from_fn(move || {
            while set != 0 {
                let at = set.trailing_zeros() as usize;
                set &= set - 1;
                let modifier = &self.modifiers[usize::from(self.list[at])];
                let answered = modifier.fallback && row.condition.mask & modifier.condition.mask != 0;
                if modifier.units & unit.bit() != 0 && !answered {
                    return Some(modifier);
                }
            }
            None
        })
    }

    /// What they make of the row's price: amounts off first, never below nothing, then the product of the factors,
    /// which comes back as well. None when it does not fit.
    pub fn apply(&self, unit: Unit, row: &Row) -> Option<(Ratio, Ratio)> {
        let (mut price, mut factor) = (row.price, Ratio::ONE);
        for modifier in self.on(unit, row) {
            factor = factor.times(modifier.factor)?;
            if modifier.off.num != 0 {
                price = price.less(modifier.off.times(Ratio { num: 1, den: unit.scale() })?)?;
            }
        }
        Some((price.times(factor)?, factor))
    }

    /// What of the circumstances they answer.
    pub fn answers(&self, unit: Unit, row: &Row) -> Aspects {
        self.on(unit, row).fold(Aspects::NONE, |all, modifier| all.with(modifier.condition.aspects()))
    }

    /// Their labels, for `explain`.
    pub fn labels(&self, unit: Unit, row: &Row) -> Vec<Box<str>> {
        self.on(unit, row).map(|modifier| modifier.label.clone()).collect()
    }
}
