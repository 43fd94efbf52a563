//! From Plonky3's proof to the wire bytes: `head` then `queries` (docs/proof-format.md section 4).

use std::cmp::Reverse;

use p3_field::{BasedVectorSpace, PrimeCharacteristicRing, PrimeField64};
use p3_symmetric::MerkleCap;

use crate::mmcs::{Digest, Path, SALT, Val};
use crate::prove::{Challenge, Proof};
use crate::vk::Setup;

/// Elements of the head are little-endian, as the transcript absorbs them; those of the records are big-endian, as rows
/// are hashed.
struct Writer(Vec<u8>, fn(u64) -> [u8; 8]);

impl Writer {
    fn base(&mut self, values: &[Val]) {
        for value in values {
            self.0.extend_from_slice(&self.1(value.as_canonical_u64()));
        }
    }
    fn extension(&mut self, values: &[Challenge]) {
        for value in values {
            let coefficients: &[Val] = value.as_basis_coefficients_slice();
            self.base(coefficients);
        }
    }
    fn cap(&mut self, cap: &MerkleCap<Val, Digest>) {
        self.digests(cap.roots());
    }
    fn digests(&mut self, digests: &[Digest]) {
        for digest in digests {
            self.0.extend_from_slice(digest);
        }
    }
    fn witness(&mut self, bits: u8, witness: Val) {
        if bits > 0 {
            self.base(&[witness]);
        }
    }
}

/// Byte lengths of `head` and of one query record.
pub fn lengths(setup: &Setup) -> (usize, usize) {
    let p = &setup.params;
    let cap = 32 << p.cap_height;
    let rounds = setup.log_arities.len();
    let witness = |bits: u8| 8 * usize::from(bits > 0);
    let terminals = setup.tables.iter().filter(|t| !t.columns.is_empty()).count();
    let opened: usize = setup.opened_widths().iter().flatten().flatten().sum();
    let head = cap * (3 + rounds)
        + 16 * (terminals + opened + setup.final_coefficients())
        + witness(p.lookup_pow_bits)
        + witness(p.ood_pow_bits)
        + witness(p.batch_pow_bits)
        + witness(p.query_pow_bits)
        + witness(p.commit_pow_bits) * rounds;
    let cap_height = usize::from(p.cap_height);
    let mut record = 0;
    for (widths, heights) in setup.opened_widths().iter().zip(tree_log_heights(setup)) {
        let columns: usize = widths.iter().map(|points| points[0]).sum();
        let mut groups = heights.clone();
        groups.sort_unstable();
        groups.dedup();
        let tallest = groups.last().copied().unwrap_or(0);
        record += 8 * (columns + SALT * groups.len()) + 32 * (tallest - cap_height);
    }
    let mut height = setup.log_max;
    for arity in &setup.log_arities {
        height -= arity;
        record += 16 * ((1 << arity) - 1) + 8 * SALT + 32 * (height - cap_height);
    }
    (head, record)
}

/// log2 heights of the matrices of each input tree.
fn tree_log_heights(setup: &Setup) -> [Vec<usize>; 3] {
    let blowup = usize::from(setup.params.log_blowup);
    let all: Vec<usize> = setup.tables.iter().map(|t| t.log_lde(blowup)).collect();
    let quotient = setup
        .tables
        .iter()
        .flat_map(|t| vec![t.log_lde(blowup); 1 << t.log_chunks])
        .chain([setup.log_max])
        .collect();
    let permutation = setup
        .tables
        .iter()
        .filter(|t| !t.columns.is_empty())
        .map(|t| t.log_lde(blowup))
        .collect();
    [all, quotient, permutation]
}

