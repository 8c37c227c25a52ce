//! The routes of the HTTP server; `/openapi.json` is made from the same list.
//!
//! Never does a sweep's work, and never takes a path or a file's name from a request.

use std::{fs::File, io, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{
        ConnectInfo, DefaultBodyLimit, Path, Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{KeepAlive, Sse},
    },
};
use serde::{Deserialize, de::IgnoredAny};
use tokio::sync::{OwnedSemaphorePermit, watch};
use utoipa::{IntoParams, OpenApi, ToSchema};
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouterExt as _},
    routes,
};

use super::{
    api::{DataSet, DataSets, Health, LogEntry, Plugin, Plugins, Problem, Relabel, Sweep, Sweeps},
    auth::Authoriser,
    connection::Client,
    document, events,
    exposition::Exposition,
    guard,
    handlers::{Answer, App, Octets, blocking, job_of, queried, streamed, whole},
    job::Job,
    jobs::{Jobs, Removed},
    page,
    reply::{Json, Reply},
    reports,
    state::Shared,
};
use crate::{
    metrics::ReturnsPeriod,
    registry::Withdrawal,
    results::{Form, ResultsFile},
    sweep::{SweepRequest, with_causes},
};

/// The largest body of a request, in bytes; uploads have a limit of their own.
const BODY: usize = 1 << 20;

/// How long an answer waits for the end of a sweep that was told to stop.
const STOPPING: Duration = Duration::from_secs(15);

/// The interval of keep-alive comments in an idle event stream.
const ALIVE: Duration = Duration::from_secs(15);

#[derive(Debug, OpenApi)]
#[openapi(info(
    title = "host",
    description = "Runs trading strategies compiled to WebAssembly components over market data. Where a token is \
                   configured, `Authorization: Bearer TOKEN` is needed for uploads, and for everything but the page and \
                   `/healthz` if the server does not listen on a loopback address."
))]
struct Document;

/// All routes and their shared state; an upload may have `upload` bytes.
pub(super) fn all(jobs: Jobs, authoriser: Authoriser, upload: usize) -> (Router, Arc<Shared>) {
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(health))
        .routes(routes!(metrics))
        .routes(routes!(openapi))
        .routes(routes!(data))
        .routes(routes!(plugins))
        .routes(routes!(plugin, upload_plugin).layer(DefaultBodyLimit::max(upload)))
        .routes(routes!(sweeps, submit))
        .routes(routes!(sweep, relabel, remove))
        .routes(routes!(results))
        .routes(routes!(listen))
        .merge(reports::all())
        .split_for_parts();
    let openapi = document::complete(document, authoriser.guards_reading()).unwrap_or_default();
    let shared = Arc::new(Shared::new(jobs, authoriser, openapi));
    let router = router.merge(page::routes()).layer(DefaultBodyLimit::max(BODY)).fallback(nothing);
    (guard::before(router, &shared).with_state(Arc::clone(&shared)), shared)
}

async fn nothing() -> Reply {
    Reply::plain(StatusCode::NOT_FOUND)
}

/// The health of the server. It is answered without a token, and while other connections are refused.
#[utoipa::path(get, path = "/healthz", responses(
    (status = 200, description = "It works, in spite of the problems that it lists", body = Health),
    (status = 503, description = "It is stopping, or a part of its work cannot be done", body = Health),
))]
async fn health(State(shared): App) -> impl IntoResponse {
    let problems = shared.jobs.registry().problems();
    let (code, status) = match shared.is_stopping() {
        true => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        false if problems.iter().any(|problem| problem.is_grave) => (StatusCode::SERVICE_UNAVAILABLE, "failing"),
        false if problems.is_empty() => (StatusCode::OK, "ok"),
        false => (StatusCode::OK, "degraded"),
    };
    let problems = problems.into_iter().map(|problem| problem.text).collect();
    (code, Json(Health { status, version: env!("CARGO_PKG_VERSION"), problems }))
}

