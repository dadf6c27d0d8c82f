//! A processor for trying and testing: it behaves like a card processor, keeps its own books and moves no money.
//!
//! The payment method's token says what will happen: `ok`, `declined`, `insufficient_funds`, `3ds` (the guest must
//! act, then it succeeds), `3ds_fails`, `slow` (answers after two seconds), `unknown` (takes effect, but the answer is
//! lost), `lost` (the request never arrives). Any other token is refused. A host's account does the same: `closed`
//! refuses money, `unknown` takes it without an answer, `lost` never hears of it, every other one takes it.

use std::time::Duration;

use chrono::TimeDelta;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, Set,
};
use serde_json::json;

use super::event::{BadEvent, Event};
use super::{
    Answer, Authorization, DisputeReport, GatewayError, Intent, IntentState, PaymentGateway, RefundProgress,
    RefundReport, Transfer,
};
use crate::platform::clock::Clock;
use crate::platform::database::Database;
use crate::platform::fail_point;

mod transfer {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "sandbox_transfer")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub idempotency_key: String,
        pub destination: String,
        pub currency: String,
        pub amount_minor: i64,
        pub created_at: ChronoDateTimeUtc,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod table {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "sandbox_intent")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub idempotency_key: String,
        pub reference: String,
        pub state: String,
        pub method: String,
        pub currency: String,
        pub amount_minor: i64,
        pub captured_minor: i64,
        pub refunded_minor: i64,
        pub decline_code: Option<String>,
        pub refunds: Json,
        pub created_at: ChronoDateTimeUtc,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

const SLOW: Duration = Duration::from_secs(2);
/// Card authorisations live about a week.
const AUTHORIZATION_DAYS: i64 = 7;

/// The sandbox processor.
pub struct Sandbox {
    db: Database,
    clock: Clock,
}

impl From<DbErr> for GatewayError {
    fn from(error: DbErr) -> Self {
        GatewayError::Unknown(error.to_string())
    }
}

impl Sandbox {
    /// A processor whose books are in `db`.
    pub fn new(db: Database, clock: Clock) -> Self {
        Sandbox { db, clock }
    }

    async fn open(&self, request: Authorization) -> Result<Intent, GatewayError> {
        if request.method == "slow" {
            tokio::time::sleep(SLOW).await;
        }
        let known = table::Entity::find_by_id(&request.idempotency_key).one(self.db.read()).await?;
        if let Some(known) = known {
            if known.amount_minor != request.amount_minor || known.currency != request.currency {
                return Err(GatewayError::Refused("the idempotency key was used for another amount".into()));
            }
            return Ok(self.intent(known));
        }
        let (state, decline_code) = match request.method.as_str() {
            "ok" | "slow" | "unknown" => ("REQUIRES_CAPTURE", None),
            "3ds" | "3ds_fails" => ("REQUIRES_ACTION", None),
            "declined" => ("FAILED", Some("generic_decline")),
            "insufficient_funds" => ("FAILED", Some("insufficient_funds")),
            "lost" => {
                return Err(GatewayError::Unknown("the connection was reset before the request arrived".into()));
            }
            _ => return Err(GatewayError::Refused("no such payment method".into())),
        };
        let row = table::ActiveModel {
            reference: Set(format!("sbx_{}", self.clock.id().simple())),
            state: Set(state.into()),
            method: Set(request.method.clone()),
            currency: Set(request.currency),
            amount_minor: Set(request.amount_minor),
            captured_minor: Set(0),
            refunded_minor: Set(0),
            decline_code: Set(decline_code.map(Into::into)),
            refunds: Set(json!({})),
            created_at: Set(self.clock.now()),
            idempotency_key: Set(request.idempotency_key.clone()),
        };
        fail_point::reach("sandbox.authorizing").await;
        let insert = table::Entity::insert(row)
            .on_conflict(OnConflict::column(table::Column::IdempotencyKey).do_nothing().to_owned())
            .exec_without_returning(self.db.write())
            .await;
        fail_point::reach("sandbox.authorized").await;
        if let Err(error) = insert
            && !matches!(error, DbErr::RecordNotInserted)
        {
            return Err(error.into());
        }
        if request.method == "unknown" {
            return Err(GatewayError::Unknown("the connection was reset before the answer arrived".into()));
        }
        let row = table::Entity::find_by_id(&request.idempotency_key).one(self.db.write()).await?;
        row.map(|row| self.intent(row)).ok_or_else(|| GatewayError::Unknown("the intent is gone".into()))
    }

