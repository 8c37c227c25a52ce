//! Authorisation of requests: the token, and the host names of this machine.
//!
//! Never keeps a token, only its hash.

use std::{io, net::IpAddr, path::Path, path::PathBuf};

use axum::http::{HeaderMap, Uri, header, uri::Authority};

use crate::file::read_text_at_most;

/// The most bytes of the file of a token.
const LONGEST: u64 = 64 << 10;

/// The fewest characters of a token.
const SHORTEST: usize = 16;

/// Why a text cannot be a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The file cannot be read.
    #[error("the token in `{}` cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The text can be guessed.
    #[error("a token of {0} characters can be guessed; give at least {SHORTEST}, like those of `openssl rand -hex 32`")]
    Short(usize),
    /// The text does not fit into a header.
    #[error("the token does not fit into a header; give ASCII letters, digits and signs without blanks")]
    NotPlain,
}

/// A secret that requests must present.
#[derive(Clone)]
pub struct Token(blake3::Hash);

impl Token {
    /// Takes `text` without the blanks around it.
    ///
    /// # Errors
    ///
    /// Returns an error if the text has fewer than 16 characters, or others than letters, digits and signs of ASCII.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        if !text.chars().all(|c| c.is_ascii_graphic()) {
            return Err(TokenError::NotPlain);
        }
        if text.len() < SHORTEST {
            return Err(TokenError::Short(text.len()));
        }
        Ok(Self(blake3::hash(text.as_bytes())))
    }

    /// Takes the text of the file at `path`.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read, or as [`new`](Self::new) does.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let text =
            read_text_at_most(path, LONGEST).map_err(|source| TokenError::Read { path: path.to_owned(), source })?;
        Self::new(&text)
    }

    /// Returns true if `shown` is this token. Compares hashes, in a time that does not depend on where they differ.
    fn is(&self, shown: &str) -> bool {
        self.0 == blake3::hash(shown.trim().as_bytes())
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

/// Why a request is denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Denied {
    #[error("`{0}` is not a name of this machine; ask for `localhost` or `127.0.0.1`")]
    Host(String),
    #[error("the request has no `Host` header; send one")]
    NoHost,
    #[error("this needs the token that the server was started with: `Authorization: Bearer TOKEN`")]
    NoToken,
    #[error("this is not the token that the server was started with")]
    WrongToken,
    #[error("uploads are off; start the server with `--token-file FILE` or `HOST_TOKEN` to turn them on")]
    Off,
}

/// The authoriser: decides which requests are allowed.
#[derive(Debug, Clone)]
pub(super) struct Authoriser {
    token: Option<Token>,
    /// True if only this machine can reach the server.
    is_local: bool,
}

impl Authoriser {
    pub(super) fn new(token: Option<Token>, is_local: bool) -> Self {
        Self { token, is_local }
    }

    /// Refuses a request that reached a loopback address under another name: a page may have pointed its own name here
    /// (DNS rebinding), to read what only this machine may read.
    pub(super) fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Denied> {
        if !self.is_local {
            return Ok(());
        }
        let named = headers.get(header::HOST).map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
        let host = named.or_else(|| uri.authority().map(ToString::to_string)).ok_or(Denied::NoHost)?;
        if is_loopback(&host) { Ok(()) } else { Err(Denied::Host(host)) }
    }

    /// Whether a request to read needs the token.
    pub(super) fn guards_reading(&self) -> bool {
        self.token.is_some() && !self.is_local
    }

    /// Refuses a request to read without the token, if it needs one.
    pub(super) fn check_read(&self, headers: &HeaderMap) -> Result<(), Denied> {
        match &self.token {
            Some(token) if self.guards_reading() => check(token, headers),
            _ => Ok(()),
        }
    }

    /// Refuses a request to change a plugin without the token, which it always needs.
    pub(super) fn check_upload(&self, headers: &HeaderMap) -> Result<(), Denied> {
        check(self.token.as_ref().ok_or(Denied::Off)?, headers)
    }
}

fn check(token: &Token, headers: &HeaderMap) -> Result<(), Denied> {
    let shown = headers.get(header::AUTHORIZATION).ok_or(Denied::NoToken)?;
    let (scheme, shown) = shown.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Denied::NoToken)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Denied::NoToken);
    }
    if token.is(shown) { Ok(()) } else { Err(Denied::WrongToken) }
}

fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(headers: &[(&'static str, &str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_names_of_this_machine_reach_a_loopback_address() {
        let (local, open) = (Authoriser::new(None, true), Authoriser::new(None, false));
        let check = |authoriser: &Authoriser, host: &str| {
            authoriser.check_host(&Uri::from_static("/"), &headers(&[("host", host)]))
        };
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "127.8.8.8", "[::1]:8080", "[::1]"] {
            assert_eq!(check(&local, host), Ok(()), "{host}");
        }
        for host in
            ["evil.example", "localhost.evil.example:8080", "10.0.0.1", "127.0.0.1.evil.example", "", "a b", "@"]
        {
            assert_eq!(check(&local, host), Err(Denied::Host(host.to_owned())));
            assert_eq!(check(&open, host), Ok(()));
        }
        assert_eq!(local.check_host(&Uri::from_static("/"), &headers(&[])), Err(Denied::NoHost));
    }

    #[test]
    fn a_token_is_asked_for_where_it_is_needed() {
        let token = || Some(Token::new(" 0123456789abcdef\n").unwrap());
        let (local, open, none) =
            (Authoriser::new(token(), true), Authoriser::new(token(), false), Authoriser::new(None, true));
        let shown = |text: &str| headers(&[("authorization", text)]);
        let (right, wrong) = (shown("bearer 0123456789abcdef"), shown("Bearer 0123456789abcdeg"));
        assert_eq!(local.check_read(&headers(&[])), Ok(()));
        assert_eq!(open.check_read(&headers(&[])), Err(Denied::NoToken));
        assert_eq!(open.check_read(&right), Ok(()));
        assert_eq!(open.check_read(&wrong), Err(Denied::WrongToken));
        assert_eq!(local.check_upload(&headers(&[])), Err(Denied::NoToken));
        assert_eq!(local.check_upload(&shown("Basic 0123456789abcdef")), Err(Denied::NoToken));
        assert_eq!(local.check_upload(&wrong), Err(Denied::WrongToken));
        assert_eq!(local.check_upload(&right), Ok(()));
        assert_eq!(none.check_upload(&right), Err(Denied::Off));
    }

    #[test]
    fn a_token_that_can_be_guessed_or_not_be_sent_is_none() {
        assert!(matches!(Token::new("0123456789abcde"), Err(TokenError::Short(15))));
        assert!(matches!(Token::new("0123456789 abcdef"), Err(TokenError::NotPlain)));
        assert!(matches!(Token::new("0123456789äbcdef"), Err(TokenError::NotPlain)));
        assert_eq!(format!("{:?}", Token::new("0123456789abcdef").unwrap()), "Token");
    }
}
