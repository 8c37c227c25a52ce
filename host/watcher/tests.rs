use std::fs;

use super::*;

/// How the system's notices are.
#[derive(Debug, Clone, Copy, PartialEq)]
enum System {
    Tells,
    Silent,
}

impl System {
    fn notices(self) -> Result<Notices, String> {
        if self == Self::Tells { Notices::start() } else { Err("it was asked to".to_owned()) }
    }
}

/// A folder with one file, watched.
struct Watched {
    folder: tempfile::TempDir,
    file: PathBuf,
    changes: Receiver<Change>,
    watcher: Watcher,
}

fn watch(system: System, scope: impl Fn(&Path, &Path) -> io::Result<WatchScope>) -> Watched {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("one");
    fs::write(&file, "1").unwrap();
    let (watcher, changes) = Watcher::start(scope(folder.path(), &file).unwrap(), system.notices()).unwrap();
    assert_eq!(watcher.polling().is_none(), system == System::Tells);
    Watched { folder, file, changes, watcher }
}

fn watch_file(system: System) -> Watched {
    watch(system, |_, file| WatchScope::files([file.to_owned()]))
}

/// Writes beside the file and renames, as editors do.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new~");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

fn link(target: &Path, path: &Path) {
    let new = path.with_extension("link~");
    std::os::unix::fs::symlink(target, &new).unwrap();
    fs::rename(new, path).unwrap();
}

impl Watched {
    fn next(&self) -> Change {
        self.changes.recv_timeout(Duration::from_secs(60)).expect("a change is seen within a minute")
    }

    /// Waits until `path` is as it is to be; nothing else may change meanwhile. Where the machine is slow, a file may be
    /// seen between two steps.
    fn expect(&self, path: &Path, state: State) {
        loop {
            let change = self.next();
            assert_eq!(change.paths().collect::<Vec<_>>(), [path]);
            if change.state(path) == Some(state) {
                break;
            }
        }
    }

    /// Waits until `path` is as it is to be, whatever else changes.
    fn until(&self, path: &Path, state: State) {
        while self.next().state(path) != Some(state) {}
    }
}

/// What happens to a file that is watched by its name.
fn check_a_life(system: System) {
    let watched = watch_file(system);
    let file = &watched.file;
    fs::write(file, "22").unwrap();
    watched.expect(file, State::Present);
    replace(file, "333");
    watched.expect(file, State::Present);
    replace(file, "444");
    watched.expect(file, State::Present);
    fs::remove_file(file).unwrap();
    watched.expect(file, State::Missing);
    fs::write(file, "4444").unwrap();
    watched.expect(file, State::Present);
    // Another file is none of its business: what comes next is about this one.
    fs::write(watched.folder.path().join("two"), "2").unwrap();
    fs::write(file, "55555").unwrap();
    watched.expect(file, State::Present);
    fs::remove_file(file).unwrap();
    fs::create_dir(file).unwrap();
    watched.expect(file, State::Missing);
}

#[test]
fn a_file_is_followed_through_its_life() {
    check_a_life(System::Tells);
}

#[test]
fn it_is_followed_as_well_where_the_system_says_nothing() {
    check_a_life(System::Silent);
}

#[test]
fn quick_writes_are_one_change() {
    for system in [System::Tells, System::Silent] {
        let watched = watch_file(system);
        // On a slow machine they may not be quick.
        let are_one = (0..10).any(|_| {
            (0..20).for_each(|step| fs::write(&watched.file, "x".repeat(step)).unwrap());
            let first = watched.next();
            fs::remove_file(&watched.file).unwrap();
            let second = watched.next();
            let [first, second] = [first, second].map(|change| change.state(&watched.file));
            (first, second) == (Some(State::Present), Some(State::Missing))
        });
        assert!(are_one);
    }
}

#[test]
fn other_bytes_with_the_same_length_and_time_are_a_change() {
    for system in [System::Tells, System::Silent] {
        let watched = watch_file(system);
        let time = fs::metadata(&watched.file).unwrap().modified().unwrap();
        fs::write(&watched.file, "2").unwrap();
        fs::File::options().write(true).open(&watched.file).unwrap().set_modified(time).unwrap();
        watched.expect(&watched.file, State::Present);
    }
}

#[test]
fn a_file_that_is_only_read_has_not_changed() {
    let watched = watch_file(System::Tells);
    fs::read(&watched.file).unwrap();
    fs::read(&watched.file).unwrap();
    let two = watched.folder.path().join("two");
    fs::write(two, "2").unwrap();
    fs::remove_file(&watched.file).unwrap();
    assert_eq!(watched.next().state(&watched.file), Some(State::Missing));
}

