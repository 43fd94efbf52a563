//! The native module `commitments._native`: hashing, signing messages, key trees and the prover.
//!
//! This file only registers; every module converts and checks its own arguments.

mod air;
mod api;
mod blinding;
mod hash;
mod hiding;
mod keytree;
mod mmcs;
mod params;
mod progress;
mod prove;
mod rows;
mod security;
mod shape;
mod signing;
mod tape;
mod verifier;
mod vk;
mod wire;
mod witness;

use pyo3::prelude::*;

#[pymodule]
fn _native(m: &Bound<'_, PyModule>) -> PyResult<()> {
    hash::register(m)?;
    keytree::register(m)?;
    signing::register(m)?;
    api::register(m)?;
    Ok(())
}
