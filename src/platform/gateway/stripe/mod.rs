//! Stripe: payment intents that are captured later, refunds, and transfers to hosts' connected accounts.
//!
//! **Invariant:** whatever moves money is asked for under a key of our rows, or can only happen once by its nature.
//! Stripe answers a key that it has seen with its *first* answer, so an answer that was replayed is never believed:
//! the object is read instead. Our key is in the metadata of everything we ask for.
//!
//! A payment is made in two requests: an intent that sets nothing aside, then its confirmation. So whether a lost
//! request arrived can be found out by sending the first of them again.

mod amounts;
mod read;
mod signature;
mod wire;

use serde_json::Value;

use super::event::{BadEvent, Event};
use super::{
    Answer, Authorization, DisputeReport, GatewayError, Intent, IntentState, PaymentGateway, RefundProgress,
    RefundReport, Transfer,
};
use crate::platform::StartError;
use crate::platform::clock::Clock;
use crate::platform::config::{Secret, StripeConfig};
use read::OWN_KEY;
use wire::{Reply, Trouble, Wire};

pub use wire::is_loopback;

/// Without this an answer does not say when the authorisation lapses.
const EXPAND: &str = "latest_charge";
/// More refunds than one booking ever has.
const MOST_REFUNDS: &str = "100";

/// Stripe.
pub struct Stripe {
    wire: Wire,
    webhook_secrets: Vec<Secret>,
    clock: Clock,
}

impl Stripe {
    /// The account that `config` has the key of.
    pub fn new(config: &StripeConfig, clock: Clock) -> Result<Stripe, StartError> {
        Ok(Stripe { wire: Wire::new(config)?, webhook_secrets: config.webhook_secrets.clone(), clock })
    }

    async fn open(&self, request: &Authorization) -> Result<Intent, GatewayError> {
        amounts::check(request.amount_minor, &request.currency)?;
        let intent = self.create(request).await?;
        if intent.state != IntentState::Processing {
            return Ok(intent);
        }
        let path = format!("v1/payment_intents/{}/confirm", intent.reference);
        let key = format!("{}:confirm", request.idempotency_key);
        let form = [("expand[]", EXPAND)];
        let mut answer = self.wire.post(&path, Some(&key), &form).await;
        if let Err(Trouble::Spoilt(_)) = answer {
            // That try is over. It did nothing if the intent still waits, so it may be made again.
            let now = self.look(&intent.reference).await?;
            if now.state != IntentState::Processing {
                return Ok(now);
            }
            answer = self.wire.post(&path, Some(&again(&key)), &form).await;
        }
        match answer {
            Ok(Reply { body, replayed: false }) => read::intent(&body),
            Ok(_) => self.look(&intent.reference).await,
            Err(Trouble::Declined(decline_code)) => {
                Ok(Intent { state: IntentState::Failed { decline_code }, captured_minor: 0, ..intent })
            }
            Err(Trouble::Refused(reason)) => self.unless_it_waits(&intent.reference, reason).await,
            Err(trouble) => Err(trouble.into()),
        }
    }

    /// The intent of a request, as it is now; made, without setting anything aside, if it never was.
    async fn create(&self, request: &Authorization) -> Result<Intent, GatewayError> {
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
        let mut answer = self.wire.post("v1/payment_intents", Some(&request.idempotency_key), &form).await;
        if let Err(Trouble::Spoilt(_)) = answer {
            answer = self.wire.post("v1/payment_intents", Some(&again(&request.idempotency_key)), &form).await;
        }
        let Reply { body, replayed } = answer?;
        let intent = read::intent(&body)?;
        if replayed { self.look(&intent.reference).await } else { Ok(intent) }
    }

    async fn look(&self, reference: &str) -> Result<Intent, GatewayError> {
        let body = self.wire.get(&format!("v1/payment_intents/{reference}"), &[("expand[]", EXPAND)]).await?;
        read::intent(&body)
    }

    /// Capturing and cancelling happen once by their nature, so they need no key: one that is asked for too late is
    /// refused, and then the state it is too late for is the answer.
    async fn finish(&self, reference: &str, verb: &str) -> Result<Intent, GatewayError> {
        let path = format!("v1/payment_intents/{reference}/{verb}");
        match self.wire.post(&path, None, &[("expand[]", EXPAND)]).await {
            Ok(reply) => read::intent(&reply.body),
            Err(Trouble::Declined(reason) | Trouble::Refused(reason)) => self.unless_it_waits(reference, reason).await,
            Err(trouble) => Err(trouble.into()),
        }
    }

    /// What became of an intent that refused a step; if it could still take the step, the refusal stands.
    async fn unless_it_waits(&self, reference: &str, reason: String) -> Result<Intent, GatewayError> {
        let intent = self.look(reference).await?;
        match intent.state {
            IntentState::Processing | IntentState::RequiresCapture => Err(GatewayError::Refused(reason)),
            _ => Ok(intent),
        }
    }

