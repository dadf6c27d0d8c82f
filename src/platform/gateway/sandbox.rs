//! The sandbox: a payment gateway for development and tests. It simulates a card processor, keeps its state in tables
//! of its own and moves no money.
//!
//! The token of the payment method selects the result: `ok`, `declined`, `insufficient_funds`, `3ds` (requires an
//! action of the guest and then succeeds), `3ds_fails`, `slow` (responds after two seconds), `unknown` (takes effect,
//! but the response is lost), `lost` (the request does not arrive). Any other token is refused. The id of a host's
//! account does the same: `closed` refuses the transfer, `unknown` accepts it without a response, at `lost` the request
//! does not arrive, and every other id accepts it.

use std::time::Duration;

use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, Set,
};
use serde_json::json;

use super::error::{GatewayError, GatewayFuture};
use super::event::{EventError, ProcessorEvent};
use super::payment_gateway::PaymentGateway;
use super::requests::{Authorization, Transfer};
use super::responses::{AUTHORIZATION_LIFETIME, DisputeReport, Intent, IntentState, RefundProgress, RefundReport};
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

/// The gateway without a processor.
pub struct Sandbox {
    db: Database,
    clock: Clock,
}

impl Sandbox {
    /// A sandbox that keeps its state in `db`.
    pub fn new(db: Database, clock: Clock) -> Self {
        Sandbox { db, clock }
    }

    async fn create_intent(&self, request: Authorization) -> Result<Intent, GatewayError> {
        if request.method == "slow" {
            tokio::time::sleep(SLOW).await;
        }
        let existing = table::Entity::find_by_id(&request.idempotency_key).one(self.db.read()).await?;
        if let Some(existing) = existing {
            if existing.amount_minor != request.amount_minor || existing.currency != request.currency {
                return Err(GatewayError::Refused("the idempotency key was used with another amount".into()));
            }
            return Ok(into_intent(existing));
        }
        let (state, decline_code) = match request.method.as_str() {
            "ok" | "slow" | "unknown" => ("REQUIRES_CAPTURE", None),
            "3ds" | "3ds_fails" => ("REQUIRES_ACTION", None),
            "declined" => ("FAILED", Some("generic_decline")),
            "insufficient_funds" => ("FAILED", Some("insufficient_funds")),
            "lost" => {
                return Err(GatewayError::Unknown("the connection was reset before the request arrived".into()));
            }
            _ => return Err(GatewayError::Refused("there is no such payment method".into())),
        };
        let row = table::ActiveModel {
            reference: Set(format!("sbx_{}", self.clock.new_id().simple())),
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
            return Err(GatewayError::Unknown("the connection was reset before the response arrived".into()));
        }
        let row = table::Entity::find_by_id(&request.idempotency_key).one(self.db.write()).await?;
        row.map(into_intent).ok_or_else(|| GatewayError::Unknown("the payment is missing".into()))
    }

    async fn create_transfer(&self, request: Transfer) -> Result<String, GatewayError> {
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
                return Err(GatewayError::Unknown("the connection was reset before the response arrived".into()));
            }
            Ok(_) | Err(DbErr::RecordNotInserted) => {}
            Err(error) => return Err(error.into()),
        }
        let stored = transfer::Entity::find_by_id(&request.idempotency_key).one(self.db.write()).await?;
        match stored {
            Some(stored) if stored.amount_minor == request.amount_minor => {
                Ok(format!("sbt_{}", stored.idempotency_key))
            }
            _ => Err(GatewayError::Refused("the idempotency key was used with another amount".into())),
        }
    }

    /// Changes one payment under a lock. The fail points let a test stop the process before and after the commit.
    async fn change(
        &self,
        reference: &str,
        [before_commit, after_commit]: [&'static str; 2],
        change: impl FnOnce(&table::Model, &mut table::ActiveModel) -> Result<(), GatewayError>,
    ) -> Result<Intent, GatewayError> {
        let txn = self.db.begin_write().await?;
        let row = load_locked(&txn, reference).await?;
        let mut next = row.clone().into_active_model();
        change(&row, &mut next)?;
        let row = if next.is_changed() { next.update(&txn).await? } else { row };
        fail_point::reach(before_commit).await;
        txn.commit().await?;
        fail_point::reach(after_commit).await;
        Ok(into_intent(row))
    }
}

