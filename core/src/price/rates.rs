//! The rows of the book, arranged so that the row in force for one unit of one model is found by a short scan.

use super::context::{Aspects, Condition, Window};
use super::money::Ratio;
use super::plan::{PricePlan, RowColumns};
use crate::usage::Unit;

/// No row.
pub const NO_ROW: u32 = u32::MAX;

#[derive(Debug)]
pub struct Row {
    pub condition: Condition,
    from: u64,
    until: u64,
    min_input: u64,
    /// Pico-dollars for one stored unit (a token, or a millionth of another unit).
    pub price: Ratio,
    /// As the book states it, for `explain`: pico-dollars, and for how many units.
    pub list_price: u64,
    pub list_per: u64,
    /// Stored units.
    pub minimum: u64,
    /// Stored units.
    pub maximum: u64,
    window: u16,
    /// Nobody states that it holds for what its condition asks for.
    assumed: bool,
    /// Its place in the plan, which is also that of its label.
    pub id: u32,
}

/// What of a call decides which row is in force.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub unix_seconds: u64,
    pub circumstances: u64,
    /// What of the circumstances is not the standard.
    pub said: Aspects,
    pub input_tokens: u64,
}

/// Rows of one unit of one model: those that ask for circumstances, then the plain ones.
#[derive(Clone, Copy)]
struct Slot {
    first: u32,
    plain: u32,
    end: u32,
}

#[derive(Clone, Copy, Default)]
struct Model {
    units: u64,
    first_slot: u32,
    search_tokens: u32,
}

pub struct Rates {
    rows: Vec<Row>,
    /// One unit of one model, side by side by model, in the order of units.
    slots: Vec<Slot>,
    models: Vec<Model>,
    windows: Vec<Window>,
}

impl Rates {
    pub fn compile(plan: &PricePlan) -> Result<Rates, String> {
        let columns = &plan.rows;
        let units = unit_names(&columns.units)?;
        let mut keyed = Vec::with_capacity(columns.model.len());
        for index in 0..columns.model.len() {
            let unit = *units.get(usize::from(cell(&columns.unit, index)?)).ok_or("a price row names no unit")?;
            let model = columns.model[index];
            if model as usize >= plan.models.id.len() {
                return Err(format!("price row {index} names no model"));
            }
            let row = Rates::row(columns, index, unit)?;
            if usize::from(row.window) > plan.windows.len() {
                return Err(format!("price row {index} names no window"));
            }
            keyed.push((model, unit, row));
        }
        // Best first within a unit: the stronger condition, then a window, then the higher threshold, then the later
        // start; the first row that holds is the one in force.
        keyed.sort_by(|(model_a, unit_a, a), (model_b, unit_b, b)| {
            (model_a, unit_a)
                .cmp(&(model_b, unit_b))
                .then(b.condition.mask.cmp(&a.condition.mask))
                .then((b.window != 0).cmp(&(a.window != 0)))
                .then(b.min_input.cmp(&a.min_input))
                .then(b.from.cmp(&a.from))
                .then(a.id.cmp(&b.id))
        });
        let mut this = Rates {
            rows: Vec::with_capacity(keyed.len()),
            slots: Vec::new(),
            models: vec![Model::default(); plan.models.id.len()],
            windows: plan.windows.iter().map(Window::compile).collect(),
        };
        for (model, tokens) in &plan.models.search_tokens {
            this.models.get_mut(*model as usize).ok_or("tokens of searches name no model")?.search_tokens = *tokens;
        }
        for (model, unit, row) in keyed {
            let entry = &mut this.models[model as usize];
            if entry.units == 0 {
                entry.first_slot = this.slots.len() as u32;
            }
            if entry.units & unit.bit() == 0 {
                entry.units |= unit.bit();
                let at = this.rows.len() as u32;
                this.slots.push(Slot { first: at, plain: at, end: at });
            }
            let slot = this.slots.last_mut().expect("a slot was pushed");
            slot.end += 1;
            if row.condition.mask != 0 {
                slot.plain = slot.end;
            }
            this.rows.push(row);
        }
        Ok(this)
    }

