//! Alterations during a stay, of long stays and after payouts, and concurrent responses.

use super::*;

#[tokio::test]
async fn a_guest_who_has_checked_in_cannot_be_moved_to_another_check_in_date() {
    let app = TestApp::new().await;
    for card in ["ok", "3ds"] {
        app.set(START);
        let trip = book_trip(&app).await;
        app.set("2027-03-01T12:00:00Z");
        let wanted =
            json!({ "id": trip.booking["id"], "stay": stay("2027-03-04", "2027-03-07"), "paymentMethodToken": card });
        let change = app.mutate_ok(&trip.guest, "bookingAlterationRequest", wanted, "alteration { id }").await;
        if card == "3ds" {
            app.respond_ok(&trip.host, &change["alteration"], true, None).await;
        }
        app.perform(&trip.guest, "bookingCheckIn", &trip.booking).await;
        if card == "3ds" {
            app.perform(&trip.guest, "bookingPaymentConfirm", &trip.booking).await;
            assert_eq!(alteration_state(&app, &trip).await, "EXPIRED");
        } else {
            let answer = app.respond(&trip.host, &change["alteration"], true, None).await;
            assert_eq!(errors(&answer), ["STATE_CONFLICT id"]);
        }
        assert_eq!(app.booking(&trip.guest, &trip.booking).await["stay"], trip.booking["stay"]);
        assert_eq!(app.nights(&trip.listing, "2027-03-01", "2027-03-07").await, [&BOOKED[..], &["FREE"; 4]].concat());
    }
    app.set("2027-03-03T16:00:00Z");
    app.finish().await;
}

#[tokio::test]
async fn a_guest_shortens_a_long_stay_with_30_days_notice() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({}), ("2027-03-01", "2027-04-15")).await;
    // The host must accept a later check-in, a change to a short stay, a longer stay and another number of guests.
    for wanted in [
        stay("2027-03-02", "2027-04-15"),
        stay("2027-03-01", "2027-03-28"),
        stay("2027-03-01", "2027-04-16"),
        merge(stay("2027-03-01", "2027-04-10"), json!({ "adults": 1 })),
    ] {
        let change = app.request_alteration_ok(&trip.guest, &trip.booking, wanted.clone()).await;
        assert_eq!(change["state"], "PENDING", "{wanted}");
        app.respond_ok(&trip.guest, &change, false, None).await;
    }
    let change = app.request_alteration_ok(&trip.host, &trip.booking, stay("2027-03-01", "2027-04-10")).await;
    assert_eq!(change["state"], "PENDING", "the host requested it");
    app.respond_ok(&trip.host, &change, false, None).await;
    let change = app.request_alteration_ok(&trip.guest, &trip.booking, stay("2027-03-01", "2027-04-10")).await;
    assert_eq!(change["state"], "ACCEPTED");
    let seen = app.booking(&trip.guest, &trip.booking).await;
    assert_eq!((number(&seen, "/stay/nights"), number(&seen, "/payment/refunded/amount")), (40, 50_000));
    let payouts = [("SCHEDULED".to_owned(), 253_500, None), ("SCHEDULED".to_owned(), 84_500, None)];
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, payouts);
    app.set("2027-03-05T12:00:00Z");
    let change = app.request_alteration_ok(&trip.guest, &trip.booking, stay("2027-03-01", "2027-04-03")).await;
    assert_eq!(change["state"], "PENDING", "29 days before the new check-out");
    app.respond_ok(&trip.guest, &change, false, None).await;
    let change = app.request_alteration_ok(&trip.guest, &trip.booking, stay("2027-03-01", "2027-04-04")).await;
    assert_eq!(change["state"], "ACCEPTED", "30 days before the new check-out");
    app.set("2027-04-05T00:00:00Z");
    app.finish().await;
}

