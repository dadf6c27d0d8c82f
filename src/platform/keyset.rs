//! Keyset pagination of tables whose ids are ordered by time, newest rows first.

use sea_orm::sea_query::{Expr, ExprTrait, Order};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use crate::kernel::page::{BadPage, Cursor, Direction, PageRequest};

/// The error for a cursor that another list has issued.
pub fn foreign_cursor(field: &'static str) -> BadPage {
    BadPage { field, message: "is not a cursor of this list".into() }
}

/// The sort key in an optional cursor.
pub fn parse_cursor<K: serde::de::DeserializeOwned>(
    cursor: Option<&Cursor>,
    field: &'static str,
) -> Result<Option<K>, BadPage> {
    cursor.map(|cursor| cursor.key::<K>().ok_or_else(|| foreign_cursor(field))).transpose()
}

/// Restricts `select` to the rows of one page, newest first. Selects one row more, which shows whether more rows
/// follow.
pub fn newest_first<E: EntityTrait>(
    select: Select<E>,
    id: E::Column,
    request: &PageRequest,
) -> Result<Select<E>, BadPage> {
    let after = parse_cursor::<Uuid>(request.after.as_ref(), "after")?;
    let before = parse_cursor::<Uuid>(request.before.as_ref(), "before")?;
    let order = match request.direction {
        Direction::Forward => Order::Desc,
        Direction::Backward => Order::Asc,
    };
    let column = Expr::col((E::default(), id));
    Ok(select
        .filter(after.map_or_else(|| Expr::val(true), |after| column.clone().lt(after)))
        .filter(before.map_or_else(|| Expr::val(true), |before| id.gt(before)))
        .order_by(id, order)
        .limit(u64::from(request.size) + 1))
}
