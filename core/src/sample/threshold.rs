//! Consistent probability sampling: 56-bit thresholds and randomness (OpenTelemetry specification, trace/tracestate
//! probability sampling; OTEP 235).

/// Thresholds and randomness run from 0 to 2^56 - 1.
pub const RANGE: u64 = 1 << 56;

/// Significant hexadecimal digits of a threshold, beyond leading `f`s (the SDK specification's default).
const PRECISION: u32 = 4;

/// The rejection threshold of a probability: a trace is kept iff its randomness is at least this. `RANGE` when nothing
/// can be kept.
pub fn from_probability(probability: f64) -> u64 {
    if probability >= 1.0 {
        return 0;
    }
    if probability <= 0.0 || probability.is_nan() {
        return RANGE;
    }
    let exact = ((1.0 - probability) * RANGE as f64).round() as u64;
    let exact = exact.min(RANGE - 1);
    // Leading f digits carry no precision for small probabilities; each adds a digit.
    let leading = ((exact << 8).leading_ones() / 4).min(13);
    let kept_bits = 4 * (leading + PRECISION).min(14);
    let drop_bits = 56 - kept_bits;
    if drop_bits == 0 {
        return exact;
    }
    let half = 1u64 << (drop_bits - 1);
    let rounded = (exact + half) >> drop_bits << drop_bits;
    if rounded >= RANGE { exact } else { rounded }
}

/// The probability of a threshold.
pub fn probability(threshold: u64) -> f64 {
    (RANGE - threshold.min(RANGE)) as f64 / RANGE as f64
}

/// Randomness of a trace id: its low 56 bits.
pub fn randomness(trace_id: u128) -> u64 {
    trace_id as u64 & (RANGE - 1)
}

/// The randomness that a name stands for: FNV-1a, its bits mixed (MurmurHash3's finalizer), low 56. The same on every
/// instance and in every version.
pub fn randomness_of(name: &str) -> u64 {
    let mut hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (hash ^ (hash >> 33)) & (RANGE - 1)
}

/// Writes `th`: 1 to 14 hexadecimal digits without trailing zeros.
pub fn to_hex(threshold: u64) -> String {
    let mut text = String::new();
    push_hex(threshold, &mut text);
    text
}

/// Appends `th` as [`to_hex`] gives it.
pub fn push_hex(threshold: u64, out: &mut String) {
    const DIGITS: u32 = RANGE.trailing_zeros() / 4;
    let mut rest = threshold & (RANGE - 1);
    for _ in 0..DIGITS {
        let digit = (rest >> (4 * (DIGITS - 1))) as u32;
        out.push(char::from_digit(digit, 16).unwrap_or('0'));
        rest = rest << 4 & (RANGE - 1);
        if rest == 0 {
            break;
        }
    }
}

/// Reads `th`; `None` for anything but 1 to 14 lower-case hexadecimal digits.
pub fn from_hex(text: &str) -> Option<u64> {
    let digits = hex(text)?;
    if text.len() > 14 { None } else { Some(digits << (4 * (14 - text.len()))) }
}

/// Reads `rv`: exactly 14 lower-case hexadecimal digits.
pub fn randomness_from_hex(text: &str) -> Option<u64> {
    if text.len() == 14 { hex(text) } else { None }
}

fn hex(text: &str) -> Option<u64> {
    let valid = (1..=14).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if valid { u64::from_str_radix(text, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_have_the_digits_of_the_specification() {
        for (probability, digits) in
            [(1.0, "0"), (0.5, "8"), (1.0 / 3.0, "aaab"), (0.1, "e666"), (0.01, "fd70a"), (0.001, "ffbe77")]
        {
            assert_eq!(to_hex(from_probability(probability)), digits);
        }
        assert_eq!(from_probability(0.0), RANGE);
        assert_eq!(from_probability(f64::NAN), RANGE);
        assert!(from_probability(1e-17) < RANGE);
    }

    #[test]
    fn hexadecimal_round_trips_and_junk_is_refused() {
        for text in ["0", "8", "e666", "fd70a", "0000000000001"] {
            assert_eq!(to_hex(from_hex(text).unwrap()), text);
        }
        for text in ["", "g", "E666", "000000000000000", "-1", "0x1"] {
            assert_eq!(from_hex(text), None, "{text}");
        }
        assert_eq!(randomness_from_hex("00000000000001"), Some(1));
        assert_eq!(randomness_from_hex("1"), None);
    }

    #[test]
    fn names_have_randomness_that_is_spread_evenly_and_stays() {
        assert_eq!(randomness_of(""), 0xd0_1f60_ba99_2926);
        let upper = (0..4000).filter(|n| randomness_of(&format!("conversation-{n}")) >= RANGE / 2).count();
        assert!((1900..2100).contains(&upper), "{upper}");
    }

    #[test]
    fn probability_is_the_share_of_randomness_kept() {
        for p in [1.0, 0.5, 0.25, 0.1, 0.001] {
            assert!((probability(from_probability(p)) - p).abs() < p * 1e-3);
        }
    }
}
