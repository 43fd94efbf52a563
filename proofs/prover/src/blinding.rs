//! The randomness that hides a witness, each draw named by what it hides.
//!
//! A test build (feature `unblinded`, never in the installed module) leaves out the parts that an environment variable
//! names, so that tests can show what each part is for.

use p3_matrix::dense::RowMajorMatrix;
use rand::rngs::StdRng;

use crate::mmcs::Val;

/// What a draw hides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Columns of main and permutation traces, where they are opened.
    Columns,
    /// Quotient chunks, beyond the sum that the columns' openings give away.
    Chunks,
    /// The batch of all columns, in the folding.
    Folding,
    /// Rows beside the queried ones, behind their hashes.
    Salts,
}

/// Uniform values, `rows` x `width`, row by row.
#[cfg(not(feature = "unblinded"))]
pub fn draw(_: Part, rng: &mut StdRng, rows: usize, width: usize) -> Vec<Val> {
    RowMajorMatrix::rand(rng, rows, width).values
}

/// As in the real module, or zeros for a part that the environment leaves out.
#[cfg(feature = "unblinded")]
pub fn draw(part: Part, rng: &mut StdRng, rows: usize, width: usize) -> Vec<Val> {
    let left_out = std::env::var(VARIABLE).unwrap_or_default();
    let name = format!("{part:?}").to_lowercase();
    let values = RowMajorMatrix::rand(rng, rows, width).values;
    if left_out.split(',').any(|other| other == name) {
        return vec![Val::default(); values.len()];
    }
    values
}

/// Parts to leave out, in lower case, separated by commas.
#[cfg(feature = "unblinded")]
pub const VARIABLE: &str = "SEALBOOK_UNBLINDED";
