//! What Plonky3 derives from a table: quotient chunks, packing of messages into lookup columns, numbering of buses.

use p3_air::BaseAir;
use p3_air::symbolic::AirLayout;
use p3_batch_stark::symbolic::{get_log_num_quotient_chunks_for_domain, get_symbolic_constraints};
use p3_field::PrimeCharacteristicRing;
use p3_field::coset::TwoAdicMultiplicativeCoset;
use p3_lookup::logup::LogUpGadget;
use p3_lookup::{Kind, Lookup};

use crate::air::{GenAir, bus_name};
use crate::mmcs::Val;
use crate::params::Params;
use crate::prove::Challenge;
use crate::tape::Tape;
use crate::vk::SetupError;

/// Prefix index of a bus that no table uses.
pub const UNUSED_BUS: u8 = 255;

/// A packed lookup column: messages (indices into the table's list) on one bus.
#[derive(Clone, Debug)]
pub struct Column {
    pub bus: u8,
    pub messages: Vec<u16>,
}

#[derive(Clone, Debug)]
pub struct TableShape {
    pub width: usize,
    pub log_height: usize,
    pub log_chunks: usize,
    pub reads_next: bool,
    pub columns: Vec<Column>,
    pub num_constraints: usize,
}

impl TableShape {
    /// log2 of the height of the table's committed matrices.
    pub fn log_lde(&self, log_blowup: usize) -> usize {
        self.log_height + log_blowup
    }
}

fn layout(air: &GenAir) -> AirLayout {
    AirLayout {
        main_width: BaseAir::<Val>::width(air),
        ..Default::default()
    }
}

/// Highest degree of the constraints, those of the lookup columns included.
pub fn degree(air: &GenAir, lookups: &[Lookup<Val>]) -> usize {
    let (base, ext) =
        get_symbolic_constraints::<Val, Challenge, _, _>(air, layout(air), lookups, &LogUpGadget::new());
    let base = base.iter().map(|c| c.degree_multiple());
    base.chain(ext.iter().map(|c| c.degree_multiple()))
        .max()
        .unwrap_or(0)
}

pub fn table_shape(
    tape: &Tape,
    index: usize,
    air: &GenAir,
    lookups: &[Lookup<Val>],
    log_height: usize,
    params: &Params,
) -> Result<TableShape, SetupError> {
    let table = &tape.tables[index];
    let layout = layout(air);
    let gadget = LogUpGadget::new();
    let domain = TwoAdicMultiplicativeCoset::new(Val::ONE, log_height).ok_or(SetupError::Heights(
        format!("table {index}: no domain of this size"),
    ))?;
    let log_chunks = get_log_num_quotient_chunks_for_domain::<Val, Challenge, _, _>(
        air, layout, domain, lookups, 0, &gadget,
    );
    if log_chunks > usize::from(params.log_blowup) {
        return Err(SetupError::Shape(format!(
            "table {index} needs 2^{log_chunks} quotient chunks"
        )));
    }
    let (base, ext) = get_symbolic_constraints::<Val, Challenge, _, _>(air, layout, lookups, &gadget);
    // Messages of a bus are packed in the tape's order: walk them again to name them.
    let mut positions: Vec<std::vec::IntoIter<u16>> = (0..tape.buses.len())
        .map(|bus| {
            let of_bus: Vec<u16> = table
                .messages
                .iter()
                .enumerate()
                .filter(|(_, m)| usize::from(m.bus) == bus)
                .map(|(i, _)| i as u16)
                .collect();
            of_bus.into_iter()
        })
        .collect();
    let mut columns = Vec::with_capacity(lookups.len());
    for lookup in lookups {
        let bus = (0..tape.buses.len())
            .find(|b| lookup.kind == Kind::Global(bus_name(*b as u8)))
            .ok_or(SetupError::Buses("a lookup without a bus"))?;
        let messages: Vec<u16> = positions[bus].by_ref().take(lookup.elements.len()).collect();
        if messages.len() != lookup.elements.len() {
            return Err(SetupError::Buses("a packed message is missing"));
        }
        columns.push(Column {
            bus: bus as u8,
            messages,
        });
    }
    Ok(TableShape {
        width: table.width,
        log_height,
        log_chunks,
        reads_next: air.reads_next(),
        columns,
        num_constraints: base.len() + ext.len(),
    })
}

/// Plonky3 numbers buses in the order in which lookup columns meet them; widths count only where they are used.
pub fn prefixes(tape: &Tape, tables: &[TableShape]) -> (Vec<u8>, usize) {
    let mut prefixes = vec![UNUSED_BUS; tape.buses.len()];
    let mut next = 0;
    let mut width = 1;
    for column in tables.iter().flat_map(|t| &t.columns) {
        let bus = usize::from(column.bus);
        width = width.max(usize::from(tape.buses[bus]));
        if prefixes[bus] == UNUSED_BUS {
            prefixes[bus] = next;
            next += 1;
        }
    }
    (prefixes, width)
}
