//! Accounts made in bulk, for demonstrations.

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use super::{User, table};
use crate::domain::error::Error;
use crate::kernel::money::Currency;
use crate::platform::App;

/// Rows of one statement, few enough for the bind variables that any engine takes.
const ROWS: usize = 1_000;

/// One account to make.
#[derive(Clone, Debug)]
pub struct SeedUser {
    /// Address to sign in with, in lower case.
    pub email: String,
    /// Name that others see.
    pub display_name: String,
    /// A few words that others see.
    pub about: Option<String>,
    /// May list places.
    pub is_host: bool,
    /// Is staff of the marketplace.
    pub is_admin: bool,
    /// Has shown that the address is theirs.
    pub is_verified: bool,
    /// BCP 47 language tag.
    pub locale: String,
    /// Where the person lives.
    pub time_zone: chrono_tz::Tz,
    /// Currency to show prices in.
    pub currency: Currency,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
}

/// Makes accounts that all open with the password behind `password_hash`; in the order given, all or none.
pub async fn seed(app: &App, password_hash: &str, accounts: Vec<SeedUser>) -> Result<Vec<User>, Error> {
    let rows: Vec<User> = accounts.into_iter().map(|account| row(app, password_hash, account)).collect();
    let txn = app.db.begin_write().await?;
    for some in rows.chunks(ROWS) {
        let some = some.iter().cloned().map(table::user::ActiveModel::from);
        table::user::Entity::insert_many(some).exec_without_returning(&txn).await?;
    }
    txn.commit().await?;
    Ok(rows)
}

fn row(app: &App, password_hash: &str, account: SeedUser) -> User {
    User {
        id: app.clock.id(),
        email: Some(account.email),
        display_name: account.display_name,
        about: account.about,
        phone: None,
        password_hash: Some(password_hash.to_owned()),
        is_host: account.is_host,
        is_admin: account.is_admin,
        locale: account.locale,
        time_zone: account.time_zone.name().to_owned(),
        currency: account.currency.code().to_owned(),
        email_verified_at: account.is_verified.then_some(account.created_at),
        created_at: account.created_at,
        updated_at: account.created_at,
        source: None,
        source_ref: None,
    }
}

/// Whether anyone can sign in here yet.
pub async fn any_account(app: &App) -> Result<bool, Error> {
    let found: Option<uuid::Uuid> = table::user::Entity::find()
        .select_only()
        .column(table::user::Column::Id)
        .filter(table::user::Column::Email.is_not_null())
        .into_tuple()
        .one(app.db.read())
        .await?;
    Ok(found.is_some())
}

/// Whether this address, in lower case, belongs to an account.
pub async fn is_registered(app: &App, email: &str) -> Result<bool, Error> {
    let found: Option<uuid::Uuid> = table::user::Entity::find()
        .select_only()
        .column(table::user::Column::Id)
        .filter(table::user::Column::Email.eq(email))
        .into_tuple()
        .one(app.db.read())
        .await?;
    Ok(found.is_some())
}
