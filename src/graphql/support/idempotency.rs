//! Idempotency keys: a mutation that is sent again with its key is answered again and not done again.
//!
//! A key comes with the field, `@idempotent(key: "…")`, or with the request, `Idempotency-Key: …`. What the key was
//! spent on is written by the domain, in the transaction of the effect; here it is looked up, and answered for anew.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::parser::types::OperationType;
use async_graphql::{
    Context, CustomDirective, Directive, ErrorExtensions, Name, ResolveFut, ServerError, ServerResult, Value,
};
use chrono::TimeDelta;
use futures_util::future::BoxFuture;

use super::context::Ask;
use crate::domain::error::{Code, Error, Refusal};
use crate::platform::App;
use crate::platform::idempotency::{Found, Once, Scope, Spent};

/// Mutations that need a key.
const NEED_A_KEY: [&str; 5] =
    ["bookingCreate", "bookingCancel", "bookingRefund", "bookingAlterationRequest", "bookingAlterationRespond"];
const LONGEST_KEY: usize = 255;
const KEPT: TimeDelta = TimeDelta::hours(24);
const KEPT_FOR_MONEY: TimeDelta = TimeDelta::days(30);
const DIRECTIVE: &str = "idempotent";

/// Makes a mutation safe to send again: the same key with the same arguments is done once. A request that is sent again
/// is answered as the first was, with what the first made as it is now, and says so in `extensions.idempotency`.
/// Keys are yours alone, one set for each mutation, and are kept for 24 hours, for mutations that move money 30 days.
/// What is refused before anything is done keeps nothing: mend it and send it with the same key. A card that is declined
/// is an answer and kept; another try takes a new key. `bookingCreate`, `bookingCancel`, `bookingRefund`,
/// `bookingAlterationRequest` and `bookingAlterationRespond` need a key. A document with one mutation may send it in the HTTP header `Idempotency-Key` instead.
#[Directive(location = "Field")]
pub fn idempotent(
    #[graphql(desc = "1 to 255 visible ASCII characters that nobody would guess, such as a random UUID.")] key: String,
) -> impl CustomDirective {
    // The key is read from the field, where the mutation runs.
    drop(key);
    OnMutationsOnly
}

struct OnMutationsOnly;

#[async_graphql::async_trait::async_trait]
impl CustomDirective for OnMutationsOnly {
    async fn resolve_field(&self, ctx: &Context<'_>, resolve: ResolveFut<'_>) -> ServerResult<Option<Value>> {
        let at_the_root = ctx.path_node.is_none_or(|node| node.parent.is_none());
        if at_the_root && ctx.query_env.operation.node.ty == OperationType::Mutation {
            return resolve.await;
        }
        let message = "`@idempotent` belongs on the fields at the root of a mutation";
        let error = async_graphql::Error::new(message).extend_with(|_, extensions| extensions.set("code", "INVALID"));
        Err(ctx.set_error_path(error.into_server_error(ctx.item.pos)))
    }
}

/// Which fields of a request came with a key, and whether they were answered again, by response key.
#[derive(Clone, Default)]
pub struct Answered(Arc<Mutex<BTreeMap<Name, Value>>>);

impl Answered {
    fn note(&self, field: &str, key: &str, replayed: bool) {
        let entry = async_graphql::value!({ "key": key, "replayed": replayed });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(Name::new(field), entry);
    }

    /// What the response says about it, if there is anything to say.
    pub fn extension(&self) -> Option<Value> {
        let fields = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        (!fields.is_empty()).then(|| Value::Object(fields.into_iter().collect()))
    }
}

/// One call of a mutation, with or without a key.
pub struct Call {
    app: App,
    /// Response key and idempotency key of the field, when there is one; or why the call cannot run.
    key: Result<Option<(String, String)>, Vec<Refusal>>,
    answered: Answered,
}

/// Reads the key of the field that runs.
pub fn call(ctx: &Context<'_>) -> Call {
    let answered = ctx.request().answered.clone();
    let (app, key) = match read(ctx) {
        Ok(None) => (ctx.app().clone(), Ok(None)),
        Ok(Some((key, once))) => {
            let field = ctx.field().alias().unwrap_or(ctx.field().name()).to_owned();
            (ctx.app().with_once(once), Ok(Some((field, key))))
        }
        Err(refusals) => (ctx.app().clone(), Err(refusals)),
    };
    Call { app, key, answered }
}

