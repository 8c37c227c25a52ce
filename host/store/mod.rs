//! The store: results of cells on disk, found by the identity of the cell.
//!
//! Never returns a result under another identity, and never fails a sweep: what cannot be kept or found is run.
//!
//! ```text
//! <root>/books/<hash of everything that decides a result but the parameters>/
//!     book.json                   what that is, in words; its time is that of the last use
//!     0123456789abcdef.cells      cells that one process has run
//!     damaged/                    what cannot be read
//! <root>/plugins/<hash>.wasm      the plugins of these results
//! <root>/runs.jsonl               the ledger: a line for each run that begins, and one for its end
//! <root>/symbols/<hash>.json      the symbols of data whose symbols ran alone
//! <root>/trials/<hash>.trials     how many distinct trials were made on some bars
//! <root>/audits/<hash>-1.json     whether a plugin looks ahead, as audits of version 1 have found
//! ```
//!
//! Processes share a store, also on a network disk: each appends to a file of its own, which the others read. A format of our
//! own takes a small part of the processor time of Parquet, and a cell in it is looked up without decoding others.

mod audits;
mod block;
mod book;
mod catalog;
mod error;
mod folder;
mod index;
mod key;
mod layout;
mod ledger;
mod log;
mod plugins;
mod root;
mod seal;
mod symbols;
#[cfg(test)]
mod tests;
mod trials;

pub use self::{
    audits::{AuditDepth, AuditVerdict, KeptAudit, KeptFinding},
    catalog::{BookEntry, Cell, DEFAULT_CAP, Pruned},
    error::StoreError,
    ledger::LedgerEntry,
    root::{Store, default_root},
    trials::TrialCount,
};
pub(crate) use self::{
    book::{Book, Kept, Shape, sync},
    trials::Trials,
};
