//! Hiding polynomial commitments whose masks are short.
//!
//! Plonky3's own hiding wrapper interleaves every trace with as many random rows, which doubles what is committed. Here a
//! column f over a coset of order n with vanishing polynomial Z becomes `f + Z r`, r uniformly random of degree below
//! [`mask_length`]: more coefficients than a proof reveals values of the column. To Plonky3 that is a polynomial of degree
//! below 2n, so its prover and its verifier run unchanged, with blowup 2^(b-1) over 2n; our verifiers demand a degree close
//! to n + mask by the number of coefficients of the final polynomial ([`final_coefficients`]).
//!
//! The polynomial that masks the low-degree test is one more matrix of the quotient tree. Its degree is the highest that
//! verifiers accept, so that the batch is uniform at every height that it is folded to: lower tables, which join there,
//! have relatively longer masks than the tallest, whose degree alone would leave their upper coefficients bare.

use std::sync::{Mutex, MutexGuard};

use p3_commit::{
    CommitmentOpening, MatrixOpening, OpenedValues, OpeningRequest, Pcs, PolynomialSpace, UnivariateStarkPcs,
};
use p3_dft::{Radix2DitParallel, TwoAdicSubgroupDft};
use p3_field::coset::TwoAdicMultiplicativeCoset;
use p3_field::{Field, PrimeCharacteristicRing, TwoAdicField, batch_multiplicative_inverse};
use p3_fri::{FriParameters, FriProverError, TwoAdicFriPcs};
use p3_matrix::Matrix;
use p3_matrix::bitrev::BitReversibleMatrix;
use p3_matrix::dense::RowMajorMatrix;
use p3_maybe_rayon::prelude::*;
use p3_symmetric::MerkleCap;
use rand::SeedableRng;
use rand::rngs::StdRng;
use thiserror::Error;

use crate::blinding::{Part, draw};
use crate::mmcs::{Digest, SaltedMmcs, Val};
use crate::params::Params;
use crate::progress;
use crate::prove::{Challenge, ChallengeMmcs, Challenger};

type Domain = TwoAdicMultiplicativeCoset<Val>;
type Inner = TwoAdicFriPcs<Val, Radix2DitParallel<Val>, SaltedMmcs, ChallengeMmcs>;
type InnerData = <Inner as Pcs<Challenge, Challenger>>::ProverData;
type Commitment = <Inner as Pcs<Challenge, Challenger>>::Commitment;

/// Base columns of the mask of the low-degree test: one polynomial over the extension.
pub const MASK_WIDTH: usize = 2;
/// Plonky3 absorbs a commitment to its randomization after the quotient tree; ours is in that tree already.
const NO_COMMITMENT: Digest = [0; 32];
/// Place of the quotient tree among the committed trees: main, quotient, permutation.
const QUOTIENT: usize = 1;

/// Random coefficients of a column's mask: a proof reveals a value per query and two per opening point in the quadratic
/// extension, at most two points; and, through the quotient, one more per query, in the next row. Twice the former is
/// enough for all, the bound of ePrint 2024/1037, section 4.2.
pub fn mask_length(params: &Params) -> usize {
    2 * (usize::from(params.num_queries) + 2 * 2)
}

/// Coefficients of the final polynomial: a batch of degree at most n + mask - 2, folded from n to `2^log_final`.
pub fn final_coefficients(params: &Params, log_heights: &[usize]) -> usize {
    let mask = mask_length(params);
    let log_final = usize::from(params.log_final_poly_len);
    log_heights
        .iter()
        .map(|h| (((1 << h) + mask - 2) >> h.saturating_sub(log_final)) + 1)
        .max()
        .unwrap_or(1)
}

/// log2 of the quotient chunks that hold the quotient of constraints of a degree over masked columns; one would hide nothing.
pub fn log_chunks(params: &Params, degree: usize, log_height: usize) -> usize {
    let height = 1 << log_height;
    let quotient = degree * (height + mask_length(params)) - height;
    quotient
        .div_ceil(height)
        .next_power_of_two()
        .trailing_zeros()
        .max(1) as usize
}

/// What Plonky3 folds to: masked polynomials have degree below 2n to it.
pub fn log_final_length(params: &Params) -> usize {
    usize::from(params.log_final_poly_len) + 1
}

/// A committed tree; in the place of Plonky3's randomization commitment there is none.
pub struct Tree(Option<InnerData>);

