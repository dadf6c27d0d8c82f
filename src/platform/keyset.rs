//! Keyset pages over tables whose ids sort by time, newest first.

use sea_orm::sea_query::{Expr, ExprTrait, Order};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use crate::kernel::page::{BadPage, Cursor, Direction, PageRequest};

/// A cursor that was not issued by this list.
pub fn foreign_cursor(field: &'static str) -> BadPage {
    BadPage { field, message: "is not a cursor of this list".into() }
}

/// The sort key in an optional cursor.
pub fn key<K: serde::de::DeserializeOwned>(cursor: Option<&Cursor>, field: &'static str) -> Result<Option<K>, BadPage> {
    cursor.map(|cursor| cursor.key::<K>().ok_or_else(|| foreign_cursor(field))).transpose()
}

/// Narrows `select` to the rows of one page, newest first, and one row more that tells whether others follow.
pub fn newest_first<E: EntityTrait>(
    select: Select<E>,
    id: E::Column,
    request: &PageRequest,
) -> Result<Select<E>, BadPage> {
    let after = key::<Uuid>(request.after.as_ref(), "after")?;
    let before = key::<Uuid>(request.before.as_ref(), "before")?;
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
