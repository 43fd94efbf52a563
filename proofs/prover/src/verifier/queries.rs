//! The queries: Merkle openings, then folding down to the final polynomial (docs/proof-format.md section 5.5).

use super::bytes::{Cursor, DIGEST, EXTENSION};
use super::field::{Extension, generator, inverse, mul, pow, reverse_bits, square_times};
use super::head::{Challenges, Head};
use super::key::Key;
use super::openings::{Claims, row_of};
use super::reject::{Checked, Reason, rejected, require};
use super::shape::{SALT, Tree, power_of_two};
use super::transcript::{Digest, keccak};

/// The rows of a tree at one index, tallest group first, and the siblings upwards.
struct TreeOpening<'a> {
    rows: Vec<Vec<u64>>,
    /// What each leaf hash covers: row and salt.
    leaves: Vec<&'a [u8]>,
    path: &'a [u8],
}

/// The other values of a folding row, salt and siblings.
struct RoundOpening<'a> {
    others: Vec<Extension>,
    salt: &'a [u8],
    path: &'a [u8],
}

struct Query<'a> {
    trees: Vec<TreeOpening<'a>>,
    rounds: Vec<RoundOpening<'a>>,
}

impl<'a> Query<'a> {
    fn parse(key: &Key<'_>, record: &'a [u8]) -> Checked<Self> {
        let mut cursor = Cursor::of_record(record, Reason::Length);
        let mut trees = Vec::with_capacity(key.trees.len());
        for tree in &key.trees {
            let (mut rows, mut leaves) = (Vec::new(), Vec::new());
            for group in &tree.groups {
                let (raw, mut row) = elements(&mut cursor, group.columns.saturating_add(SALT))?;
                row.truncate(group.columns);
                rows.push(row);
                leaves.push(raw);
            }
            let path = cursor.take(key.path_length(tree.log_height))?;
            trees.push(TreeOpening { rows, leaves, path });
        }
        let mut rounds = Vec::with_capacity(key.rounds.len());
        let mut log_rows = key.log_domain;
        for arity in &key.rounds {
            log_rows = log_rows.saturating_sub(*arity);
            let others = cursor.extensions(power_of_two(*arity).saturating_sub(1))?;
            let (salt, _) = elements(&mut cursor, SALT)?;
            let path = cursor.take(key.path_length(log_rows))?;
            rounds.push(RoundOpening { others, salt, path });
        }
        cursor.finish()?;
        Ok(Self { trees, rounds })
    }
}

fn elements<'a>(cursor: &mut Cursor<'a>, count: usize) -> Checked<(&'a [u8], Vec<u64>)> {
    let start = cursor.rest();
    let values = cursor.elements(count)?;
    let length = start.len().saturating_sub(cursor.rest().len());
    let raw = Cursor::new(start, Reason::Length).take(length)?;
    Ok((raw, values))
}

/// Check one record at `index`.
pub fn check(
    key: &Key<'_>,
    head: &Head<'_>,
    challenges: &Challenges,
    claims: &[Claims],
    index: u64,
    record: &[u8],
) -> Checked<()> {
    let query = Query::parse(key, record)?;
    for ((tree, opening), cap) in key.trees.iter().zip(&query.trees).zip(head.caps) {
        let place = shift_down(index, key.log_domain.saturating_sub(tree.log_height));
        if !opens(tree, opening, cap, place) {
            return Err(rejected(Reason::Merkle, format!("{} tree", tree.name)));
        }
    }
    let mut reduced = Vec::with_capacity(claims.len());
    for claim in claims {
        let mut rows = Vec::with_capacity(key.trees.len());
        for (tree, opening) in key.trees.iter().zip(&query.trees) {
            rows.push(row_of(tree, &opening.rows, claim.log_height));
        }
        reduced.push((claim.log_height, claim.reduce(key, index, &rows)?));
    }
    fold(key, head, challenges, &query.rounds, &reduced, index)
}

fn shift_down(index: u64, by: u32) -> u64 {
    index.checked_shr(by).unwrap_or(0)
}

fn step(digest: &Digest, sibling: &[u8], index: u64) -> Digest {
    if index & 1 == 1 {
        keccak(&[sibling, digest])
    } else {
        keccak(&[digest, sibling])
    }
}

fn is_in_cap(cap: &[u8], index: u64, digest: &Digest) -> bool {
    let (nodes, _) = cap.as_chunks::<DIGEST>();
    let node = usize::try_from(index).ok().and_then(|place| nodes.get(place));
    node == Some(digest)
}

