//! Facets of a search: counts of amenities, room types and price ranges over all results.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, Func, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, Iterable};
use uuid::Uuid;

use super::hit::Hit;
use crate::domain::error::Error;
use crate::domain::listings::enums::RoomType;
use crate::domain::listings::table::listing_amenity;
use crate::kernel::money::{Currency, Money};
use crate::platform::App;

/// Number of listings in one statement.
const CHUNK: usize = 5_000;
/// Number of price ranges.
const BUCKETS: i64 = 10;

/// Counts over all results of a search.
#[derive(Clone, Debug)]
pub struct Facets {
    /// Amenity codes with the number of results that have them, most frequent first.
    pub amenities: Vec<(String, i64)>,
    /// Room types with the number of results. Room types without results are left out.
    pub room_types: Vec<(RoomType, i64)>,
    /// Price ranges `[from, to)` of equal width with the number of results, in the currency that most results have.
    pub prices: Vec<(Money, Money, i64)>,
}

/// Counts the facets of these results.
pub(super) async fn facets_of(app: &App, hits: &[Hit]) -> Result<Facets, Error> {
    let ids: Vec<Uuid> = hits.iter().map(|hit| hit.id).collect();
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for chunk in ids.chunks(CHUNK) {
        let select = Query::select()
            .column(listing_amenity::Column::Amenity)
            .expr_as(Func::count(Expr::col(listing_amenity::Column::ListingId)), "listings")
            .from(listing_amenity::Entity)
            .and_where(listing_amenity::Column::ListingId.is_in(chunk.iter().copied()))
            .group_by_col(listing_amenity::Column::Amenity)
            .take();
        for row in app.db.read().query_all_raw(app.db.read().get_database_backend().build(&select)).await? {
            *counts.entry(row.try_get("", "amenity")?).or_default() += row.try_get::<i64>("", "listings")?;
        }
    }
    let mut amenities: Vec<(String, i64)> = counts.into_iter().collect();
    amenities.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let room_types = RoomType::iter().map(|room_type| {
        let count = hits.iter().filter(|hit| hit.room_type == room_type).count();
        (room_type, i64::try_from(count).unwrap_or(i64::MAX))
    });
    let room_types = room_types.filter(|(_, count)| *count > 0).collect();
    Ok(Facets { amenities, room_types, prices: price_histogram(hits.iter().map(|hit| hit.price)) })
}

fn price_histogram(prices: impl Iterator<Item = Money>) -> Vec<(Money, Money, i64)> {
    let mut by_currency: BTreeMap<Currency, Vec<i64>> = BTreeMap::new();
    for price in prices {
        by_currency.entry(price.currency).or_default().push(price.minor);
    }
    let Some((currency, amounts)) = by_currency.into_iter().max_by_key(|(_, amounts)| amounts.len()) else {
        return Vec::new();
    };
    let least = amounts.iter().copied().min().unwrap_or(0);
    let most = amounts.iter().copied().max().unwrap_or(0);
    let width = (most - least) / BUCKETS + 1;
    (0..BUCKETS)
        .map(|bucket| (least + bucket * width, least + (bucket + 1) * width))
        .take_while(|(from, _)| *from <= most)
        .map(|(from, to)| {
            let count = amounts.iter().filter(|&&amount| (from..to).contains(&amount)).count();
            (Money::new(from, currency), Money::new(to, currency), i64::try_from(count).unwrap_or(i64::MAX))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_price_is_counted_in_one_bucket() {
        let usd: Currency = "USD".parse().unwrap();
        let prices = [100, 250, 251, 999, 1_000, 5_000].map(|minor| Money::new(minor, usd));
        let buckets = price_histogram(prices.into_iter());
        assert_eq!(buckets.iter().map(|(_, _, count)| count).sum::<i64>(), 6);
        assert_eq!(price_histogram([Money::new(7, usd)].into_iter()).len(), 1);
        assert!(price_histogram([].into_iter()).is_empty());
    }
}