impl Tree {
    fn data(&self) -> Result<&InnerData, HidingError> {
        self.0.as_ref().ok_or(HidingError::Rounds)
    }
}

#[derive(Debug, Error)]
pub enum HidingError {
    #[error(transparent)]
    Fri(#[from] FriProverError),
    #[error("a matrix of {0} rows cannot hide behind its mask")]
    Budget(usize),
    #[error("the trees to open are not randomization, main, quotient and permutation")]
    Rounds,
}

#[derive(Debug, Error)]
pub enum HidingVerifierError<E: std::fmt::Debug> {
    #[error("{0:?}")]
    Inner(E),
    #[error("the claims are not those of randomization, main, quotient and permutation")]
    Rounds,
}

pub struct HidingPcs {
    inner: Inner,
    dft: Radix2DitParallel<Val>,
    params: Params,
    log_blowup: usize,
    mask_length: usize,
    rng: Mutex<StdRng>,
}

impl Clone for HidingPcs {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            dft: self.dft.clone(),
            params: self.params,
            log_blowup: self.log_blowup,
            mask_length: self.mask_length,
            rng: Mutex::new(StdRng::from_rng(&mut *self.lock())),
        }
    }
}

impl HidingPcs {
    /// `fri`: the blowup and the length of the final polynomial that Plonky3 sees.
    pub fn new(params: &Params, mmcs: SaltedMmcs, fri: FriParameters<ChallengeMmcs>, rng: StdRng) -> Self {
        let dft = Radix2DitParallel::default();
        Self {
            inner: Inner::new(dft.clone(), mmcs, fri),
            dft,
            params: *params,
            log_blowup: params.log_blowup.into(),
            mask_length: mask_length(params),
            rng: Mutex::new(rng),
        }
    }

    fn lock(&self) -> MutexGuard<'_, StdRng> {
        // A poisoned lock still holds a valid generator.
        self.rng.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn random(&self, part: Part, rows: usize, width: usize) -> Vec<Val> {
        draw(part, &mut self.lock(), rows, width)
    }

    fn check_budget(&self, height: usize) -> Result<(), HidingError> {
        if height < self.mask_length {
            return Err(HidingError::Budget(height));
        }
        Ok(())
    }

    /// Values on the whole evaluation domain, bit-reversed, of columns that are masked on their coset s H.
    /// `coefficients` and `mask` are in y = x / s; `shift` = generator / s.
    ///
    /// On each of the 2^b cosets of H that make up the domain y^n is constant, so there the mask only changes the first
    /// coefficients of a transform of size n.
    fn extend(&self, coefficients: &RowMajorMatrix<Val>, mask: &[Val], shift: Val) -> RowMajorMatrix<Val> {
        progress::extending(|| self.extended(coefficients, mask, shift))
    }

    fn extended(&self, coefficients: &RowMajorMatrix<Val>, mask: &[Val], shift: Val) -> RowMajorMatrix<Val> {
        let (height, width) = (coefficients.height(), coefficients.width());
        let step = Val::two_adic_generator(height.trailing_zeros() as usize + self.log_blowup);
        let mut values = Val::zero_vec((height * width) << self.log_blowup);
        values
            .par_chunks_exact_mut(height * width)
            .enumerate()
            .for_each(|(block, out)| {
                let coset = block.reverse_bits() >> (usize::BITS as usize - self.log_blowup);
                let start = shift * step.exp_u64(coset as u64);
                let vanishing = start.exp_u64(height as u64) - Val::ONE;
                let mut masked = coefficients.clone();
                for (coefficient, random) in masked.values.iter_mut().zip(mask) {
                    *coefficient += vanishing * *random;
                }
                let extended = self.dft.coset_dft_batch(masked, start);
                out.copy_from_slice(&extended.bit_reverse_rows().values);
            });
        RowMajorMatrix::new(values, width)
    }

    /// The polynomial that hides the folding: uniform, of the highest degree that the final polynomial's length admits.
    fn folding_mask(&self, log_heights: &[usize]) -> RowMajorMatrix<Val> {
        let tallest = log_heights.iter().copied().max().unwrap_or(0);
        let height = 1 << tallest;
        let folded = final_coefficients(&self.params, log_heights);
        let shift = tallest.saturating_sub(self.params.log_final_poly_len.into());
        // Opening divides by a linear factor. To the inner scheme a degree is below twice the height.
        let length = ((folded << shift) + 1).min(2 * height);
        let coefficients = RowMajorMatrix::new(self.random(Part::Folding, height, MASK_WIDTH), MASK_WIDTH);
        let mask = self.random(Part::Folding, length - height, MASK_WIDTH);
        self.extend(&coefficients, &mask, Val::GENERATOR)
    }
}