#[tokio::test]
async fn the_policy_follows_when_a_stay_becomes_long_or_short_again() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({ "longTermPolicy": "LONG_TERM_STRICT" }), ("2027-04-01", "2027-04-28")).await;
    let query = "query($id: ID!) { booking(id: $id) { policy payouts { releaseAt } } }";
    for (check_out, policy, payouts) in
        [("2027-05-01", "LONG_TERM_STRICT", 1), ("2027-05-02", "LONG_TERM_STRICT", 2), ("2027-04-28", "FLEXIBLE", 1)]
    {
        let change = app.request_alteration_ok(&trip.guest, &trip.booking, stay("2027-04-01", check_out)).await;
        app.respond_ok(&trip.host, &change, true, None).await;
        let seen = app.gql(&trip.host, query, json!({ "id": trip.booking["id"] })).await;
        assert_eq!(seen["booking"]["policy"], policy, "{check_out}");
        assert_eq!(seen["booking"]["payouts"].as_array().unwrap().len(), payouts, "{check_out}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_released_tax_that_no_longer_applies_is_reversed() {
    let app = TestApp::new().await;
    let (host, guest, staff) = (app.host().await, app.guest().await, app.admin().await);
    let plain = json!({ "pricing": { "base": crate::scenarios::usd(10_000), "weekend": null, "cleaningFee": null, "lengthOfStay": null } });
    let listing = app.draft_listing(&host, plain).await;
    let tax = json!([{ "id": "00000000-0000-0000-0000-000000000001", "name": "City tax", "unit": "PERCENT", "rate": 88_750,
        "amount": null, "base": "SUBTOTAL", "max_nights": null, "exempt_from_nights": 7, "remitted_by": "PLATFORM" }]);
    app.execute("UPDATE listing SET taxes = $1", [tax.into()]).await;
    app.mutate_ok(&host, "listingPublish", json!({ "id": listing }), "__typename").await;
    let booking = app.book(&guest, &listing, NIGHTS.0, NIGHTS.1).await;
    assert_eq!(number(&booking, "/price/total/amount"), 21_775);
    app.set("2027-03-02T20:00:00Z");
    app.drain().await;
    let change = app.request_alteration_ok(&guest, &booking, stay("2027-03-01", "2027-03-08")).await;
    assert_eq!(number(&change, "/priceDifference/amount"), 48_225);
    let payload = app.respond_ok(&host, &change, true, None).await;
    assert_eq!(number(&payload, "/booking/payment/captured/amount"), 70_000);
    app.drain().await;
    let ledger = app.ledger(&staff, &booking).await;
    let expected = ledger_of(&[
        (
            "CAPTURE",
            &[("PSP_CLEARING", 48_225), ("GUEST_ESCROW", -48_225), ("TAX_PAYABLE", 1_775), ("GUEST_ESCROW", -1_775)],
        ),
        (
            "RELEASE",
            &[
                ("GUEST_ESCROW", 42_250),
                ("HOST_PAYABLE", -42_250),
                ("GUEST_ESCROW", 7_750),
                ("PLATFORM_REVENUE", -7_750),
            ],
        ),
        ("PAYOUT", &[("HOST_PAYABLE", 42_250), ("PSP_CLEARING", -42_250)]),
    ]);
    assert_eq!(ledger[3..], expected);
    app.finish().await;
}

#[tokio::test]
async fn a_refund_after_the_payout_is_not_deducted_from_the_host_twice() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    app.set("2027-03-02T20:00:00Z");
    app.drain().await;
    app.refund(&trip.host, &trip.booking, 5_000).await;
    let change = app.request_alteration_ok(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-04")).await;
    app.respond_ok(&trip.host, &change, true, None).await;
    app.drain().await;
    let both = [("PAID".to_owned(), 16_900, Some(16_900)), ("PAID".to_owned(), 8_450, Some(3_450))];
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, both);
    assert_eq!(app.balance(&trip.host).await, json!({ "USD": 0 }));
    app.finish().await;
}

