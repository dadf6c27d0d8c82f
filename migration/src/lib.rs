//! The migrations of the database schema of Roost. The same migrations run on SQLite and on Postgres.

pub use sea_orm_migration::prelude::MigratorTrait;
use sea_orm_migration::prelude::*;

mod columns;
mod m0001_users;
mod m0002_listings;
mod m0003_bookings;
mod m0004_nights;
mod m0005_payments;
mod m0006_reviews;
mod m0007_jobs;
mod m0008_ledger;
mod m0009_idempotency;
mod m0010_provider_events;
mod m0011_jobs;
mod m0012_alterations;
mod m0013_audit;
mod m0014_disputes;
mod m0015_notifications;
mod m0016_heartbeat;
mod m0017_notes;
mod m0018_booking_lists;

/// All migrations, in order.
#[derive(Debug, Clone, Copy)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_users::Migration),
            Box::new(m0002_listings::Migration),
            Box::new(m0003_bookings::Migration),
            Box::new(m0004_nights::Migration),
            Box::new(m0005_payments::Migration),
            Box::new(m0006_reviews::Migration),
            Box::new(m0007_jobs::Migration),
            Box::new(m0008_ledger::Migration),
            Box::new(m0009_idempotency::Migration),
            Box::new(m0010_provider_events::Migration),
            Box::new(m0011_jobs::Migration),
            Box::new(m0012_alterations::Migration),
            Box::new(m0013_audit::Migration),
            Box::new(m0014_disputes::Migration),
            Box::new(m0015_notifications::Migration),
            Box::new(m0016_heartbeat::Migration),
            Box::new(m0017_notes::Migration),
            Box::new(m0018_booking_lists::Migration),
        ]
    }
}
