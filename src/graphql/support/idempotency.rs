//! Idempotency keys: a mutation that is repeated with its key is executed once, and its response is rebuilt.
//!
//! A key comes with the field, `@idempotent(key: "…")`, or with the request, `Idempotency-Key: …`. The domain records
//! what the key was used for, in the transaction of the effect. This file looks the record up and replays the response.

use async_graphql::parser::types::OperationType;
use async_graphql::{
    Context, CustomDirective, Directive, ErrorExtensions, Name, ResolveFut, ServerError, ServerResult, Value,
};
use chrono::TimeDelta;
use futures_util::future::BoxFuture;

use super::context::RequestContext;
use super::error_codes::ErrorCode;
use super::idempotency_report::IdempotencyReport;
use crate::domain::error::{Code, Error, Refusal};
use crate::platform::App;
use crate::platform::idempotency::{IdempotencyKey, KeyStatus, RecordedEffect, Scope};

/// Mutations that require a key.
const KEY_REQUIRED: [&str; 5] =
    ["bookingCreate", "bookingCancel", "bookingRefund", "bookingAlterationRequest", "bookingAlterationAccept"];
/// Longest key, in bytes.
const MAX_KEY_BYTES: usize = 255;
/// How long a key is stored.
const KEY_LIFETIME: TimeDelta = TimeDelta::hours(24);
/// How long a key is stored for a mutation that moves money or nights.
const MONEY_KEY_LIFETIME: TimeDelta = TimeDelta::days(30);
const DIRECTIVE: &str = "idempotent";

/// Makes a mutation safe to retry: requests with the same key and the same arguments are executed once. A repeated
/// request gets the result of the first one, with the objects in their current state, and `extensions.idempotency` says
/// that it is a replay. A key is valid for one user and one mutation. It is stored for 24 hours, for mutations that
/// move money or nights 30 days. A request that is refused before it has an effect does not use up its key: correct it
/// and send it with the same key. A declined card is a result and uses up the key; send the next attempt with a new
/// key. `bookingCreate`, `bookingCancel`, `bookingRefund`, `bookingAlterationRequest` and `bookingAlterationAccept`
/// require a key. A document with one mutation can send the key in the HTTP header `Idempotency-Key` instead.
#[Directive(location = "Field")]
pub fn idempotent(
    #[graphql(desc = "1 to 255 visible ASCII characters that cannot be guessed, such as a random UUID.")] key: String,
) -> impl CustomDirective {
    // The key is read from the field when the mutation runs.
    drop(key);
    OnMutationsOnly
}

struct OnMutationsOnly;

#[async_graphql::async_trait::async_trait]
impl CustomDirective for OnMutationsOnly {
    async fn resolve_field(&self, ctx: &Context<'_>, resolve: ResolveFut<'_>) -> ServerResult<Option<Value>> {
        let is_root = ctx.path_node.is_none_or(|node| node.parent.is_none());
        if is_root && ctx.query_env.operation.node.ty == OperationType::Mutation {
            return resolve.await;
        }
        let message = "`@idempotent` is allowed only on root fields of a mutation";
        let code = ErrorCode::Invalid.as_str();
        let error = async_graphql::Error::new(message).extend_with(|_, extensions| extensions.set("code", code));
        Err(ctx.set_error_path(error.into_server_error(ctx.item.pos)))
    }
}

/// One execution of a mutation field, with or without a key.
pub struct IdempotentCall {
    app: App,
    /// The response key and the idempotency key of the field, if it has one; or why the key is refused.
    key: Result<Option<(String, String)>, Vec<Refusal>>,
    report: IdempotencyReport,
}

/// Reads the key of the field that is being executed.
pub fn prepare_call(ctx: &Context<'_>) -> IdempotentCall {
    let report = ctx.request().idempotency.clone();
    let (app, key) = match read_key(ctx) {
        Ok(None) => (ctx.app().clone(), Ok(None)),
        Ok(Some((key, recorder))) => {
            let field = ctx.field().alias().unwrap_or(ctx.field().name()).to_owned();
            (ctx.app().with_idempotency_key(recorder), Ok(Some((field, key))))
        }
        Err(refusals) => (ctx.app().clone(), Err(refusals)),
    };
    IdempotentCall { app, key, report }
}