#[test]
fn what_is_written_in_halves_is_told_when_it_is_whole() {
    use std::io::Write as _;
    let watched = watch_file(System::Tells);
    let mut file = fs::File::create(&watched.file).unwrap();
    file.write_all(b"half ").unwrap();
    watched.expect(&watched.file, State::Present);
    file.write_all(b"and half").unwrap();
    watched.expect(&watched.file, State::Present);
    assert_eq!(read_settled(&watched.file, 100).unwrap(), b"half and half");
}

#[test]
fn files_come_and_go_in_a_folder_that_comes_and_goes() {
    for system in [System::Tells, System::Silent] {
        let watched = watch(system, |folder, _| WatchScope::folder(folder));
        let two = watched.folder.path().join("two");
        fs::write(&two, "2").unwrap();
        watched.expect(&two, State::Present);
        fs::remove_file(&two).unwrap();
        watched.expect(&two, State::Missing);
        fs::create_dir(&two).unwrap();
        fs::remove_dir_all(watched.folder.path()).unwrap();
        watched.expect(&watched.file, State::Missing);
        fs::create_dir(watched.folder.path()).unwrap();
        fs::write(&two, "2").unwrap();
        watched.expect(&two, State::Present);
        // It is watched anew: this is no matter of the next look, or it would be that of the one after.
        fs::write(&two, "22").unwrap();
        watched.expect(&two, State::Present);
    }
}

#[test]
fn a_file_is_awaited_whose_folder_is_not_there_yet() {
    let watched = watch(System::Tells, |folder, _| WatchScope::files([folder.join("deep/deeper/file")]));
    let file = watched.folder.path().join("deep/deeper/file");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "1").unwrap();
    watched.until(&file, State::Present);
    fs::rename(watched.folder.path().join("deep"), watched.folder.path().join("away")).unwrap();
    watched.until(&file, State::Missing);
    fs::rename(watched.folder.path().join("away"), watched.folder.path().join("deep")).unwrap();
    watched.until(&file, State::Present);
    assert_eq!(watched.watcher.polling(), None);
}

#[test]
fn a_tree_is_watched_but_for_what_is_ignored() {
    for system in [System::Tells, System::Silent] {
        let watched = watch(system, |folder, _| {
            fs::create_dir_all(folder.join("build"))?;
            fs::create_dir_all(folder.join("src/deep"))?;
            WatchScope::tree(folder, Box::new(|path: &Path| path.ends_with("build")))
        });
        fs::write(watched.folder.path().join("build/out"), "1").unwrap();
        let deep = watched.folder.path().join("src/deep/file");
        fs::write(&deep, "1").unwrap();
        watched.expect(&deep, State::Present);
        let newer = watched.folder.path().join("src/new/newer/file");
        fs::create_dir_all(newer.parent().unwrap()).unwrap();
        fs::write(&newer, "1").unwrap();
        watched.until(&newer, State::Present);
        fs::write(&newer, "2").unwrap();
        watched.until(&newer, State::Present);
        fs::remove_dir_all(watched.folder.path().join("src")).unwrap();
        watched.until(&newer, State::Missing);
    }
}

#[test]
fn a_listener_that_is_slow_gets_everything_at_once() {
    let watched = watch(System::Tells, |folder, _| WatchScope::folder(folder));
    let paths: Vec<_> = ["a", "b", "c"].iter().map(|name| watched.folder.path().join(name)).collect();
    let mut seen = Change::default();
    for path in &paths {
        fs::write(path, "1").unwrap();
    }
    fs::remove_file(&paths[1]).unwrap();
    fs::remove_file(&watched.file).unwrap();
    while !(seen.state(&paths[2]).is_some() && seen.state(&watched.file) == Some(State::Missing)) {
        seen.extend(watched.next());
    }
    assert_eq!(seen.state(&paths[0]), Some(State::Present));
    assert_ne!(seen.state(&paths[1]), Some(State::Present));
}

#[test]
fn what_is_not_taken_is_told_with_what_comes_later() {
    let (slot, changes) = Slot::new();
    let change = |name: &str, state| Change { files: [(PathBuf::from(name), state)].into() };
    slot.put(change("a", State::Present));
    slot.put(change("b", State::Present));
    slot.put(change("a", State::Missing));
    let all = changes.try_recv().unwrap();
    assert_eq!(all.paths().collect::<Vec<_>>(), [Path::new("a"), Path::new("b")]);
    assert_eq!((all.state(Path::new("a")), all.state(Path::new("c"))), (Some(State::Missing), None));
    assert!(changes.is_empty());
}

