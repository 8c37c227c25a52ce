//! The promises of `host`, one file each.

mod account;
mod adapter;
mod architecture;
mod bindings;
mod books;
mod build;
mod cache;
mod check;
mod cli;
mod contributing;
mod dependencies;
mod events;
mod forks;
mod hostile;
mod identity;
mod library;
mod profiles;
mod reference;
mod registry;
mod request;
mod serve;
mod support;
mod sweep;
mod symbols;
mod trace;
mod watch;
