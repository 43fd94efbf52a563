//! Strict reading of bytes: a cursor that rejects what is missing, left over or out of range.

use super::field::{Extension, P};
use super::reject::{Checked, Reason, rejected, require};

pub const DIGEST: usize = 32;
pub const ELEMENT: usize = 8;
pub const EXTENSION: usize = 16;

/// `reason` is the verdict on bytes that are missing or left over.
pub struct Cursor<'a> {
    rest: &'a [u8],
    reason: Reason,
    element: fn([u8; ELEMENT]) -> u64,
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8], reason: Reason) -> Self {
        Self {
            rest: bytes,
            reason,
            element: u64::from_le_bytes,
        }
    }

    /// The same with big-endian field elements: a query record.
    pub fn of_record(bytes: &'a [u8], reason: Reason) -> Self {
        Self {
            element: u64::from_be_bytes,
            ..Self::new(bytes, reason)
        }
    }

    pub fn take(&mut self, count: usize) -> Checked<&'a [u8]> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or_else(|| rejected(self.reason, "bytes are missing"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Checked<[u8; N]> {
        let (taken, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or_else(|| rejected(self.reason, "bytes are missing"))?;
        self.rest = rest;
        Ok(*taken)
    }

    pub fn u8(&mut self) -> Checked<u8> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    /// A byte below `limit`.
    pub fn below(&mut self, limit: u32, what: &'static str) -> Checked<u32> {
        let value = u32::from(self.u8()?);
        require(value < limit, self.reason, what)?;
        Ok(value)
    }

    pub fn u16(&mut self) -> Checked<u16> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub fn u32(&mut self) -> Checked<u32> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Checked<u64> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// A big-endian number of `size` bytes, at most eight.
    pub fn unsigned(&mut self, size: usize) -> Checked<u64> {
        let bytes = self.take(size)?;
        Ok(bytes
            .iter()
            .fold(0, |value, byte| (value << 8) | u64::from(*byte)))
    }

    pub fn finish(&self) -> Checked<()> {
        require(self.rest.is_empty(), self.reason, "bytes are left over")
    }

    /// A field element of the proof.
    pub fn element(&mut self) -> Checked<u64> {
        let value = (self.element)(self.array()?);
        require(value < P, Reason::Element, "an element is not below p")?;
        Ok(value)
    }

    pub fn elements(&mut self, count: usize) -> Checked<Vec<u64>> {
        let raw = self.take(count.saturating_mul(ELEMENT))?;
        let mut inner = Cursor { rest: raw, ..*self };
        (0..count).map(|_| inner.element()).collect()
    }

    pub fn extension(&mut self) -> Checked<Extension> {
        let a = self.element()?;
        let b = self.element()?;
        Ok(Extension { a, b })
    }

    pub fn extensions(&mut self, count: usize) -> Checked<Vec<Extension>> {
        let raw = self.take(count.saturating_mul(EXTENSION))?;
        let mut inner = Cursor { rest: raw, ..*self };
        (0..count).map(|_| inner.extension()).collect()
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}
