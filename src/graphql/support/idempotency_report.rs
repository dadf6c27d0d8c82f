//! Reports the idempotency keys of a request in `extensions.idempotency` of its response.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::{Name, Value};

/// The fields of a request that have a key, and whether each was replayed, by response key.
#[derive(Clone, Default)]
pub struct IdempotencyReport(Arc<Mutex<BTreeMap<Name, Value>>>);

impl IdempotencyReport {
    /// Reports a field with its key.
    pub fn record(&self, field: &str, key: &str, replayed: bool) {
        let entry = async_graphql::value!({ "key": key, "replayed": replayed });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(Name::new(field), entry);
    }

    /// The value of `extensions.idempotency`. None if no field has a key.
    pub fn to_extension(&self) -> Option<Value> {
        let fields = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        (!fields.is_empty()).then(|| Value::Object(fields.into_iter().collect()))
    }
}
