//! What an operation is charged, and how that is told.

use async_graphql::{Context, Name, ScalarType, SimpleObject, Value};
use chrono::{DateTime, Utc};

use super::request::Answer;
use crate::graphql::support::error_codes::ErrorCode;
use crate::graphql::support::scalars;
use crate::platform::App;
use crate::platform::limits::rate_limit::Payer;
use crate::platform::limits::token_bucket::Balance;

/// What is paid for a request that is refused before it runs.
pub const REFUSED: u64 = 1;

/// So many bytes of a text cost a point to keep.
const KEPT_BYTES_PER_POINT: usize = 100;

/// What it costs to keep a text for who will name it by its hash.
pub fn keeping(text: &str) -> u64 {
    u64::try_from(text.len().div_ceil(KEPT_BYTES_PER_POINT)).unwrap_or(u64::MAX)
}

/// What was charged, and what is left.
#[derive(Clone, Copy, Debug)]
pub struct Paid {
    /// The points charged, or asked for in vain.
    pub requested: u64,
    /// What one operation may cost at most.
    pub limit: u64,
    /// The budget that paid and the instant at which it is full again, where there are budgets.
    pub budget: Option<(Balance, DateTime<Utc>)>,
}

/// Charges a payer, or refuses them.
pub async fn charge(app: &App, payer: &Payer, points: u64) -> Result<Paid, Box<Answer>> {
    let spent = app.rate_limit.cost(payer, points).await;
    let balance = spent.unwrap_or_else(|wait| Some(wait.balance));
    let budget = balance.map(|balance| (balance, app.clock.now() + balance.full_in));
    let paid = Paid { requested: points, limit: app.config.graphql.operation_cost, budget };
    let Err(wait) = spent else { return Ok(paid) };
    let message = format!(
        "this costs {points} points and {} are left of the budget; wait {} seconds",
        wait.balance.remaining, wait.retry_after_s
    );
    let mut answer = Answer::refused(ErrorCode::RateLimited, message).with("retryAfter", wait.retry_after_s);
    answer.retry_after_s = Some(wait.retry_after_s);
    answer.paid = Some(paid);
    Err(answer)
}

impl Paid {
    /// The value of `extensions.cost`.
    pub fn told(&self) -> Value {
        let (remaining, reset_at) = match &self.budget {
            Some((balance, full_at)) => (balance.remaining.into(), scalars::DateTime(*full_at).to_value()),
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

/// The budget that pays for what you ask.
#[derive(SimpleObject)]
pub struct RateLimit {
    /// The points that the budget holds when it is full.
    limit: i32,
    /// The points that this operation costs.
    cost: i32,
    /// The points that are left.
    remaining: i32,
    /// When the budget is full again if nothing more is spent.
    reset_at: scalars::DateTime,
}

/// The budget that paid for this operation.
pub fn rate_limit(ctx: &Context<'_>) -> Option<RateLimit> {
    let paid = ctx.data_opt::<Paid>()?;
    let (balance, full_at) = paid.budget?;
    let number = |points: u64| i32::try_from(points).unwrap_or(i32::MAX);
    Some(RateLimit {
        limit: number(balance.quota),
        cost: number(paid.requested),
        remaining: number(balance.remaining),
        reset_at: scalars::DateTime(full_at),
    })
}
