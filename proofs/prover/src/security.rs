//! Security report of a setup: p3-security's error terms on the real shape, in bits.
//!
//! All tables share one batch: constraints, openings and messages are summed over the tables, heights are the tallest
//! table's. Conjectured: random words; proven: the better of unique and list decoding.
//!
//! p3-security knows only rates that are powers of two. The masks make ours `final_coefficients / 2^(b + f)`, a little more:
//! every term loses the bits by which the degree grows, the query term those by which the rate does, for each query.

use p3_security::fri::FriRegime;
use p3_security::logup::{LogUpAir, security_term};
use p3_security::report::{LDT_QUERY_LABEL, RegimeReport};
use p3_security::stark::{conjectured_security_report, proven_security_report};
use p3_security::{GrindingSites, InstanceShape, StarkAirParams};

use crate::tape::MAX_DEGREE;
use crate::vk::Setup;

pub type Terms = Vec<(String, f64)>;

/// log2 of the extension's order, rounded up by less than 2^-31.
const FIELD_BITS: usize = 128;
const COLLISION_BITS: usize = 128;

fn terms(report: &RegimeReport, setup: &Setup) -> Terms {
    let nominal = f64::from(1u32 << setup.params.log_final_poly_len);
    let growth = (setup.final_coefficients() as f64 / nominal).log2();
    let mut out: Terms = report
        .terms()
        .iter()
        .map(|t| {
            let times = if t.label == LDT_QUERY_LABEL {
                f64::from(setup.params.num_queries)
            } else {
                1.0
            };
            (t.label.to_string(), t.bits.bits() - times * growth)
        })
        .collect();
    let total = out.iter().map(|(_, bits)| *bits).fold(f64::INFINITY, f64::min);
    out.push(("total".into(), total.min(COLLISION_BITS as f64)));
    out
}

pub fn report(setup: &Setup) -> Vec<(&'static str, Terms)> {
    let p = &setup.params;
    let regime = FriRegime {
        log_blowup: p.log_blowup.into(),
        num_queries: p.num_queries.into(),
        log_final_poly_len: p.log_final_poly_len.into(),
        max_log_arity: p.max_log_arity.into(),
        commit_pow_bits: p.commit_pow_bits.into(),
        query_pow_bits: p.query_pow_bits.into(),
    };
    let grinding = GrindingSites {
        out_of_domain: p.ood_pow_bits.into(),
        batch_combination: p.batch_pow_bits.into(),
        lookup_challenge: p.lookup_pow_bits.into(),
    };
    let openings: usize = setup.opened_widths().iter().flatten().flatten().sum();
    let shape = InstanceShape {
        log_trace_length: setup.log_max - usize::from(p.log_blowup),
        modulus_bits: FIELD_BITS,
        collision_resistance: COLLISION_BITS,
        num_batched_functions: openings,
    };
    let air = StarkAirParams {
        num_constraints: setup.tables.iter().map(|t| t.num_constraints).sum(),
        max_constraint_degree: MAX_DEGREE as usize,
        num_quotient_chunks: setup.tables.iter().map(|t| 1 << t.log_chunks).max().unwrap_or(1),
        max_combo: 2,
    };
    let interactions = setup.tape.tables.iter().map(|t| t.messages.len()).sum();
    let lookups = LogUpAir {
        num_interactions: interactions,
        max_message_width: setup.max_message_width,
    };
    let extras: Vec<_> = security_term(&lookups, &shape, &grinding).into_iter().collect();
    let conjectured = conjectured_security_report(&regime, &air, &shape, &extras, &grinding);
    let proven = proven_security_report(&regime, &air, &shape, &extras, &grinding);
    let mut out = vec![
        ("conjectured", terms(&conjectured, setup)),
        ("proven_unique_decoding", terms(&proven.udr, setup)),
    ];
    out.extend(
        proven
            .ldr
            .iter()
            .map(|r| ("proven_list_decoding", terms(r, setup))),
    );
    out
}
