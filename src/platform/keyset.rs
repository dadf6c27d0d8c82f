//! Keyset pagination of tables whose ids are ordered by time, newest rows first.

use sea_orm::sea_query::Order;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use crate::kernel::page::{BadPage, Cursor, Direction, PageRequest};

/// The sort key in an optional cursor.
pub fn parse_cursor<K: serde::de::DeserializeOwned>(
    cursor: Option<&Cursor>,
    field: &'static str,
) -> Result<Option<K>, BadPage> {
    cursor.map(|cursor| cursor.key::<K>().ok_or_else(|| BadPage::foreign_cursor(field))).transpose()
}

/// Restricts `select` to the rows between the cursors of the request, in a list with the newest rows first.
pub fn between_cursors<E: EntityTrait>(
    select: Select<E>,
    id: E::Column,
    request: &PageRequest,
) -> Result<Select<E>, BadPage> {
    let after = parse_cursor::<Uuid>(request.after.as_ref(), "after")?;
    let before = parse_cursor::<Uuid>(request.before.as_ref(), "before")?;
    let filter = Condition::all().add_option(after.map(|after| id.lt(after)));
    Ok(select.filter(filter.add_option(before.map(|before| id.gt(before)))))
}

/// Restricts `select` to the rows of one page, newest first. Selects one row more, which shows whether more rows
/// follow.
pub fn newest_first<E: EntityTrait>(
    select: Select<E>,
    id: E::Column,
    request: &PageRequest,
) -> Result<Select<E>, BadPage> {
    let order = match request.direction {
        Direction::Forward => Order::Desc,
        Direction::Backward => Order::Asc,
    };
    Ok(between_cursors(select, id, request)?.order_by(id, order).limit(u64::from(request.size) + 1))
}