    async fn send(&self, request: Transfer) -> Result<String, GatewayError> {
        match request.destination.as_str() {
            "closed" => return Err(GatewayError::Refused("account_closed".into())),
            "lost" => {
                return Err(GatewayError::Unknown("the connection was reset before the request arrived".into()));
            }
            _ => {}
        }
        let row = transfer::ActiveModel {
            idempotency_key: Set(request.idempotency_key.clone()),
            destination: Set(request.destination.clone()),
            currency: Set(request.currency),
            amount_minor: Set(request.amount_minor),
            created_at: Set(self.clock.now()),
        };
        fail_point::reach("sandbox.transferring").await;
        let insert = transfer::Entity::insert(row)
            .on_conflict(OnConflict::column(transfer::Column::IdempotencyKey).do_nothing().to_owned())
            .exec_without_returning(self.db.write())
            .await;
        fail_point::reach("sandbox.transferred").await;
        match insert {
            Ok(1) if request.destination == "unknown" => {
                return Err(GatewayError::Unknown("the connection was reset before the answer arrived".into()));
            }
            Ok(_) | Err(DbErr::RecordNotInserted) => {}
            Err(error) => return Err(error.into()),
        }
        let known = transfer::Entity::find_by_id(&request.idempotency_key).one(self.db.write()).await?;
        match known {
            Some(known) if known.amount_minor == request.amount_minor => Ok(format!("sbt_{}", known.idempotency_key)),
            _ => Err(GatewayError::Refused("the idempotency key was used for another amount".into())),
        }
    }

    /// Changes one intent under a lock. A test may stop the process just before the change is kept, or just after.
    async fn change(
        &self,
        reference: &str,
        [changing, changed]: [&'static str; 2],
        change: impl FnOnce(&table::Model, &mut table::ActiveModel) -> Result<(), GatewayError>,
    ) -> Result<Intent, GatewayError> {
        let txn = self.db.begin_write().await?;
        let row = locked(&txn, reference).await?;
        let mut next = row.clone().into_active_model();
        change(&row, &mut next)?;
        let row = if next.is_changed() { next.update(&txn).await? } else { row };
        fail_point::reach(changing).await;
        txn.commit().await?;
        fail_point::reach(changed).await;
        Ok(self.intent(row))
    }

    fn intent(&self, row: table::Model) -> Intent {
        let state = match row.state.as_str() {
            "REQUIRES_ACTION" => IntentState::RequiresAction { client_secret: format!("{}_secret", row.reference) },
            "REQUIRES_CAPTURE" => IntentState::RequiresCapture,
            "SUCCEEDED" => IntentState::Succeeded,
            "CANCELLED" => IntentState::Cancelled,
            _ => IntentState::Failed { decline_code: row.decline_code.unwrap_or_else(|| "generic_decline".into()) },
        };
        Intent {
            reference: row.reference,
            state,
            captured_minor: row.captured_minor,
            capture_before: Some(row.created_at + TimeDelta::days(AUTHORIZATION_DAYS)),
        }
    }
}

async fn named(db: &impl ConnectionTrait, reference: &str) -> Result<table::Model, GatewayError> {
    let row = table::Entity::find().filter(table::Column::Reference.eq(reference)).one(db).await?;
    row.ok_or_else(|| GatewayError::Refused("no such payment".into()))
}

/// The sandbox pays back at once.
fn report(key: &str) -> RefundReport {
    RefundReport { reference: format!("sbr_{key}"), key: Some(key.to_owned()), progress: RefundProgress::Succeeded }
}

async fn locked(txn: &impl ConnectionTrait, reference: &str) -> Result<table::Model, GatewayError> {
    let row = table::Entity::find().filter(table::Column::Reference.eq(reference)).lock_exclusive().one(txn).await?;
    row.ok_or_else(|| GatewayError::Refused("no such payment".into()))
}

impl PaymentGateway for Sandbox {
    fn provider(&self) -> &'static str {
        "sandbox"
    }

