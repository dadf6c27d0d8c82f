//! The implementation of the payment gateway for Stripe.

use serde_json::Value;

use super::client::{StripeClient, StripeError, StripeResponse};
use super::parse::{OWN_KEY, parse_dispute, parse_event, parse_fee, parse_intent, parse_refund};
use super::{amounts, signature};
use crate::platform::clock::Clock;
use crate::platform::config::{Secret, StripeConfig};
use crate::platform::gateway::error::{GatewayError, GatewayFuture};
use crate::platform::gateway::event::{EventError, ProcessorEvent};
use crate::platform::gateway::payment_gateway::PaymentGateway;
use crate::platform::gateway::requests::{Authorization, Transfer};
use crate::platform::gateway::responses::{DisputeReport, Intent, IntentState, RefundProgress, RefundReport};
use crate::platform::start_error::StartError;

/// Expanded in every response, because only the charge says when the authorization expires.
const EXPAND: &str = "latest_charge";
/// The size of the page of refunds, larger than the number of refunds that a booking can have.
const MAX_REFUNDS: &str = "100";

/// The gateway to a Stripe account.
pub struct Stripe {
    client: StripeClient,
    webhook_secrets: Vec<Secret>,
    clock: Clock,
}

impl Stripe {
    /// The gateway to the account whose secret key is in `config`.
    pub fn new(config: &StripeConfig, clock: Clock) -> Result<Stripe, StartError> {
        Ok(Stripe { client: StripeClient::new(config)?, webhook_secrets: config.webhook_secrets.clone(), clock })
    }

    /// Creates and confirms an intent.
    async fn create_and_confirm(&self, request: &Authorization) -> Result<Intent, GatewayError> {
        amounts::check(request.amount_minor, &request.currency)?;
        let intent = self.find_or_create(request).await?;
        if intent.state != IntentState::Processing {
            return Ok(intent);
        }
        let path = format!("v1/payment_intents/{}/confirm", intent.reference);
        let key = format!("{}:confirm", request.idempotency_key);
        let form = [("expand[]", EXPAND)];
        let mut result = self.client.post(&path, Some(&key), &form).await;
        if let Err(StripeError::ReplayedFailure(_)) = result {
            // This attempt failed for good. It had no effect if the intent is still unconfirmed; then a second attempt
            // with another key is safe.
            let current = self.read_intent(&intent.reference).await?;
            if current.state != IntentState::Processing {
                return Ok(current);
            }
            result = self.client.post(&path, Some(&retry_key(&key)), &form).await;
        }
        match result {
            Ok(StripeResponse { body, replayed: false }) => parse_intent(&body),
            Ok(_) => self.read_intent(&intent.reference).await,
            Err(StripeError::Declined(decline_code)) => {
                Ok(Intent { state: IntentState::Failed { decline_code }, captured_minor: 0, ..intent })
            }
            Err(StripeError::Refused(reason)) => self.intent_unless_open(&intent.reference, reason).await,
            Err(error) => Err(error.into()),
        }
    }

    /// The current intent of a request. Creates it, without authorizing anything, if it does not exist.
    async fn find_or_create(&self, request: &Authorization) -> Result<Intent, GatewayError> {
        let (amount, currency) = (request.amount_minor.to_string(), request.currency.to_ascii_lowercase());
        let metadata = format!("metadata[{OWN_KEY}]");
        let form = [
            ("amount", amount.as_str()),
            ("currency", currency.as_str()),
            ("capture_method", "manual"),
            ("payment_method_types[]", "card"),
            ("payment_method", request.method.as_str()),
            (metadata.as_str(), request.idempotency_key.as_str()),
        ];
        let mut result = self.client.post("v1/payment_intents", Some(&request.idempotency_key), &form).await;
        if let Err(StripeError::ReplayedFailure(_)) = result {
            result = self.client.post("v1/payment_intents", Some(&retry_key(&request.idempotency_key)), &form).await;
        }
        let StripeResponse { body, replayed } = result?;
        let intent = parse_intent(&body)?;
        if replayed { self.read_intent(&intent.reference).await } else { Ok(intent) }
    }

    async fn read_intent(&self, reference: &str) -> Result<Intent, GatewayError> {
        let body = self.client.get(&format!("v1/payment_intents/{reference}"), &[("expand[]", EXPAND)]).await?;
        parse_intent(&body)
    }

