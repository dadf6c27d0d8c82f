//! Idempotency keys: a row for each, written in the transaction of the effect that the key stands for.
//!
//! **Invariant:** a row exists exactly when the effect does. It is RUNNING until the call has its answer, and whoever
//! runs the call holds a lease on it; a lease that has lapsed belonged to a process that is gone, and the next one with
//! the key goes on from there. The row keeps what the effect made, never the answer, which may hold secrets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, Set};
use uuid::Uuid;

use super::clock::Clock;
use super::database::Database;
use super::fail_point;

/// How long a call has for its answer before another may go on with it.
pub const LEASE: TimeDelta = TimeDelta::seconds(60);

mod table {
    use sea_orm::entity::prelude::*;

    /// How far the call has come.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
    pub enum State {
        /// The effect is there, the answer is not.
        Running,
        /// The answer was given.
        Done,
    }

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "idempotency_key")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub actor: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub operation: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: String,
        pub fingerprint: Vec<u8>,
        pub state: State,
        pub holder: Uuid,
        pub locked_until: ChronoDateTimeUtc,
        pub subject: Json,
        pub created_at: ChronoDateTimeUtc,
        pub expires_at: ChronoDateTimeUtc,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

use table::{Column, Entity, State};

/// Where a key is unique: another person's same key, or the same for another operation, is another key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Who calls.
    pub actor: String,
    /// What is called.
    pub operation: String,
    /// The caller's key.
    pub key: String,
}

/// The idempotency claim of one call, or none; cheap to clone.
#[derive(Clone, Default)]
pub struct Once(Option<Arc<Claim>>);

struct Claim {
    scope: Scope,
    /// Of the arguments, by every secret in force; the first is kept.
    fingerprints: Vec<[u8; 32]>,
    /// Tells this run of the call from others.
    holder: Uuid,
    keep: TimeDelta,
    clock: Clock,
    spent: AtomicBool,
}

/// What is known of a key.
#[derive(Debug, PartialEq)]
pub enum Found {
    /// Nothing: it may be spent.
    Nothing,
    /// This run of the call has spent it.
    Own,
    /// It was spent on other arguments.
    OtherArguments,
    /// Another run has spent it and has no answer yet.
    Running,
    /// It was spent and this run may answer.
    Spent(Spent),
}

/// What a key was spent on.
#[derive(Clone, Debug, PartialEq)]
pub struct Spent {
    /// What the effect made or changed.
    pub subject: Vec<Uuid>,
    /// When.
    pub at: DateTime<Utc>,
    /// Whether the first run never gave its answer, so that this one holds the lease now.
    pub resumed: bool,
}

impl Spent {
    /// The id at `place` of the subject.
    pub fn id(&self, place: usize) -> Result<Uuid, DbErr> {
        let id = self.subject.get(place).copied();
        id.ok_or_else(|| DbErr::Custom(format!("an idempotency key keeps no id at place {place}")))
    }
}

impl Once {
    /// A claim for one run of a call, kept for `keep` once it is spent.
    pub fn claim(clock: &Clock, scope: Scope, fingerprints: Vec<[u8; 32]>, keep: TimeDelta) -> Once {
        let (holder, clock, spent) = (clock.id(), clock.clone(), AtomicBool::new(false));
        Once(Some(Arc::new(Claim { scope, fingerprints, holder, keep, clock, spent })))
    }

    /// Spends the key in the transaction of the effect, which made or changed `subject`. Does nothing for a call
    /// without a key. When another run of the same call was faster this fails, and the effect with it.
    pub async fn spend(&self, txn: &impl ConnectionTrait, subject: &[Uuid]) -> Result<(), DbErr> {
        let Some(claim) = &self.0 else { return Ok(()) };
        let now = claim.clock.now();
        let row = table::ActiveModel {
            actor: Set(claim.scope.actor.clone()),
            operation: Set(claim.scope.operation.clone()),
            key: Set(claim.scope.key.clone()),
            fingerprint: Set(claim.fingerprints.first().copied().unwrap_or_default().to_vec()),
            state: Set(State::Running),
            holder: Set(claim.holder),
            locked_until: Set(now + LEASE),
            subject: Set(subject.iter().map(ToString::to_string).collect()),
            created_at: Set(now),
            expires_at: Set(now + claim.keep),
        };
        fail_point::reach("key.spending").await;
        Entity::insert(row).exec_without_returning(txn).await?;
        claim.spent.store(true, Ordering::SeqCst);
        fail_point::reach("key.spent").await;
        Ok(())
    }

