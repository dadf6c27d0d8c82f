//! What most stories begin with: people, places, quotes and bookings.

use chrono::TimeDelta;
use roost::kernel::id::{Id, Kind};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::Caller;
use crate::harness::{Person, TestApp};

/// The fields of a booking that stories look at.
pub const BOOKING: &str = "booking { id code version state expiresAt availableActions guest { id } host { id } \
    listing { id } stay { checkIn checkOut nights } checkInAt checkOutAt price { total { amount currency decimal } } \
    payment { state amount { amount } authorized { amount } captured { amount } refunded { amount } clientSecret \
    attempts { outcome declineCode } refunds { amount { amount } state } } }";

/// The key in an id of any kind.
pub fn uuid_of(id: &str) -> Uuid {
    Id::parse(id).unwrap_or_else(|| panic!("{id} is no id")).uuid
}

/// The string at a path such as `/booking/id`.
pub fn text(value: &Value, path: &str) -> String {
    let found = value.pointer(path).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no text at {path} of {value:#}")).to_owned()
}

/// The whole number at a path.
pub fn number(value: &Value, path: &str) -> i64 {
    value.pointer(path).and_then(Value::as_i64).unwrap_or_else(|| panic!("no number at {path} of {value:#}"))
}

/// The ids of a list at a path.
pub fn ids(value: &Value, path: &str) -> Vec<String> {
    let nodes = value.pointer(path).and_then(Value::as_array).unwrap_or_else(|| panic!("no list at {path}: {value:#}"));
    nodes.iter().map(|node| text(node, "/id")).collect()
}

/// Metres between two points that are near each other.
pub fn metres(from: (f64, f64), to: (f64, f64)) -> f64 {
    const METRES_PER_DEGREE: f64 = 111_195.08;
    let (north, east) = (to.0 - from.0, (to.1 - from.1) * from.0.to_radians().cos());
    north.hypot(east) * METRES_PER_DEGREE
}

/// A stay of two adults.
pub fn stay(check_in: &str, check_out: &str) -> Value {
    json!({ "checkIn": check_in, "checkOut": check_out, "adults": 2 })
}

/// An amount of a currency, as an argument.
pub fn money(amount: i64, currency: &str) -> Value {
    json!({ "amount": amount, "currency": currency })
}

/// An amount of US dollars, as an argument.
pub fn usd(amount: i64) -> Value {
    money(amount, "USD")
}

/// The changes that put the prices of [`new_york`] into another currency.
pub fn prices_in(currency: &str) -> Value {
    let amount = json!({ "currency": currency });
    json!({ "pricing": { "currency": currency, "base": amount, "weekend": amount, "cleaningFee": amount,
        "extraGuestFee": amount } })
}

/// `base` with what `changes` says otherwise, at any depth; null takes a field out.
pub fn merge(mut base: Value, changes: Value) -> Value {
    match (&mut base, changes) {
        (Value::Object(fields), Value::Object(changes)) => {
            for (name, change) in changes {
                match fields.remove(&name) {
                    _ if change.is_null() => {}
                    Some(field) => drop(fields.insert(name, merge(field, change))),
                    None => drop(fields.insert(name, change)),
                }
            }
            base
        }
        (_, changes) => changes,
    }
}

/// The place of the vectors: New York, 120 a night, 150 at weekends, 60 for cleaning, 15 for each guest over two.
pub fn new_york() -> Value {
    json!({
        "title": "Loft by the bridge",
        "description": "Two rooms above the river.",
        "roomType": "ENTIRE_PLACE",
        "capacity": 4,
        "bedrooms": 2,
        "beds": 3,
        "bathrooms": 1.5,
        "amenities": ["WIFI", "KITCHEN"],
        "address": { "line1": "1 Water Street", "city": "New York", "region": "New York", "country": "US" },
        "location": { "latitude": 40.7033, "longitude": -73.9881 },
        "timeZone": "America/New_York",
        "bookingMode": "INSTANT",
        "cancellationPolicy": "FLEXIBLE",
        "pricing": {
            "currency": "USD", "base": usd(12_000), "weekend": usd(15_000), "cleaningFee": usd(6_000),
            "extraGuestFee": usd(1_500), "includedGuests": 2, "lengthOfStay": [{ "minNights": 7, "discount": 100_000 }],
        },
    })
}

impl TestApp {
    /// Somebody with an account and a session, without the work of a password.
    pub async fn person(&self, name: &str, is_host: bool) -> Person {
        let (user, session, now) = (self.clock.new_id(), self.clock.new_id(), self.clock.now());
        let email = format!("{}@example.com", user.simple());
        self.execute(
            "INSERT INTO \"user\" (id, email, display_name, is_host, is_admin, locale, time_zone, currency, \
             created_at, updated_at) VALUES ($1, $2, $3, $4, $5, 'en', 'UTC', 'USD', $6, $6)",
            [user.into(), email.into(), name.into(), is_host.into(), false.into(), now.into()],
        )
        .await;
        self.execute(
            "INSERT INTO session (id, user_id, created_at, last_seen_at, expires_at) VALUES ($1, $2, $3, $3, $4)",
            [session.into(), user.into(), now.into(), (now + TimeDelta::days(400)).into()],
        )
        .await;
        Person { user, session }
    }

    /// A guest.
    pub async fn guest(&self) -> Person {
        self.person("Gil the guest", false).await
    }

    /// A host.
    pub async fn host(&self) -> Person {
        self.person("Hana the host", true).await
    }

    /// Staff of the marketplace.
    pub async fn admin(&self) -> Person {
        let person = self.person("Ada of the staff", false).await;
        self.execute("UPDATE \"user\" SET is_admin = $1 WHERE id = $2", [true.into(), person.user.into()]).await;
        person
    }

    /// The id of a draft of the place of the vectors, with changes.
    pub async fn draft_listing(&self, host: &Person, changes: Value) -> String {
        let given = json!({ "listing": merge(new_york(), changes) });
        text(&self.mutate_ok(host, "listingCreate", given, "listing { id }").await, "/listing/id")
    }

    /// The same, published.
    pub async fn published_listing(&self, host: &Person, changes: Value) -> String {
        let id = self.draft_listing(host, changes).await;
        self.mutate_ok(host, "listingPublish", json!({ "id": id }), "listing { status }").await;
        id
    }

    /// The taxes of the vectors, 8.875 % of the subtotal and 1.50 a night for 14 nights, on a listing that nobody
    /// has read yet.
    pub async fn set_taxes(&self, listing: &str) {
        let tax = |n: u128, more: Value| {
            let plain = json!({
                "id": Uuid::from_u128(n), "name": "City tax", "unit": "PERCENT", "rate": null, "amount": null,
                "base": null, "max_nights": null, "exempt_from_nights": null, "remitted_by": "PLATFORM",
            });
            let mut tax = plain;
            for (name, value) in more.as_object().expect("an object") {
                tax[name] = value.clone();
            }
            tax
        };
        let percent = tax(1, json!({ "rate": 88_750, "base": "SUBTOTAL" }));
        let night = tax(2, json!({ "unit": "PER_NIGHT", "amount": 150, "max_nights": 14 }));
        let sql = "UPDATE listing SET taxes = $1 WHERE id = $2";
        assert_eq!(self.execute(sql, [json!([percent, night]).into(), uuid_of(listing).into()]).await, 1);
    }

    /// A quote for a stay.
    pub async fn quote_for(&self, guest: &(impl Caller + ?Sized), listing: &str, stay: Value) -> Value {
        let selection = "quote { token expiresAt policy mode price { total { amount currency } } }";
        let given = json!({ "listingId": listing, "stay": stay });
        self.mutate_ok(guest, "quoteCreate", given, selection).await["quote"].take()
    }

    /// The token of a quote for two adults.
    pub async fn quote(&self, guest: &Person, listing: &str, check_in: &str, check_out: &str) -> String {
        text(&self.quote_for(guest, listing, stay(check_in, check_out)).await, "/token")
    }

    /// A booking of a quote with a card.
    pub async fn book_quote(&self, guest: &Person, quote: &str, card: &str) -> Value {
        let given = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": card } });
        self.mutate_ok(guest, "bookingCreate", given, BOOKING).await["booking"].take()
    }

    /// A booking of two adults with a card that works.
    pub async fn book(&self, guest: &Person, listing: &str, check_in: &str, check_out: &str) -> Value {
        let quote = self.quote(guest, listing, check_in, check_out).await;
        self.book_quote(guest, &quote, "ok").await
    }

    /// A step of a booking that must succeed.
    pub async fn perform(&self, who: &Person, mutation: &str, booking: &Value) -> Value {
        self.mutate_ok(who, mutation, json!({ "id": booking["id"] }), BOOKING).await["booking"].take()
    }

    /// The booking as somebody sees it now.
    pub async fn booking(&self, who: &Person, booking: &Value) -> Value {
        let query = format!("query($id: ID!) {{ {} }}", BOOKING.replacen("booking", "booking(id: $id)", 1));
        self.gql(who, &query, json!({ "id": booking["id"] })).await["booking"].take()
    }

    /// What would come back if somebody cancelled now.
    pub async fn cancellation_refund(&self, who: &Person, booking: &Value) -> Value {
        let query = "query($id: ID!) { booking(id: $id) { cancellationPreview { refund { amount currency } } } }";
        let data = self.gql(who, query, json!({ "id": booking["id"] })).await;
        data["booking"]["cancellationPreview"]["refund"].clone()
    }

    /// A cancellation for the refund that is shown.
    pub async fn cancel(&self, who: &Person, booking: &Value) -> Value {
        let expected = self.cancellation_refund(who, booking).await;
        let given = json!({ "id": booking["id"], "expectedRefund": expected });
        let selection = format!("{BOOKING} refund {{ id amount {{ amount }} state }}");
        self.mutate_ok(who, "bookingCancel", given, &selection).await
    }

    /// A stay from booking to check-out, at whose end the clock stands at the hour of check-out.
    pub async fn completed_stay(&self, guest: &Person, listing: &str, check_in: &str, check_out: &str) -> Value {
        let booking = self.book(guest, listing, check_in, check_out).await;
        self.set(booking["checkOutAt"].as_str().expect("an instant"));
        self.drain().await;
        let booking = self.booking(guest, &booking).await;
        assert_eq!(booking["state"], "COMPLETED");
        booking
    }

    /// The id of something that never was.
    pub fn unknown_id(&self, kind: Kind) -> String {
        Id::new(kind, self.clock.new_id()).to_string()
    }
}
