//! Reading Stripe's objects: payment intents, refunds, events.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use crate::platform::gateway::event::{About, Event};
use crate::platform::gateway::{
    DisputeProgress, DisputeReport, GatewayError, Intent, IntentState, RefundProgress, RefundReport,
};

/// The name of our key in the metadata of everything we ask for.
pub const OWN_KEY: &str = "roost_key";
/// How long card authorisations live when Stripe does not say.
const AUTHORIZATION_DAYS: i64 = 7;
/// What an event says of its object that is neither a person's nor a card's.
const FACTS: [&str; 6] = ["status", "amount", "amount_refunded", "currency", "reason", "failure_code"];

/// The text at `path`, such as `latest_charge.id`.
fn word<'a>(body: &'a Value, path: &str) -> Option<&'a str> {
    path.split('.').try_fold(body, |value, name| value.get(name)).and_then(Value::as_str)
}

/// Stripe gives the name of a related object, or the object itself.
fn related<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    word(body, name).or_else(|| body.get(name)?.get("id")?.as_str())
}

fn instant(value: Option<&Value>) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(value?.as_i64()?, 0)
}

/// Reads a payment intent.
pub fn intent(body: &Value) -> Result<Intent, GatewayError> {
    let unreadable = |what: &str| GatewayError::Unknown(format!("the payment intent has no {what} that is known"));
    let reference = word(body, "id").ok_or_else(|| unreadable("id"))?.to_owned();
    let amount = |name: &str| body.get(name).and_then(Value::as_i64);
    let state = match word(body, "status").ok_or_else(|| unreadable("status"))? {
        "requires_confirmation" | "processing" => IntentState::Processing,
        "requires_action" => IntentState::RequiresAction {
            client_secret: word(body, "client_secret").ok_or_else(|| unreadable("client_secret"))?.to_owned(),
        },
        "requires_capture" => IntentState::RequiresCapture,
        "succeeded" => IntentState::Succeeded,
        "canceled" => IntentState::Cancelled,
        // Every intent of ours is made with a card, so without one it is a card that did not work.
        "requires_payment_method" => {
            let code = word(body, "last_payment_error.decline_code").or(word(body, "last_payment_error.code"));
            IntentState::Failed { decline_code: code.unwrap_or("generic_decline").to_owned() }
        }
        _ => return Err(unreadable("status")),
    };
    let captured_minor = match state {
        IntentState::Succeeded => amount("amount_received").or(amount("amount")).ok_or_else(|| unreadable("amount"))?,
        _ => 0,
    };
    let card = body.pointer("/latest_charge/payment_method_details/card/capture_before");
    let usual = || instant(body.get("created")).map(|at| at + TimeDelta::days(AUTHORIZATION_DAYS));
    Ok(Intent { reference, state, captured_minor, capture_before: instant(card).or_else(usual) })
}

/// Reads a refund.
pub fn refund(body: &Value) -> Result<RefundReport, GatewayError> {
    let unreadable = || GatewayError::Unknown("the refund has no id or status that is known".into());
    let progress = match word(body, "status").ok_or_else(unreadable)? {
        "succeeded" => RefundProgress::Succeeded,
        "pending" | "requires_action" => RefundProgress::Pending,
        status @ ("failed" | "canceled") => {
            RefundProgress::Failed { reason: word(body, "failure_reason").unwrap_or(status).to_owned() }
        }
        _ => return Err(unreadable()),
    };
    let key = body.get("metadata").and_then(|metadata| word(metadata, OWN_KEY)).map(ToOwned::to_owned);
    Ok(RefundReport { reference: word(body, "id").ok_or_else(unreadable)?.to_owned(), key, progress })
}

/// Reads a dispute.
pub fn dispute(body: &Value) -> Result<DisputeReport, GatewayError> {
    let unreadable = || GatewayError::Unknown("the dispute has no amount or status that is known".into());
    let progress = match word(body, "status").ok_or_else(unreadable)? {
        status if status.starts_with("warning_") => DisputeProgress::Inquiry,
        "needs_response" | "under_review" => DisputeProgress::Open,
        "won" | "prevented" => DisputeProgress::Won,
        "lost" => DisputeProgress::Lost,
        _ => return Err(unreadable()),
    };
    let amount_minor = body.get("amount").and_then(Value::as_i64).filter(|minor| *minor > 0).ok_or_else(unreadable)?;
    Ok(DisputeReport { amount_minor, progress })
}

