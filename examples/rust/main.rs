//! A guest's flow against a live server: register, search, quote, book, read, cancel for the exact refund.
//!
//! An application needs `graphql_client`, `reqwest`, `serde`, `serde_json`, a runtime and a copy of
//! `schema.graphql`; the documents are compiled against it, so a misspelled field is a compile error.
#![expect(clippy::disallowed_methods, reason = "a client uses the system's clock and random IDs")]

mod client;

use anyhow::{Context, Result, bail, ensure};
use chrono::{Days, NaiveDate, Utc};
use client::{Book, Booking, Cancel, Client, Quote, Register, Search, Trips};
use client::{book, booking, cancel, quote, register, search, trips};
use uuid::Uuid;

/// Returns the payload of a mutation, or fails with its user errors.
macro_rules! done {
    ($payload:expr) => {{
        let payload = $payload;
        for refusal in &payload.user_errors {
            let place = refusal.field.as_deref().unwrap_or_default().join(".");
            bail!("{:?} ({place}): {}", refusal.code, refusal.message);
        }
        payload
    }};
}

fn log(action: &str, what: impl std::fmt::Display) {
    println!("{action:<9} {what}");
}

/// The dates of the stay.
#[derive(Clone, Copy)]
struct Nights {
    check_in: NaiveDate,
    check_out: NaiveDate,
}

/// Registers an account and signs in with it.
async fn register(client: &mut Client) -> Result<()> {
    let email = format!("ana-{}@example.com", Uuid::now_v7());
    let user = register::UserRegisterInput {
        display_name: "Ana".into(),
        email: email.clone(),
        locale: None,
        password: Uuid::now_v7().to_string(),
        time_zone: Some("Europe/Lisbon".into()),
    };
    let payload = done!(client.ask::<Register>(register::Variables { user }).await?.user_register);
    ensure!(payload.viewer.is_some_and(|viewer| viewer.email == email), "the registered account has another email");
    client.sign_with(payload.tokens.context("no tokens")?.access_token);
    log("register", email);
    Ok(())
}

/// Returns the ID of the cheapest listing with instant booking and a refund for early cancellation.
async fn search(client: &Client, nights: Nights) -> Result<String> {
    let stay = search::StayInput {
        adults: 2,
        check_in: nights.check_in,
        check_out: nights.check_out,
        children: 0,
        currency: None,
        infants: 0,
        pets: 0,
    };
    let filter = search::ListingSearchWhere {
        amenities: None,
        bedrooms_min: None,
        beds_min: None,
        capacity: Some(2),
        free_cancellation: Some(true),
        host_id: None,
        instant_only: None,
        near: None,
        rating_min: None,
        room_type: None,
        stay: Some(stay),
        text: None,
        total_max: None,
        total_min: None,
        within: None,
    };
    let (mut after, mut read) = (None, 0);
    loop {
        let variables = search::Variables { where_: filter.clone(), first: Some(5), after };
        let page = client.ask::<Search>(variables).await?.listing_search;
        read += page.edges.len();
        let found = page.edges.into_iter().find(|edge| edge.node.booking_mode == search::BookingMode::INSTANT);
        if let Some(edge) = found {
            let total = edge.price.context("a search with a stay has prices")?.total;
            let (title, city) = (&edge.node.title, &edge.node.address.city);
            let price = format!("{} {}", total.decimal, total.currency);
            log("search", format!("{} listings, {read} read: “{title}” in {city} for {price}", page.total_count));
            return Ok(edge.node.id);
        }
        ensure!(page.page_info.has_next_page, "none of {read} listings has instant booking");
        after = page.page_info.end_cursor;
    }
}

/// Requests a quote for the listing.
async fn quote(client: &Client, listing: String, nights: Nights) -> Result<quote::QuoteQuoteCreateQuote> {
    let stay = quote::StayInput {
        adults: 2,
        check_in: nights.check_in,
        check_out: nights.check_out,
        children: 0,
        currency: None,
        infants: 0,
        pets: 0,
    };
    let payload = done!(client.ask::<Quote>(quote::Variables { listing, stay }).await?.quote_create);
    let quote = payload.quote.context("no quote")?;
    let lines: i64 = quote.price.lines.iter().map(|line| line.total.amount).sum();
    ensure!(lines == quote.price.total.amount, "the lines do not add up to the total");
    log("quote", format!("{} {} until {}", quote.price.total.decimal, quote.price.total.currency, quote.expires_at));
    for tier in &quote.cancellation_schedule {
        let refund = format!("{} {}", tier.refund.decimal, tier.refund.currency);
        log("", format!("before {}: refund of {refund} ({})", tier.until, tier.label));
    }
    Ok(quote)
}

