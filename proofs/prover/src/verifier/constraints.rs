//! The constraints at the out-of-domain point and the bus argument (docs/proof-format.md section 5.3).

use super::field::{Extension, SEVEN, generator, inverse, mul, pow, square_times};
use super::head::{Challenges, Head};
use super::key::{Key, TableShape};
use super::reject::{Checked, Reason, at, rejected, require};
use super::tape::{Message, Node, Table};

/// A public message: bus of the tape, fields.
pub type PublicMessage = (u8, Vec<u64>);

/// Challenges of the bus argument.
pub struct Buses {
    alpha: Extension,
    beta: Extension,
    step: Extension,
}

impl Buses {
    pub fn new(key: &Key<'_>, challenges: &Challenges) -> Self {
        Self {
            alpha: challenges.lookup_alpha,
            beta: challenges.lookup_beta,
            step: challenges.lookup_beta.power(key.widest_message),
        }
    }

    fn denominator(
        &self,
        key: &Key<'_>,
        bus: u8,
        fields: impl IntoIterator<Item = Extension>,
    ) -> Checked<Extension> {
        let index = key
            .prefix(bus)
            .ok_or_else(|| rejected(Reason::Vk, "an unused bus"))?;
        let steps = Extension::lift(u64::from(index).saturating_add(1));
        let fingerprint = fields
            .into_iter()
            .fold(Extension::ZERO, |sum, field| sum * self.beta + field);
        Ok(self.alpha + self.step * steps - fingerprint)
    }

    /// Terminals and public messages must sum to zero.
    pub fn check(&self, key: &Key<'_>, head: &Head<'_>, messages: &[PublicMessage]) -> Checked<()> {
        let mut sum = Extension::ZERO;
        for (bus, fields) in messages {
            let fields = fields.iter().map(|field| Extension::lift(*field));
            let fraction = self.denominator(key, *bus, fields)?.inverse();
            require(
                fraction.is_some(),
                Reason::Bus,
                "a public message has a zero denominator",
            )?;
            sum += fraction.unwrap_or(Extension::ZERO);
        }
        for terminal in &head.terminals {
            sum += *terminal;
        }
        let detail = "terminals and public messages do not sum to zero";
        require(sum == Extension::ZERO, Reason::Bus, detail)
    }
}

/// Unnormalised row selectors at zeta, and the vanishing polynomial of the trace domain.
struct Selectors {
    first: Extension,
    last: Extension,
    transition: Extension,
    vanishing: Extension,
}

fn selectors(log_height: u32, zeta: Extension) -> Option<Selectors> {
    let vanishing = zeta.square_times(log_height) - Extension::ONE;
    vanishing.inverse()?;
    let last_row = Extension::lift(inverse(generator(log_height))?);
    let transition = zeta - last_row;
    Some(Selectors {
        first: vanishing * (zeta - Extension::ONE).inverse()?,
        last: vanishing * transition.inverse()?,
        transition,
        vanishing,
    })
}

/// The quotient at zeta from its chunks: chunk i counts with (u^n - 1) / (n (u w^-i - 1)), u = (zeta / 7)^N.
fn recompose(log_height: u32, log_chunks: u32, chunks: &[Extension], zeta: Extension) -> Option<Extension> {
    let step = inverse(generator(log_chunks))?;
    let shift = inverse(square_times(SEVEN, log_height))?;
    let u = zeta.square_times(log_height).scale(shift);
    let mut power = 1;
    let mut sum = Extension::ZERO;
    for chunk in chunks {
        sum += *chunk * (u.scale(power) - Extension::ONE).inverse()?;
        power = mul(power, step);
    }
    let scale = inverse(pow(2, log_chunks.into()))?;
    Some((sum * (u.square_times(log_chunks) - Extension::ONE)).scale(scale))
}

/// Extension columns from pairs of base columns: v0 + v1 X.
fn from_basis(coordinates: &[Extension]) -> Vec<Extension> {
    let (pairs, _) = coordinates.as_chunks::<2>();
    pairs.iter().map(|[low, high]| *low + high.times_x()).collect()
}

