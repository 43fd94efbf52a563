//! One AIR for every table: it interprets the table's tape.
//!
//! The tape (SSA) becomes a program over few slots, allocated by last use. Its order is the verifier's (kind by kind);
//! here operations run assert by assert. Columns are read in place, constants are folded into the operation, and asserts
//! run as soon as their node is known, so that values stay in cache.

use std::sync::Arc;

use p3_air::{Air, BaseAir, WindowAccess};
use p3_field::{Field, PrimeCharacteristicRing};
use p3_lookup::{Count, InteractionBuilder};

use crate::tape::{Message, Op, Table};

#[derive(Clone, Copy, Debug)]
enum Operand {
    Slot(u16),
    Local(u16),
    Next(u16),
    Const(u64),
    First,
    Last,
    Transition,
}

#[derive(Clone, Copy, Debug)]
enum Instruction {
    Add(u16, Operand, Operand),
    Sub(u16, Operand, Operand),
    Mul(u16, Operand, Operand),
    Assert(Operand),
}

#[derive(Debug)]
struct Sent {
    bus: String,
    receive: bool,
    weight: u8,
    count: Operand,
    fields: Vec<Operand>,
}

#[derive(Debug)]
struct Program {
    width: usize,
    next_columns: Vec<usize>,
    instructions: Vec<Instruction>,
    sent: Vec<Sent>,
    slots: usize,
}

/// The AIR of one table. Cheap to clone.
#[derive(Clone, Debug)]
pub struct GenAir(Arc<Program>, usize);

impl GenAir {
    /// `log_chunks`: the quotient is committed in this many chunks; Plonky3 concludes it from a degree.
    pub fn new(table: &Table, log_chunks: usize) -> Self {
        Self(Arc::new(compile(table)), log_chunks)
    }
    pub fn reads_next(&self) -> bool {
        !self.0.next_columns.is_empty()
    }
}

/// Plonky3's name of a bus of the tape.
pub fn bus_name(bus: u8) -> String {
    format!("b{bus:03}")
}

fn roots(table: &Table) -> impl Iterator<Item = u16> {
    let of_messages = table
        .messages
        .iter()
        .flat_map(|m| m.fields.iter().chain([&m.count]));
    table.asserts.iter().chain(of_messages).copied()
}

/// The same table with its operations in the order in which asserts, then messages, need them. Nodes of derived columns
/// alone are left out: they are for the witness.
fn depth_first(table: &Table) -> Table {
    let mut place: Vec<Option<u16>> = vec![None; table.ops.len()];
    let mut ops = Vec::with_capacity(table.ops.len());
    for root in roots(table) {
        let mut open = vec![root];
        while let Some(&node) = open.last() {
            let op = table.ops[usize::from(node)];
            let mut placed = |operand: u16| {
                let found = place[usize::from(operand)];
                if found.is_none() {
                    open.push(operand);
                }
                found
            };
            let op = match op {
                Op::Add(a, b) => placed(a).and_then(|a| Some(Op::Add(a, placed(b)?))),
                Op::Sub(a, b) => placed(a).and_then(|a| Some(Op::Sub(a, placed(b)?))),
                Op::Mul(a, b) => placed(a).and_then(|a| Some(Op::Mul(a, placed(b)?))),
                leaf => Some(leaf),
            };
            let Some(op) = op else { continue };
            open.pop();
            if place[usize::from(node)].is_none() {
                place[usize::from(node)] = Some(ops.len() as u16);
                ops.push(op);
            }
        }
    }
    // Every root was placed.
    let at = |node: &u16| place[usize::from(*node)].unwrap_or_default();
    let messages = table.messages.iter().map(|m| Message {
        count: at(&m.count),
        fields: m.fields.iter().map(at).collect(),
        ..*m
    });
    Table {
        width: table.width,
        asserts: table.asserts.iter().map(at).collect(),
        messages: messages.collect(),
        ops,
    }
}

