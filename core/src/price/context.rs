//! The circumstances of a call that a price may depend on, packed so that a row tests them in one comparison.

use super::plan::{DimensionPlan, WindowPlan};

/// Bit positions of the dimensions. The higher, the stronger: of two rows that both hold, the one that asks for the
/// higher dimension wins.
const SEARCH: u32 = 0;
const GEO: u32 = 8;
const TIER: u32 = 16;
const SPEED: u32 = 24;
const BATCH: u32 = 32;
const TENANT: u32 = 40;

/// What a row asks of the circumstances: `circumstances & mask == value`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    pub mask: u64,
    pub value: u64,
}

impl Condition {
    /// From numbers of values, 0 for any; Err when one is too large for its field.
    pub fn new(search: u16, geo: u16, tier: u16, speed: u16, batch: u16, tenant: u16) -> Result<Condition, String> {
        let mut this = Condition::default();
        for (number, shift, width) in [
            (search, SEARCH, 8),
            (geo, GEO, 8),
            (tier, TIER, 8),
            (speed, SPEED, 8),
            (batch, BATCH, 8),
            (tenant, TENANT, 16),
        ] {
            let field = (1_u64 << width) - 1;
            if u64::from(number) > field {
                return Err(format!("more than {field} values of one price dimension"));
            }
            if number != 0 {
                this.mask |= field << shift;
                this.value |= u64::from(number) << shift;
            }
        }
        Ok(this)
    }

    #[inline]
    pub fn holds(self, circumstances: u64) -> bool {
        circumstances & self.mask == self.value
    }
}

/// Spellings of the values, from the plan.
#[derive(Debug, Default)]
pub struct Dimensions {
    plan: DimensionPlan,
}

impl Dimensions {
    pub fn compile(plan: &DimensionPlan) -> Dimensions {
        let copy = |pairs: &[(String, u16)]| pairs.to_vec();
        Dimensions {
            plan: DimensionPlan {
                service_tier: copy(&plan.service_tier),
                speed: copy(&plan.speed),
                inference_geo: copy(&plan.inference_geo),
                search_context: copy(&plan.search_context),
                tenant: copy(&plan.tenant),
                batch_tiers: plan.batch_tiers.clone(),
            },
        }
    }

    /// Pack a call's circumstances. What no row asks for is 0.
    #[inline]
    pub fn pack(&self, tier: &str, batch: bool, speed: &str, geo: &str, search: &str, tenant: &str) -> u64 {
        let plan = &self.plan;
        let mut bits = u64::from(batch) << BATCH;
        if !tier.is_empty() {
            bits |= number(&plan.service_tier, tier) << TIER;
            if plan.batch_tiers.iter().any(|name| name.eq_ignore_ascii_case(tier)) {
                bits |= 1 << BATCH;
            }
        }
        if !speed.is_empty() {
            bits |= number(&plan.speed, speed) << SPEED;
        }
        if !geo.is_empty() {
            bits |= number(&plan.inference_geo, geo) << GEO;
        }
        if !search.is_empty() {
            bits |= number(&plan.search_context, search) << SEARCH;
        }
        if !tenant.is_empty() {
            bits |= tenant_number(&plan.tenant, tenant) << TENANT;
        }
        bits
    }
}

/// The lists hold a handful of words, so that comparing beats hashing.
fn number(values: &[(String, u16)], said: &str) -> u64 {
    values.iter().find(|(name, _)| name.eq_ignore_ascii_case(said)).map_or(0, |(_, number)| u64::from(*number))
}

/// Tenants may be thousands; the plan sorts them. They are identifiers, so their case counts.
fn tenant_number(values: &[(String, u16)], said: &str) -> u64 {
    values.binary_search_by(|(name, _)| name.as_str().cmp(said)).map_or(0, |at| u64::from(values[at].1))
}

const DAY: u64 = 86_400;

/// Recurring hours of the week, with days on which they do not hold. All in UTC.
#[derive(Debug)]
pub struct Window {
    days: u8,
    spans: Vec<(u32, u32)>,
    holidays: Vec<u32>,
}

impl Window {
    pub fn compile(plan: &WindowPlan) -> Window {
        let mut holidays = plan.holidays.clone();
        holidays.sort_unstable();
        Window { days: plan.days, spans: plan.spans.clone(), holidays }
    }

    pub fn holds(&self, unix_seconds: u64) -> bool {
        let (day, second) = (unix_seconds / DAY, (unix_seconds % DAY) as u32);
        // 1970-01-01 was a Thursday.
        let weekday = (day + 3) % 7;
        self.days >> weekday & 1 == 1
            && self.spans.iter().any(|(start, end)| (*start..*end).contains(&second))
            && u32::try_from(day).is_ok_and(|day| self.holidays.binary_search(&day).is_err())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_asks_only_for_what_it_names() {
        let row = Condition::new(0, 0, 2, 0, 0, 0).unwrap();
        let any = Condition::default();
        let dimensions = Dimensions::compile(&DimensionPlan {
            service_tier: vec![("flex".into(), 1), ("priority".into(), 2)],
            batch_tiers: vec!["batch".into()],
            tenant: vec![("Acme".into(), 1)],
            ..DimensionPlan::default()
        });
        let priority = dimensions.pack("PRIORITY", true, "", "", "", "nobody");
        assert!(row.holds(priority) && any.holds(priority));
        assert!(!row.holds(dimensions.pack("flex", false, "", "", "", "")));
        assert!(!row.holds(dimensions.pack("unheard-of", false, "", "", "", "")));
        let batch = Condition::new(0, 0, 0, 0, 1, 0).unwrap();
        assert!(batch.holds(dimensions.pack("batch", false, "", "", "", "")));
        let acme = Condition::new(0, 0, 0, 0, 0, 1).unwrap();
        assert!(acme.holds(dimensions.pack("", false, "", "", "", "Acme")));
        assert!(!acme.holds(dimensions.pack("", false, "", "", "", "acme")));
    }

    #[test]
    fn too_many_values_are_refused() {
        assert!(Condition::new(256, 0, 0, 0, 0, 0).is_err());
    }

    #[test]
    fn windows_know_weekdays_hours_and_holidays() {
        let window =
            Window::compile(&WindowPlan { days: 0b11111, spans: vec![(3600, 4 * 3600)], holidays: vec![20_728] });
        let monday = 20_777 * DAY; // 2026-11-20 is a Friday, day 20777
        assert!(window.holds(monday + 3600));
        assert!(!window.holds(monday + 4 * 3600));
        assert!(!window.holds(monday + DAY + 3600), "Saturday");
        assert!(!window.holds(20_728 * DAY + 3600), "2026-10-02 is a holiday");
    }
}
