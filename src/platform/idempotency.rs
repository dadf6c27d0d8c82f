//! Idempotency keys. Each key has a row, which is written in the transaction of the effect.
//!
//! **Invariant:** a request with a key has no effect without a row. The row is written in the transaction of the
//! effect; only `confirm_payment` writes it before the effect, because the payment processor is called outside of a
//! transaction, so there a row can exist without the effect. A row is RUNNING until the request has its response. Until
//! then the process that executes the request holds a lease on the row. Nothing renews the lease. So after it has
//! expired, the process may have ended or may only be slower than the lease; the next request with the same key takes
//! the lease over and continues with the recorded effect. The row contains the ids of what the effect created or
//! changed, never the response, which may contain secrets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, Set};
use uuid::Uuid;

use super::clock::Clock;
use super::database::Database;
use super::fail_point;

/// How long a request may take for its response before another request with the same key may continue it.
pub const LEASE: TimeDelta = TimeDelta::seconds(60);

mod table {
    use sea_orm::entity::prelude::*;

    /// The progress of the request.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
    pub enum State {
        /// The row is written, the response is not.
        Running,
        /// The response was computed.
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

/// What identifies a key. The same text of another user, or for another operation, is another key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The id of the signed-in user, or `anonymous`.
    pub actor: String,
    /// The name of the mutation.
    pub operation: String,
    /// The key that the client sent.
    pub key: String,
}

/// The idempotency key of one request, or none. Cheap to clone.
#[derive(Clone, Default)]
pub struct IdempotencyKey(Option<Arc<KeyUse>>);

/// The use of a key by one request.
struct KeyUse {
    scope: Scope,
    /// The fingerprints of the arguments, one for each signing key in use. The first one is stored.
    fingerprints: Vec<[u8; 32]>,
    /// Distinguishes this request from others with the same key.
    holder: Uuid,
    lifetime: TimeDelta,
    clock: Clock,
    is_recorded: AtomicBool,
}

/// The status of a key for one request.
#[derive(Debug, PartialEq)]
pub enum KeyStatus {
    /// The key has no row. The request may be executed.
    Unused,
    /// This request has recorded the key.
    OwnRequest,
    /// A request with other arguments has recorded the key.
    OtherArguments,
    /// Another request has recorded the key and has no response yet.
    Running,
    /// An earlier request has recorded the key. This request replays it.
    Recorded(RecordedEffect),
}

/// What the request that recorded a key has done.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedEffect {
    /// The ids of the rows that the effect created or changed.
    pub subject: Vec<Uuid>,
    /// When the key was recorded.
    pub at: DateTime<Utc>,
    /// Whether the earlier request had no response, so that this one has taken over its lease.
    pub resumed: bool,
}

impl RecordedEffect {
    /// The id at position `place` of the subject.
    pub fn id(&self, place: usize) -> Result<Uuid, DbErr> {
        let id = self.subject.get(place).copied();
        id.ok_or_else(|| DbErr::Custom(format!("the idempotency key has recorded no id at position {place}")))
    }
}

impl IdempotencyKey {
    /// The key of one request. Its row expires after `lifetime`.
    pub fn new(clock: &Clock, scope: Scope, fingerprints: Vec<[u8; 32]>, lifetime: TimeDelta) -> IdempotencyKey {
        let (holder, clock, is_recorded) = (clock.new_id(), clock.clone(), AtomicBool::new(false));
        IdempotencyKey(Some(Arc::new(KeyUse { scope, fingerprints, holder, lifetime, clock, is_recorded })))
    }

    /// Records the key in the transaction of the effect, which created or changed `subject`. Does nothing for a request
    /// without a key. Fails, and the transaction with it, if another request with the same key was faster.
    pub async fn record(&self, txn: &impl ConnectionTrait, subject: &[Uuid]) -> Result<(), DbErr> {
        let Some(key) = &self.0 else { return Ok(()) };
        let now = key.clock.now();
        let row = table::ActiveModel {
            actor: Set(key.scope.actor.clone()),
            operation: Set(key.scope.operation.clone()),
            key: Set(key.scope.key.clone()),
            fingerprint: Set(key.fingerprints.first().copied().unwrap_or_default().to_vec()),
            state: Set(State::Running),
            holder: Set(key.holder),
            locked_until: Set(now + LEASE),
            subject: Set(subject.iter().map(ToString::to_string).collect()),
            created_at: Set(now),
            expires_at: Set(now + key.lifetime),
        };
        fail_point::reach("key.recording").await;
        Entity::insert(row).exec_without_returning(txn).await?;
        key.is_recorded.store(true, Ordering::SeqCst);
        fail_point::reach("key.recorded").await;
        Ok(())
    }