/// The counters of the server, as OpenMetrics or, for a client that prefers it, in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", responses(
    (status = 200, description = "The counters", content((String = "application/openmetrics-text"), (String = "text/plain"))),
    (status = 406, description = "The client accepts neither of the two", body = Problem),
))]
async fn metrics(State(shared): App, headers: HeaderMap) -> Answer<impl IntoResponse> {
    let exposition = Exposition::of(&headers).ok_or_else(|| {
        let text = "the counters are text; accept `application/openmetrics-text` or `text/plain`";
        Reply::new(StatusCode::NOT_ACCEPTABLE, text)
    })?;
    let states = shared.jobs.all().into_iter().map(|sweep| sweep.state);
    let text = shared.jobs.meters().text(states, &shared.jobs.registry().plugins()).map_err(Reply::bug)?;
    Ok(([(header::CONTENT_TYPE, exposition.media_type())], exposition.written(text)))
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", responses(
    (status = 200, description = "The description", content_type = "application/json", body = Object),
))]
async fn openapi(State(shared): App) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], shared.openapi().to_owned())
}

/// The data sets that sweeps can run over.
#[utoipa::path(get, path = "/data", responses(
    (status = 200, description = "The data sets", body = DataSets),
))]
async fn data(State(shared): App) -> Json<DataSets> {
    let sets = shared.jobs.markets().iter().map(|(name, market)| DataSet::of(name, market));
    Json(DataSets { data: sets.collect() })
}

/// The plugins, and the log of their events.
#[utoipa::path(get, path = "/plugins", responses(
    (status = 200, description = "The plugins and the log", body = Plugins),
))]
async fn plugins(State(shared): App) -> Json<Plugins> {
    let registry = shared.jobs.registry();
    let plugins = registry.plugins().iter().map(Plugin::of).collect();
    Json(Plugins { plugins, log: registry.entries().iter().map(LogEntry::of).collect() })
}

/// A plugin.
#[utoipa::path(get, path = "/plugins/{name}", params(PluginName), responses(
    (status = 200, description = "The plugin", body = Plugin),
    (status = 404, description = "The plugin is unknown", body = Problem),
))]
async fn plugin(State(shared): App, Path(name): Path<String>) -> Answer<Json<Plugin>> {
    plugin_of(&shared, &name).map(Json)
}

/// The name of a plugin in a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "it stands for a part of the path in the description only")]
struct PluginName {
    /// A letter, then letters, digits, `_` and `-`, at most 64 in all.
    #[param(pattern = "^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
    name: String,
}

fn plugin_of(shared: &Shared, name: &str) -> Answer<Plugin> {
    let plugins = shared.jobs.registry().plugins();
    let listing = plugins.iter().find(|listing| listing.name == name);
    let none = || Reply::new(StatusCode::NOT_FOUND, format!("unknown plugin `{name}`; `/plugins` lists them"));
    listing.map(Plugin::of).ok_or_else(none)
}

/// Checks, compiles and tries a build; if it is good, it serves as `name` from now on. The body may be called
/// `application/wasm`, too.
#[utoipa::path(
    put, path = "/plugins/{name}", params(PluginName),
    request_body(content = inline(Octets), content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "It serves now, or did already", body = Plugin),
        (status = 201, description = "It serves now, and is the first build of its name", body = Plugin, headers(
            ("Location" = String, description = "The address of the plugin"),
        )),
        (status = 400, description = "The name is not one", body = Problem),
        (status = 401, description = "The token is missing or wrong", body = Problem),
        (status = 403, description = "Uploads are off", body = Problem),
        (status = 409, description = "A newer build of the name took its place before it was checked", body = Problem),
        (status = 413, description = "It is too large", body = Problem),
        (status = 415, description = "The content type is another one", body = Problem),
        (status = 422, description = "It is refused; the build before it goes on serving", body = Problem),
        (status = 429, description = "Too many builds wait to be checked", body = Problem),
    ),
    security(("token" = [])),
)]
async fn upload_plugin(
    State(shared): App,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer<Response> {
    if headers.contains_key(header::CONTENT_TYPE) {
        check_type(&headers, &["application/octet-stream", "application/wasm"])?;
    }
    let (is_first, bytes) = (plugin_of(&shared, &name).is_err(), read(body)?.to_vec());
    let (registry, given) = (shared.jobs.registry().clone(), name.clone());
    // Dropped with this request, as when the client goes away: nobody waits for the build any more then.
    let wanted = Wanting::default();
    let withdrawal = wanted.0.clone();
    blocking(move || registry.offer_until(&withdrawal, &given, bytes)).await??;
    let plugin = Json(plugin_of(&shared, &name)?);
    // A name that serves is made of letters, digits, `_` and `-`.
    let location = [(header::LOCATION, format!("/plugins/{name}"))];
    Ok(if is_first { (StatusCode::CREATED, location, plugin).into_response() } else { plugin.into_response() })
}

/// Withdraws a build when it is dropped, which is without effect on one that serves.
#[derive(Default)]
struct Wanting(Withdrawal);

impl Drop for Wanting {
    fn drop(&mut self) {
        self.0.withdraw();
    }
}

fn read(body: Result<Bytes, BytesRejection>) -> Answer<Bytes> {
    body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Reply::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than this server takes")
        }
        status => Reply::new(status, "the body ends too early; send it again"),
    })
}

