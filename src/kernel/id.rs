//! Typed ids: a short prefix and a UUID in base32, in the TypeID form (`lst_01h455vb4pex5vsknk084sn02q`).
//!
//! The text follows the TypeID specification 0.3: 26 characters of Crockford's alphabet in lower case, of which the
//! first is at most `7`.

use std::fmt;

use uuid::Uuid;

/// The kinds of objects that have an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A user.
    User,
    /// The viewer: the private data of the signed-in user.
    Viewer,
    /// A session: one sign-in on one device.
    Session,
    /// A listing.
    Listing,
    /// A season in the prices of a listing.
    Season,
    /// A tax rule of a listing.
    TaxRule,
    /// A booking.
    Booking,
    /// An event in the history of a booking.
    BookingEvent,
    /// A payment of a guest for a booking.
    Payment,
    /// One attempt to authorize, capture or void a payment.
    PaymentAttempt,
    /// A refund to a guest.
    Refund,
    /// A payout to a host.
    Payout,
    /// A transaction of the ledger.
    LedgerTransaction,
    /// An alteration: a requested change of the stay of a booking.
    BookingAlteration,
    /// A review.
    Review,
    /// A notification to a user.
    Notification,
    /// A job of the queue.
    Job,
}

impl Kind {
    const ALL: [(Kind, &'static str); 17] = [
        (Kind::User, "usr"),
        (Kind::Viewer, "vwr"),
        (Kind::Session, "ses"),
        (Kind::Listing, "lst"),
        (Kind::Season, "ssn"),
        (Kind::TaxRule, "tax"),
        (Kind::Booking, "bkg"),
        (Kind::BookingEvent, "bev"),
        (Kind::Payment, "pay"),
        (Kind::PaymentAttempt, "pat"),
        (Kind::Refund, "rfd"),
        (Kind::Payout, "pyt"),
        (Kind::LedgerTransaction, "ltx"),
        (Kind::BookingAlteration, "alt"),
        (Kind::Review, "rev"),
        (Kind::Notification, "ntf"),
        (Kind::Job, "job"),
    ];

    /// The prefix of ids of this kind.
    pub fn prefix(self) -> &'static str {
        Kind::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, prefix)| prefix)
    }
}

/// A typed id, as it appears in the API and in logs.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id {
    /// The kind of the object.
    pub kind: Kind,
    /// The primary key in the database.
    pub uuid: Uuid,
}

impl Id {
    /// The id of an object of this kind with this primary key.
    pub fn new(kind: Kind, uuid: Uuid) -> Self {
        Id { kind, uuid }
    }

    /// Parses an id of any kind.
    pub fn parse(text: &str) -> Option<Id> {
        let (prefix, digits) = text.split_once('_')?;
        let (kind, _) = Kind::ALL.into_iter().find(|(_, known)| *known == prefix)?;
        Some(Id { kind, uuid: decode(digits)? })
    }

    /// Parses an id of one kind. None for an id of another kind.
    pub fn parse_as(kind: Kind, text: &str) -> Option<Uuid> {
        Id::parse(text).filter(|id| id.kind == kind).map(|id| id.uuid)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.kind.prefix(), encode(self.uuid))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const DIGITS: usize = 26;

fn encode(uuid: Uuid) -> String {
    let bits = uuid.as_u128();
    (0..DIGITS).rev().map(|place| char::from(ALPHABET[((bits >> (place * 5)) & 31) as usize])).collect()
}

fn decode(digits: &str) -> Option<Uuid> {
    let bytes = digits.as_bytes();
    if bytes.len() != DIGITS || bytes.first()? > &b'7' {
        return None;
    }
    bytes
        .iter()
        .try_fold(0_u128, |bits, digit| {
            let value = ALPHABET.iter().position(|known| known == digit)?;
            Some(bits << 5 | value as u128)
        })
        .map(Uuid::from_u128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_typeid_specification_are_encoded_and_decoded() {
        for (uuid, text) in [
            ("00000000-0000-0000-0000-000000000000", "00000000000000000000000000"),
            ("00000000-0000-0000-0000-000000000010", "0000000000000000000000000g"),
            ("00000000-0000-0000-0000-000000000020", "00000000000000000000000010"),
            ("ffffffff-ffff-ffff-ffff-ffffffffffff", "7zzzzzzzzzzzzzzzzzzzzzzzzz"),
            ("0110c853-1d09-52d8-d73e-1194e95b5f19", "0123456789abcdefghjkmnpqrs"),
        ] {
            let uuid: Uuid = uuid.parse().unwrap();
            assert_eq!(encode(uuid), text);
            assert_eq!(decode(text), Some(uuid));
        }
    }

    #[test]
    fn ids_of_another_kind_and_malformed_ids_are_refused() {
        let uuid = Uuid::from_u128(7);
        let text = Id::new(Kind::Listing, uuid).to_string();
        assert_eq!(Id::parse_as(Kind::Listing, &text), Some(uuid));
        assert_eq!(Id::parse_as(Kind::User, &text), None);
        for bad in
            ["", "lst", "lst_", "lst_8zzzzzzzzzzzzzzzzzzzzzzzzz", "LST_00000000000000000000000000", "x_1", "lst_é"]
        {
            assert_eq!(Id::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn prefixes_are_unique() {
        let mut prefixes: Vec<_> = Kind::ALL.iter().map(|(_, prefix)| prefix).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        assert_eq!(prefixes.len(), Kind::ALL.len());
    }
}
