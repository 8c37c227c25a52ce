//! The plugins' folder: every build in it that is good serves.
//!
//! Never writes there, and never waits for more than one file at a time.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    thread,
};

use super::{
    Inner, Registry, RegistryError,
    admission::Refusal,
    journal::{Entry, Event},
    slot::FileState,
};
use crate::watcher::{Change, ReadError, Watcher, read_settled};

/// Follows a folder until it is dropped.
#[derive(Debug)]
pub struct Following {
    watcher: Watcher,
}

impl Following {
    /// Why changes are found by looking every second instead of being told, where that is so.
    pub fn polling(&self) -> Option<&str> {
        self.watcher.polling()
    }
}

/// Loads what is in `folder`, in the order of the names, and then whatever changes.
pub(super) fn follow(registry: &Registry, folder: &Path) -> Result<Following, RegistryError> {
    let failed = |source| RegistryError::Folder { path: folder.to_owned(), source };
    // From before the first look on, so that nothing falls between the two.
    let (watcher, changes) = Watcher::folder(folder).map_err(failed)?;
    for path in plugins_in(folder).map_err(failed)? {
        registry.inner.look(&path);
    }
    let inner = Arc::downgrade(&registry.inner);
    let look_at_all = move || {
        for change in changes {
            if look_at(&inner, &change).is_none() {
                break;
            }
        }
    };
    thread::Builder::new()
        .name("host-plugins".into())
        .stack_size(8 << 20)
        .spawn(look_at_all)
        .map_err(RegistryError::Thread)?;
    Ok(Following { watcher })
}

/// Looks at the files that have changed; nothing, if the registry is gone.
fn look_at(inner: &Weak<Inner>, change: &Change) -> Option<()> {
    let inner = inner.upgrade()?;
    change.paths().filter(|path| plugin_name(path).is_some()).for_each(|path| inner.look(path));
    Some(())
}

fn plugins_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths: io::Result<Vec<_>> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths?;
    paths.retain(|path| plugin_name(path).is_some() && !path.is_dir());
    paths.sort();
    Ok(paths)
}

/// The name that a file gives its plugin. Hidden files are those of editors.
fn plugin_name(path: &Path) -> Option<&str> {
    let is_plugin = path.extension().is_some_and(|extension| extension == "wasm");
    path.file_stem().filter(|_| is_plugin)?.to_str().filter(|name| !name.starts_with('.'))
}

impl Inner {
    /// Takes a file as it is now.
    fn look(&self, path: &Path) {
        let Some(name) = plugin_name(path) else { return };
        match read_settled(path, self.policy.max_size) {
            Ok(bytes) => self.found(name, bytes),
            Err(ReadError::Missing) => self.gone(name),
            // Whoever writes it will end with another event.
            Err(ReadError::Unsettled) => {}
            Err(ReadError::TooLarge { size, limit }) => {
                self.unreadable(name, &Refusal::TooLarge { size, limit });
            }
            Err(ReadError::Io(source)) => self.unreadable(name, &Refusal::Read(source)),
        }
    }

    fn found(&self, name: &str, bytes: Vec<u8>) {
        let before = self.slot(name).and_then(|slot| slot.current());
        let taken = self.take(name, bytes, None);
        let was = self.slot(name).map(|slot| slot.set_file(FileState::Present));
        match taken {
            Ok(version)
                if was == Some(FileState::Missing) && before.is_some_and(|before| Arc::ptr_eq(&before, &version)) =>
            {
                let message = format!("its file is there again, with {}, which has served throughout", version.label());
                self.tell(Entry {
                    generation: Some(version.generation()),
                    hash: Some(version.digest()),
                    ..Entry::new(name, Event::Returned, message)
                });
            }
            // There is no place for it, and so nothing to remember.
            Err(refusal @ Refusal::Name(_)) => self.tell(Entry::new(name, Event::Refused, refusal.text())),
            // What was refused is told already.
            Ok(_) | Err(_) => {}
        }
    }

    fn unreadable(&self, name: &str, refusal: &Refusal) {
        let lock = self.load_lock();
        self.recall(name, None);
        self.refuse(name, None, refusal);
        drop(lock);
        if let Some(slot) = self.slot(name) {
            slot.set_file(FileState::Present);
        }
    }

    fn gone(&self, name: &str) {
        let Some(slot) = self.slot(name) else { return };
        let was = slot.set_file(FileState::Missing);
        let Some(version) = slot.current().filter(|_| was == FileState::Present) else { return };
        self.tell(Entry {
            generation: Some(version.generation()),
            hash: Some(version.digest()),
            ..Entry::new(name, Event::Missing, format!("its file is gone; {} goes on serving", version.label()))
        });
    }
}
