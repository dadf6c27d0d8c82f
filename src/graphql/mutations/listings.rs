//! Writing listings, publishing them and keeping their calendars.

use async_graphql::{Context, ID, InputObject, Object, Result};

use crate::domain::error::{Error, Refusals};
use crate::domain::listings::pricing::LengthOfStayDiscount;
use crate::domain::listings::{
    self as domain, AddressChange, CalendarChange, ListingChange, PricingChange, RulesChange,
};
use crate::domain::viewer::Viewer;
use crate::graphql::schema::payload::payloads;
use crate::graphql::support::context::{Ask, id, key};
use crate::graphql::support::errors::split;
use crate::graphql::support::idempotency::call;
use crate::graphql::support::scalars::{CurrencyCode, Date, LocalTime, MinorUnits, Ppm, TimeZone};
use crate::graphql::types::calendar::CalendarDay;
use crate::graphql::types::listings::{BookingMode, CancellationPolicy, Listing, RoomType};
use crate::graphql::types::pricing::Weekday;
use crate::kernel::id::Kind;
use crate::platform::App;
use crate::platform::idempotency::Spent;

/// What a host says of a place; absent fields stay as they are.
#[derive(InputObject)]
pub struct ListingInput {
    /// What it is called, up to 120 characters.
    title: Option<String>,
    /// What it is like, as plain text, up to 20,000 characters.
    description: Option<String>,
    /// What a guest has to themselves.
    room_type: Option<RoomType>,
    /// How many adults and children fit.
    capacity: Option<i32>,
    /// Bedrooms; 0 for a studio.
    bedrooms: Option<i32>,
    /// Beds.
    beds: Option<i32>,
    /// Bathrooms, in halves.
    bathrooms: Option<f64>,
    /// Codes of what it offers, from `amenities`; replaces the list.
    amenities: Option<Vec<String>>,
    /// Where it is.
    address: Option<AddressInput>,
    /// Degrees north.
    latitude: Option<f64>,
    /// Degrees east.
    longitude: Option<f64>,
    /// The zone its clocks keep.
    time_zone: Option<TimeZone>,
    /// Guests may arrive from this time on; 15:00 at first.
    check_in_from: Option<LocalTime>,
    /// Guests must arrive by this time.
    check_in_until: Option<LocalTime>,
    /// Guests must have left by this time; 11:00 at first.
    check_out_by: Option<LocalTime>,
    /// What guests must keep to; replaces the list.
    house_rules: Option<Vec<String>>,
    /// Whether a paid booking is confirmed at once.
    booking_mode: Option<BookingMode>,
    /// What guests of fewer than 28 nights get back.
    cancellation_policy: Option<CancellationPolicy>,
    /// What guests of 28 nights and more get back.
    long_term_policy: Option<CancellationPolicy>,
    /// What it costs.
    pricing: Option<PricingInput>,
    /// When it can be stayed in.
    stay_rules: Option<StayRulesInput>,
}

/// A postal address; absent fields stay as they are, empty texts clear.
#[derive(InputObject)]
pub struct AddressInput {
    /// Street and number.
    line1: Option<String>,
    /// Floor, door.
    line2: Option<String>,
    /// Town.
    city: Option<String>,
    /// State, province, district.
    region: Option<String>,
    /// Postal code.
    postal_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    country: Option<String>,
}

/// What a place costs, in minor units of its currency; absent fields stay as they are.
#[derive(InputObject)]
pub struct PricingInput {
    /// The currency of every amount.
    currency: Option<CurrencyCode>,
    /// A night.
    base: Option<MinorUnits>,
    /// A night of the weekend.
    weekend: Option<MinorUnits>,
    /// Which nights are the weekend's; Friday and Saturday at first.
    weekend_nights: Option<Vec<Weekday>>,
    /// Once per stay.
    cleaning_fee: Option<MinorUnits>,
    /// Per stay and pet.
    pet_fee: Option<MinorUnits>,
    /// Per night and person beyond `includedGuests`.
    extra_guest_fee: Option<MinorUnits>,
    /// How many people the night's price covers.
    included_guests: Option<i32>,
    /// Discounts for long stays; replaces the list.
    length_of_stay: Option<Vec<LengthOfStayInput>>,
    /// Discount for giving up every refund; 0 takes the offer away.
    non_refundable_discount: Option<Ppm>,
}

/// A discount on stays of so many nights and more.
#[derive(InputObject)]
pub struct LengthOfStayInput {
    /// From so many nights on.
    min_nights: i32,
    /// Off each night.
    discount: Ppm,
}

/// When a place can be stayed in; absent fields stay as they are.
#[derive(InputObject)]
pub struct StayRulesInput {
    /// The shortest stay.
    min_nights: Option<i32>,
    /// The longest stay, up to 365.
    max_nights: Option<i32>,
    /// Days between booking and arrival, at least.
    advance_notice_days: Option<i32>,
    /// Same-day bookings until this local time.
    same_day_cutoff: Option<LocalTime>,
    /// Stays must end within so many days from today.
    booking_window_days: Option<i32>,
    /// Nights kept free after each booking, up to 7.
    preparation_nights: Option<i32>,
    /// Days on which a stay may begin.
    check_in_days: Option<Vec<Weekday>>,
    /// Days on which a stay may end.
    check_out_days: Option<Vec<Weekday>>,
    /// Whether pets are welcome.
    pets_allowed: Option<bool>,
}

