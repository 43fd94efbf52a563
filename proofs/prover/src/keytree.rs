//! One-time keys: secrets by SHAKE-256, key leaves, and the levels of the key tree above them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use numpy::PyArray2;
use p3_field::PrimeField64;
use p3_goldilocks::Goldilocks;
use p3_keccak::KeccakF;
use p3_symmetric::Permutation;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::hash::{Digest, compress_into, next_level, to_array};

const TAG: &[u8; 24] = b"sealbook/one-time-key/v1";
const SHAKE_RATE: usize = 136;
const MAX_LOG_SIZE: u32 = 20;
const CHUNK: usize = 1024;

/// SHAKE-256 of `TAG || seed || venue || batch` (big-endian), read as little-endian words; the first four words
/// below the order of the field are the secret.
fn secret(seed: &[u8; 32], venue: u64, batch: u64) -> Digest {
    let mut block = [0_u8; SHAKE_RATE];
    block[..24].copy_from_slice(TAG);
    block[24..56].copy_from_slice(seed);
    block[56..64].copy_from_slice(&venue.to_be_bytes());
    block[64..72].copy_from_slice(&batch.to_be_bytes());
    block[72] ^= 0x1f;
    block[SHAKE_RATE - 1] ^= 0x80;
    let mut state = [0_u64; 25];
    for (word, bytes) in state.iter_mut().zip(block.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    let (mut out, mut found) = ([0; 4], 0);
    loop {
        KeccakF.permute_mut(&mut state);
        for &word in &state[..SHAKE_RATE / 8] {
            if word < Goldilocks::ORDER_U64 {
                out[found] = word;
                found += 1;
                if found == 4 {
                    return out;
                }
            }
        }
    }
}

fn key_leaves(out: &mut [Digest], seed: &[u8; 32], venue: u64, first: u64) {
    compress_into(out, |i| {
        let batch = first + i as u64;
        (secret(seed, venue, batch), [1, venue, batch, 0])
    });
}

fn checked(seed: &[u8], venue: u64, first: u64, count: u64) -> PyResult<[u8; 32]> {
    if venue >> 63 != 0 {
        return Err(PyValueError::new_err("venue: at most 63 bits"));
    }
    if first >= 1 << 62 || first + count > 1 << 62 {
        return Err(PyValueError::new_err("first: batches are below 2^62"));
    }
    seed.try_into()
        .map_err(|_| PyValueError::new_err("seed: expected 32 bytes"))
}

/// The secrets of `count` batches from `first`: `(count, 4)`.
#[pyfunction]
fn key_secrets<'py>(
    py: Python<'py>,
    seed: &[u8],
    venue: u64,
    first: u64,
    count: u32,
) -> PyResult<Bound<'py, PyArray2<u64>>> {
    let seed = checked(seed, venue, first, count.into())?;
    let secrets = (0..u64::from(count))
        .map(|i| secret(&seed, venue, first + i))
        .collect();
    to_array(py, secrets)
}

/// Generates the levels of a key tree; another thread may read its progress or cancel it.
#[pyclass(frozen)]
struct KeyTreeBuilder {
    seed: [u8; 32],
    venue: u64,
    first: u64,
    log_size: u32,
    done: AtomicU64,
    cancelled: AtomicBool,
}

impl KeyTreeBuilder {
    fn advance(&self, count: usize) -> bool {
        self.done.fetch_add(count as u64, Ordering::Relaxed);
        !self.cancelled.load(Ordering::Relaxed)
    }

    fn levels(&self, keep: u32) -> Option<Vec<Digest>> {
        let mut level = vec![[0; 4]; 1 << self.log_size];
        let complete = level.par_chunks_mut(CHUNK).enumerate().all(|(c, chunk)| {
            key_leaves(chunk, &self.seed, self.venue, self.first + (c * CHUNK) as u64);
            self.advance(chunk.len())
        });
        if !complete {
            return None;
        }
        let mut kept = Vec::with_capacity(2 << (self.log_size - keep));
        for height in 0..=self.log_size {
            let next = if height < self.log_size {
                next_level(&level, &|count| self.advance(count))?
            } else {
                Vec::new()
            };
            if height >= keep {
                kept.extend_from_slice(&level);
            }
            level = next;
        }
        Some(kept)
    }
}

#[pymethods]
impl KeyTreeBuilder {
    /// Covers the batches `[first, first + 2^log_size)`.
    #[new]
    fn new(seed: &[u8], venue: u64, first: u64, log_size: u32) -> PyResult<Self> {
        if log_size > MAX_LOG_SIZE {
            return Err(PyValueError::new_err("log_size: at most 20"));
        }
        let seed = checked(seed, venue, first, 1 << log_size)?;
        Ok(Self {
            seed,
            venue,
            first,
            log_size,
            done: AtomicU64::new(0),
            cancelled: AtomicBool::new(false),
        })
    }

    /// The levels from height `keep` up to the root of the `2^log_size` leaves, lowest first; `None` if cancelled.
    fn build<'py>(&self, py: Python<'py>, keep: u32) -> PyResult<Option<Bound<'py, PyArray2<u64>>>> {
        if keep > self.log_size {
            return Err(PyValueError::new_err("keep: at most log_size"));
        }
        self.done.store(0, Ordering::Relaxed);
        py.detach(|| self.levels(keep))
            .map(|levels| to_array(py, levels))
            .transpose()
    }

    /// Leaves and nodes computed, and how many there are.
    fn progress(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), (2 << self.log_size) - 1)
    }

    fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(key_secrets, m)?)?;
    m.add_class::<KeyTreeBuilder>()
}