/// The payment of a row as the gateway reports it.
fn into_intent(row: table::Model) -> Intent {
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
        capture_before: Some(row.created_at + AUTHORIZATION_LIFETIME),
    }
}

async fn load(db: &impl ConnectionTrait, reference: &str) -> Result<table::Model, GatewayError> {
    let row = table::Entity::find().filter(table::Column::Reference.eq(reference)).one(db).await?;
    row.ok_or_else(|| GatewayError::Refused("there is no such payment".into()))
}

/// A finished refund: the sandbox refunds at once.
fn refund_report(key: &str) -> RefundReport {
    RefundReport { reference: format!("sbr_{key}"), key: Some(key.to_owned()), progress: RefundProgress::Succeeded }
}

async fn load_locked(txn: &impl ConnectionTrait, reference: &str) -> Result<table::Model, GatewayError> {
    let row = table::Entity::find().filter(table::Column::Reference.eq(reference)).lock_exclusive().one(txn).await?;
    row.ok_or_else(|| GatewayError::Refused("there is no such payment".into()))
}

impl PaymentGateway for Sandbox {
    fn provider(&self) -> &'static str {
        "sandbox"
    }

    fn authorize(&self, request: Authorization) -> GatewayFuture<'_, Intent> {
        Box::pin(self.create_intent(request))
    }

    fn find<'a>(&'a self, request: &'a Authorization) -> GatewayFuture<'a, Option<Intent>> {
        Box::pin(async move {
            let row = table::Entity::find_by_id(&request.idempotency_key).one(self.db.read()).await?;
            Ok(row.map(into_intent))
        })
    }

    fn read<'a>(&'a self, reference: &'a str) -> GatewayFuture<'a, Intent> {
        Box::pin(async move { Ok(into_intent(load(self.db.read(), reference).await?)) })
    }

    fn confirm<'a>(&'a self, reference: &'a str) -> GatewayFuture<'a, Intent> {
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

    fn capture<'a>(&'a self, reference: &'a str) -> GatewayFuture<'a, Intent> {
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
                state => Err(GatewayError::Refused(format!("a payment in state {state} cannot be captured"))),
            },
        ))
    }

    fn void<'a>(&'a self, reference: &'a str) -> GatewayFuture<'a, Intent> {
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
    ) -> GatewayFuture<'a, RefundReport> {
        Box::pin(async move {
            let fail_points = ["sandbox.refunding", "sandbox.refunded"];
            let refunded = self.change(reference, fail_points, |row, next| {
                if row.refunds.get(idempotency_key).is_some() {
                    return Ok(());
                }
                if amount_minor <= 0 || row.refunded_minor + amount_minor > row.captured_minor {
                    return Err(GatewayError::Refused("the amount exceeds what is left of the payment".into()));
                }
                let mut refunds = row.refunds.clone();
                refunds[idempotency_key] = json!(amount_minor);
                next.refunds = Set(refunds);
                next.refunded_minor = Set(row.refunded_minor + amount_minor);
                Ok(())
            });
            refunded.await.map(|_| refund_report(idempotency_key))
        })
    }

    fn list_refunds<'a>(&'a self, reference: &'a str) -> GatewayFuture<'a, Vec<RefundReport>> {
        Box::pin(async move {
            let row = load(self.db.read(), reference).await?;
            let keys = row.refunds.as_object().map(|refunds| refunds.keys().map(|key| refund_report(key)).collect());
            Ok(keys.unwrap_or_default())
        })
    }

    fn transfer(&self, request: Transfer) -> GatewayFuture<'_, String> {
        Box::pin(self.create_transfer(request))
    }

    fn read_dispute<'a>(&'a self, _: &'a str) -> GatewayFuture<'a, DisputeReport> {
        Box::pin(async { Err(GatewayError::Refused("the sandbox has no disputes".into())) })
    }

    fn has_fees(&self) -> bool {
        false
    }

    fn read_fee<'a>(&'a self, _: &'a str, _: &'a str) -> GatewayFuture<'a, Option<i64>> {
        Box::pin(async { Ok(Some(0)) })
    }

    fn parse_event(&self, _: &str, _: &[u8]) -> Result<ProcessorEvent, EventError> {
        Err(EventError::NotSupported)
    }
}