impl Call {
    /// The handles, with the key's claim.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Runs the call unless its key is spent; then `replay` answers for what it was spent on.
    ///
    /// Boxed, and so is what it runs: the executor keeps all of it on the stack of one thread otherwise.
    pub fn run<'a, T: Send + 'a, F>(
        &'a self,
        run: impl Future<Output = Result<T, Error>> + Send + 'a,
        replay: impl FnOnce(Spent) -> F + Send + 'a,
    ) -> BoxFuture<'a, Result<T, Error>>
    where
        F: Future<Output = Result<T, Error>> + Send + 'a,
    {
        Box::pin(self.run_or_replay(Box::pin(run), |spent| Box::pin(replay(spent))))
    }

    async fn run_or_replay<'a, T: Send>(
        &self,
        run: BoxFuture<'a, Result<T, Error>>,
        replay: impl FnOnce(Spent) -> BoxFuture<'a, Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        let (field, key) = match &self.key {
            Ok(Some(key)) => key,
            Ok(None) => return run.await,
            Err(refusals) => return Err(Error::Refused(refusals.clone())),
        };
        self.answered.note(field, key, false);
        let found = match self.look().await? {
            Found::Nothing | Found::Own => {
                let done = run.await;
                if done.is_ok() {
                    if self.app.once.has_spent() {
                        self.settle(end_of(&done)).await;
                    }
                    return done;
                }
                // Another run with this key may have been faster, and this one may have been refused for just that.
                match self.look().await {
                    Ok(Found::Nothing) | Err(_) => return done,
                    Ok(Found::Own) => {
                        self.settle(end_of(&done)).await;
                        return done;
                    }
                    Ok(found) => found,
                }
            }
            found => found,
        };
        match found {
            Found::OtherArguments => {
                let message = "this idempotency key was used with other arguments; take a new key for a new request";
                Err(Error::refused(Code::IdempotencyKeyReused, &[], message))
            }
            Found::Spent(spent) => {
                self.answered.note(field, key, true);
                let resumed = spent.resumed;
                let done = replay(spent).await;
                if resumed {
                    self.settle(end_of(&done)).await;
                }
                done
            }
            Found::Running | Found::Nothing | Found::Own => {
                let message =
                    "the first request with this idempotency key has no answer yet; send it again in a minute";
                Err(Error::refused(Code::IdempotencyInProgress, &[], message))
            }
        }
    }

    /// Runs a call that keeps nothing, so that there is nothing to spend its key on.
    pub async fn run_anew<T>(&self, run: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        match &self.key {
            Ok(Some((field, key))) => self.answered.note(field, key, false),
            Ok(None) => {}
            Err(refusals) => return Err(Error::Refused(refusals.clone())),
        }
        run.await
    }

    async fn look(&self) -> Result<Found, Error> {
        Ok(self.app.once.look(&self.app.db).await?)
    }

    /// Closes the key's row after an answer, and leaves it open for the next try when something broke.
    async fn settle(&self, end: End) {
        let once = &self.app.once;
        let settled = match end {
            End::Broken => once.release(&self.app.db).await,
            End::Answered => once.finish(&self.app.db).await,
        };
        if let Err(error) = settled {
            tracing::warn!(%error, "an idempotency key could not be closed; its lease will run out");
        }
    }
}

/// How a run of a call ended.
enum End {
    /// With a result or a refusal.
    Answered,
    /// Something broke.
    Broken,
}

fn end_of<T>(done: &Result<T, Error>) -> End {
    if matches!(done, Err(Error::Failed(_))) { End::Broken } else { End::Answered }
}

