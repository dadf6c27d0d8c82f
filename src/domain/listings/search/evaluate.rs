//! Evaluates the rows that the filters in SQL leave, one by one: can the stay be booked, at what price, at which rank.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Days, NaiveDate, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryResult};
use uuid::Uuid;

use super::filter::{SearchSort, SearchWhere, rating_sum, select_without_texts};
use super::hit::Hit;
use crate::domain::error::Error;
use crate::domain::listings::Listing;
use crate::domain::listings::availability::evaluate::{KnownNights, evaluate_listing};
use crate::domain::listings::availability::request::StayRequest;
use crate::domain::listings::enums::RoomType;
use crate::domain::listings::limits::MAX_PREPARATION_NIGHTS;
use crate::domain::listings::listing::location::{distance_m, public_point};
use crate::domain::listings::listing::rating::MIN_SHOWN_RATINGS;
use crate::domain::listings::nights::claims::{ClaimedNight, active_at, night_state};
use crate::domain::listings::nights::overrides::NightOverride;
use crate::domain::listings::row_values::fees;
use crate::domain::listings::table::{claim, listing, listing_rating, night};
use crate::domain::viewer::Viewer;
use crate::kernel::money::Money;
use crate::platform::App;

/// Mean of the prior ratings that every listing starts with, in hundredths of a star.
const PRIOR_MEAN: i64 = 430;
/// Number of these prior ratings. Once a listing has more ratings than this, its own mean outweighs the prior one.
const PRIOR_COUNT: i64 = 10;

/// The columns that the rank of a listing depends on, read with or without the rest of its row.
#[derive(FromQueryResult)]
struct RankedRow {
    id: Uuid,
    latitude: Option<f64>,
    longitude: Option<f64>,
    room_type: RoomType,
    currency: String,
    base_minor: i64,
    published_at: Option<DateTime<Utc>>,
    text_score: i64,
    rating_sum: i64,
    rating_count: i64,
}

/// Finds every listing that matches, unsorted.
pub(super) async fn find_hits(
    app: &App,
    viewer: &Viewer,
    filters: &SearchWhere,
    sort: SearchSort,
) -> Result<Vec<Hit>, Error> {
    let db = app.db.read();
    let backend = db.get_database_backend();
    let mut select = filters.select(viewer, app.clock.now());
    select_rank_columns(&mut select, filters, sort);
    let Some(stay) = &filters.stay else {
        let rows = db.query_all_raw(backend.build(&select)).await?;
        let rows = rows.iter().map(|row| RankedRow::from_query_result(row, ""));
        return rows.filter_map(|row| ranked_hit(row, filters, sort, None).transpose()).collect();
    };
    select_without_texts(&mut select);
    let rows = db.query_all_raw(backend.build(&select)).await?;
    let nights = read_nights(app, viewer, filters, stay).await?;
    let mut hits = Vec::with_capacity(rows.len());
    for row in &rows {
        hits.extend(evaluate_row(app, viewer, filters, sort, stay, row, &nights)?);
    }
    Ok(hits)
}

/// Evaluates the stay for one row. `None` if it cannot be booked or its total is outside the filters.
fn evaluate_row(
    app: &App,
    viewer: &Viewer,
    filters: &SearchWhere,
    sort: SearchSort,
    stay: &StayRequest,
    row: &QueryResult,
    nights: &Calendars,
) -> Result<Option<Hit>, Error> {
    let listing = Listing::from_query_result(row, "")?;
    let nights = KnownNights { claimed: nights.claimed.get(&listing.id), overrides: nights.overrides.get(&listing.id) };
    let evaluation = evaluate_listing(&listing, viewer, stay, nights, fees(app), app.clock.now())?;
    let Some(price) = evaluation.price.as_ref().filter(|_| evaluation.is_bookable()) else { return Ok(None) };
    let total = Money::new(price.total, price.currency);
    let outside = |limit: Option<Money>, beyond: fn(i64, i64) -> bool| {
        limit.is_some_and(|limit| limit.currency != total.currency || beyond(total.minor, limit.minor))
    };
    if outside(filters.total_min, |total, least| total < least)
        || outside(filters.total_max, |total, most| total > most)
    {
        return Ok(None);
    }
    ranked_hit(RankedRow::from_query_result(row, ""), filters, sort, Some(total))
}

/// The rank of a price. Amounts are only compared within one currency; currencies follow each other by code.
fn price_rank(price: Money) -> i64 {
    let [a, b, c] =
        [0, 1, 2].map(|place| i64::from(price.currency.code().as_bytes().get(place).map_or(0, |b| b - b'A')));
    (a * 676 + b * 26 + c) * 100_000_000_000_000 + Ord::min(price.minor, 99_999_999_999_999)
}

