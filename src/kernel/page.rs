//! Keyset pagination: the request for a page of an ordered list, and the page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

/// The largest page size.
pub const MAX_PAGE: u32 = 100;
/// The page size if the request does not specify one.
pub const DEFAULT_PAGE: u32 = 20;

/// A position in an ordered list: the name of the list and the sort key of one row, opaque to clients.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor(String);

impl Cursor {
    /// The cursor for a sort key in the list of this name.
    pub fn new<K: Serialize>(list: &str, key: &K) -> Cursor {
        Cursor(URL_SAFE_NO_PAD.encode(serde_json::to_vec(&(list, key)).unwrap_or_default()))
    }

    /// Parses the sort key. None if this is not a cursor of a list with such keys.
    pub fn key<K: DeserializeOwned>(&self) -> Option<K> {
        self.parse::<IgnoredAny, K>().map(|(_, key)| key)
    }

    /// Whether the list of this name issued the cursor. Lists with keys of the same type would accept each other's
    /// cursors otherwise, and a client would read a page that it did not ask for.
    fn is_of(&self, list: &str) -> bool {
        self.parse::<String, IgnoredAny>().is_some_and(|(of, _)| of == list)
    }

    fn parse<L: DeserializeOwned, K: DeserializeOwned>(&self) -> Option<(L, K)> {
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
    /// The name of the list, which its cursors carry.
    pub list: &'static str,
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

impl BadPage {
    /// The error for a cursor that another list has issued, or nobody.
    pub fn foreign_cursor(field: &'static str) -> BadPage {
        BadPage { field, message: "is not a cursor of this list".into() }
    }
}

impl PageRequest {
    /// The first page of the default size, for a reader that needs no cursors.
    pub fn first_page() -> Self {
        PageRequest { list: "", direction: Direction::Forward, size: DEFAULT_PAGE, after: None, before: None }
    }

    /// Parses the four Relay arguments for the list of this name.
    pub fn new(
        list: &'static str,
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
        let own = |cursor: Option<String>, field| match cursor.map(Cursor) {
            Some(cursor) if !cursor.is_of(list) => Err(BadPage::foreign_cursor(field)),
            cursor => Ok(cursor),
        };
        Ok(PageRequest { list, direction, size, after: own(after, "after")?, before: own(before, "before")? })
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
        let edges = rows.into_iter().map(|row| (Cursor::new(request.list, &key(&row)), row)).collect();
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
        assert_eq!(PageRequest::new("T.things", Some(1_000), None, None, None).unwrap_err().field, "first");
        assert_eq!(PageRequest::new("T.things", None, None, Some(-1), None).unwrap_err().field, "last");
        assert_eq!(PageRequest::new("T.things", Some(1), None, Some(1), None).unwrap_err().field, "last");
        assert_eq!(PageRequest::new("T.things", None, None, None, None).unwrap().size, DEFAULT_PAGE);
    }

    #[test]
    fn a_backward_page_keeps_the_order_of_the_list() {
        let request = PageRequest::new("T.things", None, None, Some(2), None).unwrap();
        let page = Page::from_rows(&request, vec![9, 8, 7], |n| *n);
        assert_eq!(page.edges.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [8, 9]);
        assert!(page.has_previous && !page.has_next);
        assert_eq!(page.edges[0].0.key::<i32>(), Some(8));
        assert_eq!(page.edges[0].0.key::<String>(), None);
    }

    #[test]
    fn a_cursor_is_accepted_only_by_its_own_list() {
        let text = Cursor::new("T.things", &7).into_text();
        let request = PageRequest::new("T.things", None, Some(text.clone()), None, None).unwrap();
        assert_eq!(request.after.unwrap().key::<i32>(), Some(7));
        let bare = URL_SAFE_NO_PAD.encode("7");
        for (list, text) in [("T.others", &text), ("T.things", &bare), ("T.things", &"nonsense".to_owned())] {
            let refused = PageRequest::new(list, None, None, None, Some(text.clone())).unwrap_err();
            assert_eq!(refused, BadPage::foreign_cursor("before"), "{list} {text}");
        }
    }
}
