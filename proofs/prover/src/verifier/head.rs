//! The head of a proof, parsed strictly, and the challenges that its transcript gives.

use super::bytes::Cursor;
use super::bytes::{DIGEST, EXTENSION};
use super::field::Extension;
use super::key::{Key, MOST_POINTS};
use super::reject::{Checked, Reason};
use super::shape::power_of_two;
use super::transcript::Transcript;

/// Plonky3 absorbs a commitment to its randomization here; ours is in the quotient tree.
const NO_RANDOMIZATION: [u8; DIGEST] = [0; DIGEST];

/// Values of one matrix: for each point, one for each column.
pub type Openings = Vec<Vec<Extension>>;

pub struct Head<'a> {
    /// Main, quotient, permutation.
    pub caps: [&'a [u8]; 3],
    lookup_witness: u64,
    terminals_raw: &'a [u8],
    pub terminals: Vec<Extension>,
    ood_witness: u64,
    opened_raw: &'a [u8],
    /// By tree, then matrix.
    pub opened: [Vec<Openings>; 3],
    batch_witness: u64,
    /// Cap and witness of each folding round.
    pub rounds: Vec<(&'a [u8], u64)>,
    final_raw: &'a [u8],
    pub final_poly: Vec<Extension>,
    query_witness: u64,
}

/// Everything drawn from the transcript.
pub struct Challenges {
    pub lookup_alpha: Extension,
    pub lookup_beta: Extension,
    pub alpha: Extension,
    pub zeta: Extension,
    pub batching: Extension,
    pub betas: Vec<Extension>,
    pub indices: Vec<u64>,
}

fn witness(cursor: &mut Cursor<'_>, bits: u32) -> Checked<u64> {
    if bits > 0 { cursor.element() } else { Ok(0) }
}

fn elements<'a>(cursor: &mut Cursor<'a>, count: usize) -> Checked<(&'a [u8], Vec<Extension>)> {
    let raw = cursor.take(count.saturating_mul(EXTENSION))?;
    let values = Cursor::new(raw, Reason::Length).extensions(count)?;
    Ok((raw, values))
}

impl<'a> Head<'a> {
    /// Parse a head whose length is right.
    pub fn parse(key: &Key<'_>, bytes: &'a [u8]) -> Checked<Self> {
        let mut cursor = Cursor::new(bytes, Reason::Length);
        let cap = key.cap_length();
        let main = cursor.take(cap)?;
        let lookup_witness = witness(&mut cursor, key.grinding.lookup)?;
        let permutation = cursor.take(cap)?;
        let (terminals_raw, terminals) = elements(&mut cursor, key.terminals())?;
        let quotient = cursor.take(cap)?;
        let ood_witness = witness(&mut cursor, key.grinding.ood)?;

        let start = cursor.rest();
        let mut opened: [Vec<Openings>; 3] = Default::default();
        for (tree, values) in key.trees.iter().zip(&mut opened) {
            for matrix in &tree.matrices {
                let points = (0..matrix.points).map(|_| cursor.extensions(matrix.columns));
                values.push(points.collect::<Checked<Openings>>()?);
            }
        }
        let length = start.len().saturating_sub(cursor.rest().len());
        let opened_raw = Cursor::new(start, Reason::Length).take(length)?;

        let batch_witness = witness(&mut cursor, key.grinding.batch)?;
        let rounds = (key.rounds.iter())
            .map(|_| Ok((cursor.take(cap)?, witness(&mut cursor, key.grinding.commit)?)))
            .collect::<Checked<Vec<_>>>()?;
        let (final_raw, final_poly) = elements(&mut cursor, key.final_coefficients)?;
        let query_witness = witness(&mut cursor, key.grinding.query)?;
        cursor.finish()?;
        Ok(Self {
            caps: [main, quotient, permutation],
            lookup_witness,
            terminals_raw,
            terminals,
            ood_witness,
            opened_raw,
            opened,
            batch_witness,
            rounds,
            final_raw,
            final_poly,
            query_witness,
        })
    }

    /// Replay the transcript; rejects with the first grind that fails.
    pub fn challenges(&self, key: &Key<'_>, context: &[u8]) -> Checked<Challenges> {
        let grinding = &key.grinding;
        let [main, quotient, permutation] = self.caps;
        let mut transcript = Transcript::new(context);
        transcript.absorb(key.seeds.batch);
        for shape in &key.tables {
            transcript.absorb_element(shape.log_height.into());
            transcript.absorb_element(0);
        }
        transcript.absorb(main);
        transcript.grind(grinding.lookup, self.lookup_witness, Reason::LookupPow)?;
        let lookup_alpha = transcript.challenge();
        let lookup_beta = transcript.challenge();
        transcript.absorb(permutation);
        transcript.absorb(self.terminals_raw);
        let alpha = transcript.challenge();
        transcript.absorb(quotient);
        transcript.absorb(&NO_RANDOMIZATION);
        transcript.grind(grinding.ood, self.ood_witness, Reason::OodPow)?;
        let zeta = transcript.challenge();

        transcript.absorb(key.seeds.pcs);
        transcript.absorb(self.opened_raw);
        transcript.grind(grinding.batch, self.batch_witness, Reason::BatchPow)?;
        let batching = transcript.challenge();

        transcript.absorb(key.seeds.fri);
        let mut betas = Vec::with_capacity(self.rounds.len());
        for (cap, witness) in &self.rounds {
            transcript.absorb(cap);
            transcript.grind(grinding.commit, *witness, Reason::CommitPow)?;
            betas.push(transcript.challenge());
        }
        transcript.absorb(self.final_raw);
        let longest = power_of_two(key.log_final_poly.saturating_add(1));
        for _ in key.final_coefficients..longest {
            transcript.absorb(&Extension::ZERO.bytes());
        }
        transcript.grind(grinding.query, self.query_witness, Reason::QueryPow)?;
        let indices = (0..key.queries)
            .map(|_| transcript.bits(key.log_domain))
            .collect();
        Ok(Challenges {
            lookup_alpha,
            lookup_beta,
            alpha,
            zeta,
            batching,
            betas,
            indices,
        })
    }

    /// Values of matrix `index` of `tree` at zeta, and at its successor where it is opened there.
    pub fn openings(&self, tree: usize, index: usize) -> Checked<[&[Extension]; MOST_POINTS]> {
        let openings = super::reject::at(super::reject::at(&self.opened, tree)?, index)?;
        let point = |number| openings.get(number).map_or(&[][..], Vec::as_slice);
        Ok([point(0), point(1)])
    }
}