    /// Whether the key has been spent, and on what. Takes over the lease of a run that is gone.
    pub async fn look(&self, db: &Database) -> Result<Found, DbErr> {
        let Some(claim) = &self.0 else { return Ok(Found::Nothing) };
        fail_point::reach("key.looking").await;
        let row = Entity::find().filter(claim.own_row()).one(db.read()).await?;
        fail_point::reach("key.looked").await;
        let Some(row) = row else { return Ok(Found::Nothing) };
        let now = claim.clock.now();
        if row.holder == claim.holder {
            return Ok(Found::Own);
        }
        if row.expires_at <= now {
            let over = Entity::delete_many().filter(claim.own_row()).filter(Column::ExpiresAt.lte(now));
            over.exec(db.write()).await?;
            return Ok(Found::Nothing);
        }
        if !claim.fingerprints.iter().any(|known| known.as_slice() == row.fingerprint) {
            return Ok(Found::OtherArguments);
        }
        let resumed = row.state == State::Running;
        if resumed && (row.locked_until > now || !claim.take_over(db, &row, now).await?) {
            return Ok(Found::Running);
        }
        let subject = row.subject.as_array().into_iter().flatten();
        let subject = subject.filter_map(|id| id.as_str()?.parse().ok()).collect();
        Ok(Found::Spent(Spent { subject, at: row.created_at, resumed }))
    }

    /// Whether this run has written that it spent the key. The transaction may have been rolled back since.
    pub fn has_spent(&self) -> bool {
        self.0.as_ref().is_some_and(|claim| claim.spent.load(Ordering::SeqCst))
    }

    /// Says that the call has its answer.
    pub async fn finish(&self, db: &Database) -> Result<(), DbErr> {
        let Some(claim) = &self.0 else { return Ok(()) };
        let held = Entity::update_many()
            .col_expr(Column::State, Expr::value(State::Done))
            .filter(claim.own_row())
            .filter(Column::Holder.eq(claim.holder));
        fail_point::reach("key.finishing").await;
        held.exec(db.write()).await?;
        fail_point::reach("key.finished").await;
        Ok(())
    }

    /// Gives the lease back without an answer, so that the next run with this key may go on at once.
    pub async fn release(&self, db: &Database) -> Result<(), DbErr> {
        let Some(claim) = &self.0 else { return Ok(()) };
        let held = Entity::update_many()
            .col_expr(Column::LockedUntil, Expr::value(claim.clock.now()))
            .filter(claim.own_row())
            .filter(Column::Holder.eq(claim.holder))
            .filter(Column::State.eq(State::Running));
        held.exec(db.write()).await.map(|_| ())
    }
}

impl Claim {
    fn own_row(&self) -> Condition {
        Condition::all()
            .add(Column::Actor.eq(&self.scope.actor))
            .add(Column::Operation.eq(&self.scope.operation))
            .add(Column::Key.eq(&self.scope.key))
    }

    /// Takes the lease of a run that is gone, unless somebody else has since it was seen.
    async fn take_over(&self, db: &Database, seen: &table::Model, now: DateTime<Utc>) -> Result<bool, DbErr> {
        let taken = Entity::update_many()
            .col_expr(Column::Holder, Expr::value(self.holder))
            .col_expr(Column::LockedUntil, Expr::value(now + LEASE))
            .filter(self.own_row())
            .filter(Column::State.eq(State::Running))
            .filter(Column::Holder.eq(seen.holder))
            .filter(Column::LockedUntil.eq(seen.locked_until))
            .exec(db.write())
            .await?;
        Ok(taken.rows_affected == 1)
    }
}

/// Removes every key whose time is over. Answers how many there were.
pub async fn purge(db: &Database, clock: &Clock) -> Result<u64, DbErr> {
    let over = Entity::delete_many().filter(Column::ExpiresAt.lte(clock.now()));
    Ok(over.exec(db.write()).await?.rows_affected)
}
