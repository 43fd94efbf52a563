//! The verification key (docs/proof-format.md section 2), accepted only if it is consistent in itself.

use super::bytes::Cursor;
use super::field::{P, TWO_ADICITY};
use super::reject::{Checked, Reason, at, require};
use super::shape::{Tree, trees};
use super::tape::{Table, Tape};

/// The prefix of a bus that no table uses.
const UNUSED: u8 = 255;
/// Sanity bound on quotient chunks.
const MAX_LOG_CHUNKS: u32 = 5;
const MAX_GRINDING_BITS: u32 = 63;
/// Coordinates of an extension element.
const DIMENSION: u64 = 2;
/// Points at which a matrix is opened: zeta, and perhaps its successor.
pub const MOST_POINTS: usize = 2;

/// A fraction column: the messages, all of one bus, whose fractions it sums.
pub struct LookupColumn {
    pub bus: u8,
    pub messages: Vec<usize>,
}

pub struct TableShape {
    pub table: Table,
    pub log_height: u32,
    pub log_chunks: u32,
    pub lookups: Vec<LookupColumn>,
}

/// Bits of work before each challenge; 0 means no witness.
pub struct Grinding {
    pub lookup: u32,
    pub ood: u32,
    pub batch: u32,
    pub commit: u32,
    pub query: u32,
}

/// The bytes of the three domain separators.
pub struct Seeds<'a> {
    pub batch: &'a [u8],
    pub pcs: &'a [u8],
    pub fri: &'a [u8],
}

pub struct Key<'a> {
    pub log_blowup: u32,
    pub queries: u32,
    pub cap_height: u32,
    pub log_final_poly: u32,
    pub grinding: Grinding,
    pub log_domain: u32,
    /// log2 folding arities.
    pub rounds: Vec<u32>,
    pub widest_message: u32,
    prefixes: &'a [u8],
    bus_widths: Vec<u8>,
    pub tables: Vec<TableShape>,
    pub seeds: Seeds<'a>,
    /// Coefficients of the final polynomial.
    pub final_coefficients: usize,
    pub trees: [Tree; 3],
}

/// What the key says of a table before the tape is read: log height, log chunks, reads-next flag, lookup columns.
type Section = (u32, u32, bool, Vec<LookupColumn>);

fn fits(holds: bool, detail: &'static str) -> Checked<()> {
    require(holds, Reason::Vk, detail)
}

impl<'a> Key<'a> {
    pub fn parse(bytes: &'a [u8]) -> Checked<Self> {
        let mut cursor = Cursor::new(bytes, Reason::Vk);
        fits(cursor.take(4)? == b"SBV3", "the key's magic")?;
        let log_blowup = cursor.below(TWO_ADICITY, "log blowup")?;
        let queries = u32::from(cursor.u8()?);
        let cap_height = cursor.below(TWO_ADICITY, "cap height")?;
        let max_log_arity = u32::from(cursor.u8()?);
        let log_final_poly = cursor.below(TWO_ADICITY, "log final polynomial")?;
        let mut bits = || cursor.below(MAX_GRINDING_BITS.saturating_add(1), "grinding bits");
        let grinding = Grinding {
            lookup: bits()?,
            ood: bits()?,
            batch: bits()?,
            commit: bits()?,
            query: bits()?,
        };
        let log_domain = cursor.below(TWO_ADICITY.saturating_add(1), "log domain")?;
        let rounds = (0..cursor.u8()?)
            .map(|_| cursor.below(max_log_arity.saturating_add(1), "round arity"))
            .collect::<Checked<Vec<_>>>()?;
        let widest_message = u32::from(cursor.u8()?);
        let buses = cursor.u8()?;
        let prefixes = cursor.take(buses.into())?;
        let sections = (0..cursor.u8()?)
            .map(|_| section(&mut cursor))
            .collect::<Checked<Vec<_>>>()?;
        let mut seed = || {
            let length = cursor.u16()?;
            cursor.take(length.into())
        };
        let seeds = Seeds {
            batch: seed()?,
            pcs: seed()?,
            fri: seed()?,
        };
        let length = usize::try_from(cursor.u32()?).unwrap_or(usize::MAX);
        let tape = Tape::parse(cursor.take(length)?)?;
        cursor.finish()?;

        fits(log_blowup > 0, "blowup 1 proves nothing")?;
        fits(queries > 0, "no queries")?;
        fits(sections.len() == tape.tables.len(), "table count")?;
        fits(prefixes.len() == tape.bus_widths.len(), "bus count")?;
        check_buses(&tape, prefixes, widest_message)?;
        let tables = tape
            .tables
            .into_iter()
            .zip(sections)
            .map(|(table, section)| table_shape(table, section))
            .collect::<Checked<Vec<_>>>()?;
        let last = log_blowup.saturating_add(log_final_poly);
        fits(cap_height <= last, "the cap is above a leaf layer")?;
        check_folding(&tables, log_blowup, log_domain, &rounds, last)?;
        let final_coefficients = check_masks(&tables, queries, log_final_poly)?;
        let trees = trees(&tables, log_blowup, log_domain);
        Ok(Self {
            log_blowup,
            queries,
            cap_height,
            log_final_poly,
            grinding,
            log_domain,
            rounds,
            widest_message,
            prefixes,
            bus_widths: tape.bus_widths,
            tables,
            seeds,
            final_coefficients,
            trees,
        })
    }

    /// The prefix index of a bus that some table uses.
    pub fn prefix(&self, bus: u8) -> Option<u8> {
        let prefix = self.prefixes.get(usize::from(bus)).copied();
        prefix.filter(|index| *index != UNUSED)
    }

    pub fn bus_width(&self, bus: u8) -> Checked<usize> {
        Ok(usize::from(*at(&self.bus_widths, bus.into())?))
    }

