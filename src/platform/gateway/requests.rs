//! Requests to a payment gateway.

/// A request to authorize an amount on a guest's card.
#[derive(Clone, Debug)]
pub struct Authorization {
    /// Identifies the request: sending it again with the same key and amount authorizes nothing more.
    pub idempotency_key: String,
    /// The amount in minor units.
    pub amount_minor: i64,
    /// The ISO 4217 code of the currency.
    pub currency: String,
    /// The processor's token for the card.
    pub method: String,
}

/// A request to send money to a host.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// Identifies the request: sending it again with the same key transfers nothing more.
    pub idempotency_key: String,
    /// The amount in minor units.
    pub amount_minor: i64,
    /// The ISO 4217 code of the currency.
    pub currency: String,
    /// The processor's id of the host's account.
    pub destination: String,
}
