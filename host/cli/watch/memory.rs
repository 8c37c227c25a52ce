//! The results that `host watch` remembers: in the store that is asked for, or until it ends in one of its own.
//!
//! Never fails a round: what cannot be kept runs again.

use std::path::PathBuf;

use anyhow::Result;
use tempfile::TempDir;

use crate::{
    cli::{Context, store, store_args::StoreArgs},
    store::Store,
    sweep::{BoundRequest, Scope, StoreUse, StoredCells, SweepRequest, with_causes},
};

/// Where the results of rounds are kept.
#[derive(Debug)]
pub(super) struct Memory {
    /// The store that is asked for, if there is one that can be used.
    asked: Option<Store>,
    /// What takes results where that one takes none.
    own: Option<OwnStore>,
    /// The last problem that was told, which is not told again.
    problem: Option<String>,
    /// True once a note has said that results depend on each other.
    is_forgetful: bool,
}

/// A store that goes when the watch ends; where the process is killed, the system clears its temporary folder.
#[derive(Debug)]
struct OwnStore {
    store: Store,
    _folder: TempDir,
}

impl OwnStore {
    fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("host-watch-").tempdir()?;
        Ok(Self { store: Store::open(folder.path())?, _folder: folder })
    }
}

impl Memory {
    /// Opens the store that is asked for. One that takes no results gets another beside it.
    pub(super) fn open(args: &StoreArgs, context: &mut Context<'_>) -> Self {
        let (asked, problem) = match store::asked(args) {
            Ok(asked) => (asked, None),
            Err(error) => (None, Some(with_causes(&error))),
        };
        let closed = asked.as_ref().filter(|store| !store.is_writable());
        let problem = problem.or_else(|| Some(format!("`{}` cannot be written", closed?.root().display())));
        let is_enough = asked.is_some() && problem.is_none();
        let mut memory = Self { asked, own: None, problem: None, is_forgetful: false };
        if let Some(problem) = problem {
            context.reporter.note(format!("note: the store takes no results: {problem}"));
            memory.remember_alone(context);
        } else if !is_enough {
            memory.start_own(context);
        }
        memory
    }

    /// The folder of the store that is asked for.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        self.asked.as_ref().map(|store| store.root().to_owned())
    }

    /// Remembers what the store that is asked for does not take, and says so.
    fn remember_alone(&mut self, context: &mut Context<'_>) {
        if self.own.is_none() && self.start_own(context) {
            context.reporter.note("results that the store does not take are remembered until this watch ends");
        }
    }

    fn start_own(&mut self, context: &mut Context<'_>) -> bool {
        match OwnStore::new() {
            Ok(own) => self.own = Some(own),
            Err(error) => context.reporter.note(format!(
                "note: results are not remembered, so that each round runs all combinations, since no temporary folder can be \
                 made: {error:#} (`TMPDIR` names another place)"
            )),
        }
        self.own.is_some()
    }

    /// The cells of a round. `None` where no result can be known.
    pub(super) fn cells(
        &mut self,
        request: &SweepRequest,
        bound: &BoundRequest,
        scope: &Scope,
        context: &mut Context<'_>,
    ) -> Result<Option<StoredCells>> {
        let of = |store: &Store| StoredCells::new(store.clone(), request, bound, scope);
        let asked = self.asked.as_ref().map(of).transpose()?.flatten();
        let own = self.own.as_ref().map(|own| of(&own.store)).transpose()?.flatten();
        let cells = match asked {
            Some(asked) => Some(asked.with_spare(own)),
            None => own,
        };
        let is_forgetful = bound.limits.tasks_per_fork > 1;
        if is_forgetful && !std::mem::replace(&mut self.is_forgetful, is_forgetful) {
            context.reporter.note(
                "note: results with `--tasks-per-fork` are not remembered, since they depend on each other: each round runs all",
            );
        }
        Ok(cells)
    }

    /// Takes note of what came of a round, and says what was wrong, once.
    pub(super) fn after(&mut self, mut used: StoreUse, context: &mut Context<'_>) {
        let is_told = self.problem.is_some() && self.problem == used.problem;
        if is_told {
            used.problem = None;
        }
        store::report(Some(&used), context);
        if used.problem.is_some() {
            self.problem = used.problem;
            self.remember_alone(context);
        }
    }
}
