//! Parses Stripe's objects: payment intents, refunds, disputes, fees and events.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::platform::gateway::error::GatewayError;
use crate::platform::gateway::event::{EventObject, ProcessorEvent};
use crate::platform::gateway::responses::{
    AUTHORIZATION_LIFETIME, DisputeProgress, DisputeReport, Intent, IntentState, RefundProgress, RefundReport,
};

/// The name of our idempotency key in the metadata of every object that we create.
pub const OWN_KEY: &str = "roost_key";
/// The fields of an event's object that are stored. None of them contains data of a person or a card.
const FACTS: [&str; 6] = ["status", "amount", "amount_refunded", "currency", "reason", "failure_code"];

/// The text at `path`, such as `latest_charge.id`.
fn text<'a>(body: &'a Value, path: &str) -> Option<&'a str> {
    path.split('.').try_fold(body, |value, name| value.get(name)).and_then(Value::as_str)
}

/// The id of a related object. Stripe sends the id or the whole object.
fn related<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    text(body, name).or_else(|| body.get(name)?.get("id")?.as_str())
}

fn instant(value: Option<&Value>) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(value?.as_i64()?, 0)
}

/// Parses a payment intent.
pub fn parse_intent(body: &Value) -> Result<Intent, GatewayError> {
    let unreadable = |what: &str| GatewayError::Unknown(format!("the payment intent has no known {what}"));
    let reference = text(body, "id").ok_or_else(|| unreadable("id"))?.to_owned();
    let amount = |name: &str| body.get(name).and_then(Value::as_i64);
    let state = match text(body, "status").ok_or_else(|| unreadable("status"))? {
        "requires_confirmation" | "processing" => IntentState::Processing,
        "requires_action" => IntentState::RequiresAction {
            client_secret: text(body, "client_secret").ok_or_else(|| unreadable("client_secret"))?.to_owned(),
        },
        "requires_capture" => IntentState::RequiresCapture,
        "succeeded" => IntentState::Succeeded,
        "canceled" => IntentState::Cancelled,
        // Every intent of ours is created with a card. An intent without one is one whose card was declined.
        "requires_payment_method" => {
            let code = text(body, "last_payment_error.decline_code").or(text(body, "last_payment_error.code"));
            IntentState::Failed { decline_code: code.unwrap_or("generic_decline").to_owned() }
        }
        _ => return Err(unreadable("status")),
    };
    let captured_minor = match state {
        IntentState::Succeeded => amount("amount_received").or(amount("amount")).ok_or_else(|| unreadable("amount"))?,
        _ => 0,
    };
    let card = body.pointer("/latest_charge/payment_method_details/card/capture_before");
    let usual = || instant(body.get("created")).map(|at| at + AUTHORIZATION_LIFETIME);
    Ok(Intent { reference, state, captured_minor, capture_before: instant(card).or_else(usual) })
}

/// Parses a refund.
pub fn parse_refund(body: &Value) -> Result<RefundReport, GatewayError> {
    let unreadable = || GatewayError::Unknown("the refund has no id or no known status".into());
    let progress = match text(body, "status").ok_or_else(unreadable)? {
        "succeeded" => RefundProgress::Succeeded,
        "pending" | "requires_action" => RefundProgress::Pending,
        status @ ("failed" | "canceled") => {
            RefundProgress::Failed { reason: text(body, "failure_reason").unwrap_or(status).to_owned() }
        }
        _ => return Err(unreadable()),
    };
    let key = body.get("metadata").and_then(|metadata| text(metadata, OWN_KEY)).map(ToOwned::to_owned);
    Ok(RefundReport { reference: text(body, "id").ok_or_else(unreadable)?.to_owned(), key, progress })
}

/// Parses a dispute.
pub fn parse_dispute(body: &Value) -> Result<DisputeReport, GatewayError> {
    let unreadable = || GatewayError::Unknown("the dispute has no amount or no known status".into());
    let progress = match text(body, "status").ok_or_else(unreadable)? {
        status if status.starts_with("warning_") => DisputeProgress::Inquiry,
        "needs_response" | "under_review" => DisputeProgress::Open,
        "won" | "prevented" => DisputeProgress::Won,
        "lost" => DisputeProgress::Lost,
        _ => return Err(unreadable()),
    };
    let amount_minor = body.get("amount").and_then(Value::as_i64).filter(|minor| *minor > 0).ok_or_else(unreadable)?;
    Ok(DisputeReport { amount_minor, progress })
}

/// Parses the fee of a payment from its intent. None if the fee is not known yet or is in another currency.
pub fn parse_fee(intent: &Value, currency: &str) -> Option<i64> {
    let balance_transaction = intent.pointer("/latest_charge/balance_transaction")?;
    let same = text(balance_transaction, "currency")?.eq_ignore_ascii_case(currency);
    balance_transaction.get("fee").and_then(Value::as_i64).filter(|_| same)
}

