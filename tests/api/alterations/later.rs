//! Changes during a stay, of long stays and after money has moved, and two answers at once.

use super::*;

#[tokio::test]
async fn a_guest_who_arrives_before_the_answer_cannot_be_moved_to_another_day() {
    let app = TestApp::new().await;
    for card in ["ok", "3ds"] {
        app.set(START);
        let trip = trip(&app).await;
        app.set("2027-03-01T12:00:00Z");
        let wanted =
            json!({ "id": trip.booking["id"], "stay": stay("2027-03-04", "2027-03-07"), "paymentMethodToken": card });
        let change = app.must(&trip.guest, "bookingAlterationRequest", wanted, "alteration { id }").await;
        if card == "3ds" {
            app.answered(&trip.host, &change["alteration"], true, None).await;
        }
        app.step(&trip.guest, "bookingCheckIn", &trip.booking).await;
        if card == "3ds" {
            app.step(&trip.guest, "bookingPaymentConfirm", &trip.booking).await;
            assert_eq!(state(&app, &trip).await, "EXPIRED");
        } else {
            let answer = app.answer(&trip.host, &change["alteration"], true, None).await;
            assert_eq!(errors(&answer), ["STATE_CONFLICT id"]);
        }
        assert_eq!(app.booking(&trip.guest, &trip.booking).await["stay"], trip.booking["stay"]);
        assert_eq!(app.nights(&trip.listing, "2027-03-01", "2027-03-07").await, [&BOOKED[..], &["FREE"; 4]].concat());
    }
    app.set("2027-03-03T16:00:00Z");
    app.finish().await;
}

#[tokio::test]
async fn a_long_stay_is_shortened_by_its_guest_with_a_months_notice() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({}), ("2027-03-01", "2027-04-15")).await;
    // The arrival moves, it becomes a short one, it grows, or more people come: the host is asked.
    for wanted in [
        stay("2027-03-02", "2027-04-15"),
        stay("2027-03-01", "2027-03-28"),
        stay("2027-03-01", "2027-04-16"),
        merged(stay("2027-03-01", "2027-04-10"), json!({ "adults": 1 })),
    ] {
        let change = app.asked(&trip.guest, &trip.booking, wanted.clone()).await;
        assert_eq!(change["state"], "PENDING", "{wanted}");
        app.answered(&trip.guest, &change, false, None).await;
    }
    let change = app.asked(&trip.host, &trip.booking, stay("2027-03-01", "2027-04-10")).await;
    assert_eq!(change["state"], "PENDING", "the host has asked");
    app.answered(&trip.host, &change, false, None).await;
    let change = app.asked(&trip.guest, &trip.booking, stay("2027-03-01", "2027-04-10")).await;
    assert_eq!(change["state"], "ACCEPTED");
    let seen = app.booking(&trip.guest, &trip.booking).await;
    assert_eq!((number(&seen, "/stay/nights"), number(&seen, "/payment/refunded/amount")), (40, 50_000));
    let payouts = [("SCHEDULED".to_owned(), 253_500, None), ("SCHEDULED".to_owned(), 84_500, None)];
    assert_eq!(app.paid(&trip.host, &trip.booking).await, payouts);
    app.set("2027-03-05T12:00:00Z");
    let change = app.asked(&trip.guest, &trip.booking, stay("2027-03-01", "2027-04-03")).await;
    assert_eq!(change["state"], "PENDING", "29 days ahead");
    app.answered(&trip.guest, &change, false, None).await;
    let change = app.asked(&trip.guest, &trip.booking, stay("2027-03-01", "2027-04-04")).await;
    assert_eq!(change["state"], "ACCEPTED", "30 days ahead");
    app.set("2027-04-05T00:00:00Z");
    app.finish().await;
}

