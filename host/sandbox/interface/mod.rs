//! The interfaces by which plugins run tasks, as types: [`Signals`], [`Events`] and [`Task`].
//!
//! Never decides which instance a task runs in. What the host does by one interface only (how data is handed over, what
//! is called, what an answer may be) is in that interface's file, and what it does by any is written once, in `fork`.

mod events;
mod signals;
mod task;

use super::{
    check::Interface,
    guest::{Called, Guest, GuestFunctions},
    limits::{Allowance, Limits},
    plugin::Plugin,
};
use crate::{model::Series, task::TaskError};

/// The interface [`Interface::Signals`] as a type.
#[derive(Debug, Clone, Copy)]
pub enum Signals {}

/// The interface [`Interface::Events`] as a type.
#[derive(Debug, Clone, Copy)]
pub enum Events {}

/// The interface [`Interface::Task`] as a type.
#[derive(Debug, Clone, Copy)]
pub enum Task {}

/// An interface by which plugins run tasks: [`Signals`], [`Events`] or [`Task`].
pub trait PluginInterface: Calls {
    /// The interface's name in the contract.
    const INTERFACE: Interface;
}

/// The functions that the host calls in a plugin by one interface. It seals [`PluginInterface`]: there are no other interfaces.
pub trait Calls: GuestFunctions {
    /// The answer of the first task, by which a fork is compared.
    type First: PartialEq;

    /// Hands over the data, where the interface takes it at once, and lets the plugin prepare.
    fn prepare(guest: &mut Guest<Self>, allowance: &Allowance, data: &[Series]) -> Result<(), TaskError>;

    /// Runs the task with every parameter at its default, which tells what tasks take, and whether a fork does the same.
    fn first_task(
        plugin: &Plugin,
        data: &[Series],
        guest: &mut Guest<Self>,
        allowance: &Allowance,
    ) -> Called<Self::First>;

    /// The units that a task over all of `bars` takes, where the first one took `units`.
    fn units_of_task(units: u64, _first: &Self::First, _bars: usize) -> u64 {
        units
    }

    /// The longest legal answer over `bars` bars, in bytes.
    fn longest_answer(bars: usize, limits: &Limits) -> usize;
}

/// Bytes beyond the longest list of targets that an answer may have: its texts.
const ANSWER_SLACK: usize = 64 << 10;
