//! Python face of the prover: converts and checks arguments, releases the GIL for long work.

use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray2, PyUntypedArrayMethods};
use p3_field::PrimeField64;
use p3_goldilocks::Goldilocks;
use p3_matrix::dense::RowMajorMatrix;
use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rayon::prelude::*;

use crate::mmcs::Val;
use crate::params::Params;
use crate::prove::{ProveError, prove as make_proof, prove_and_verify as make_judged_proof};
use crate::tape::{ORDER, Tape, TapeError};
use crate::verifier::Messages;
use crate::vk::{Setup, SetupError};
use crate::witness::{self, Derived, Layout, Part, WitnessError};
use crate::{progress, security, verifier, wire};

create_exception!(
    _native,
    ProofError,
    PyException,
    "Refused input or failed proof; args are (code, message)."
);

fn raise(error: &dyn std::fmt::Display) -> PyErr {
    let text = error.to_string();
    let (code, message) = text.split_once(": ").unwrap_or(("error", &text));
    ProofError::new_err((code.to_owned(), message.to_owned()))
}

impl From<TapeError> for PyErr {
    fn from(e: TapeError) -> Self {
        raise(&e)
    }
}
impl From<SetupError> for PyErr {
    fn from(e: SetupError) -> Self {
        raise(&e)
    }
}
impl From<ProveError> for PyErr {
    fn from(e: ProveError) -> Self {
        raise(&e)
    }
}
impl From<WitnessError> for PyErr {
    fn from(e: WitnessError) -> Self {
        raise(&e)
    }
}

fn argument(what: &str) -> PyErr {
    ProofError::new_err(("argument", what.to_owned()))
}

fn matrix(table: usize, array: &PyReadonlyArray2<'_, u64>) -> PyResult<RowMajorMatrix<Val>> {
    let width = array.shape()[1];
    if width == 0 {
        return Err(argument("an array has no columns"));
    }
    let view = array.as_array();
    let standard = view.as_standard_layout();
    let values = standard.as_slice().unwrap_or_default();
    if values.par_iter().any(|value| *value >= ORDER) {
        return Err(argument(&format!(
            "array {table} holds a value that is not canonical"
        )));
    }
    let values = values.par_iter().map(|value| Goldilocks::new(*value)).collect();
    Ok(RowMajorMatrix::new(values, width))
}

fn matrices(arrays: &[PyReadonlyArray2<'_, u64>]) -> PyResult<Vec<RowMajorMatrix<Val>>> {
    arrays.iter().enumerate().map(|(i, a)| matrix(i, a)).collect()
}

fn array<'py>(py: Python<'py>, values: Vec<u64>, width: usize) -> PyResult<Bound<'py, PyArray2<u64>>> {
    let height = values.len() / width;
    let array =
        numpy::ndarray::Array2::from_shape_vec((height, width), values).map_err(|_| argument("shape"))?;
    Ok(array.into_pyarray(py))
}

/// Grinding bits may be left out (0); every other parameter must be there, and no other key.
fn params(dict: &Bound<'_, PyDict>) -> PyResult<Params> {
    let mut values = [0; 10];
    let mut found = 0;
    for (value, name) in values.iter_mut().zip(Params::NAMES) {
        let Some(item) = dict.get_item(name)? else {
            if name.ends_with("_pow_bits") {
                continue;
            }
            return Err(argument(&format!("parameter {name} is missing")));
        };
        *value = item
            .extract()
            .map_err(|_| argument(&format!("parameter {name} is not in 0..=255")))?;
        found += 1;
    }
    if dict.len() != found {
        return Err(argument("unknown parameter"));
    }
    Ok(Params::from_array(values))
}

/// Verification key of a tape with fixed heights and parameters.
#[pyfunction]
fn setup<'py>(
    py: Python<'py>,
    tape: &[u8],
    log_heights: Vec<usize>,
    parameters: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyBytes>> {
    let parameters = params(parameters)?;
    let setup = py.detach(|| Setup::new(tape, &log_heights, parameters))?;
    Ok(PyBytes::new(py, &setup.bytes))
}

