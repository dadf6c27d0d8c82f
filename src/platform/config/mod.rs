//! Settings from flags and environment variables.
//!
//! **Invariant:** all settings are checked before anything starts, and every wrong one is named in the same error.

mod check;
mod checked;
mod checks;
mod database;
mod graphql;
mod secret;
mod settings;
mod stripe;
#[cfg(feature = "test-clock")]
mod test_clock;

pub use checked::Config;
pub use checks::{WrongSetting, is_loopback};
pub use graphql::{CostBudget, GraphqlConfig, GraphqlSettings, Origins};
pub use secret::Secret;
pub use settings::Settings;
pub use stripe::StripeConfig;
#[cfg(feature = "test-clock")]
pub use test_clock::TestClock;
