//! The tape: a program's tables as bytes (docs/proof-format.md section 9).
//!
//! The parser is strict: one encoding per tape, every index checked, no panic on any bytes.

use thiserror::Error;

/// Order of the Goldilocks field.
pub const ORDER: u64 = 0xffff_ffff_0000_0001;
/// Largest degree of a constraint, messages included.
pub const MAX_DEGREE: u32 = 4;

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TapeError {
    #[error("tape_truncated: the tape ends at byte {0}")]
    Truncated(usize),
    #[error("tape_trailing: {0} bytes after the last table")]
    Trailing(usize),
    #[error("tape_magic: the first bytes are not SBT1")]
    Magic,
    #[error("tape_empty: {0} must not be empty")]
    Empty(&'static str),
    #[error("tape_constant: table {table}, constant {index} is not a canonical field element")]
    Constant { table: usize, index: usize },
    #[error("tape_opcode: table {table}, node {node} has opcode {opcode}")]
    Opcode { table: usize, node: usize, opcode: u8 },
    #[error("tape_operand: table {table}, node {node} has an operand out of range or not zero")]
    Operand { table: usize, node: usize },
    #[error("tape_assert: table {table}, assert {index} names no node")]
    Assert { table: usize, index: usize },
    #[error("tape_message: table {table}, message {index}: {what}")]
    Message {
        table: usize,
        index: usize,
        what: &'static str,
    },
    #[error("tape_degree: table {table}, {what} {index} has degree {degree}")]
    Degree {
        table: usize,
        what: &'static str,
        index: usize,
        degree: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Local(u16),
    Next(u16),
    Const(u64),
    First,
    Last,
    Transition,
    Add(u16, u16),
    Sub(u16, u16),
    Mul(u16, u16),
}

#[derive(Clone, Debug)]
pub struct Message {
    pub bus: u8,
    pub receive: bool,
    pub weight: u8,
    pub count: u16,
    pub fields: Vec<u16>,
}

#[derive(Clone, Debug)]
pub struct Table {
    pub width: usize,
    pub ops: Vec<Op>,
    pub asserts: Vec<u16>,
    pub messages: Vec<Message>,
}

#[derive(Clone, Debug)]
pub struct Tape {
    /// Fields per message of each bus.
    pub buses: Vec<u8>,
    pub tables: Vec<Table>,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], TapeError> {
        let end = self
            .at
            .checked_add(n)
            .filter(|end| *end <= self.bytes.len())
            .ok_or(TapeError::Truncated(self.bytes.len()))?;
        let out = &self.bytes[self.at..end];
        self.at = end;
        Ok(out)
    }
    fn u8(&mut self) -> Result<u8, TapeError> {
        Ok(self.take(1)?[0])
    }
    fn u16(&mut self) -> Result<u16, TapeError> {
        let b = self.take(2)?;
        Ok(u16::from_be_bytes([b[0], b[1]]))
    }
    fn u64(&mut self) -> Result<u64, TapeError> {
        let mut b = [0; 8];
        b.copy_from_slice(self.take(8)?);
        Ok(u64::from_be_bytes(b))
    }
}

impl Tape {
    /// Parse and check a tape.
    pub fn parse(bytes: &[u8]) -> Result<Self, TapeError> {
        let mut r = Reader { bytes, at: 0 };
        if r.take(4)? != b"SBT1" {
            return Err(TapeError::Magic);
        }
        let num_buses = r.u8()?;
        let buses = r.take(usize::from(num_buses))?.to_vec();
        if buses.is_empty() || buses.contains(&0) {
            return Err(TapeError::Empty("buses and bus widths"));
        }
        let num_tables = usize::from(r.u8()?);
        if num_tables == 0 {
            return Err(TapeError::Empty("tables"));
        }
        let mut tables = Vec::with_capacity(num_tables);
        for t in 0..num_tables {
            tables.push(parse_table(&mut r, t, &buses)?);
        }
        if r.at != bytes.len() {
            return Err(TapeError::Trailing(bytes.len() - r.at));
        }
        Ok(Self { buses, tables })
    }
}

fn parse_table(r: &mut Reader<'_>, t: usize, buses: &[u8]) -> Result<Table, TapeError> {
    let width = r.u16()?;
    if width == 0 {
        return Err(TapeError::Empty("columns"));
    }
    let num_constants = usize::from(r.u16()?);
    let mut constants = Vec::with_capacity(num_constants);
    for index in 0..num_constants {
        let c = r.u64()?;
        if c >= ORDER {
            return Err(TapeError::Constant { table: t, index });
        }
        constants.push(c);
    }
    let num_ops = usize::from(r.u16()?);
    let mut ops = Vec::with_capacity(num_ops);
    for node in 0..num_ops {
        let (opcode, a, b) = (r.u8()?, r.u16()?, r.u16()?);
        let operand = |ok: bool| {
            if ok {
                Ok(())
            } else {
                Err(TapeError::Operand { table: t, node })
            }
        };
        let below = |x: u16| usize::from(x) < node;
        let op = match opcode {
            0 | 1 => {
                operand(a < width && b == 0)?;
                if opcode == 0 { Op::Local(a) } else { Op::Next(a) }
            }
            2 => {
                operand(usize::from(a) < num_constants && b == 0)?;
                Op::Const(constants[usize::from(a)])
            }
            3..=5 => {
                operand(a == 0 && b == 0)?;
                [Op::First, Op::Last, Op::Transition][usize::from(opcode - 3)]
            }
            6..=8 => {
                operand(below(a) && below(b))?;
                [Op::Add(a, b), Op::Sub(a, b), Op::Mul(a, b)][usize::from(opcode - 6)]
            }
            _ => {
                return Err(TapeError::Opcode {
                    table: t,
                    node,
                    opcode,
                });
            }
        };
        ops.push(op);
    }
    let (degrees, selectors) = degrees(&ops);
    let num_asserts = usize::from(r.u16()?);
    let mut asserts = Vec::with_capacity(num_asserts);
    for index in 0..num_asserts {
        let node = r.u16()?;
        let degree = *degrees
            .get(usize::from(node))
            .ok_or(TapeError::Assert { table: t, index })?;
        if degree > MAX_DEGREE {
            return Err(TapeError::Degree {
                table: t,
                what: "assert",
                index,
                degree,
            });
        }
        asserts.push(node);
    }
    let num_messages = usize::from(r.u16()?);
    let mut messages = Vec::with_capacity(num_messages);
    for index in 0..num_messages {
        let fail = |what| TapeError::Message {
            table: t,
            index,
            what,
        };
        let bus = r.u8()?;
        let bus_width = *buses.get(usize::from(bus)).ok_or(fail("unknown bus"))?;
        let sign = r.u8()?;
        if sign > 1 {
            return Err(fail("sign is neither 0 nor 1"));
        }
        let weight = r.u8()?;
        let mut node = || -> Result<u16, TapeError> {
            let node = r.u16()?;
            match selectors.get(usize::from(node)) {
                None => Err(fail("unknown node")),
                // Plonky3's selectors are not normalised: in a message they would not count rows.
                Some(true) => Err(fail("a selector in a message")),
                Some(false) => Ok(node),
            }
        };
        let count = node()?;
        let fields = (0..bus_width).map(|_| node()).collect::<Result<Vec<_>, _>>()?;
        let degree_of = |n: &u16| degrees[usize::from(*n)];
        let degree = (1 + fields.iter().map(degree_of).max().unwrap_or(0)).max(degree_of(&count));
        if degree > MAX_DEGREE {
            return Err(TapeError::Degree {
                table: t,
                what: "message",
                index,
                degree,
            });
        }
        messages.push(Message {
            bus,
            receive: sign == 1,
            weight,
            count,
            fields,
        });
    }
    Ok(Table {
        width: usize::from(width),
        ops,
        asserts,
        messages,
    })
}

/// Degree of each node in trace columns (the transition selector counts 0, as in Plonky3), and whether it holds a selector.
fn degrees(ops: &[Op]) -> (Vec<u32>, Vec<bool>) {
    let mut degrees: Vec<u32> = Vec::with_capacity(ops.len());
    let mut selectors: Vec<bool> = Vec::with_capacity(ops.len());
    for op in ops {
        let (degree, selector) = match *op {
            Op::Local(_) | Op::Next(_) => (1, false),
            Op::Const(_) => (0, false),
            Op::First | Op::Last => (1, true),
            Op::Transition => (0, true),
            Op::Add(a, b) | Op::Sub(a, b) | Op::Mul(a, b) => {
                let (a, b) = (usize::from(a), usize::from(b));
                let degree = if matches!(op, Op::Mul(..)) {
                    degrees[a].saturating_add(degrees[b])
                } else {
                    degrees[a].max(degrees[b])
                };
                (degree, selectors[a] || selectors[b])
            }
        };
        degrees.push(degree);
        selectors.push(selector);
    }
    (degrees, selectors)
}

/// Nodes that the given roots need, in tape order.
pub fn needed(ops: &[Op], roots: impl IntoIterator<Item = u16>) -> Vec<u16> {
    let mut marked = vec![false; ops.len()];
    roots.into_iter().for_each(|r| marked[usize::from(r)] = true);
    for i in (0..ops.len()).rev() {
        if let (true, Op::Add(a, b) | Op::Sub(a, b) | Op::Mul(a, b)) = (marked[i], ops[i]) {
            marked[usize::from(a)] = true;
            marked[usize::from(b)] = true;
        }
    }
    (0..ops.len()).filter(|i| marked[*i]).map(|i| i as u16).collect()
}