/// Wire proof; the traces are not checked against the constraints.
#[pyfunction]
fn prove<'py>(
    py: Python<'py>,
    vk: &[u8],
    context: [u8; 32],
    traces: Vec<PyReadonlyArray2<'py, u64>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let traces = progress::writing(|| matrices(&traces))?;
    let proof = py.detach(|| make_proof(&Setup::parse(vk)?, &context, &traces))?;
    Ok(PyBytes::new(py, &proof))
}

/// As `prove`, judged by Plonky3's own verifier; the tables must balance among themselves. For tests.
#[pyfunction]
fn prove_and_verify<'py>(
    py: Python<'py>,
    vk: &[u8],
    context: [u8; 32],
    traces: Vec<PyReadonlyArray2<'py, u64>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let traces = matrices(&traces)?;
    let proof = py.detach(|| make_judged_proof(&Setup::parse(vk)?, &context, &traces))?;
    Ok(PyBytes::new(py, &proof))
}

fn verdict(result: Result<(), verifier::Rejected>) -> PyResult<()> {
    result.map_err(|rejected| ProofError::new_err((rejected.reason.name(), rejected.detail)))
}

/// Verify a proof without Plonky3; the code of the error is the reason. Messages: (bus of the tape, fields).
#[pyfunction]
fn verify(
    py: Python<'_>,
    vk: &[u8],
    context: &[u8],
    messages: Vec<(u64, Vec<u64>)>,
    proof: &[u8],
) -> PyResult<()> {
    verdict(py.detach(|| verifier::verify(vk, context, &Messages::Listed(&messages), proof)))
}

/// As `verify`, over packed messages.
#[pyfunction]
fn verify_packed(py: Python<'_>, vk: &[u8], context: &[u8], messages: &[u8], proof: &[u8]) -> PyResult<()> {
    verdict(py.detach(|| verifier::verify(vk, context, &Messages::Packed(messages), proof)))
}

/// Fraction of the running (or last) proof that is done.
#[pyfunction]
fn prove_progress() -> f64 {
    progress::fraction()
}

/// Seconds per phase of this process's last proof.
#[pyfunction]
fn prove_profile() -> Vec<(&'static str, f64)> {
    progress::profile()
}

/// Byte lengths of a proof's head and of one query record.
#[pyfunction]
fn proof_lengths(vk: &[u8]) -> PyResult<(usize, usize)> {
    Ok(wire::lengths(&Setup::parse(vk)?))
}

/// Bits of security per error source, as {"conjectured": {...}, "proven": {...}, ...}.
#[pyfunction]
fn security_report<'py>(py: Python<'py>, vk: &[u8]) -> PyResult<Bound<'py, PyDict>> {
    let setup = Setup::parse(vk)?;
    let out = PyDict::new(py);
    for (regime, terms) in security::report(&setup) {
        let dict = PyDict::new(py);
        for (label, bits) in terms {
            dict.set_item(label, bits)?;
        }
        out.set_item(regime, dict)?;
    }
    Ok(out)
}

/// The contiguous values of an array, each a canonical field element.
fn canonical<'a>(what: &str, array: &'a PyReadonlyArray2<'_, u64>) -> PyResult<&'a [u64]> {
    let values = array
        .as_slice()
        .ok()
        .filter(|_| array.is_c_contiguous())
        .ok_or_else(|| argument(&format!("{what} is not C-contiguous")))?;
    if values.par_iter().any(|value| *value >= ORDER) {
        return Err(argument(&format!("{what} holds a value that is not canonical")));
    }
    Ok(values)
}

/// Table, column, node and kind (0 = copy, 1 = inverse or zero) of a derived column.
type DerivedOf = (usize, usize, usize, u8);
/// First row, first column, values.
type PartOf<'py> = (usize, usize, PyReadonlyArray2<'py, u64>);
/// Parts, rows and height: see `witness::Layout`.
type LayoutOf<'py> = (Vec<PartOf<'py>>, usize, usize);

fn derived_of(derived: &[DerivedOf], table: usize) -> Vec<Derived> {
    derived
        .iter()
        .filter(|d| d.0 == table)
        .map(|(_, column, node, kind)| Derived {
            column: *column,
            node: *node,
            kind: *kind,
        })
        .collect()
}