fn evaluate(
    table: &Table,
    row: &Selectors,
    local: &[Extension],
    next: &[Extension],
) -> Checked<Vec<Extension>> {
    let mut values: Vec<Extension> = Vec::with_capacity(table.nodes.len());
    for node in &table.nodes {
        let value = match *node {
            Node::Local(column) => *at(local, column)?,
            Node::Next(column) => *at(next, column)?,
            Node::Constant(value) => Extension::lift(value),
            Node::First => row.first,
            Node::Last => row.last,
            Node::Transition => row.transition,
            Node::Add(a, b) => *at(&values, a)? + *at(&values, b)?,
            Node::Sub(a, b) => *at(&values, a)? - *at(&values, b)?,
            Node::Mul(a, b) => *at(&values, a)? * *at(&values, b)?,
        };
        values.push(value);
    }
    Ok(values)
}

/// Constraints are folded in order: each one multiplies what came before with alpha.
struct Fold {
    alpha: Extension,
    sum: Extension,
}

impl Fold {
    fn add(&mut self, value: Extension) {
        self.sum = self.sum * self.alpha + value;
    }
}

/// Check tables in order; `terminals` go to the tables with messages.
pub fn check_tables(key: &Key<'_>, head: &Head<'_>, challenges: &Challenges, buses: &Buses) -> Checked<()> {
    let mut terminals = head.terminals.iter();
    let (mut chunk, mut permutation) = (0usize, 0usize);
    for (number, shape) in key.tables.iter().enumerate() {
        let zeta = challenges.zeta;
        let mut chunks = Vec::new();
        for _ in 0..1u32.wrapping_shl(shape.log_chunks) {
            chunks.extend(from_basis(head.openings(1, chunk)?[0]));
            chunk = chunk.saturating_add(1);
        }
        let outside = || rejected(Reason::OodPoint, format!("table {number}"));
        let row = selectors(shape.log_height, zeta).ok_or_else(outside)?;
        let quotient = recompose(shape.log_height, shape.log_chunks, &chunks, zeta).ok_or_else(outside)?;

        let [local, next] = head.openings(0, number)?;
        let values = evaluate(&shape.table, &row, local, next)?;
        let mut fold = Fold {
            alpha: challenges.alpha,
            sum: Extension::ZERO,
        };
        for node in &shape.table.asserts {
            fold.add(*at(&values, *node)?);
        }
        if !shape.lookups.is_empty() {
            let terminal = *terminals.next().unwrap_or(&Extension::ZERO);
            let openings = head.openings(2, permutation)?.map(from_basis);
            permutation = permutation.saturating_add(1);
            fold_lookups(&mut fold, key, buses, shape, &row, &values, &openings, terminal)?;
        }
        if fold.sum != row.vanishing * quotient {
            return Err(rejected(Reason::Constraints, format!("table {number}")));
        }
    }
    Ok(())
}

/// One pin for each fraction column, then first row, transition and last row of the accumulator.
#[allow(clippy::too_many_arguments)]
fn fold_lookups(
    fold: &mut Fold,
    key: &Key<'_>,
    buses: &Buses,
    shape: &TableShape,
    row: &Selectors,
    values: &[Extension],
    [local, next]: &[Vec<Extension>; 2],
    terminal: Extension,
) -> Checked<()> {
    let (accumulator, fractions) = local
        .split_first()
        .ok_or_else(|| rejected(Reason::Vk, "a permutation trace without columns"))?;
    let mut row_sum = Extension::ZERO;
    for (column, value) in shape.lookups.iter().zip(fractions) {
        let (mut numerator, mut denominator) = (Extension::ZERO, Extension::ONE);
        for index in &column.messages {
            let message = at(&shape.table.messages, *index)?;
            let (count, term) = fraction(key, buses, message, values)?;
            numerator = numerator * term + count * denominator;
            denominator = denominator * term;
        }
        fold.add(denominator * *value - numerator);
        row_sum += *value;
    }
    let following = *at(next, 0)?;
    fold.add(row.first * *accumulator);
    fold.add(row.transition * (following - *accumulator - row_sum));
    fold.add(row.last * (terminal - *accumulator - row_sum));
    Ok(())
}

/// Signed count and denominator of a message.
fn fraction(
    key: &Key<'_>,
    buses: &Buses,
    message: &Message,
    values: &[Extension],
) -> Checked<(Extension, Extension)> {
    let count = *at(values, message.count)?;
    let signed = if message.receive {
        Extension::ZERO - count
    } else {
        count
    };
    let fields = (message.fields.iter())
        .map(|node| at(values, *node).copied())
        .collect::<Checked<Vec<_>>>()?;
    Ok((signed, buses.denominator(key, message.bus, fields)?))
}
