//! Answers for files that are part of the program: cached, compressed, and not sent again to who has them.

use std::borrow::Cow;
use std::io::Read;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::read::GzDecoder;
use sha2::{Digest, Sha384};

/// A file that is part of the program.
pub(super) struct File {
    media: &'static str,
    lifetime: &'static str,
    /// Weak, as it is the same for the file compressed and not.
    tag: String,
    bytes: &'static [u8],
    is_gzip: bool,
}

impl File {
    /// A file as it is.
    pub(super) fn plain(media: &'static str, lifetime: &'static str, bytes: &'static [u8]) -> File {
        let tag = tag(&BASE64_STANDARD.encode(Sha384::digest(bytes)));
        File { media, lifetime, tag, bytes, is_gzip: false }
    }

    /// A file that was compressed when the program was built.
    pub(super) fn gzip(media: &'static str, lifetime: &'static str, bytes: &'static [u8], sha384: &str) -> File {
        File { media, lifetime, tag: tag(sha384), bytes, is_gzip: true }
    }

    /// The file, or the news that it is still the one that the caller has.
    pub(super) fn answer(&self, headers: &HeaderMap) -> Response {
        let constant = [
            (header::CACHE_CONTROL, self.lifetime),
            (header::ETAG, &self.tag),
            (header::VARY, "accept-encoding"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        if listed(headers, header::IF_NONE_MATCH).any(|tag| tag == self.tag || tag == "*") {
            return (StatusCode::NOT_MODIFIED, constant).into_response();
        }
        let sends_gzip = self.is_gzip && takes_gzip(headers);
        let bytes = if self.is_gzip && !sends_gzip {
            let mut bytes = Vec::new();
            if let Err(error) = GzDecoder::new(self.bytes).read_to_end(&mut bytes) {
                tracing::error!(%error, "an embedded file cannot be read");
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
            Cow::Owned(bytes)
        } else {
            Cow::Borrowed(self.bytes)
        };
        let content_type = (header::CONTENT_TYPE, format!("{}; charset=utf-8", self.media));
        let mut response = ([content_type], constant, bytes).into_response();
        if sends_gzip {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

fn tag(hash: &str) -> String {
    format!("W/\"{hash}\"")
}

/// The parts of a header that is a list.
fn listed(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    listed(headers, header::ACCEPT_ENCODING).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}