/// All sweeps, the newest first.
#[utoipa::path(get, path = "/sweeps", responses(
    (status = 200, description = "The sweeps", body = Sweeps),
))]
async fn sweeps(State(shared): App) -> Answer<Json<Sweeps>> {
    Ok(Json(Sweeps { sweeps: shared.jobs.listed().map_err(Reply::bug)? }))
}

/// The query of a request that starts a sweep.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Kept {
    /// Keeps the returns of each combination by periods of this length, too: `bar`, `day` or `week`.
    #[param(inline)]
    returns: Option<ReturnsPeriod>,
}

/// Puts a sweep at the end of the queue. It runs on the build that serves now.
#[utoipa::path(post, path = "/sweeps", params(Kept), request_body = SweepRequest, responses(
    (status = 201, description = "It is queued", body = Sweep, headers(
        ("Location" = String, description = "The address of the sweep"),
    )),
    (status = 400, description = "The body is not JSON, or the query is unknown", body = Problem),
    (status = 404, description = "The plugin or the data is unknown", body = Problem),
    (status = 413, description = "The body is too large", body = Problem),
    (status = 415, description = "The content type is not `application/json`", body = Problem),
    (status = 422, description = "The body is not the request of a sweep, or does not fit its plugin, data or server", body = Problem),
    (status = 429, description = "Too many sweeps wait", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem),
))]
async fn submit(
    State(shared): App,
    kept: Result<Query<Kept>, QueryRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer<impl IntoResponse> {
    check_json(&headers)?;
    let Kept { returns } = queried(kept)?;
    let body = read(body)?;
    let asked: SweepRequest =
        serde_json::from_slice(&body).map_err(misread(&body, "the body is not the request of a sweep"))?;
    let jobs = shared.jobs.clone();
    let sweep = blocking(move || jobs.submit(asked, returns)).await??;
    let location = [(header::LOCATION, format!("/sweeps/{}", sweep.id))];
    Ok((StatusCode::CREATED, location, Json(Sweep::clone(&sweep))))
}

/// The reply to a body that serde does not read: it is not JSON, or it is, and is not what is wanted.
fn misread(body: &[u8], what: &str) -> impl Fn(serde_json::Error) -> Reply {
    move |error| {
        let is_json = serde_json::from_slice::<IgnoredAny>(body).is_ok();
        let status = if is_json { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
        Reply::new(status, format!("{what}: {error}"))
    }
}

/// Requires JSON: a page of another host can send a form here, but not JSON.
fn check_json(headers: &HeaderMap) -> Answer<()> {
    check_type(headers, &["application/json"])
}

fn check_type(headers: &HeaderMap, takes: &[&str]) -> Answer<()> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
    let essence = media.split(';').next().unwrap_or_default().trim();
    if takes.iter().any(|taken| essence.eq_ignore_ascii_case(taken)) {
        return Ok(());
    }
    let text = format!("the content type is `{media}`; send `Content-Type: {}`", takes.join("` or `"));
    Err(Reply::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text))
}

