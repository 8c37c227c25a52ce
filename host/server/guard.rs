//! The middleware of every request: authorisation, time limit, counters and security headers.
//!
//! Never answers a request that is allowed.

use std::{
    any::Any,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use tower_http::{catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer};

use super::{
    connection::Client,
    page,
    reply::{PROBLEM, Reply},
    state::Shared,
};
use crate::task::panic_text;

/// The longest time until an answer begins.
const TIME: Duration = Duration::from_secs(30);

/// The longest time of an upload: a component with an interpreter inside compiles for half a minute.
const UPLOAD_TIME: Duration = Duration::from_secs(600);

/// The route of uploads.
const UPLOAD: &str = "/plugins/{name}";

/// The route that never needs a token, besides the page: it reveals only the program's version, and what is wrong without a name or
/// a path.
const OPEN: &str = "/healthz";

/// Security headers of every answer: load nothing from other hosts, do not guess types, allow no frames, cache nothing.
const HEADERS: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Puts the guard before every route of `router`.
pub(super) fn before(router: Router<Arc<Shared>>, shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let guarded =
        router.layer(CatchPanicLayer::custom(panicked)).layer(middleware::from_fn_with_state(Arc::clone(shared), pass));
    HEADERS.into_iter().fold(guarded, |router, (name, value)| {
        router.layer(SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value)))
    })
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    Reply::bug(panic_text(&*panic)).into_response()
}

async fn pass(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(client): ConnectInfo<Client>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let in_flight = client.hold();
    let (start, method) = (Instant::now(), request.method().clone());
    let is_upload = method == Method::PUT && path.as_ref().is_some_and(|path| path.as_str() == UPLOAD);
    let is_reserve = client.is_reserve();
    let response = match admit(&shared, &request, is_reserve, is_upload) {
        Ok(()) => answer(request.map(|body| in_flight.receiving(body)), next).await,
        Err(reply) => reply.into_response(),
    };
    let mut response = response.map(|body| in_flight.until_sent(body));
    if is_reserve {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let route = path.as_ref().map_or("other", MatchedPath::as_str);
    // A method that a client invents must not become a label: each label stays for ever.
    let is_known =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(&method);
    let method = if is_known { method.as_str() } else { "other" };
    shared.jobs.meters().count_request(method, route, response.status().as_u16(), start.elapsed());
    response
}

fn admit(shared: &Shared, request: &Request, is_reserve: bool, is_upload: bool) -> Result<(), Reply> {
    let headers = request.headers();
    shared.authoriser.check_host(request.uri(), headers)?;
    let path = request.uri().path();
    if is_reserve && path != OPEN {
        let text = "the server has no place for more connections; close some, or try again in a minute";
        return Err(Reply::new(StatusCode::SERVICE_UNAVAILABLE, text));
    }
    if path != OPEN && !page::has(path) {
        shared.authoriser.check_read(headers)?;
    }
    if is_upload {
        shared.authoriser.check_upload(headers)?;
    }
    if shared.is_stopping() && !request.method().is_safe() {
        return Err(Reply::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping"));
    }
    Ok(())
}

async fn answer(request: Request, next: Next) -> Response {
    let time = if request.method() == Method::PUT { UPLOAD_TIME } else { TIME };
    let Ok(response) = tokio::time::timeout(time, next.run(request)).await else {
        let text = format!("the request takes more than {} s; try again when the server is less busy", time.as_secs());
        return Reply::new(StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    let (status, headers) = (response.status(), response.headers());
    let is_ours =
        headers.get(header::CONTENT_TYPE).is_some_and(|media| media == PROBLEM || media == "application/json");
    if is_ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    // What may be done instead stays.
    let allow = headers.get(header::ALLOW).map(|methods| (header::ALLOW, methods.clone()));
    let mut plain = Reply::plain(status).into_response();
    plain.headers_mut().extend(allow);
    plain
}
