//! The column shapes that several steps share: ids, instants, money, and words from a closed list.

use sea_orm_migration::prelude::*;

/// A UUID that may not be null.
pub fn uuid(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).uuid().not_null().take()
}

/// The primary key of most tables.
pub fn id() -> ColumnDef {
    uuid("id").primary_key().take()
}

/// A UUID that may be null.
pub fn uuid_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).uuid().null().take()
}

/// Text that may not be null.
pub fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().take()
}

/// Text that may be null.
pub fn text_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().null().take()
}

/// Text that must be one of `words`.
pub fn word(name: &'static str, words: &[&'static str]) -> ColumnDef {
    text(name).check(Expr::col(name).is_in(words.iter().copied())).take()
}

/// An instant that may not be null.
pub fn instant(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).timestamp_with_time_zone().not_null().take()
}

/// An instant that may be null.
pub fn instant_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).timestamp_with_time_zone().null().take()
}

/// A calendar date that may not be null.
pub fn date(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).date().not_null().take()
}

/// A wall-clock time that may not be null.
pub fn time(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).time().not_null().take()
}

/// A wall-clock time that may be null.
pub fn time_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).time().null().take()
}

/// A whole number that may not be null and is at least `least`.
pub fn count(name: &'static str, least: i32) -> ColumnDef {
    ColumnDef::new(name).integer().not_null().check(Expr::col(name).gte(least)).take()
}

/// A whole number with a default of zero, at least zero.
pub fn tally(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().default(0).check(Expr::col(name).gte(0)).take()
}

/// An amount in minor units: not null, never negative.
pub fn minor(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().check(Expr::col(name).gte(0)).take()
}

/// An amount in minor units that may be null, never negative.
pub fn minor_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().null().check(Expr::col(name).gte(0)).take()
}

/// A flag.
pub fn flag(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).boolean().not_null().default(false).take()
}

/// A JSON document that may not be null.
pub fn json(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).json_binary().not_null().take()
}

/// A JSON document that may be null.
pub fn json_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).json_binary().null().take()
}

/// Where a row came from when it was imported: a source and its key there.
pub fn source() -> [ColumnDef; 2] {
    [text_null("source"), text_null("source_ref")]
}

/// A new table with these columns.
pub fn table(name: &'static str, columns: impl IntoIterator<Item = ColumnDef>) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name);
    for column in columns {
        table.col(column);
    }
    table
}

/// A reference from `column` to the id of `target`.
pub fn reference(
    table: &'static str,
    column: &'static str,
    target: &'static str,
    gone: ForeignKeyAction,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_{column}_fkey"))
        .from(table, column)
        .to(target, "id")
        .on_delete(gone)
        .take()
}

/// An index named after its table and columns.
pub async fn index(manager: &SchemaManager<'_>, table: &'static str, columns: &[&'static str]) -> Result<(), DbErr> {
    manager.create_index(index_on(table, columns)).await
}

/// A unique index named after its table and columns.
pub async fn unique(manager: &SchemaManager<'_>, table: &'static str, columns: &[&'static str]) -> Result<(), DbErr> {
    manager.create_index(index_on(table, columns).unique().take()).await
}

fn index_on(table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(format!("{table}_{}_idx", columns.join("_"))).table(table);
    for column in columns {
        index.col(*column);
    }
    index
}
