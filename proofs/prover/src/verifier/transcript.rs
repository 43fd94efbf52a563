//! The Fiat-Shamir transcript (docs/proof-format.md section 3).

use p3_keccak::Keccak256Hash;
use p3_symmetric::CryptographicHasher;

use super::bytes::{DIGEST, ELEMENT};
use super::field::{Extension, P};
use super::reject::{Checked, Reason, rejected};

pub type Digest = [u8; DIGEST];
const WORDS: usize = DIGEST / ELEMENT;

pub fn keccak(parts: &[&[u8]]) -> Digest {
    Keccak256Hash {}.hash_iter_slices(parts.iter().copied())
}

/// Bytes since the last hash, which start with it, and its words not yet handed out (the last is the next).
pub struct Transcript {
    input: Vec<u8>,
    words: Vec<u64>,
}

impl Transcript {
    pub fn new(context: &[u8]) -> Self {
        Self {
            input: context.to_vec(),
            words: Vec::with_capacity(WORDS),
        }
    }

    pub fn absorb(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.words.clear();
            self.input.extend_from_slice(bytes);
        }
    }

    pub fn absorb_element(&mut self, value: u64) {
        self.absorb(&value.to_le_bytes());
    }

    fn flush(&mut self) {
        let digest = keccak(&[&self.input]);
        self.input.clear();
        self.input.extend_from_slice(&digest);
        let (words, _) = digest.as_chunks::<ELEMENT>();
        self.words.clear();
        self.words
            .extend(words.iter().map(|word| u64::from_be_bytes(*word)));
    }

    fn word(&mut self) -> u64 {
        loop {
            if let Some(word) = self.words.pop() {
                return word;
            }
            self.flush();
        }
    }

    fn base(&mut self) -> u64 {
        loop {
            let word = self.word();
            if word < P {
                return word;
            }
        }
    }

    pub fn challenge(&mut self) -> Extension {
        let a = self.base();
        let b = self.base();
        Extension { a, b }
    }

    /// The low `bits` bits of a word.
    pub fn bits(&mut self, bits: u32) -> u64 {
        let excess = u64::MAX.checked_shl(bits).unwrap_or(0);
        self.word() & !excess
    }

    /// Demand that `witness` earns `bits` zero bits; without bits there is no witness.
    pub fn grind(&mut self, bits: u32, witness: u64, reason: Reason) -> Checked<()> {
        if bits == 0 {
            return Ok(());
        }
        if self.words.is_empty() {
            self.flush();
        }
        self.absorb_element(witness);
        if self.bits(bits) == 0 {
            Ok(())
        } else {
            Err(rejected(reason, format!("the witness does not earn {bits} bits")))
        }
    }
}
