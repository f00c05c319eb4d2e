//! What each of a bounded number of tenants has spent in the current calendar period.

use super::own_plan::Period;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

/// Bytes of a tenant's name; a longer one counts among the others.
const NAME_BYTES: usize = 200;

const HOUR: u64 = 3_600_000_000_000;

/// Spend since the period began, pico-dollars.
pub struct Spend {
    period: Period,
    limit: usize,
    /// Number of the current period.
    current: u64,
    tenants: HashMap<String, i128>,
    /// Of tenants that found no place.
    pub others: i128,
    /// Calls of such tenants, since the start.
    pub crowded_out: u64,
}

impl Spend {
    /// `limit`: tenants that are told apart.
    pub fn new(period: Period, limit: usize) -> Self {
        Self { period, limit, current: 0, tenants: HashMap::new(), others: 0, crowded_out: 0 }
    }

    pub fn add(&mut self, tenant: &str, pico: i128, now: u64) {
        self.begin(now);
        if let Some(spent) = self.tenants.get_mut(tenant) {
            *spent = spent.saturating_add(pico);
        } else if self.tenants.len() < self.limit && tenant.len() <= NAME_BYTES {
            self.tenants.insert(tenant.to_owned(), pico);
        } else {
            self.others = self.others.saturating_add(pico);
            self.crowded_out += 1;
        }
    }

    /// What a tenant has spent; `None` for one that has no place.
    pub fn of(&mut self, tenant: &str, now: u64) -> Option<i128> {
        self.begin(now);
        self.tenants.get(tenant).copied()
    }

    pub fn all(&self) -> impl Iterator<Item = (&str, i128)> {
        self.tenants.iter().map(|(tenant, spent)| (tenant.as_str(), *spent))
    }

    fn begin(&mut self, now: u64) {
        let period = number(self.period, now);
        if period > self.current {
            self.current = period;
            self.tenants.clear();
            self.others = 0;
        }
    }

    pub fn save(&self) -> Vec<u8> {
        let mut tenants: Vec<_> = self.all().map(|(name, pico)| (name.to_owned(), pico.to_string())).collect();
        tenants.sort();
        let saved = Saved { current: self.current, tenants, others: self.others.to_string() };
        serde_json::to_vec(&saved).unwrap_or_default()
    }

    pub fn load(&mut self, saved: &[u8]) -> Result<(), String> {
        let saved: Saved = serde_json::from_slice(saved).map_err(|error| error.to_string())?;
        let amount = |digits: &str| digits.parse::<i128>().map_err(|_| format!("{digits:?} is no amount"));
        let tenants = saved.tenants.into_iter().take(self.limit);
        self.tenants = tenants.map(|(name, pico)| Ok((name, amount(&pico)?))).collect::<Result<_, String>>()?;
        self.others = amount(&saved.others)?;
        self.current = saved.current;
        Ok(())
    }
}

/// Amounts are decimal digits.
#[derive(Serialize, Deserialize)]
struct Saved {
    current: u64,
    tenants: Vec<(String, String)>,
    others: String,
}

/// Which period an instant lies in, UTC.
fn number(period: Period, now: u64) -> u64 {
    match period {
        Period::Hour => now / HOUR,
        Period::Day => now / (24 * HOUR),
        Period::Month => month(now / (24 * HOUR)),
    }
}

/// Months since the year 0 of a day counted from 1970-01-01, in the Gregorian calendar.
fn month(days: u64) -> u64 {
    // Years that begin in March put the leap day last; 719_468 days lie between 0000-03-01 and 1970-01-01.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    (era * 400 + year_of_era) * 12 + from_march
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * HOUR;

    #[test]
    fn months_begin_where_the_calendar_says() {
        // 2024-02-29, 2024-03-01, 2024-12-31, 2025-01-01, 2100-02-28, 2100-03-01
        for (before, after) in [(19_782, 19_783), (20_088, 20_089), (47_540, 47_541)] {
            assert_eq!(month(before) + 1, month(after), "{before}");
        }
        assert_eq!(month(19_783), month(19_783 + 30));
        assert_eq!(month(20_089) - month(19_723), 12, "2024-01-01 to 2025-01-01");
    }

    #[test]
    fn each_period_begins_at_nothing() {
        let mut spend = Spend::new(Period::Day, 10);
        spend.add("a", 5, 3 * DAY);
        spend.add("a", 7, 4 * DAY - 1);
        assert_eq!((spend.of("a", 4 * DAY - 1), spend.of("b", 4 * DAY - 1)), (Some(12), None));
        assert_eq!(spend.of("a", 4 * DAY), None);
        spend.add("a", 1, 4 * DAY - 1);
        assert_eq!(spend.of("a", 4 * DAY), Some(1), "a clock that goes back opens no old period");
    }

    #[test]
    fn tenants_are_bounded_and_saved() {
        let mut spend = Spend::new(Period::Hour, 2);
        for tenant in ["a", "b", "c", &"d".repeat(1000)] {
            spend.add(tenant, 1 << 100, HOUR);
        }
        assert_eq!((spend.others, spend.crowded_out), (2 << 100, 2));
        let mut other = Spend::new(Period::Hour, 2);
        other.load(&spend.save()).unwrap();
        assert_eq!((other.of("b", HOUR), other.of("c", HOUR), other.others), (Some(1 << 100), None, 2 << 100));
        assert!(other.load(b"{}").is_err());
    }
}
