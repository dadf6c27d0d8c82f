//! Every mutation of the permissions table, sent twice with one key.

use sea_orm::FromQueryResult;

use super::*;
use crate::permissions::{Objects, STAFF, STAFF_ALONE, TABLE, arguments, create_objects};
use crate::scenarios::merge;

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

/// Every row that a mutation can create or change, except refresh tokens and idempotency keys.
async fn load_all_rows(app: &TestApp) -> Vec<String> {
    let mut all = Vec::new();
    for table in TABLES {
        for row in app.rows(&format!("SELECT * FROM {table}"), []).await {
            all.push(format!("{table} {}", sea_orm::JsonValue::from_query_result(&row, "").unwrap()));
        }
    }
    all.sort();
    all
}

/// The selection that identifies the objects that a mutation created or changed.
fn identifying_selection(mutation: &str) -> &'static str {
    match mutation {
        "userRegister" | "sessionCreate" | "userUpdate" | "userBecomeHost" => "viewer { user { id displayName } }",
        "sessionRefresh" => "tokens { refreshExpiresAt }",
        "sessionRevoke" => "revokedIds",
        "listingDelete" => "deletedId",
        "listingCalendarUpdate" => "days { date price { amount } state }",
        "quoteCreate" => "quote { listing { id } price { total { amount } } }",
        "notificationsMarkRead" => "notifications { id readAt }",
        "refundRetry" => "refund { id booking { id } } booking { id }",
        "payoutAccountSet" => "viewer { id }",
        "bookingAlterationRequest" => "alteration { id state } booking { id state version }",
        "bookingAlterationAccept" | "bookingAlterationDecline" | "bookingAlterationWithdraw" => {
            "alteration { id state } booking { id state version }"
        }
        "bookingRefund" => "booking { id version } refund { id amount { amount } state }",
        _ if mutation.starts_with("payout") => "payout { id state }",
        "bookingCancel" => "booking { id state version } refund { id amount { amount } state }",
        _ if mutation.starts_with("listing") => "listing { id status version }",
        _ if mutation.starts_with("review") => "review { id text overall }",
        _ => "booking { id state version }",
    }
}

/// Arguments with which the caller succeeds. Some arguments of the permissions table make the mutation fail, or end the
/// caller's own session.
pub async fn given(app: &TestApp, mutation: &str, objects: &Objects) -> Value {
    let account = || async {
        let given = arguments(app, "userRegister", objects).await;
        let tokens = app.mutate_ok(&Anonymous, "userRegister", given.clone(), "tokens { refreshToken }").await;
        (given, tokens)
    };
    match mutation {
        "sessionCreate" => {
            let given = account().await.0;
            json!({ "email": given["user"]["email"], "password": given["user"]["password"] })
        }
        "sessionRefresh" => json!({ "refreshToken": account().await.1["tokens"]["refreshToken"] }),
        "sessionRevoke" => {
            let (session, now) = (app.clock.new_id(), app.clock.now());
            let values = [session.into(), objects.guest.user.into(), now.into(), (now + TimeDelta::days(1)).into()];
            let sql = "INSERT INTO session (id, user_id, created_at, last_seen_at, expires_at) \
                       VALUES ($1, $2, $3, $3, $4)";
            app.execute(sql, values).await;
            json!({ "id": roost::kernel::id::Id::new(roost::kernel::id::Kind::Session, session).to_string() })
        }
        "bookingCancel" => {
            let refund = app.cancellation_refund(&objects.host, &objects.booking).await;
            merge(arguments(app, mutation, objects).await, json!({ "expectedRefund": refund }))
        }
        _ => arguments(app, mutation, objects).await,
    }
}

#[tokio::test]
async fn each_mutation_sent_twice_runs_once_and_responds_the_same() {
    let app = TestApp::new().await;
    for (mutation, fixture, outcomes) in TABLE {
        let (objects, admin) = (create_objects(&app, fixture).await, app.admin().await);
        let given = given(&app, mutation, &objects).await;
        if mutation == "payoutRelease" {
            let hold = merge(given.clone(), json!({ "reason": "A complaint." }));
            app.mutate_ok(&admin, "payoutHold", hold, "__typename").await;
        }
        app.advance(TimeDelta::seconds(1));
        let call = async |key: &str| {
            let (given, wanted) = (given.clone(), identifying_selection(mutation));
            match outcomes {
                _ if outcomes == STAFF || outcomes == STAFF_ALONE => {
                    send_with_key(&app, &admin, mutation, given, wanted, key).await
                }
                [.., "OK"] if mutation != "userRegister" => {
                    send_with_key(&app, &objects.host, mutation, given, wanted, key).await
                }
                [.., "OK", _] => send_with_key(&app, &objects.guest, mutation, given, wanted, key).await,
                _ => send_with_key(&app, &Anonymous, mutation, given, wanted, key).await,
            }
        };
        let before = load_all_rows(&app).await;
        let (first, replayed) = call("once").await;
        assert_eq!((errors(&first), replayed), (vec![], false), "{mutation}");
        let after = load_all_rows(&app).await;
        let (repeated, replayed) = call("once").await;
        assert_eq!(repeated, first, "{mutation}");
        assert_eq!(load_all_rows(&app).await, after, "{mutation} had a second effect");
        // A quote is signed and not stored, so a repeated request computes it again.
        let is_stored = mutation != "quoteCreate";
        assert_eq!((before != after, replayed), (is_stored, is_stored), "{mutation}");
        assert_eq!(app.count("idempotency_key WHERE state = 'RUNNING'", []).await, 0, "{mutation}");
        app.execute("DELETE FROM idempotency_key", []).await;
    }
    app.finish().await;
}
