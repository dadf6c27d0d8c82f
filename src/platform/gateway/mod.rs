//! The payment gateways. The trait [`PaymentGateway`] is what the domain calls; each implementation connects it to one
//! payment processor, which is the company that moves the money. The sandbox is an implementation without a processor.
//!
//! **Invariant:** the domain depends on the trait only. [`from_config`] is the only place that chooses an
//! implementation.

mod error;
mod event;
mod payment_gateway;
mod registry;
mod requests;
mod responses;
mod sandbox;
mod stripe;

pub use error::{GatewayError, GatewayFuture};
pub use event::{EventError, EventObject, ProcessorEvent};
pub use payment_gateway::PaymentGateway;
pub use registry::{from_config, sandbox};
pub use requests::{Authorization, Transfer};
pub use responses::{DisputeProgress, DisputeReport, Intent, IntentState, RefundProgress, RefundReport};
