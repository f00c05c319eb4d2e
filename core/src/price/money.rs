//! Exact money: integers of one pico-dollar (1e-12 USD). A price is a fraction of integers, so that a line is one
//! multiplication and one division, the division last and rounded half to even.

/// Pico-dollars in a dollar.
pub const PICO: i128 = 1_000_000_000_000;

/// A positive rational, kept small: a price per stored unit, or a factor on one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    pub num: u64,
    pub den: u64,
}

impl Ratio {
    pub const ONE: Ratio = Ratio { num: 1, den: 1 };
    pub const NOTHING: Ratio = Ratio { num: 0, den: 1 };

    /// Reduced to lowest terms. None when `den` is 0.
    pub fn new(num: u64, den: u64) -> Option<Ratio> {
        let divisor = gcd(num, den);
        (den != 0).then(|| Ratio { num: num / divisor, den: den / divisor })
    }

    /// The product, reduced; None when it does not fit.
    pub fn times(self, other: Ratio) -> Option<Ratio> {
        let (left, right) = (gcd(self.num, other.den), gcd(other.num, self.den));
        Ratio::new((self.num / left).checked_mul(other.num / right)?, (self.den / right).checked_mul(other.den / left)?)
    }

    /// The difference, nothing when `other` is the larger; None when it does not fit.
    pub fn less(self, other: Ratio) -> Option<Ratio> {
        let scaled = |one: Ratio, by: u64| u128::from(one.num) * u128::from(by);
        let rest = scaled(self, other.den).saturating_sub(scaled(other, self.den));
        let den = u128::from(self.den) * u128::from(other.den);
        let divisor = gcd_wide(rest, den);
        Some(Ratio { num: u64::try_from(rest / divisor).ok()?, den: u64::try_from(den / divisor).ok()? })
    }

    /// `quantity` of this, rounded half to even; None when it does not fit.
    #[inline]
    pub fn of(self, quantity: u64) -> Option<i128> {
        let product = u128::from(quantity) * u128::from(self.num);
        if self.den == 1 {
            return i128::try_from(product).ok();
        }
        let den = u128::from(self.den);
        // Nearly every line fits 64 bits, whose division is several times cheaper.
        let (quotient, rest) = match u64::try_from(product) {
            Ok(small) => (u128::from(small / self.den), u128::from(small % self.den)),
            Err(_) => (product / den, product % den),
        };
        let up = match (rest * 2).cmp(&den) {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Equal => quotient & 1 == 1,
            std::cmp::Ordering::Less => false,
        };
        i128::try_from(quotient + u128::from(up)).ok()
    }
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

fn gcd_wide(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

/// The double nearest to an amount, in USD.
pub fn to_usd(pico: i128) -> f64 {
    const EXACT: i128 = 1 << 53;
    if (-EXACT..=EXACT).contains(&pico) {
        // Both operands are exact, so IEEE division rounds once.
        pico as f64 / 1e12
    } else {
        to_decimal(pico).parse().expect("a decimal is a float")
    }
}

/// The exact amount in USD as a decimal string without trailing zeros: `0`, `0.0075`, `-1.5`.
pub fn to_decimal(pico: i128) -> String {
    let sign = if pico < 0 { "-" } else { "" };
    let (whole, part) = (pico.unsigned_abs() / PICO as u128, pico.unsigned_abs() % PICO as u128);
    if part == 0 {
        return format!("{sign}{whole}");
    }
    let digits = format!("{part:012}");
    format!("{sign}{whole}.{}", digits.trim_end_matches('0'))
}

/// The exact pico-dollars of a reported double: its shortest decimal, cut at 12 places half to even. None for NaN,
/// infinities, negatives and more than a billion dollars.
pub fn from_usd(usd: f64) -> Option<i128> {
    if !(0.0..1e9).contains(&usd) {
        return None;
    }
    from_decimal(&format!("{usd}"))
}

/// Pico-dollars of a plain non-negative decimal (`12`, `0.0075`), rounded half to even beyond 12 places.
pub fn from_decimal(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() || ![whole, fraction].iter().all(|t| t.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    let (kept, cut) = fraction.split_at(fraction.len().min(12));
    let scaled = format!("{kept:0<12}").parse::<i128>().ok()?;
    let amount = whole.parse::<i128>().ok()?.checked_mul(PICO)?.checked_add(scaled)?;
    let half = cut.starts_with('5') && cut[1..].bytes().all(|b| b == b'0');
    let up = cut.as_bytes().first().is_some_and(|digit| *digit >= b'5') && !(half && amount & 1 == 0);
    amount.checked_add(i128::from(up))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(num: u64, den: u64, quantity: u64) -> i128 {
        Ratio::new(num, den).unwrap().of(quantity).unwrap()
    }

    #[test]
    fn rounds_half_to_even() {
        assert_eq!([of(1, 2, 1), of(1, 2, 3), of(1, 2, 5), of(1, 3, 2)], [0, 2, 2, 1]);
        // 3 * MAX / 2 ends in .5 above an even number.
        assert_eq!(of(u64::MAX, 2, 3), 3 * i128::from(u64::MAX) / 2);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(Ratio { num: u64::MAX, den: 1 }.of(u64::MAX), None);
        assert_eq!(Ratio::new(1, 0), None);
        assert_eq!(Ratio { num: u64::MAX, den: 1 }.times(Ratio { num: 3, den: 1 }), None);
    }

    #[test]
    fn products_stay_in_lowest_terms() {
        let price = Ratio::new(2_500_000, 1).unwrap();
        assert_eq!(price.times(Ratio::new(11, 10).unwrap()), Ratio::new(2_750_000, 1));
    }

    #[test]
    fn differences_are_exact_and_never_below_nothing() {
        let (price, off) = (Ratio::new(5, 2).unwrap(), Ratio::new(1, 3).unwrap());
        assert_eq!(price.less(off), Ratio::new(13, 6));
        assert_eq!(off.less(price).unwrap().num, 0);
        assert_eq!(Ratio { num: 1, den: u64::MAX }.less(Ratio { num: 1, den: u64::MAX - 2 }).unwrap().num, 0);
        assert_eq!(Ratio { num: u64::MAX, den: 7 }.less(Ratio { num: 1, den: u64::MAX }), None);
    }

    #[test]
    fn decimals_round_trip() {
        for (pico, text) in [(0, "0"), (7_500_000_000, "0.0075"), (-1_500_000_000_000, "-1.5"), (1, "0.000000000001")] {
            assert_eq!(to_decimal(pico), text);
        }
        assert_eq!(from_decimal("0.0214375"), Some(21_437_500_000));
        assert_eq!(from_decimal("0.0000000000005"), Some(0));
        assert_eq!(from_decimal("0.0000000000015"), Some(2));
        assert_eq!(from_decimal("0.00000000000050001"), Some(1));
        for bad in ["", ".5", "1e3", "-1", "x"] {
            assert_eq!(from_decimal(bad), None);
        }
    }

    #[test]
    fn doubles_are_the_nearest() {
        assert_eq!(to_usd(7_050_000), 0.00000705);
        assert_eq!(to_usd(123_456_789_012_345_678_901), 123_456_789.012_345_67);
        assert_eq!(from_usd(0.0214375), Some(21_437_500_000));
        assert_eq!(from_usd(1e-15), Some(0));
        assert_eq!([from_usd(f64::NAN), from_usd(-0.1), from_usd(f64::INFINITY)], [None; 3]);
    }
}
