//! Conditions and orders of lists of bookings.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Result};

use super::bookings::{Booking, BookingState};
use super::connections::BookingConnection;
use crate::domain::bookings as domain;
use crate::domain::error::Error;
use crate::graphql::support::connection::count_lazily;
use crate::graphql::support::context::{RequestContext, parse_id};
use crate::graphql::support::errors::to_graphql_error;
use crate::graphql::support::scalars::Date;
use crate::kernel::id::Kind;
use crate::kernel::page::PageRequest;

/// Conditions of a list of bookings. A booking must meet all that are given.
#[derive(InputObject, Default)]
pub struct BookingWhereInput {
    /// Accepted states. If absent, all match.
    states: Option<Vec<BookingState>>,
    /// Phase of the booking when the server executes the request. If absent, all match.
    phase: Option<BookingPhase>,
    /// Global IDs of the listings whose bookings match, prefixed `lst_`, at most 100. If absent, bookings of all
    /// listings match.
    listing_ids: Option<Vec<ID>>,
    /// Dates of arrival, in the listing's time zone. If absent, all match.
    check_in: Option<DatesInput>,
    /// Dates of departure, in the listing's time zone. If absent, all match.
    check_out: Option<DatesInput>,
    /// Nights of which at least one is booked, by the dates of their evenings. If absent, all match.
    overlaps: Option<DatesInput>,
    /// Code of the booking. If absent, all match.
    code: Option<String>,
}

/// Dates from `from` until the day before `until`.
#[derive(InputObject, Clone, Copy)]
pub struct DatesInput {
    /// First date. If absent, there is no first date.
    from: Option<Date>,
    /// Day after the last date. It must be after `from`. If absent, there is no last date.
    until: Option<Date>,
}

/// What a booking is to the viewer at this moment, by the clock of its listing. Each booking is in exactly one of
/// UPCOMING, CURRENT, PAST and ENDED. NEEDS_ACTION selects from these.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "domain::BookingPhase")]
pub enum BookingPhase {
    /// The booking waits for the viewer. For the guest: it is PENDING_PAYMENT, a change that the host requested is to be
    /// answered, or the price difference of a change is to be paid. For the host: it is REQUESTED, or a change that the
    /// guest requested is to be answered.
    NeedsAction,
    /// The booking is PENDING_PAYMENT or REQUESTED, or it is CONFIRMED and the check-in time has not passed.
    Upcoming,
    /// The guest has arrived or the check-in time has passed, and the check-out time has not.
    Current,
    /// The booking is COMPLETED, or the check-out time has passed.
    Past,
    /// The booking was not agreed, or was cancelled, or the guest did not arrive.
    Ended,
}

/// Order of a list of bookings.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "domain::BookingSort")]
pub enum BookingSort {
    /// Most recently created booking first.
    CreatedDesc,
    /// Earliest date of arrival first.
    CheckInAsc,
    /// Latest date of arrival first.
    CheckInDesc,
    /// Most recently changed booking first. A booking that changes moves to the start of the list.
    UpdatedDesc,
}

impl DatesInput {
    fn to_span(dates: Option<DatesInput>) -> domain::DateSpan {
        let day = |date: Option<Date>| date.map(|date| date.0);
        dates.map_or_else(Default::default, |dates| domain::DateSpan { from: day(dates.from), until: day(dates.until) })
    }
}

impl BookingWhereInput {
    /// Parses the conditions. The refusals name the argument `where`.
    fn into_filter(self) -> Result<domain::BookingFilter, Error> {
        let listing = |(index, id): (usize, ID)| {
            parse_id(Kind::Listing, &id, &["where", "listingIds", index.to_string().as_str()])
        };
        let listing_ids = self.listing_ids.map(|ids| ids.into_iter().enumerate().map(listing).collect());
        Ok(domain::BookingFilter {
            states: self.states.map(|states| states.into_iter().map(Into::into).collect()),
            phase: self.phase.map(Into::into),
            listing_ids: listing_ids.transpose()?,
            check_in: DatesInput::to_span(self.check_in),
            check_out: DatesInput::to_span(self.check_out),
            overlaps: DatesInput::to_span(self.overlaps),
            code: self.code,
        })
    }
}

/// A page of the viewer's bookings on one side.
pub(super) async fn page_of_bookings(
    ctx: &Context<'_>,
    side: domain::BookingSide,
    wanted: Option<BookingWhereInput>,
    sort: Option<BookingSort>,
    request: PageRequest,
) -> Result<BookingConnection> {
    let filter = Arc::new(wanted.unwrap_or_default().into_filter().map_err(to_graphql_error)?);
    let sort = sort.unwrap_or(BookingSort::CreatedDesc).into();
    let found = domain::page_of_bookings(ctx.app(), ctx.viewer(), side, &filter, sort, request);
    let found = found.await.map_err(to_graphql_error)?;
    Ok(BookingConnection {
        page: found.map(Booking::from),
        total: count_lazily(move |app, viewer| {
            let filter = filter.clone();
            async move { domain::count_bookings(&app, &viewer, side, &filter).await }
        }),
    })
}
