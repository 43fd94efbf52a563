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
    #[error("layout: table {table}: {what}")]
    Layout { table: usize, what: &'static str },
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

fn check_width(index: usize, table: &Table, trace: &RowMajorMatrix<Val>) -> Result<(), WitnessError> {
    if trace.width() == table.width {
        Ok(())
    } else {
        Err(WitnessError::Shape {
            table: index,
            width: table.width,
        })
    }
}

fn check_shape(index: usize, table: &Table, trace: &RowMajorMatrix<Val>) -> Result<(), WitnessError> {
    check_width(index, table, trace)?;
    if trace.height().is_power_of_two() {
        Ok(())
    } else {
        Err(WitnessError::Shape {
            table: index,
            width: table.width,
        })
    }
}

/// Rows of one task as a tape reads them.
struct Rows<'a> {
    trace: &'a RowMajorMatrix<Val>,
    first: usize,
}

impl Rows<'_> {
    /// A column of as many rows as a vector has lanes, `ahead` rows on; behind the last row comes the first.
    fn column(&self, column: u16, ahead: usize) -> Packed {
        let (height, width) = (self.trace.height(), self.trace.width());
        Packed::from_fn(|lane| {
            let row = (self.first + lane + ahead) % height;
            self.trace.values[row * width + usize::from(column)]
        })
    }

    fn flag(&self, holds: impl Fn(usize) -> bool) -> Packed {
        Packed::from_fn(|lane| Val::from_bool(holds(self.first + lane)))
    }

    fn evaluate(&self, op: Op, values: &[Packed]) -> Packed {
        let last = self.trace.height() - 1;
        match op {
            Op::Local(c) => self.column(c, 0),
            Op::Next(c) => self.column(c, 1),
            Op::Const(c) => Val::new(c).into(),
            Op::First => self.flag(|row| row == 0),
            Op::Last => self.flag(|row| row == last),
            Op::Transition => self.flag(|row| row != last),
            Op::Add(a, b) => values[usize::from(a)] + values[usize::from(b)],
            Op::Sub(a, b) => values[usize::from(a)] - values[usize::from(b)],
            Op::Mul(a, b) => values[usize::from(a)] * values[usize::from(b)],
        }
    }
}

/// Run `nodes` on every row; `visit` sees the row index and the value of any of these nodes, and appends to its task's
/// output, in row order.
fn scan<T: Send>(
    table: &Table,
    trace: &RowMajorMatrix<Val>,
    nodes: &[u16],
    visit: impl Fn(usize, &dyn Fn(u16) -> Val, &mut Vec<T>) + Sync,
) -> Vec<T> {
    let height = trace.height();
    let tasks: Vec<Vec<T>> = (0..height.div_ceil(ROWS))
        .into_par_iter()
        .map_init(
            || vec![Packed::ZERO; table.ops.len()],
            |values, task| {
                let mut out = Vec::new();
                let end = height.min((task + 1) * ROWS);
                for first in (task * ROWS..end).step_by(Packed::WIDTH) {
                    let rows = Rows { trace, first };
                    for node in nodes {
                        let i = usize::from(*node);
                        values[i] = rows.evaluate(table.ops[i], values);
                    }
                    for row in first..end.min(first + Packed::WIDTH) {
                        let value = |node: u16| values[usize::from(node)].as_slice()[row - first];
                        visit(row, &value, &mut out);
                    }
                }
                out
            },
        )
        .collect();
    tasks.into_iter().flatten().collect()
}

/// Values of a trace, each canonical: consecutive columns of consecutive rows.
pub struct Part<'a> {
    pub row: usize,
    pub column: usize,
    pub width: usize,
    pub values: &'a [u64],
}

impl Part<'_> {
    fn end(&self) -> usize {
        self.row + self.values.len() / self.width
    }

    /// Copy what the part has of the rows from `first` on.
    fn copy(&self, rows: &mut [Val], first: usize, width: usize) {
        let end = self.end().min(first + rows.len() / width);
        for row in self.row.max(first)..end {
            let at = (row - first) * width + self.column;
            let from = (row - self.row) * self.width;
            let values = &self.values[from..from + self.width];
            for (cell, value) in rows[at..at + self.width].iter_mut().zip(values) {
                *cell = Val::new(*value);
            }
        }
    }
}

