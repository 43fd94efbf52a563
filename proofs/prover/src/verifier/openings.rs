//! The claimed openings, batched into one function for each height (docs/proof-format.md section 5.4).

use super::field::{Extension, SEVEN, generator, mul, pow, reverse_bits};
use super::head::Head;
use super::key::{Key, MOST_POINTS};
use super::reject::{Checked, Reason, at, rejected, require};
use super::shape::Tree;

/// All columns of one height that are opened at one point.
#[derive(Clone)]
struct Claim {
    point: Extension,
    /// The weighted sum of the claimed values.
    value: Extension,
}

/// The claims of one height, and each tree's weights: a row of that height holds all its matrices there.
pub struct Claims {
    pub log_height: u32,
    claims: Vec<Claim>,
    /// By tree and column, a weight for each point; zero where the column is not opened.
    weights: Vec<Vec<[Extension; MOST_POINTS]>>,
    next_power: Extension,
    /// Whether any column is opened at the successor.
    reads_next: bool,
}

/// Claims of every height that occurs.
pub fn batch(key: &Key<'_>, head: &Head<'_>, zeta: Extension, batching: Extension) -> Checked<Vec<Claims>> {
    let mut heights: Vec<Claims> = Vec::new();
    for (number, tree) in key.trees.iter().enumerate() {
        for index in 0..tree.matrices.len() {
            let log_height = at(&tree.matrices, index)?.log_height;
            let place = heights.iter().position(|c| c.log_height == log_height);
            let place = place.unwrap_or_else(|| {
                heights.push(Claims::new(key, log_height, zeta));
                heights.len().saturating_sub(1)
            });
            let claims = heights
                .get_mut(place)
                .ok_or_else(|| rejected(Reason::Vk, "a height is missing"))?;
            claims.extend(number, head.openings(number, index)?, batching)?;
        }
    }
    for claims in &mut heights {
        if !claims.reads_next {
            claims.claims.truncate(1);
        }
    }
    Ok(heights)
}

impl Claims {
    fn new(key: &Key<'_>, log_height: u32, zeta: Extension) -> Self {
        let successor = zeta.scale(generator(log_height.saturating_sub(key.log_blowup)));
        let claim = |point| Claim {
            point,
            value: Extension::ZERO,
        };
        Self {
            log_height,
            claims: vec![claim(zeta), claim(successor)],
            weights: vec![Vec::new(); key.trees.len()],
            next_power: Extension::ONE,
            reads_next: false,
        }
    }

    /// The columns of one more matrix of `tree`, with fresh powers at each point.
    fn extend(
        &mut self,
        tree: usize,
        openings: [&[Extension]; MOST_POINTS],
        batching: Extension,
    ) -> Checked<()> {
        let missing = || rejected(Reason::Vk, "a tree is missing");
        let weights = self.weights.get_mut(tree).ok_or_else(missing)?;
        let start = weights.len();
        let [columns, successor] = openings;
        self.reads_next |= !successor.is_empty();
        weights.resize(
            start.saturating_add(columns.len()),
            [Extension::ZERO; MOST_POINTS],
        );
        for (number, (values, claim)) in openings.iter().zip(&mut self.claims).enumerate() {
            for (value, column) in values.iter().zip(weights.iter_mut().skip(start)) {
                let weight = column.get_mut(number).ok_or_else(missing)?;
                *weight = self.next_power;
                claim.value += self.next_power * *value;
                self.next_power = self.next_power * batching;
            }
        }
        Ok(())
    }

    /// The batched quotient at the query's point; `rows` are the trees' rows of this height.
    pub fn reduce(&self, key: &Key<'_>, index: u64, rows: &[Option<&[u64]>]) -> Checked<Extension> {
        let down = key.log_domain.saturating_sub(self.log_height);
        let place = reverse_bits(index.checked_shr(down).unwrap_or(0), self.log_height);
        let x = Extension::lift(mul(SEVEN, pow(generator(self.log_height), place)));
        let mut sum = Extension::ZERO;
        for (number, claim) in self.claims.iter().enumerate() {
            let mut difference = claim.value;
            for (weights, row) in self.weights.iter().zip(rows) {
                difference = difference - weighted(weights, row.unwrap_or(&[]), number)?;
            }
            let denominator = (claim.point - x).inverse();
            require(
                denominator.is_some(),
                Reason::QueryPoint,
                "a query point is an opening point",
            )?;
            sum += difference * denominator.unwrap_or(Extension::ZERO);
        }
        Ok(sum)
    }
}

fn weighted(weights: &[[Extension; MOST_POINTS]], row: &[u64], point: usize) -> Checked<Extension> {
    require(weights.len() == row.len(), Reason::Vk, "a row's columns")?;
    let mut sum = Extension::ZERO;
    for (weight, value) in weights.iter().zip(row) {
        sum += at(weight, point)?.scale(*value);
    }
    Ok(sum)
}

/// The row of `tree` at `log_height`, where it has a group there.
pub fn row_of<'r>(tree: &Tree, rows: &'r [Vec<u64>], log_height: u32) -> Option<&'r [u64]> {
    let group = tree.groups.iter().position(|g| g.log_height == log_height)?;
    rows.get(group).map(Vec::as_slice)
}