    fn row(columns: &RowColumns, index: usize, unit: Unit) -> Result<Row, String> {
        let (price, per) = (cell(&columns.price, index)?, cell(&columns.per, index)?);
        let stored = per
            .checked_mul(unit.scale())
            .and_then(|den| Ratio::new(price, den))
            .ok_or_else(|| format!("price row {index} has the denominator {per}"))?;
        let until = cell(&columns.until, index)?;
        Ok(Row {
            condition: Condition::new(
                cell(&columns.search_context, index)?,
                cell(&columns.inference_geo, index)?,
                cell(&columns.service_tier, index)?,
                cell(&columns.speed, index)?,
                cell(&columns.batch, index)?,
                cell(&columns.tenant, index)?,
            )?,
            from: cell(&columns.from, index)?,
            until: if until == 0 { u64::MAX } else { until },
            min_input: cell(&columns.min_input, index)?,
            price: stored,
            list_price: price,
            list_per: per,
            minimum: cell(&columns.minimum, index)?,
            maximum: match cell(&columns.maximum, index)? {
                0 => u64::MAX,
                most => most,
            },
            window: cell(&columns.window, index)?,
            assumed: cell(&columns.assumed, index)? != 0,
            id: index as u32,
        })
    }

    /// Does the book price this unit of this model in any circumstances?
    #[inline]
    pub fn prices(&self, model: u32, unit: Unit) -> bool {
        self.models[model as usize].units & unit.bit() != 0
    }

    /// The units that the book prices in any circumstances, as a set of bits.
    #[inline]
    pub fn units(&self, model: u32) -> u64 {
        self.models[model as usize].units
    }

    /// Input tokens that one web search is billed as besides its fee.
    #[inline]
    pub fn search_tokens(&self, model: u32) -> u64 {
        u64::from(self.models[model as usize].search_tokens)
    }

    /// The row in force for one unit.
    #[inline]
    pub fn row_for(&self, model: u32, unit: Unit, moment: &Moment) -> Option<&Row> {
        let entry = self.models[model as usize];
        let bit = unit.bit();
        if entry.units & bit == 0 {
            return None;
        }
        let slot = entry.first_slot + (entry.units & (bit - 1)).count_ones();
        let slot = self.slots[slot as usize];
        // Most calls have no circumstances, and then no row that asks for some can hold.
        let first = if moment.circumstances == 0 { slot.plain } else { slot.first };
        self.rows[first as usize..slot.end as usize].iter().find(|row| {
            row.condition.holds(moment.circumstances)
                && row.from <= moment.unix_seconds
                && moment.unix_seconds < row.until
                && row.min_input <= moment.input_tokens
                && (row.window == 0 || self.windows[usize::from(row.window) - 1].holds(moment.unix_seconds))
        })
    }
}

impl Row {
    /// What of the circumstances the list answers with it.
    #[inline]
    pub fn answers(&self) -> Aspects {
        if self.assumed { Aspects::NONE } else { self.condition.aspects() }
    }
}

impl Rates {
    /// What a price by the row takes for granted: that its hours hold on a day beyond the calendar.
    #[inline]
    pub fn guesses(&self, row: &Row, moment: &Moment) -> Aspects {
        match row.window {
            0 => Aspects::NONE,
            window if self.windows[usize::from(window) - 1].guesses(moment.unix_seconds) => Aspects::HOLIDAYS,
            _ => Aspects::NONE,
        }
    }
}

/// Units by the names of the plan's own list, so that the two sides may grow apart in order but not in meaning.
pub fn unit_names(names: &[String]) -> Result<Vec<Unit>, String> {
    names.iter().map(|name| Unit::from_name(name).ok_or_else(|| format!("unknown price unit {name:?}"))).collect()
}

fn cell<T: Copy>(column: &[T], index: usize) -> Result<T, String> {
    column.get(index).copied().ok_or_else(|| "price columns of unequal length".to_owned())
}
