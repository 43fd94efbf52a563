//! The tape run over base-field traces: derived columns, messages, and a check of all constraints and buses.

use std::collections::HashMap;

use p3_field::{Field, PackedValue, PrimeCharacteristicRing, PrimeField64};
use p3_matrix::Matrix;
use p3_matrix::dense::RowMajorMatrix;
use rayon::prelude::*;
use thiserror::Error;

use crate::mmcs::Val;
use crate::tape::{Op, Table, Tape, needed};

type Packed = <Val as Field>::Packing;

/// Rows per task: large enough to amortise the scratch space.
const ROWS: usize = 64;

#[derive(Debug, Error)]
pub enum WitnessError {
    #[error("table: the tape has no table {0}")]
    Table(usize),
    #[error("bus: the tape has no bus {0}")]
    Bus(u8),
    #[error("shape: table {table} is not {width} columns wide or its height is no power of two")]
    Shape { table: usize, width: usize },
    #[error("derived: column {column}: {what}")]
    Derived { column: usize, what: &'static str },
    #[error("public: row {row}: {what}")]
    Public { row: usize, what: &'static str },
}

#[derive(Clone, Copy, Debug)]
pub struct Derived {
    pub column: usize,
    pub node: usize,
    pub kind: u8,
}

pub fn table(tape: &Tape, index: usize) -> Result<&Table, WitnessError> {
    tape.tables.get(index).ok_or(WitnessError::Table(index))
}

pub fn canonical(values: &[Val]) -> Vec<u64> {
    values.iter().map(PrimeField64::as_canonical_u64).collect()
}

fn check_shape(index: usize, table: &Table, trace: &RowMajorMatrix<Val>) -> Result<(), WitnessError> {
    if trace.width() == table.width && trace.height().is_power_of_two() {
        Ok(())
    } else {
        Err(WitnessError::Shape {
            table: index,
            width: table.width,
        })
    }
}

struct Row<'a> {
    local: &'a [Val],
    next: &'a [Val],
    index: usize,
    height: usize,
}

fn evaluate(op: Op, row: &Row<'_>, values: &[Val]) -> Val {
    let flag = |b: bool| if b { Val::ONE } else { Val::ZERO };
    match op {
        Op::Local(c) => row.local[usize::from(c)],
        Op::Next(c) => row.next[usize::from(c)],
        Op::Const(c) => Val::new(c),
        Op::First => flag(row.index == 0),
        Op::Last => flag(row.index + 1 == row.height),
        Op::Transition => flag(row.index + 1 != row.height),
        Op::Add(a, b) => values[usize::from(a)] + values[usize::from(b)],
        Op::Sub(a, b) => values[usize::from(a)] - values[usize::from(b)],
        Op::Mul(a, b) => values[usize::from(a)] * values[usize::from(b)],
    }
}

/// Run `nodes` on every row; `visit` sees the row index and all values and appends to its task's output, in row order.
fn scan<T: Send>(
    table: &Table,
    trace: &RowMajorMatrix<Val>,
    nodes: &[u16],
    visit: impl Fn(usize, &[Val], &mut Vec<T>) + Sync,
) -> Vec<T> {
    let (height, width) = (trace.height(), trace.width());
    let tasks: Vec<Vec<T>> = (0..height.div_ceil(ROWS))
        .into_par_iter()
        .map_init(
            || vec![Val::ZERO; table.ops.len()],
            |values, task| {
                let mut out = Vec::new();
                for index in task * ROWS..height.min((task + 1) * ROWS) {
                    let next = (index + 1) % height;
                    let row = Row {
                        local: &trace.values[index * width..(index + 1) * width],
                        next: &trace.values[next * width..(next + 1) * width],
                        index,
                        height,
                    };
                    for node in nodes {
                        let i = usize::from(*node);
                        values[i] = evaluate(table.ops[i], &row, values);
                    }
                    visit(index, values, &mut out);
                }
                out
            },
        )
        .collect();
    tasks.into_iter().flatten().collect()
}

enum Step {
    Evaluate(u16),
    Store(Derived),
}

/// The order in which a row is filled; refuses nodes that read the next row, selectors or columns filled later.
fn schedule(table: &Table, derived: &[Derived]) -> Result<Vec<Step>, WitnessError> {
    let fail = |column, what| WitnessError::Derived { column, what };
    let mut pending = vec![false; table.width];
    for d in derived {
        let slot = pending
            .get_mut(d.column)
            .ok_or(fail(d.column, "no such column"))?;
        if std::mem::replace(slot, true) {
            return Err(fail(d.column, "filled twice"));
        }
    }
    let mut done = vec![false; table.ops.len()];
    let mut steps = Vec::new();
    for d in derived {
        if d.node >= table.ops.len() || d.kind > 1 {
            return Err(fail(d.column, "unknown node or kind"));
        }
        for node in needed(&table.ops[..=d.node], [d.node as u16]) {
            let i = usize::from(node);
            if done[i] {
                continue;
            }
            match table.ops[i] {
                Op::Local(c) if pending[usize::from(c)] => {
                    return Err(fail(d.column, "reads a column that is filled later"));
                }
                Op::Next(_) | Op::First | Op::Last | Op::Transition => {
                    return Err(fail(d.column, "reads the next row or a selector"));
                }
                _ => {}
            }
            done[i] = true;
            steps.push(Step::Evaluate(node));
        }
        steps.push(Step::Store(*d));
        pending[d.column] = false;
    }
    Ok(steps)
}

/// `inputs` (whole rows) with the derived columns filled in, as many rows at once as a vector has lanes, and the last
/// row repeated up to `height` rows.
pub fn fill(
    table: &Table,
    derived: &[Derived],
    inputs: &[u64],
    height: usize,
) -> Result<Vec<u64>, WitnessError> {
    let steps = schedule(table, derived)?;
    let mut out = vec![0; height * table.width];
    let task = ROWS * table.width;
    let (filled, padding) = out.split_at_mut(inputs.len());
    filled
        .par_chunks_mut(task)
        .zip(inputs.par_chunks(task))
        .for_each_init(
            || vec![Packed::ZERO; table.ops.len()],
            |values, (out, inputs)| {
                out.copy_from_slice(inputs);
                for rows in out.chunks_mut(Packed::WIDTH * table.width) {
                    fill_rows(table, &steps, values, rows);
                }
            },
        );
    if let Some(last) = filled.rchunks_exact(table.width).next() {
        padding.par_chunks_mut(task).for_each(|rows| {
            for row in rows.chunks_exact_mut(table.width) {
                row.copy_from_slice(last);
            }
        });
    }
    Ok(out)
}

/// Run the steps on at most `Packed::WIDTH` rows; missing ones count as zero.
fn fill_rows(table: &Table, steps: &[Step], values: &mut [Packed], rows: &mut [u64]) {
    let width = table.width;
    for step in steps {
        match step {
            Step::Evaluate(node) => {
                let i = usize::from(*node);
                values[i] = match table.ops[i] {
                    Op::Local(c) => Packed::from_fn(|lane| {
                        Val::new(rows.get(lane * width + usize::from(c)).copied().unwrap_or(0))
                    }),
                    Op::Const(c) => Val::new(c).into(),
                    Op::Add(a, b) => values[usize::from(a)] + values[usize::from(b)],
                    Op::Sub(a, b) => values[usize::from(a)] - values[usize::from(b)],
                    Op::Mul(a, b) => values[usize::from(a)] * values[usize::from(b)],
                    Op::Next(_) | Op::First | Op::Last | Op::Transition => Packed::ZERO,
                };
            }
            Step::Store(d) => {
                for (row, value) in rows.chunks_exact_mut(width).zip(values[d.node].as_slice()) {
                    let result = if d.kind == 0 {
                        *value
                    } else {
                        value.try_inverse().unwrap_or(Val::ZERO)
                    };
                    row[d.column] = result.as_canonical_u64();
                }
            }
        }
    }
}

/// Flat rows (row, count, fields...) of the messages of one bus and sign with non-zero count, by row, then tape order.
pub fn messages(
    table: &Table,
    trace: &RowMajorMatrix<Val>,
    bus: u8,
    receive: bool,
) -> Result<Vec<u64>, WitnessError> {
    check_shape(0, table, trace)?;
    let chosen: Vec<_> = table
        .messages
        .iter()
        .filter(|m| m.bus == bus && m.receive == receive)
        .collect();
    let roots = chosen
        .iter()
        .flat_map(|m| m.fields.iter().chain([&m.count]))
        .copied();
    let nodes = needed(&table.ops, roots);
    let value = |values: &[Val], node: u16| values[usize::from(node)].as_canonical_u64();
    Ok(scan(table, trace, &nodes, |row, values, out: &mut Vec<u64>| {
        for m in &chosen {
            let count = value(values, m.count);
            if count != 0 {
                out.extend([row as u64, count]);
                out.extend(m.fields.iter().map(|f| value(values, *f)));
            }
        }
    }))
}

/// Asserts that do not hold: (table, assert index, row), at most `limit`.
pub fn broken_constraints(
    tape: &Tape,
    traces: &[RowMajorMatrix<Val>],
    limit: usize,
) -> Result<Vec<(usize, usize, usize)>, WitnessError> {
    let mut out = Vec::new();
    check_traces(tape, traces)?;
    for (index, (table, trace)) in tape.tables.iter().zip(traces).enumerate() {
        let nodes = needed(&table.ops, table.asserts.iter().copied());
        out.extend(scan(table, trace, &nodes, |row, values, out| {
            for (k, node) in table.asserts.iter().enumerate() {
                if !values[usize::from(*node)].is_zero() {
                    out.push((index, k, row));
                }
            }
        }));
    }
    out.truncate(limit);
    Ok(out)
}

fn check_traces(tape: &Tape, traces: &[RowMajorMatrix<Val>]) -> Result<(), WitnessError> {
    if traces.len() != tape.tables.len() {
        return Err(WitnessError::Table(traces.len().min(tape.tables.len())));
    }
    tape.tables
        .iter()
        .zip(traces)
        .enumerate()
        .try_for_each(|(i, (t, m))| check_shape(i, t, m))
}

/// Messages whose signed counts (public messages count +1) do not cancel: (bus, fields, count mod p), at most `limit`.
pub fn unbalanced(
    tape: &Tape,
    traces: &[RowMajorMatrix<Val>],
    public: &RowMajorMatrix<Val>,
    limit: usize,
) -> Result<Vec<(u8, Vec<u64>, u64)>, WitnessError> {
    check_traces(tape, traces)?;
    let mut sums: HashMap<(u8, Vec<u64>), Val> = HashMap::new();
    for (row, values) in public.values.chunks(public.width()).enumerate() {
        let bus = values[0].as_canonical_u64();
        let fail = |what| WitnessError::Public { row, what };
        let width = usize::try_from(bus)
            .ok()
            .and_then(|b| tape.buses.get(b))
            .ok_or(fail("unknown bus"))?;
        let width = usize::from(*width);
        if values.len() <= width || values[1 + width..].iter().any(|v| !v.is_zero()) {
            return Err(fail("does not fit the bus"));
        }
        *sums
            .entry((bus as u8, canonical(&values[1..=width])))
            .or_default() += Val::ONE;
    }
    for (table, trace) in tape.tables.iter().zip(traces) {
        let roots = table
            .messages
            .iter()
            .flat_map(|m| m.fields.iter().chain([&m.count]))
            .copied();
        let nodes = needed(&table.ops, roots);
        let sent = scan(table, trace, &nodes, |_, values, out| {
            for m in &table.messages {
                let count = values[usize::from(m.count)];
                if !count.is_zero() {
                    let fields: Vec<u64> = m
                        .fields
                        .iter()
                        .map(|f| values[usize::from(*f)].as_canonical_u64())
                        .collect();
                    out.push(((m.bus, fields), if m.receive { -count } else { count }));
                }
            }
        });
        for (key, count) in sent {
            *sums.entry(key).or_default() += count;
        }
    }
    let mut out: Vec<_> = sums
        .into_iter()
        .filter(|(_, count)| !count.is_zero())
        .map(|((bus, fields), count)| (bus, fields, count.as_canonical_u64()))
        .collect();
    out.sort_unstable();
    out.truncate(limit);
    Ok(out)
}
