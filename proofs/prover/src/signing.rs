//! What is hashed before it is signed, and digests as text: Keccak-256, EIP-712, hexadecimal.

use p3_field::PrimeField64;
use p3_goldilocks::Goldilocks;
use p3_keccak::Keccak256Hash;
use p3_symmetric::CryptographicHasher;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::PyBytes;

use crate::hash::Digest;

const WORD: usize = 32;
const ELEMENT_DIGITS: usize = 16;

fn keccak(parts: &[&[u8]]) -> [u8; WORD] {
    Keccak256Hash {}.hash_iter_slices(parts.iter().copied())
}

/// Keccak-256.
#[pyfunction]
fn keccak256<'py>(py: Python<'py>, data: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &keccak(&[data]))
}

/// EIP-712: the digest of a struct of numbers, each in a word of its own, and what follows them encoded already.
#[pyfunction]
fn typed_digest<'py>(
    py: Python<'py>,
    separator: &[u8],
    type_hash: &[u8],
    numbers: Vec<u64>,
    tail: &[u8],
) -> Bound<'py, PyBytes> {
    let mut words = Vec::with_capacity(WORD * numbers.len());
    for number in numbers {
        words.extend_from_slice(&[0; WORD - 8]);
        words.extend_from_slice(&number.to_be_bytes());
    }
    let hashed = keccak(&[type_hash, &words, tail]);
    PyBytes::new(py, &keccak(&[b"\x19\x01", separator, &hashed]))
}

/// Four canonical elements from `0x` and 64 hexadecimal digits.
fn parse(text: &str) -> Option<Digest> {
    let digits = text.strip_prefix("0x")?;
    if digits.len() != 4 * ELEMENT_DIGITS || !digits.bytes().all(|d| d.is_ascii_hexdigit()) {
        return None;
    }
    let mut digest = [0; 4];
    for (i, element) in digest.iter_mut().enumerate() {
        *element = u64::from_str_radix(&digits[i * ELEMENT_DIGITS..(i + 1) * ELEMENT_DIGITS], 16).ok()?;
        if *element >= Goldilocks::ORDER_U64 {
            return None;
        }
    }
    Some(digest)
}

/// Digests from their text. `ValueError` if one is not four canonical elements.
#[pyfunction]
fn parse_digests(texts: Vec<PyBackedStr>) -> PyResult<Vec<(u64, u64, u64, u64)>> {
    texts
        .iter()
        .map(|text| match parse(text) {
            Some([a, b, c, d]) => Ok((a, b, c, d)),
            None => Err(PyValueError::new_err("not four canonical field elements")),
        })
        .collect()
}

/// `0x` and the 64 hexadecimal digits of a digest.
#[pyfunction]
fn format_digest(digest: Digest) -> String {
    let [a, b, c, d] = digest;
    format!("0x{a:016x}{b:016x}{c:016x}{d:016x}")
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(keccak256, m)?)?;
    m.add_function(wrap_pyfunction!(typed_digest, m)?)?;
    m.add_function(wrap_pyfunction!(parse_digests, m)?)?;
    m.add_function(wrap_pyfunction!(format_digest, m)?)
}
