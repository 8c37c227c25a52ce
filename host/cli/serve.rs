//! `host serve`: starts the HTTP server, and prints its notes.
//!
//! Never answers a request: it connects data, workers and server.

use std::{
    env,
    net::ToSocketAddrs as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result, bail};

use super::{Context, Exit, args::ServeArgs, inputs, show::counted, store};
use crate::{
    backtest::Market,
    data::{Dataset, name_of_file},
    metrics::Selection,
    registry::is_name,
    server::{Options, Server, Token},
};

/// The name of the bundled data.
const BUNDLED: &str = "msft";

/// The variable that may hold the token.
const TOKEN: &str = "HOST_TOKEN";

pub(super) fn run(args: &ServeArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.quiet.quiet);
    let token = token(args)?;
    let listen = args.listen.to_socket_addrs();
    let listen =
        listen.with_context(|| format!("`--listen {}` is not an address; write `127.0.0.1:8080`", args.listen))?;
    let options = Options {
        listen: listen.collect(),
        plugins: args.plugins.clone(),
        state: args.state.clone().map_or_else(default_state, Ok)?,
        data: data(args, context)?,
        account: args.account.spec(),
        token,
        queue: args.queue,
        running: args.running,
        max_combinations: args.max_combinations,
        max_plugin_size: args.max_plugin_size.saturating_mul(1 << 20),
        results: store::open(&args.store, context),
    };
    let backtester = inputs::backtester(&args.limits, args.backend.backend, context)?;
    inputs::report_cache(&backtester, context);
    let workers = backtester.n_workers();
    let server = Server::start(options, backtester)?;
    let workers = counted(workers, "worker");
    context.reporter.note(format!("{workers}; plugins from `{}`", args.plugins.display()));
    context.reporter.note(format!("listening on http://{}", server.address()));
    server.run(|line| context.reporter.note(line))?;
    context.reporter.note("stopped; finished results are kept");
    Ok(Exit::Success)
}

/// The token of the file, else of the variable: an argument could be read by every user of the machine.
fn token(args: &ServeArgs) -> Result<Option<Token>> {
    if let Some(path) = &args.token_file {
        return Ok(Some(Token::read(path)?));
    }
    let Some(text) = env::var_os(TOKEN).filter(|text| !text.is_empty()) else { return Ok(None) };
    let token = text.to_str().with_context(|| format!("`{TOKEN}` is not UTF-8")).and_then(|text| Ok(Token::new(text)?));
    Ok(Some(token.with_context(|| format!("the variable `{TOKEN}` is not a token"))?))
}

/// The default folder of the state.
fn default_state() -> Result<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = set("XDG_STATE_HOME").filter(|path| path.is_absolute());
    let state = state.or_else(|| set("HOME").map(|home| home.join(".local/state")));
    let state = state.context("`HOME` is not set, so sweeps have no default folder; give one with `--state DIR`")?;
    Ok(state.join("host/serve"))
}

/// The data sets by name, in the order in which they were given.
fn data(args: &ServeArgs, context: &mut Context<'_>) -> Result<Vec<(String, Arc<Market>)>> {
    let mut sets: Vec<(String, Vec<PathBuf>)> = Vec::new();
    for text in &args.data {
        let (name, file) = named(text)?;
        match sets.iter_mut().find(|(known, _)| *known == name) {
            Some((_, files)) => files.push(file),
            None => sets.push((name, vec![file])),
        }
    }
    let settings = args.account.settings(Selection::all())?;
    let options = inputs::read_options(&args.read)?;
    let market = |dataset| Ok::<_, anyhow::Error>(Arc::new(Market::new(dataset, settings.clone())?));
    if sets.is_empty() {
        return Ok(vec![(BUNDLED.to_owned(), market(Dataset::bundled()?)?)]);
    }
    let mut markets = Vec::new();
    for (name, files) in sets {
        let loaded = Dataset::load(&files, &options)?;
        inputs::notes_on(&loaded).iter().for_each(|note| context.reporter.note(format!("data {name}: {note}")));
        markets.push((name, market(loaded.dataset)?));
    }
    Ok(markets)
}

/// Reads `NAME=FILE`, or a file whose name without endings is the name.
fn named(text: &str) -> Result<(String, PathBuf)> {
    let given = text.split_once('=').filter(|(name, file)| is_name(name) && !file.is_empty());
    if let Some((name, file)) = given {
        return Ok((name.to_owned(), file.into()));
    }
    let name = name_of_file(Path::new(text));
    if !is_name(&name) {
        bail!("`--data {text}` has no name that requests can use; give it one: `--data NAME={text}`");
    }
    Ok((name, text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, name: &str, file: &str) {
        assert_eq!(named(text).unwrap(), (name.to_owned(), PathBuf::from(file)));
    }

    #[test]
    fn data_is_named_by_its_file_or_as_given() {
        check("bars/msft.csv", "msft", "bars/msft.csv");
        check("us=bars/msft.csv", "us", "bars/msft.csv");
        check("us=a=b.csv", "us", "a=b.csv");
        check("bars/msft.csv.gz", "msft", "bars/msft.csv.gz");
        check("us=-", "us", "-");
        check("bars/x=y/msft.csv", "msft", "bars/x=y/msft.csv");
        for text in ["2017.csv", "", "us=", "bars/a b.csv", "../..", "é.csv"] {
            assert!(named(text).unwrap_err().to_string().contains("has no name that requests can use"), "{text}");
        }
    }
}
