//! What people say about themselves, and becoming a host.

use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, Set};

use super::register::check_locale;
use super::{User, subscription, table};
use crate::domain::error::{Code, Error, Refusals};
use crate::domain::viewer::Viewer;
use crate::kernel::money::Currency;
use crate::platform::App;

const LONGEST_NAME: usize = 80;
const LONGEST_ABOUT: usize = 2_000;

/// What to change; what is nothing stays as it is, an empty text clears.
#[derive(Clone, Debug, Default)]
pub struct ProfileChange {
    /// Name that others see.
    pub display_name: Option<String>,
    /// A few words that others see.
    pub about: Option<String>,
    /// Telephone number in international form.
    pub phone: Option<String>,
    /// BCP 47 language tag.
    pub locale: Option<String>,
    /// IANA zone.
    pub time_zone: Option<chrono_tz::Tz>,
    /// Currency to show prices in.
    pub currency: Option<Currency>,
}

/// Changes the viewer's profile.
pub async fn update(app: &App, viewer: &Viewer, change: ProfileChange) -> Result<User, Error> {
    let signed_in = viewer.require_user()?;
    let mut refusals = Refusals::default();
    let display_name = change.display_name.map(|text| refusals.text(&["user", "displayName"], &text, LONGEST_NAME));
    let about = change.about.map(|text| refusals.text_or_empty(&["user", "about"], &text, LONGEST_ABOUT));
    let phone = change.phone.map(|text| check_phone(&mut refusals, &text));
    let locale = change.locale.map(|text| check_locale(&mut refusals, &["user", "locale"], &text));
    refusals.finish()?;

    let user = table::user::Entity::find_by_id(signed_in.user_id).one(app.db.read()).await?;
    let mut row = user.ok_or_else(|| Error::not_found(&[]))?.into_active_model();
    if let Some(display_name) = display_name {
        row.display_name = Set(display_name);
    }
    if let Some(about) = about {
        row.about = Set(Some(about).filter(|text| !text.is_empty()));
    }
    if let Some(phone) = phone {
        row.phone = Set(Some(phone).filter(|text| !text.is_empty()));
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
    app.once.spend(&txn, &[user.id]).await?;
    txn.commit().await?;
    Ok(user)
}

/// Lets the viewer list places; doing it again changes nothing.
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
    subscription::changed(&txn, user.id);
    app.once.spend(&txn, &[user.id]).await?;
    txn.commit().await?;
    Ok(user)
}

/// A number in the form of E.164, spaces and dashes dropped; empty clears.
fn check_phone(refusals: &mut Refusals, text: &str) -> String {
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')')).collect();
    let number = digits.strip_prefix('+').unwrap_or("");
    let well_formed =
        digits.is_empty() || (7..=15).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    refusals.check(well_formed, Code::Invalid, &["user", "phone"], "must be a number such as +351 21 000 0000");
    digits
}
