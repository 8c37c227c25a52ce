//! What every request passes on its way: who asks, whether the server still works, how long it takes, and a count of it.
//!
//! Never answers a request that may pass.

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

use super::{connection::InFlight, page, reply::Reply, state::Shared};
use crate::task::panic_text;

/// How long a request may take until its answer begins.
const TIME: Duration = Duration::from_secs(30);

/// How long an upload may take: a component with an interpreter inside is compiled for half a minute.
const UPLOAD_TIME: Duration = Duration::from_secs(600);

/// What needs no token, wherever the server listens, besides the page: there is nothing in it that is not in the program.
const OPEN: &str = "/healthz";

/// What every answer says to browsers: use nothing of other hosts, guess no type, show it in no frame, keep nothing.
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
    ConnectInfo(in_flight): ConnectInfo<InFlight>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let _held = in_flight.hold();
    let (start, method) = (Instant::now(), request.method().clone());
    let response = match admit(&shared, &request) {
        Ok(()) => answer(request, next).await,
        Err(reply) => reply.into_response(),
    };
    let route = path.as_ref().map_or("other", MatchedPath::as_str);
    // What a client makes up is no label: each would be kept for ever.
    let is_known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE].contains(&method);
    let method = if is_known { method.as_str() } else { "other" };
    shared.jobs.meters().count_request(method, route, response.status().as_u16(), start.elapsed());
    response
}

fn admit(shared: &Shared, request: &Request) -> Result<(), Reply> {
    let headers = request.headers();
    shared.authoriser.check_host(request.uri(), headers)?;
    let path = request.uri().path();
    if path != OPEN && !page::has(path) {
        shared.authoriser.check_read(headers)?;
    }
    if request.method() == Method::PUT {
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
        let text = format!(
            "the request or its answer takes more than {} s; try again when there is less to do",
            time.as_secs()
        );
        return Reply::new(StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    let status = response.status();
    let is_ours = response.headers().get(header::CONTENT_TYPE).is_some_and(|media| media == "application/json");
    let is_error = status.is_client_error() || status.is_server_error();
    if is_error && !is_ours { Reply::plain(status).into_response() } else { response }
}
