//! One page of rows for each of many owners, in one statement: what a list of lists costs whatever its length.

use std::collections::HashMap;
use std::hash::Hash;

use sea_orm::sea_query::{Alias, Asterisk, Expr, ExprTrait, Order, Query};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryTrait, Select};
use serde::Serialize;

use crate::kernel::page::{Direction, Page, PageRequest};

/// What owns the rows and how they are ordered within one owner, newest first; names of columns.
#[derive(Clone, Copy)]
pub enum Keys {
    /// By the row's id.
    Owner(&'static str),
    /// By an instant, then by the row's id.
    OwnerAndInstant(&'static str, &'static str),
}

/// The first rows of each owner in `request`'s direction, one more than asked for.
pub async fn first_of_each<E: EntityTrait<Model = M>, M: FromQueryResult>(
    db: &impl ConnectionTrait,
    select: Select<E>,
    keys: Keys,
    request: &PageRequest,
) -> Result<Vec<M>, DbErr> {
    let (sql_order, order) = match request.direction {
        Direction::Forward => ("DESC", Order::Desc),
        Direction::Backward => ("ASC", Order::Asc),
    };
    let (owner, within) = match keys {
        Keys::Owner(owner) => (owner, format!("id {sql_order}")),
        Keys::OwnerAndInstant(owner, instant) => (owner, format!("{instant} {sql_order}, id {sql_order}")),
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

/// Rows sorted into one page for each owner that has any.
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
