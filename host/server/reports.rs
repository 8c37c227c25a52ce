//! The routes of returns and of reports on a sweep that has ended: trust, walk-forward, Monte Carlo, one HTML file.
//!
//! Never computes a number, and makes one report at a time.

use std::{fs::File, path::PathBuf, sync::Arc};

use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    again::{self, NotAgain, Ran},
    api::{Problem, Sweep},
    handlers::{Answer, App, Octets, blocking, job_of, queried, streamed, whole},
    reply::{Json, Reply},
    state::Shared,
};
use crate::{
    evidence::{FoldsAnew, FollowReport, FollowRequest, LuckReport, LuckRequest, TrustReport, TrustRequest},
    report::Report,
    results::ReturnsFile,
    sweep::{Instruments, ParallelBacktester, Stop, whole},
};

/// The most bootstrap draws of a report.
const MOST_DRAWS: usize = 20_000;

/// The most copies of the bars with noise.
const MOST_COPIES: u64 = 1_000;

/// The routes.
pub(super) fn all() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(returns))
        .routes(routes!(trust))
        .routes(routes!(walk_forward))
        .routes(routes!(monte_carlo))
        .routes(routes!(cells))
        .routes(routes!(run))
        .routes(routes!(report))
}

/// The sweep, which has ended; `what` it is asked for.
fn ended(shared: &Shared, id: &str, what: &str) -> Answer<(u64, Arc<Sweep>)> {
    let (number, job) = job_of(shared, id)?;
    let sweep = job.snapshot();
    if sweep.state.has_ended() {
        return Ok((number, sweep));
    }
    let text = format!("sweep {number} is {}; {what} available once it has ended", sweep.state.as_str());
    Err(Reply::new(StatusCode::CONFLICT, text))
}

/// The file of returns of a sweep that has ended.
fn returns_of(shared: &Shared, id: &str) -> Answer<(u64, PathBuf)> {
    let (number, sweep) = ended(shared, id, "its returns are")?;
    let state = sweep.state.as_str();
    if sweep.returns.is_none() {
        let text = format!("sweep {number} has kept no returns; start it again by `POST /sweeps?returns=day`");
        return Err(Reply::new(StatusCode::NOT_FOUND, text));
    }
    let path = shared.jobs.store().returns(number);
    if !path.exists() {
        let text = format!("sweep {number} has no returns: it is {state}, and no combination has some on the disk");
        return Err(Reply::new(StatusCode::NOT_FOUND, text));
    }
    Ok((number, path))
}

/// The returns of each combination of a sweep that has ended, as `host sweep --returns` writes them.
#[utoipa::path(get, path = "/sweeps/{id}/returns", params(("id" = u64, Path, description = "The sweep's number")), responses(
    (status = 200, description = "Arrow IPC", body = inline(Octets), content_type = "application/vnd.apache.arrow.file"),
    (status = 404, description = "The sweep is unknown, or has no returns", body = Problem),
    (status = 409, description = "It has not ended", body = Problem),
))]
async fn returns(State(shared): App, Path(id): Path<String>) -> Answer<Response> {
    let (number, path) = returns_of(&shared, &id)?;
    let place = shared.download().await;
    let file = blocking(move || File::open(path)).await?.map_err(Reply::bug)?;
    let name = format!("attachment; filename=\"sweep-{number}.arrow\"");
    let head =
        [(header::CONTENT_TYPE, "application/vnd.apache.arrow.file"), (header::CONTENT_DISPOSITION, name.as_str())];
    Ok((head, streamed(whole(file), place)).into_response())
}

/// What the returns of a sweep say of its best combination: the JSON of `host trust`.
#[utoipa::path(get, path = "/sweeps/{id}/trust", params(("id" = u64, Path, description = "The sweep's number"), TrustRequest), responses(
    (status = 200, description = "The report", body = Object),
    (status = 400, description = "The query is unknown", body = Problem),
    (status = 404, description = "The sweep is unknown, or has no returns", body = Problem),
    (status = 409, description = "It has not ended", body = Problem),
    (status = 422, description = "A setting is out of its range, or the returns are too few", body = Problem),
))]
async fn trust(
    State(shared): App,
    Path(id): Path<String>,
    asked: Result<Query<TrustRequest>, QueryRejection>,
) -> Answer<Json<TrustReport>> {
    let asked = queried(asked)?;
    check_draws(asked.draws)?;
    let (_, path) = returns_of(&shared, &id)?;
    let jobs = shared.jobs.clone();
    reported(&shared, move |backtester| {
        let stop = backtester.stop_handle();
        Ok(asked.answer(&ReturnsFile::open(&path)?, jobs.results(), &stop)?)
    })
    .await
}

