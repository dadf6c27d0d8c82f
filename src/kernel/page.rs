//! Keyset pagination: the request for a page of an ordered list, and the page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Serialize, de::DeserializeOwned};

/// The largest page size.
pub const MAX_PAGE: u32 = 100;
/// The page size if the request does not specify one.
pub const DEFAULT_PAGE: u32 = 20;

/// A position in an ordered list: the sort key of one row, opaque to clients.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor(String);

impl Cursor {
    /// The cursor for a sort key.
    pub fn new<K: Serialize>(key: &K) -> Cursor {
        Cursor(URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default()))
    }

    /// A cursor from a client. It is not parsed yet.
    pub fn from_client(text: String) -> Cursor {
        Cursor(text)
    }

    /// Parses the sort key. None if this is not a cursor of a list with such keys.
    pub fn key<K: DeserializeOwned>(&self) -> Option<K> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&self.0).ok()?).ok()
    }

    /// The text that the client receives.
    pub fn into_text(self) -> String {
        self.0
    }
}

/// The direction in which a page is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The first rows after the cursor.
    Forward,
    /// The last rows before the cursor.
    Backward,
}

/// A request for one page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PageRequest {
    /// The direction.
    pub direction: Direction,
    /// The largest number of rows, at most [`MAX_PAGE`]. With 0 only the total count is requested.
    pub size: u32,
    /// The cursor after which the page starts, exclusive.
    pub after: Option<Cursor>,
    /// The cursor before which the page ends, exclusive.
    pub before: Option<Cursor>,
}

/// An invalid page request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadPage {
    /// The invalid argument.
    pub field: &'static str,
    /// What is wrong with it.
    pub message: String,
}

impl PageRequest {
    /// The first page of the default size.
    pub fn first_page() -> Self {
        PageRequest { direction: Direction::Forward, size: DEFAULT_PAGE, after: None, before: None }
    }

    /// Parses the four Relay arguments.
    pub fn new(
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Self, BadPage> {
        let (direction, requested, field) = match (first, last) {
            (Some(_), Some(_)) => {
                return Err(BadPage { field: "last", message: "cannot be combined with `first`".into() });
            }
            (None, Some(last)) => (Direction::Backward, Some(last), "last"),
            (first, None) => (Direction::Forward, first, "first"),
        };
        let size = match requested.map(u32::try_from) {
            None => DEFAULT_PAGE,
            Some(Ok(size)) if size <= MAX_PAGE => size,
            Some(_) => return Err(BadPage { field, message: format!("must be between 0 and {MAX_PAGE}") }),
        };
        Ok(PageRequest { direction, size, after: after.map(Cursor), before: before.map(Cursor) })
    }
}

/// One page of rows, in the order of the list in both directions.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows with their cursors.
    pub edges: Vec<(Cursor, T)>,
    /// Whether rows follow the last one.
    pub has_next: bool,
    /// Whether rows precede the first one.
    pub has_previous: bool,
}

impl<T> Page<T> {
    /// Builds a page from rows that were read in the direction of `request`. One row more than requested shows that
    /// more rows follow.
    pub fn from_rows<K: Serialize>(request: &PageRequest, mut rows: Vec<T>, key: impl Fn(&T) -> K) -> Page<T> {
        let size = request.size as usize;
        let more = rows.len() > size;
        rows.truncate(size);
        if request.direction == Direction::Backward {
            rows.reverse();
        }
        let edges = rows.into_iter().map(|row| (Cursor::new(&key(&row)), row)).collect();
        match request.direction {
            Direction::Forward => Page { edges, has_next: more, has_previous: request.after.is_some() },
            Direction::Backward => Page { edges, has_next: request.before.is_some(), has_previous: more },
        }
    }

    /// Applies a function to each row.
    pub fn map<U>(self, mut change: impl FnMut(T) -> U) -> Page<U> {
        Page {
            edges: self.edges.into_iter().map(|(cursor, row)| (cursor, change(row))).collect(),
            has_next: self.has_next,
            has_previous: self.has_previous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_page_size_is_refused_with_the_name_of_the_argument() {
        assert_eq!(PageRequest::new(Some(1_000), None, None, None).unwrap_err().field, "first");
        assert_eq!(PageRequest::new(None, None, Some(-1), None).unwrap_err().field, "last");
        assert_eq!(PageRequest::new(Some(1), None, Some(1), None).unwrap_err().field, "last");
        assert_eq!(PageRequest::new(None, None, None, None).unwrap().size, DEFAULT_PAGE);
    }

    #[test]
    fn a_backward_page_keeps_the_order_of_the_list() {
        let request = PageRequest::new(None, None, Some(2), None).unwrap();
        let page = Page::from_rows(&request, vec![9, 8, 7], |n| *n);
        assert_eq!(page.edges.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [8, 9]);
        assert!(page.has_previous && !page.has_next);
        assert_eq!(page.edges[0].0.key::<i32>(), Some(8));
        assert_eq!(page.edges[0].0.key::<String>(), None);
    }
}