impl Pcs<Challenge, Challenger> for HidingPcs {
    type Domain = Domain;
    type Commitment = Commitment;
    type ProverData = Tree;
    type Proof = <Inner as Pcs<Challenge, Challenger>>::Proof;
    type Error = HidingVerifierError<<Inner as Pcs<Challenge, Challenger>>::Error>;
    type ProverError = HidingError;

    fn natural_domain_for_degree(&self, degree: usize) -> Domain {
        <Inner as Pcs<Challenge, Challenger>>::natural_domain_for_degree(&self.inner, degree)
    }

    fn commit(
        &self,
        evaluations: impl IntoIterator<Item = (Domain, RowMajorMatrix<Val>)>,
    ) -> Result<(Commitment, Tree), HidingError> {
        let mut extended = Vec::new();
        for (_, trace) in evaluations {
            self.check_budget(trace.height())?;
            let mask = self.random(Part::Columns, self.mask_length, trace.width());
            let coefficients = self.dft.idft_batch(trace);
            extended.push(self.extend(&coefficients, &mask, Val::GENERATOR));
        }
        let (commitment, data) =
            UnivariateStarkPcs::<Challenge, Challenger>::commit_ldes(&self.inner, extended)?;
        Ok((commitment, Tree(Some(data))))
    }

    fn open(
        &self,
        rounds: Vec<OpeningRequest<'_, Tree, Challenge>>,
        challenger: &mut Challenger,
    ) -> Result<(OpenedValues<Challenge>, Self::Proof), HidingError> {
        let mut rounds = rounds.into_iter();
        let randomization = rounds.next().ok_or(HidingError::Rounds)?;
        let zeta = *randomization
            .points
            .first()
            .and_then(|p| p.first())
            .ok_or(HidingError::Rounds)?;
        let mut requests = Vec::new();
        for (tree, round) in rounds.enumerate() {
            let mut points = round.points;
            if tree == QUOTIENT {
                points.push(vec![zeta]);
            }
            requests.push(OpeningRequest {
                prover_data: round.prover_data.data()?,
                points,
            });
        }
        let (mut opened, proof) = self.inner.open(requests, challenger)?;
        let mask = opened
            .get_mut(QUOTIENT)
            .and_then(Vec::pop)
            .ok_or(HidingError::Rounds)?;
        opened.insert(0, vec![mask; randomization.points.len()]);
        Ok((opened, proof))
    }

    fn verify(
        &self,
        rounds: Vec<CommitmentOpening<Challenge, Commitment, Domain>>,
        proof: &Self::Proof,
        challenger: &mut Challenger,
    ) -> Result<(), Self::Error> {
        let mut rounds = rounds.into_iter();
        let randomization = rounds.next().ok_or(HidingVerifierError::Rounds)?;
        // One polynomial stands for all tables: at the tallest one's size, and claimed with one value.
        let mask = randomization
            .matrices
            .iter()
            .max_by_key(|m| m.domain.size())
            .ok_or(HidingVerifierError::Rounds)?
            .clone();
        let values =
            |m: &MatrixOpening<Challenge, Domain>| m.points.first().map(|point| point.values.clone());
        if randomization.matrices.iter().any(|m| values(m) != values(&mask)) {
            return Err(HidingVerifierError::Rounds);
        }
        let mut rounds: Vec<_> = rounds.collect();
        rounds
            .get_mut(QUOTIENT)
            .ok_or(HidingVerifierError::Rounds)?
            .matrices
            .push(mask);
        // To the inner scheme a masked polynomial is one over a domain twice as large.
        for matrix in rounds.iter_mut().flat_map(|round| &mut round.matrices) {
            matrix.domain = self.natural_domain_for_degree(2 * matrix.domain.size());
        }
        self.inner
            .verify(rounds, proof, challenger)
            .map_err(HidingVerifierError::Inner)
    }
}

impl UnivariateStarkPcs<Challenge, Challenger> for HidingPcs {
    type EvaluationsOnDomain<'a> =
        <Inner as UnivariateStarkPcs<Challenge, Challenger>>::EvaluationsOnDomain<'a>;

    const ZK: bool = true;

