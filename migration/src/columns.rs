//! The kinds of columns that several migrations use: ids, instants, amounts, and texts from a fixed list.

use sea_orm_migration::prelude::*;

/// A UUID, not null.
pub fn uuid(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).uuid().not_null().take()
}

/// The primary key of most tables: a UUID in the column `id`.
pub fn id() -> ColumnDef {
    uuid("id").primary_key().take()
}

/// A UUID or null.
pub fn uuid_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).uuid().null().take()
}

/// Text, not null.
pub fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().take()
}

/// Text or null.
pub fn text_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().null().take()
}

/// Text, not null, that must be one of `words`.
pub fn word(name: &'static str, words: &[&'static str]) -> ColumnDef {
    text(name).check(Expr::col(name).is_in(words.iter().copied())).take()
}

/// An instant, not null.
pub fn instant(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).timestamp_with_time_zone().not_null().take()
}

/// An instant or null.
pub fn instant_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).timestamp_with_time_zone().null().take()
}

/// A calendar date, not null.
pub fn date(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).date().not_null().take()
}

/// A local time of day, not null.
pub fn time(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).time().not_null().take()
}

/// A local time of day or null.
pub fn time_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).time().null().take()
}

/// An integer of 32 bits, not null, at least `least`.
pub fn count(name: &'static str, least: i32) -> ColumnDef {
    ColumnDef::new(name).integer().not_null().check(Expr::col(name).gte(least)).take()
}

/// An integer of 64 bits, not null, at least zero, by default zero.
pub fn tally(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().default(0).check(Expr::col(name).gte(0)).take()
}

/// An amount in minor units, not null, never negative.
pub fn minor(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().check(Expr::col(name).gte(0)).take()
}

/// An amount in minor units or null, never negative.
pub fn minor_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().null().check(Expr::col(name).gte(0)).take()
}

/// A boolean, not null, by default false.
pub fn flag(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).boolean().not_null().default(false).take()
}

/// A JSON document, not null.
pub fn json(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).json_binary().not_null().take()
}

/// A JSON document or null.
pub fn json_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).json_binary().null().take()
}

/// The origin of an imported row: the source, and the key of the row in it. Null for rows that were not imported.
pub fn source() -> [ColumnDef; 2] {
    [text_null("source"), text_null("source_ref")]
}

/// A statement that creates a table with these columns.
pub fn table(name: &'static str, columns: impl IntoIterator<Item = ColumnDef>) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name);
    for column in columns {
        table.col(column);
    }
    table
}

/// A foreign key from `column` to the id of `target`. `gone` is the action when the target is deleted.
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

/// Creates an index that is named after its table and columns.
pub async fn index(manager: &SchemaManager<'_>, table: &'static str, columns: &[&'static str]) -> Result<(), DbErr> {
    manager.create_index(index_on(table, columns)).await
}

/// Creates a unique index that is named after its table and columns.
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
