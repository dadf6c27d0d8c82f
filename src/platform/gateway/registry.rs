//! Chooses the payment gateway.

use std::sync::Arc;

use super::payment_gateway::PaymentGateway;
use super::sandbox::Sandbox;
use super::stripe::Stripe;
use crate::platform::clock::Clock;
use crate::platform::config::Config;
use crate::platform::database::Database;
use crate::platform::start_error::StartError;

/// The gateway that `config` asks for: Stripe if there is a secret key for it, otherwise the sandbox.
pub fn from_config(config: &Config, db: &Database, clock: &Clock) -> Result<Arc<dyn PaymentGateway>, StartError> {
    Ok(match &config.stripe {
        Some(stripe) => Arc::new(Stripe::new(stripe, clock.clone())?),
        None => sandbox(db, clock),
    })
}

/// The sandbox, which keeps its state in `db` and moves no money.
pub fn sandbox(db: &Database, clock: &Clock) -> Arc<dyn PaymentGateway> {
    Arc::new(Sandbox::new(db.clone(), clock.clone()))
}