    fn log_max_trace_height(&self) -> usize {
        UnivariateStarkPcs::<Challenge, Challenger>::log_max_trace_height(&self.inner)
    }

    fn log_min_trace_height(&self) -> usize {
        UnivariateStarkPcs::<Challenge, Challenger>::log_min_trace_height(&self.inner)
    }

    /// Chunk i becomes q_i + Z_i r_i, with masks that cancel in the quotient: sum of c_i r_i = 0, where c_i normalises
    /// the Lagrange selector of chunk i (ePrint 2024/1037, section 4.2).
    fn get_quotient_ldes(
        &self,
        chunks: impl IntoIterator<Item = (Domain, RowMajorMatrix<Val>)>,
        _num_chunks: usize,
    ) -> Result<Vec<RowMajorMatrix<Val>>, HidingError> {
        let (domains, chunks): (Vec<Domain>, Vec<RowMajorMatrix<Val>>) = chunks.into_iter().unzip();
        let width = chunks.first().map_or(0, Matrix::width);
        let weights = selector_weights(&domains);
        let mut masks: Vec<Vec<Val>> = (1..domains.len())
            .map(|_| self.random(Part::Chunks, self.mask_length, width))
            .collect();
        let mut last = Val::zero_vec(self.mask_length * width);
        if let Some((own, others)) = weights.split_last() {
            let scale = own.inverse();
            for (mask, weight) in masks.iter().zip(others) {
                for (sum, random) in last.iter_mut().zip(mask) {
                    *sum -= *weight * scale * *random;
                }
            }
        }
        masks.push(last);
        let mut extended = Vec::with_capacity(chunks.len());
        for ((domain, chunk), mut mask) in domains.iter().zip(chunks).zip(masks) {
            self.check_budget(chunk.height())?;
            // The masks above are in x; y = x / s.
            for (row, power) in mask.chunks_exact_mut(width).zip(domain.shift().powers()) {
                row.iter_mut().for_each(|value| *value *= power);
            }
            let coefficients = self.dft.idft_batch(chunk);
            extended.push(self.extend(&coefficients, &mask, Val::GENERATOR * domain.shift().inverse()));
        }
        Ok(extended)
    }

    fn commit_ldes(&self, mut ldes: Vec<RowMajorMatrix<Val>>) -> Result<(Commitment, Tree), HidingError> {
        let log_heights: Vec<usize> = ldes
            .iter()
            .map(|lde| (lde.height() >> self.log_blowup).trailing_zeros() as usize)
            .collect();
        ldes.push(self.folding_mask(&log_heights));
        let (commitment, data) = UnivariateStarkPcs::<Challenge, Challenger>::commit_ldes(&self.inner, ldes)?;
        Ok((commitment, Tree(Some(data))))
    }

    fn get_evaluations_on_domain<'a>(
        &self,
        prover_data: &'a Tree,
        index: usize,
        domain: Domain,
    ) -> Self::EvaluationsOnDomain<'a> {
        let data = prover_data
            .0
            .as_ref()
            .expect("the prover reads committed trees only");
        UnivariateStarkPcs::<Challenge, Challenger>::get_evaluations_on_domain(
            &self.inner,
            data,
            index,
            domain,
        )
    }

    fn open_with_preprocessing(
        &self,
        rounds: Vec<OpeningRequest<'_, Tree, Challenge>>,
        challenger: &mut Challenger,
        preprocessed: Option<usize>,
    ) -> Result<(OpenedValues<Challenge>, Self::Proof), HidingError> {
        if preprocessed.is_some() {
            return Err(HidingError::Rounds);
        }
        self.open(rounds, challenger)
    }

    fn get_opt_randomization_poly_commitment(
        &self,
        _domains: impl IntoIterator<Item = Domain>,
    ) -> Result<Option<(Commitment, Tree)>, HidingError> {
        Ok(Some((MerkleCap::new(vec![NO_COMMITMENT]), Tree(None))))
    }
}

/// For each chunk domain, 1 / product of the other domains' vanishing polynomials on it.
fn selector_weights(domains: &[Domain]) -> Vec<Val> {
    let products: Vec<Val> = domains
        .iter()
        .enumerate()
        .map(|(i, domain)| {
            let others = domains.iter().enumerate().filter(|(j, _)| *j != i);
            others
                .map(|(_, other)| other.vanishing_poly_at_point(domain.first_point()))
                .product()
        })
        .collect();
    batch_multiplicative_inverse(&products)
}
