//! What the key implies: committed matrices and trees, and the proof's lengths (docs/proof-format.md section 4).

use super::bytes::{DIGEST, ELEMENT, EXTENSION};
use super::key::{Key, TableShape};

/// Salt elements of a leaf group.
pub const SALT: usize = 2;
/// Base columns of the matrix that masks the folding, and of a quotient chunk.
const PAIR: usize = 2;

/// A committed matrix: base columns, opened at one or two points.
pub struct Matrix {
    pub log_height: u32,
    pub columns: usize,
    pub points: usize,
}

/// The matrices of one height in a tree share a leaf and its salt.
pub struct Group {
    pub log_height: u32,
    pub columns: usize,
}

/// A commitment: matrices in order, leaf groups from the tallest down.
pub struct Tree {
    pub name: &'static str,
    pub matrices: Vec<Matrix>,
    pub groups: Vec<Group>,
    pub log_height: u32,
}

impl Tree {
    fn new(name: &'static str, matrices: Vec<Matrix>) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        for matrix in &matrices {
            let height = matrix.log_height;
            match groups.iter_mut().find(|group| group.log_height == height) {
                Some(group) => group.columns = group.columns.saturating_add(matrix.columns),
                None => groups.push(Group {
                    log_height: height,
                    columns: matrix.columns,
                }),
            }
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.log_height));
        let log_height = groups.first().map_or(0, |group| group.log_height);
        Self {
            name,
            matrices,
            groups,
            log_height,
        }
    }
}

/// Main, quotient (the folding's mask last) and permutation tree, in the order of the opened values.
pub fn trees(tables: &[TableShape], log_blowup: u32, log_domain: u32) -> [Tree; 3] {
    let matrix = |log_height, columns, points| Matrix {
        log_height,
        columns,
        points,
    };
    let mut plans: [Vec<Matrix>; 3] = Default::default();
    let [main, quotient, permutation] = &mut plans;
    for shape in tables {
        let height = shape.log_height.saturating_add(log_blowup);
        let points = 1usize.saturating_add(usize::from(shape.table.reads_next()));
        main.push(matrix(height, shape.table.width, points));
        let chunks = 1u32.wrapping_shl(shape.log_chunks);
        quotient.extend((0..chunks).map(|_| matrix(height, PAIR, 1)));
        if !shape.lookups.is_empty() {
            let columns = shape.lookups.len().saturating_add(1).saturating_mul(PAIR);
            permutation.push(matrix(height, columns, 2));
        }
    }
    quotient.push(matrix(log_domain, PAIR, 1));
    let [main, quotient, permutation] = plans;
    [
        Tree::new("main", main),
        Tree::new("quotient", quotient),
        Tree::new("permutation", permutation),
    ]
}

/// `items * size`; what does not fit is longer than any proof.
fn product(items: usize, size: usize) -> usize {
    items.saturating_mul(size)
}

fn total(parts: impl IntoIterator<Item = usize>) -> usize {
    parts.into_iter().fold(0, usize::saturating_add)
}

pub fn power_of_two(exponent: u32) -> usize {
    1usize.checked_shl(exponent).unwrap_or(usize::MAX)
}

impl Key<'_> {
    pub fn cap_length(&self) -> usize {
        product(power_of_two(self.cap_height), DIGEST)
    }

    /// Bytes of the siblings of a leaf in a tree of `2^log_height` leaves.
    pub fn path_length(&self, log_height: u32) -> usize {
        let levels = log_height.saturating_sub(self.cap_height);
        product(usize::try_from(levels).unwrap_or(usize::MAX), DIGEST)
    }

    pub fn head_length(&self) -> usize {
        let grinding = &self.grinding;
        let witness = |bits: u32| product(usize::from(bits > 0), ELEMENT);
        let matrices = self.trees.iter().flat_map(|tree| &tree.matrices);
        let opened = total(matrices.map(|matrix| product(matrix.columns, matrix.points)));
        let elements = total([opened, self.terminals(), self.final_coefficients]);
        let rounds = self.rounds.len();
        total([
            product(rounds.saturating_add(self.trees.len()), self.cap_length()),
            product(elements, EXTENSION),
            witness(grinding.lookup),
            witness(grinding.ood),
            witness(grinding.batch),
            witness(grinding.query),
            product(rounds, witness(grinding.commit)),
        ])
    }

    /// Bytes of one query record.
    pub fn record_length(&self) -> usize {
        let mut length = 0;
        for tree in &self.trees {
            let leaves = tree.groups.iter().map(|g| g.columns.saturating_add(SALT));
            let leaves = product(total(leaves), ELEMENT);
            length = total([length, leaves, self.path_length(tree.log_height)]);
        }
        let mut rows = self.log_domain;
        for arity in &self.rounds {
            rows = rows.saturating_sub(*arity);
            let others = product(power_of_two(*arity).saturating_sub(1), EXTENSION);
            length = total([length, others, product(SALT, ELEMENT), self.path_length(rows)]);
        }
        length
    }
}