fn check_draws(draws: usize) -> Answer<()> {
    if draws <= MOST_DRAWS {
        return Ok(());
    }
    let text = format!("`draws` is {draws}; this server takes up to {MOST_DRAWS}");
    Err(Reply::new(StatusCode::UNPROCESSABLE_ENTITY, text))
}

/// The best combination of each stretch of time, followed through the next one: the JSON of `host walk-forward`.
#[utoipa::path(get, path = "/sweeps/{id}/walk-forward",
    params(("id" = u64, Path, description = "The sweep's number"), FollowRequest), responses(
    (status = 200, description = "The report", body = Object),
    (status = 400, description = "The query is unknown", body = Problem),
    (status = 404, description = "The sweep is unknown, or has no returns", body = Problem),
    (status = 409, description = "It has not ended; or folds are to run anew, and its build serves no more", body = Problem),
    (status = 422, description = "A part is too short or too long", body = Problem),
))]
async fn walk_forward(
    State(shared): App,
    Path(id): Path<String>,
    asked: Result<Query<FollowRequest>, QueryRejection>,
) -> Answer<Json<FollowReport>> {
    let asked = queried(asked)?;
    let (_, path) = returns_of(&shared, &id)?;
    let (_, sweep) = ended(&shared, &id, "its returns are")?;
    let jobs = shared.jobs.clone();
    reported(&shared, move |backtester| {
        let file = ReturnsFile::open(&path)?;
        let report = asked.answer(&file, jobs.results(), &backtester.stop_handle())?;
        if !asked.fresh {
            return Ok(report);
        }
        if sweep.request.scope == Instruments::EachSymbol {
            return Err(NotAgain::EachSymbol(sweep.id).into());
        }
        let Ran { strategy, dataset, settings } = Ran::of(&sweep, &jobs)?;
        let of = (&strategy, &dataset, &settings);
        let anew = FoldsAnew::run(&file, report.winners(), of, &backtester, &mut |_, _| {})?;
        Ok(report.with_fresh(anew))
    })
    .await
}

/// The query of a Monte Carlo report.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LuckQuery {
    /// The combination, by its name; the best one by default.
    task_id: Option<String>,
    /// How often the trades are shuffled, and how often they are resampled.
    #[param(minimum = 100, maximum = 20_000)]
    #[serde(deserialize_with = "whole::queried")]
    draws: usize,
    /// Copies of the bars with noise; 0 leaves them out.
    #[param(maximum = 1_000)]
    #[serde(deserialize_with = "whole::queried")]
    runs: u64,
    /// The strength of the noise, as a share of the average true range.
    #[param(minimum = 0, maximum = 1)]
    noise: f64,
    /// What the draws begin with: the same seed draws the same.
    #[serde(deserialize_with = "whole::queried")]
    seed: u64,
}

impl Default for LuckQuery {
    fn default() -> Self {
        let LuckRequest { draws, runs, noise, seed } = LuckRequest::default();
        Self { task_id: None, draws, runs, noise, seed }
    }
}

/// What luck and noise do to one combination of a sweep that has ended: the JSON of `host monte-carlo`.
#[utoipa::path(get, path = "/sweeps/{id}/monte-carlo",
    params(("id" = u64, Path, description = "The sweep's number"), LuckQuery), responses(
    (status = 200, description = "The report", body = Object),
    (status = 400, description = "The query is unknown", body = Problem),
    (status = 404, description = "The sweep or the combination is unknown, or it has no results", body = Problem),
    (status = 409, description = "It has not ended, or its build serves no more", body = Problem),
    (status = 422, description = "A setting is out of its range, or the combination fails", body = Problem),
))]
async fn monte_carlo(
    State(shared): App,
    Path(id): Path<String>,
    asked: Result<Query<LuckQuery>, QueryRejection>,
) -> Answer<Json<LuckReport>> {
    let LuckQuery { task_id, draws, runs, noise, seed } = queried(asked)?;
    let (_, sweep) = ended(&shared, &id, "its combinations are")?;
    check_draws(draws)?;
    if runs > MOST_COPIES {
        let text = format!("`runs` is {runs}; this server takes up to {MOST_COPIES}");
        return Err(Reply::new(StatusCode::UNPROCESSABLE_ENTITY, text));
    }
    let jobs = shared.jobs.clone();
    reported(&shared, move |backtester| {
        let (backtest, params) = Ran::of(&sweep, &jobs)?.combination(&sweep, task_id.as_deref(), &jobs)?;
        let asked = LuckRequest { draws, runs, noise, seed };
        Ok(asked.answer(&backtester, &backtest, &params, &mut |_| {})?)
    })
    .await
}