impl IdempotentCall {
    /// The application's handles. They carry the key, so that the domain can record it.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Executes `run`, unless the key was used before: then `replay` rebuilds the response from the record.
    ///
    /// The future and both arguments are boxed. Otherwise the executor keeps all of them on the stack of one thread.
    pub fn run<'a, T: Send + 'a, F>(
        &'a self,
        run: impl Future<Output = Result<T, Error>> + Send + 'a,
        replay: impl FnOnce(RecordedEffect) -> F + Send + 'a,
    ) -> BoxFuture<'a, Result<T, Error>>
    where
        F: Future<Output = Result<T, Error>> + Send + 'a,
    {
        Box::pin(self.run_or_replay(Box::pin(run), |effect| Box::pin(replay(effect))))
    }

    async fn run_or_replay<'a, T: Send>(
        &self,
        run: BoxFuture<'a, Result<T, Error>>,
        replay: impl FnOnce(RecordedEffect) -> BoxFuture<'a, Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        let (field, key) = match &self.key {
            Ok(Some(key)) => key,
            Ok(None) => return run.await,
            Err(refusals) => return Err(Error::Refused(refusals.clone())),
        };
        self.report.record(field, key, false);
        let found = match self.find_record().await? {
            KeyStatus::Unused | KeyStatus::OwnRequest => {
                let done = run.await;
                if done.is_ok() {
                    if self.app.idempotency_key.is_recorded() {
                        self.close_key(outcome_of(&done)).await;
                    }
                    return done;
                }
                // Another request with this key may have been faster, and this one may have been refused because of it.
                match self.find_record().await {
                    Ok(KeyStatus::Unused) | Err(_) => return done,
                    Ok(KeyStatus::OwnRequest) => {
                        self.close_key(outcome_of(&done)).await;
                        return done;
                    }
                    Ok(found) => found,
                }
            }
            found => found,
        };
        match found {
            KeyStatus::OtherArguments => {
                let message = "this idempotency key was used with other arguments; send a new request with a new key";
                Err(Error::refused(Code::IdempotencyKeyReused, &[], message))
            }
            KeyStatus::Recorded(effect) => {
                self.report.record(field, key, true);
                let resumed = effect.resumed;
                let done = replay(effect).await;
                if resumed {
                    self.close_key(outcome_of(&done)).await;
                }
                done
            }
            KeyStatus::Running | KeyStatus::Unused | KeyStatus::OwnRequest => {
                let message = "the first request with this idempotency key is still running; retry in a minute";
                Err(Error::refused(Code::IdempotencyInProgress, &[], message))
            }
        }
    }

    /// Executes a mutation that stores nothing. Its key is validated but not recorded.
    pub async fn run_unrecorded<T>(&self, run: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        match &self.key {
            Ok(Some((field, key))) => self.report.record(field, key, false),
            Ok(None) => {}
            Err(refusals) => return Err(Error::Refused(refusals.clone())),
        }
        run.await
    }

    async fn find_record(&self) -> Result<KeyStatus, Error> {
        Ok(self.app.idempotency_key.check(&self.app.db).await?)
    }

    /// Closes the row of the key after a result or a refusal. After an unexpected failure the key is released, so that
    /// the request can be retried with it.
    async fn close_key(&self, outcome: Outcome) {
        let key = &self.app.idempotency_key;
        let settled = match outcome {
            Outcome::Failed => key.release(&self.app.db).await,
            Outcome::Completed => key.finish(&self.app.db).await,
        };
        if let Err(error) = settled {
            tracing::warn!(%error, "an idempotency key could not be closed; it stays locked until its lease expires");
        }
    }
}

/// How the execution of a mutation ended.
enum Outcome {
    /// With a result or a refusal.
    Completed,
    /// With an unexpected failure.
    Failed,
}

fn outcome_of<T>(done: &Result<T, Error>) -> Outcome {
    if matches!(done, Err(Error::Failed(_))) { Outcome::Failed } else { Outcome::Completed }
}