/// Parses an event. None if it is not one.
pub fn parse_event(body: &Value) -> Option<ProcessorEvent> {
    let kind = text(body, "type")?;
    let object = body.get("data")?.get("object")?;
    let about = event_object(kind);
    let reference = text(object, "id").map(ToOwned::to_owned);
    let payment_reference = match about {
        EventObject::Payment => reference.clone(),
        _ => related(object, "payment_intent").map(ToOwned::to_owned),
    };
    let fact = |name: &&str| Some(((*name).to_owned(), object.get(name).filter(|fact| !fact.is_object())?.clone()));
    Some(ProcessorEvent {
        id: text(body, "id")?.to_owned(),
        kind: kind.to_owned(),
        about,
        reference,
        payment_reference,
        key: object.get("metadata").and_then(|metadata| text(metadata, OWN_KEY)).map(ToOwned::to_owned),
        facts: Value::Object(FACTS.iter().filter_map(fact).collect::<Map<_, _>>()),
        created_at: instant(body.get("created"))?,
    })
}

fn event_object(kind: &str) -> EventObject {
    match kind {
        "payment_intent.amount_capturable_updated"
        | "payment_intent.canceled"
        | "payment_intent.payment_failed"
        | "payment_intent.processing"
        | "payment_intent.requires_action"
        | "payment_intent.succeeded" => EventObject::Payment,
        "charge.refunded" | "charge.refund.updated" => EventObject::Refund,
        _ if kind.starts_with("refund.") => EventObject::Refund,
        _ if kind.starts_with("charge.dispute.") => EventObject::Dispute,
        _ if kind.starts_with("transfer.") => EventObject::Transfer,
        _ if kind.starts_with("payout.") => EventObject::Payout,
        _ => EventObject::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_known_status_of_an_intent_is_parsed_and_any_other_is_an_unknown_result() {
        let state = |status: &str| {
            let body = json!({
                "id": "pi_1", "status": status, "client_secret": "pi_1_secret", "amount": 500, "amount_received": 400,
                "created": 1_800_000_000, "last_payment_error": { "code": "card_declined", "decline_code": "stolen" },
            });
            parse_intent(&body).map(|intent| (intent.state, intent.captured_minor))
        };
        assert_eq!(state("requires_confirmation"), Ok((IntentState::Processing, 0)));
        assert_eq!(state("processing"), Ok((IntentState::Processing, 0)));
        let secret = IntentState::RequiresAction { client_secret: "pi_1_secret".into() };
        assert_eq!(state("requires_action"), Ok((secret, 0)));
        assert_eq!(state("requires_capture"), Ok((IntentState::RequiresCapture, 0)));
        assert_eq!(state("succeeded"), Ok((IntentState::Succeeded, 400)));
        assert_eq!(state("canceled"), Ok((IntentState::Cancelled, 0)));
        let failed = IntentState::Failed { decline_code: "stolen".into() };
        assert_eq!(state("requires_payment_method"), Ok((failed, 0)));
        assert!(matches!(state("something_new"), Err(GatewayError::Unknown(_))));
    }

    #[test]
    fn the_expiry_of_an_authorization_comes_from_the_card_if_stripe_says_it() {
        let mut body = json!({ "id": "pi_1", "status": "requires_capture", "created": 1_800_000_000 });
        let before = |body: &Value| parse_intent(body).unwrap().capture_before.unwrap().timestamp();
        assert_eq!(before(&body), 1_800_000_000 + 7 * 86_400);
        body["latest_charge"] = json!({ "payment_method_details": { "card": { "capture_before": 1_800_345_600 } } });
        assert_eq!(before(&body), 1_800_345_600);
    }

    #[test]
    fn an_event_keeps_the_object_to_read_and_no_personal_data() {
        let body = json!({
            "id": "evt_1", "type": "charge.refunded", "created": 1_800_000_000,
            "data": { "object": {
                "id": "ch_1", "payment_intent": { "id": "pi_1" }, "amount_refunded": 500, "currency": "usd",
                "billing_details": { "email": "gil@example.com" }, "metadata": { "roost_key": "pay_1" },
            } },
        });
        let event = parse_event(&body).unwrap();
        assert_eq!((event.about, event.payment_reference.as_deref()), (EventObject::Refund, Some("pi_1")));
        assert_eq!((event.reference.as_deref(), event.key.as_deref()), (Some("ch_1"), Some("pay_1")));
        assert_eq!(event.facts, json!({ "amount_refunded": 500, "currency": "usd" }));
        assert_eq!(parse_event(&json!({ "id": "evt_1", "type": "x", "created": 1 })), None);
    }
}