    /// Checks whether the key is recorded. Takes over the lease of an earlier request if it has expired.
    pub async fn check(&self, db: &Database) -> Result<KeyStatus, DbErr> {
        let Some(key) = &self.0 else { return Ok(KeyStatus::Unused) };
        fail_point::reach("key.checking").await;
        let row = Entity::find().filter(key.own_row()).one(db.read()).await?;
        fail_point::reach("key.checked").await;
        let Some(row) = row else { return Ok(KeyStatus::Unused) };
        let now = key.clock.now();
        if row.holder == key.holder {
            return Ok(KeyStatus::OwnRequest);
        }
        if row.expires_at <= now {
            let expired = Entity::delete_many().filter(key.own_row()).filter(Column::ExpiresAt.lte(now));
            expired.exec(db.write()).await?;
            return Ok(KeyStatus::Unused);
        }
        if !key.fingerprints.iter().any(|fingerprint| fingerprint.as_slice() == row.fingerprint) {
            return Ok(KeyStatus::OtherArguments);
        }
        let resumed = row.state == State::Running;
        if resumed && (row.locked_until > now || !key.take_over(db, &row, now).await?) {
            return Ok(KeyStatus::Running);
        }
        let subject = row.subject.as_array().into_iter().flatten();
        let subject = subject.filter_map(|id| id.as_str()?.parse().ok()).collect();
        Ok(KeyStatus::Recorded(RecordedEffect { subject, at: row.created_at, resumed }))
    }

    /// Whether this request has written the row of the key. The transaction may have been rolled back afterwards.
    pub fn is_recorded(&self) -> bool {
        self.0.as_ref().is_some_and(|key| key.is_recorded.load(Ordering::SeqCst))
    }

    /// Marks the request as done: it has its response.
    pub async fn finish(&self, db: &Database) -> Result<(), DbErr> {
        let Some(key) = &self.0 else { return Ok(()) };
        let own = Entity::update_many()
            .col_expr(Column::State, Expr::value(State::Done))
            .filter(key.own_row())
            .filter(Column::Holder.eq(key.holder));
        fail_point::reach("key.finishing").await;
        own.exec(db.write()).await?;
        fail_point::reach("key.finished").await;
        Ok(())
    }

    /// Releases the lease without a response, so that the next request with the key can continue at once.
    pub async fn release(&self, db: &Database) -> Result<(), DbErr> {
        let Some(key) = &self.0 else { return Ok(()) };
        let own = Entity::update_many()
            .col_expr(Column::LockedUntil, Expr::value(key.clock.now()))
            .filter(key.own_row())
            .filter(Column::Holder.eq(key.holder))
            .filter(Column::State.eq(State::Running));
        own.exec(db.write()).await.map(|_| ())
    }
}

impl KeyUse {
    fn own_row(&self) -> Condition {
        Condition::all()
            .add(Column::Actor.eq(&self.scope.actor))
            .add(Column::Operation.eq(&self.scope.operation))
            .add(Column::Key.eq(&self.scope.key))
    }

    /// Takes over an expired lease. False if another request took it over after `seen` was read.
    async fn take_over(&self, db: &Database, seen: &table::Model, now: DateTime<Utc>) -> Result<bool, DbErr> {
        let updated = Entity::update_many()
            .col_expr(Column::Holder, Expr::value(self.holder))
            .col_expr(Column::LockedUntil, Expr::value(now + LEASE))
            .filter(self.own_row())
            .filter(Column::State.eq(State::Running))
            .filter(Column::Holder.eq(seen.holder))
            .filter(Column::LockedUntil.eq(seen.locked_until))
            .exec(db.write())
            .await?;
        Ok(updated.rows_affected == 1)
    }
}

/// Deletes every expired key. Returns how many.
pub async fn purge(db: &Database, clock: &Clock) -> Result<u64, DbErr> {
    let expired = Entity::delete_many().filter(Column::ExpiresAt.lte(clock.now()));
    Ok(expired.exec(db.write()).await?.rows_affected)
}