/// Reads and validates the key of the field that is being executed.
fn read_key(ctx: &Context<'_>) -> Result<Option<(String, IdempotencyKey)>, Vec<Refusal>> {
    let app = ctx.app();
    let operation = ctx.field().name();
    let Some(key) = find_key(ctx)? else {
        if KEY_REQUIRED.contains(&operation) && app.config.require_idempotency_keys {
            let message = "this mutation requires an idempotency key, such as a random UUID: send \
                           `@idempotent(key: \"…\")` on the field, or the header `Idempotency-Key`";
            return Err(vec![Refusal::at(Code::Required, &[], message)]);
        }
        return Ok(None);
    };
    if key.is_empty() || key.len() > MAX_KEY_BYTES || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = format!("an idempotency key must have 1 to {MAX_KEY_BYTES} visible ASCII characters");
        return Err(vec![Refusal::at(Code::Invalid, &[], message)]);
    }
    let arguments = canonical_text(ctx.field().arguments().map_err(invalid_argument)?);
    let actor = ctx.viewer().user().map_or_else(|| "anonymous".to_owned(), |user| user.user_id.to_string());
    let scope = Scope { actor, operation: operation.to_owned(), key: key.clone() };
    let lifetime = if moves_money(operation) { MONEY_KEY_LIFETIME } else { KEY_LIFETIME };
    let recorder = IdempotencyKey::new(&app.clock, scope, app.keys.argument_fingerprints(&arguments), lifetime);
    Ok(Some((key, recorder)))
}

/// Whether a mutation moves money or nights, so that its key is stored longer.
fn moves_money(operation: &str) -> bool {
    ["booking", "payout", "refund"].iter().any(|noun| operation.starts_with(noun))
}

/// The key of the field or, for a document with one mutation, of the request.
fn find_key(ctx: &Context<'_>) -> Result<Option<String>, Vec<Refusal>> {
    let directives = ctx.field().directives().map_err(invalid_argument)?;
    let on_field = directives.iter().find(|directive| directive.name.node == DIRECTIVE);
    let on_field = on_field.and_then(|directive| match &directive.get_argument("key")?.node {
        Value::String(key) => Some(key.clone()),
        _ => None,
    });
    match (on_field, ctx.request().client.idempotency_key.clone()) {
        (Some(field), Some(header)) if field != header => {
            let message = "the header `Idempotency-Key` and `@idempotent` have different keys; send only one of them";
            Err(vec![Refusal::at(Code::Invalid, &[], message)])
        }
        (field, header) => Ok(field.or(header)),
    }
}

fn invalid_argument(error: ServerError) -> Vec<Refusal> {
    vec![Refusal::at(Code::Invalid, &[], error.message)]
}

/// The arguments as one text that is equal for equal values: names are sorted. An argument that is null is omitted,
/// because it means the same as an absent one. A field of an input that is null is not: it removes a value, while an
/// absent field keeps it.
fn canonical_text(mut arguments: Vec<(Name, Value)>) -> String {
    fn write(value: Value) -> serde_json::Value {
        match value {
            Value::Object(fields) => object(fields.into_iter().collect()),
            Value::List(items) => items.into_iter().map(write).collect(),
            other => other.into_json().unwrap_or_default(),
        }
    }
    fn object(mut fields: Vec<(Name, Value)>) -> serde_json::Value {
        fields.sort_by(|(one, _), (other, _)| one.cmp(other));
        serde_json::Value::Object(fields.into_iter().map(|(name, value)| (name.to_string(), write(value))).collect())
    }
    arguments.retain(|(_, value)| *value != Value::Null);
    object(arguments).to_string()
}

#[cfg(test)]
mod tests {
    use async_graphql::value;

    use super::*;

    fn arguments(value: Value) -> Vec<(Name, Value)> {
        match value {
            Value::Object(fields) => fields.into_iter().collect(),
            other => panic!("{other} is not an object"),
        }
    }

    #[test]
    fn the_canonical_text_depends_on_values_and_not_on_their_order() {
        let one = value!({ "id": "a", "in": { "x": 1, "y": [{ "b": null, "a": true }] }, "none": null });
        let same = value!({ "in": { "y": [{ "a": true, "b": null }], "x": 1 }, "id": "a" });
        let absent = value!({ "in": { "y": [{ "a": true }], "x": 1 }, "id": "a" });
        let other = value!({ "in": { "y": [{ "a": true, "b": null }], "x": 2 }, "id": "a" });
        assert_eq!(canonical_text(arguments(one.clone())), r#"{"id":"a","in":{"x":1,"y":[{"a":true,"b":null}]}}"#);
        assert_eq!(canonical_text(arguments(one)), canonical_text(arguments(same.clone())));
        for different in [absent, other] {
            assert_ne!(canonical_text(arguments(same.clone())), canonical_text(arguments(different)));
        }
    }
}