#[tokio::test]
async fn a_stay_cannot_cost_less_than_what_was_refunded() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    let change = app.request_alteration_ok(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-02")).await;
    app.refund(&trip.host, &trip.booking, 12_000).await;
    assert_eq!(errors(&app.respond(&trip.host, &change, true, None).await), ["STATE_CONFLICT id"]);
    app.respond_ok(&trip.host, &change, false, None).await;
    let payload = app.request_alteration(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-02")).await;
    assert_eq!(errors(&payload), ["INVALID stay"]);
    app.finish().await;
}

#[tokio::test]
async fn a_difference_that_cannot_be_captured_ends_the_booking() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    let change = request_longer_stay(&app, &trip, "3ds").await;
    app.respond_ok(&trip.host, &change, true, None).await;
    // The authorization of the difference lapses at the processor as soon as the alteration is applied.
    let lapse = "UPDATE sandbox_intent SET state = 'CANCELLED' WHERE method = '3ds'";
    let swapped = "ON booking_alteration FOR EACH ROW";
    if app.app.db.is_postgres() {
        let body = format!("BEGIN {lapse}; RETURN NEW; END").replace('\'', "''");
        app.execute(&format!("CREATE FUNCTION lapse() RETURNS trigger LANGUAGE plpgsql AS '{body}'"), []).await;
        let sql = format!(
            "CREATE TRIGGER lapse AFTER UPDATE {swapped} WHEN (NEW.state = 'ACCEPTED') EXECUTE FUNCTION lapse()"
        );
        app.execute(&sql, []).await;
    } else {
        let sql = format!("CREATE TRIGGER lapse AFTER UPDATE {swapped} WHEN NEW.state = 'ACCEPTED' BEGIN {lapse}; END");
        app.execute(&sql, []).await;
    }
    app.mutate(&trip.guest, "bookingPaymentConfirm", json!({ "id": trip.booking["id"] }), "__typename").await;
    app.drain().await;
    let seen = app.booking(&trip.guest, &trip.booking).await;
    assert_eq!(seen["state"], "CANCELLED_BY_PLATFORM");
    assert_eq!(number(&seen, "/payment/refunded/amount"), 20_000, "the first charge is refunded");
    assert_eq!(nights(&app, &trip).await, ["FREE"; 4]);
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, [("CANCELLED".to_owned(), 0, None)]);
    app.finish().await;
}