/// A sweep, as far as it has come.
#[utoipa::path(get, path = "/sweeps/{id}", params(("id" = u64, Path, description = "The sweep's number")), responses(
    (status = 200, description = "The sweep", body = Sweep),
    (status = 404, description = "The sweep is unknown", body = Problem),
))]
async fn sweep(State(shared): App, Path(id): Path<String>) -> Answer<Json<Sweep>> {
    let (_, job) = job_of(&shared, &id)?;
    let sweep = whole_of(&shared, &job).await?;
    Ok(Json(Sweep::clone(&sweep)))
}

/// Changes what people call a sweep, and have noted about it.
#[utoipa::path(patch, path = "/sweeps/{id}", params(("id" = u64, Path, description = "The sweep's number")), request_body = Relabel, responses(
    (status = 200, description = "The sweep as it is called now", body = Sweep),
    (status = 400, description = "The body is not JSON", body = Problem),
    (status = 404, description = "The sweep is unknown", body = Problem),
    (status = 413, description = "The body is too large", body = Problem),
    (status = 415, description = "The content type is not `application/json`", body = Problem),
    (status = 422, description = "The body has other members, or a text is too long or not one line", body = Problem),
))]
async fn relabel(
    State(shared): App,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer<Json<Sweep>> {
    check_json(&headers)?;
    let (_, job) = job_of(&shared, &id)?;
    // An object: a list would fill the members in their order.
    let body = read(body)?;
    let members = serde_json::from_slice::<serde_json::Map<_, _>>(&body);
    let change = members.and_then(|members| serde_json::from_value::<Relabel>(members.into()));
    let change = change.map_err(misread(&body, "the body does not say what to change"))?;
    let (jobs, changed) = (shared.jobs.clone(), Arc::clone(&job));
    blocking(move || jobs.relabel(&changed, &change)).await??;
    Ok(Json(Sweep::clone(&*whole_of(&shared, &job).await?)))
}

/// All of a sweep: an old one is read from the disk.
async fn whole_of(shared: &Shared, job: &Job) -> Answer<Arc<Sweep>> {
    if let Some(sweep) = job.whole() {
        return Ok(sweep);
    }
    let (jobs, id) = (shared.jobs.clone(), job.snapshot().id);
    let read = blocking(move || jobs.store().read(id)).await?;
    read.map(Arc::new).map_err(|error| Reply::bug(with_causes(&error)))
}

/// Stops a sweep that waits or runs, and keeps its finished results. Deletes one that has ended, with its results.
#[utoipa::path(delete, path = "/sweeps/{id}", params(("id" = u64, Path, description = "The sweep's number")), responses(
    (status = 200, description = "It is stopped", body = Sweep),
    (status = 204, description = "It is deleted"),
    (status = 404, description = "The sweep is unknown", body = Problem),
))]
async fn remove(State(shared): App, Path(id): Path<String>) -> Answer<Response> {
    let (number, _) = job_of(&shared, &id)?;
    let jobs = shared.jobs.clone();
    let job = match blocking(move || jobs.remove(number)).await?? {
        Removed::Forgotten => return Ok(StatusCode::NO_CONTENT.into_response()),
        Removed::Cancelled(job) => job,
    };
    // Its last tasks may still run; after this wait `GET` shows the end.
    let mut news = job.listen();
    let ended = news.wait_for(|sweep| sweep.state.has_ended());
    let _ = tokio::time::timeout(STOPPING, ended).await;
    Ok(Json(Sweep::clone(&job.snapshot())).into_response())
}

/// A format of results.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ResultsFormat {
    /// One object with columns and rows.
    #[default]
    Json,
    /// Text separated by commas.
    Csv,
    /// Parquet.
    Parquet,
}

/// The query of a request for results.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// The format; JSON by default.
    #[serde(default)]
    #[param(inline)]
    format: ResultsFormat,
    /// The names of columns, separated by commas; all by default.
    columns: Option<String>,
}

