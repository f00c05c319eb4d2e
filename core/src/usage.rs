//! What a model call consumed: the one usage record that normalize fills, calls merge and price reads.

/// A countable thing that a provider may bill. The order is the wire order of [`Usage`] and of the price plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Unit {
    /// Input tokens, inclusive of cached, cache-written, audio, image and video tokens.
    Input,
    /// Output tokens, inclusive of reasoning, audio, image and video tokens.
    Output,
    Total,
    CacheRead,
    /// Every token written to a cache, whatever its lifetime.
    CacheWrite,
    CacheWrite5m,
    CacheWrite1h,
    CacheWrite12h,
    Reasoning,
    /// Audio tokens of the input, cached ones among them.
    AudioInput,
    AudioOutput,
    AudioCacheRead,
    ImageInput,
    ImageOutput,
    ImageCacheRead,
    VideoInput,
    VideoOutput,
    TextInput,
    TextOutput,
    Citation,
    AudioSeconds,
    Images,
    Characters,
    Pages,
    AnnotatedPages,
    WebSearches,
    XSearches,
    FileSearches,
    /// Model calls within the call that its counts leave out, each of its own tokens and perhaps of another model.
    Iterations,
    RerankSearches,
    Messages,
    Requests,
    /// Seconds of generated or processed media, as the provider counts them.
    Seconds,
    /// Seconds between the call's start and end. Never stored in [`Usage`]: the engine takes it from the span.
    Duration,
}

impl Unit {
    pub const COUNT: usize = Unit::Duration as usize + 1;

    /// Every unit, in order.
    pub const ALL: [Unit; Unit::COUNT] = [
        Unit::Input,
        Unit::Output,
        Unit::Total,
        Unit::CacheRead,
        Unit::CacheWrite,
        Unit::CacheWrite5m,
        Unit::CacheWrite1h,
        Unit::CacheWrite12h,
        Unit::Reasoning,
        Unit::AudioInput,
        Unit::AudioOutput,
        Unit::AudioCacheRead,
        Unit::ImageInput,
        Unit::ImageOutput,
        Unit::ImageCacheRead,
        Unit::VideoInput,
        Unit::VideoOutput,
        Unit::TextInput,
        Unit::TextOutput,
        Unit::Citation,
        Unit::AudioSeconds,
        Unit::Images,
        Unit::Characters,
        Unit::Pages,
        Unit::AnnotatedPages,
        Unit::WebSearches,
        Unit::XSearches,
        Unit::FileSearches,
        Unit::Iterations,
        Unit::RerankSearches,
        Unit::Messages,
        Unit::Requests,
        Unit::Seconds,
        Unit::Duration,
    ];

    /// The name in price files, plans and `explain`.
    pub const fn name(self) -> &'static str {
        match self {
            Unit::Input => "input",
            Unit::Output => "output",
            Unit::Total => "total",
            Unit::CacheRead => "cache_read",
            Unit::CacheWrite => "cache_write",
            Unit::CacheWrite5m => "cache_write_5m",
            Unit::CacheWrite1h => "cache_write_1h",
            Unit::CacheWrite12h => "cache_write_12h",
            Unit::Reasoning => "reasoning",
            Unit::AudioInput => "audio_input",
            Unit::AudioOutput => "audio_output",
            Unit::AudioCacheRead => "audio_cache_read",
            Unit::ImageInput => "image_input",
            Unit::ImageOutput => "image_output",
            Unit::ImageCacheRead => "image_cache_read",
            Unit::VideoInput => "video_input",
            Unit::VideoOutput => "video_output",
            Unit::TextInput => "text_input",
            Unit::TextOutput => "text_output",
            Unit::Citation => "citation",
            Unit::AudioSeconds => "audio_seconds",
            Unit::Images => "images",
            Unit::Characters => "characters",
            Unit::Pages => "pages",
            Unit::AnnotatedPages => "annotated_pages",
            Unit::WebSearches => "web_searches",
            Unit::XSearches => "x_searches",
            Unit::FileSearches => "file_searches",
            Unit::Iterations => "iterations",
            Unit::RerankSearches => "rerank_searches",
            Unit::Messages => "messages",
            Unit::Requests => "requests",
            Unit::Seconds => "seconds",
            Unit::Duration => "duration",
        }
    }

    pub fn from_name(name: &str) -> Option<Unit> {
        Unit::ALL.into_iter().find(|unit| unit.name() == name)
    }

    /// Tokens are whole; every other unit is kept in millionths, because seconds and pages may be fractions.
    pub const fn is_tokens(self) -> bool {
        (self as u8) < Unit::AudioSeconds as u8
    }

    /// How many of the stored integer make one of the unit.
    pub const fn scale(self) -> u64 {
        if self.is_tokens() { 1 } else { MICRO as u64 }
    }

    pub(crate) const fn bit(self) -> u64 {
        1 << self as u8
    }
}

const MICRO: i64 = 1_000_000;

/// Counts by [`Unit`]; a unit that nobody reported is absent, which is not the same as 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    present: u64,
    counts: [i64; Unit::COUNT],
}

impl Default for Usage {
    fn default() -> Self {
        Usage::new()
    }
}

