//! Error replies: a status, and a text with the way out.
//!
//! Never decides whether a request fails.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use serde::Serialize;

use super::{
    again::NotAgain,
    api::Problem,
    auth::Denied,
    jobs::{Declined, NotRelabelled, NotRemoved},
};
use crate::{
    evidence::EvidenceError,
    model::plain_json,
    registry::Refusal,
    results::{ReadError, ReturnsError},
    sweep::with_causes,
};

/// The media type of errors.
pub(super) const PROBLEM: &str = "application/problem+json";

/// A reply in JSON. What plugins and data say in it is escaped, so that it steers no terminal and hides in no page.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_string(&self.0) {
            Ok(json) => ([(header::CONTENT_TYPE, "application/json")], plain_json(&json).into_owned()).into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    }
}

/// The reply to a request that failed.
#[derive(Debug)]
pub(super) struct Reply {
    status: StatusCode,
    text: String,
}

impl Reply {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    /// A bug of the host.
    pub(super) fn bug(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, format!("a bug of the host: {what}"))
    }

    /// The reply for a `status` that came without a text of ours.
    pub(super) fn plain(status: StatusCode) -> Self {
        let text = match status {
            StatusCode::NOT_FOUND => "unknown address; `/openapi.json` lists all routes".to_owned(),
            StatusCode::METHOD_NOT_ALLOWED => "method not allowed here; `/openapi.json` lists all routes".to_owned(),
            StatusCode::BAD_REQUEST => "the address is not readable; `/openapi.json` lists all routes".to_owned(),
            other => other.canonical_reason().unwrap_or("the request failed").to_lowercase(),
        };
        Self::new(status, text)
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(Problem::new(self.status, self.text))).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Denied> for Reply {
    fn from(denied: Denied) -> Self {
        let status = match denied {
            Denied::NoHost => StatusCode::BAD_REQUEST,
            Denied::Host(_) | Denied::Off => StatusCode::FORBIDDEN,
            Denied::NoToken | Denied::WrongToken => StatusCode::UNAUTHORIZED,
        };
        Self::new(status, denied.to_string())
    }
}

impl From<Declined> for Reply {
    fn from(declined: Declined) -> Self {
        let status = match declined {
            Declined::NoPlugin { .. } | Declined::NoData { .. } => StatusCode::NOT_FOUND,
            Declined::Full(_) => StatusCode::TOO_MANY_REQUESTS,
            Declined::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Declined::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, with_causes(&declined))
    }
}

impl From<NotAgain> for Reply {
    fn from(not: NotAgain) -> Self {
        let status = match not {
            NotAgain::NoResults(_) | NotAgain::NoTask { .. } => StatusCode::NOT_FOUND,
            NotAgain::Replaced(_) => StatusCode::CONFLICT,
            NotAgain::Provenance(_) | NotAgain::Past(_) | NotAgain::Results(_) | NotAgain::Returns(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, with_causes(&not))
    }
}

impl From<NotRelabelled> for Reply {
    fn from(not: NotRelabelled) -> Self {
        let status = match not {
            NotRelabelled::Label(_) => StatusCode::UNPROCESSABLE_ENTITY,
            NotRelabelled::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, with_causes(&not))
    }
}

impl From<NotRemoved> for Reply {
    fn from(not: NotRemoved) -> Self {
        let status = match not {
            NotRemoved::None(_) => StatusCode::NOT_FOUND,
            NotRemoved::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, with_causes(&not))
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal {
            Refusal::Name(_) => StatusCode::BAD_REQUEST,
            Refusal::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Superseded | Refusal::Withdrawn => StatusCode::CONFLICT,
            Refusal::Busy { .. } => StatusCode::TOO_MANY_REQUESTS,
            Refusal::Write { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, refusal.text())
    }
}

impl From<ReturnsError> for Reply {
    fn from(error: ReturnsError) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, with_causes(&error))
    }
}

impl From<EvidenceError> for Reply {
    fn from(error: EvidenceError) -> Self {
        let status = match error {
            EvidenceError::Returns(_) => StatusCode::INTERNAL_SERVER_ERROR,
            EvidenceError::Stopped => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, with_causes(&error))
    }
}

impl From<ReadError> for Reply {
    fn from(error: ReadError) -> Self {
        let status = match error {
            ReadError::NoColumn { .. } | ReadError::Twice(_) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, with_causes(&error))
    }
}
