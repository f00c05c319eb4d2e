//! From usage to billed lines: which tokens are billed as what, at which row, for how much.

use super::context::Aspects;
use super::modifiers::Active;
use super::money::Ratio;
use super::rates::{Moment, NO_ROW, Rates, Row};
use super::{Parts, Reason};
use crate::usage::{Unit, Usage};

/// One billed quantity. Recorded only when somebody asks for an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What was counted.
    pub unit: Unit,
    /// Whose price was taken: another unit when the list has none for this one (cached tokens at the input price).
    pub billed_as: Unit,
    /// Stored units: whole tokens, or millionths of another unit.
    pub quantity: u64,
    /// The list price: pico-dollars for `per` units.
    pub price: u64,
    pub per: u64,
    /// Pico-dollars for one stored unit, after uplifts and discounts.
    pub charged: Ratio,
    /// Uplifts and discounts by percentage.
    pub factor: Ratio,
    pub modifiers: Vec<Box<str>>,
    /// Circumstances that the price says nothing of.
    pub assumed: Aspects,
    pub row: u32,
    pub pico: i128,
}

/// Where lines go: nowhere on the hot path, into a list for `explain`.
pub trait Sink {
    const WANTED: bool;
    fn line(&mut self, line: Line);
    /// A quantity that the list has no price for.
    fn unpriced(&mut self, unit: Unit, quantity: u64);
}

pub struct NoSink;

impl Sink for NoSink {
    const WANTED: bool = false;
    fn line(&mut self, _: Line) {}
    fn unpriced(&mut self, _: Unit, _: u64) {}
}

/// The models whose rows apply: the user's own before the book's.
#[derive(Clone, Copy, Debug)]
pub struct Models {
    pub own: Option<u32>,
    pub book: Option<u32>,
}

pub struct Biller<'a, S: Sink> {
    pub rates: &'a Rates,
    pub models: Models,
    pub moment: Moment,
    pub active: Option<Active<'a>>,
    pub sink: &'a mut S,
    pub parts: Parts,
    /// The first row that billed anything; names the price on the span.
    pub row: u32,
    /// Units that were counted and that no list prices, as a set of bits.
    pub without_price: u64,
    /// Circumstances of the call that the price of a line says nothing of.
    pub assumed: Aspects,
    /// See `PriceInput`.
    pub one_sided: bool,
    /// The user pays for the time that the call took, and for no tokens.
    by_time: bool,
    priced: bool,
    asked: bool,
}

/// What a call without its own price is billed as, in order of preference.
const fn stand_ins(unit: Unit) -> &'static [Unit] {
    use Unit::*;
    match unit {
        CacheRead => &[Input],
        AudioCacheRead | ImageCacheRead => &[CacheRead, Input],
        CacheWrite => &[CacheWrite5m, Input],
        CacheWrite5m | CacheWrite1h => &[CacheWrite, Input],
        CacheWrite12h => &[CacheWrite1h, CacheWrite, Input],
        AudioInput | ImageInput | VideoInput => &[Input],
        Reasoning | AudioOutput | ImageOutput | VideoOutput => &[Output],
        _ => &[],
    }
}

/// What the model takes in or puts out, whose price tiers and batches change.
fn is_processing(unit: Unit) -> bool {
    use Unit::*;
    unit.is_tokens() || matches!(unit, AudioSeconds | Images | Characters | Pages | AnnotatedPages)
}

/// The user's terms for the model price the time of this call and none of its tokens.
fn bills_time(rates: &Rates, own: u32, moment: &Moment) -> bool {
    let in_force = |unit: Unit| rates.row_for(own, unit, moment).is_some();
    in_force(Unit::Duration) && !Unit::ALL.into_iter().any(|unit| unit.is_tokens() && in_force(unit))
}