#[test]
fn what_a_link_leads_to_is_watched() {
    for system in [System::Tells, System::Silent] {
        let elsewhere = tempfile::tempdir().unwrap();
        let (first, second) = (elsewhere.path().join("1"), elsewhere.path().join("2"));
        fs::write(&first, "1").unwrap();
        fs::write(&second, "1").unwrap();
        let scopes: [fn(&Path, &Path) -> io::Result<WatchScope>; 2] =
            [|_, file| WatchScope::files([file.to_owned()]), |folder, _| WatchScope::folder(folder)];
        for scope in scopes {
            let watched = watch(system, |folder, file| {
                link(&first, file);
                scope(folder, file)
            });
            link(&second, &watched.file);
            watched.expect(&watched.file, State::Present);
            fs::write(&second, "22").unwrap();
            watched.expect(&watched.file, State::Present);
            replace(&second, "333");
            watched.expect(&watched.file, State::Present);
            link(&elsewhere.path().join("nothing"), &watched.file);
            watched.expect(&watched.file, State::Missing);
        }
    }
}

#[test]
fn a_folder_on_the_way_may_be_a_link_that_is_pointed_elsewhere() {
    let watched = watch(System::Tells, |folder, _| {
        for version in ["1", "2"] {
            fs::create_dir(folder.join(version))?;
            fs::write(folder.join(version).join("file"), version)?;
        }
        link(&folder.join("1"), &folder.join("current"));
        WatchScope::files([folder.join("current/file")])
    });
    let file = watched.folder.path().join("current/file");
    link(&watched.folder.path().join("2"), &watched.folder.path().join("current"));
    watched.expect(&file, State::Present);
    assert_eq!(read_settled(&file, 9).unwrap(), b"2");
}

#[test]
fn notices_that_end_are_replaced_by_looking() {
    let (sender, heard) = bounded(1);
    drop(sender);
    let watched = {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("one");
        let mut notices = Notices::start().unwrap();
        notices.heard = heard;
        let (watcher, changes) = Watcher::start(WatchScope::files([file.clone()]).unwrap(), Ok(notices)).unwrap();
        Watched { folder, file, changes, watcher }
    };
    fs::write(watched.folder.path().join("one"), "1").unwrap();
    watched.expect(&watched.file, State::Present);
    assert!(watched.watcher.polling().unwrap().contains("have ended"));
}

#[test]
fn the_thread_ends_with_the_watcher() {
    let watched = watch_file(System::Tells);
    let Watched { changes, watcher, .. } = watched;
    drop(watcher);
    assert_eq!(changes.recv_timeout(Duration::from_secs(60)), Err(crossbeam_channel::RecvTimeoutError::Disconnected));
}

#[test]
fn a_file_is_read_as_a_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    assert!(matches!(read_settled(&path, 10), Err(ReadError::Missing)));
    assert_eq!(read_settled(folder.path(), 10).unwrap_err().to_string(), "it is a directory");
    fs::write(&path, "0123456789").unwrap();
    assert_eq!(read_settled(&path, 10).unwrap(), b"0123456789");
    let error = read_settled(&path, 9).unwrap_err();
    assert_eq!(error.to_string(), "the file has 10 bytes; the limit is 9");
    assert!(matches!(read_settled(Path::new("/dev/zero"), 9), Err(ReadError::Io(_))));
}

#[test]
fn a_file_that_is_being_written_is_not_read() {
    use std::os::unix::fs::FileExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    // To read it takes longer than a clock takes to tick.
    fs::write(&path, vec![b'x'; 32 << 20]).unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    let (stop, stopped) = bounded::<Infallible>(0);
    let is_wanted = move || stopped.try_recv() == Err(crossbeam_channel::TryRecvError::Empty);
    let writer = std::thread::spawn(move || while is_wanted() && file.write_at(b"y", 0).is_ok() {});
    let unsettled = (0..100).any(|_| matches!(read_settled(&path, 1 << 30), Err(ReadError::Unsettled)));
    drop(stop);
    writer.join().unwrap();
    assert!(unsettled);
    assert!(read_settled(&path, 1 << 30).is_ok());
}

#[test]
fn a_pipe_is_no_file_and_nobody_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(read_settled(&path, 9).unwrap_err().to_string(), "it is not a regular file");
}