/// A trace by its parts: in the first `rows` rows they stand over zeros and derived columns follow from them; the last of
/// these rows is repeated to the end, and parts from row `rows` on stand over it. Later parts stand over earlier ones.
pub struct Layout<'a> {
    pub parts: Vec<Part<'a>>,
    pub rows: usize,
    pub height: usize,
}

impl Layout<'_> {
    fn check(&self, index: usize, width: usize) -> Result<(), WitnessError> {
        let fail = |what| Err(WitnessError::Layout { table: index, what });
        if self.rows == 0 || self.rows > self.height {
            return fail("no rows, or more than its height");
        }
        for part in &self.parts {
            let (rows, above) = (part.values.len().checked_div(part.width), part.row >= self.rows);
            let limit = if above { self.height } else { self.rows };
            let fits = |at: usize, count: usize, limit| at.checked_add(count).is_some_and(|end| end <= limit);
            if !rows.is_some_and(|rows| fits(part.row, rows, limit)) || !fits(part.column, part.width, width)
            {
                return fail("a part has no room");
            }
        }
        Ok(())
    }
}

enum Step {
    Load { column: usize },
    Const(Val),
    Add(usize, usize),
    Sub(usize, usize),
    Mul(usize, usize),
    Inverse(usize),
}

/// How a row's derived columns are computed: step k gives value k; `stores` are (column, value).
struct Plan {
    steps: Vec<Step>,
    stores: Vec<(usize, usize)>,
}

impl Plan {
    /// Refuses nodes that read the next row, selectors or columns filled later.
    fn new(table: &Table, derived: &[Derived]) -> Result<Self, WitnessError> {
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
        // The value of a node, and of a column that was filled.
        let mut node_values = vec![None; table.ops.len()];
        let mut column_values = vec![None; table.width];
        let mut plan = Self {
            steps: Vec::new(),
            stores: Vec::new(),
        };
        for d in derived {
            if d.node >= table.ops.len() || d.kind > 1 {
                return Err(fail(d.column, "unknown node or kind"));
            }
            for node in needed(&table.ops[..=d.node], [d.node as u16]) {
                let i = usize::from(node);
                if node_values[i].is_some() {
                    continue;
                }
                let value = |node: u16| node_values[usize::from(node)].unwrap_or_default();
                let step = match table.ops[i] {
                    Op::Local(c) => {
                        let column = usize::from(c);
                        if pending[column] {
                            return Err(fail(d.column, "reads a column that is filled later"));
                        }
                        if column_values[column].is_some() {
                            node_values[i] = column_values[column];
                            continue;
                        }
                        Step::Load { column }
                    }
                    Op::Const(c) => Step::Const(Val::new(c)),
                    Op::Add(a, b) => Step::Add(value(a), value(b)),
                    Op::Sub(a, b) => Step::Sub(value(a), value(b)),
                    Op::Mul(a, b) => Step::Mul(value(a), value(b)),
                    Op::Next(_) | Op::First | Op::Last | Op::Transition => {
                        return Err(fail(d.column, "reads the next row or a selector"));
                    }
                };
                node_values[i] = Some(plan.push(step));
            }
            let mut value = node_values[d.node].unwrap_or_default();
            if d.kind == 1 {
                value = plan.push(Step::Inverse(value));
            }
            plan.stores.push((d.column, value));
            column_values[d.column] = Some(value);
            pending[d.column] = false;
        }
        Ok(plan)
    }

    fn push(&mut self, step: Step) -> usize {
        self.steps.push(step);
        self.steps.len() - 1
    }

    /// Fill at most as many rows as a vector has lanes; missing ones count as zero.
    fn fill(&self, values: &mut Vec<Packed>, rows: &mut [Val], width: usize) {
        values.clear();
        for step in &self.steps {
            let value = match *step {
                Step::Load { column } => {
                    Packed::from_fn(|lane| rows.get(lane * width + column).copied().unwrap_or(Val::ZERO))
                }
                Step::Const(c) => c.into(),
                Step::Add(a, b) => values[a] + values[b],
                Step::Sub(a, b) => values[a] - values[b],
                Step::Mul(a, b) => values[a] * values[b],
                Step::Inverse(a) => {
                    Packed::from_fn(|lane| values[a].as_slice()[lane].try_inverse().unwrap_or(Val::ZERO))
                }
            };
            values.push(value);
        }
        for (lane, row) in rows.chunks_exact_mut(width).enumerate() {
            for (column, value) in &self.stores {
                row[*column] = values[*value].as_slice()[lane];
            }
        }
    }
}

