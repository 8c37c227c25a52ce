//! What is free, by the thread that gave it back: so threads do not wait for each other, and get back what they had.
//!
//! Never makes anything, and never decides what it is for.

use std::{
    cell::Cell,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::lock;

/// Shelves: more than there are cores, on most machines.
const SHELVES: usize = 64;

/// The most things on a shelf.
const KEPT: usize = 16;

/// Things that are free.
#[derive(Debug)]
pub(super) struct Free<T> {
    shelves: [Shelf<T>; SHELVES],
}

/// Has its cache lines for itself.
#[derive(Debug)]
#[repr(align(128))]
struct Shelf<T>(Mutex<Vec<T>>);

impl<T> Default for Free<T> {
    fn default() -> Self {
        Self { shelves: std::array::from_fn(|_| Shelf(Mutex::default())) }
    }
}

impl<T> Free<T> {
    /// Takes what is `best` of what threads like this one gave back, else what they gave back last, else anything.
    pub(super) fn take(&self, best: impl Fn(&T) -> bool) -> Option<T> {
        let mine = shelf();
        let mut own = lock(&self.shelves[mine].0);
        if let Some(place) = own.iter().position(best).or_else(|| own.len().checked_sub(1)) {
            return Some(own.swap_remove(place));
        }
        drop(own);
        (1..SHELVES).find_map(|step| lock(&self.shelves[(mine + step) % SHELVES].0).pop())
    }

    /// Takes a thing back, or drops it where there are enough.
    pub(super) fn give_back(&self, thing: T) {
        let mut own = lock(&self.shelves[shelf()].0);
        if own.len() < KEPT {
            own.push(thing);
        }
    }
}

/// The shelf of this thread: threads take turns.
fn shelf() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: Cell<Option<usize>> = const { Cell::new(None) };
    }
    MINE.get().unwrap_or_else(|| {
        let mine = NEXT.fetch_add(1, Ordering::Relaxed) % SHELVES;
        MINE.set(Some(mine));
        mine
    })
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_thread_gets_back_what_it_had_before_what_others_had() {
        let free = Free::default();
        free.give_back(1);
        free.give_back(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                free.give_back(3);
                free.give_back(4);
                assert_eq!([free.take(|thing| *thing == 3), free.take(|_| false)], [Some(3), Some(4)]);
                // Nobody makes a new one while one is free.
                assert_eq!(
                    [free.take(|_| false), free.take(|_| false), free.take(|_| false)],
                    [Some(2), Some(1), None]
                );
            });
        });
        (0..100).for_each(|thing| free.give_back(thing));
        assert_eq!(std::iter::from_fn(|| free.take(|_| false)).count(), KEPT);
    }
}
