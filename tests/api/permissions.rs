//! Who may call which mutation: one row for each mutation. A mutation without a row fails a test.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::client::{Anonymous, Caller, error_codes};
use crate::harness::{Person, START, TestApp};
use crate::scenarios::{merge, new_york, number, stay, text, usd, uuid_of};

/// The state of the objects that a mutation acts on.
#[derive(Clone, Copy, PartialEq)]
pub enum Fixture {
    /// A published listing with no booking.
    Listing,
    /// A draft.
    Draft,
    /// A booking request that the host has not answered.
    Requested,
    /// A booking that waits for 3-D Secure.
    Unpaid,
    /// A confirmed booking that begins today.
    Confirmed,
    /// A booking whose guest has not arrived six hours after check-in.
    Missing,
    /// A booking with an alteration requested by the guest.
    Altering,
    /// A cancelled booking whose refund the processor refused.
    Failing,
    /// A booking whose guest has checked in.
    Arrived,
    /// A completed stay.
    Completed,
    /// A completed stay with the guest's unpublished review.
    Reviewed,
    /// A completed stay with both reviews.
    Published,
}

/// The outcomes for an anonymous caller, an unrelated guest, an unrelated host, the guest and the host.
pub type Outcomes = [&'static str; 5];

const ANYBODY: Outcomes = ["OK"; 5];
const SIGNED_IN: Outcomes = ["UNAUTHENTICATED", "OK", "OK", "OK", "OK"];
const HOSTS: Outcomes = ["UNAUTHENTICATED", "FORBIDDEN", "OK", "FORBIDDEN", "OK"];
const OWNER: Outcomes = ["UNAUTHENTICATED", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND", "OK"];
const GUEST_ALONE: Outcomes = ["UNAUTHENTICATED", "NOT_FOUND", "NOT_FOUND", "OK", "NOT_FOUND"];
const GUESTS_SIDE: Outcomes = ["UNAUTHENTICATED", "NOT_FOUND", "NOT_FOUND", "OK", "FORBIDDEN"];
const HOSTS_SIDE: Outcomes = ["UNAUTHENTICATED", "NOT_FOUND", "NOT_FOUND", "FORBIDDEN", "OK"];
const BOTH_SIDES: Outcomes = ["UNAUTHENTICATED", "NOT_FOUND", "NOT_FOUND", "OK", "OK"];

/// Only staff may know that it exists.
pub const STAFF_ALONE: Outcomes = ["UNAUTHENTICATED", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND"];
/// The host can see the object, but only staff may change it. The tests of payouts cover staff.
pub const STAFF: Outcomes = ["UNAUTHENTICATED", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND", "FORBIDDEN"];

pub const TABLE: [(&str, Fixture, Outcomes); 35] = [
    ("userRegister", Fixture::Listing, ANYBODY),
    ("sessionCreate", Fixture::Listing, ["UNAUTHENTICATED"; 5]),
    ("sessionRefresh", Fixture::Listing, ["TOKEN_EXPIRED"; 5]),
    ("sessionRevoke", Fixture::Listing, GUEST_ALONE),
    ("userUpdate", Fixture::Listing, SIGNED_IN),
    ("userBecomeHost", Fixture::Listing, SIGNED_IN),
    ("listingCreate", Fixture::Listing, HOSTS),
    ("listingUpdate", Fixture::Listing, OWNER),
    ("listingPublish", Fixture::Draft, OWNER),
    ("listingUnlist", Fixture::Listing, OWNER),
    ("listingDelete", Fixture::Listing, OWNER),
    ("listingCalendarUpdate", Fixture::Listing, OWNER),
    ("quoteCreate", Fixture::Listing, ["UNAUTHENTICATED", "OK", "OK", "OK", "STAY_RULE_VIOLATED"]),
    ("bookingCreate", Fixture::Listing, ["UNAUTHENTICATED", "INVALID", "INVALID", "OK", "INVALID"]),
    ("bookingPaymentConfirm", Fixture::Unpaid, GUESTS_SIDE),
    ("bookingAccept", Fixture::Requested, HOSTS_SIDE),
    ("bookingDecline", Fixture::Requested, HOSTS_SIDE),
    ("bookingWithdraw", Fixture::Requested, GUESTS_SIDE),
    ("bookingCancel", Fixture::Confirmed, BOTH_SIDES),
    ("bookingNoShowReport", Fixture::Missing, HOSTS_SIDE),
    ("bookingRefund", Fixture::Confirmed, HOSTS_SIDE),
    ("bookingAlterationRequest", Fixture::Confirmed, BOTH_SIDES),
    ("bookingAlterationAccept", Fixture::Altering, HOSTS_SIDE),
    ("bookingAlterationDecline", Fixture::Altering, HOSTS_SIDE),
    ("bookingAlterationWithdraw", Fixture::Altering, GUESTS_SIDE),
    ("refundRetry", Fixture::Failing, STAFF_ALONE),
    ("payoutHold", Fixture::Confirmed, STAFF),
    ("payoutRelease", Fixture::Confirmed, STAFF),
    ("payoutAccountSet", Fixture::Confirmed, HOSTS),
    ("bookingCheckIn", Fixture::Confirmed, BOTH_SIDES),
    ("bookingCheckOut", Fixture::Arrived, BOTH_SIDES),
    ("reviewSubmit", Fixture::Completed, BOTH_SIDES),
    ("reviewUpdate", Fixture::Reviewed, GUEST_ALONE),
    ("reviewRespond", Fixture::Published, ["UNAUTHENTICATED", "FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "OK"]),
    ("notificationsMarkRead", Fixture::Confirmed, GUEST_ALONE),
];

/// The objects of a fixture.
pub struct Objects {
    pub guest: Person,
    pub host: Person,
    pub listing: String,
    pub booking: Value,
    pub review: Value,
    pub alteration: Value,
    pub refund: Value,
}

pub async fn create_objects(app: &TestApp, fixture: Fixture) -> Objects {
    app.set(START);
    let (host, guest) = (app.host().await, app.guest().await);
    let mut objects = Objects {
        guest,
        host,
        listing: String::new(),
        booking: Value::Null,
        review: Value::Null,
        alteration: Value::Null,
        refund: Value::Null,
    };
    objects.listing = match fixture {
        Fixture::Draft => app.draft_listing(&objects.host, json!({})).await,
        Fixture::Requested => app.published_listing(&objects.host, json!({ "bookingMode": "REQUEST" })).await,
        _ => app.published_listing(&objects.host, json!({})).await,
    };
    if matches!(fixture, Fixture::Draft | Fixture::Listing) {
        return objects;
    }
    let quote = app.quote(&objects.guest, &objects.listing, "2027-01-05", "2027-01-07").await;
    objects.booking =
        app.book_quote(&objects.guest, &quote, if fixture == Fixture::Unpaid { "3ds" } else { "ok" }).await;
    if fixture == Fixture::Arrived {
        app.perform(&objects.guest, "bookingCheckIn", &objects.booking).await;
    }
    if fixture == Fixture::Failing {
        let refund = app.cancel(&objects.guest, &objects.booking).await["refund"]["id"].clone();
        let sql = "UPDATE refund SET state = 'FAILED' WHERE id = $1";
        app.execute(sql, [uuid_of(refund.as_str().expect("an id")).into()]).await;
        let sql = "UPDATE sandbox_intent SET refunds = '{}', refunded_minor = 0 WHERE reference = (SELECT \
                   p.provider_reference FROM payment p JOIN refund r ON r.payment_id = p.id WHERE r.id = $1)";
        app.execute(sql, [uuid_of(refund.as_str().expect("an id")).into()]).await;
        objects.refund = refund;
    }
    if fixture == Fixture::Missing {
        app.set("2027-01-06T02:00:00Z");
        app.drain().await;
    }
    if fixture == Fixture::Altering {
        let request = json!({ "id": objects.booking["id"], "stay": stay("2027-01-05", "2027-01-08") });
        let requested = app.mutate_ok(&objects.guest, "bookingAlterationRequest", request, "alteration { id }").await;
        objects.alteration = requested["alteration"]["id"].clone();
    }
    if matches!(fixture, Fixture::Completed | Fixture::Reviewed | Fixture::Published) {
        app.set("2027-01-07T17:00:00Z");
        app.drain().await;
    }
    let review = json!({ "bookingId": objects.booking["id"], "review": { "overall": 5, "text": "Good." } });
    if matches!(fixture, Fixture::Reviewed | Fixture::Published) {
        objects.review =
            app.mutate_ok(&objects.guest, "reviewSubmit", review.clone(), "review { id }").await["review"].take();
    }
    if fixture == Fixture::Published {
        app.mutate_ok(&objects.host, "reviewSubmit", review, "__typename").await;
    }
    objects
}

/// Arguments with which a permitted caller succeeds.
pub async fn arguments(app: &TestApp, mutation: &str, objects: &Objects) -> Value {
    let (listing, booking, review) =
        (json!(objects.listing), objects.booking["id"].clone(), objects.review["id"].clone());
    let review_input = json!({ "overall": 4, "text": "Good again." });
    match mutation {
        "userRegister" => {
            let email = format!("{}@example.com", app.clock.new_id().simple());
            json!({ "user": { "email": email, "password": "correct horse battery", "displayName": "New" } })
        }
        "sessionCreate" => json!({ "email": "nobody@example.com", "password": "correct horse battery" }),
        "sessionRefresh" => json!({ "refreshToken": "nonsense" }),
        "sessionRevoke" => {
            let query = "{ viewer { sessions { nodes { id } } } }";
            let sessions = app.gql(&objects.guest, query, json!({})).await;
            json!({ "id": sessions["viewer"]["sessions"]["nodes"][0]["id"] })
        }
        "userUpdate" => json!({ "user": { "about": "New." } }),
        "userBecomeHost" => json!({}),
        "listingCreate" => json!({ "listing": new_york() }),
        "listingUpdate" => json!({ "id": listing, "expectedVersion": 2, "listing": { "title": "New" } }),
        "listingPublish" | "listingUnlist" | "listingDelete" => json!({ "id": listing }),
        "listingCalendarUpdate" => {
            json!({ "id": listing, "changes": [{ "from": "2027-03-01", "to": "2027-03-02", "price": usd(1) }] })
        }
        "quoteCreate" => json!({ "listingId": listing, "stay": stay("2027-03-01", "2027-03-02") }),
        "bookingCreate" => {
            let quote = app.quote(&objects.guest, &objects.listing, "2027-03-01", "2027-03-02").await;
            json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "ok" } })
        }
        "bookingDecline" => json!({ "id": booking, "reason": "No." }),
        "bookingCancel" => json!({ "id": booking, "expectedRefund": Value::Null }),
        "bookingRefund" => {
            json!({ "id": booking, "amount": { "amount": 100, "currency": "USD" }, "reason": "The heating." })
        }
        "bookingAlterationRequest" => json!({ "id": booking, "stay": stay("2027-01-05", "2027-01-08") }),
        "bookingAlterationAccept" | "bookingAlterationDecline" | "bookingAlterationWithdraw" => {
            json!({ "id": objects.alteration })
        }
        "payoutHold" | "payoutRelease" => {
            let query = "query($id: ID!) { booking(id: $id) { payouts { id } } }";
            let seen = app.gql(&objects.host, query, json!({ "id": booking })).await;
            let given = json!({ "id": seen["booking"]["payouts"][0]["id"] });
            if mutation == "payoutHold" { merge(given, json!({ "reason": "A complaint." })) } else { given }
        }
        "notificationsMarkRead" => {
            let data = app.gql(&objects.guest, "{ viewer { notifications { nodes { id } } } }", json!({})).await;
            json!({ "ids": [data["viewer"]["notifications"]["nodes"][0]["id"]] })
        }
        "refundRetry" => json!({ "id": objects.refund }),
        "payoutAccountSet" => json!({ "account": "acct_1" }),
        "reviewSubmit" => json!({ "bookingId": booking, "review": review_input }),
        "reviewUpdate" => json!({ "id": review, "review": review_input }),
        "reviewRespond" => json!({ "id": review, "text": "Thanks." }),
        _ => json!({ "id": booking }),
    }
}

/// The outcome of a call: OK or the error code.
async fn outcome(app: &TestApp, who: &(impl Caller + ?Sized), mutation: &str, given: Value) -> String {
    let payload = app.mutate(who, mutation, given, "__typename").await;
    let codes = error_codes(payload["userErrors"].as_array().unwrap());
    codes.first().map_or_else(|| "OK".to_owned(), |code| code.split(' ').next().unwrap_or("?").to_owned())
}

#[tokio::test]
async fn each_mutation_accepts_only_its_permitted_callers() {
    let app = TestApp::new().await;
    for (mutation, fixture, expected) in TABLE {
        // A refused call changes nothing, so the next caller gets the same objects. After a successful call, they are
        // created anew.
        let mut objects = create_objects(&app, fixture).await;
        let mut is_changed = false;
        for (caller, expected) in expected.into_iter().enumerate() {
            if is_changed {
                objects = create_objects(&app, fixture).await;
            }
            is_changed |= expected == "OK";
            let mut given = arguments(&app, mutation, &objects).await;
            if mutation == "bookingCancel" {
                let actor = if caller == 4 { &objects.host } else { &objects.guest };
                given =
                    merge(given, json!({ "expectedRefund": app.cancellation_refund(actor, &objects.booking).await }));
            }
            let outcome = match caller {
                0 => outcome(&app, &Anonymous, mutation, given).await,
                1 => outcome(&app, &app.guest().await, mutation, given).await,
                2 => outcome(&app, &app.host().await, mutation, given).await,
                3 => outcome(&app, &objects.guest, mutation, given).await,
                _ => outcome(&app, &objects.host, mutation, given).await,
            };
            assert_eq!(outcome, expected, "{mutation} by caller {caller}");
        }
        if fixture == Fixture::Failing {
            app.mutate_ok(&app.admin().await, mutation, arguments(&app, mutation, &objects).await, "__typename").await;
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn no_mutation_is_missing_from_the_table() {
    let app = TestApp::new().await;
    let data = app.gql(&Anonymous, "{ __schema { mutationType { fields { name } } } }", json!({})).await;
    let fields = data["__schema"]["mutationType"]["fields"].as_array().unwrap();
    let served: BTreeSet<String> = fields.iter().map(|field| text(field, "/name")).collect();
    let listed: BTreeSet<String> = TABLE.iter().map(|(mutation, ..)| (*mutation).to_owned()).collect();
    assert_eq!(served, listed);
    app.finish().await;
}

#[tokio::test]
async fn a_refused_call_changes_nothing() {
    let app = TestApp::new().await;
    let objects = create_objects(&app, Fixture::Requested).await;
    let before = app.booking(&objects.guest, &objects.booking).await;
    let (events, jobs) = (app.count("booking_event", []).await, app.count("job", []).await);
    let stranger = app.host().await;
    for (mutation, ..) in TABLE.iter().filter(|(mutation, ..)| mutation.starts_with("booking")) {
        let mut given = match *mutation {
            "bookingCreate" | "bookingAlterationAccept" | "bookingAlterationDecline" | "bookingAlterationWithdraw" => {
                continue;
            }
            _ => arguments(&app, mutation, &objects).await,
        };
        if *mutation == "bookingCancel" {
            given["expectedRefund"] = json!({ "amount": 1, "currency": "USD" });
        }
        app.user_errors(&stranger, mutation, given).await;
    }
    assert_eq!(app.booking(&objects.guest, &objects.booking).await, before);
    assert_eq!(number(&before, "/version"), 2);
    assert_eq!((app.count("booking_event", []).await, app.count("job", []).await), (events, jobs));
    app.finish().await;
}
