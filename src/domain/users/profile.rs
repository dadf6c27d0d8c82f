//! Changing a user's profile, and becoming a host.

use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, Set};

use super::register::{MAX_DISPLAY_NAME_CHARS, check_locale};
use super::subscription::announce_change;
use super::{User, table};
use crate::domain::error::{Code, Error, Refusals};
use crate::domain::viewer::Viewer;
use crate::kernel::change::Change;
use crate::kernel::money::Currency;
use crate::platform::App;

/// Maximum length of a profile's text, in characters.
pub const MAX_ABOUT_CHARS: usize = 2_000;

/// The changes of a profile. A value that is `None` stays as it is; an empty text is removed.
#[derive(Clone, Debug, Default)]
pub struct ProfileChange {
    /// The public name.
    pub display_name: Option<String>,
    /// The public text about the user.
    pub about: Change<String>,
    /// Telephone number in international form, such as `+351 21 000 0000`.
    pub phone: Change<String>,
    /// Language, as a BCP 47 tag.
    pub locale: Option<String>,
    /// IANA time zone.
    pub time_zone: Option<chrono_tz::Tz>,
    /// Preferred currency for prices.
    pub currency: Option<Currency>,
    /// Refusals of values that could not be read. They are returned together with those of all other values.
    pub unreadable: Refusals,
}

/// Changes the viewer's profile.
pub async fn update(app: &App, viewer: &Viewer, change: ProfileChange) -> Result<User, Error> {
    let signed_in = viewer.require_user()?;
    let mut refusals = change.unreadable;
    let display_name =
        change.display_name.map(|text| refusals.text(&["user", "displayName"], &text, MAX_DISPLAY_NAME_CHARS));
    let about = change.about.map(|text| refusals.text_or_empty(&["user", "about"], &text, MAX_ABOUT_CHARS));
    let phone = change.phone.map(|text| check_phone(&mut refusals, &text));
    let locale = change.locale.map(|text| check_locale(&mut refusals, &["user", "locale"], &text));
    refusals.finish()?;

    let user = table::user::Entity::find_by_id(signed_in.user_id).one(app.db.read()).await?;
    let mut row = user.ok_or_else(|| Error::not_found(&[]))?.into_active_model();
    if let Some(display_name) = display_name {
        row.display_name = Set(display_name);
    }
    if let Some(about) = about.outcome() {
        row.about = Set(about.filter(|text| !text.is_empty()));
    }
    if let Some(phone) = phone.outcome() {
        row.phone = Set(phone.filter(|text| !text.is_empty()));
    }
    if let Some(locale) = locale {
        row.locale = Set(locale);
    }
    if let Some(time_zone) = change.time_zone {
        row.time_zone = Set(time_zone.name().to_owned());
    }
    if let Some(currency) = change.currency {
        row.currency = Set(currency.code().to_owned());
    }
    row.updated_at = Set(app.clock.now());
    let txn = app.db.begin_write().await?;
    let user = row.update(&txn).await?;
    app.idempotency_key.record(&txn, &[user.id]).await?;
    txn.commit().await?;
    Ok(user)
}

/// Makes the viewer a host, who can create listings. Repeating it changes nothing.
pub async fn become_host(app: &App, viewer: &Viewer) -> Result<User, Error> {
    let signed_in = viewer.require_user()?;
    let txn = app.db.begin_write().await?;
    let changed = table::user::Entity::update_many()
        .col_expr(table::user::Column::IsHost, Expr::value(true))
        .col_expr(table::user::Column::UpdatedAt, Expr::value(app.clock.now()))
        .filter(table::user::Column::Id.eq(signed_in.user_id))
        .exec_with_returning(&txn)
        .await?;
    let user = changed.into_iter().next().ok_or_else(|| Error::not_found(&[]))?;
    announce_change(&txn, user.id);
    app.idempotency_key.record(&txn, &[user.id]).await?;
    txn.commit().await?;
    Ok(user)
}

/// Checks a number in the form of E.164 and removes its spaces, dashes and parentheses. An empty text clears the
/// number.
fn check_phone(refusals: &mut Refusals, text: &str) -> String {
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')')).collect();
    let number = digits.strip_prefix('+').unwrap_or("");
    let well_formed =
        digits.is_empty() || (7..=15).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    refusals.check(
        well_formed,
        Code::Invalid,
        &["user", "phone"],
        "must be a telephone number in international form, such as +351 21 000 0000",
    );
    digits
}
