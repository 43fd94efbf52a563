//! The native verifier: docs/proof-format.md section 5, in its order, over the wire's bytes alone.
//!
//! It shares no code with the prover or with Plonky3's verifier, only the hash function. No input makes it panic: the
//! lints below forbid what could, lengths are checked before anything of their size is allocated, and its time and memory
//! are bounded by the bytes it is given.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used
)]

mod bytes;
mod constraints;
mod field;
mod head;
mod key;
mod openings;
mod queries;
mod reject;
mod shape;
mod tape;
mod transcript;

use bytes::{Cursor, ELEMENT};
use constraints::{Buses, PublicMessage, check_tables};
use field::P;
use head::Head;
use key::Key;
use reject::{Checked, rejected, require};
pub use reject::{Reason, Rejected};

const CONTEXT_LENGTH: usize = 32;
/// Starts a run in the place of a bus: no tape has so many buses.
const RUN: u8 = 255;

/// Public messages as an application states them, nothing checked.
pub enum Messages<'a> {
    /// Bus of the tape and fields.
    Listed(&'a [(u64, Vec<u64>)]),
    /// Items of docs/proof-format.md section 10: single messages and runs.
    Packed(&'a [u8]),
}

/// Verify a proof. Rejects with the first check that fails, the same reason as the Python verifier.
pub fn verify(vk: &[u8], context: &[u8], messages: &Messages<'_>, proof: &[u8]) -> Result<(), Rejected> {
    let key = Key::parse(vk)?;
    require(
        context.len() == CONTEXT_LENGTH,
        Reason::Context,
        "the context is not 32 bytes",
    )?;
    let (head, records) = split(&key, proof)?;
    let messages = match messages {
        Messages::Listed(listed) => check_messages(&key, listed)?,
        Messages::Packed(packed) => check_messages(&key, &unpack(&key, packed)?)?,
    };
    let head = Head::parse(&key, head)?;

    let challenges = head.challenges(&key, context)?;
    let buses = Buses::new(&key, &challenges);
    buses.check(&key, &head, &messages)?;
    check_tables(&key, &head, &challenges, &buses)?;
    let claims = openings::batch(&key, &head, challenges.zeta, challenges.batching)?;
    let records = records.chunks_exact(key.record_length().max(1));
    for (number, (index, record)) in challenges.indices.iter().zip(records).enumerate() {
        queries::check(&key, &head, &challenges, &claims, *index, record).map_err(|verdict| Rejected {
            detail: format!("query {number}: {}", verdict.detail),
            ..verdict
        })?;
    }
    Ok(())
}

/// Head and records of a proof that has exactly the key's length.
fn split<'a>(key: &Key<'_>, proof: &'a [u8]) -> Checked<(&'a [u8], &'a [u8])> {
    let queries = usize::try_from(key.queries).unwrap_or(usize::MAX);
    let records = key.record_length().saturating_mul(queries);
    let expected = key.head_length().saturating_add(records);
    let wrong = || {
        let detail = format!("{expected} bytes expected, got {}", proof.len());
        rejected(Reason::Length, detail)
    };
    if proof.len() != expected {
        return Err(wrong());
    }
    proof.split_at_checked(key.head_length()).ok_or_else(wrong)
}

fn unpack(key: &Key<'_>, packed: &[u8]) -> Checked<Vec<(u64, Vec<u64>)>> {
    let mut cursor = Cursor::new(packed, Reason::Message);
    let mut messages = Vec::new();
    while !cursor.rest().is_empty() {
        let first = cursor.u8()?;
        let bus = if first == RUN { cursor.u8()? } else { first };
        let width = key.bus_width(bus).map_err(|_| {
            let detail = format!("message {}: the tape has no such bus", messages.len());
            rejected(Reason::Message, detail)
        })?;
        if first == RUN {
            unpack_run(&mut cursor, bus, width, &mut messages)?;
        } else {
            let fields = (0..width).map(|_| cursor.u64()).collect::<Checked<Vec<_>>>()?;
            messages.push((bus.into(), fields));
        }
    }
    Ok(messages)
}

/// What follows a run's bus: their number, the bytes of each field, the fields.
fn unpack_run(
    cursor: &mut Cursor<'_>,
    bus: u8,
    width: usize,
    messages: &mut Vec<(u64, Vec<u64>)>,
) -> Checked<()> {
    let count = usize::try_from(cursor.u32()?).unwrap_or(usize::MAX);
    let sizes = cursor.take(width)?;
    let fits = sizes.iter().all(|size| usize::from(*size) <= ELEMENT);
    require(
        fits,
        Reason::Message,
        "a field of a run has more than eight bytes",
    )?;
    let length = sizes.iter().map(|size| usize::from(*size)).sum::<usize>();
    require(
        count > 0 && length > 0,
        Reason::Message,
        "an empty run, or one of messages without bytes",
    )?;
    // all bytes are there before anything is built of them
    for entry in cursor.take(count.saturating_mul(length))?.chunks_exact(length) {
        let mut inner = Cursor::new(entry, Reason::Message);
        let fields = sizes.iter().map(|size| inner.unsigned(usize::from(*size)));
        messages.push((bus.into(), fields.collect::<Checked<_>>()?));
    }
    Ok(())
}

/// Messages on used buses with the bus's number of canonical fields.
fn check_messages(key: &Key<'_>, messages: &[(u64, Vec<u64>)]) -> Checked<Vec<PublicMessage>> {
    let mut checked = Vec::with_capacity(messages.len());
    for (number, (bus, fields)) in messages.iter().enumerate() {
        let fail = |what| rejected(Reason::Message, format!("message {number}: {what}"));
        let used = u8::try_from(*bus).ok().filter(|bus| key.prefix(*bus).is_some());
        let bus = used.ok_or_else(|| fail("no table uses its bus"))?;
        if fields.len() != key.bus_width(bus)? {
            return Err(fail("another number of fields than the bus has"));
        }
        if fields.iter().any(|field| *field >= P) {
            return Err(fail("a field is not below p"));
        }
        checked.push((bus, fields.clone()));
    }
    Ok(checked)
}