/// The trace of table `index`.
pub fn lay_out(
    index: usize,
    table: &Table,
    derived: &[Derived],
    layout: &Layout<'_>,
) -> Result<RowMajorMatrix<Val>, WitnessError> {
    let (width, rows, height) = (table.width, layout.rows, layout.height);
    layout.check(index, width)?;
    let plan = Plan::new(table, derived)?;
    // Threads share the first touch of the memory, which is most of the time.
    let mut out: Vec<Val> = (0..height * width).into_par_iter().map(|_| Val::ZERO).collect();
    let (over, below): (Vec<&Part<'_>>, Vec<_>) = layout.parts.iter().partition(|part| part.row >= rows);
    let task = ROWS * width;
    let (filled, padding) = out.split_at_mut(rows * width);
    filled.par_chunks_mut(task).enumerate().for_each_init(
        || Vec::with_capacity(plan.steps.len()),
        |values, (number, out)| {
            for part in &below {
                part.copy(out, number * ROWS, width);
            }
            for rows in out.chunks_mut(Packed::WIDTH * width) {
                plan.fill(values, rows, width);
            }
        },
    );
    if let Some(last) = filled.rchunks_exact(width).next() {
        padding
            .par_chunks_mut(task)
            .enumerate()
            .for_each(|(number, out)| {
                for row in out.chunks_exact_mut(width) {
                    row.copy_from_slice(last);
                }
                for part in &over {
                    part.copy(out, rows + number * ROWS, width);
                }
            });
    }
    Ok(RowMajorMatrix::new(out, width))
}

/// Flat rows (row, count, fields...) of the messages of one bus and sign with non-zero count, by row, then tape order; the
/// trace may have any height.
pub fn messages(
    table: &Table,
    trace: &RowMajorMatrix<Val>,
    bus: u8,
    receive: bool,
) -> Result<Vec<u64>, WitnessError> {
    check_width(0, table, trace)?;
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
    Ok(scan(table, trace, &nodes, |row, value, out: &mut Vec<u64>| {
        for m in &chosen {
            let count = value(m.count).as_canonical_u64();
            if count != 0 {
                out.extend([row as u64, count]);
                out.extend(m.fields.iter().map(|f| value(*f).as_canonical_u64()));
            }
        }
    }))
}

/// Distinct messages among flat rows (row, count, fields...) of `width` fields, with the sums of their counts where these are
/// not 0: the fields by their bytes, and the sums.
pub fn distinct(rows: &[u64], width: usize) -> (Vec<u64>, Vec<u64>) {
    let mut sorted: Vec<&[u64]> = rows.chunks_exact(2 + width).collect();
    let bytes = |row: &[u64], i: usize| row[i].swap_bytes();
    sorted.par_sort_unstable_by(|a, b| {
        (2..2 + width)
            .map(|i| bytes(a, i).cmp(&bytes(b, i)))
            .find(|order| order.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    let (mut fields, mut counts) = (Vec::new(), Vec::new());
    for same in sorted.chunk_by(|a, b| a[2..] == b[2..]) {
        let sum: Val = same.iter().map(|row| Val::new(row[1])).sum();
        if !sum.is_zero() {
            fields.extend_from_slice(&same[0][2..]);
            counts.push(sum.as_canonical_u64());
        }
    }
    (fields, counts)
}

/// For each wanted row of `width` values the last row of `rows` that is the same.
pub fn places(rows: &[u64], wanted: &[u64], width: usize) -> Vec<Option<usize>> {
    let known: HashMap<&[u64], usize> = rows
        .chunks_exact(width)
        .enumerate()
        .map(|(place, row)| (row, place))
        .collect();
    wanted
        .chunks_exact(width)
        .map(|row| known.get(row).copied())
        .collect()
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
        out.extend(scan(table, trace, &nodes, |row, value, out| {
            for (k, node) in table.asserts.iter().enumerate() {
                if !value(*node).is_zero() {
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
        let sent = scan(table, trace, &nodes, |_, value, out| {
            for m in &table.messages {
                let count = value(m.count);
                if !count.is_zero() {
                    let fields: Vec<u64> = m.fields.iter().map(|f| value(*f).as_canonical_u64()).collect();
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