    /// Tables with messages: each has a terminal.
    pub fn terminals(&self) -> usize {
        self.tables.iter().filter(|t| !t.lookups.is_empty()).count()
    }
}

fn section(cursor: &mut Cursor<'_>) -> Checked<Section> {
    let log_height = cursor.below(TWO_ADICITY, "log height")?;
    let log_chunks = cursor.below(MAX_LOG_CHUNKS.saturating_add(1), "log chunks")?;
    let reads_next = cursor.below(2, "reads next")? == 1;
    let columns = (0..cursor.u8()?)
        .map(|_| {
            let bus = cursor.u8()?;
            let messages = (0..cursor.u8()?)
                .map(|_| cursor.u16().map(usize::from))
                .collect::<Checked<Vec<_>>>()?;
            Ok(LookupColumn { bus, messages })
        })
        .collect::<Checked<Vec<_>>>()?;
    Ok((log_height, log_chunks, reads_next, columns))
}

/// Every message must stand in exactly one lookup column, which must be of its bus.
fn table_shape(table: Table, (log_height, log_chunks, reads_next, lookups): Section) -> Checked<TableShape> {
    fits(log_chunks > 0, "a single quotient chunk hides nothing")?;
    let quotient = log_height.saturating_add(log_chunks);
    fits(quotient <= TWO_ADICITY, "the quotient domain is too large")?;
    fits(reads_next == table.reads_next(), "reads next")?;
    let mut packed = vec![false; table.messages.len()];
    for column in &lookups {
        fits(!column.messages.is_empty(), "an empty lookup column")?;
        for index in &column.messages {
            let message = at(&table.messages, *index)?;
            fits(message.bus == column.bus, "a lookup column mixes buses")?;
            let seen = packed.get_mut(*index).map(|seen| std::mem::replace(seen, true));
            fits(seen == Some(false), "a message is packed twice")?;
        }
    }
    fits(packed.iter().all(|seen| *seen), "a message is not packed")?;
    Ok(TableShape {
        table,
        log_height,
        log_chunks,
        lookups,
    })
}

/// Used buses must have the prefixes 0, 1, ... once each; the widest of them sets their spacing.
fn check_buses(tape: &Tape, prefixes: &[u8], widest_message: u32) -> Checked<()> {
    let mut used = vec![false; prefixes.len()];
    for message in tape.tables.iter().flat_map(|table| &table.messages) {
        if let Some(bus) = used.get_mut(usize::from(message.bus)) {
            *bus = true;
        }
    }
    let count = used.iter().filter(|bus| **bus).count();
    fits(count > 0, "no table sends a message")?;
    let mut taken = vec![false; count];
    let mut widest = 0;
    for ((bus_used, prefix), width) in used.iter().zip(prefixes).zip(&tape.bus_widths) {
        fits(*bus_used == (*prefix != UNUSED), "prefixes of used buses")?;
        if *bus_used {
            let place = taken.get_mut(usize::from(*prefix));
            let seen = place.map(|seen| std::mem::replace(seen, true));
            fits(seen == Some(false), "bus prefixes are not 0, 1, ...")?;
            widest = widest.max(u32::from(*width));
        }
    }
    fits(widest_message == widest, "widest message")
}

/// Folding must pass every committed height, and no count on a bus may wrap around p.
fn check_folding(
    tables: &[TableShape],
    log_blowup: u32,
    log_domain: u32,
    rounds: &[u32],
    last: u32,
) -> Checked<()> {
    let mut reached = log_domain;
    let mut folded = Vec::with_capacity(rounds.len());
    for arity in rounds {
        fits(*arity > 0, "a round folds nothing")?;
        folded.push(reached);
        let next = reached.checked_sub(*arity);
        fits(next.is_some(), "folding goes below one point")?;
        reached = next.unwrap_or(0);
    }
    fits(reached == last, "folding does not end at the final polynomial")?;
    let heights = tables.iter().map(|t| t.log_height.saturating_add(log_blowup));
    let mut tallest = 0;
    for height in heights {
        fits(folded.contains(&height), "folding passes over a table's height")?;
        tallest = tallest.max(height);
    }
    fits(tallest == log_domain, "the domain is not the tallest table's")?;
    let mut counts = 0u128;
    for shape in tables {
        let rows = 1u128.wrapping_shl(shape.log_height);
        let weights = shape.table.messages.iter().map(|m| u128::from(m.weight));
        counts = counts.saturating_add(rows.saturating_mul(weights.sum()));
    }
    fits(counts < u128::from(P), "message counts can wrap around the field")
}

/// Every table must be tall enough for its masks; the number of coefficients of the final polynomial.
fn check_masks(tables: &[TableShape], queries: u32, log_final_poly: u32) -> Checked<usize> {
    let revealed = u64::from(queries).saturating_add(DIMENSION.saturating_mul(MOST_POINTS as u64));
    let mask = revealed.saturating_mul(2);
    let mut most = 0;
    for shape in tables {
        let height = 1u64.wrapping_shl(shape.log_height);
        let folded = shape.log_height.checked_sub(log_final_poly);
        let folded = folded.filter(|times| *times > 0);
        fits(folded.is_some(), "a table is lower than the final polynomial")?;
        fits(height >= mask, "a table is too low for its masks")?;
        let degree = height.saturating_add(mask).saturating_sub(2);
        most = degree.wrapping_shr(folded.unwrap_or(0)).max(most);
    }
    let coefficients = most.saturating_add(1);
    let longest = 2u64.wrapping_shl(log_final_poly);
    fits(coefficients <= longest, "the final polynomial is too long")?;
    Ok(usize::try_from(coefficients).unwrap_or(usize::MAX))
}