/// The key of the field that runs and the claim that it makes, or why there can be none.
fn read(ctx: &Context<'_>) -> Result<Option<(String, Once)>, Vec<Refusal>> {
    let app = ctx.app();
    let operation = ctx.field().name();
    let Some(key) = given(ctx)? else {
        if NEED_A_KEY.contains(&operation) && app.config.require_idempotency_keys {
            let message = "send an idempotency key, so that a request sent again is not done again: \
                           `@idempotent(key: \"…\")` on the field, or the header `Idempotency-Key`, with a random UUID";
            return Err(vec![Refusal::at(Code::Required, &[], message)]);
        }
        return Ok(None);
    };
    if key.is_empty() || key.len() > LONGEST_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = format!("an idempotency key has 1 to {LONGEST_KEY} visible ASCII characters");
        return Err(vec![Refusal::at(Code::Invalid, &[], message)]);
    }
    let arguments = canonical(ctx.field().arguments().map_err(unreadable)?);
    let actor = ctx.viewer().user().map_or_else(|| "anonymous".to_owned(), |user| user.user_id.to_string());
    let scope = Scope { actor, operation: operation.to_owned(), key: key.clone() };
    let keep = if moves_money(operation) { KEPT_FOR_MONEY } else { KEPT };
    let once = Once::claim(&app.clock, scope, app.keys.argument_fingerprints(&arguments), keep);
    Ok(Some((key, once)))
}

/// Whether a mutation moves money or nights, so that its key is kept longer.
fn moves_money(operation: &str) -> bool {
    ["booking", "payout", "refund"].iter().any(|noun| operation.starts_with(noun))
}

/// The key that came with the field or, for a document of one mutation, with the request.
fn given(ctx: &Context<'_>) -> Result<Option<String>, Vec<Refusal>> {
    let directives = ctx.field().directives().map_err(unreadable)?;
    let on_field = directives.iter().find(|directive| directive.name.node == DIRECTIVE);
    let on_field = on_field.and_then(|directive| match &directive.get_argument("key")?.node {
        Value::String(key) => Some(key.clone()),
        _ => None,
    });
    match (on_field, ctx.request().idempotency_key.clone()) {
        (Some(field), Some(header)) if field != header => {
            let message = "the header `Idempotency-Key` and `@idempotent` name different keys; send one of them";
            Err(vec![Refusal::at(Code::Invalid, &[], message)])
        }
        (field, header) => Ok(field.or(header)),
    }
}

fn unreadable(error: ServerError) -> Vec<Refusal> {
    vec![Refusal::at(Code::Invalid, &[], error.message)]
}

/// The arguments as one text, the same for the same values: names in order, and what is null left out, as nothing in
/// this API tells null from absent.
fn canonical(arguments: Vec<(Name, Value)>) -> String {
    fn write(value: Value) -> serde_json::Value {
        match value {
            Value::Object(fields) => object(fields.into_iter().collect()),
            Value::List(items) => items.into_iter().map(write).collect(),
            other => other.into_json().unwrap_or_default(),
        }
    }
    fn object(mut fields: Vec<(Name, Value)>) -> serde_json::Value {
        fields.retain(|(_, value)| *value != Value::Null);
        fields.sort_by(|(one, _), (other, _)| one.cmp(other));
        serde_json::Value::Object(fields.into_iter().map(|(name, value)| (name.to_string(), write(value))).collect())
    }
    object(arguments).to_string()
}

#[cfg(test)]
mod tests {
    use async_graphql::value;

    use super::*;

    fn arguments(value: Value) -> Vec<(Name, Value)> {
        match value {
            Value::Object(fields) => fields.into_iter().collect(),
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn the_order_of_arguments_and_nulls_make_no_difference_and_values_do() {
        let one = value!({ "id": "a", "in": { "x": 1, "y": [{ "b": null, "a": true }] }, "none": null });
        let same = value!({ "in": { "y": [{ "a": true }], "x": 1 }, "id": "a" });
        let other = value!({ "in": { "y": [{ "a": true }], "x": 2 }, "id": "a" });
        assert_eq!(canonical(arguments(one.clone())), r#"{"id":"a","in":{"x":1,"y":[{"a":true}]}}"#);
        assert_eq!(canonical(arguments(one)), canonical(arguments(same.clone())));
        assert_ne!(canonical(arguments(same)), canonical(arguments(other)));
    }
}