/// Ranks one row. `None` if its public location is outside the area of the search.
fn ranked_hit(
    row: Result<RankedRow, sea_orm::DbErr>,
    filters: &SearchWhere,
    sort: SearchSort,
    total: Option<Money>,
) -> Result<Option<Hit>, Error> {
    let row = row?;
    let point = row.latitude.zip(row.longitude).map(|(lat, lon)| public_point(row.id, lat, lon));
    let mut distance = None;
    if let Some((centre, radius)) = filters.near {
        let metres = point.map(|point| distance_m(centre, point)).filter(|&metres| metres <= f64::from(radius));
        let Some(metres) = metres else { return Ok(None) };
        distance = Some(metres.round() as i32);
    }
    if let Some((south, west, north, east)) = filters.within {
        let in_box = point.is_some_and(|(lat, lon)| {
            let in_longitude = if west > east { lon >= west || lon <= east } else { (west..=east).contains(&lon) };
            in_longitude && (south..=north).contains(&lat)
        });
        if !in_box {
            return Ok(None);
        }
    }
    let price = match total {
        Some(total) => total,
        None => Money::new(row.base_minor, row.currency.parse().map_err(Error::failed)?),
    };
    let is_shown = row.rating_count >= MIN_SHOWN_RATINGS;
    // In ten-thousandths of a star, with the prior ratings, so that a few ratings do not decide the order.
    let rating = (row.rating_sum + PRIOR_MEAN * PRIOR_COUNT) * 100 / Ord::max(row.rating_count + PRIOR_COUNT, 1);
    let rank = match sort {
        SearchSort::Relevance => -(row.text_score * 1_000_000 + rating),
        SearchSort::TotalAsc => price_rank(price),
        SearchSort::TotalDesc => -price_rank(price),
        SearchSort::RatingDesc if is_shown => -(row.rating_sum * 10_000 / Ord::max(row.rating_count, 1)),
        SearchSort::RatingDesc => 0,
        SearchSort::DistanceAsc => distance.unwrap_or(i32::MAX).into(),
        SearchSort::Newest => -row.published_at.map_or(0, |at| at.timestamp_micros()),
    };
    Ok(Some(Hit { id: row.id, rank, distance_m: distance, room_type: row.room_type, price }))
}

fn select_rank_columns(select: &mut SelectStatement, filters: &SearchWhere, sort: SearchSort) {
    if filters.stay.is_none() {
        for column in [
            listing::Column::Id,
            listing::Column::Latitude,
            listing::Column::Longitude,
            listing::Column::RoomType,
            listing::Column::Currency,
            listing::Column::BaseMinor,
            listing::Column::PublishedAt,
        ] {
            select.column((listing::Entity, column));
        }
    }
    let (sum, count) = match sort {
        SearchSort::Relevance | SearchSort::RatingDesc => {
            (rating_sum(listing_rating::Column::OverallSum), rating_sum(listing_rating::Column::OverallCount))
        }
        _ => (Expr::cust("CAST(0 AS BIGINT)"), Expr::cust("CAST(0 AS BIGINT)")),
    };
    select.expr_as(filters.text_score().cast_as("BIGINT"), "text_score");
    select.expr_as(sum, "rating_sum");
    select.expr_as(count, "rating_count");
}

/// The nights around the stay, by listing and night.
struct Calendars {
    claimed: HashMap<Uuid, BTreeMap<NaiveDate, ClaimedNight>>,
    overrides: HashMap<Uuid, BTreeMap<NaiveDate, NightOverride>>,
}

/// Reads the nights around the stay of every listing that the filters leave, in two statements.
async fn read_nights(
    app: &App,
    viewer: &Viewer,
    filters: &SearchWhere,
    stay: &StayRequest,
) -> Result<Calendars, Error> {
    let now = app.clock.now();
    let left = || filters.select(viewer, now).expr(Expr::col((listing::Entity, listing::Column::Id))).take();
    let end = stay.check_out.checked_add_days(Days::new(MAX_PREPARATION_NIGHTS.into())).unwrap_or(stay.check_out);
    let db = app.db.read();
    let backend = db.get_database_backend();

    // The nights of the stay are free: the filter has checked that. Only the nights after it are read, and only for
    // hosts that need preparation nights.
    let mut tail = Query::select();
    tail.column((claim::Entity, claim::Column::ListingId))
        .column((claim::Entity, claim::Column::Night))
        .expr(claim::Column::Kind.select_as(Expr::col((claim::Entity, claim::Column::Kind))))
        .column((claim::Entity, claim::Column::BookingId))
        .column((claim::Entity, claim::Column::ExpiresAt))
        .column((claim::Entity, claim::Column::Note))
        .from(claim::Entity)
        .and_where(claim::Column::Night.gte(stay.check_out))
        .and_where(claim::Column::Night.lt(end))
        .cond_where(active_at(now))
        .and_where(
            claim::Column::ListingId.in_subquery(left().and_where(listing::Column::PreparationNights.gt(0)).take()),
        );
    let mut claimed: HashMap<Uuid, BTreeMap<_, _>> = HashMap::new();
    for row in claim::Model::find_by_statement(backend.build(&tail)).all(db).await? {
        let night = ClaimedNight { state: night_state(row.kind), booking_id: row.booking_id, note: row.note };
        claimed.entry(row.listing_id).or_default().insert(row.night, night);
    }

    let rows = night::Entity::find()
        .filter(night::Column::Night.gte(stay.check_in))
        .filter(night::Column::Night.lt(stay.check_out))
        .filter(night::Column::ListingId.in_subquery(left()))
        .all(db)
        .await?;
    let mut overrides: HashMap<Uuid, BTreeMap<_, _>> = HashMap::new();
    for row in rows {
        let values = NightOverride { price: row.price_minor, min_nights: row.min_nights, note: None };
        overrides.entry(row.listing_id).or_default().insert(row.night, values);
    }
    Ok(Calendars { claimed, overrides })
}
