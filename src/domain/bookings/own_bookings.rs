//! Lists of the viewer's own bookings, as guest or as host: filters, orders and pages.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Order, Query, SelectStatement};
use sea_orm::{ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::state::{Actor, AlterationState, BookingState};
use super::{Booking, table};
use crate::domain::error::{Code, Error, Refusals};
use crate::domain::viewer::Viewer;
use crate::kernel::page::{BadPage, Cursor, Direction, Page, PageRequest};
use crate::platform::App;
use crate::platform::keyset::parse_cursor;

/// The most listings by which bookings can be filtered.
const MAX_LISTINGS: usize = 100;

/// The side of a booking on which the viewer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BookingSide {
    /// Bookings that the viewer made as a guest.
    Guest,
    /// Bookings of the viewer's listings.
    Host,
}

/// What a stay is to the viewer at this moment. Each booking is in exactly one phase from `Upcoming` to `Ended`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BookingPhase {
    /// The booking waits for the viewer.
    NeedsAction,
    /// The stay is not agreed yet, or has not begun.
    Upcoming,
    /// The stay has begun and has not ended.
    Current,
    /// The stay has ended.
    Past,
    /// The booking was closed before the stay was complete.
    Ended,
}

/// The order of a list of bookings. Bookings that are equal in it are ordered by their IDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BookingSort {
    /// Newest booking first.
    CreatedDesc,
    /// Earliest date of arrival first.
    CheckInAsc,
    /// Latest date of arrival first.
    CheckInDesc,
    /// Latest change first.
    UpdatedDesc,
}

/// Dates from one day up to another, which is excluded. An absent end is open.
#[derive(Clone, Copy, Debug, Default)]
pub struct DateSpan {
    /// The first day.
    pub from: Option<NaiveDate>,
    /// The day after the last one.
    pub until: Option<NaiveDate>,
}

/// The conditions that the bookings of a list meet. An absent condition is met by all.
#[derive(Clone, Debug, Default)]
pub struct BookingFilter {
    /// Accepted states.
    pub states: Option<Vec<BookingState>>,
    /// The phase at the moment of the request.
    pub phase: Option<BookingPhase>,
    /// Accepted listings.
    pub listing_ids: Option<Vec<Uuid>>,
    /// Dates of arrival.
    pub check_in: DateSpan,
    /// Dates of departure.
    pub check_out: DateSpan,
    /// Dates of which at least one night is booked.
    pub overlaps: DateSpan,
    /// The code of the booking.
    pub code: Option<String>,
}

impl DateSpan {
    fn validate(self, refusals: &mut Refusals, name: &str) {
        if let (Some(from), Some(until)) = (self.from, self.until) {
            refusals.check(from < until, Code::Invalid, &["where", name, "until"], "must be after `from`");
        }
    }

    fn contains(self, column: table::booking::Column) -> Condition {
        Condition::all()
            .add_option(self.from.map(|from| column.gte(from)))
            .add_option(self.until.map(|until| column.lt(until)))
    }
}

impl BookingFilter {
    fn validate(&self) -> Result<(), Error> {
        let mut refusals = Refusals::default();
        let listings = self.listing_ids.as_ref().map_or(0, Vec::len);
        let message = format!("must have at most {MAX_LISTINGS} ids");
        refusals.check(listings <= MAX_LISTINGS, Code::TooMany, &["where", "listingIds"], &message);
        self.check_in.validate(&mut refusals, "checkIn");
        self.check_out.validate(&mut refusals, "checkOut");
        self.overlaps.validate(&mut refusals, "overlaps");
        refusals.finish()
    }

    /// The bookings of the viewer that meet the conditions.
    fn select(&self, app: &App, viewer: &Viewer, side: BookingSide) -> Result<Select<table::booking::Entity>, Error> {
        use table::booking::Column;
        let user = viewer.require_user()?;
        self.validate()?;
        let own = match side {
            BookingSide::Guest => Column::GuestId,
            BookingSide::Host => Column::HostId,
        };
        let overlaps = Condition::all()
            .add_option(self.overlaps.from.map(|from| Column::CheckOut.gt(from)))
            .add_option(self.overlaps.until.map(|until| Column::CheckIn.lt(until)));
        let filter = Condition::all()
            .add(own.eq(user.user_id))
            .add_option(self.states.as_deref().map(in_states))
            .add_option(self.phase.map(|phase| phase.condition(side, app.clock.now())))
            .add_option(self.listing_ids.as_ref().map(|ids| Column::ListingId.is_in(ids.iter().copied())))
            .add(self.check_in.contains(Column::CheckIn))
            .add(self.check_out.contains(Column::CheckOut))
            .add(overlaps)
            .add_option(self.code.as_deref().map(has_code));
        Ok(table::booking::Entity::find().filter(filter))
    }
}

