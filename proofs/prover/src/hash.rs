//! Poseidon2 of width 8 over Goldilocks in bulk: permutations, compressions, dense Merkle levels.
//!
//! Digests are `[u64; 4]` of canonical values. Work is spread over rayon's threads and over the
//! lanes of the machine's vectors.

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::Instant;

use numpy::{IntoPyArray, PyArray2, PyReadonlyArray2, PyUntypedArrayMethods};
use p3_field::{Field, PackedValue, PrimeCharacteristicRing, PrimeField64};
use p3_goldilocks::{
    GOLDILOCKS_POSEIDON2_RC_8_EXTERNAL_FINAL, GOLDILOCKS_POSEIDON2_RC_8_EXTERNAL_INITIAL,
    GOLDILOCKS_POSEIDON2_RC_8_INTERNAL, Goldilocks, MATRIX_DIAG_8_GOLDILOCKS, Poseidon2Goldilocks,
    default_goldilocks_poseidon2_8,
};
use p3_symmetric::Permutation;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rayon::prelude::*;

pub type Digest = [u64; 4];
type Packed = <Goldilocks as Field>::Packing;

/// Compressions that one task does: long enough to hide the scheduling, short enough to share.
const CHUNK: usize = 1024;

pub fn permutation() -> &'static Poseidon2Goldilocks<8> {
    static PERMUTATION: OnceLock<Poseidon2Goldilocks<8>> = OnceLock::new();
    PERMUTATION.get_or_init(default_goldilocks_poseidon2_8)
}

fn permute_lanes(states: &mut [[u64; 8]]) {
    let permutation = permutation();
    for group in states.chunks_mut(Packed::WIDTH) {
        let mut state: [Packed; 8] = std::array::from_fn(|i| {
            Packed::from_fn(|lane| Goldilocks::new(group.get(lane).map_or(0, |s| s[i])))
        });
        permutation.permute_mut(&mut state);
        for (lane, out) in group.iter_mut().enumerate() {
            *out = std::array::from_fn(|i| state[i].as_slice()[lane].as_canonical_u64());
        }
    }
}

/// `out[i] = compress(pair(i))`, one thread.
pub fn compress_into(out: &mut [Digest], pair: impl Fn(usize) -> (Digest, Digest)) {
    let permutation = permutation();
    for (g, group) in out.chunks_mut(Packed::WIDTH).enumerate() {
        let count = group.len();
        let mut inputs = [([0; 4], [0; 4]); 16];
        for (lane, input) in inputs.iter_mut().enumerate().take(count) {
            *input = pair(g * Packed::WIDTH + lane);
        }
        let mut state: [Packed; 8] = std::array::from_fn(|i| {
            Packed::from_fn(|lane| {
                let (left, right) = &inputs[lane];
                Goldilocks::new(if i < 4 { left[i] } else { right[i - 4] })
            })
        });
        permutation.permute_mut(&mut state);
        for (lane, digest) in group.iter_mut().enumerate() {
            *digest = std::array::from_fn(|i| {
                (state[i].as_slice()[lane] + Goldilocks::new(inputs[lane].0[i])).as_canonical_u64()
            });
        }
    }
}

/// The level above `level` (an even number of nodes), in parallel; `done` hears of each finished chunk and may stop.
pub fn next_level(level: &[Digest], done: &(dyn Fn(usize) -> bool + Sync)) -> Option<Vec<Digest>> {
    let mut out = vec![[0; 4]; level.len() / 2];
    let all = out.par_chunks_mut(CHUNK).enumerate().all(|(c, chunk)| {
        compress_into(chunk, |i| {
            let at = 2 * (c * CHUNK + i);
            (level[at], level[at + 1])
        });
        done(chunk.len())
    });
    all.then_some(out)
}

/// The rows of a C-contiguous `(n, N)` array, every element checked to be canonical.
pub fn rows<const N: usize>(name: &str, array: &PyReadonlyArray2<'_, u64>) -> PyResult<Vec<[u64; N]>> {
    if array.shape()[1] != N {
        return Err(PyValueError::new_err(format!(
            "{name}: expected shape (n, {N}), got {:?}",
            array.shape()
        )));
    }
    // `as_slice` alone also takes Fortran order, whose slice is the transposed matrix.
    let flat = array
        .as_slice()
        .ok()
        .filter(|_| array.is_c_contiguous())
        .ok_or_else(|| PyValueError::new_err(format!("{name}: the array is not C-contiguous")))?;
    if let Some(at) = flat.iter().position(|&v| v >= Goldilocks::ORDER_U64) {
        return Err(PyValueError::new_err(format!(
            "{name}: element {} of row {} is not canonical",
            at % N,
            at / N
        )));
    }
    Ok(flat.as_chunks::<N>().0.to_vec())
}

pub fn to_array<const N: usize>(py: Python<'_>, rows: Vec<[u64; N]>) -> PyResult<Bound<'_, PyArray2<u64>>> {
    use numpy::PyArrayMethods;
    let count = rows.len();
    rows.into_flattened().into_pyarray(py).reshape([count, N])
}

/// Poseidon2 permutations of the rows of an `(n, 8)` array.
#[pyfunction]
fn permute_many<'py>(
    py: Python<'py>,
    states: PyReadonlyArray2<'py, u64>,
) -> PyResult<Bound<'py, PyArray2<u64>>> {
    let mut states = rows::<8>("states", &states)?;
    py.detach(|| states.par_chunks_mut(CHUNK).for_each(permute_lanes));
    to_array(py, states)
}

