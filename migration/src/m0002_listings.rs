//! Creates the tables of listings, their amenities, and the sums and counts of their ratings.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

const POLICIES: [&str; 10] = [
    "FLEXIBLE",
    "MODERATE",
    "LIMITED",
    "FIRM",
    "STRICT",
    "SUPER_STRICT_30",
    "SUPER_STRICT_60",
    "NON_REFUNDABLE",
    "LONG_TERM_FIRM",
    "LONG_TERM_STRICT",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = identity().into_iter().chain(place()).chain(pricing()).chain(rules());
        let listing = table("listing", columns)
            .check(Expr::cust("max_nights >= min_nights"))
            .check(Expr::cust("status <> 'PUBLISHED' OR base_minor > 0"))
            .check(Expr::cust("latitude BETWEEN -90 AND 90"))
            .check(Expr::cust("longitude BETWEEN -180 AND 180"))
            .foreign_key(&mut reference("listing", "host_id", "user", ForeignKeyAction::Restrict))
            .take();
        manager.create_table(listing).await?;
        unique(manager, "listing", &["source", "source_ref"]).await?;
        index(manager, "listing", &["host_id", "id"]).await?;
        index(manager, "listing", &["status", "latitude", "longitude"]).await?;

        let amenities = table("listing_amenity", [uuid("listing_id"), text("amenity")])
            .primary_key(Index::create().col("listing_id").col("amenity"))
            .foreign_key(&mut reference("listing_amenity", "listing_id", "listing", ForeignKeyAction::Cascade))
            .take();
        manager.create_table(amenities).await?;
        index(manager, "listing_amenity", &["amenity", "listing_id"]).await?;

        let mut ratings = vec![uuid("listing_id"), word("origin", &["GUESTS", "IMPORTED"])];
        for (sum, count) in [
            ("overall_sum", "overall_count"),
            ("cleanliness_sum", "cleanliness_count"),
            ("accuracy_sum", "accuracy_count"),
            ("check_in_sum", "check_in_count"),
            ("communication_sum", "communication_count"),
            ("location_sum", "location_count"),
            ("value_sum", "value_count"),
        ] {
            ratings.extend([tally(sum), tally(count)]);
        }
        let ratings = table("listing_rating", ratings)
            .primary_key(Index::create().col("listing_id").col("origin"))
            .foreign_key(&mut reference("listing_rating", "listing_id", "listing", ForeignKeyAction::Cascade))
            .take();
        manager.create_table(ratings).await
    }
}

fn identity() -> Vec<ColumnDef> {
    let [source, source_ref] = source();
    vec![
        id(),
        uuid("host_id"),
        count("version", 1),
        word("status", &["DRAFT", "IN_REVIEW", "PUBLISHED", "UNLISTED", "SUSPENDED", "DELETED"]),
        instant_null("published_at"),
        instant("created_at"),
        instant("updated_at"),
        source,
        source_ref,
    ]
}

fn place() -> Vec<ColumnDef> {
    vec![
        text("title"),
        text("description"),
        word("room_type", &["ENTIRE_PLACE", "PRIVATE_ROOM", "SHARED_ROOM", "HOTEL_ROOM"]),
        count("capacity", 1),
        count("bedrooms", 0),
        count("beds", 0),
        ColumnDef::new("bathrooms").double().not_null().take(),
        json("house_rules"),
        text_null("line1"),
        text_null("line2"),
        text("city"),
        text_null("region"),
        text_null("postal_code"),
        text("country"),
        ColumnDef::new("latitude").double().null().take(),
        ColumnDef::new("longitude").double().null().take(),
        text("time_zone"),
        time("check_in_from"),
        time_null("check_in_until"),
        time("check_out_by"),
        text("search_text"),
    ]
}

fn pricing() -> Vec<ColumnDef> {
    vec![
        word("booking_mode", &["INSTANT", "REQUEST", "INSTANT_FOR_VERIFIED"]),
        word("cancellation_policy", &POLICIES),
        word("long_term_policy", &POLICIES),
        text("currency"),
        minor("base_minor"),
        minor_null("weekend_minor"),
        ColumnDef::new("weekend_nights").small_integer().not_null().take(),
        minor("cleaning_fee_minor"),
        minor("pet_fee_minor"),
        minor("extra_guest_fee_minor"),
        count("included_guests", 1),
        json("length_of_stay"),
        json_null("early_bird"),
        json_null("last_minute"),
        ColumnDef::new("new_listing_discount_ppm").big_integer().null().take(),
        ColumnDef::new("non_refundable_discount_ppm").big_integer().null().take(),
        json("seasons"),
        json("taxes"),
    ]
}

fn rules() -> Vec<ColumnDef> {
    vec![
        count("min_nights", 1),
        count("max_nights", 1),
        json("min_nights_by_arrival"),
        count("advance_notice_days", 0),
        time_null("same_day_cutoff"),
        count("booking_window_days", 0),
        count("preparation_nights", 0),
        ColumnDef::new("check_in_days").small_integer().not_null().take(),
        ColumnDef::new("check_out_days").small_integer().not_null().take(),
        flag("pets_allowed"),
    ]
}
