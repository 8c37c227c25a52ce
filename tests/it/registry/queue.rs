//! Builds that are examined at the same time: none waits for another's, of one name the newest counts, and what nobody wants
//! any more is given up.

use std::{
    fs,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use host::{
    registry::{Event, Policy, Refusal, Registry, Version, Withdrawal},
    sandbox::Budget,
};

use super::{backtester, policy, replace};
use crate::support::{OK, guest::with_functions};

/// How long a slow build takes to be refused: longer than some good ones take on a machine with other work.
const SLOW: Duration = Duration::from_secs(12);

/// The same where nothing good is built meanwhile.
const BRIEF: Duration = Duration::from_secs(3);

/// A policy without a budget, so that a loop takes its time.
fn patient(slow: Duration) -> Policy {
    let mut policy = policy();
    policy.limits.budget = Budget::Units(1 << 60);
    policy.limits.prepare_timeout = slow;
    policy
}

fn registry(slow: Duration) -> Registry {
    Registry::new(backtester().sandbox(), patient(slow)).unwrap()
}

/// A build that loops in `prepare`; each `number` makes another one.
fn slow(number: u32) -> Vec<u8> {
    let more = format!(r#"(data (i32.const 512) "{number}")"#);
    with_functions("(loop $l (br $l)) (unreachable)", OK, &more)
}

fn good(number: u32) -> Vec<u8> {
    with_functions(OK, OK, &format!(r#"(data (i32.const 512) "{number}")"#))
}

/// Offers a build on a thread of its own, and returns once it is in the queue.
fn offer(registry: &Registry, name: &'static str, bytes: Vec<u8>) -> JoinHandle<Result<Arc<Version>, Refusal>> {
    let offered = registry.clone();
    let thread = thread::spawn(move || offered.offer(name, bytes));
    wait(|| registry.is_checking(name) || thread.is_finished());
    thread
}

fn wait(is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "it happens within a minute");
        thread::yield_now();
    }
}

fn refusal(thread: JoinHandle<Result<Arc<Version>, Refusal>>) -> String {
    thread.join().unwrap().unwrap_err().text()
}

#[test]
fn builds_of_other_names_and_newer_ones_of_the_same_do_not_wait_for_a_slow_one() {
    let registry = registry(SLOW);
    let first = offer(&registry, "mine", slow(1));
    assert_eq!(registry.offer("other", good(1)).unwrap().generation(), 1);
    let second = offer(&registry, "mine", slow(2));
    let newest = registry.offer("mine", good(2)).unwrap();
    assert!(!first.is_finished() || !second.is_finished(), "nobody waited for the slow ones");
    let mut ran_out = false;
    for old in [first, second] {
        let text = refusal(old);
        // On a machine that is slow enough, it runs into its own limit first.
        ran_out |= text.contains("timed-out");
        assert!(text.contains("a newer build of the same name took its place") || ran_out, "{text}");
    }
    assert!(Arc::ptr_eq(&registry.pin("mine").unwrap(), &newest));
    assert!(ran_out || registry.plugins()[0].refused.is_none(), "nothing was found out about the older ones");
}

#[test]
fn what_is_withdrawn_is_given_up_and_not_remembered() {
    let registry = registry(BRIEF);
    let withdrawal = Withdrawal::default();
    let (offered, until) = (registry.clone(), withdrawal.clone());
    let thread = thread::spawn(move || offered.offer_until(&until, "mine", slow(1)));
    wait(|| registry.is_checking("mine"));
    withdrawal.withdraw();
    let text = refusal(thread);
    assert!(text.contains("it was withdrawn before it was checked"), "{text}");
    assert!(registry.plugins().is_empty() && registry.entries().is_empty());
    let before = Withdrawal::default();
    before.withdraw();
    let refusal = registry.offer_until(&before, "mine", good(1)).unwrap_err();
    assert!(matches!(refusal, Refusal::Withdrawn), "{refusal}");
    // Once it serves, it stays.
    let late = Withdrawal::default();
    let version = registry.offer_until(&late, "mine", good(1)).unwrap();
    late.withdraw();
    assert!(Arc::ptr_eq(&registry.pin("mine").unwrap(), &version));
    assert!(Arc::ptr_eq(&registry.offer("mine", good(1)).unwrap(), &version));
}

#[test]
fn the_same_build_is_examined_once_however_often_it_is_offered() {
    let registry = registry(BRIEF);
    let offers: Vec<_> = (0..6).map(|_| offer(&registry, "mine", good(1))).collect();
    let versions: Vec<_> = offers.into_iter().map(|offer| offer.join().unwrap().unwrap()).collect();
    assert!(versions.iter().all(|version| Arc::ptr_eq(version, &versions[0])));
    assert_eq!(registry.entries().len(), 1, "it was loaded once");
}

#[test]
fn too_many_offers_are_declined() {
    // None may end before the last one is offered.
    let registry = registry(SLOW);
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n"];
    let withdrawal = Withdrawal::default();
    let offer = |name: &'static str| {
        let (registry, until) = (registry.clone(), withdrawal.clone());
        thread::spawn(move || registry.offer_until(&until, name, slow(1)))
    };
    let offers: Vec<_> = names.into_iter().map(offer).collect();
    wait(|| offers.iter().filter(|offer| offer.is_finished()).count() == 2);
    let (declined, others): (Vec<_>, Vec<_>) = offers.into_iter().partition(JoinHandle::is_finished);
    for offer in declined {
        let text = refusal(offer);
        assert!(text.contains("8 builds wait to be checked already; offer it again"), "{text}");
    }
    assert_eq!(others.len(), 12, "4 are examined and 8 wait");
    withdrawal.withdraw();
    assert!(others.into_iter().all(|offer| matches!(offer.join().unwrap(), Err(Refusal::Withdrawn))));
}

#[test]
fn a_folder_of_slow_builds_holds_neither_a_start_nor_an_offer_up() {
    let folder = tempfile::tempdir().unwrap();
    (1..=2).for_each(|number| replace(folder.path(), &format!("slow{number}"), &slow(number)));
    replace(folder.path(), "good", &good(1));
    let registry = registry(SLOW);
    let (began, started) = mpsc::channel();
    let (followed, path) = (registry.clone(), folder.path().to_owned());
    let follow = thread::spawn(move || {
        let following = followed.follow(&path).unwrap();
        began.send(()).unwrap();
        following
    });
    wait(|| registry.pin("good").is_some());
    assert!(registry.is_checking("slow1") && registry.is_checking("slow2"), "two lanes of the folder are taken");
    assert_eq!(registry.offer("offered", good(2)).unwrap().generation(), 1);
    replace(folder.path(), "later", &good(3));
    started.recv_timeout(Duration::from_secs(60)).unwrap();
    wait(|| registry.pin("later").is_some());
    let _following = follow.join().unwrap();
    wait(|| registry.entries().iter().filter(|entry| entry.event == Event::Refused).count() == 2);
    assert!(fs::read_dir(folder.path()).unwrap().count() >= 4);
}

#[test]
fn builds_that_are_offered_at_once_end_with_one_that_serves() {
    let registry = registry(BRIEF);
    let offers: Vec<_> = (0..8).map(|number| offer(&registry, "mine", good(number))).collect();
    // Which one arrives last is chance: the newest that was taken serves, and the others were superseded.
    let mut taken = Vec::new();
    for offer in offers {
        match offer.join().unwrap() {
            Ok(version) => taken.push(version),
            Err(refusal) => assert!(matches!(refusal, Refusal::Superseded), "{refusal}"),
        }
    }
    let newest = taken.into_iter().max_by_key(|version| version.generation()).unwrap();
    assert!(Arc::ptr_eq(&registry.pin("mine").unwrap(), &newest));
}