/// Whether the leaves lead to the cap: a level as tall as a group takes in that group's leaf.
fn opens(tree: &Tree, opening: &TreeOpening<'_>, cap: &[u8], index: u64) -> bool {
    let mut leaves = tree.groups.iter().zip(&opening.leaves).peekable();
    let Some((_, tallest)) = leaves.next() else {
        return false;
    };
    let mut digest = keccak(&[tallest]);
    let mut index = index;
    let mut height = tree.log_height;
    let (siblings, _) = opening.path.as_chunks::<DIGEST>();
    for sibling in siblings {
        digest = step(&digest, sibling, index);
        index >>= 1;
        height = height.saturating_sub(1);
        if let Some((_, leaf)) = leaves.next_if(|(group, _)| group.log_height == height) {
            digest = keccak(&[&digest, &keccak(&[leaf])]);
        }
    }
    leaves.peek().is_none() && is_in_cap(cap, index, &digest)
}

fn fold(
    key: &Key<'_>,
    head: &Head<'_>,
    challenges: &Challenges,
    openings: &[RoundOpening<'_>],
    reduced: &[(u32, Extension)],
    index: u64,
) -> Checked<()> {
    let at_height = |height| reduced.iter().find(|(h, _)| *h == height).map(|(_, v)| *v);
    let missing = || rejected(Reason::Vk, "no table has the domain's height");
    let mut value = at_height(key.log_domain).ok_or_else(missing)?;
    let mut index = index;
    let mut log_rows = key.log_domain;
    let rounds = head.rounds.iter().zip(&key.rounds).zip(&challenges.betas);
    for (number, ((((cap, _), arity), beta), opening)) in rounds.zip(openings).enumerate() {
        log_rows = log_rows.saturating_sub(*arity);
        let position = index & !u64::MAX.checked_shl(*arity).unwrap_or(0);
        index = shift_down(index, *arity);
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        let (before, after) = opening
            .others
            .split_at_checked(position)
            .ok_or_else(|| rejected(Reason::Vk, "a folding row is too short"))?;
        let row = [before, &[value], after].concat();
        if !row_opens(&row, opening, cap, index) {
            return Err(rejected(Reason::FriMerkle, format!("round {number}")));
        }
        value = fold_row(&row, index, log_rows, *arity, *beta)
            .ok_or_else(|| rejected(Reason::FoldPoint, format!("round {number}")))?;
        if let Some(input) = at_height(log_rows) {
            value += beta.square_times(*arity) * input;
        }
    }
    let x = pow(generator(log_rows), reverse_bits(index, log_rows));
    let mut expected = Extension::ZERO;
    for coefficient in head.final_poly.iter().rev() {
        expected = expected.scale(x) + *coefficient;
    }
    require(
        value == expected,
        Reason::FinalPoly,
        "the last fold is not the final polynomial's value",
    )
}

fn row_opens(row: &[Extension], opening: &RoundOpening<'_>, cap: &[u8], index: u64) -> bool {
    let mut leaf = Vec::with_capacity(row.len().saturating_add(1).saturating_mul(EXTENSION));
    for value in row {
        leaf.extend_from_slice(&value.a.to_be_bytes());
        leaf.extend_from_slice(&value.b.to_be_bytes());
    }
    leaf.extend_from_slice(opening.salt);
    let mut digest = keccak(&[&leaf]);
    let mut index = index;
    let (siblings, _) = opening.path.as_chunks::<DIGEST>();
    for sibling in siblings {
        digest = step(&digest, sibling, index);
        index >>= 1;
    }
    is_in_cap(cap, index, &digest)
}

/// The value at `beta` of the polynomial through row `index` of `2^log_rows`; none if `beta` is one of its points.
fn fold_row(
    row: &[Extension],
    index: u64,
    log_rows: u32,
    log_arity: u32,
    beta: Extension,
) -> Option<Extension> {
    let domain = generator(log_rows.saturating_add(log_arity));
    let start = pow(domain, reverse_bits(index, log_rows));
    let root = generator(log_arity);
    let mut sum = Extension::ZERO;
    for (value, m) in row.iter().zip(0u64..) {
        let x = mul(start, pow(root, reverse_bits(m, log_arity)));
        sum += value.scale(x) * (beta - Extension::lift(x)).inverse()?;
    }
    let common = square_times(start, log_arity);
    let scale = inverse(mul(common, pow(2, log_arity.into())))?;
    Some((sum * (beta.square_times(log_arity) - Extension::lift(common))).scale(scale))
}