    fn authorize(&self, request: Authorization) -> Answer<'_, Intent> {
        Box::pin(self.open(request))
    }

    fn find<'a>(&'a self, request: &'a Authorization) -> Answer<'a, Option<Intent>> {
        Box::pin(async move {
            let row = table::Entity::find_by_id(&request.idempotency_key).one(self.db.read()).await?;
            Ok(row.map(|row| self.intent(row)))
        })
    }

    fn read<'a>(&'a self, reference: &'a str) -> Answer<'a, Intent> {
        Box::pin(async move { Ok(self.intent(named(self.db.read(), reference).await?)) })
    }

    fn confirm<'a>(&'a self, reference: &'a str) -> Answer<'a, Intent> {
        Box::pin(self.change(reference, ["sandbox.confirming", "sandbox.confirmed"], |row, next| {
            if row.state == "REQUIRES_ACTION" {
                if row.method == "3ds_fails" {
                    next.state = Set("FAILED".into());
                    next.decline_code = Set(Some("authentication_failed".into()));
                } else {
                    next.state = Set("REQUIRES_CAPTURE".into());
                }
            }
            Ok(())
        }))
    }

    fn capture<'a>(&'a self, reference: &'a str) -> Answer<'a, Intent> {
        Box::pin(self.change(
            reference,
            ["sandbox.capturing", "sandbox.captured"],
            |row, next| match row.state.as_str() {
                "SUCCEEDED" => Ok(()),
                "REQUIRES_CAPTURE" => {
                    next.state = Set("SUCCEEDED".into());
                    next.captured_minor = Set(row.amount_minor);
                    Ok(())
                }
                state => Err(GatewayError::Refused(format!("a payment that is {state} cannot be captured"))),
            },
        ))
    }

    fn void<'a>(&'a self, reference: &'a str) -> Answer<'a, Intent> {
        Box::pin(self.change(reference, ["sandbox.voiding", "sandbox.voided"], |row, next| match row.state.as_str() {
            "CANCELLED" | "FAILED" => Ok(()),
            "SUCCEEDED" => Err(GatewayError::Refused("a captured payment cannot be voided".into())),
            _ => {
                next.state = Set("CANCELLED".into());
                Ok(())
            }
        }))
    }

    fn refund<'a>(
        &'a self,
        reference: &'a str,
        idempotency_key: &'a str,
        amount_minor: i64,
    ) -> Answer<'a, RefundReport> {
        Box::pin(async move {
            let places = ["sandbox.refunding", "sandbox.refunded"];
            let refunded = self.change(reference, places, |row, next| {
                if row.refunds.get(idempotency_key).is_some() {
                    return Ok(());
                }
                if amount_minor <= 0 || row.refunded_minor + amount_minor > row.captured_minor {
                    return Err(GatewayError::Refused("more than what is left of the payment".into()));
                }
                let mut refunds = row.refunds.clone();
                refunds[idempotency_key] = json!(amount_minor);
                next.refunds = Set(refunds);
                next.refunded_minor = Set(row.refunded_minor + amount_minor);
                Ok(())
            });
            refunded.await.map(|_| report(idempotency_key))
        })
    }

    fn refunds<'a>(&'a self, reference: &'a str) -> Answer<'a, Vec<RefundReport>> {
        Box::pin(async move {
            let row = named(self.db.read(), reference).await?;
            let keys = row.refunds.as_object().map(|refunds| refunds.keys().map(|key| report(key)).collect());
            Ok(keys.unwrap_or_default())
        })
    }

    fn transfer(&self, request: Transfer) -> Answer<'_, String> {
        Box::pin(self.send(request))
    }

    fn dispute<'a>(&'a self, _: &'a str) -> Answer<'a, DisputeReport> {
        Box::pin(async { Err(GatewayError::Refused("the sandbox knows no disputes".into())) })
    }

    fn has_fees(&self) -> bool {
        false
    }

    fn fee<'a>(&'a self, _: &'a str, _: &'a str) -> Answer<'a, Option<i64>> {
        Box::pin(async { Ok(Some(0)) })
    }

    fn event(&self, _: &str, _: &[u8]) -> Result<Event, BadEvent> {
        Err(BadEvent::NotExpected)
    }
}
