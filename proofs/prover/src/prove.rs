//! Proving: Plonky3's hiding batch STARK over the tape's tables. It checks no constraint and proves false traces too.

use std::panic::{AssertUnwindSafe, catch_unwind};

use p3_batch_stark::{BatchProof, StarkInstance, prove_batch, verify_batch};
use p3_challenger::{HashChallenger, SerializingChallenger64};
use p3_commit::ExtensionMmcs;
use p3_field::extension::BinomialExtensionField;
use p3_fri::FriParameters;
use p3_keccak::Keccak256Hash;
use p3_matrix::Matrix;
use p3_matrix::dense::RowMajorMatrix;
use p3_uni_stark::StarkGenericConfig;
use rand::SeedableRng;
use rand::rngs::StdRng;
use thiserror::Error;

use crate::hiding::{HidingPcs, log_final_length};
use crate::mmcs::{SaltedMmcs, Val};
use crate::params::Params;
use crate::vk::{Setup, SetupError, prover_data};
use crate::{progress, wire};

pub type Challenge = BinomialExtensionField<Val, 2>;
pub type ChallengeMmcs = ExtensionMmcs<Val, Challenge, SaltedMmcs>;
pub type Challenger = SerializingChallenger64<Val, HashChallenger<u8, Keccak256Hash, 32>>;
pub type Proof = BatchProof<Config>;

/// Plonky3's configuration. Trace domains are the traces' own, for the masks are short (see [`crate::hiding`]).
#[derive(Clone)]
pub struct Config {
    pcs: HidingPcs,
    challenger: Challenger,
    lookup_pow_bits: usize,
    ood_pow_bits: usize,
}

impl StarkGenericConfig for Config {
    type Pcs = HidingPcs;
    type Challenge = Challenge;
    type Challenger = Challenger;

    fn pcs(&self) -> &HidingPcs {
        &self.pcs
    }
    fn initialise_challenger(&self) -> Challenger {
        self.challenger.clone()
    }
    fn is_zk(&self) -> usize {
        0
    }
    fn lookup_proof_of_work_bits(&self) -> usize {
        self.lookup_pow_bits
    }
    fn ood_proof_of_work_bits(&self) -> usize {
        self.ood_pow_bits
    }
}

#[derive(Debug, Error)]
pub enum ProveError {
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("trace: table {table}: {what}")]
    Trace { table: usize, what: String },
    #[error("randomness: the operating system gave none")]
    Randomness,
    #[error("prover: {0}")]
    Prover(String),
    #[error("panic: the prover stopped: {0}")]
    Panic(String),
    #[error("oracle: {0}")]
    Oracle(String),
}

/// Seeds of masks and salts; fresh for every proof, never shown.
pub struct Secrets {
    masks: [u8; 32],
    input_salts: [u8; 32],
    fri_salts: [u8; 32],
}

impl Secrets {
    /// From the operating system, so that forked processes never share a generator.
    fn fresh() -> Result<Self, ProveError> {
        let mut secrets = Self::zero();
        for seed in [
            &mut secrets.masks,
            &mut secrets.input_salts,
            &mut secrets.fri_salts,
        ] {
            getrandom::fill(seed).map_err(|_| ProveError::Randomness)?;
        }
        Ok(secrets)
    }

    /// For configurations that commit to nothing.
    pub fn zero() -> Self {
        Self {
            masks: [0; 32],
            input_salts: [0; 32],
            fri_salts: [0; 32],
        }
    }
}

pub fn make_config(params: &Params, context: &[u8; 32], secrets: Secrets) -> Config {
    let cap = usize::from(params.cap_height);
    let fri = FriParameters {
        log_blowup: usize::from(params.log_blowup) - 1,
        log_final_poly_len: log_final_length(params),
        max_log_arity: params.max_log_arity.into(),
        num_queries: params.num_queries.into(),
        batch_proof_of_work_bits: params.batch_pow_bits.into(),
        commit_proof_of_work_bits: params.commit_pow_bits.into(),
        query_proof_of_work_bits: params.query_pow_bits.into(),
        mmcs: ChallengeMmcs::new(SaltedMmcs::new(cap, StdRng::from_seed(secrets.fri_salts))),
    };
    let salts = StdRng::from_seed(secrets.input_salts);
    let masks = StdRng::from_seed(secrets.masks);
    let pcs = HidingPcs::new(params, SaltedMmcs::new(cap, salts), fri, masks);
    Config {
        pcs,
        challenger: Challenger::from_hasher(context.to_vec(), Keccak256Hash {}),
        lookup_pow_bits: params.lookup_pow_bits.into(),
        ood_pow_bits: params.ood_pow_bits.into(),
    }
}

/// Make a wire proof. `traces[t]` is table t, with the heights of the setup. A panic of Plonky3 becomes an error.
pub fn prove(
    setup: &Setup,
    context: &[u8; 32],
    traces: &[RowMajorMatrix<Val>],
) -> Result<Vec<u8>, ProveError> {
    let (_, proof) = plonky3_proof(setup, context, traces)?;
    wire::encode(setup, &proof).map_err(ProveError::Prover)
}

/// Prove and let Plonky3's own verifier judge: an oracle for tests. The tables must balance without public messages.
pub fn prove_and_verify(
    setup: &Setup,
    context: &[u8; 32],
    traces: &[RowMajorMatrix<Val>],
) -> Result<Vec<u8>, ProveError> {
    let (config, proof) = plonky3_proof(setup, context, traces)?;
    guarded(|| {
        let data = prover_data(&config, &setup.airs, &setup.log_heights())?;
        let none = vec![Vec::new(); setup.airs.len()];
        verify_batch(&config, &setup.airs, &proof, &none, &data.common)
            .map_err(|e| ProveError::Oracle(format!("{e:?}")))
    })?;
    wire::encode(setup, &proof).map_err(ProveError::Prover)
}

fn plonky3_proof(
    setup: &Setup,
    context: &[u8; 32],
    traces: &[RowMajorMatrix<Val>],
) -> Result<(Config, Proof), ProveError> {
    check_traces(setup, traces)?;
    let config = make_config(&setup.params, context, Secrets::fresh()?);
    progress::start(setup.tables.len(), setup.log_arities.len());
    let proof = guarded(|| {
        let data = prover_data(&config, &setup.airs, &setup.log_heights())?;
        let references: Vec<&RowMajorMatrix<Val>> = traces.iter().collect();
        let none = vec![Vec::new(); setup.airs.len()];
        let instances = StarkInstance::new_multiple(&setup.airs, &references, &none);
        prove_batch(&config, &instances, &data).map_err(|e| ProveError::Prover(format!("{e:?}")))
    });
    progress::finish();
    Ok((config, proof?))
}

fn check_traces(setup: &Setup, traces: &[RowMajorMatrix<Val>]) -> Result<(), ProveError> {
    let fail = |table, what| Err(ProveError::Trace { table, what });
    if traces.len() != setup.tables.len() {
        return fail(traces.len(), format!("{} tables expected", setup.tables.len()));
    }
    for (table, (trace, shape)) in traces.iter().zip(&setup.tables).enumerate() {
        let expected = (1 << shape.log_height, shape.width);
        if (trace.height(), trace.width()) != expected {
            return fail(
                table,
                format!(
                    "shape {:?} where {expected:?} is expected",
                    (trace.height(), trace.width())
                ),
            );
        }
    }
    Ok(())
}

fn guarded<T>(run: impl FnOnce() -> Result<T, ProveError>) -> Result<T, ProveError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|cause| {
        let text = cause
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| cause.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        Err(ProveError::Panic(text))
    })
}