/// The total of input tokens: as reported, or the sum of the parts that were.
pub fn input_tokens(usage: &Usage) -> u64 {
    use Unit::*;
    let parts = || {
        let cached = usage.or_zero(CacheRead).saturating_add(cache_written(usage));
        [TextInput, AudioInput, ImageInput, VideoInput]
            .iter()
            .fold(cached, |sum, unit| sum.saturating_add(usage.or_zero(*unit)))
    };
    usage.get(Input).unwrap_or_else(parts) as u64
}

fn cache_written(usage: &Usage) -> i64 {
    use Unit::*;
    let by_lifetime = usage
        .or_zero(CacheWrite5m)
        .saturating_add(usage.or_zero(CacheWrite1h))
        .saturating_add(usage.or_zero(CacheWrite12h));
    usage.or_zero(CacheWrite).max(by_lifetime)
}

/// Take up to `wanted` from what is left.
fn take(left: &mut i64, wanted: i64) -> i64 {
    let taken = wanted.clamp(0, *left);
    *left -= taken;
    taken
}

impl<'a, S: Sink> Biller<'a, S> {
    pub fn new(
        rates: &'a Rates,
        models: Models,
        moment: Moment,
        active: Option<Active<'a>>,
        sink: &'a mut S,
    ) -> Biller<'a, S> {
        let by_time = models.own.is_some_and(|own| bills_time(rates, own, &moment));
        Biller {
            rates,
            // Who rents the machine owes nothing to whoever else serves the model.
            models: if by_time { Models { book: None, ..models } } else { models },
            moment,
            active,
            sink,
            parts: Parts::default(),
            row: NO_ROW,
            without_price: 0,
            assumed: Aspects::NONE,
            one_sided: false,
            by_time,
            priced: false,
            asked: false,
        }
    }

    /// Bill the whole call. `duration_ns` is the span's own.
    pub fn bill(&mut self, usage: &Usage, duration_ns: u64) -> Result<(), Reason> {
        let units = [self.models.own, self.models.book]
            .into_iter()
            .flatten()
            .fold(0, |set, model| set | self.rates.units(model));
        if units == 0 {
            return Err(Reason::NoUnitPrice);
        }
        let by_call = units & (Unit::Duration.bit() | Unit::Requests.bit());
        // A fee for the request or its time is billed beside other usage, or alone when the list has nothing else.
        if usage.is_empty() && by_call != units && !self.by_time {
            return Err(Reason::NoUsage);
        }
        if !self.by_time {
            self.bill_tokens(usage, units)?;
        }
        for unit in &Unit::ALL[Unit::Citation as usize..Unit::Requests as usize] {
            self.line(*unit, usage.or_zero(*unit) as u64)?;
        }
        self.bill_search_tokens(usage)?;
        self.line(Unit::Seconds, usage.or_zero(Unit::Seconds) as u64)?;
        // Fees that the call itself incurs, not something counted: billed when one is in force, else there is none.
        if units & Unit::Requests.bit() != 0 && self.row_for(Unit::Requests).is_some() {
            let one = Unit::Requests.scale() as i64;
            self.line(Unit::Requests, usage.get(Unit::Requests).unwrap_or(one) as u64)?;
        }
        if units & Unit::Duration.bit() != 0 && self.row_for(Unit::Duration).is_some() {
            self.line(Unit::Duration, duration_ns / 1000)?;
        }
        if self.asked && !self.priced {
            return Err(Reason::NoUnitPrice);
        }
        if self.row == NO_ROW {
            self.row = self.any_row();
        }
        Ok(())
    }

    fn bill_tokens(&mut self, usage: &Usage, units: u64) -> Result<(), Reason> {
        let only_total = [Unit::Input, Unit::Output].iter().all(|unit| usage.get(*unit).is_none());
        if only_total && usage.or_zero(Unit::Total) > 0 {
            return self.bill_total(usage, units);
        }
        let both = Unit::Input.bit() | Unit::Output.bit();
        if self.one_sided && units & both == both {
            return Err(Reason::NoUsage);
        }
        self.bill_input(usage)?;
        self.bill_output(usage)
    }

    /// What some models are billed for the content of searches, at the price of input. Who states a price of searches has
    /// stated all of it.
    fn bill_search_tokens(&mut self, usage: &Usage) -> Result<(), Reason> {
        let searches = usage.or_zero(Unit::WebSearches) as u64 / Unit::WebSearches.scale();
        let stated = self.models.own.is_some_and(|own| self.rates.prices(own, Unit::WebSearches));
        match self.models.book {
            Some(book) if searches > 0 && !stated && !self.by_time => {
                self.line(Unit::Input, searches.saturating_mul(self.rates.search_tokens(book)))
            }
            _ => Ok(()),
        }
    }

    /// Only a total: it is all input where the list has no output price (embeddings), else it cannot be split.
    fn bill_total(&mut self, usage: &Usage, units: u64) -> Result<(), Reason> {
        if units & Unit::Output.bit() != 0 || units & Unit::Input.bit() == 0 {
            return Err(Reason::NoUsage);
        }
        self.line(Unit::Input, usage.or_zero(Unit::Total) as u64)
    }

    fn bill_input(&mut self, usage: &Usage) -> Result<(), Reason> {
        use Unit::*;
        let cached = usage.or_zero(CacheRead);
        let mut left = cached;
        let cached_audio = take(&mut left, usage.or_zero(AudioCacheRead));
        let cached_image = take(&mut left, usage.or_zero(ImageCacheRead));
        let written = cache_written(usage);
        let (w5m, w1h, w12h) = (usage.or_zero(CacheWrite5m), usage.or_zero(CacheWrite1h), usage.or_zero(CacheWrite12h));
        // Parts that exceed the total are billed as they are; what overlaps with the cache is billed as cached.
        let mut fresh = (self.moment.input_tokens as i64).saturating_sub(cached).saturating_sub(written).max(0);
        let audio = take(&mut fresh, usage.or_zero(AudioInput) - cached_audio);
        let image = take(&mut fresh, usage.or_zero(ImageInput) - cached_image);
        let video = take(&mut fresh, usage.or_zero(VideoInput));
        self.line(Input, fresh as u64)?;
        self.line(CacheRead, left as u64)?;
        if written > 0 {
            self.line(CacheWrite5m, w5m as u64)?;
            self.line(CacheWrite1h, w1h as u64)?;
            self.line(CacheWrite12h, w12h as u64)?;
            let rest = written.saturating_sub(w5m).saturating_sub(w1h).saturating_sub(w12h);
            self.line(CacheWrite, rest.max(0) as u64)?;
        }
        self.line(AudioCacheRead, cached_audio as u64)?;
        self.line(ImageCacheRead, cached_image as u64)?;
        self.line(AudioInput, audio as u64)?;
        self.line(ImageInput, image as u64)?;
        self.line(VideoInput, video as u64)
    }

    fn bill_output(&mut self, usage: &Usage) -> Result<(), Reason> {
        use Unit::*;
        let parts = [AudioOutput, ImageOutput, VideoOutput];
        let sum = || parts.iter().fold(usage.or_zero(TextOutput), |sum, unit| sum.saturating_add(usage.or_zero(*unit)));
        let mut left = usage.get(Output).unwrap_or_else(sum);
        for unit in parts {
            let taken = take(&mut left, usage.or_zero(unit));
            self.line(unit, taken as u64)?;
        }
        // Reasoning is part of the output and costs what it costs, unless the list names a price of its own.
        if self.has(Reasoning) {
            let taken = take(&mut left, usage.or_zero(Reasoning));
            self.line(Reasoning, taken as u64)?;
        }
        self.line(Output, left as u64)
    }

    fn has(&self, unit: Unit) -> bool {
        [self.models.own, self.models.book].into_iter().flatten().any(|model| self.rates.prices(model, unit))
    }

    /// The row in force for a unit, and whether it is the user's own.
    #[inline]
    fn row_for(&self, unit: Unit) -> Option<(&'a Row, bool)> {
        let of = |model: Option<u32>| model.and_then(|model| self.rates.row_for(model, unit, &self.moment));
        of(self.models.own).map(|row| (row, true)).or_else(|| of(self.models.book).map(|row| (row, false)))
    }

    /// The row that bills a unit, whether it is the user's own, and whose price it is. The user's terms are asked with
    /// all their stand-ins before the book is: who states a price of input has stated it for cached input as well.
    #[inline]
    fn find(&self, unit: Unit) -> Option<(&'a Row, bool, Unit)> {
        let rates = self.rates;
        let among = |model: Option<u32>, own: bool| {
            let model = model?;
            let row = |wanted: Unit| Some((rates.row_for(model, wanted, &self.moment)?, own, wanted));
            row(unit).or_else(|| stand_ins(unit).iter().find_map(|stand_in| row(*stand_in)))
        };
        among(self.models.own, true).or_else(|| among(self.models.book, false))
    }

    // Most units of most calls were not counted: for those nothing is called.
    #[inline(always)]
    fn line(&mut self, unit: Unit, quantity: u64) -> Result<(), Reason> {
        if quantity == 0 { Ok(()) } else { self.bill_line(unit, quantity) }
    }

    #[inline(never)]
    fn bill_line(&mut self, unit: Unit, quantity: u64) -> Result<(), Reason> {
        let Some((row, own, billed_as)) = self.find(unit) else {
            if self.by_time {
                return Ok(());
            }
            self.asked = true;
            self.without_price |= unit.bit();
            if S::WANTED {
                self.sink.unpriced(unit, quantity);
            }
            // Priced at other times or in other circumstances: then it is not free, its price is unknown.
            return if self.has(unit) { Err(Reason::NoUnitPrice) } else { Ok(()) };
        };
        let quantity = quantity.max(row.minimum).min(row.maximum);
        // What a user wrote is the price they pay: no uplift, no discount.
        let active = if own { None } else { self.active.as_ref() };
        let (price, factor) = match active {
            Some(active) if !active.is_empty() => active.apply(unit, row).ok_or(Reason::NoUsage)?,
            _ => (row.price, Ratio::ONE),
        };
        // Only counts beyond anything real overflow; they are no usage that could be billed.
        let pico = price.of(quantity).ok_or(Reason::NoUsage)?;
        self.parts.add(unit, pico).ok_or(Reason::NoUsage)?;
        self.priced = true;
        if self.row == NO_ROW {
            self.row = row.id;
        }
        let assumed = if own || price.num == 0 { Aspects::NONE } else { self.assumed_by(unit, row, active) };
        self.assumed = self.assumed.with(assumed);
        if S::WANTED {
            let modifiers = active.map(|active| active.labels(unit, row)).unwrap_or_default();
            self.sink.line(Line {
                unit,
                billed_as,
                quantity,
                price: row.list_price,
                per: row.list_per,
                charged: price,
                factor,
                modifiers,
                assumed,
                row: row.id,
                pico,
            });
        }
        Ok(())
    }

    /// Circumstances of the call that neither the list's row nor what changes its price asks for. Fees for searches and
    /// requests are the same in all of them.
    #[inline]
    fn assumed_by(&self, unit: Unit, row: &Row, active: Option<&Active<'_>>) -> Aspects {
        let guessed = self.rates.guesses(row, &self.moment);
        if self.moment.said.is_empty() || !is_processing(unit) {
            return guessed;
        }
        let answered = active.map_or(Aspects::NONE, |active| active.answers(unit, row));
        guessed.with(self.moment.said.without(answered.with(row.answers())))
    }

    /// A row to name when nothing was billed because every count was 0.
    fn any_row(&self) -> u32 {
        let units = [Unit::Input, Unit::Output, Unit::Duration];
        units.into_iter().find_map(|unit| self.row_for(unit)).map_or(NO_ROW, |(row, _)| row.id)
    }
}
