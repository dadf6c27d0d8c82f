//! Charges operations and events to the budget of their caller.

use async_graphql::{Name, ScalarType, Value};
use chrono::{DateTime, Utc};

use super::scalars;
use crate::platform::App;
use crate::platform::limits::rate_limit::Payer;
use crate::platform::limits::token_bucket::Balance;

/// Points that are charged for a request that is refused before it runs.
pub const REFUSED_POINTS: u64 = 1;
/// Bytes of a document that cost one point to store.
const STORED_BYTES_PER_POINT: usize = 100;

/// The points that it costs to store a document, so that later requests can send its hash alone.
pub fn storage_points(text: &str) -> u64 {
    u64::try_from(text.len().div_ceil(STORED_BYTES_PER_POINT)).unwrap_or(u64::MAX)
}

/// What was charged, and what is left.
#[derive(Clone, Copy, Debug)]
pub struct Charge {
    /// Points that were charged, or that the budget could not pay.
    pub requested: u64,
    /// The most points that one operation may cost.
    pub limit: u64,
    /// The budget after the charge and the instant at which it is full again. None if the server has no budgets.
    pub budget: Option<(Balance, DateTime<Utc>)>,
}

/// The budget of the payer has too few points left.
#[derive(Clone, Debug)]
pub struct BudgetExceeded {
    /// What was requested, and what is left.
    pub charge: Charge,
    /// Whole seconds until the budget has enough points.
    pub retry_after_s: u64,
    /// What happened and how long to wait, for people.
    pub message: String,
}

/// Charges `points` to the budget of `payer`. Charges nothing if too few points are left.
pub async fn charge(app: &App, payer: &Payer, points: u64) -> Result<Charge, Box<BudgetExceeded>> {
    let spent = app.rate_limit.charge_cost(payer, points).await;
    let balance = spent.unwrap_or_else(|wait| Some(wait.balance));
    let budget = balance.map(|balance| (balance, app.clock.now() + balance.full_in));
    let charge = Charge { requested: points, limit: app.config.graphql.operation_cost, budget };
    let Err(wait) = spent else { return Ok(charge) };
    let message = format!(
        "this costs {points} points and the budget has {} left; wait {} seconds",
        wait.balance.remaining, wait.retry_after_s
    );
    Err(Box::new(BudgetExceeded { charge, retry_after_s: wait.retry_after_s, message }))
}

impl Charge {
    /// The value of `extensions.cost`.
    pub fn to_extension(self) -> Value {
        let (remaining, reset_at) = match self.budget {
            Some((balance, full_at)) => (balance.remaining.into(), scalars::DateTime(full_at).to_value()),
            None => (Value::Null, Value::Null),
        };
        let facts = [
            ("requested", self.requested.into()),
            ("limit", self.limit.into()),
            ("remaining", remaining),
            ("resetAt", reset_at),
        ];
        Value::Object(facts.into_iter().map(|(name, fact)| (Name::new(name), fact)).collect())
    }
}