/// The query of what shows one combination.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Shown {
    /// The combination, by its name; the best one by default.
    task_id: Option<String>,
}

/// Every combination of a sweep that has ended, as columns for charts: the data of the report without a run. The page draws them;
/// their form may change.
#[utoipa::path(get, path = "/sweeps/{id}/cells", params(("id" = u64, Path, description = "The sweep's number"), Shown), responses(
    (status = 200, description = "The columns", body = Object),
    (status = 400, description = "The query is unknown", body = Problem),
    (status = 404, description = "The sweep or the combination is unknown, or it has no results", body = Problem),
    (status = 409, description = "It has not ended", body = Problem),
))]
async fn cells(
    State(shared): App,
    Path(id): Path<String>,
    shown: Result<Query<Shown>, QueryRejection>,
) -> Answer<Json<Report>> {
    let Shown { task_id } = queried(shown)?;
    let (_, sweep) = ended(&shared, &id, "its combinations are")?;
    let (jobs, place) = (shared.jobs.clone(), shared.download().await);
    let report = blocking(move || {
        let _place = place;
        again::cells(&sweep, task_id.as_deref(), &jobs)
    });
    Ok(Json(report.await??))
}

/// One combination of a sweep that has ended, run again: equity, trades, prices and all metrics, as columns for charts. The page
/// draws them; their form may change.
#[utoipa::path(get, path = "/sweeps/{id}/run", params(("id" = u64, Path, description = "The sweep's number"), Shown), responses(
    (status = 200, description = "The run", body = Object),
    (status = 400, description = "The query is unknown", body = Problem),
    (status = 404, description = "The sweep or the combination is unknown, or it has no results", body = Problem),
    (status = 409, description = "It has not ended, or its build serves no more", body = Problem),
    (status = 422, description = "The combination fails", body = Problem),
))]
async fn run(
    State(shared): App,
    Path(id): Path<String>,
    shown: Result<Query<Shown>, QueryRejection>,
) -> Answer<Json<Report>> {
    let Shown { task_id } = queried(shown)?;
    let (_, sweep) = ended(&shared, &id, "its combinations are")?;
    let jobs = shared.jobs.clone();
    reported(&shared, move |_| Ok(again::run(&sweep, task_id.as_deref(), &jobs)?)).await
}

/// A sweep that has ended as one HTML file, which opens without a network: the file of `host report`.
#[utoipa::path(get, path = "/sweeps/{id}/report", params(("id" = u64, Path, description = "The sweep's number"), Shown), responses(
    (status = 200, description = "The report", body = String, content_type = "text/html"),
    (status = 400, description = "The query is unknown", body = Problem),
    (status = 404, description = "The sweep or the combination is unknown, or it has no results", body = Problem),
    (status = 409, description = "It has not ended", body = Problem),
))]
async fn report(
    State(shared): App,
    Path(id): Path<String>,
    shown: Result<Query<Shown>, QueryRejection>,
) -> Answer<Response> {
    let Shown { task_id } = queried(shown)?;
    let (number, sweep) = ended(&shared, &id, "its report is")?;
    let jobs = shared.jobs.clone();
    let page =
        reported(&shared, move |backtester| Ok(again::report(&sweep, task_id.as_deref(), &jobs, &backtester)?)).await;
    let Json(page) = page?;
    let name = format!("inline; filename=\"sweep-{number}.html\"");
    let head = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::CONTENT_SECURITY_POLICY, format!("{}; frame-ancestors 'none'", Report::policy())),
    ];
    Ok((head, page).into_response())
}

/// Makes a report, one at a time. It ends soon after the client has gone.
async fn reported<R: Send + 'static>(
    shared: &Shared,
    report: impl FnOnce(ParallelBacktester) -> Answer<R> + Send + 'static,
) -> Answer<Json<R>> {
    let turn = shared.report().await;
    let backtester = shared.jobs.backtester();
    let _wanted = Reading(backtester.stop_handle());
    let made = blocking(move || {
        let _turn = turn;
        report(backtester)
    });
    Ok(Json(made.await??))
}

/// Stops a report when it is dropped, which is without effect on one that is made.
struct Reading(Stop);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.stop();
    }
}