#[tokio::test]
async fn a_stay_during_a_processor_outage_is_charged_after_it() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    let listing = app.published_listing(&trip.host, json!({ "bookingMode": "REQUEST" })).await;
    let late = app.book(&trip.guest, &listing, "2027-01-05", "2027-01-07").await;
    let change = app.request_alteration_ok(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-04")).await;
    app.set_processor_available(false).await;
    app.perform(&trip.host, "bookingAccept", &late).await;
    app.perform(&trip.guest, "bookingCheckIn", &late).await;
    let left = app.perform(&trip.guest, "bookingCheckOut", &late).await;
    assert_eq!((&left["state"], number(&left, "/payment/captured/amount")), (&json!("COMPLETED"), 0));
    app.set_processor_available(true).await;
    app.respond_ok(&trip.host, &change, true, None).await;
    app.advance(TimeDelta::hours(2));
    app.drain().await;
    let seen = app.booking(&trip.guest, &late).await;
    assert_eq!(number(&seen, "/payment/captured/amount"), 30_000);
    app.set("2027-03-06T00:00:00Z");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_concurrent_acceptance_and_cancellation_agree_on_one_outcome() {
    let app = TestApp::with_many_connections().await;
    for n in 0..10 {
        let trip = book_trip(&app).await;
        let (wanted, back) = if n % 2 == 0 { ("2027-03-05", 40_000) } else { ("2027-03-02", 20_000) };
        let change = app.request_alteration_ok(&trip.guest, &trip.booking, stay("2027-03-01", wanted)).await;
        let cancel = json!({ "id": trip.booking["id"], "expectedRefund": { "amount": 20_000, "currency": "USD" } });
        let (agreed, cancelled) = tokio::join!(
            app.respond(&trip.host, &change, true, None),
            app.mutate(&trip.guest, "bookingCancel", cancel, "refund { amount { amount } }")
        );
        app.drain().await;
        let seen = app.booking(&trip.guest, &trip.booking).await;
        if errors(&cancelled).is_empty() {
            assert_eq!(seen["state"], "CANCELLED_BY_GUEST");
            assert_eq!(number(&seen, "/payment/refunded/amount"), number(&seen, "/payment/captured/amount"));
            assert!(number(&seen, "/payment/captured/amount") <= back);
        } else {
            let codes = errors(&cancelled);
            assert!(codes == ["STATE_CONFLICT id"] || codes == ["REFUND_CHANGED expectedRefund.amount"], "{codes:?}");
            assert_eq!((errors(&agreed), &seen["state"]), (vec![], &json!("CONFIRMED")));
            assert_eq!(seen["stay"]["checkOut"], wanted);
        }
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_concurrent_acceptance_and_withdrawal_succeed_once() {
    let app = TestApp::with_many_connections().await;
    for _ in 0..8 {
        let trip = book_trip(&app).await;
        let change = request_longer_stay(&app, &trip, "ok").await;
        let (agreed, withdrawn) =
            tokio::join!(app.respond(&trip.host, &change, true, None), app.respond(&trip.guest, &change, false, None));
        let mut both = [errors(&agreed), errors(&withdrawn)];
        let won = both[0].is_empty();
        both.sort();
        assert_eq!(both, [vec![], vec!["STATE_CONFLICT id".to_owned()]]);
        if won {
            assert_eq!(alteration_state(&app, &trip).await, "ACCEPTED");
            assert_eq!(number(&app.booking(&trip.guest, &trip.booking).await, "/payment/captured/amount"), 40_000);
        } else {
            assert_eq!(alteration_state(&app, &trip).await, "WITHDRAWN");
            assert_unchanged(&app, &trip).await;
        }
    }
    app.finish().await;
}

async fn race_acceptance_with_booking(app: &TestApp, trip: &BookedTrip, other_guest: &Person) {
    let change = request_longer_stay(app, trip, "ok").await;
    let quote = app.quote(other_guest, &trip.listing, "2027-03-04", "2027-03-06").await;
    let book = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "ok" } });
    let (agreed, booked) = tokio::join!(
        app.respond(&trip.host, &change, true, None),
        app.mutate(other_guest, "bookingCreate", book, "booking { state }")
    );
    let mut both = [errors(&agreed), errors(&booked)];
    both.sort();
    assert!(both[0].is_empty(), "{both:?}");
    assert!(both[1] == ["NIGHTS_UNAVAILABLE id"] || both[1] == ["NIGHTS_UNAVAILABLE quoteToken"], "{both:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_concurrent_acceptance_and_competing_booking_do_not_overlap() {
    let app = TestApp::with_many_connections().await;
    for _ in 0..8 {
        let trip = book_trip(&app).await;
        let other_guest = app.guest().await;
        race_acceptance_with_booking(&app, &trip, &other_guest).await;
    }
    app.finish().await;
}

#[tokio::test]
async fn an_alteration_with_another_fee_and_the_same_price_moves_the_shares() {
    let mut app = TestApp::new().await;
    let trip = book_trip(&app).await;
    let mut config = app.app.config.clone();
    let database = roost::platform::database::Database::connect(&config).await.unwrap();
    config.host_fee_ppm = 100_000;
    let node = roost::platform::App::assemble(config, app.app.clock.clone(), database).await.unwrap();
    app.router = roost::server::router(node.clone());
    let change = app.request_alteration_ok(&trip.guest, &trip.booking, stay("2027-03-02", "2027-03-04")).await;
    assert_eq!(number(&change, "/priceDifference/amount"), 0);
    app.respond_ok(&trip.host, &change, true, None).await;
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, [("SCHEDULED".to_owned(), 18_000, None)]);
    app.set("2027-03-03T20:00:00Z");
    app.drain().await;
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, [("PAID".to_owned(), 18_000, Some(18_000))]);
    node.db.close().await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_concurrent_acceptances_one_succeeds_and_the_others_conflict() {
    let app = TestApp::with_many_connections().await;
    let trip = book_trip(&app).await;
    let requested = request_longer_stay(&app, &trip, "ok").await;
    let given = json!({ "id": requested["id"] });
    let answers = (0..6).map(|_| app.mutate(&trip.host, "bookingAlterationAccept", given.clone(), "__typename"));
    let mut errors: Vec<Vec<String>> = futures_util::future::join_all(answers).await.iter().map(errors).collect();
    errors.sort();
    let mut wanted = vec![vec!["STATE_CONFLICT id".to_owned()]; 6];
    wanted[0].clear();
    assert_eq!(errors, wanted);
    let captures = "ledger_transaction WHERE kind = 'CAPTURE'";
    assert_eq!(app.count(captures, []).await, 2);
    app.finish().await;
}

#[tokio::test]
async fn an_alteration_cannot_be_accepted_after_the_stay() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    app.set("2027-03-01T21:00:00Z");
    app.drain().await;
    let requested = request_longer_stay(&app, &trip, "ok").await;
    app.perform(&trip.guest, "bookingCheckOut", &trip.booking).await;
    let answer = json!({ "id": requested["id"] });
    assert_eq!(app.errors(&trip.host, "bookingAlterationAccept", answer).await, ["STATE_CONFLICT id"]);
    let query = "query($id: ID!) { booking(id: $id) { state alterations { nodes { state } } } }";
    let seen = app.gql(&trip.guest, query, json!({ "id": trip.booking["id"] })).await;
    assert_eq!(seen["booking"], json!({ "state": "COMPLETED", "alterations": { "nodes": [{ "state": "EXPIRED" }] } }));
    app.finish().await;
}