    async fn pay_back(&self, reference: &str, key: &str, amount_minor: i64) -> Result<RefundReport, GatewayError> {
        let (amount, metadata) = (amount_minor.to_string(), format!("metadata[{OWN_KEY}]"));
        let form = [("payment_intent", reference), ("amount", amount.as_str()), (metadata.as_str(), key)];
        let mut answer = self.wire.post("v1/refunds", Some(key), &form).await;
        if let Err(Trouble::Spoilt(_)) = answer {
            let known = self.refunds_of(reference).await?.into_iter().find(|refund| refund.key.as_deref() == Some(key));
            if let Some(known) = known {
                return Ok(known);
            }
            answer = self.wire.post("v1/refunds", Some(&again(key)), &form).await;
        }
        let Reply { body, replayed } = answer?;
        let refund = read::refund(&body)?;
        if replayed && refund.progress == RefundProgress::Pending {
            return read::refund(&self.wire.get(&format!("v1/refunds/{}", refund.reference), &[]).await?);
        }
        Ok(refund)
    }

    async fn refunds_of(&self, reference: &str) -> Result<Vec<RefundReport>, GatewayError> {
        let query = [("payment_intent", reference), ("limit", MOST_REFUNDS)];
        let list = self.wire.get("v1/refunds", &query).await?;
        items(&list).iter().map(read::refund).collect()
    }

    async fn send(&self, request: &Transfer) -> Result<String, GatewayError> {
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
        let mut answer = self.wire.post("v1/transfers", Some(key), &form).await;
        if let Err(Trouble::Spoilt(_)) = answer {
            let list = self.wire.get("v1/transfers", &[("transfer_group", key)]).await?;
            if let Some(known) = items(&list).first() {
                return named(known);
            }
            answer = self.wire.post("v1/transfers", Some(&again(key)), &form).await;
        }
        named(&answer?.body)
    }
}

/// The key of the second try, after the first was answered by a failure for good and is known to have done nothing.
fn again(key: &str) -> String {
    format!("{key}:again")
}

fn items(list: &Value) -> &[Value] {
    list.get("data").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn named(body: &Value) -> Result<String, GatewayError> {
    let id = body.get("id").and_then(Value::as_str).map(ToOwned::to_owned);
    id.ok_or_else(|| GatewayError::Unknown("the transfer has no id".into()))
}

impl PaymentGateway for Stripe {
    fn provider(&self) -> &'static str {
        "stripe"
    }

    fn authorize(&self, request: Authorization) -> Answer<'_, Intent> {
        Box::pin(async move { self.open(&request).await })
    }

    fn find<'a>(&'a self, request: &'a Authorization) -> Answer<'a, Option<Intent>> {
        Box::pin(async move {
            match self.create(request).await {
                Ok(intent) => Ok(Some(intent)),
                Err(GatewayError::Refused(_)) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    fn read<'a>(&'a self, reference: &'a str) -> Answer<'a, Intent> {
        Box::pin(self.look(reference))
    }

    /// The guest deals with the bank through Stripe's own form; afterwards the intent has moved on.
    fn confirm<'a>(&'a self, reference: &'a str) -> Answer<'a, Intent> {
        Box::pin(self.look(reference))
    }

    fn capture<'a>(&'a self, reference: &'a str) -> Answer<'a, Intent> {
        Box::pin(self.finish(reference, "capture"))
    }

    fn void<'a>(&'a self, reference: &'a str) -> Answer<'a, Intent> {
        Box::pin(self.finish(reference, "cancel"))
    }

    fn refund<'a>(
        &'a self,
        reference: &'a str,
        idempotency_key: &'a str,
        amount_minor: i64,
    ) -> Answer<'a, RefundReport> {
        Box::pin(self.pay_back(reference, idempotency_key, amount_minor))
    }

    fn refunds<'a>(&'a self, reference: &'a str) -> Answer<'a, Vec<RefundReport>> {
        Box::pin(self.refunds_of(reference))
    }

    fn transfer(&self, request: Transfer) -> Answer<'_, String> {
        Box::pin(async move { self.send(&request).await })
    }

    fn dispute<'a>(&'a self, reference: &'a str) -> Answer<'a, DisputeReport> {
        Box::pin(async move { read::dispute(&self.wire.get(&format!("v1/disputes/{reference}"), &[]).await?) })
    }

    fn has_fees(&self) -> bool {
        true
    }

    fn fee<'a>(&'a self, reference: &'a str, currency: &'a str) -> Answer<'a, Option<i64>> {
        Box::pin(async move {
            let query = [("expand[]", "latest_charge.balance_transaction")];
            let intent = self.wire.get(&format!("v1/payment_intents/{reference}"), &query).await?;
            Ok(read::fee(&intent, currency))
        })
    }

    fn event(&self, signature: &str, body: &[u8]) -> Result<Event, BadEvent> {
        if !signature::is_right(&self.webhook_secrets, signature, body, self.clock.now()) {
            return Err(BadEvent::Signature);
        }
        let body: Value = serde_json::from_slice(body).map_err(|_| BadEvent::Unreadable)?;
        read::event(&body).ok_or(BadEvent::Unreadable)
    }
}