/// Books the quote, and repeats the request as if the response had been lost.
async fn book(client: &Client, quoted: &quote::QuoteQuoteCreateQuote) -> Result<book::Stay> {
    let variables = |card: &str, key: Uuid| book::Variables {
        quote: quoted.token.clone(),
        card: card.into(),
        key: key.to_string(),
    };
    let declined = client.ask::<Book>(variables("declined", Uuid::now_v7())).await?.booking_create;
    let [refusal] = declined.user_errors.as_slice() else { bail!("expected one user error") };
    ensure!(refusal.code == book::UserErrorCode::PAYMENT_DECLINED, "{:?}", refusal.code);
    log("book", format!("first with a declined card: {}", refusal.message));

    let variables = variables("ok", Uuid::now_v7());
    let booking = done!(client.ask::<Book>(variables.clone()).await?.booking_create).booking.context("no booking")?;
    let repeated = done!(client.ask::<Book>(variables).await?.booking_create).booking.context("no booking")?;
    ensure!(repeated.id == booking.id, "the same key booked twice");
    ensure!(booking.state == book::BookingState::CONFIRMED, "{:?}", booking.state);
    ensure!(booking.price.total.amount == quoted.price.total.amount, "the price differs from the quote");
    let (nights, title) = (booking.stay.nights, &booking.listing.title);
    log(
        "book",
        format!(
            "{} is confirmed, {nights} nights in “{title}”; the repeated request returned the same booking",
            booking.code
        ),
    );
    Ok(booking)
}

/// Reads the booking by its ID and in the list of trips. Returns the refund of a cancellation.
async fn read(client: &Client, id: &str) -> Result<booking::Amount> {
    let found = client.ask::<Booking>(booking::Variables { id: id.into() }).await?.booking.context("no booking")?;
    ensure!(found.available_actions.contains(&booking::BookingAction::CANCEL), "the booking cannot be cancelled");
    let preview = found.cancellation_preview.context("no cancellation preview")?;
    let (mut after, mut ids) = (None, Vec::new());
    loop {
        let data = client.ask::<Trips>(trips::Variables { first: Some(1), after }).await?;
        let page = data.viewer.context("not signed in")?.trips;
        ids.extend(page.nodes.into_iter().map(|trip| trip.id));
        if !page.page_info.has_next_page {
            break;
        }
        after = page.page_info.end_cursor;
    }
    ensure!(ids.iter().any(|one| one == id), "the booking is not among the trips");
    let refund = preview.refund;
    log("read", format!("{} The refund would be {} {}", preview.explanation, refund.decimal, refund.currency));
    Ok(refund)
}

/// Cancels with a wrong refund, reads the correct one from the error, and cancels with that.
async fn cancel(client: &Client, id: &str, shown: &booking::Amount) -> Result<()> {
    let variables = |amount: i64| cancel::Variables {
        id: id.into(),
        refund: cancel::MoneyInput { amount, currency: shown.currency.clone() },
        key: Uuid::now_v7().to_string(),
    };
    let refused = client.ask::<Cancel>(variables(shown.amount + 1)).await?.booking_cancel;
    let error = refused.user_errors.first().map(|refusal| &refusal.on);
    let Some(cancel::RefusalOn::RefundChangedError(error)) = error else { bail!("a wrong refund was not refused") };
    ensure!(error.actual.refund.amount == shown.amount, "the refund differs from the preview");

    let payload = done!(client.ask::<Cancel>(variables(shown.amount)).await?.booking_cancel);
    let booking = payload.booking.context("no booking")?;
    ensure!(booking.state == cancel::BookingState::CANCELLED_BY_GUEST, "{:?}", booking.state);
    let note = booking.cancellation.and_then(|cancellation| cancellation.note);
    ensure!(note.as_deref() == Some("A change of plans."), "{note:?}");
    let refund = payload.refund.context("no refund")?;
    ensure!(refund.amount.amount == shown.amount, "the refund differs from the preview");
    let back = format!("{} {}", refund.amount.decimal, refund.amount.currency);
    log("cancel", format!("{} is cancelled; refund of {back}, {:?}", booking.code, refund.state));
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let server = std::env::var("ROOST_URL").unwrap_or_else(|_| "http://127.0.0.1:8000".into());
    let mut client = Client::new(&server)?;
    log("connect", client.url());
    let today = Utc::now().date_naive();
    let day = |days| today.checked_add_days(Days::new(days)).context("the date is out of range");
    let nights = Nights { check_in: day(60)?, check_out: day(63)? };
    register(&mut client).await?;
    let listing = search(&client, nights).await?;
    let quoted = quote(&client, listing, nights).await?;
    let booking = book(&client, &quoted).await?;
    let refund = read(&client, &booking.id).await?;
    cancel(&client, &booking.id, &refund).await?;
    log("done", "all checks passed");
    Ok(())
}