/// `compress` of the rows of two `(n, 4)` arrays.
#[pyfunction]
fn compress_many<'py>(
    py: Python<'py>,
    left: PyReadonlyArray2<'py, u64>,
    right: PyReadonlyArray2<'py, u64>,
) -> PyResult<Bound<'py, PyArray2<u64>>> {
    let (left, right) = (rows::<4>("left", &left)?, rows::<4>("right", &right)?);
    if left.len() != right.len() {
        return Err(PyValueError::new_err(format!(
            "right: {} rows for {} of left",
            right.len(),
            left.len()
        )));
    }
    let mut out = vec![[0; 4]; left.len()];
    py.detach(|| {
        out.par_chunks_mut(CHUNK).enumerate().for_each(|(c, chunk)| {
            compress_into(chunk, |i| (left[c * CHUNK + i], right[c * CHUNK + i]));
        });
    });
    to_array(py, out)
}

fn compress_pair(left: &Digest, right: &Digest) -> Digest {
    let mut state: [Goldilocks; 8] =
        std::array::from_fn(|i| Goldilocks::new(if i < 4 { left[i] } else { right[i - 4] }));
    permutation().permute_mut(&mut state);
    std::array::from_fn(|i| (state[i] + Goldilocks::new(left[i])).as_canonical_u64())
}

fn demand_canonical<'a>(mut digests: impl Iterator<Item = &'a Digest>) -> PyResult<()> {
    if digests.any(|digest| digest.iter().any(|&v| v >= Goldilocks::ORDER_U64)) {
        return Err(PyValueError::new_err("digest: an element is not canonical"));
    }
    Ok(())
}

/// `compress` of two digests.
#[pyfunction]
fn compress(left: Digest, right: Digest) -> PyResult<(u64, u64, u64, u64)> {
    demand_canonical([&left, &right].into_iter())?;
    let [a, b, c, d] = compress_pair(&left, &right);
    Ok((a, b, c, d))
}

/// The root to which a leaf's siblings lead, from the leaf upwards; bit `i` of `index` is 1 where it is a right child.
#[pyfunction]
fn root_of_path(leaf: Digest, index: u64, path: Vec<Digest>) -> PyResult<(u64, u64, u64, u64)> {
    demand_canonical(path.iter().chain([&leaf]))?;
    let mut node = leaf;
    for (height, sibling) in path.iter().enumerate() {
        let right_child = u32::try_from(height)
            .ok()
            .and_then(|height| index.checked_shr(height))
            .is_some_and(|rest| rest & 1 == 1);
        node = if right_child {
            compress_pair(sibling, &node)
        } else {
            compress_pair(&node, sibling)
        };
    }
    let [a, b, c, d] = node;
    Ok((a, b, c, d))
}

/// All levels of the dense tree over `2^k` leaves, leaves first, root last: `(2n - 1, 4)`.
#[pyfunction]
fn merkle_levels<'py>(
    py: Python<'py>,
    leaves: PyReadonlyArray2<'py, u64>,
) -> PyResult<Bound<'py, PyArray2<u64>>> {
    let mut level = rows::<4>("leaves", &leaves)?;
    if !level.len().is_power_of_two() {
        return Err(PyValueError::new_err(format!(
            "leaves: {} is not a power of two",
            level.len()
        )));
    }
    let all = py.detach(|| {
        let mut all = Vec::with_capacity(2 * level.len() - 1);
        while level.len() > 1 {
            let next = next_level(&level, &|_| true).unwrap_or_default();
            all.append(&mut level);
            level = next;
        }
        all.append(&mut level);
        all
    });
    to_array(py, all)
}

/// `(initial external, internal, final external, internal diagonal)` of the permutation.
#[pyfunction]
#[allow(clippy::type_complexity)]
fn poseidon2_constants() -> (Vec<Vec<u64>>, Vec<u64>, Vec<Vec<u64>>, Vec<u64>) {
    let row = |r: &[Goldilocks]| r.iter().map(PrimeField64::as_canonical_u64).collect::<Vec<_>>();
    (
        GOLDILOCKS_POSEIDON2_RC_8_EXTERNAL_INITIAL
            .iter()
            .map(|r| row(r))
            .collect(),
        row(&GOLDILOCKS_POSEIDON2_RC_8_INTERNAL),
        GOLDILOCKS_POSEIDON2_RC_8_EXTERNAL_FINAL
            .iter()
            .map(|r| row(r))
            .collect(),
        row(&MATRIX_DIAG_8_GOLDILOCKS),
    )
}

/// Seconds for `2^log2_count` permutations in one thread, on all lanes of the machine's vectors.
#[pyfunction]
fn bench_permutations(py: Python<'_>, log2_count: u32) -> PyResult<f64> {
    if log2_count > 32 {
        return Err(PyValueError::new_err("log2_count: at most 32"));
    }
    Ok(py.detach(|| {
        let permutation = permutation();
        let mut state: [Packed; 8] =
            std::array::from_fn(|i| Packed::from_fn(|lane| Goldilocks::from_usize(8 * lane + i)));
        let rounds = (1_u64 << log2_count).div_ceil(Packed::WIDTH as u64);
        let start = Instant::now();
        for _ in 0..rounds {
            permutation.permute_mut(&mut state);
        }
        black_box(&state);
        start.elapsed().as_secs_f64()
    }))
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("VECTOR_LANES", Packed::WIDTH)?;
    m.add_function(wrap_pyfunction!(permute_many, m)?)?;
    m.add_function(wrap_pyfunction!(compress_many, m)?)?;
    m.add_function(wrap_pyfunction!(compress, m)?)?;
    m.add_function(wrap_pyfunction!(root_of_path, m)?)?;
    m.add_function(wrap_pyfunction!(merkle_levels, m)?)?;
    m.add_function(wrap_pyfunction!(poseidon2_constants, m)?)?;
    m.add_function(wrap_pyfunction!(bench_permutations, m)?)
}
