//! Progress of the running proof, counted from Plonky3's tracing spans. One proof at a time per process.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tracing_core::span::{Attributes, Current, Id, Record};
use tracing_core::subscriber::Interest;
use tracing_core::{Event, Metadata, Subscriber};
use tracing_core::dispatcher::{Dispatch, set_global_default};

/// Spans that count, with their weight: every commitment, every table's quotient, the queries.
const SPANS: [(&str, u32); 3] = [("build merkle tree", 4), ("compute quotient", 8), ("query phase", 1)];
const TREES: u32 = 4;

static DONE: AtomicU32 = AtomicU32::new(0);
static TOTAL: AtomicU32 = AtomicU32::new(0);
static INSTALL: Once = Once::new();
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// Fraction of the current (or last) proof that is done; 0 before the first.
pub fn fraction() -> f64 {
    let total = TOTAL.load(Ordering::Relaxed);
    if total == 0 {
        return 0.0;
    }
    f64::from(DONE.load(Ordering::Relaxed).min(total)) / f64::from(total)
}

pub fn start(tables: usize, rounds: usize) {
    INSTALL.call_once(|| {
        // A host that has its own subscriber keeps it; then there is no progress between start and end.
        let _ = set_global_default(Dispatch::new(Counter));
    });
    let [tree, quotient, queries] = SPANS.map(|(_, weight)| weight);
    let (tables, rounds) = (tables as u32, rounds as u32);
    DONE.store(0, Ordering::Relaxed);
    TOTAL.store(tree * (TREES + rounds) + quotient * tables + queries, Ordering::Relaxed);
}

pub fn finish() {
    DONE.store(TOTAL.load(Ordering::Relaxed), Ordering::Relaxed);
}

struct Counter;

fn kind(metadata: &Metadata<'_>) -> Option<usize> {
    SPANS.iter().position(|(name, _)| metadata.is_span() && *name == metadata.name())
}

impl Subscriber for Counter {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if kind(metadata).is_some() { Interest::always() } else { Interest::never() }
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
        let kind = (id.into_u64() % SPANS.len() as u64) as usize;
        DONE.fetch_add(SPANS[kind].1, Ordering::Relaxed);
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