/// Reads what was kept of a payment from its intent, when the books are kept in the same currency.
pub fn fee(intent: &Value, currency: &str) -> Option<i64> {
    let booked = intent.pointer("/latest_charge/balance_transaction")?;
    let same = word(booked, "currency")?.eq_ignore_ascii_case(currency);
    booked.get("fee").and_then(Value::as_i64).filter(|_| same)
}

/// Reads an event.
pub fn event(body: &Value) -> Option<Event> {
    let kind = word(body, "type")?;
    let object = body.get("data")?.get("object")?;
    let about = about(kind);
    let reference = word(object, "id").map(ToOwned::to_owned);
    let payment_reference = match about {
        About::Payment => reference.clone(),
        _ => related(object, "payment_intent").map(ToOwned::to_owned),
    };
    let fact = |name: &&str| Some(((*name).to_owned(), object.get(name).filter(|fact| !fact.is_object())?.clone()));
    Some(Event {
        id: word(body, "id")?.to_owned(),
        kind: kind.to_owned(),
        about,
        reference,
        payment_reference,
        key: object.get("metadata").and_then(|metadata| word(metadata, OWN_KEY)).map(ToOwned::to_owned),
        facts: Value::Object(FACTS.iter().filter_map(fact).collect::<Map<_, _>>()),
        created_at: instant(body.get("created"))?,
    })
}

fn about(kind: &str) -> About {
    match kind {
        "payment_intent.amount_capturable_updated"
        | "payment_intent.canceled"
        | "payment_intent.payment_failed"
        | "payment_intent.processing"
        | "payment_intent.requires_action"
        | "payment_intent.succeeded" => About::Payment,
        "charge.refunded" | "charge.refund.updated" => About::Refund,
        _ if kind.starts_with("refund.") => About::Refund,
        _ if kind.starts_with("charge.dispute.") => About::Dispute,
        _ if kind.starts_with("transfer.") => About::Transfer,
        _ if kind.starts_with("payout.") => About::Payout,
        _ => About::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_status_of_an_intent_is_known_and_another_is_no_answer() {
        let state = |status: &str| {
            let body = json!({
                "id": "pi_1", "status": status, "client_secret": "pi_1_secret", "amount": 500, "amount_received": 400,
                "created": 1_800_000_000, "last_payment_error": { "code": "card_declined", "decline_code": "stolen" },
            });
            intent(&body).map(|intent| (intent.state, intent.captured_minor))
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
    fn the_card_says_how_long_its_authorisation_lives() {
        let mut body = json!({ "id": "pi_1", "status": "requires_capture", "created": 1_800_000_000 });
        let before = |body: &Value| intent(body).unwrap().capture_before.unwrap().timestamp();
        assert_eq!(before(&body), 1_800_000_000 + 7 * 86_400);
        body["latest_charge"] = json!({ "payment_method_details": { "card": { "capture_before": 1_800_345_600 } } });
        assert_eq!(before(&body), 1_800_345_600);
    }

    #[test]
    fn an_event_keeps_what_to_look_at_and_nothing_of_the_person() {
        let body = json!({
            "id": "evt_1", "type": "charge.refunded", "created": 1_800_000_000,
            "data": { "object": {
                "id": "ch_1", "payment_intent": { "id": "pi_1" }, "amount_refunded": 500, "currency": "usd",
                "billing_details": { "email": "gil@example.com" }, "metadata": { "roost_key": "pay_1" },
            } },
        });
        let read = event(&body).unwrap();
        assert_eq!((read.about, read.payment_reference.as_deref()), (About::Refund, Some("pi_1")));
        assert_eq!((read.reference.as_deref(), read.key.as_deref()), (Some("ch_1"), Some("pay_1")));
        assert_eq!(read.facts, json!({ "amount_refunded": 500, "currency": "usd" }));
        assert_eq!(event(&json!({ "id": "evt_1", "type": "x", "created": 1 })), None);
    }
}
