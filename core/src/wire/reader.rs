//! Protobuf framing: varints, tags, length-delimited slices, all bounds-checked.

use crate::error::{CoreError, Result};

pub const VARINT: u32 = 0;
pub const FIXED64: u32 = 1;
pub const BYTES: u32 = 2;
pub const FIXED32: u32 = 5;

/// A cursor over one message.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    buf: &'a [u8],
    pos: usize,
}

impl<'a> Reader<'a> {
    #[inline]
    pub fn new(buf: &'a [u8]) -> Self {
        Self { buf, pos: 0 }
    }

    #[inline]
    pub fn at_end(&self) -> bool {
        self.pos >= self.buf.len()
    }

    #[inline]
    pub fn position(&self) -> usize {
        self.pos
    }

    #[cold]
    fn fail<T>(&self, message: &'static str) -> Result<T> {
        Err(CoreError::Decode { message, offset: self.pos })
    }

    #[inline]
    pub fn varint(&mut self) -> Result<u64> {
        if let Some(&byte) = self.buf.get(self.pos)
            && byte < 0x80
        {
            self.pos += 1;
            return Ok(u64::from(byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let Some(&byte) = self.buf.get(self.pos) else {
                return self.fail("truncated varint");
            };
            self.pos += 1;
            if shift == 63 && byte > 1 {
                return self.fail("varint longer than 64 bits");
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        self.fail("varint longer than 64 bits")
    }

    /// The next tag as (field number, wire type).
    #[inline]
    pub fn tag(&mut self) -> Result<(u32, u32)> {
        if let Some(&byte @ 8..0x80) = self.buf.get(self.pos) {
            self.pos += 1;
            return Ok((u32::from(byte >> 3), u32::from(byte & 7)));
        }
        self.long_tag()
    }

    fn long_tag(&mut self) -> Result<(u32, u32)> {
        let tag = self.varint()?;
        if tag >> 32 != 0 || tag >> 3 == 0 {
            return self.fail("invalid field number");
        }
        Ok(((tag >> 3) as u32, (tag & 7) as u32))
    }

    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        let rest = self.buf.get(self.pos..).unwrap_or_default();
        let (len, head) = match rest {
            [first @ 0..0x80, ..] => (usize::from(*first), 1),
            [first, second @ 0..0x80, ..] => (usize::from(first & 0x7f) | usize::from(*second) << 7, 2),
            _ => return self.long_bytes(),
        };
        match rest.get(head..head + len) {
            Some(bytes) => {
                self.pos += head + len;
                Ok(bytes)
            }
            None => self.fail("length runs past the end"),
        }
    }

    fn long_bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.varint()?;
        let start = self.pos;
        match usize::try_from(len).ok().and_then(|l| start.checked_add(l)) {
            Some(end) if end <= self.buf.len() => {
                self.pos = end;
                Ok(&self.buf[start..end])
            }
            _ => self.fail("length runs past the end"),
        }
    }

    #[inline]
    pub fn fixed64(&mut self) -> Result<u64> {
        match self.buf.get(self.pos..).and_then(|b| b.first_chunk::<8>()) {
            Some(chunk) => {
                self.pos += 8;
                Ok(u64::from_le_bytes(*chunk))
            }
            None => self.fail("truncated fixed64"),
        }
    }

    #[inline]
    pub fn fixed32(&mut self) -> Result<u32> {
        match self.buf.get(self.pos..).and_then(|b| b.first_chunk::<4>()) {
            Some(chunk) => {
                self.pos += 4;
                Ok(u32::from_le_bytes(*chunk))
            }
            None => self.fail("truncated fixed32"),
        }
    }

    /// Passes over one field of the given wire type. Groups (deprecated, never in OTLP) are refused.
    #[inline]
    pub fn skip(&mut self, wire: u32) -> Result<()> {
        match wire {
            VARINT => self.varint().map(drop),
            FIXED64 => self.fixed64().map(drop),
            BYTES => self.bytes().map(drop),
            FIXED32 => self.fixed32().map(drop),
            _ => self.fail("unknown wire type"),
        }
    }

    /// The next length-delimited field, as (position of its tag, number, content); others are passed over. `None` at the
    /// end, and at what cannot be read.
    pub fn next_bytes(&mut self) -> Option<(usize, u32, &'a [u8])> {
        while !self.at_end() {
            let start = self.pos;
            let (field, wire) = self.tag().ok()?;
            if wire == BYTES {
                return Some((start, field, self.bytes().ok()?));
            }
            self.skip(wire).ok()?;
        }
        None
    }

    /// The bytes between an earlier position and this one.
    #[inline]
    pub fn since(&self, start: usize) -> &'a [u8] {
        &self.buf[start..self.pos]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_round_trip_and_overlong_ones_fail() {
        let mut out = Vec::new();
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            out.clear();
            crate::wire::writer::varint(&mut out, value);
            assert_eq!(Reader::new(&out).varint(), Ok(value));
        }
        assert!(Reader::new(&[0x80; 11]).varint().is_err());
        assert!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]).varint().is_err());
        assert!(Reader::new(&[0x80]).varint().is_err());
    }

    #[test]
    fn a_length_past_the_end_is_refused_even_when_it_overflows() {
        assert!(Reader::new(&[5, 1, 2]).bytes().is_err());
        let mut huge = Vec::new();
        crate::wire::writer::varint(&mut huge, u64::MAX);
        assert!(Reader::new(&huge).bytes().is_err());
    }
}
