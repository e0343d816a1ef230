//! Runs models of wharf's lock-free protocols in loom, and refuses to call a cut run a success.
//!
//! `README.md` lists the models, the mutations they must catch, and how to run them.

#![deny(unsafe_code)]

// Cargo does not hand the flag on to documentation tests, of which there are none.
#[cfg(not(any(wharf_loom, doctest)))]
compile_error!(
    "the models need loom's atomics in the runtime: run cargo inside the `loom-tests` folder, whose \
     `.cargo/config.toml` sets `--cfg wharf_loom`, or set it in RUSTFLAGS"
);

#[cfg(wharf_loom)]
#[allow(unsafe_code, reason = "it calls the queue's receiving side")]
pub mod actor;
#[cfg(wharf_loom)]
mod model;
#[cfg(wharf_loom)]
mod roles;
#[cfg(wharf_loom)]
#[allow(unsafe_code, reason = "it calls the queue's waiting side")]
pub mod sending;
#[cfg(wharf_loom)]
#[allow(unsafe_code, reason = "it shares without counting")]
mod shared;

#[cfg(wharf_loom)]
pub use model::{Model, breaks, model};
#[cfg(wharf_loom)]
pub use roles::Roles;
#[cfg(wharf_loom)]
pub use shared::Shared;