/// A change to the nights `[from, to)`; absent fields stay as they are.
#[derive(InputObject)]
pub struct CalendarChangeInput {
    /// First date.
    from: Date,
    /// Day after the last date, at most 366 days later.
    to: Date,
    /// Close the nights, or open them again.
    blocked: Option<bool>,
    /// The price of each night.
    price: Option<MinorUnits>,
    /// Go back to the listing's own prices.
    clear_price: Option<bool>,
    /// The shortest stay that may begin on these dates.
    min_nights: Option<i32>,
    /// A note for yourself; an empty one clears it.
    note: Option<String>,
}

impl ListingInput {
    fn read(self) -> Result<ListingChange, Error> {
        let mut refusals = Refusals::default();
        let zone = self.time_zone.as_ref().map(|zone| zone.read(&mut refusals, &["listing", "timeZone"]));
        refusals.finish()?;
        Ok(ListingChange {
            title: self.title,
            description: self.description,
            room_type: self.room_type.map(Into::into),
            capacity: self.capacity,
            bedrooms: self.bedrooms,
            beds: self.beds,
            bathrooms: self.bathrooms,
            amenities: self.amenities,
            address: self.address.map(|address| AddressChange {
                line1: address.line1,
                line2: address.line2,
                city: address.city,
                region: address.region,
                postal_code: address.postal_code,
                country: address.country,
            }),
            latitude: self.latitude,
            longitude: self.longitude,
            time_zone: zone.flatten(),
            check_in_from: self.check_in_from.map(|time| time.0),
            check_in_until: self.check_in_until.map(|time| time.0),
            check_out_by: self.check_out_by.map(|time| time.0),
            house_rules: self.house_rules,
            booking_mode: self.booking_mode.map(Into::into),
            cancellation_policy: self.cancellation_policy.map(Into::into),
            long_term_policy: self.long_term_policy.map(Into::into),
            pricing: self.pricing.map(PricingInput::read).transpose()?,
            stay_rules: self.stay_rules.map(StayRulesInput::read),
        })
    }
}

fn days(list: Option<Vec<Weekday>>) -> Option<Vec<chrono::Weekday>> {
    list.map(|days| days.into_iter().map(Into::into).collect())
}

impl PricingInput {
    fn read(self) -> Result<PricingChange, Error> {
        let minor = |amount: Option<MinorUnits>| amount.map(|amount| amount.0);
        Ok(PricingChange {
            currency: self.currency.map(|code| code.read(&["listing", "pricing", "currency"])).transpose()?,
            base: minor(self.base),
            weekend: minor(self.weekend),
            weekend_nights: days(self.weekend_nights),
            cleaning_fee: minor(self.cleaning_fee),
            pet_fee: minor(self.pet_fee),
            extra_guest_fee: minor(self.extra_guest_fee),
            included_guests: self.included_guests,
            length_of_stay: self.length_of_stay.map(|steps| {
                let steps = steps.into_iter();
                steps
                    .map(|step| LengthOfStayDiscount { min_nights: step.min_nights, discount: step.discount.0 })
                    .collect()
            }),
            non_refundable_discount: self.non_refundable_discount.map(|discount| discount.0),
        })
    }
}

impl StayRulesInput {
    fn read(self) -> RulesChange {
        RulesChange {
            min_nights: self.min_nights,
            max_nights: self.max_nights,
            advance_notice_days: self.advance_notice_days,
            same_day_cutoff: self.same_day_cutoff.map(|time| time.0),
            booking_window_days: self.booking_window_days,
            preparation_nights: self.preparation_nights,
            check_in_days: days(self.check_in_days),
            check_out_days: days(self.check_out_days),
            pets_allowed: self.pets_allowed,
        }
    }
}

impl From<CalendarChangeInput> for CalendarChange {
    fn from(change: CalendarChangeInput) -> CalendarChange {
        CalendarChange {
            from: change.from.0,
            to: change.to.0,
            blocked: change.blocked,
            price: change.price.map(|price| price.0),
            clear_price: change.clear_price.unwrap_or(false),
            min_nights: change.min_nights,
            note: change.note,
        }
    }
}

payloads! {
    /// The new draft.
    ListingCreatePayload {
        /// The listing.
        listing: Option<Listing>,
    }
    /// The changed listing.
    ListingUpdatePayload {
        /// The listing.
        listing: Option<Listing>,
    }
    /// The published listing, or everything it lacks.
    ListingPublishPayload {
        /// The listing.
        listing: Option<Listing>,
    }
    /// The listing, off the market.
    ListingUnlistPayload {
        /// The listing.
        listing: Option<Listing>,
    }
    /// What was deleted.
    ListingDeletePayload {
        /// The id of the listing that is gone.
        deleted_id: Option<ID>,
    }
    /// The changed calendar.
    ListingCalendarUpdatePayload {
        /// The days from the first change to the last, at most 366.
        days: Option<Vec<CalendarDay>>,
    }
}

