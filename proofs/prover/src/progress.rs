//! Progress of the running proof, counted from Plonky3's tracing spans. One proof at a time per process.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tracing_core::dispatcher::{Dispatch, set_global_default};
use tracing_core::span::{Attributes, Current, Id, Record};
use tracing_core::subscriber::Interest;
use tracing_core::{Event, Metadata, Subscriber};

/// Spans that count when they end: every commitment, every table's quotient.
const SPANS: [&str; 2] = ["build merkle tree", "compute quotient"];
/// Share of the time up to the end of the main, permutation, quotient and random commitment (measured, 2^14 rows),
/// the quotients left out; folding takes the rest.
const COMMITTED: [f64; 5] = [0.0, 0.28, 0.36, 0.42, 0.46];
const QUOTIENTS: f64 = 0.22;
const FOLDING: f64 = 0.32;

static TREES: AtomicU32 = AtomicU32::new(0);
static TABLES: AtomicU32 = AtomicU32::new(0);
static TABLES_TOTAL: AtomicU32 = AtomicU32::new(0);
static ROUNDS_TOTAL: AtomicU32 = AtomicU32::new(0);
static FINISHED: AtomicU32 = AtomicU32::new(0);
static INSTALL: Once = Once::new();
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// Fraction of the current (or last) proof that is done; 0 before the first.
pub fn fraction() -> f64 {
    if FINISHED.load(Ordering::Relaxed) != 0 {
        return 1.0;
    }
    let share = |done: u32, total: &AtomicU32| {
        let total = total.load(Ordering::Relaxed);
        if total == 0 {
            0.0
        } else {
            f64::from(done.min(total)) / f64::from(total)
        }
    };
    let trees = TREES.load(Ordering::Relaxed);
    let committed = COMMITTED[(trees as usize).min(COMMITTED.len() - 1)];
    let folded = share(trees.saturating_sub(COMMITTED.len() as u32 - 1), &ROUNDS_TOTAL);
    committed + QUOTIENTS * share(TABLES.load(Ordering::Relaxed), &TABLES_TOTAL) + FOLDING * folded
}

pub fn start(tables: usize, rounds: usize) {
    INSTALL.call_once(|| {
        // A host that has its own subscriber keeps it; then there is no progress between start and end.
        let _ = set_global_default(Dispatch::new(Counter));
    });
    for counter in [&TREES, &TABLES, &FINISHED] {
        counter.store(0, Ordering::Relaxed);
    }
    TABLES_TOTAL.store(tables as u32, Ordering::Relaxed);
    ROUNDS_TOTAL.store(rounds as u32, Ordering::Relaxed);
}

pub fn finish() {
    FINISHED.store(1, Ordering::Relaxed);
}

struct Counter;

fn kind(metadata: &Metadata<'_>) -> Option<usize> {
    SPANS
        .iter()
        .position(|name| metadata.is_span() && *name == metadata.name())
}

impl Subscriber for Counter {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if kind(metadata).is_some() {
            Interest::always()
        } else {
            Interest::never()
        }
    }
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        kind(metadata).is_some()
    }
    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        // The kind is the id's remainder, so that closing needs no table of spans.
        let kind = kind(attributes.metadata()).unwrap_or(0) as u64;
        let number = NEXT_ID.fetch_add(1, Ordering::Relaxed) + 1;
        Id::from_u64(number * SPANS.len() as u64 + kind)
    }
    fn try_close(&self, id: Id) -> bool {
        let counters = [&TREES, &TABLES];
        let kind = (id.into_u64() % SPANS.len() as u64) as usize;
        counters[kind].fetch_add(1, Ordering::Relaxed);
        true
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
    fn current_span(&self) -> Current {
        Current::none()
    }
}