fn layout_of<'a>(table: usize, layout: &'a LayoutOf<'_>) -> PyResult<Layout<'a>> {
    let (parts, rows, height) = layout;
    let parts = parts
        .iter()
        .map(|(row, column, array)| {
            Ok(Part {
                row: *row,
                column: *column,
                width: array.shape()[1],
                values: canonical(&format!("a part of table {table}"), array)?,
            })
        })
        .collect::<PyResult<_>>()?;
    Ok(Layout {
        parts,
        rows: *rows,
        height: *height,
    })
}

/// A table's trace, as an array.
#[pyfunction]
fn lay_out<'py>(
    py: Python<'py>,
    tape: &[u8],
    derived: Vec<DerivedOf>,
    table: usize,
    layout: LayoutOf<'py>,
) -> PyResult<Bound<'py, PyArray2<u64>>> {
    let layout = layout_of(table, &layout)?;
    let (values, width) = py.detach(|| -> Result<_, PyErr> {
        let tape = Tape::parse(tape)?;
        let found = witness::table(&tape, table)?;
        let trace = witness::lay_out(table, found, &derived_of(&derived, table), &layout)?;
        let values: Vec<u64> = trace
            .values
            .par_iter()
            .map(PrimeField64::as_canonical_u64)
            .collect();
        Ok((values, found.width))
    })?;
    array(py, values, width)
}

/// As `messages` that are sent, for several buses at once, on the trace of a layout.
#[pyfunction]
fn sent<'py>(
    py: Python<'py>,
    tape: &[u8],
    derived: Vec<DerivedOf>,
    table: usize,
    layout: LayoutOf<'py>,
    buses: Vec<u8>,
) -> PyResult<Vec<Bound<'py, PyArray2<u64>>>> {
    let layout = layout_of(table, &layout)?;
    let found = py.detach(|| -> Result<Vec<_>, PyErr> {
        let tape = Tape::parse(tape)?;
        let found = witness::table(&tape, table)?;
        let trace = witness::lay_out(table, found, &derived_of(&derived, table), &layout)?;
        buses
            .into_iter()
            .map(|bus| {
                let width = *tape.buses.get(usize::from(bus)).ok_or(WitnessError::Bus(bus))?;
                Ok((
                    witness::messages(found, &trace, bus, false)?,
                    2 + usize::from(width),
                ))
            })
            .collect()
    })?;
    found
        .into_iter()
        .map(|(values, width)| array(py, values, width))
        .collect()
}

/// As `prove`, with traces that are laid out here, all heights being those of the key. `tape` is the program in the order of
/// its source, to which `derived` refers: the key's own tape is ordered otherwise.
#[pyfunction]
fn prove_laid_out<'py>(
    py: Python<'py>,
    vk: &[u8],
    context: [u8; 32],
    tape: &[u8],
    derived: Vec<DerivedOf>,
    layouts: Vec<LayoutOf<'py>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let layouts = layouts
        .iter()
        .enumerate()
        .map(|(table, layout)| layout_of(table, layout))
        .collect::<PyResult<Vec<_>>>()?;
    let proof = py.detach(|| -> Result<_, PyErr> {
        let setup = Setup::parse(vk)?;
        let tape = Tape::parse(tape)?;
        let write = |(index, layout)| {
            let table = witness::table(&tape, index)?;
            witness::lay_out(index, table, &derived_of(&derived, index), layout)
        };
        let traces = progress::writing(|| {
            layouts
                .iter()
                .enumerate()
                .map(write)
                .collect::<Result<Vec<_>, _>>()
        })?;
        Ok(make_proof(&setup, &context, &traces)?)
    })?;
    Ok(PyBytes::new(py, &proof))
}

type Counted<'py> = (Bound<'py, PyArray2<u64>>, Bound<'py, PyArray1<u64>>);

/// Distinct messages among rows (row, count, fields...), in the order of their bytes, and the sums of their counts, where
/// not 0.
#[pyfunction]
fn distinct<'py>(py: Python<'py>, asked: PyReadonlyArray2<'py, u64>) -> PyResult<Counted<'py>> {
    let Some(width) = asked.shape()[1].checked_sub(2).filter(|width| *width > 0) else {
        return Err(argument("a message has no fields"));
    };
    let rows = canonical("asked", &asked)?;
    let (fields, counts) = py.detach(|| witness::distinct(rows, width));
    Ok((array(py, fields, width)?, counts.into_pyarray(py)))
}

