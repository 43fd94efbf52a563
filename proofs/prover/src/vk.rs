//! The verification key: tape, heights, parameters and everything Plonky3 derives from them (docs/proof-format.md 2).

use std::panic::catch_unwind;

use p3_batch_stark::{BatchShape, ProverData};
use p3_challenger::CanObserve;
use p3_field::PrimeField64;
use p3_fri::{FriShape, PcsShape, fold_schedule};
use p3_lookup::logup::LogUpGadget;
use p3_lookup::{Lookups, check_multiplicity_height_bound};
use thiserror::Error;

use crate::air::GenAir;
use crate::hiding::{MASK_WIDTH, final_coefficients, log_chunks, log_final_length, mask_length};
use crate::mmcs::Val;
use crate::params::Params;
use crate::prove::{Challenge, Config, Secrets, make_config};
use crate::shape::{TableShape, degree, prefixes, table_shape};
use crate::tape::{MAX_DEGREE, Table, Tape, TapeError};

const EXTENSION: usize = 2;

#[derive(Debug, Error)]
pub enum SetupError {
    #[error(transparent)]
    Tape(#[from] TapeError),
    #[error("params_{0}: {1}")]
    Params(&'static str, String),
    #[error("heights: {0}")]
    Heights(String),
    #[error("bus_use: {0}")]
    Buses(&'static str),
    #[error("vk_encoding: {0}")]
    Encoding(&'static str),
    #[error("shape: Plonky3 refused the shape: {0}")]
    Shape(String),
}

/// Everything that prover and wire encoder need; `bytes` is the verification key.
pub struct Setup {
    pub tape: Tape,
    pub airs: Vec<GenAir>,
    pub params: Params,
    pub tables: Vec<TableShape>,
    pub log_max: usize,
    pub log_arities: Vec<usize>,
    pub max_message_width: usize,
    pub prefixes: Vec<u8>,
    pub bytes: Vec<u8>,
}

/// Records the bytes that a seed absorbs.
#[derive(Default)]
struct Recorder(Vec<u8>);
impl CanObserve<Val> for Recorder {
    fn observe(&mut self, value: Val) {
        self.0.extend_from_slice(&value.as_canonical_u64().to_le_bytes());
    }
}

/// Prover data for a setup: lookups only, there are no preprocessed columns. Messages of a bus share a lookup column as
/// far as [`MAX_DEGREE`] goes; Plonky3 would fill the chunks, and the masks would overflow them.
pub fn prover_data(
    config: &Config,
    airs: &[GenAir],
    log_heights: &[usize],
) -> Result<ProverData<Config>, SetupError> {
    let mut data = ProverData::from_airs_and_degrees(config, airs, log_heights)
        .map_err(|e| SetupError::Shape(format!("{e:?}")))?;
    data.common.lookups = airs.iter().map(packed_lookups).collect();
    Ok(data)
}

fn packed_lookups(air: &GenAir) -> Lookups<Val> {
    Lookups::from_air::<Challenge, _>(air).pack_same_bus_with_degree(MAX_DEGREE as usize, |lookup| {
        LogUpGadget::new().constraint_degree_with_transition(lookup, 0)
    })
}

/// The table's AIR, with as many quotient chunks as the degree of its constraints needs.
fn table_air(table: &Table, params: &Params, log_height: usize) -> GenAir {
    let air = GenAir::new(table, 0);
    let degree = degree(&air, &packed_lookups(&air));
    GenAir::new(table, log_chunks(params, degree, log_height))
}

impl Setup {
    /// Derive a setup. Plonky3 panics on shapes it does not like; what our own checks let through becomes an error.
    pub fn new(tape_bytes: &[u8], log_heights: &[usize], params: Params) -> Result<Self, SetupError> {
        catch_unwind(|| Self::derive(tape_bytes, log_heights, params))
            .unwrap_or_else(|_| Err(SetupError::Shape("a panic".into())))
    }

    fn derive(tape_bytes: &[u8], log_heights: &[usize], params: Params) -> Result<Self, SetupError> {
        let tape = Tape::parse(tape_bytes)?;
        params.check()?;
        check_heights(&tape, log_heights, &params)?;
        let airs: Vec<GenAir> = (tape.tables.iter().zip(log_heights))
            .map(|(table, height)| table_air(table, &params, *height))
            .collect();
        // The generator is never used: no commitment is made here.
        let config = make_config(&params, &[0; 32], Secrets::zero());
        let data = prover_data(&config, &airs, log_heights)?;
        let lookups = &data.common.lookups;
        let heights: Vec<usize> = log_heights.iter().map(|h| 1 << h).collect();
        check_multiplicity_height_bound(lookups, &heights).map_err(|_| {
            SetupError::Buses("sum of message weights times heights reaches the field's order")
        })?;
        let mut tables = Vec::with_capacity(airs.len());
        for (i, air) in airs.iter().enumerate() {
            tables.push(table_shape(&tape, i, air, &lookups[i], log_heights[i], &params)?);
        }
        if tables.iter().all(|t| t.columns.is_empty()) {
            return Err(SetupError::Buses("no table has a message"));
        }
        let (prefixes, max_message_width) = prefixes(&tape, &tables);
        let blowup = usize::from(params.log_blowup);
        let mut lde: Vec<usize> = tables.iter().map(|t| t.log_lde(blowup)).collect();
        lde.sort_unstable_by(|a, b| b.cmp(a));
        lde.dedup();
        let log_final = blowup + usize::from(params.log_final_poly_len);
        let log_arities = fold_schedule(&lde, log_final, usize::from(params.max_log_arity));
        let mut setup = Self {
            tape,
            airs,
            params,
            tables,
            log_max: lde[0],
            log_arities,
            max_message_width,
            prefixes,
            bytes: Vec::new(),
        };
        setup.bytes = setup.encode(tape_bytes)?;
        Ok(setup)
    }

    /// Parse a verification key; derived values are derived again and compared, so that one encoding is accepted.
    pub fn parse(vk: &[u8]) -> Result<Self, SetupError> {
        let fail = SetupError::Encoding;
        let head = vk.get(..16).ok_or(fail("truncated"))?;
        if &head[..4] != b"SBV3" {
            return Err(fail("the first bytes are not SBV3"));
        }
        let mut params = [0; 10];
        params.copy_from_slice(&head[4..14]);
        let mut at = 15;
        let mut byte = |n: usize| -> Result<usize, SetupError> {
            let value = *vk.get(at).ok_or(fail("truncated"))?;
            at = at.saturating_add(1 + n * usize::from(value));
            Ok(usize::from(value))
        };
        byte(1)?; // folding schedule
        byte(0)?; // message width
        byte(1)?; // buses
        let tables = byte(0)?;
        let mut log_heights = Vec::with_capacity(tables);
        for _ in 0..tables {
            log_heights.push(byte(0)?);
            byte(0)?;
            byte(0)?;
            for _ in 0..byte(0)? {
                byte(0)?;
                byte(2)?;
            }
        }
        let mut field = |size: usize| -> Result<&[u8], SetupError> {
            let length = vk.get(at..at + size).ok_or(fail("truncated"))?;
            let length = length.iter().fold(0usize, |a, b| a << 8 | usize::from(*b));
            let bytes = vk.get(at + size..at + size + length).ok_or(fail("truncated"))?;
            at += size + length;
            Ok(bytes)
        };
        for _ in 0..3 {
            field(2)?;
        }
        let setup = Self::new(field(4)?, &log_heights, Params::from_array(params))?;
        if setup.bytes != vk {
            return Err(fail("not the canonical encoding"));
        }
        Ok(setup)
    }

    pub fn log_heights(&self) -> Vec<usize> {
        self.tables.iter().map(|t| t.log_height).collect()
    }

    /// Coefficients of the final polynomial.
    pub fn final_coefficients(&self) -> usize {
        final_coefficients(&self.params, &self.log_heights())
    }

    /// Opened columns per tree, matrix and point: main, quotient (the folding's mask last), permutation.
    pub fn opened_widths(&self) -> Vec<Vec<Vec<usize>>> {
        let main = self
            .tables
            .iter()
            .map(|t| vec![t.width; 1 + usize::from(t.reads_next)])
            .collect();
        let quotient = self
            .tables
            .iter()
            .flat_map(|t| vec![vec![EXTENSION]; 1 << t.log_chunks])
            .chain([vec![MASK_WIDTH]])
            .collect();
        let permutation = self
            .tables
            .iter()
            .filter(|t| !t.columns.is_empty())
            .map(|t| vec![EXTENSION * (t.columns.len() + 1); 2])
            .collect();
        vec![main, quotient, permutation]
    }

    fn seeds(&self) -> [Vec<u8>; 3] {
        let p = &self.params;
        let batch = BatchShape {
            trace_widths: self.tables.iter().map(|t| t.width).collect(),
            public_value_counts: vec![0; self.tables.len()],
            preprocessed_widths: vec![0; self.tables.len()],
            has_preprocessed_commitment: false,
            num_lookup_instances: self.tables.iter().filter(|t| !t.columns.is_empty()).count(),
            lookup_pow_bits: p.lookup_pow_bits.into(),
            has_randomization_commitment: true,
            ood_pow_bits: p.ood_pow_bits.into(),
        };
        let pcs = PcsShape {
            claimed_evaluation_counts: self.opened_widths(),
            batch_pow_bits: p.batch_pow_bits.into(),
        };
        let fri = FriShape {
            log_arities: self.log_arities.clone(),
            final_poly_len: 1 << log_final_length(p),
            commit_pow_bits: p.commit_pow_bits.into(),
            query_pow_bits: p.query_pow_bits.into(),
            num_queries: p.num_queries.into(),
            index_bits: self.log_max,
            log_blowup: usize::from(p.log_blowup) - 1,
            max_log_arity: p.max_log_arity.into(),
        };
        let mut out: [Recorder; 3] = Default::default();
        batch.domain_separator::<Val, Challenge>().seed(&mut out[0]);
        pcs.domain_separator::<Val, Challenge>().seed(&mut out[1]);
        fri.domain_separator::<Val, Challenge>().seed(&mut out[2]);
        out.map(|r| r.0)
    }

    fn encode(&self, tape: &[u8]) -> Result<Vec<u8>, SetupError> {
        let byte = |v: usize| u8::try_from(v).map_err(|_| SetupError::Encoding("a count exceeds 255"));
        let mut out = b"SBV3".to_vec();
        out.extend(self.params.to_array());
        out.push(byte(self.log_max)?);
        out.push(byte(self.log_arities.len())?);
        for arity in &self.log_arities {
            out.push(byte(*arity)?);
        }
        out.push(byte(self.max_message_width)?);
        out.push(byte(self.prefixes.len())?);
        out.extend(&self.prefixes);
        out.push(byte(self.tables.len())?);
        for table in &self.tables {
            out.extend([
                byte(table.log_height)?,
                byte(table.log_chunks)?,
                u8::from(table.reads_next),
                byte(table.columns.len())?,
            ]);
            for column in &table.columns {
                out.extend([column.bus, byte(column.messages.len())?]);
                for message in &column.messages {
                    out.extend(message.to_be_bytes());
                }
            }
        }
        for seed in self.seeds() {
            let length = u16::try_from(seed.len()).map_err(|_| SetupError::Encoding("a seed is too long"))?;
            out.extend(length.to_be_bytes());
            out.extend(seed);
        }
        let length = u32::try_from(tape.len()).map_err(|_| SetupError::Encoding("the tape is too long"))?;
        out.extend(length.to_be_bytes());
        out.extend(tape);
        Ok(out)
    }
}

fn check_heights(tape: &Tape, log_heights: &[usize], params: &Params) -> Result<(), SetupError> {
    if log_heights.len() != tape.tables.len() {
        return Err(SetupError::Heights(format!(
            "{} heights for {} tables",
            log_heights.len(),
            tape.tables.len()
        )));
    }
    let lowest = mask_length(params).next_power_of_two().trailing_zeros() as usize;
    let lowest = lowest.max(log_final_length(params));
    let highest = 32 - usize::from(params.log_blowup);
    for (table, height) in log_heights.iter().enumerate() {
        if !(lowest..=highest).contains(height) {
            return Err(SetupError::Heights(format!(
                "table {table}: log height {height} is not in {lowest}..={highest} (hiding budget, field)"
            )));
        }
    }
    Ok(())
}
