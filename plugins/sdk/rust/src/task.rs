//! What a custom task implements, and what stands between it and the contract.
//!
//! Never knows how the answer is read: the plugin's description says that.

use std::hint::black_box;

use crate::{Description, Error, Param, Params, Series};

/// Any computation on parameters and data.
pub trait Task: Sized {
    /// Describes the plugin: its name, every parameter and how to read the answers.
    fn describe() -> Description;

    /// Takes the data, which is empty where the user gives none, and computes whatever all tasks share. Called once for
    /// each data set.
    ///
    /// # Errors
    ///
    /// Returns an error if the plugin cannot work with this data at all.
    fn prepare(data: Vec<Series>) -> Result<Self, Error>;

    /// Computes the task that the user calls `task_id`.
    ///
    /// # Errors
    ///
    /// Returns an error if the parameters make no sense together, or the task fails.
    fn run(&self, task_id: &str, params: &Params) -> Result<Vec<u8>, Error>;
}

// Called through pointers that the compiler cannot see through, so that a backtrace names them.
type PrepareFn<T> = fn(Vec<Series>) -> Result<T, Error>;
type RunFn<T> = fn(&T, &str, &Params) -> Result<Vec<u8>, Error>;

/// A task plugin and its data, ready for any task.
#[derive(Debug)]
pub struct PreparedTask<T>(T);

impl<T: Task> PreparedTask<T> {
    /// Prepares the plugin.
    ///
    /// # Errors
    ///
    /// Passes on the plugin's error.
    pub fn new(data: Vec<Series>) -> Result<Self, Error> {
        black_box::<PrepareFn<T>>(T::prepare)(data).map(Self)
    }

    /// Computes one task.
    ///
    /// # Errors
    ///
    /// Passes on the plugin's error.
    pub fn run(&self, task_id: &str, params: Vec<Param>) -> Result<Vec<u8>, Error> {
        black_box::<RunFn<T>>(T::run)(&self.0, task_id, &Params::new(params))
    }
}
