//! What the handlers of all routes share: their types, long work on threads of its own, and files that are streamed.
//!
//! Never answers a request.

use std::{
    fs::File,
    io::{self, Read as _},
    sync::Arc,
};

use axum::{
    body::{Body, Bytes},
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;

use super::{job::Job, reply::Reply, state::Shared};

/// Bytes of one chunk of a file.
const PIECE: usize = 64 << 10;

pub(super) type Answer<T> = Result<T, Reply>;
pub(super) type App = State<Arc<Shared>>;

/// Bytes as they are.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "it stands for a body in the description only")]
pub(super) struct Octets(Vec<u8>);

/// Runs long work on a thread of its own.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Answer<T> {
    tokio::task::spawn_blocking(work).await.map_err(Reply::bug)
}

/// The query of a request.
pub(super) fn queried<Q>(query: Result<Query<Q>, QueryRejection>) -> Answer<Q> {
    query.map(|Query(query)| query).map_err(|rejection| Reply::new(StatusCode::BAD_REQUEST, rejection.body_text()))
}

/// The sweep that a path names, and its number.
pub(super) fn job_of(shared: &Shared, id: &str) -> Answer<(u64, Arc<Job>)> {
    let none = |text| Reply::new(StatusCode::NOT_FOUND, text);
    let number: u64 =
        id.parse().map_err(|_| none(format!("`{id}` is not the number of a sweep; `/sweeps` lists them")))?;
    let job = shared.jobs.find(number);
    job.map(|job| (number, job)).ok_or_else(|| none(format!("unknown sweep {number}; `/sweeps` lists them")))
}

/// The bytes of a file, unchanged.
pub(super) fn whole(mut file: File) -> impl Iterator<Item = io::Result<Bytes>> {
    std::iter::from_fn(move || {
        let mut piece = Vec::with_capacity(PIECE);
        let read = file.by_ref().take(PIECE as u64).read_to_end(&mut piece);
        read.map(|length| (length > 0).then(|| Bytes::from(piece))).transpose()
    })
}

/// Streams chunks as fast as the client takes them, and holds `place` until the last one. No thread waits for the client.
/// After an error the connection breaks, so that no client takes a part for the whole.
pub(super) fn streamed(
    pieces: impl Iterator<Item = io::Result<Bytes>> + Send + 'static,
    place: Option<OwnedSemaphorePermit>,
) -> Body {
    let chunks = stream::unfold(Some((pieces, place)), |rest| async move {
        let (mut pieces, place) = rest?;
        match tokio::task::spawn_blocking(move || (pieces.next(), pieces)).await {
            Ok((Some(Ok(piece)), pieces)) => Some((Ok(piece), Some((pieces, place)))),
            Ok((Some(Err(error)), _)) => Some((Err(error), None)),
            Ok((None, _)) => None,
            Err(panic) => Some((Err(io::Error::other(panic)), None)),
        }
    });
    Body::from_stream(chunks)
}
