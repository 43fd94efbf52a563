//! The tape (docs/proof-format.md section 9): a table's constraints as straight-line code.

use super::bytes::Cursor;
use super::field::P;
use super::reject::{Checked, Reason, require};

/// What a node is; operands are columns or earlier nodes, checked to be in range.
#[derive(Clone, Copy, Debug)]
pub enum Node {
    Local(usize),
    Next(usize),
    Constant(u64),
    First,
    Last,
    Transition,
    Add(usize, usize),
    Sub(usize, usize),
    Mul(usize, usize),
}

/// A bus message of every row; `count` and `fields` are nodes.
pub struct Message {
    pub bus: u8,
    pub receive: bool,
    pub weight: u8,
    pub count: usize,
    pub fields: Vec<usize>,
}

pub struct Table {
    pub width: usize,
    pub nodes: Vec<Node>,
    pub asserts: Vec<usize>,
    pub messages: Vec<Message>,
}

impl Table {
    pub fn reads_next(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node, Node::Next(_)))
    }
}

pub struct Tape {
    /// Fields per message of each bus.
    pub bus_widths: Vec<u8>,
    pub tables: Vec<Table>,
}

impl Tape {
    pub fn parse(bytes: &[u8]) -> Checked<Self> {
        let mut cursor = Cursor::new(bytes, Reason::Vk);
        require(cursor.take(4)? == b"SBT1", Reason::Vk, "the tape's magic")?;
        let buses = usize::from(cursor.u8()?);
        let bus_widths = cursor.take(buses)?.to_vec();
        require(!bus_widths.contains(&0), Reason::Vk, "a bus has no fields")?;
        let tables = cursor.u8()?;
        require(tables > 0, Reason::Vk, "no tables")?;
        let tables = (0..tables)
            .map(|_| table(&mut cursor, &bus_widths))
            .collect::<Checked<Vec<_>>>()?;
        cursor.finish()?;
        Ok(Self { bus_widths, tables })
    }
}

fn table(cursor: &mut Cursor<'_>, bus_widths: &[u8]) -> Checked<Table> {
    let width = usize::from(cursor.u16()?);
    require(width > 0, Reason::Vk, "a table has no columns")?;
    let constants = (0..cursor.u16()?)
        .map(|_| {
            let value = cursor.u64()?;
            require(value < P, Reason::Vk, "a constant is not below p")?;
            Ok(value)
        })
        .collect::<Checked<Vec<_>>>()?;
    let count = usize::from(cursor.u16()?);
    let nodes = (0..count)
        .map(|index| node(cursor, index, width, &constants))
        .collect::<Checked<Vec<_>>>()?;
    let asserts = (0..cursor.u16()?)
        .map(|_| operand(cursor, count))
        .collect::<Checked<Vec<_>>>()?;
    let messages = (0..cursor.u16()?)
        .map(|_| message(cursor, count, bus_widths))
        .collect::<Checked<Vec<_>>>()?;
    Ok(Table {
        width,
        nodes,
        asserts,
        messages,
    })
}

/// An index below `limit`.
fn operand(cursor: &mut Cursor<'_>, limit: usize) -> Checked<usize> {
    let index = usize::from(cursor.u16()?);
    require(index < limit, Reason::Vk, "an operand is out of range")?;
    Ok(index)
}

fn node(cursor: &mut Cursor<'_>, index: usize, width: usize, constants: &[u64]) -> Checked<Node> {
    let code = cursor.u8()?;
    let limit = match code {
        0 | 1 => width,
        2 => constants.len(),
        3..=5 => 1,
        _ => index,
    };
    let a = operand(cursor, limit)?;
    let b = operand(cursor, if code < 6 { 1 } else { index })?;
    Ok(match code {
        0 => Node::Local(a),
        1 => Node::Next(a),
        2 => Node::Constant(*super::reject::at(constants, a)?),
        3 => Node::First,
        4 => Node::Last,
        5 => Node::Transition,
        6 => Node::Add(a, b),
        7 => Node::Sub(a, b),
        8 => Node::Mul(a, b),
        _ => return Err(super::reject::rejected(Reason::Vk, "an unknown operation")),
    })
}

fn message(cursor: &mut Cursor<'_>, nodes: usize, bus_widths: &[u8]) -> Checked<Message> {
    let bus = cursor.u8()?;
    let width = bus_widths.get(usize::from(bus)).copied();
    require(width.is_some(), Reason::Vk, "a message names no bus")?;
    let sign = cursor.below(2, "a sign is neither 0 nor 1")?;
    let weight = cursor.u8()?;
    let count = operand(cursor, nodes)?;
    let fields = (0..width.unwrap_or(0))
        .map(|_| operand(cursor, nodes))
        .collect::<Checked<Vec<_>>>()?;
    Ok(Message {
        bus,
        receive: sign == 1,
        weight,
        count,
        fields,
    })
}
