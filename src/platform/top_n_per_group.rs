//! Selects one page of rows for each of many owners in one statement, so that a list of lists costs one statement at
//! any length.

use std::collections::HashMap;
use std::hash::Hash;

use sea_orm::sea_query::{Alias, Asterisk, Expr, ExprTrait, Order, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QuerySelect, QueryTrait, Select};
use serde::Serialize;
use uuid::Uuid;

use crate::kernel::page::{Direction, Page, PageRequest};

/// The columns by which rows are grouped, and by which they are ordered within a group, newest first.
#[derive(Clone, Copy)]
pub enum Grouping {
    /// Grouped by this column, ordered by `id`.
    Owner(&'static str),
    /// Grouped by the first column, ordered by the second, which contains an instant, and then by `id`.
    OwnerAndInstant(&'static str, &'static str),
}

/// Selects the first rows of each owner in the direction of `request`, one more than requested.
pub async fn first_of_each<E: EntityTrait<Model = M>, M: FromQueryResult>(
    db: &impl ConnectionTrait,
    select: Select<E>,
    grouping: Grouping,
    request: &PageRequest,
) -> Result<Vec<M>, DbErr> {
    let (sql_order, order) = match request.direction {
        Direction::Forward => ("DESC", Order::Desc),
        Direction::Backward => ("ASC", Order::Asc),
    };
    let (owner, within) = match grouping {
        Grouping::Owner(owner) => (owner, format!("id {sql_order}")),
        Grouping::OwnerAndInstant(owner, instant) => (owner, format!("{instant} {sql_order}, id {sql_order}")),
    };
    let mut numbered = select.into_query();
    numbered.expr_as(
        Expr::cust(format!("ROW_NUMBER() OVER (PARTITION BY {owner} ORDER BY {within})")),
        Alias::new("place_in_owner"),
    );
    let statement = Query::select()
        .column(Asterisk)
        .from_subquery(numbered, Alias::new("numbered"))
        .and_where(Expr::col(Alias::new("place_in_owner")).lte(i64::from(request.size) + 1))
        .order_by(Alias::new("place_in_owner"), Order::Asc)
        .order_by(Alias::new("id"), order)
        .take();
    M::find_by_statement(db.get_database_backend().build(&statement)).all(db).await
}

/// Counts the rows of each owner in one statement. Owners without rows are left out.
pub async fn count_of_each<E: EntityTrait>(
    db: &impl ConnectionTrait,
    select: Select<E>,
    owner: E::Column,
) -> Result<HashMap<Uuid, i64>, DbErr> {
    let counted = select.select_only().column(owner).column_as(owner.count(), "number_of_rows").group_by(owner);
    let rows: Vec<(Uuid, i64)> = counted.into_tuple().all(db).await?;
    Ok(rows.into_iter().collect())
}

/// Distributes rows to one page for each owner that has rows.
pub fn pages<M, O: Eq + Hash, K: Serialize>(
    rows: Vec<M>,
    request: &PageRequest,
    owner: impl Fn(&M) -> O,
    key: impl Fn(&M) -> K,
) -> HashMap<O, Page<M>> {
    let mut lists: HashMap<O, Vec<M>> = HashMap::new();
    for row in rows {
        lists.entry(owner(&row)).or_default().push(row);
    }
    lists.into_iter().map(|(owner, rows)| (owner, Page::from_rows(request, rows, &key))).collect()
}