#[tokio::test]
async fn the_policy_changes_when_a_stay_becomes_a_long_one_and_back() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({ "longTermPolicy": "LONG_TERM_STRICT" }), ("2027-04-01", "2027-04-28")).await;
    let query = "query($id: ID!) { booking(id: $id) { policy payouts { releaseAt } } }";
    for (check_out, policy, payouts) in
        [("2027-05-01", "LONG_TERM_STRICT", 1), ("2027-05-02", "LONG_TERM_STRICT", 2), ("2027-04-28", "FLEXIBLE", 1)]
    {
        let change = app.asked(&trip.guest, &trip.booking, stay("2027-04-01", check_out)).await;
        app.answered(&trip.host, &change, true, None).await;
        let seen = app.gql(&trip.host, query, json!({ "id": trip.booking["id"] })).await;
        assert_eq!(seen["booking"]["policy"], policy, "{check_out}");
        assert_eq!(seen["booking"]["payouts"].as_array().unwrap().len(), payouts, "{check_out}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_tax_that_was_released_and_falls_away_is_taken_back() {
    let app = TestApp::new().await;
    let (host, guest, staff) = (app.host().await, app.guest().await, app.admin().await);
    let plain = json!({ "pricing": { "base": 10_000, "weekend": null, "cleaningFee": null, "lengthOfStay": null } });
    let listing = app.draft(&host, plain).await;
    let tax = json!([{ "id": "00000000-0000-0000-0000-000000000001", "name": "City tax", "unit": "PERCENT", "rate": 88_750,
        "amount": null, "base": "SUBTOTAL", "max_nights": null, "exempt_from_nights": 7, "remitted_by": "PLATFORM" }]);
    app.execute("UPDATE listing SET taxes = $1", [tax.into()]).await;
    app.must(&host, "listingPublish", json!({ "id": listing }), "__typename").await;
    let booking = app.book(&guest, &listing, NIGHTS.0, NIGHTS.1).await;
    assert_eq!(number(&booking, "/price/total/amount"), 21_775);
    app.set("2027-03-02T20:00:00Z");
    app.drain().await;
    let change = app.asked(&guest, &booking, stay("2027-03-01", "2027-03-08")).await;
    assert_eq!(number(&change, "/priceDifference/amount"), 48_225);
    let payload = app.answered(&host, &change, true, None).await;
    assert_eq!(number(&payload, "/booking/payment/captured/amount"), 70_000);
    app.drain().await;
    let ledger = app.ledger(&staff, &booking).await;
    let expected = told(&[
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
async fn what_went_back_after_the_payout_is_not_taken_from_the_host_again() {
    let app = TestApp::new().await;
    let trip = trip(&app).await;
    app.set("2027-03-02T20:00:00Z");
    app.drain().await;
    app.give_back(&trip.host, &trip.booking, 5_000).await;
    let change = app.asked(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-04")).await;
    app.answered(&trip.host, &change, true, None).await;
    app.drain().await;
    let both = [("PAID".to_owned(), 16_900, Some(16_900)), ("PAID".to_owned(), 8_450, Some(3_450))];
    assert_eq!(app.paid(&trip.host, &trip.booking).await, both);
    assert_eq!(app.balance(&trip.host).await, json!({ "USD": 0 }));
    app.finish().await;
}

#[tokio::test]
async fn a_stay_cannot_come_to_less_than_what_went_back() {
    let app = TestApp::new().await;
    let trip = trip(&app).await;
    let change = app.asked(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-02")).await;
    app.give_back(&trip.host, &trip.booking, 12_000).await;
    assert_eq!(errors(&app.answer(&trip.host, &change, true, None).await), ["STATE_CONFLICT id"]);
    app.answered(&trip.host, &change, false, None).await;
    let payload = app.ask(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-02")).await;
    assert_eq!(errors(&payload), ["INVALID stay"]);
    app.finish().await;
}

#[tokio::test]
async fn a_difference_that_the_processor_will_not_take_after_all_ends_the_booking() {
    let app = TestApp::new().await;
    let trip = trip(&app).await;
    let change = longer(&app, &trip, "3ds").await;
    app.answered(&trip.host, &change, true, None).await;
    // The processor forgets what it set aside as soon as the stay is swapped.
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
    assert_eq!(number(&seen, "/payment/refunded/amount"), 20_000, "what was paid goes back");
    assert_eq!(nights(&app, &trip).await, ["FREE"; 4]);
    assert_eq!(app.paid(&trip.host, &trip.booking).await, [("CANCELLED".to_owned(), 0, None)]);
    app.finish().await;
}

#[tokio::test]
async fn who_arrives_and_leaves_while_the_processor_is_away_is_charged_when_it_is_back() {
    let app = TestApp::new().await;
    let trip = trip(&app).await;
    let listing = app.published_listing(&trip.host, json!({ "bookingMode": "REQUEST" })).await;
    let late = app.book(&trip.guest, &listing, "2027-01-05", "2027-01-07").await;
    let change = app.asked(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-04")).await;
    app.processor_is(false).await;
    app.step(&trip.host, "bookingAccept", &late).await;
    app.step(&trip.guest, "bookingCheckIn", &late).await;
    let left = app.step(&trip.guest, "bookingCheckOut", &late).await;
    assert_eq!((&left["state"], number(&left, "/payment/captured/amount")), (&json!("COMPLETED"), 0));
    app.processor_is(true).await;
    app.answered(&trip.host, &change, true, None).await;
    app.advance(TimeDelta::hours(2));
    app.drain().await;
    let seen = app.booking(&trip.guest, &late).await;
    assert_eq!(number(&seen, "/payment/captured/amount"), 30_000);
    app.set("2027-03-06T00:00:00Z");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_agreement_and_a_cancellation_at_once_end_in_one_story() {
    let app = TestApp::busy().await;
    for n in 0..10 {
        let trip = trip(&app).await;
        let (wanted, back) = if n % 2 == 0 { ("2027-03-05", 40_000) } else { ("2027-03-02", 20_000) };
        let change = app.asked(&trip.guest, &trip.booking, stay("2027-03-01", wanted)).await;
        let cancel = json!({ "id": trip.booking["id"], "expectedRefund": { "amount": 20_000, "currency": "USD" } });
        let (agreed, cancelled) = tokio::join!(
            app.answer(&trip.host, &change, true, None),
            app.mutate(&trip.guest, "bookingCancel", cancel, "refund { amount { amount } }")
        );
        app.drain().await;
        let seen = app.booking(&trip.guest, &trip.booking).await;
        if errors(&cancelled).is_empty() {
            assert_eq!(seen["state"], "CANCELLED_BY_GUEST");
            assert_eq!(number(&seen, "/payment/refunded/amount"), number(&seen, "/payment/captured/amount"));
            assert!(number(&seen, "/payment/captured/amount") <= back);
        } else {
            let said = errors(&cancelled);
            assert!(said == ["STATE_CONFLICT id"] || said == ["REFUND_CHANGED expectedRefund.amount"], "{said:?}");
            assert_eq!((errors(&agreed), &seen["state"]), (vec![], &json!("CONFIRMED")));
            assert_eq!(seen["stay"]["checkOut"], wanted);
        }
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_agreement_and_a_withdrawal_at_once_are_one_of_both() {
    let app = TestApp::busy().await;
    for _ in 0..8 {
        let trip = trip(&app).await;
        let change = longer(&app, &trip, "ok").await;
        let (agreed, withdrawn) =
            tokio::join!(app.answer(&trip.host, &change, true, None), app.answer(&trip.guest, &change, false, None));
        let mut both = [errors(&agreed), errors(&withdrawn)];
        let won = both[0].is_empty();
        both.sort();
        assert_eq!(both, [vec![], vec!["STATE_CONFLICT id".to_owned()]]);
        if won {
            assert_eq!(state(&app, &trip).await, "ACCEPTED");
            assert_eq!(number(&app.booking(&trip.guest, &trip.booking).await, "/payment/captured/amount"), 40_000);
        } else {
            assert_eq!(state(&app, &trip).await, "WITHDRAWN");
            is_as_before(&app, &trip).await;
        }
    }
    app.finish().await;
}

async fn rivals(app: &TestApp, trip: &Trip, rival: &Person) {
    let change = longer(app, trip, "ok").await;
    let quote = app.quote(rival, &trip.listing, "2027-03-04", "2027-03-06").await;
    let book = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "ok" } });
    let (agreed, booked) = tokio::join!(
        app.answer(&trip.host, &change, true, None),
        app.mutate(rival, "bookingCreate", book, "booking { state }")
    );
    let mut both = [errors(&agreed), errors(&booked)];
    both.sort();
    assert!(both[0].is_empty(), "{both:?}");
    assert!(both[1] == ["NIGHTS_UNAVAILABLE id"] || both[1] == ["NIGHTS_UNAVAILABLE quoteToken"], "{both:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_agreement_and_a_rivals_booking_at_once_do_not_overlap() {
    let app = TestApp::busy().await;
    for _ in 0..8 {
        let trip = trip(&app).await;
        let rival = app.guest().await;
        rivals(&app, &trip, &rival).await;
    }
    app.finish().await;
}

#[tokio::test]
async fn a_change_at_another_fee_and_the_same_price_moves_the_shares() {
    let mut app = TestApp::new().await;
    let trip = trip(&app).await;
    let mut config = app.app.config.clone();
    let database = roost::platform::database::Database::connect(&config).await.unwrap();
    config.host_fee_ppm = 100_000;
    let node = roost::platform::App::assemble(config, app.app.clock.clone(), database).await.unwrap();
    app.router = roost::server::router(node.clone());
    let change = app.asked(&trip.guest, &trip.booking, stay("2027-03-02", "2027-03-04")).await;
    assert_eq!(number(&change, "/priceDifference/amount"), 0);
    app.answered(&trip.host, &change, true, None).await;
    assert_eq!(app.paid(&trip.host, &trip.booking).await, [("SCHEDULED".to_owned(), 18_000, None)]);
    app.set("2027-03-03T20:00:00Z");
    app.drain().await;
    assert_eq!(app.paid(&trip.host, &trip.booking).await, [("PAID".to_owned(), 18_000, Some(18_000))]);
    node.db.close().await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_agreements_at_once_one_counts_and_the_others_are_told() {
    let app = TestApp::busy().await;
    let trip = trip(&app).await;
    let asked = longer(&app, &trip, "ok").await;
    let given = json!({ "id": asked["id"], "accept": true });
    let answers = (0..6).map(|_| app.mutate(&trip.host, "bookingAlterationRespond", given.clone(), "__typename"));
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
async fn a_change_cannot_be_agreed_to_when_the_stay_is_over() {
    let app = TestApp::new().await;
    let trip = trip(&app).await;
    app.set("2027-03-01T21:00:00Z");
    app.drain().await;
    let asked = longer(&app, &trip, "ok").await;
    app.step(&trip.guest, "bookingCheckOut", &trip.booking).await;
    let answer = json!({ "id": asked["id"], "accept": true });
    assert_eq!(app.said(&trip.host, "bookingAlterationRespond", answer).await, ["STATE_CONFLICT id"]);
    let query = "query($id: ID!) { booking(id: $id) { state alterations { nodes { state } } } }";
    let seen = app.gql(&trip.guest, query, json!({ "id": trip.booking["id"] })).await;
    assert_eq!(seen["booking"], json!({ "state": "COMPLETED", "alterations": { "nodes": [{ "state": "EXPIRED" }] } }));
    app.finish().await;
}