impl Usage {
    pub const fn new() -> Self {
        Usage { present: 0, counts: [0; Unit::COUNT] }
    }

    pub fn is_empty(&self) -> bool {
        self.present == 0
    }

    /// The stored integer: whole tokens, or millionths of any other unit.
    #[inline]
    pub fn get(&self, unit: Unit) -> Option<i64> {
        (self.present & unit.bit() != 0).then(|| self.counts[unit as usize])
    }

    /// The stored integer, 0 when absent.
    #[inline]
    pub fn or_zero(&self, unit: Unit) -> i64 {
        self.counts[unit as usize]
    }

    /// The count in whole units, fractions kept.
    pub fn quantity(&self, unit: Unit) -> Option<f64> {
        self.get(unit).map(|count| count as f64 / unit.scale() as f64)
    }

    /// Store a whole count of any unit. Negative counts are refused and change nothing.
    #[inline]
    pub fn set(&mut self, unit: Unit, count: i64) -> bool {
        match count.checked_mul(unit.scale() as i64) {
            Some(stored) if count >= 0 => {
                self.set_raw(unit, stored);
                true
            }
            _ => false,
        }
    }

    /// Store a fractional quantity, rounded to whole tokens or millionths. NaN, infinities, negatives and what does
    /// not fit are refused and change nothing.
    pub fn set_f64(&mut self, unit: Unit, quantity: f64) -> bool {
        let stored = (quantity * unit.scale() as f64).round();
        if !(0.0..9.0e18).contains(&stored) {
            return false;
        }
        self.set_raw(unit, stored as i64);
        true
    }

    /// Store an integer in the form that [`Usage::get`] returns; the caller has checked that it is not negative.
    #[inline]
    pub fn set_raw(&mut self, unit: Unit, stored: i64) {
        debug_assert!(stored >= 0);
        self.present |= unit.bit();
        self.counts[unit as usize] = stored;
    }

    pub fn remove(&mut self, unit: Unit) {
        self.present &= !unit.bit();
        self.counts[unit as usize] = 0;
    }

    /// The units that are present, in order, with their stored integers.
    pub fn iter(&self) -> impl Iterator<Item = (Unit, i64)> + '_ {
        let mut bits = self.present;
        std::iter::from_fn(move || {
            let unit = *Unit::ALL.get(bits.trailing_zeros() as usize)?;
            bits &= bits - 1;
            Some((unit, self.counts[unit as usize]))
        })
    }

    /// Take from `other` what is absent here.
    pub fn fill_from(&mut self, other: &Usage) {
        for (unit, count) in other.iter() {
            if self.present & unit.bit() == 0 {
                self.set_raw(unit, count);
            }
        }
    }

    /// Add every count of `other`, for calls that are reported as the sum of others.
    pub fn add(&mut self, other: &Usage) {
        for (unit, count) in other.iter() {
            self.set_raw(unit, self.or_zero(unit).saturating_add(count));
        }
    }

    /// Every stored count is 0 (or nothing is stored).
    pub fn is_zero(&self) -> bool {
        self.present == 0 || self.counts.iter().all(|count| *count == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_order_round_trip() {
        for (index, unit) in Unit::ALL.into_iter().enumerate() {
            assert_eq!(unit as usize, index);
            assert_eq!(Unit::from_name(unit.name()), Some(unit));
        }
        assert_eq!(Unit::from_name("inputs"), None);
    }

    #[test]
    fn absent_is_not_zero() {
        let mut usage = Usage::new();
        assert!(usage.is_empty() && usage.get(Unit::Input).is_none());
        assert!(usage.set(Unit::Input, 0));
        assert_eq!(usage.get(Unit::Input), Some(0));
        assert!(!usage.is_empty() && usage.is_zero());
        usage.remove(Unit::Input);
        assert!(usage.is_empty());
    }

    #[test]
    fn impossible_quantities_are_refused() {
        let mut usage = Usage::new();
        for bad in [-1.0, f64::NAN, f64::INFINITY, 1e30] {
            assert!(!usage.set_f64(Unit::Input, bad));
        }
        assert!(!usage.set(Unit::Seconds, i64::MAX));
        assert!(!usage.set(Unit::Input, -1));
        assert!(usage.is_empty());
    }

    #[test]
    fn fractions_are_kept_in_millionths() {
        let mut usage = Usage::new();
        assert!(usage.set_f64(Unit::AudioSeconds, 1.25));
        assert_eq!(usage.get(Unit::AudioSeconds), Some(1_250_000));
        assert_eq!(usage.quantity(Unit::AudioSeconds), Some(1.25));
    }

    #[test]
    fn merging_fills_and_adding_sums() {
        let (mut one, mut two) = (Usage::new(), Usage::new());
        one.set(Unit::Input, 5);
        two.set(Unit::Input, 7);
        two.set(Unit::Output, 3);
        let mut filled = one;
        filled.fill_from(&two);
        assert_eq!((filled.get(Unit::Input), filled.get(Unit::Output)), (Some(5), Some(3)));
        one.add(&two);
        assert_eq!((one.get(Unit::Input), one.get(Unit::Output)), (Some(12), Some(3)));
    }
}
