//! Every mutation of the table of permissions, sent twice with one key.

use sea_orm::FromQueryResult;

use super::*;
use crate::permissions::{STAFF, STAFF_ALONE, Set, TABLE, arguments, set_up};
use crate::scenes::merged;

const TABLES: [&str; 23] = [
    "\"user\"",
    "session",
    "listing",
    "listing_amenity",
    "night",
    "claim",
    "booking",
    "booking_event",
    "payment",
    "payment_attempt",
    "refund",
    "review",
    "job",
    "sandbox_intent",
    "sandbox_transfer",
    "booking_alteration",
    "escrow",
    "ledger_transaction",
    "ledger_entry",
    "payout",
    "payout_account",
    "dispute",
    "notification",
];

/// Every row that a mutation can make or change, tokens aside.
async fn everything(app: &TestApp) -> Vec<String> {
    let mut all = Vec::new();
    for table in TABLES {
        for row in app.rows(&format!("SELECT * FROM {table}"), []).await {
            all.push(format!("{table} {}", sea_orm::JsonValue::from_query_result(&row, "").unwrap()));
        }
    }
    all.sort();
    all
}

/// What names the things that a mutation made or changed.
fn identity(mutation: &str) -> &'static str {
    match mutation {
        "userRegister" | "sessionCreate" | "userUpdate" | "userBecomeHost" => "viewer { user { id displayName } }",
        "sessionRefresh" => "tokens { refreshExpiresAt }",
        "sessionRevoke" => "revokedIds",
        "listingDelete" => "deletedId",
        "listingCalendarUpdate" => "days { date price { amount } state }",
        "quoteCreate" => "quote { listing { id } price { total { amount } } }",
        "notificationsMarkRead" => "notifications { id readAt }",
        "refundRetry" => "refund { id }",
        "payoutAccountSet" => "viewer { id }",
        "bookingAlterationRequest" => "alteration { id state }",
        "bookingAlterationRespond" => "alteration { id state } booking { id state version }",
        "bookingRefund" => "booking { id version } refund { id amount { amount } state }",
        _ if mutation.starts_with("payout") => "payout { id state }",
        "bookingCancel" => "booking { id state version } refund { id amount { amount } state }",
        _ if mutation.starts_with("listing") => "listing { id status version }",
        _ if mutation.starts_with("review") => "review { id text overall }",
        _ => "booking { id state version }",
    }
}

/// Arguments with which the caller succeeds, where those of the table of permissions are made to fail or to end the
/// caller's own session.
pub async fn given(app: &TestApp, mutation: &str, set: &Set) -> Value {
    let account = || async {
        let given = arguments(app, "userRegister", set).await;
        let tokens = app.must(&Nobody, "userRegister", given.clone(), "tokens { refreshToken }").await;
        (given, tokens)
    };
    match mutation {
        "sessionCreate" => {
            let given = account().await.0;
            json!({ "email": given["user"]["email"], "password": given["user"]["password"] })
        }
        "sessionRefresh" => json!({ "refreshToken": account().await.1["tokens"]["refreshToken"] }),
        "sessionRevoke" => {
            let (session, now) = (app.clock.id(), app.clock.now());
            let values = [session.into(), set.guest.user.into(), now.into(), (now + TimeDelta::days(1)).into()];
            let sql = "INSERT INTO session (id, user_id, created_at, last_seen_at, expires_at) \
                       VALUES ($1, $2, $3, $3, $4)";
            app.execute(sql, values).await;
            json!({ "id": roost::kernel::id::Id::new(roost::kernel::id::Kind::Session, session).to_string() })
        }
        "bookingCancel" => {
            let refund = app.refund_now(&set.host, &set.booking).await;
            merged(arguments(app, mutation, set).await, json!({ "expectedRefund": refund }))
        }
        _ => arguments(app, mutation, set).await,
    }
}

#[tokio::test]
async fn each_mutation_sent_twice_is_done_once_and_answers_the_same() {
    let app = TestApp::new().await;
    for (mutation, scene, outcomes) in TABLE {
        let (set, admin) = (set_up(&app, scene).await, app.admin().await);
        let given = given(&app, mutation, &set).await;
        if mutation == "payoutRelease" {
            let hold = merged(given.clone(), json!({ "reason": "A complaint." }));
            app.must(&admin, "payoutHold", hold, "__typename").await;
        }
        app.advance(TimeDelta::seconds(1));
        let call = async |key: &str| {
            let (given, wanted) = (given.clone(), identity(mutation));
            match outcomes {
                _ if outcomes == STAFF || outcomes == STAFF_ALONE => {
                    keyed(&app, &admin, mutation, given, wanted, key).await
                }
                [.., "OK"] if mutation != "userRegister" => keyed(&app, &set.host, mutation, given, wanted, key).await,
                [.., "OK", _] => keyed(&app, &set.guest, mutation, given, wanted, key).await,
                _ => keyed(&app, &Nobody, mutation, given, wanted, key).await,
            }
        };
        let before = everything(&app).await;
        let (first, replayed) = call("once").await;
        assert_eq!((errors(&first), replayed), (vec![], false), "{mutation}");
        let after = everything(&app).await;
        let (again, replayed) = call("once").await;
        assert_eq!(again, first, "{mutation}");
        assert_eq!(everything(&app).await, after, "{mutation} was done twice");
        // A quote is a signed promise: nothing is kept of it, and sent again it is made anew.
        let kept = mutation != "quoteCreate";
        assert_eq!((before != after, replayed), (kept, kept), "{mutation}");
        assert_eq!(app.count("idempotency_key WHERE state = 'RUNNING'", []).await, 0, "{mutation}");
        app.execute("DELETE FROM idempotency_key", []).await;
    }
    app.finish().await;
}