/// Every result of a sweep that has ended, in the order of the grid.
#[utoipa::path(get, path = "/sweeps/{id}/results", params(("id" = u64, Path, description = "The sweep's number"), Wanted), responses(
    (status = 200, description = "All rows", content(
        (Object = "application/json"), (String = "text/csv"), (inline(Octets) = "application/vnd.apache.parquet"),
    )),
    (status = 400, description = "The format is unknown", body = Problem),
    (status = 404, description = "The sweep is unknown, or has no results", body = Problem),
    (status = 409, description = "It has not ended", body = Problem),
    (status = 422, description = "A column is unknown, or asked for twice", body = Problem),
))]
async fn results(
    State(shared): App,
    Path(id): Path<String>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Answer<Response> {
    let (number, job) = job_of(&shared, &id)?;
    let wanted = queried(wanted)?;
    let state = job.snapshot().state;
    if !state.has_ended() {
        let text = format!("sweep {number} is {}; its results are available once it has ended", state.as_str());
        return Err(Reply::new(StatusCode::CONFLICT, text));
    }
    let path = shared.jobs.store().results(number);
    if !path.exists() {
        let text = format!("sweep {number} has no results: it is {}, and none was on the disk", state.as_str());
        return Err(Reply::new(StatusCode::NOT_FOUND, text));
    }
    let names: Option<Vec<String>> =
        wanted.columns.map(|names| names.split(',').map(|name| name.trim().to_owned()).collect());
    let place = shared.download().await;
    let body = blocking(move || rows(&path, wanted.format, names.as_deref(), place)).await??;
    Ok((described(number, wanted.format), body).into_response())
}

/// The media type, and the file name for a browser.
fn described(id: u64, format: ResultsFormat) -> HeaderMap {
    let (media, extension) = match format {
        ResultsFormat::Json => ("application/json", None),
        ResultsFormat::Csv => ("text/csv; charset=utf-8", Some("csv")),
        ResultsFormat::Parquet => ("application/vnd.apache.parquet", Some("parquet")),
    };
    let mut headers = HeaderMap::from_iter([(header::CONTENT_TYPE, header::HeaderValue::from_static(media))]);
    let name = extension.map(|extension| format!("attachment; filename=\"sweep-{id}.{extension}\""));
    headers.extend(name.and_then(|name| name.parse().ok()).map(|name| (header::CONTENT_DISPOSITION, name)));
    headers
}

fn rows(
    path: &std::path::Path,
    format: ResultsFormat,
    names: Option<&[String]>,
    place: Option<OwnedSemaphorePermit>,
) -> Answer<Body> {
    let form = match format {
        ResultsFormat::Json => Form::Json,
        ResultsFormat::Csv => Form::Csv,
        ResultsFormat::Parquet if names.is_none() => {
            return File::open(path).map(|file| streamed(whole(file), place)).map_err(Reply::bug);
        }
        ResultsFormat::Parquet => Form::Parquet,
    };
    let pieces = ResultsFile::open(path)?.encoded(form, names)?;
    Ok(streamed(pieces.map(|piece| piece.map(Bytes::from).map_err(io::Error::other)), place))
}

/// The events of a sweep: `sweep` first, then `progress`, `best` with its `ranking`, and `failures`, at last `end`. Their data
/// are JSON; those of `sweep` and `end` are what `GET /sweeps/{id}` answers.
#[utoipa::path(get, path = "/sweeps/{id}/events", params(("id" = u64, Path, description = "The sweep's number")), responses(
    (status = 200, description = "Server-sent events until it has ended", content_type = "text/event-stream", body = String),
    (status = 404, description = "The sweep is unknown", body = Problem),
    (status = 429, description = "Too many event streams are open", body = Problem),
))]
async fn listen(
    State(shared): App,
    ConnectInfo(client): ConnectInfo<Client>,
    Path(id): Path<String>,
) -> Answer<impl IntoResponse> {
    let (_, job) = job_of(&shared, &id)?;
    let news = match job.listen_whole() {
        Some(news) => news,
        // It ended long ago: there is nothing to hear but what it was.
        None => watch::Sender::new(whole_of(&shared, &job).await?).subscribe(),
    };
    let full = "too many event streams are open; close some, or ask for `/sweeps/{id}` instead";
    let place = client.event_place().ok_or_else(|| Reply::new(StatusCode::TOO_MANY_REQUESTS, full))?;
    Ok(Sse::new(events::of(news, place)).keep_alive(KeepAlive::new().interval(ALIVE)))
}
