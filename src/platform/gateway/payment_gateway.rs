//! The trait that every payment gateway implements.

use super::error::GatewayFuture;
use super::event::{EventError, ProcessorEvent};
use super::requests::{Authorization, Transfer};
use super::responses::{DisputeReport, Intent, RefundReport};

/// A connection to a payment processor.
pub trait PaymentGateway: Send + Sync {
    /// The name of the gateway, stored with every payment.
    fn provider(&self) -> &'static str;
    /// Authorizes an amount on a card.
    fn authorize(&self, request: Authorization) -> GatewayFuture<'_, Intent>;
    /// Finds the payment of a request that may have been sent before. Never authorizes anything.
    fn find<'a>(&'a self, request: &'a Authorization) -> GatewayFuture<'a, Option<Intent>>;
    /// Reads a payment by the processor's id. Changes nothing.
    fn read<'a>(&'a self, reference: &'a str) -> GatewayFuture<'a, Intent>;
    /// Continues a payment after the guest has completed the required action.
    fn confirm<'a>(&'a self, reference: &'a str) -> GatewayFuture<'a, Intent>;
    /// Captures an authorized amount. Repeating it changes nothing.
    fn capture<'a>(&'a self, reference: &'a str) -> GatewayFuture<'a, Intent>;
    /// Voids an authorization. Repeating it changes nothing.
    fn void<'a>(&'a self, reference: &'a str) -> GatewayFuture<'a, Intent>;
    /// Refunds part of a captured amount. Sending it again with the same key refunds nothing more.
    fn refund<'a>(
        &'a self,
        reference: &'a str,
        idempotency_key: &'a str,
        amount_minor: i64,
    ) -> GatewayFuture<'a, RefundReport>;
    /// Lists every refund of a payment.
    fn list_refunds<'a>(&'a self, reference: &'a str) -> GatewayFuture<'a, Vec<RefundReport>>;
    /// Sends money to a host and returns the processor's id of the transfer. Sending it again with the same key
    /// transfers nothing more.
    fn transfer(&self, request: Transfer) -> GatewayFuture<'_, String>;
    /// Reads a dispute by the processor's id.
    fn read_dispute<'a>(&'a self, reference: &'a str) -> GatewayFuture<'a, DisputeReport>;
    /// Whether the processor deducts a fee from each charge.
    fn has_fees(&self) -> bool;
    /// Reads the fee that the processor deducted from a payment, in minor units of `currency`. None as long as the fee
    /// is not known, or if the fee is in another currency.
    fn read_fee<'a>(&'a self, reference: &'a str, currency: &'a str) -> GatewayFuture<'a, Option<i64>>;
    /// Parses an event that the processor sent, after verifying its signature over the raw body.
    fn parse_event(&self, signature: &str, body: &[u8]) -> Result<ProcessorEvent, EventError>;
}
