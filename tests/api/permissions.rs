//! Who may call what: one line for each mutation, and a failure for a mutation without a line.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::client::{Nobody, Who, said};
use crate::harness::{Person, START, TestApp};
use crate::scenes::{key as id_of, merged, new_york, number, stay, text};

/// What a mutation acts on, made anew for every call.
#[derive(Clone, Copy, PartialEq)]
pub enum Scene {
    /// A published listing with no booking.
    Listing,
    /// A draft.
    Draft,
    /// A request that waits for its host.
    Requested,
    /// A booking whose guest must act at the bank.
    Unpaid,
    /// A confirmed booking that begins today.
    Confirmed,
    /// A booking whose guest has not come for six hours.
    Missing,
    /// A booking whose guest asks for another stay.
    Altering,
    /// A cancelled booking whose refund the processor refused.
    Failing,
    /// A booking whose guest has arrived.
    Arrived,
    /// A stay that is over.
    Completed,
    /// The same, with the guest's review, still hidden.
    Reviewed,
    /// The same, with both reviews.
    Published,
}

/// What comes of a call by a stranger without a token, an unrelated guest, an unrelated host, the guest and the host.
pub type Outcomes = [&'static str; 5];

const ANYBODY: Outcomes = ["OK"; 5];
const SIGNED_IN: Outcomes = ["UNAUTHENTICATED", "OK", "OK", "OK", "OK"];
const HOSTS: Outcomes = ["UNAUTHENTICATED", "FORBIDDEN", "OK", "FORBIDDEN", "OK"];
const OWNER: Outcomes = ["UNAUTHENTICATED", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND", "OK"];
const GUEST_ALONE: Outcomes = ["UNAUTHENTICATED", "NOT_FOUND", "NOT_FOUND", "OK", "NOT_FOUND"];
const GUESTS_SIDE: Outcomes = ["UNAUTHENTICATED", "NOT_FOUND", "NOT_FOUND", "OK", "FORBIDDEN"];
const HOSTS_SIDE: Outcomes = ["UNAUTHENTICATED", "NOT_FOUND", "NOT_FOUND", "FORBIDDEN", "OK"];
const BOTH_SIDES: Outcomes = ["UNAUTHENTICATED", "NOT_FOUND", "NOT_FOUND", "OK", "OK"];

/// Nobody but staff knows of it.
pub const STAFF_ALONE: Outcomes = ["UNAUTHENTICATED", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND"];
/// The host knows of it, but only staff may do it; see the tests of payouts.
pub const STAFF: Outcomes = ["UNAUTHENTICATED", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND", "FORBIDDEN"];

pub const TABLE: [(&str, Scene, Outcomes); 33] = [
    ("userRegister", Scene::Listing, ANYBODY),
    ("sessionCreate", Scene::Listing, ["UNAUTHENTICATED"; 5]),
    ("sessionRefresh", Scene::Listing, ["TOKEN_EXPIRED"; 5]),
    ("sessionRevoke", Scene::Listing, GUEST_ALONE),
    ("userUpdate", Scene::Listing, SIGNED_IN),
    ("userBecomeHost", Scene::Listing, SIGNED_IN),
    ("listingCreate", Scene::Listing, HOSTS),
    ("listingUpdate", Scene::Listing, OWNER),
    ("listingPublish", Scene::Draft, OWNER),
    ("listingUnlist", Scene::Listing, OWNER),
    ("listingDelete", Scene::Listing, OWNER),
    ("listingCalendarUpdate", Scene::Listing, OWNER),
    ("quoteCreate", Scene::Listing, ["UNAUTHENTICATED", "OK", "OK", "OK", "STAY_RULE_VIOLATED"]),
    ("bookingCreate", Scene::Listing, ["UNAUTHENTICATED", "INVALID", "INVALID", "OK", "INVALID"]),
    ("bookingPaymentConfirm", Scene::Unpaid, GUESTS_SIDE),
    ("bookingAccept", Scene::Requested, HOSTS_SIDE),
    ("bookingDecline", Scene::Requested, HOSTS_SIDE),
    ("bookingWithdraw", Scene::Requested, GUESTS_SIDE),
    ("bookingCancel", Scene::Confirmed, BOTH_SIDES),
    ("bookingNoShowReport", Scene::Missing, HOSTS_SIDE),
    ("bookingRefund", Scene::Confirmed, HOSTS_SIDE),
    ("bookingAlterationRequest", Scene::Confirmed, BOTH_SIDES),
    ("bookingAlterationRespond", Scene::Altering, HOSTS_SIDE),
    ("refundRetry", Scene::Failing, STAFF_ALONE),
    ("payoutHold", Scene::Confirmed, STAFF),
    ("payoutRelease", Scene::Confirmed, STAFF),
    ("payoutAccountSet", Scene::Confirmed, HOSTS),
    ("bookingCheckIn", Scene::Confirmed, BOTH_SIDES),
    ("bookingCheckOut", Scene::Arrived, BOTH_SIDES),
    ("reviewSubmit", Scene::Completed, BOTH_SIDES),
    ("reviewUpdate", Scene::Reviewed, GUEST_ALONE),
    ("reviewRespond", Scene::Published, ["UNAUTHENTICATED", "FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "OK"]),
    ("notificationsMarkRead", Scene::Confirmed, GUEST_ALONE),
];

pub struct Set {
    pub guest: Person,
    pub host: Person,
    pub listing: String,
    pub booking: Value,
    pub review: Value,
    pub alteration: Value,
    pub refund: Value,
}

pub async fn set_up(app: &TestApp, scene: Scene) -> Set {
    app.set(START);
    let (host, guest) = (app.host().await, app.guest().await);
    let mut set = Set {
        guest,
        host,
        listing: String::new(),
        booking: Value::Null,
        review: Value::Null,
        alteration: Value::Null,
        refund: Value::Null,
    };
    set.listing = match scene {
        Scene::Draft => app.draft(&set.host, json!({})).await,
        Scene::Requested => app.published_listing(&set.host, json!({ "bookingMode": "REQUEST" })).await,
        _ => app.published_listing(&set.host, json!({})).await,
    };
    if matches!(scene, Scene::Draft | Scene::Listing) {
        return set;
    }
    let quote = app.quote(&set.guest, &set.listing, "2027-01-05", "2027-01-07").await;
    set.booking = app.pay(&set.guest, &quote, if scene == Scene::Unpaid { "3ds" } else { "ok" }).await;
    if scene == Scene::Arrived {
        app.step(&set.guest, "bookingCheckIn", &set.booking).await;
    }
    if scene == Scene::Failing {
        let refund = app.cancel(&set.guest, &set.booking).await["refund"]["id"].clone();
        let sql = "UPDATE refund SET state = 'FAILED' WHERE id = $1";
        app.execute(sql, [id_of(refund.as_str().expect("an id")).into()]).await;
        let sql = "UPDATE sandbox_intent SET refunds = '{}', refunded_minor = 0 WHERE reference = (SELECT \
                   p.provider_reference FROM payment p JOIN refund r ON r.payment_id = p.id WHERE r.id = $1)";
        app.execute(sql, [id_of(refund.as_str().expect("an id")).into()]).await;
        set.refund = refund;
    }
    if scene == Scene::Missing {
        app.set("2027-01-06T02:00:00Z");
        app.drain().await;
    }
    if scene == Scene::Altering {
        let wanted = json!({ "id": set.booking["id"], "stay": stay("2027-01-05", "2027-01-08") });
        let asked = app.must(&set.guest, "bookingAlterationRequest", wanted, "alteration { id }").await;
        set.alteration = asked["alteration"]["id"].clone();
    }
    if matches!(scene, Scene::Completed | Scene::Reviewed | Scene::Published) {
        app.set("2027-01-07T17:00:00Z");
        app.drain().await;
    }
    let review = json!({ "bookingId": set.booking["id"], "review": { "overall": 5, "text": "Good." } });
    if matches!(scene, Scene::Reviewed | Scene::Published) {
        set.review = app.must(&set.guest, "reviewSubmit", review.clone(), "review { id }").await["review"].take();
    }
    if scene == Scene::Published {
        app.must(&set.host, "reviewSubmit", review, "__typename").await;
    }
    set
}

/// Arguments with which the one who may call the mutation succeeds.
pub async fn arguments(app: &TestApp, mutation: &str, set: &Set) -> Value {
    let (listing, booking, review) = (json!(set.listing), set.booking["id"].clone(), set.review["id"].clone());
    let words = json!({ "overall": 4, "text": "Good again." });
    match mutation {
        "userRegister" => {
            let email = format!("{}@example.com", app.clock.id().simple());
            json!({ "user": { "email": email, "password": "correct horse battery", "displayName": "New" } })
        }
        "sessionCreate" => json!({ "email": "nobody@example.com", "password": "correct horse battery" }),
        "sessionRefresh" => json!({ "refreshToken": "nonsense" }),
        "sessionRevoke" => {
            let query = "{ viewer { sessions { nodes { id } } } }";
            let sessions = app.gql(&set.guest, query, json!({})).await;
            json!({ "id": sessions["viewer"]["sessions"]["nodes"][0]["id"] })
        }
        "userUpdate" => json!({ "user": { "about": "New." } }),
        "userBecomeHost" => json!({}),
        "listingCreate" => json!({ "listing": new_york() }),
        "listingUpdate" => json!({ "id": listing, "expectedVersion": 2, "listing": { "title": "New" } }),
        "listingPublish" | "listingUnlist" | "listingDelete" => json!({ "id": listing }),
        "listingCalendarUpdate" => {
            json!({ "id": listing, "changes": [{ "from": "2027-03-01", "to": "2027-03-02", "price": 1 }] })
        }
        "quoteCreate" => json!({ "listingId": listing, "stay": stay("2027-03-01", "2027-03-02") }),
        "bookingCreate" => {
            let quote = app.quote(&set.guest, &set.listing, "2027-03-01", "2027-03-02").await;
            json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "ok" } })
        }
        "bookingDecline" => json!({ "id": booking, "reason": "No." }),
        "bookingCancel" => json!({ "id": booking, "expectedRefund": Value::Null }),
        "bookingRefund" => {
            json!({ "id": booking, "amount": { "amount": 100, "currency": "USD" }, "reason": "The heating." })
        }
        "bookingAlterationRequest" => json!({ "id": booking, "stay": stay("2027-01-05", "2027-01-08") }),
        "bookingAlterationRespond" => json!({ "id": set.alteration, "accept": true }),
        "payoutHold" | "payoutRelease" => {
            let query = "query($id: ID!) { booking(id: $id) { payouts { id } } }";
            let seen = app.gql(&set.host, query, json!({ "id": booking })).await;
            let given = json!({ "id": seen["booking"]["payouts"][0]["id"] });
            if mutation == "payoutHold" { merged(given, json!({ "reason": "A complaint." })) } else { given }
        }
        "notificationsMarkRead" => {
            let told = app.gql(&set.guest, "{ viewer { notifications { nodes { id } } } }", json!({})).await;
            json!({ "ids": [told["viewer"]["notifications"]["nodes"][0]["id"]] })
        }
        "refundRetry" => json!({ "id": set.refund }),
        "payoutAccountSet" => json!({ "account": "acct_1" }),
        "reviewSubmit" => json!({ "bookingId": booking, "review": words }),
        "reviewUpdate" => json!({ "id": review, "review": words }),
        "reviewRespond" => json!({ "id": review, "text": "Thanks." }),
        _ => json!({ "id": booking }),
    }
}

/// What comes of a call: OK or the code of its refusal.
async fn outcome(app: &TestApp, who: &(impl Who + ?Sized), mutation: &str, given: Value) -> String {
    let payload = app.mutate(who, mutation, given, "__typename").await;
    let said = said(payload["userErrors"].as_array().unwrap());
    said.first().map_or_else(|| "OK".to_owned(), |said| said.split(' ').next().unwrap_or("?").to_owned())
}

#[tokio::test]
async fn each_mutation_is_for_those_who_may_call_it() {
    let app = TestApp::new().await;
    for (mutation, scene, expected) in TABLE {
        // A refused call changes nothing, so the next caller finds the same; after one that was not, all is made anew.
        let mut set = set_up(&app, scene).await;
        let mut taken = false;
        for (place, expected) in expected.into_iter().enumerate() {
            if taken {
                set = set_up(&app, scene).await;
            }
            taken |= expected == "OK";
            let mut given = arguments(&app, mutation, &set).await;
            if mutation == "bookingCancel" {
                let actor = if place == 4 { &set.host } else { &set.guest };
                given = merged(given, json!({ "expectedRefund": app.refund_now(actor, &set.booking).await }));
            }
            let came = match place {
                0 => outcome(&app, &Nobody, mutation, given).await,
                1 => outcome(&app, &app.guest().await, mutation, given).await,
                2 => outcome(&app, &app.host().await, mutation, given).await,
                3 => outcome(&app, &set.guest, mutation, given).await,
                _ => outcome(&app, &set.host, mutation, given).await,
            };
            assert_eq!(came, expected, "{mutation} by caller {place}");
        }
        if scene == Scene::Failing {
            app.must(&app.admin().await, mutation, arguments(&app, mutation, &set).await, "__typename").await;
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn no_mutation_is_missing_from_the_table() {
    let app = TestApp::new().await;
    let data = app.gql(&Nobody, "{ __schema { mutationType { fields { name } } } }", json!({})).await;
    let fields = data["__schema"]["mutationType"]["fields"].as_array().unwrap();
    let served: BTreeSet<String> = fields.iter().map(|field| text(field, "/name")).collect();
    let known: BTreeSet<String> = TABLE.iter().map(|(mutation, ..)| (*mutation).to_owned()).collect();
    assert_eq!(served, known);
    app.finish().await;
}

#[tokio::test]
async fn a_refused_call_changes_nothing() {
    let app = TestApp::new().await;
    let set = set_up(&app, Scene::Requested).await;
    let before = app.booking(&set.guest, &set.booking).await;
    let (events, jobs) = (app.count("booking_event", []).await, app.count("job", []).await);
    let stranger = app.host().await;
    for (mutation, ..) in TABLE.iter().filter(|(mutation, ..)| mutation.starts_with("booking")) {
        let mut given = match *mutation {
            "bookingCreate" | "bookingAlterationRespond" => continue,
            _ => arguments(&app, mutation, &set).await,
        };
        if *mutation == "bookingCancel" {
            given["expectedRefund"] = json!({ "amount": 1, "currency": "USD" });
        }
        app.refused(&stranger, mutation, given).await;
    }
    assert_eq!(app.booking(&set.guest, &set.booking).await, before);
    assert_eq!(number(&before, "/version"), 2);
    assert_eq!((app.count("booking_event", []).await, app.count("job", []).await), (events, jobs));
    app.finish().await;
}
