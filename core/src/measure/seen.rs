//! Where the series of label sets stand that were seen lately: a process reports a handful of sets over and over, and to
//! compare the values of one is cheaper than to look each of them up. A stranger who sends ever new values only makes every
//! call as slow as the first of its set.

const SLOTS: usize = 256;

/// Numbers of the values of `N` labels, with the place of their series.
pub struct Seen<const N: usize> {
    slots: Vec<Option<([u32; N], u32)>>,
}

impl<const N: usize> Seen<N> {
    pub fn new() -> Self {
        Self { slots: vec![None; SLOTS] }
    }

    /// The place noted for a set. `hash` is that of its values, `is` compares their numbers with them.
    #[inline]
    pub fn find(&self, hash: u64, is: impl Fn(&[u32; N]) -> bool) -> Option<usize> {
        let (numbers, place) = self.slots[hash as usize % SLOTS].as_ref()?;
        is(numbers).then_some(*place as usize)
    }

    /// Of two sets with the same slot the later one stays.
    pub fn note(&mut self, hash: u64, numbers: [u32; N], place: usize) {
        self.slots[hash as usize % SLOTS] = Some((numbers, place as u32));
    }
}

/// A hash of the lengths and both ends of texts.
#[inline]
pub fn hash<'a>(texts: impl IntoIterator<Item = &'a str>) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = 0;
    for text in texts {
        let bytes = text.as_bytes();
        let ends = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
            (Some(first), Some(last)) => u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(29),
            _ => bytes.iter().fold(0, |ends, byte| ends << 8 | u64::from(*byte)),
        };
        hash = (hash ^ ends ^ (bytes.len() as u64) << 56).wrapping_mul(K);
        hash ^= hash >> 32;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_by_its_values_only() {
        let mut seen = Seen::new();
        assert_eq!(seen.find(7, |_: &[u32; 2]| true), None);
        seen.note(7, [1, 2], 5);
        assert_eq!(seen.find(7, |numbers| *numbers == [1, 2]), Some(5));
        assert_eq!(seen.find(7, |numbers| *numbers == [1, 3]), None);
        seen.note(7 + SLOTS as u64, [1, 3], 6);
        assert_eq!(seen.find(7, |numbers| *numbers == [1, 2]), None);
    }

    #[test]
    fn order_length_and_both_ends_count() {
        let hashes = [["gpt-4o", "openai"], ["openai", "gpt-4o"], ["gpt-4o-2024-08-06", ""], ["gpt-4o-2024-11-20", ""]];
        for (at, one) in hashes.iter().enumerate() {
            for other in &hashes[..at] {
                assert_ne!(hash(one.iter().copied()), hash(other.iter().copied()));
            }
        }
    }
}