/// The listing that an idempotency key was spent on.
async fn own(app: &App, viewer: &Viewer, spent: Spent) -> Result<domain::Listing, Error> {
    domain::find_own(app, viewer, spent.id(0)?).await
}

/// Writing listings, publishing them and keeping their calendars.
#[derive(Default)]
pub struct ListingMutation;

#[Object]
impl ListingMutation {
    /// Writes down a draft that only you see. Nothing is required yet.
    async fn listing_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What you say of the place.")] listing: ListingInput,
    ) -> Result<ListingCreatePayload> {
        let once = call(ctx);
        let (app, viewer) = (once.app(), ctx.viewer());
        let run = async { domain::create(app, viewer, listing.read()?).await };
        let (done, user_errors) = split(app, once.run(run, async |spent| own(app, viewer, spent).await).await)?;
        Ok(ListingCreatePayload { listing: done.map(Listing::of), user_errors })
    }

    /// Changes a listing. Bookings keep what they were promised.
    async fn listing_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The listing.")] id: ID,
        #[graphql(desc = "`version` as you read it; VERSION_STALE when it was changed since.")] expected_version: i32,
        #[graphql(desc = "What to change.")] listing: ListingInput,
    ) -> Result<ListingUpdatePayload> {
        let once = call(ctx);
        let (app, viewer) = (once.app(), ctx.viewer());
        let run = async {
            let id = key(Kind::Listing, &id, &["id"])?;
            domain::update(app, viewer, id, expected_version, listing.read()?).await
        };
        let (done, user_errors) = split(app, once.run(run, async |spent| own(app, viewer, spent).await).await)?;
        Ok(ListingUpdatePayload { listing: done.map(Listing::of), user_errors })
    }

    /// Puts a listing on the market, or names everything it lacks.
    async fn listing_publish(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The listing.")] id: ID,
    ) -> Result<ListingPublishPayload> {
        let once = call(ctx);
        let (app, viewer) = (once.app(), ctx.viewer());
        let run = async { domain::publish(app, viewer, key(Kind::Listing, &id, &["id"])?).await };
        let (done, user_errors) = split(app, once.run(run, async |spent| own(app, viewer, spent).await).await)?;
        Ok(ListingPublishPayload { listing: done.map(Listing::of), user_errors })
    }

    /// Takes a listing off the market; its bookings stand.
    async fn listing_unlist(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The listing.")] id: ID,
    ) -> Result<ListingUnlistPayload> {
        let once = call(ctx);
        let (app, viewer) = (once.app(), ctx.viewer());
        let run = async { domain::unlist(app, viewer, key(Kind::Listing, &id, &["id"])?).await };
        let (done, user_errors) = split(app, once.run(run, async |spent| own(app, viewer, spent).await).await)?;
        Ok(ListingUnlistPayload { listing: done.map(Listing::of), user_errors })
    }

    /// Deletes a listing that nobody is still to stay in.
    async fn listing_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The listing.")] id: ID,
    ) -> Result<ListingDeletePayload> {
        let once = call(ctx);
        let app = once.app();
        let run = async { domain::delete(app, ctx.viewer(), key(Kind::Listing, &id, &["id"])?).await };
        let (done, user_errors) = split(app, once.run(run, async |spent: Spent| Ok(spent.id(0)?)).await)?;
        Ok(ListingDeletePayload { deleted_id: done.map(|gone| self::id(Kind::Listing, gone)), user_errors })
    }

    /// Blocks, opens and prices nights; all changes or none.
    async fn listing_calendar_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The listing.")] id: ID,
        #[graphql(desc = "At most 100 changes, in order.")] changes: Vec<CalendarChangeInput>,
    ) -> Result<ListingCalendarUpdatePayload> {
        let changes: Vec<CalendarChange> = changes.into_iter().map(Into::into).collect();
        let once = call(ctx);
        let (app, viewer) = (once.app(), ctx.viewer());
        let run = async {
            let id = key(Kind::Listing, &id, &["id"])?;
            let listing = domain::find_own(app, viewer, id).await;
            let days = domain::update_calendar(app, viewer, id, changes.clone()).await?;
            Ok((listing?, days))
        };
        let again = async |spent| {
            let listing = own(app, viewer, spent).await?;
            let days = domain::changed_days(app, viewer, &listing, &changes).await?;
            Ok((listing, days))
        };
        let done = once.run(run, again).await.and_then(|(listing, days)| {
            let currency = listing.currency.parse().map_err(Error::failed)?;
            Ok(days.into_iter().map(|day| CalendarDay { day, currency }).collect())
        });
        let (days, user_errors) = split(app, done)?;
        Ok(ListingCalendarUpdatePayload { days, user_errors })
    }
}
