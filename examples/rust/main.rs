//! A guest's whole story against a live server: register, search, quote, book, read, cancel for the exact refund.
//!
//! An application of its own needs `graphql_client`, `reqwest`, `serde`, `serde_json`, a runtime and a copy of
//! `schema.graphql`; the documents are compiled against it, so a field that is misspelled does not build.
#![expect(clippy::disallowed_methods, reason = "a client has a clock and ids of its own")]

mod client;

use anyhow::{Context, Result, bail, ensure};
use chrono::{Days, NaiveDate, Utc};
use client::{Book, Booking, Cancel, Client, Quote, Register, Search, Trips};
use client::{book, booking, cancel, quote, register, search, trips};
use uuid::Uuid;

/// Fails with what a mutation refused, unless it was done.
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

fn log(step: &str, what: impl std::fmt::Display) {
    println!("{step:<9} {what}");
}

/// The nights of the story.
#[derive(Clone, Copy)]
struct Nights {
    check_in: NaiveDate,
    check_out: NaiveDate,
}

/// An account of our own; every request after it is signed.
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
    ensure!(payload.viewer.is_some_and(|viewer| viewer.email == email), "another account");
    client.sign_with(payload.tokens.context("no tokens")?.access_token);
    log("register", email);
    Ok(())
}

/// The id of the cheapest listing that confirms at once and gives money back to those who cancel early.
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
    let wanted = search::ListingSearchWhere {
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
        let variables = search::Variables { where_: wanted.clone(), first: Some(5), after };
        let page = client.ask::<Search>(variables).await?.listing_search;
        read += page.edges.len();
        let found = page.edges.into_iter().find(|edge| edge.node.booking_mode == search::BookingMode::INSTANT);
        if let Some(edge) = found {
            let total = edge.price.context("a search with a stay has prices")?.total;
            let (place, city) = (&edge.node.title, &edge.node.address.city);
            let price = format!("{} {}", total.decimal, total.currency);
            log("search", format!("{} places, {read} read: “{place}” in {city} for {price}", page.total_count));
            return Ok(edge.node.id);
        }
        ensure!(page.page_info.has_next_page, "none of {read} places confirms at once");
        after = page.page_info.end_cursor;
    }
}

/// The price promise for it.
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
        log("", format!("before {}: {refund} back ({})", tier.until, tier.label));
    }
    Ok(quote)
}

/// Books it, and sends the same request again as if the answer had been lost.
async fn book(client: &Client, promise: &quote::QuoteQuoteCreateQuote) -> Result<book::Stay> {
    let variables = |card: &str, key: Uuid| book::Variables {
        quote: promise.token.clone(),
        card: card.into(),
        key: key.to_string(),
    };
    let declined = client.ask::<Book>(variables("declined", Uuid::now_v7())).await?.booking_create;
    let [refusal] = declined.user_errors.as_slice() else { bail!("one refusal was expected") };
    ensure!(refusal.code == book::UserErrorCode::PAYMENT_DECLINED, "{:?}", refusal.code);
    log("book", format!("another card first: {}", refusal.message));

    let variables = variables("ok", Uuid::now_v7());
    let booking = done!(client.ask::<Book>(variables.clone()).await?.booking_create).booking.context("no booking")?;
    let again = done!(client.ask::<Book>(variables).await?.booking_create).booking.context("no booking")?;
    ensure!(again.id == booking.id, "the same key booked twice");
    ensure!(booking.state == book::BookingState::CONFIRMED, "{:?}", booking.state);
    ensure!(booking.price.total.amount == promise.price.total.amount, "the price is not the one that was promised");
    let (nights, title) = (booking.stay.nights, &booking.listing.title);
    log("book", format!("{} is confirmed, {nights} nights in “{title}”; sent again, it is the same", booking.code));
    Ok(booking)
}

/// Reads it by its id, and finds it among the trips; gives what a cancellation would bring back.
async fn read(client: &Client, id: &str) -> Result<booking::Amount> {
    let found = client.ask::<Booking>(booking::Variables { id: id.into() }).await?.booking.context("no booking")?;
    ensure!(found.available_actions.contains(&booking::BookingAction::CANCEL), "it cannot be cancelled");
    let cancellation = found.cancellation.context("nobody says what a cancellation brings back")?;
    let (mut after, mut ids) = (None, Vec::new());
    loop {
        let data = client.ask::<Trips>(trips::Variables { first: Some(1), after }).await?;
        let page = data.viewer.context("nobody is signed in")?.trips;
        ids.extend(page.nodes.into_iter().map(|trip| trip.id));
        if !page.page_info.has_next_page {
            break;
        }
        after = page.page_info.end_cursor;
    }
    ensure!(ids.iter().any(|one| one == id), "the booking is not among the trips");
    let refund = cancellation.refund;
    log("read", format!("{}: {} {} would come back", cancellation.reason, refund.decimal, refund.currency));
    Ok(refund)
}

/// Asks for a wrong refund, is told the right one, and cancels for that.
async fn cancel(client: &Client, id: &str, shown: &booking::Amount) -> Result<()> {
    let variables = |amount: i64| cancel::Variables {
        id: id.into(),
        refund: cancel::MoneyInput { amount, currency: shown.currency.clone() },
        key: Uuid::now_v7().to_string(),
    };
    let refused = client.ask::<Cancel>(variables(shown.amount + 1)).await?.booking_cancel;
    let told = refused.user_errors.first().map(|refusal| &refusal.on);
    let Some(cancel::RefusalOn::RefundChangedError(told)) = told else { bail!("one unit too much was not refused") };
    ensure!(told.actual.refund.amount == shown.amount, "another refund than was shown");

    let payload = done!(client.ask::<Cancel>(variables(shown.amount)).await?.booking_cancel);
    let booking = payload.booking.context("no booking")?;
    ensure!(booking.state == cancel::BookingState::CANCELLED_BY_GUEST, "{:?}", booking.state);
    let refund = payload.refund.context("no refund")?;
    ensure!(refund.amount.amount == shown.amount, "the refund is not the one that was shown, to the unit");
    let back = format!("{} {}", refund.amount.decimal, refund.amount.currency);
    log("cancel", format!("{} is cancelled; {back} back, {:?}", booking.code, refund.state));
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let server = std::env::var("ROOST_URL").unwrap_or_else(|_| "http://127.0.0.1:8000".into());
    let mut client = Client::new(&server)?;
    log("connect", client.url());
    let today = Utc::now().date_naive();
    let day = |days| today.checked_add_days(Days::new(days)).context("the calendar ends");
    let nights = Nights { check_in: day(60)?, check_out: day(63)? };
    register(&mut client).await?;
    let listing = search(&client, nights).await?;
    let promise = quote(&client, listing, nights).await?;
    let booking = book(&client, &promise).await?;
    let refund = read(&client, &booking.id).await?;
    cancel(&client, &booking.id, &refund).await?;
    log("done", "all as it should be");
    Ok(())
}
