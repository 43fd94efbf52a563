//! Progress of the running proof and where its time goes, from Plonky3's tracing spans. One proof at a time per process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, Once};
use std::time::Instant;

use tracing_core::dispatcher::{Dispatch, set_global_default};
use tracing_core::span::{Attributes, Current, Id, Record};
use tracing_core::subscriber::Interest;
use tracing_core::{Event, Metadata, Subscriber};

/// The spans that are timed. The first two also count progress when they end: every commitment, every table's quotient.
const SPANS: [&str; 9] = [
    "build merkle tree",
    "compute quotient",
    "generate lookup permutation",
    "compute opened values with Lagrange interpolation",
    "compute_inverse_denominators",
    "reduce matrix quotient",
    "commit phase",
    "grind for proof-of-work witness",
    "query phase",
];
const TREE: usize = 0;
const QUOTIENT: usize = 1;
/// Share of the time up to the end of the main, permutation and quotient commitment (measured, 2^14 rows), the quotients
/// left out; folding takes the rest.
const COMMITTED: [f64; 4] = [0.0, 0.34, 0.40, 0.44];
const QUOTIENTS: f64 = 0.24;
const FOLDING: f64 = 0.32;

static TREES: AtomicU32 = AtomicU32::new(0);
static TABLES: AtomicU32 = AtomicU32::new(0);
static TABLES_TOTAL: AtomicU32 = AtomicU32::new(0);
static ROUNDS_TOTAL: AtomicU32 = AtomicU32::new(0);
static FINISHED: AtomicU32 = AtomicU32::new(0);
static INSTALL: Once = Once::new();
static NEXT_ID: AtomicU64 = AtomicU64::new(0);
static EXTENDING: AtomicU64 = AtomicU64::new(0);
static WRITING: AtomicU64 = AtomicU64::new(0);
static SPENT: [AtomicU64; SPANS.len()] = [const { AtomicU64::new(0) }; SPANS.len()];
static OPEN: Mutex<Option<HashMap<u64, Instant>>> = Mutex::new(None);

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

/// Seconds spent in each phase of the last proof. Phases nest and run beside each other: they do not add up to the whole.
pub fn profile() -> Vec<(&'static str, f64)> {
    let seconds = |nanos: &AtomicU64| nanos.load(Ordering::Relaxed) as f64 * 1e-9;
    let spans = SPANS
        .iter()
        .zip(&SPENT)
        .map(|(name, spent)| (*name, seconds(spent)));
    let own = [("write traces", &WRITING), ("extend masked columns", &EXTENDING)];
    own.into_iter()
        .map(|(name, spent)| (name, seconds(spent)))
        .chain(spans)
        .collect()
}

/// Time `run` as what makes the traces of the next proof.
pub fn writing<T>(run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let out = run();
    WRITING.store(0, Ordering::Relaxed);
    add(&WRITING, start);
    out
}

/// Time `run` as part of the extension of columns.
pub fn extending<T>(run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let out = run();
    add(&EXTENDING, start);
    out
}

fn add(spent: &AtomicU64, start: Instant) {
    spent.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
}

pub fn start(tables: usize, rounds: usize) {
    INSTALL.call_once(|| {
        // A host that has its own subscriber keeps it; then there is no progress between start and end.
        let _ = set_global_default(Dispatch::new(Counter));
    });
    for counter in [&TREES, &TABLES, &FINISHED] {
        counter.store(0, Ordering::Relaxed);
    }
    for spent in SPENT.iter().chain([&EXTENDING]) {
        spent.store(0, Ordering::Relaxed);
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

fn opened<T>(run: impl FnOnce(&mut HashMap<u64, Instant>) -> T) -> T {
    // A poisoned lock still holds a valid table.
    let mut open = OPEN.lock().unwrap_or_else(|e| e.into_inner());
    run(open.get_or_insert_default())
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
        // The kind is the id's remainder, so that closing needs no table of kinds.
        let kind = kind(attributes.metadata()).unwrap_or(0) as u64;
        let number = NEXT_ID.fetch_add(1, Ordering::Relaxed) + 1;
        let id = number * SPANS.len() as u64 + kind;
        opened(|open| open.insert(id, Instant::now()));
        Id::from_u64(id)
    }
    fn try_close(&self, id: Id) -> bool {
        let kind = (id.into_u64() % SPANS.len() as u64) as usize;
        if let (Some(start), Some(spent)) = (opened(|open| open.remove(&id.into_u64())), SPENT.get(kind)) {
            add(spent, start);
        }
        match kind {
            TREE => TREES.fetch_add(1, Ordering::Relaxed),
            QUOTIENT => TABLES.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
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
