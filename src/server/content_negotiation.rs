//! Chooses the media type of a response by the `Accept` header (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, header};
use mime::Mime;

/// A media type that the server can send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    /// `application/graphql-response+json`: the status code says whether the request succeeded.
    GraphqlResponse,
    /// `application/json`, for older clients: the status code is 200 for every request that could be parsed.
    Json,
    /// `text/event-stream`: any number of responses, one for each event.
    EventStream,
}

impl MediaType {
    /// All media types, in the order of preference for a client that prefers none. `application/json` is first because
    /// older clients expect it.
    const SERVED: [MediaType; 3] = [MediaType::Json, MediaType::GraphqlResponse, MediaType::EventStream];

    fn essence(self) -> &'static str {
        match self {
            MediaType::GraphqlResponse => "application/graphql-response+json",
            MediaType::Json => "application/json",
            MediaType::EventStream => "text/event-stream",
        }
    }

    /// The value of the `Content-Type` header.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            MediaType::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            MediaType::Json => "application/json; charset=utf-8",
            MediaType::EventStream => "text/event-stream; charset=utf-8",
        }
    }
}

/// Parses a media type. White space is allowed around each `;` (RFC 9110, section 5.6.6).
pub(super) fn parse_mime(text: &str) -> Option<Mime> {
    text.split(';').map(str::trim).collect::<Vec<_>>().join(";").parse().ok()
}

/// The media type that a client accepts.
pub(super) struct Accepted {
    /// The media type of the response. None if the client accepts no type that the server can send.
    pub media_type: Option<MediaType>,
    /// Whether the client named this type rather than a wildcard. A browser that follows a link does not.
    pub by_name: bool,
}

/// Chooses the type with the highest weight in the `Accept` headers. Among equal weights, a type that is named comes
/// before one that only a wildcard covers, and then the one whose range comes first.
pub(super) fn negotiate(headers: &HeaderMap) -> Accepted {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<&str> =
        values.flat_map(|value| value.split(',')).map(str::trim).filter(|range| !range.is_empty()).collect();
    if ranges.is_empty() {
        return Accepted { media_type: Some(MediaType::Json), by_name: false };
    }
    let ranges: Vec<MediaRange> =
        ranges.into_iter().enumerate().filter_map(|(at, text)| MediaRange::parse(at, text)).collect();
    let mut best: Option<(f32, bool, usize, MediaType)> = None;
    for media_type in MediaType::SERVED {
        // The most specific range that covers a type determines its weight. A weight of 0 refuses the type.
        let covering = ranges.iter().filter(|range| range.covers(media_type)).max_by_key(|range| range.specificity());
        let Some(range) = covering.filter(|range| range.weight > 0.0) else { continue };
        // A wildcard does not select the event stream.
        if media_type == MediaType::EventStream && range.specificity() < 2 {
            continue;
        }
        let is_better = best.is_none_or(|(weight, best_by_name, position, _)| {
            let by_name = range.specificity() == 2;
            range.weight > weight
                || (range.weight == weight && by_name && !best_by_name)
                || (range.weight == weight && by_name == best_by_name && range.position < position)
        });
        if is_better {
            best = Some((range.weight, range.specificity() == 2, range.position, media_type));
        }
    }
    Accepted {
        media_type: best.map(|(_, _, _, media_type)| media_type),
        by_name: best.is_some_and(|(_, by_name, _, _)| by_name),
    }
}

/// One range of an `Accept` header.
struct MediaRange {
    mime: Mime,
    weight: f32,
    position: usize,
}

impl MediaRange {
    fn parse(position: usize, text: &str) -> Option<MediaRange> {
        let mime = parse_mime(text)?;
        let weight = match mime.get_param("q") {
            Some(weight) => weight.as_str().parse().ok().filter(|weight| (0.0..=1.0).contains(weight))?,
            None => 1.0,
        };
        // The server sends only UTF-8.
        let encoding = mime.get_param(mime::CHARSET);
        encoding.is_none_or(|name| name == mime::UTF_8).then_some(MediaRange { mime: mime.clone(), weight, position })
    }

    fn covers(&self, media_type: MediaType) -> bool {
        let [main, sub] = [self.mime.type_().as_str(), self.mime.essence_str()];
        sub == media_type.essence()
            || sub == "*/*"
            || (sub == "application/*" && media_type != MediaType::EventStream && main != "*")
            || (sub == "text/*" && media_type == MediaType::EventStream)
    }

    /// How specific the range is: 2 for a type, 1 for a family such as `text/*`, 0 for `*/*`.
    fn specificity(&self) -> u8 {
        match (self.mime.type_().as_str(), self.mime.subtype().as_str()) {
            ("*", _) => 0,
            (_, "*") => 1,
            _ => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(accept: &str) -> (Option<MediaType>, bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        let accepted = negotiate(&headers);
        (accepted.media_type, accepted.by_name)
    }

    #[test]
    fn the_acceptable_type_with_the_highest_weight_is_chosen() {
        use MediaType::{EventStream, GraphqlResponse, Json};
        for (accept, media_type, by_name) in [
            ("application/json", Some(Json), true),
            ("application/graphql-response+json", Some(GraphqlResponse), true),
            (
                "application/graphql-response+json; charset=utf-8, application/json; charset=utf-8",
                Some(GraphqlResponse),
                true,
            ),
            ("application/json, application/graphql-response+json", Some(Json), true),
            ("application/json;q=0.5, application/graphql-response+json;q=0.9", Some(GraphqlResponse), true),
            ("application/graphql-response+json;q=0.1, */*", Some(Json), false),
            ("*/*", Some(Json), false),
            ("application/*", Some(Json), false),
            ("text/html, application/xhtml+xml, */*;q=0.8", Some(Json), false),
            ("application/json;q=0, */*", Some(GraphqlResponse), false),
            ("application/json ;\tq=0 , */*", Some(GraphqlResponse), false),
            ("application/*;q=0.5, application/json;q=0", Some(GraphqlResponse), false),
            ("text/event-stream", Some(EventStream), true),
            ("text/event-stream, application/json;q=0.9", Some(EventStream), true),
            ("text/html", None, false),
            ("application/json;q=0", None, false),
            ("application/json; charset=utf-16", None, false),
            ("nonsense", None, false),
            ("", Some(Json), false),
        ] {
            assert_eq!(choose(accept), (media_type, by_name), "{accept}");
        }
    }

    #[test]
    fn a_client_without_an_accept_header_gets_json() {
        assert_eq!(negotiate(&HeaderMap::new()).media_type, Some(MediaType::Json));
    }
}
