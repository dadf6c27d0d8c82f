//! The double-entry ledger, which records every movement of money.
//!
//! **Invariant:** an entry debits one account and credits another by the same amount, so a transaction cannot be
//! unbalanced. Debits count as positive, credits as negative. A debit increases what the platform has, is owed or has
//! spent (`PSP_CLEARING`, `DISPUTE_SUSPENSE`, `PLATFORM_COST`) and reduces what it owes or has earned (`GUEST_ESCROW`,
//! `HOST_PAYABLE`, `TAX_PAYABLE`, `PLATFORM_REVENUE`); a credit does the opposite. For example, releasing a payout
//! debits `GUEST_ESCROW` and credits `HOST_PAYABLE`.
//!
//! **Invariant:** one business event is one transaction; kind and object are unique together. Rows are never changed. A
//! correction is a transaction of its own.

use std::collections::{BTreeMap, HashMap};

use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, Statement};
use uuid::Uuid;

use super::status::{Account, TransactionKind};
use super::table;
use crate::domain::error::Error;
use crate::platform::database::is_postgres;
use crate::platform::{App, fail_point};

pub use table::transaction::Model as Transaction;

/// One entry of a transaction to post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Movement {
    pub debit: Account,
    pub credit: Account,
    /// Amount in minor units, never negative. No entry is inserted for zero.
    pub minor: i64,
}

/// What a transaction records, without its entries.
pub(super) struct TransactionHeader<'a> {
    pub kind: TransactionKind,
    /// Id of what the transaction is about: a payment, payout, dispute or booking, or a new id for a refund.
    pub object_id: Uuid,
    pub booking_id: Uuid,
    pub host_id: Option<Uuid>,
    pub currency: &'a str,
}

/// One account's side of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// The account.
    pub account: Account,
    /// Amount in minor units. Debits are positive, credits negative.
    pub minor: i64,
}

/// Posts a ledger transaction, in the caller's database transaction. Returns its id, or `None` if no money moves.
pub(super) async fn post(
    app: &App,
    txn: &impl ConnectionTrait,
    header: TransactionHeader<'_>,
    movements: &[Movement],
) -> Result<Option<Uuid>, Error> {
    let movements: Vec<_> = movements.iter().filter(|movement| movement.minor != 0).collect();
    if movements.is_empty() {
        return Ok(None);
    }
    let id = app.clock.new_id();
    let transaction = table::transaction::ActiveModel {
        id: Set(id),
        at: Set(app.clock.now()),
        kind: Set(header.kind),
        object_id: Set(header.object_id),
        booking_id: Set(Some(header.booking_id)),
        host_id: Set(header.host_id),
        currency: Set(header.currency.to_owned()),
    };
    fail_point::reach("ledger.posting").await;
    table::transaction::Entity::insert(transaction).exec_without_returning(txn).await?;
    let rows = movements.into_iter().zip(1..).map(|(movement, line)| table::entry::ActiveModel {
        transaction_id: Set(id),
        line: Set(line),
        debit: Set(movement.debit),
        credit: Set(movement.credit),
        amount_minor: Set(movement.minor),
    });
    fail_point::reach("ledger.entering").await;
    table::entry::Entity::insert_many(rows).exec_without_returning(txn).await?;
    Ok(Some(id))
}

/// Whether the ledger has a transaction of this kind for the object.
pub(super) async fn is_posted(
    db: &impl ConnectionTrait,
    kind: TransactionKind,
    object_id: Uuid,
) -> Result<bool, Error> {
    let posted = table::transaction::Entity::find()
        .filter(table::transaction::Column::Kind.eq(kind))
        .filter(table::transaction::Column::ObjectId.eq(object_id));
    Ok(posted.one(db).await?.is_some())
}

/// Finds the transactions of the bookings, grouped by booking, oldest first.
pub async fn by_bookings(
    app: &App,
    bookings: &[Uuid],
) -> Result<HashMap<Uuid, Vec<(Transaction, Vec<Posting>)>>, Error> {
    let transactions = table::transaction::Entity::find()
        .filter(table::transaction::Column::BookingId.is_in(bookings.iter().copied()))
        .order_by_asc(table::transaction::Column::Id)
        .all(app.db.read())
        .await?;
    let mut postings = load_postings(app, transactions.iter().map(|transaction| transaction.id)).await?;
    let mut found: HashMap<Uuid, Vec<_>> = HashMap::new();
    for transaction in transactions {
        let entries = postings.remove(&transaction.id).unwrap_or_default();
        if let Some(booking) = transaction.booking_id {
            found.entry(booking).or_default().push((transaction, entries));
        }
    }
    Ok(found)
}

/// Finds transactions by their ids.
pub async fn by_ids(app: &App, ids: &[Uuid]) -> Result<HashMap<Uuid, (Transaction, Vec<Posting>)>, Error> {
    let transactions = table::transaction::Entity::find()
        .filter(table::transaction::Column::Id.is_in(ids.iter().copied()))
        .all(app.db.read())
        .await?;
    let mut postings = load_postings(app, ids.iter().copied()).await?;
    let found = transactions.into_iter().map(|transaction| {
        let entries = postings.remove(&transaction.id).unwrap_or_default();
        (transaction.id, (transaction, entries))
    });
    Ok(found.collect())
}

async fn load_postings(app: &App, ids: impl IntoIterator<Item = Uuid>) -> Result<HashMap<Uuid, Vec<Posting>>, Error> {
    let entries = table::entry::Entity::find()
        .filter(table::entry::Column::TransactionId.is_in(ids))
        .order_by_asc(table::entry::Column::Line)
        .all(app.db.read())
        .await?;
    let mut found: HashMap<Uuid, Vec<Posting>> = HashMap::new();
    for entry in entries {
        let sides = [
            Posting { account: entry.debit, minor: entry.amount_minor },
            Posting { account: entry.credit, minor: -entry.amount_minor },
        ];
        found.entry(entry.transaction_id).or_default().extend(sides);
    }
    Ok(found)
}

/// What the platform owes a host according to the ledger, in minor units by currency. Negative if the host owes the
/// platform.
pub async fn host_balance(db: &impl ConnectionTrait, host_id: Uuid) -> Result<BTreeMap<String, i64>, Error> {
    let placeholder = if is_postgres(db) { "$1" } else { "?1" };
    let sql = format!(
        "SELECT t.currency AS currency, CAST(SUM(CASE WHEN e.credit = 'HOST_PAYABLE' THEN e.amount_minor ELSE 0 END) - \
         SUM(CASE WHEN e.debit = 'HOST_PAYABLE' THEN e.amount_minor ELSE 0 END) AS BIGINT) AS minor \
         FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id WHERE t.host_id = {placeholder} \
         GROUP BY t.currency"
    );
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [host_id.into()]);
    let rows = db.query_all_raw(statement).await?;
    rows.iter().map(|row| Ok((row.try_get("", "currency")?, row.try_get("", "minor")?))).collect()
}
