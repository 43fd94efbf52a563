//! Hashing of matrix rows: Keccak over elements in big-endian order, which the EVM reads without swapping bytes.

use p3_field::PrimeField64;
use p3_keccak::Keccak256Hash;
use p3_symmetric::CryptographicHasher;

use crate::mmcs::{Digest, Val};

/// Bytes of an element.
const ELEMENT: usize = 8;
/// Bytes that are hashed in one call: what stays in the first cache.
const SCRATCH: usize = 8 * 1024;

#[derive(Clone, Copy, Debug)]
pub struct RowHash;

impl CryptographicHasher<Val, Digest> for RowHash {
    const LANES: usize = <Keccak256Hash as CryptographicHasher<u8, Digest>>::LANES;

    fn hash_iter<I>(&self, input: I) -> Digest
    where
        I: IntoIterator<Item = Val>,
    {
        Keccak256Hash {}.hash_iter(input.into_iter().flat_map(bytes))
    }

    /// Rows of equal length back to back, so that the byte hash fills its lanes.
    fn hash_many(&self, input: &[Val], out: &mut [Digest]) {
        if out.is_empty() {
            return;
        }
        let row = input.len() / out.len();
        if row == 0 {
            out.fill(self.hash_iter([]));
            return;
        }
        let lanes = <Self as CryptographicHasher<Val, Digest>>::LANES.max(1);
        let rows = (SCRATCH / (row * ELEMENT) / lanes).max(1) * lanes;
        let mut scratch = Vec::with_capacity(rows.min(out.len()) * row * ELEMENT);
        for (values, digests) in input.chunks(rows * row).zip(out.chunks_mut(rows)) {
            scratch.clear();
            scratch.extend(values.iter().copied().flat_map(bytes));
            Keccak256Hash {}.hash_many(&scratch, digests);
        }
    }
}

fn bytes(value: Val) -> [u8; ELEMENT] {
    value.as_canonical_u64().to_be_bytes()
}
