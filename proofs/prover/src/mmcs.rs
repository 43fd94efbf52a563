//! Salted Keccak Merkle commitments with one salt per leaf group and plain (not pruned) paths.
//!
//! Plonky3's hiding commitment salts every matrix; all matrices of one height are hashed into one leaf, so one salt
//! hides them all and costs less in every query. A verifier reads `rows || salt` of a group as one slice.

use std::cmp::Reverse;
use std::sync::Mutex;

use p3_commit::{BatchOpening, BatchOpeningRef, Mmcs};
use p3_goldilocks::Goldilocks;
use p3_keccak::Keccak256Hash;
use p3_matrix::dense::RowMajorMatrix;
use p3_matrix::stack::HorizontalPair;
use p3_matrix::{Dimensions, Matrix};
use p3_merkle_tree::{MerkleTree, MerkleTreeError, MerkleTreeMmcs};
use p3_symmetric::{CompressionFunctionFromHasher, MerkleCap};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::blinding::{Part, draw};
use crate::rows::RowHash;

pub type Val = Goldilocks;
pub type Compress = CompressionFunctionFromHasher<Keccak256Hash, 2, 32>;
pub type Digest = [u8; 32];
type Inner = MerkleTreeMmcs<Val, u8, RowHash, Compress, 2, 32>;

/// Salt elements per leaf group: 128 bits.
pub const SALT: usize = 2;

/// Opening proof of one index: a salt per leaf group, tallest first, and the siblings from the leaves upward.
pub type Path = (Vec<Vec<Val>>, Vec<Digest>);

#[derive(Debug)]
pub struct SaltedMmcs {
    inner: Inner,
    rng: Mutex<StdRng>,
}

impl SaltedMmcs {
    pub fn new(cap_height: usize, rng: StdRng) -> Self {
        Self {
            inner: Inner::new(RowHash, Compress::new(Keccak256Hash {}), cap_height),
            rng: Mutex::new(rng),
        }
    }
    fn fork_rng(&self) -> StdRng {
        // A poisoned lock still holds a valid generator.
        let mut rng = self.rng.lock().unwrap_or_else(|e| e.into_inner());
        StdRng::from_rng(&mut *rng)
    }
}

impl Clone for SaltedMmcs {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            rng: Mutex::new(self.fork_rng()),
        }
    }
}

/// For each matrix, whether it is the last of its height (in the stable tallest-first order of the tree).
fn carries_salt(heights: &[usize]) -> Vec<bool> {
    (0..heights.len())
        .map(|i| !heights[i + 1..].contains(&heights[i]))
        .collect()
}

/// Indices of the matrices that carry the salts, tallest group first.
fn salted_order(heights: &[usize]) -> Vec<usize> {
    let carries = carries_salt(heights);
    let mut order: Vec<usize> = (0..heights.len()).filter(|i| carries[*i]).collect();
    order.sort_by_key(|i| Reverse(heights[*i]));
    order
}

impl Mmcs<Val> for SaltedMmcs {
    type ProverData<M> = MerkleTree<Val, u8, HorizontalPair<M, RowMajorMatrix<Val>>, 2, 32>;
    type Commitment = MerkleCap<Val, Digest>;
    type Proof = Path;
    type MultiProof = Vec<Path>;
    type Error = MerkleTreeError;

    fn commit<M: Matrix<Val>>(&self, inputs: Vec<M>) -> (Self::Commitment, Self::ProverData<M>) {
        let heights: Vec<usize> = inputs.iter().map(Matrix::height).collect();
        let carries = carries_salt(&heights);
        let mut rng = self.fork_rng();
        let salted = inputs
            .into_iter()
            .zip(carries)
            .map(|(left, carries)| {
                // Not HorizontalPair::new: a matrix without columns reports height 0.
                let right = if carries {
                    RowMajorMatrix::new(draw(Part::Salts, &mut rng, left.height(), SALT), SALT)
                } else {
                    RowMajorMatrix::new(Vec::new(), 0)
                };
                HorizontalPair { left, right }
            })
            .collect();
        self.inner.commit(salted)
    }

    fn open_batch<M: Matrix<Val>>(
        &self,
        index: usize,
        data: &Self::ProverData<M>,
    ) -> BatchOpening<Val, Self> {
        let heights = self.inner.get_matrix_heights(data);
        let (mut rows, siblings) = self.inner.open_batch(index, data).unpack();
        let salts = salted_order(&heights)
            .into_iter()
            .map(|i| {
                let at = rows[i].len() - SALT;
                rows[i].split_off(at)
            })
            .collect();
        BatchOpening::new(rows, (salts, siblings))
    }

    fn get_matrices<'a, M: Matrix<Val>>(&self, data: &'a Self::ProverData<M>) -> Vec<&'a M> {
        self.inner
            .get_matrices(data)
            .into_iter()
            .map(|pair| &pair.left)
            .collect()
    }

    fn verify_batch(
        &self,
        commit: &Self::Commitment,
        dimensions: &[Dimensions],
        index: usize,
        opening: BatchOpeningRef<'_, Val, Self>,
    ) -> Result<(), Self::Error> {
        let (rows, (salts, siblings)) = opening.unpack();
        let mismatch = MerkleTreeError::WrongBatchSize {
            expected: dimensions.len(),
            got: rows.len(),
        };
        let heights: Vec<usize> = dimensions.iter().map(|d| d.height).collect();
        let order = salted_order(&heights);
        if rows.len() != dimensions.len() || salts.len() != order.len() {
            return Err(mismatch);
        }
        let mut rows = rows.to_vec();
        let mut dimensions = dimensions.to_vec();
        for (i, salt) in order.into_iter().zip(salts) {
            rows[i].extend_from_slice(salt);
            dimensions[i].width += SALT;
        }
        self.inner
            .verify_batch(commit, &dimensions, index, BatchOpeningRef::new(&rows, siblings))
    }

    fn open_multi_batch<M: Matrix<Val>>(
        &self,
        indices: &[usize],
        data: &Self::ProverData<M>,
    ) -> (Vec<Vec<Vec<Val>>>, Self::MultiProof) {
        indices
            .iter()
            .map(|index| self.open_batch(*index, data).unpack())
            .unzip()
    }

    fn verify_multi_batch<R: AsRef<[Val]> + PartialEq>(
        &self,
        commit: &Self::Commitment,
        dimensions: &[Dimensions],
        indices: &[usize],
        opened: &[Vec<R>],
        proof: &Self::MultiProof,
    ) -> Result<(), Self::Error> {
        if opened.len() != indices.len() || proof.len() != indices.len() {
            return Err(MerkleTreeError::WrongBatchSize {
                expected: indices.len(),
                got: opened.len(),
            });
        }
        for ((index, rows), path) in indices.iter().zip(opened).zip(proof) {
            let rows: Vec<Vec<Val>> = rows.iter().map(|row| row.as_ref().to_vec()).collect();
            self.verify_batch(commit, dimensions, *index, BatchOpeningRef::new(&rows, path))?;
        }
        Ok(())
    }
}
