//! The budget of the caller as a type of the schema.

use async_graphql::{Context, SimpleObject};

use crate::graphql::support::budget::Charge;
use crate::graphql::support::scalars::DateTime;

/// The budget of points from which operations are paid. Signed-in users have one each, other clients one per IP
/// address.
#[derive(SimpleObject)]
pub struct RateLimit {
    /// Number of points in a full budget.
    limit: i32,
    /// Number of points charged for this operation.
    cost: i32,
    /// Number of points left after this operation.
    remaining: i32,
    /// When the budget is full if nothing more is charged.
    reset_at: DateTime,
}

/// The budget that paid for this operation.
pub fn rate_limit(ctx: &Context<'_>) -> Option<RateLimit> {
    let charge = ctx.data_opt::<Charge>()?;
    let (balance, full_at) = charge.budget?;
    let number = |points: u64| i32::try_from(points).unwrap_or(i32::MAX);
    Some(RateLimit {
        limit: number(balance.quota),
        cost: number(charge.requested),
        remaining: number(balance.remaining),
        reset_at: DateTime(full_at),
    })
}