/// For each row of `wanted` the last place among `rows` where it stands, or -1.
#[pyfunction]
fn places<'py>(
    py: Python<'py>,
    rows: PyReadonlyArray2<'py, u64>,
    wanted: PyReadonlyArray2<'py, u64>,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let width = rows.shape()[1];
    if width == 0 || wanted.shape()[1] != width {
        return Err(argument("rows of two widths"));
    }
    let (rows, wanted) = (canonical("rows", &rows)?, canonical("wanted", &wanted)?);
    let found = py.detach(|| witness::places(rows, wanted, width));
    let found: Vec<i64> = found
        .into_iter()
        .map(|place| place.and_then(|place| i64::try_from(place).ok()).unwrap_or(-1))
        .collect();
    Ok(found.into_pyarray(py))
}

/// Messages of one bus and sign (0 send, 1 receive) with non-zero count: rows of (row, count, fields...).
#[pyfunction]
fn messages<'py>(
    py: Python<'py>,
    tape: &[u8],
    table: usize,
    trace: PyReadonlyArray2<'py, u64>,
    bus: u8,
    sign: u8,
) -> PyResult<Bound<'py, PyArray2<u64>>> {
    let trace = matrix(table, &trace)?;
    let (values, width) = py.detach(|| -> Result<_, PyErr> {
        let tape = Tape::parse(tape)?;
        let width = *tape.buses.get(usize::from(bus)).ok_or(WitnessError::Bus(bus))?;
        let rows = witness::messages(witness::table(&tape, table)?, &trace, bus, sign == 1)?;
        Ok((rows, 2 + usize::from(width)))
    })?;
    array(py, values, width)
}

type ConstraintViolation = (usize, usize, usize);
type BusViolation = (u8, Vec<u64>, u64);

/// Broken constraints (table, assert, row) and unbalanced messages (bus, fields, count mod p), at most `limit` each.
/// `public`: rows of (bus, fields..., zeros), each sent once.
#[pyfunction]
#[pyo3(signature = (tape, traces, public, limit = 20))]
fn check<'py>(
    py: Python<'py>,
    tape: &[u8],
    traces: Vec<PyReadonlyArray2<'py, u64>>,
    public: PyReadonlyArray2<'py, u64>,
    limit: usize,
) -> PyResult<(Vec<ConstraintViolation>, Vec<BusViolation>)> {
    let traces = matrices(&traces)?;
    let public = matrix(0, &public)?;
    py.detach(|| {
        let tape = Tape::parse(tape)?;
        let constraints = witness::broken_constraints(&tape, &traces, limit)?;
        let buses = witness::unbalanced(&tape, &traces, &public, limit)?;
        Ok((constraints, buses))
    })
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    #[cfg(feature = "unblinded")]
    m.add("UNBLINDED", crate::blinding::VARIABLE)?;
    m.add("ProofError", m.py().get_type::<ProofError>())?;
    m.add_function(wrap_pyfunction!(setup, m)?)?;
    m.add_function(wrap_pyfunction!(prove, m)?)?;
    m.add_function(wrap_pyfunction!(prove_and_verify, m)?)?;
    m.add_function(wrap_pyfunction!(verify, m)?)?;
    m.add_function(wrap_pyfunction!(verify_packed, m)?)?;
    m.add_function(wrap_pyfunction!(prove_progress, m)?)?;
    m.add_function(wrap_pyfunction!(prove_profile, m)?)?;
    m.add_function(wrap_pyfunction!(proof_lengths, m)?)?;
    m.add_function(wrap_pyfunction!(security_report, m)?)?;
    m.add_function(wrap_pyfunction!(prove_laid_out, m)?)?;
    m.add_function(wrap_pyfunction!(lay_out, m)?)?;
    m.add_function(wrap_pyfunction!(sent, m)?)?;
    m.add_function(wrap_pyfunction!(distinct, m)?)?;
    m.add_function(wrap_pyfunction!(places, m)?)?;
    m.add_function(wrap_pyfunction!(messages, m)?)?;
    m.add_function(wrap_pyfunction!(check, m)?)?;
    Ok(())
}
