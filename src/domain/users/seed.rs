//! Creating accounts in bulk, for the demonstration.

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use super::{User, table};
use crate::domain::error::Error;
use crate::kernel::money::Currency;
use crate::platform::App;

/// Rows per statement, few enough for the number of bind variables that both databases accept.
const ROWS_PER_STATEMENT: usize = 1_000;

/// An account to create.
#[derive(Clone, Debug)]
pub struct SeedUser {
    /// E-mail address to sign in with, in lower case.
    pub email: String,
    /// The public name.
    pub display_name: String,
    /// The public text about the user.
    pub about: Option<String>,
    /// Whether the user is a host.
    pub is_host: bool,
    /// Whether the user is staff of the marketplace.
    pub is_admin: bool,
    /// Whether the e-mail address is verified.
    pub is_verified: bool,
    /// Language, as a BCP 47 tag.
    pub locale: String,
    /// Time zone of the user.
    pub time_zone: chrono_tz::Tz,
    /// Preferred currency for prices.
    pub currency: Currency,
    /// When the account was created.
    pub created_at: DateTime<Utc>,
}

/// Creates accounts that all have the password behind `password_hash`, in one transaction. Returns them in the given
/// order.
pub async fn seed(app: &App, password_hash: &str, accounts: Vec<SeedUser>) -> Result<Vec<User>, Error> {
    let rows: Vec<User> = accounts.into_iter().map(|account| build_row(app, password_hash, account)).collect();
    let txn = app.db.begin_write().await?;
    for chunk in rows.chunks(ROWS_PER_STATEMENT) {
        let models = chunk.iter().cloned().map(table::user::ActiveModel::from);
        table::user::Entity::insert_many(models).exec_without_returning(&txn).await?;
    }
    txn.commit().await?;
    Ok(rows)
}

fn build_row(app: &App, password_hash: &str, account: SeedUser) -> User {
    User {
        id: app.clock.new_id(),
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

/// Whether there is an account that can sign in.
pub async fn any_account_exists(app: &App) -> Result<bool, Error> {
    let found: Option<uuid::Uuid> = table::user::Entity::find()
        .select_only()
        .column(table::user::Column::Id)
        .filter(table::user::Column::Email.is_not_null())
        .into_tuple()
        .one(app.db.read())
        .await?;
    Ok(found.is_some())
}

/// Whether an account has this address, which must be in lower case.
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
