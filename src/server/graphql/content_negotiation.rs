//! The media type of an answer: what the client accepts most of what is served (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, header};
use mime::Mime;

/// A media type that answers come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Media {
    /// `application/graphql-response+json`: the status tells how the request went.
    GraphqlResponse,
    /// `application/json`, as clients of old know it: every request that could be read is 200.
    Json,
    /// `text/event-stream`: as many answers as there are.
    EventStream,
}

impl Media {
    /// What is served, preferred first where a client does not care: whoever names no type gets what was always given.
    const SERVED: [Media; 3] = [Media::Json, Media::GraphqlResponse, Media::EventStream];

    fn essence(self) -> &'static str {
        match self {
            Media::GraphqlResponse => "application/graphql-response+json",
            Media::Json => "application/json",
            Media::EventStream => "text/event-stream",
        }
    }

    /// The header of an answer.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Media::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Media::Json => "application/json; charset=utf-8",
            Media::EventStream => "text/event-stream; charset=utf-8",
        }
    }
}

/// Reads a media type. White space may stand around each `;` (RFC 9110, section 5.6.6).
pub(super) fn read(text: &str) -> Option<Mime> {
    text.split(';').map(str::trim).collect::<Vec<_>>().join(";").parse().ok()
}

/// What a client accepts.
pub(super) struct Accepted {
    /// What to answer in; nothing when no type that is served is acceptable.
    pub media: Option<Media>,
    /// Whether the client named one of our types of JSON, or the stream of events, rather than a wildcard. A browser
    /// that follows a link does not.
    pub by_name: bool,
}

/// Chooses by the `Accept` headers: the heaviest type that is served, and of those as heavy the one named first.
pub(super) fn accepted(headers: &HeaderMap) -> Accepted {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<&str> =
        values.flat_map(|value| value.split(',')).map(str::trim).filter(|range| !range.is_empty()).collect();
    if ranges.is_empty() {
        return Accepted { media: Some(Media::Json), by_name: false };
    }
    let ranges: Vec<Range> = ranges.into_iter().enumerate().filter_map(|(at, text)| Range::read(at, text)).collect();
    let mut best: Option<(f32, bool, usize, Media)> = None;
    for media in Media::SERVED {
        // The most exact range that covers a type decides about it, even to refuse it with a weight of nothing.
        let covering = ranges.iter().filter(|range| range.covers(media)).max_by_key(|range| range.exactness());
        let Some(range) = covering.filter(|range| range.weight > 0.0) else { continue };
        // Events are for who asks for events.
        if media == Media::EventStream && range.exactness() < 2 {
            continue;
        }
        let better = best.is_none_or(|(weight, named, place, _)| {
            let named_now = range.exactness() == 2;
            range.weight > weight
                || (range.weight == weight && named_now && !named)
                || (range.weight == weight && named_now == named && range.place < place)
        });
        if better {
            best = Some((range.weight, range.exactness() == 2, range.place, media));
        }
    }
    Accepted { media: best.map(|(_, _, _, media)| media), by_name: best.is_some_and(|(_, by_name, _, _)| by_name) }
}

/// One range of an `Accept` header.
struct Range {
    mime: Mime,
    weight: f32,
    place: usize,
}

impl Range {
    fn read(place: usize, text: &str) -> Option<Range> {
        let mime = read(text)?;
        let weight = match mime.get_param("q") {
            Some(weight) => weight.as_str().parse().ok().filter(|weight| (0.0..=1.0).contains(weight))?,
            None => 1.0,
        };
        // Another encoding than UTF-8 cannot be had.
        let encoding = mime.get_param(mime::CHARSET);
        encoding.is_none_or(|name| name == mime::UTF_8).then_some(Range { mime: mime.clone(), weight, place })
    }

    fn covers(&self, media: Media) -> bool {
        let [main, sub] = [self.mime.type_().as_str(), self.mime.essence_str()];
        sub == media.essence()
            || sub == "*/*"
            || (sub == "application/*" && media != Media::EventStream && main != "*")
            || (sub == "text/*" && media == Media::EventStream)
    }

    /// How exactly a type is named: by its name, by a family, or not at all.
    fn exactness(&self) -> u8 {
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

    fn chosen(accept: &str) -> (Option<Media>, bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        let accepted = accepted(&headers);
        (accepted.media, accepted.by_name)
    }

    #[test]
    fn the_heaviest_type_that_is_served_is_chosen() {
        use Media::{EventStream, GraphqlResponse, Json};
        for (accept, media, by_name) in [
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
            assert_eq!(chosen(accept), (media, by_name), "{accept}");
        }
    }

    #[test]
    fn who_says_nothing_gets_json() {
        assert_eq!(accepted(&HeaderMap::new()).media, Some(Media::Json));
    }
}