    /// Captures or cancels an intent. Stripe executes both at most once, so they need no key. A request that comes too
    /// late is refused; the result is then the current state of the intent.
    async fn finish(&self, reference: &str, verb: &str) -> Result<Intent, GatewayError> {
        let path = format!("v1/payment_intents/{reference}/{verb}");
        match self.client.post(&path, None, &[("expand[]", EXPAND)]).await {
            Ok(response) => parse_intent(&response.body),
            Err(StripeError::Declined(reason) | StripeError::Refused(reason)) => {
                self.intent_unless_open(reference, reason).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The current intent after a refused request. If the request would still be possible in the current state, the
    /// refusal is the result.
    async fn intent_unless_open(&self, reference: &str, reason: String) -> Result<Intent, GatewayError> {
        let intent = self.read_intent(reference).await?;
        match intent.state {
            IntentState::Processing | IntentState::RequiresCapture => Err(GatewayError::Refused(reason)),
            _ => Ok(intent),
        }
    }

    async fn create_refund(&self, reference: &str, key: &str, amount_minor: i64) -> Result<RefundReport, GatewayError> {
        let (amount, metadata) = (amount_minor.to_string(), format!("metadata[{OWN_KEY}]"));
        let form = [("payment_intent", reference), ("amount", amount.as_str()), (metadata.as_str(), key)];
        let mut result = self.client.post("v1/refunds", Some(key), &form).await;
        if let Err(StripeError::ReplayedFailure(_)) = result {
            let refunds = self.read_refunds(reference).await?;
            if let Some(existing) = refunds.into_iter().find(|refund| refund.key.as_deref() == Some(key)) {
                return Ok(existing);
            }
            result = self.client.post("v1/refunds", Some(&retry_key(key)), &form).await;
        }
        let StripeResponse { body, replayed } = result?;
        let refund = parse_refund(&body)?;
        if replayed && refund.progress == RefundProgress::Pending {
            return parse_refund(&self.client.get(&format!("v1/refunds/{}", refund.reference), &[]).await?);
        }
        Ok(refund)
    }

    async fn read_refunds(&self, reference: &str) -> Result<Vec<RefundReport>, GatewayError> {
        let query = [("payment_intent", reference), ("limit", MAX_REFUNDS)];
        let list = self.client.get("v1/refunds", &query).await?;
        items(&list).iter().map(parse_refund).collect()
    }

    async fn create_transfer(&self, request: &Transfer) -> Result<String, GatewayError> {
        amounts::check(request.amount_minor, &request.currency)?;
        let (amount, currency) = (request.amount_minor.to_string(), request.currency.to_ascii_lowercase());
        let (key, metadata) = (request.idempotency_key.as_str(), format!("metadata[{OWN_KEY}]"));
        let form = [
            ("amount", amount.as_str()),
            ("currency", currency.as_str()),
            ("destination", request.destination.as_str()),
            ("transfer_group", key),
            (metadata.as_str(), key),
        ];
        let mut result = self.client.post("v1/transfers", Some(key), &form).await;
        if let Err(StripeError::ReplayedFailure(_)) = result {
            let list = self.client.get("v1/transfers", &[("transfer_group", key)]).await?;
            if let Some(existing) = items(&list).first() {
                return transfer_id(existing);
            }
            result = self.client.post("v1/transfers", Some(&retry_key(key)), &form).await;
        }
        transfer_id(&result?.body)
    }
}

/// The key of the second attempt, after the first failed for good and is known to have had no effect.
fn retry_key(key: &str) -> String {
    format!("{key}:again")
}

fn items(list: &Value) -> &[Value] {
    list.get("data").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn transfer_id(body: &Value) -> Result<String, GatewayError> {
    let id = body.get("id").and_then(Value::as_str).map(ToOwned::to_owned);
    id.ok_or_else(|| GatewayError::Unknown("the transfer has no id".into()))
}

impl PaymentGateway for Stripe {
    fn provider(&self) -> &'static str {
        "stripe"
    }

    fn authorize(&self, request: Authorization) -> GatewayFuture<'_, Intent> {
        Box::pin(async move { self.create_and_confirm(&request).await })
    }

    fn find<'a>(&'a self, request: &'a Authorization) -> GatewayFuture<'a, Option<Intent>> {
        Box::pin(async move {
            match self.find_or_create(request).await {
                Ok(intent) => Ok(Some(intent)),
                Err(GatewayError::Refused(_)) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    fn read<'a>(&'a self, reference: &'a str) -> GatewayFuture<'a, Intent> {
        Box::pin(self.read_intent(reference))
    }

    /// The guest completes the action in Stripe's own form, which confirms the intent. So it only has to be read.
    fn confirm<'a>(&'a self, reference: &'a str) -> GatewayFuture<'a, Intent> {
        Box::pin(self.read_intent(reference))
    }

    fn capture<'a>(&'a self, reference: &'a str) -> GatewayFuture<'a, Intent> {
        Box::pin(self.finish(reference, "capture"))
    }

    fn void<'a>(&'a self, reference: &'a str) -> GatewayFuture<'a, Intent> {
        Box::pin(self.finish(reference, "cancel"))
    }

    fn refund<'a>(
        &'a self,
        reference: &'a str,
        idempotency_key: &'a str,
        amount_minor: i64,
    ) -> GatewayFuture<'a, RefundReport> {
        Box::pin(self.create_refund(reference, idempotency_key, amount_minor))
    }

    fn list_refunds<'a>(&'a self, reference: &'a str) -> GatewayFuture<'a, Vec<RefundReport>> {
        Box::pin(self.read_refunds(reference))
    }

    fn transfer(&self, request: Transfer) -> GatewayFuture<'_, String> {
        Box::pin(async move { self.create_transfer(&request).await })
    }

    fn read_dispute<'a>(&'a self, reference: &'a str) -> GatewayFuture<'a, DisputeReport> {
        Box::pin(async move { parse_dispute(&self.client.get(&format!("v1/disputes/{reference}"), &[]).await?) })
    }

    fn has_fees(&self) -> bool {
        true
    }

    fn read_fee<'a>(&'a self, reference: &'a str, currency: &'a str) -> GatewayFuture<'a, Option<i64>> {
        Box::pin(async move {
            let query = [("expand[]", "latest_charge.balance_transaction")];
            let intent = self.client.get(&format!("v1/payment_intents/{reference}"), &query).await?;
            Ok(parse_fee(&intent, currency))
        })
    }

    fn parse_event(&self, signature: &str, body: &[u8]) -> Result<ProcessorEvent, EventError> {
        if !signature::is_valid(&self.webhook_secrets, signature, body, self.clock.now()) {
            return Err(EventError::InvalidSignature);
        }
        let body: Value = serde_json::from_slice(body).map_err(|_| EventError::Malformed)?;
        parse_event(&body).ok_or(EventError::Malformed)
    }
}