fn in_states(states: &[BookingState]) -> Expr {
    table::booking::Column::State.is_in(states.iter().copied())
}

fn has_code(code: &str) -> Expr {
    // Codes consist of ASCII letters and digits. Postgres fails for some other texts, such as one with a NUL character.
    if code.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        table::booking::Column::Code.eq(code)
    } else {
        table::booking::Column::Id.is_in(Vec::<Uuid>::new())
    }
}

impl BookingPhase {
    /// The states in which a booking can be in this phase, and what else it takes. The states stand alone as well, so
    /// that the database can find the few open bookings of a host by an index.
    fn condition(self, side: BookingSide, now: DateTime<Utc>) -> Condition {
        use BookingState::{CheckedIn, Completed, Confirmed, PendingPayment, Requested};
        use table::booking::Column;
        let state = |state: BookingState| Column::State.eq(state);
        let (states, more) = match self {
            BookingPhase::NeedsAction => {
                let (waiting, states) = match side {
                    BookingSide::Guest => (PendingPayment, [PendingPayment, Confirmed, CheckedIn]),
                    BookingSide::Host => (Requested, [Requested, Confirmed, CheckedIn]),
                };
                let own = Condition::all().add(state(waiting)).add(Column::ExpiresAt.gt(now));
                let altered = Condition::all()
                    .add(in_states(&[Confirmed, CheckedIn]))
                    .add(Column::Id.in_subquery(alterations_waiting_for(side, now)));
                (states.to_vec(), Condition::any().add(own).add(altered))
            }
            BookingPhase::Upcoming => {
                let open = in_states(&[PendingPayment, Requested]);
                let states = vec![PendingPayment, Requested, Confirmed];
                (states, Condition::any().add(open).add(Column::CheckInAt.gt(now)))
            }
            BookingPhase::Current => {
                let begun = Condition::any().add(state(CheckedIn)).add(Column::CheckInAt.lte(now));
                (vec![Confirmed, CheckedIn], Condition::all().add(begun).add(Column::CheckOutAt.gt(now)))
            }
            BookingPhase::Past => {
                let states = vec![Confirmed, CheckedIn, Completed];
                (states, Condition::any().add(state(Completed)).add(Column::CheckOutAt.lte(now)))
            }
            BookingPhase::Ended => {
                let ended = BookingState::all().filter(|state| state.is_closed() && *state != Completed);
                (ended.collect(), Condition::all())
            }
        };
        Condition::all().add(in_states(&states)).add(more)
    }
}

/// The bookings with an alteration that this side must answer, or, for the guest, pay.
fn alterations_waiting_for(side: BookingSide, now: DateTime<Utc>) -> SelectStatement {
    use table::alteration::{Column, Entity};
    let by = match side {
        BookingSide::Guest => Actor::Host,
        BookingSide::Host => Actor::Guest,
    };
    let unanswered = Condition::all().add(Column::State.eq(AlterationState::Pending)).add(Column::RequestedAs.eq(by));
    let unpaid = (side == BookingSide::Guest).then(|| Column::State.eq(AlterationState::Paying));
    Query::select()
        .column(Column::BookingId)
        .from(Entity)
        .cond_where(Condition::any().add(unanswered).add_option(unpaid))
        .and_where(Column::ExpiresAt.gt(now))
        .take()
}

/// The position of a booking in an ordered list: the key of a cursor.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Position {
    CreatedDesc(Uuid),
    CheckInAsc(NaiveDate, Uuid),
    CheckInDesc(NaiveDate, Uuid),
    UpdatedDesc(DateTime<Utc>, Uuid),
}

impl Position {
    fn of(booking: &Booking, sort: BookingSort) -> Position {
        match sort {
            BookingSort::CreatedDesc => Position::CreatedDesc(booking.id),
            BookingSort::CheckInAsc => Position::CheckInAsc(booking.check_in, booking.id),
            BookingSort::CheckInDesc => Position::CheckInDesc(booking.check_in, booking.id),
            BookingSort::UpdatedDesc => Position::UpdatedDesc(booking.updated_at, booking.id),
        }
    }