/// Encode a proof; fails only if the proof's shape is not the setup's.
pub fn encode(setup: &Setup, proof: &Proof) -> Result<Vec<u8>, String> {
    let mut w = Writer(Vec::new(), u64::to_le_bytes);
    encode_head(setup, proof, &mut w)?;
    let (head, record) = lengths(setup);
    if w.0.len() != head {
        return Err(format!("head of {} bytes where {head} are expected", w.0.len()));
    }
    w.1 = u64::to_be_bytes;
    let fri = &proof.opening_proof;
    let heights = tree_log_heights(setup);
    if fri.input_openings.len() != heights.len() {
        return Err("a committed tree is missing".into());
    }
    for query in 0..usize::from(setup.params.num_queries) {
        for (tree, heights) in fri.input_openings.iter().zip(&heights) {
            input_record(
                &mut w,
                heights,
                &tree.opened_values[query],
                &tree.opening_proof[query],
            );
        }
        for round in &fri.commit_phase_openings {
            w.extension(&round.sibling_values[query]);
            let (salts, siblings) = &round.opening_proof[query];
            salts.iter().for_each(|salt| w.base(salt));
            w.digests(siblings);
        }
    }
    let expected = head + record * usize::from(setup.params.num_queries);
    if w.0.len() != expected {
        return Err(format!(
            "proof of {} bytes where {expected} are expected",
            w.0.len()
        ));
    }
    Ok(w.0)
}

fn input_record(w: &mut Writer, heights: &[usize], rows: &[Vec<Val>], (salts, siblings): &Path) {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|i| Reverse(heights[*i]));
    let mut salts = salts.iter();
    for (k, i) in order.iter().enumerate() {
        w.base(&rows[*i]);
        let group_ends = order.get(k + 1).is_none_or(|next| heights[*next] != heights[*i]);
        if group_ends && let Some(salt) = salts.next() {
            w.base(salt);
        }
    }
    w.digests(siblings);
}

fn encode_head(setup: &Setup, proof: &Proof, w: &mut Writer) -> Result<(), String> {
    let p = &setup.params;
    let missing = |what: &str| format!("{what} is missing");
    let commitments = &proof.commitments;
    let fri = &proof.opening_proof;
    w.cap(&commitments.main);
    w.witness(
        p.lookup_pow_bits,
        proof
            .lookup_pow_witness
            .ok_or_else(|| missing("lookup witness"))?,
    );
    w.cap(
        commitments
            .permutation
            .as_ref()
            .ok_or_else(|| missing("permutation commitment"))?,
    );
    for terminal in proof.lookup_terminals.iter().flatten() {
        w.extension(&[terminal.0]);
    }
    w.cap(&commitments.quotient_chunks);
    w.witness(p.ood_pow_bits, proof.ood_pow_witness);
    let tables = &proof.opened_values.instances;
    let mut opened: [Vec<&[Challenge]>; 3] = Default::default();
    for table in tables {
        let base = &table.base_opened_values;
        opened[0].push(&base.trace_local);
        opened[0].extend(base.trace_next.as_deref());
        opened[1].extend(base.quotient_chunks.iter().map(Vec::as_slice));
        if !table.permutation_local.is_empty() {
            opened[2].extend([table.permutation_local.as_slice(), &table.permutation_next]);
        }
    }
    let mask = tables
        .first()
        .and_then(|t| t.base_opened_values.random.as_deref());
    opened[1].push(mask.ok_or_else(|| missing("the folding's mask"))?);
    opened.iter().flatten().for_each(|values| w.extension(values));
    w.witness(p.batch_pow_bits, fri.batch_pow_witness);
    for (cap, witness) in fri.commit_phase_commits.iter().zip(&fri.commit_pow_witnesses) {
        w.cap(cap);
        w.witness(p.commit_pow_bits, *witness);
    }
    let (coefficients, rest) = fri
        .final_poly
        .split_at_checked(setup.final_coefficients())
        .ok_or_else(|| missing("a coefficient of the final polynomial"))?;
    if rest.iter().any(|c| *c != Challenge::ZERO) {
        return Err("the final polynomial exceeds its degree".into());
    }
    w.extension(coefficients);
    w.witness(p.query_pow_bits, fri.query_pow_witness);
    Ok(())
}
