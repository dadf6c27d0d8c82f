//! Serves files that are embedded in the program: compressed, cacheable, and not sent again if the client has them.

use std::borrow::Cow;
use std::io::Read;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::read::GzDecoder;
use sha2::{Digest, Sha384};

/// A file that is embedded in the program.
pub(super) struct File {
    media_type: &'static str,
    cache_control: &'static str,
    /// Weak, because it is the same for the compressed and the uncompressed file.
    etag: String,
    bytes: &'static [u8],
    is_gzip: bool,
}

impl File {
    /// An uncompressed file.
    pub(super) fn plain(media_type: &'static str, cache_control: &'static str, bytes: &'static [u8]) -> File {
        let etag = weak_etag(&BASE64_STANDARD.encode(Sha384::digest(bytes)));
        File { media_type, cache_control, etag, bytes, is_gzip: false }
    }

    /// A file that was compressed when the program was built.
    pub(super) fn gzip(
        media_type: &'static str,
        cache_control: &'static str,
        bytes: &'static [u8],
        sha384: &str,
    ) -> File {
        File { media_type, cache_control, etag: weak_etag(sha384), bytes, is_gzip: true }
    }

    /// The file, or 304 if the client has the current one.
    pub(super) fn to_response(&self, headers: &HeaderMap) -> Response {
        let headers_of_both = [
            (header::CACHE_CONTROL, self.cache_control),
            (header::ETAG, &self.etag),
            (header::VARY, "accept-encoding"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        if list_values(headers, header::IF_NONE_MATCH).any(|etag| etag == self.etag || etag == "*") {
            return (StatusCode::NOT_MODIFIED, headers_of_both).into_response();
        }
        let sends_gzip = self.is_gzip && accepts_gzip(headers);
        let bytes = if self.is_gzip && !sends_gzip {
            let mut bytes = Vec::new();
            if let Err(error) = GzDecoder::new(self.bytes).read_to_end(&mut bytes) {
                tracing::error!(%error, "an embedded file cannot be decompressed");
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
            Cow::Owned(bytes)
        } else {
            Cow::Borrowed(self.bytes)
        };
        let content_type = (header::CONTENT_TYPE, format!("{}; charset=utf-8", self.media_type));
        let mut response = ([content_type], headers_of_both, bytes).into_response();
        if sends_gzip {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

fn weak_etag(hash: &str) -> String {
    format!("W/\"{hash}\"")
}

/// The values of a header that is a list.
fn list_values(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    list_values(headers, header::ACCEPT_ENCODING).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}