    fn sort(self) -> BookingSort {
        match self {
            Position::CreatedDesc(_) => BookingSort::CreatedDesc,
            Position::CheckInAsc(..) => BookingSort::CheckInAsc,
            Position::CheckInDesc(..) => BookingSort::CheckInDesc,
            Position::UpdatedDesc(..) => BookingSort::UpdatedDesc,
        }
    }

    /// Whether the database can represent the position. Postgres fails for some years that no booking can have.
    fn is_representable(self) -> bool {
        let year = match self {
            Position::CreatedDesc(_) => return true,
            Position::CheckInAsc(date, _) | Position::CheckInDesc(date, _) => date.year(),
            Position::UpdatedDesc(at, _) => at.year(),
        };
        (0..=9999).contains(&year)
    }

    /// The values of the columns by which the list is ordered.
    fn values(self) -> Vec<Expr> {
        match self {
            Position::CreatedDesc(id) => vec![Expr::val(id)],
            Position::CheckInAsc(date, id) | Position::CheckInDesc(date, id) => vec![Expr::val(date), Expr::val(id)],
            Position::UpdatedDesc(at, id) => vec![Expr::val(at), Expr::val(id)],
        }
    }
}

impl BookingSort {
    fn is_ascending(self) -> bool {
        self == BookingSort::CheckInAsc
    }

    /// The columns by which the list is ordered, all in one direction, so that one index serves both.
    fn columns(self) -> &'static [table::booking::Column] {
        use table::booking::Column;
        match self {
            BookingSort::CreatedDesc => &[Column::Id],
            BookingSort::CheckInAsc | BookingSort::CheckInDesc => &[Column::CheckIn, Column::Id],
            BookingSort::UpdatedDesc => &[Column::UpdatedAt, Column::Id],
        }
    }

    /// The bookings between the cursors of the request, in the direction in which the page is read. Selects one more
    /// than the page has, which shows whether more follow.
    fn page(
        self,
        select: Select<table::booking::Entity>,
        request: &PageRequest,
    ) -> Result<Select<table::booking::Entity>, BadPage> {
        let after = self.parse(request.after.as_ref(), "after")?;
        let before = self.parse(request.before.as_ref(), "before")?;
        let key = || Expr::tuple(self.columns().iter().map(|column| Expr::col((table::booking::Entity, *column))));
        let greater = |position: Position| key().gt(Expr::tuple(position.values()));
        let less = |position: Position| key().lt(Expr::tuple(position.values()));
        let between = if self.is_ascending() {
            Condition::all().add_option(after.map(greater)).add_option(before.map(less))
        } else {
            Condition::all().add_option(after.map(less)).add_option(before.map(greater))
        };
        let is_forward = request.direction == Direction::Forward;
        let order = if self.is_ascending() == is_forward { Order::Asc } else { Order::Desc };
        let mut select = select.filter(between);
        for column in self.columns() {
            select = select.order_by(*column, order.clone());
        }
        Ok(select.limit(u64::from(request.size) + 1))
    }

    fn parse(self, cursor: Option<&Cursor>, field: &'static str) -> Result<Option<Position>, BadPage> {
        match parse_cursor::<Position>(cursor, field)? {
            Some(position) if position.sort() != self || !position.is_representable() => {
                Err(BadPage::foreign_cursor(field))
            }
            position => Ok(position),
        }
    }
}

/// A page of the viewer's bookings on one side.
pub async fn page_of_bookings(
    app: &App,
    viewer: &Viewer,
    side: BookingSide,
    filter: &BookingFilter,
    sort: BookingSort,
    request: PageRequest,
) -> Result<Page<Booking>, Error> {
    let select = sort.page(filter.select(app, viewer, side)?, &request)?;
    Ok(Page::from_rows(&request, select.all(app.db.read()).await?, |booking| Position::of(booking, sort)))
}

/// Number of the viewer's bookings on one side.
pub async fn count_bookings(
    app: &App,
    viewer: &Viewer,
    side: BookingSide,
    filter: &BookingFilter,
) -> Result<u64, Error> {
    Ok(filter.select(app, viewer, side)?.count(app.db.read()).await?)
}
