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

/// Circumstances that a price may depend on and that a list may say nothing of, as a set of bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aspects(u8);

impl Aspects {
    pub const NONE: Aspects = Aspects(0);
    pub const BATCH: Aspects = Aspects(1);
    pub const TIER: Aspects = Aspects(2);
    pub const SPEED: Aspects = Aspects(4);
    pub const GEO: Aspects = Aspects(8);
    /// The day is beyond the calendar of public holidays that the hours of the price make an exception for.
    pub const HOLIDAYS: Aspects = Aspects(16);

    const NAMES: [(Aspects, &str); 5] = [
        (Aspects::BATCH, "batch"),
        (Aspects::TIER, "service_tier"),
        (Aspects::SPEED, "speed"),
        (Aspects::GEO, "inference_geo"),
        (Aspects::HOLIDAYS, "holidays"),
    ];

    fn of(said: bool, aspect: Aspects) -> Aspects {
        if said { aspect } else { Aspects::NONE }
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub const fn with(self, other: Aspects) -> Aspects {
        Aspects(self.0 | other.0)
    }

    #[must_use]
    pub const fn without(self, other: Aspects) -> Aspects {
        Aspects(self.0 & !other.0)
    }

    /// As written on spans.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Aspects::NAMES.into_iter().filter(move |(aspect, _)| self.0 & aspect.0 != 0).map(|(_, name)| name)
    }
}

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

    /// What it asks for, of what a list may say nothing of.
    pub fn aspects(self) -> Aspects {
        [(BATCH, Aspects::BATCH), (TIER, Aspects::TIER), (SPEED, Aspects::SPEED), (GEO, Aspects::GEO)]
            .into_iter()
            .fold(Aspects::NONE, |all, (shift, aspect)| all.with(Aspects::of(self.mask >> shift & 0xff != 0, aspect)))
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
                standard: plan.standard.clone(),
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
            if self.is_batch(tier) {
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

    /// What the call says of itself that is not the standard, whether any row knows it or not.
    #[inline]
    pub fn said(&self, tier: &str, batch: bool, speed: &str, geo: &str) -> Aspects {
        let special = |word: &str| !word.is_empty() && !self.plan.standard.iter().any(|s| s.eq_ignore_ascii_case(word));
        let batched = !tier.is_empty() && self.is_batch(tier);
        Aspects::of(batch || batched, Aspects::BATCH)
            .with(Aspects::of(!batched && special(tier), Aspects::TIER))
            .with(Aspects::of(special(speed), Aspects::SPEED))
            .with(Aspects::of(special(geo), Aspects::GEO))
    }

    fn is_batch(&self, tier: &str) -> bool {
        self.plan.batch_tiers.iter().any(|name| name.eq_ignore_ascii_case(tier))
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
    /// The last day whose holidays are known.
    known_until: u32,
}

impl Window {
    pub fn compile(plan: &WindowPlan) -> Window {
        let mut holidays = plan.holidays.clone();
        holidays.sort_unstable();
        let known_until = if plan.known_until == 0 { u32::MAX } else { plan.known_until };
        Window { days: plan.days, spans: plan.spans.clone(), holidays, known_until }
    }

    /// Nobody has told whether the day is one on which it does not hold.
    pub fn guesses(&self, unix_seconds: u64) -> bool {
        unix_seconds / DAY > u64::from(self.known_until)
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
    fn what_is_not_the_standard_is_told_even_where_no_row_knows_it() {
        let dimensions = Dimensions::compile(&DimensionPlan {
            batch_tiers: vec!["batch".into()],
            standard: vec!["default".into(), "global".into()],
            ..DimensionPlan::default()
        });
        let names =
            |tier, batch, speed, geo| dimensions.said(tier, batch, speed, geo).names().collect::<Vec<_>>().join(" ");
        assert_eq!(names("", false, "", ""), "");
        assert_eq!(names("Default", false, "", "global"), "");
        assert_eq!(names("scale", true, "fast", "us"), "batch service_tier speed inference_geo");
        assert_eq!(names("BATCH", false, "", ""), "batch");
        assert_eq!(Condition::new(1, 2, 3, 4, 1, 6).unwrap().aspects().names().count(), 4);
    }

    #[test]
    fn too_many_values_are_refused() {
        assert!(Condition::new(256, 0, 0, 0, 0, 0).is_err());
    }

    #[test]
    fn windows_know_weekdays_hours_and_holidays() {
        let window = Window::compile(&WindowPlan {
            days: 0b11111,
            spans: vec![(3600, 4 * 3600)],
            holidays: vec![20_728],
            known_until: 20_777,
        });
        let monday = 20_777 * DAY; // 2026-11-20 is a Friday, day 20777
        assert!(window.holds(monday + 3600));
        assert!(!window.holds(monday + 4 * 3600));
        assert!(!window.holds(monday + DAY + 3600), "Saturday");
        assert!(!window.holds(20_728 * DAY + 3600), "2026-10-02 is a holiday");
        assert!(!window.guesses(monday + 3600) && window.guesses(monday + DAY));
        assert!(!Window::compile(&WindowPlan::default()).guesses(monday), "no calendar, nothing to know");
    }
}