fn compile(table: &Table) -> Program {
    let table = &depth_first(table);
    let n = table.ops.len();
    let mut live = vec![false; n];
    let mut last_use: Vec<usize> = (0..n).collect();
    for message in &table.messages {
        for node in message.fields.iter().chain([&message.count]) {
            live[usize::from(*node)] = true;
        }
    }
    for (i, op) in table.ops.iter().enumerate() {
        if let Op::Add(a, b) | Op::Sub(a, b) | Op::Mul(a, b) = *op {
            last_use[usize::from(a)] = i;
            last_use[usize::from(b)] = i;
        }
    }
    // Asserts keep the tape's order, so an assert waits for all before it; its node lives until then.
    let mut ready = 0;
    let mut emit_after: Vec<Vec<u16>> = vec![Vec::new(); n];
    for node in &table.asserts {
        ready = ready.max(usize::from(*node));
        emit_after[ready].push(*node);
        last_use[usize::from(*node)] = last_use[usize::from(*node)].max(ready);
    }
    let mut expires: Vec<Vec<usize>> = vec![Vec::new(); n];
    for i in 0..n {
        if !live[i] {
            expires[last_use[i]].push(i);
        }
    }
    let mut next_columns: Vec<usize> = Vec::new();
    let mut operands: Vec<Operand> = Vec::with_capacity(n);
    let mut instructions = Vec::with_capacity(n + table.asserts.len());
    let mut free: Vec<u16> = Vec::new();
    let mut slots: u16 = 0;
    for (i, op) in table.ops.iter().enumerate() {
        let operand = match *op {
            Op::Local(c) => Operand::Local(c),
            Op::Next(c) => {
                next_columns.push(usize::from(c));
                Operand::Next(c)
            }
            Op::Const(c) => Operand::Const(c),
            Op::First => Operand::First,
            Op::Last => Operand::Last,
            Op::Transition => Operand::Transition,
            Op::Add(a, b) | Op::Sub(a, b) | Op::Mul(a, b) => {
                let (x, y) = (operands[usize::from(a)], operands[usize::from(b)]);
                // Slots freed only after this instruction: destination and sources differ.
                let slot = free.pop().unwrap_or_else(|| {
                    slots += 1;
                    slots - 1
                });
                instructions.push(match op {
                    Op::Add(..) => Instruction::Add(slot, x, y),
                    Op::Sub(..) => Instruction::Sub(slot, x, y),
                    _ => Instruction::Mul(slot, x, y),
                });
                Operand::Slot(slot)
            }
        };
        operands.push(operand);
        for node in &emit_after[i] {
            instructions.push(Instruction::Assert(operands[usize::from(*node)]));
        }
        for node in &expires[i] {
            if let Operand::Slot(slot) = operands[*node] {
                free.push(slot);
            }
        }
    }
    next_columns.sort_unstable();
    next_columns.dedup();
    let sent = table
        .messages
        .iter()
        .map(|m| Sent {
            bus: bus_name(m.bus),
            receive: m.receive,
            weight: m.weight,
            count: operands[usize::from(m.count)],
            fields: m.fields.iter().map(|f| operands[usize::from(*f)]).collect(),
        })
        .collect();
    Program {
        width: table.width,
        next_columns,
        instructions,
        sent,
        slots: usize::from(slots),
    }
}

impl<F: Field> BaseAir<F> for GenAir {
    fn width(&self) -> usize {
        self.0.width
    }
    fn main_next_row_columns(&self) -> Vec<usize> {
        self.0.next_columns.clone()
    }
    fn num_constraints(&self) -> Option<usize> {
        None
    }
    fn max_constraint_degree(&self) -> Option<usize> {
        Some((1 << self.1) + 1)
    }
}

/// Slots kept on the stack; a tape that needs more pays one allocation per row group.
const STACK_SLOTS: usize = 96;

impl<AB: InteractionBuilder> Air<AB> for GenAir
where
    AB::F: Field,
{
    fn eval(&self, builder: &mut AB) {
        if self.0.slots <= STACK_SLOTS {
            let mut slots: [AB::Expr; STACK_SLOTS] = std::array::from_fn(|_| AB::Expr::ZERO);
            run(&self.0, builder, &mut slots);
        } else {
            run(&self.0, builder, &mut vec![AB::Expr::ZERO; self.0.slots]);
        }
    }
}

fn run<AB: InteractionBuilder>(program: &Program, builder: &mut AB, slots: &mut [AB::Expr])
where
    AB::F: Field,
{
    let main = builder.main();
    let (local, next) = (main.current_slice(), main.next_slice());
    let selectors = [
        builder.is_first_row(),
        builder.is_last_row(),
        builder.is_transition(),
    ];
    macro_rules! read {
        ($operand:expr) => {
            match $operand {
                Operand::Slot(i) => slots[usize::from(i)].clone(),
                Operand::Local(c) => local[usize::from(c)].into(),
                Operand::Next(c) => next[usize::from(c)].into(),
                Operand::Const(c) => AB::Expr::from(AB::F::from_u64(c)),
                Operand::First => selectors[0].clone(),
                Operand::Last => selectors[1].clone(),
                Operand::Transition => selectors[2].clone(),
            }
        };
    }
    for instruction in &program.instructions {
        match *instruction {
            Instruction::Add(d, x, y) => {
                let value: AB::Expr = read!(x) + read!(y);
                slots[usize::from(d)] = value;
            }
            Instruction::Sub(d, x, y) => {
                let value: AB::Expr = read!(x) - read!(y);
                slots[usize::from(d)] = value;
            }
            Instruction::Mul(d, x, y) => {
                let value: AB::Expr = read!(x) * read!(y);
                slots[usize::from(d)] = value;
            }
            Instruction::Assert(x) => {
                let value: AB::Expr = read!(x);
                builder.assert_zero(value);
            }
        }
    }
    for sent in &program.sent {
        let count: AB::Expr = read!(sent.count);
        let count = if sent.weight == 0 {
            Count::provided(count)
        } else {
            Count::bounded(count, u32::from(sent.weight))
        };
        let count = if sent.receive { -count } else { count };
        let fields: Vec<AB::Expr> = sent.fields.iter().map(|f| read!(*f)).collect();
        builder.push_interaction(&sent.bus, fields, count);
    }
}
