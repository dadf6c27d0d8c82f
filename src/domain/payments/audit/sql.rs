//! Fragments of SQL that several checks use.

/// A join with the ledger's sum per object over the transactions of `kind`: `posted.minor` for `object`, counting the
/// entries that match `entries`. It is summed once and joined, because with a subquery per row a database without
/// statistics would scan the ledger for every row.
pub(super) fn posted(kind: &str, object: &str, entries: &str) -> String {
    format!(
        "LEFT JOIN (SELECT t.object_id, sum(e.amount_minor) AS minor FROM ledger_transaction t \
         JOIN ledger_entry e ON e.transaction_id = t.id WHERE t.kind = '{kind}' AND {entries} GROUP BY t.object_id) \
         AS posted ON posted.object_id = {object}"
    )
}

/// The sum that [`posted`] joins, zero where there is none.
pub(super) const POSTED: &str = "CAST(COALESCE(posted.minor, 0) AS BIGINT)";

/// The sum that `select` computes as an expression, zero where it has no rows.
pub(super) fn sum(select: &str) -> String {
    format!("CAST(COALESCE(({select}), 0) AS BIGINT)")
}

/// The rows of `select` whose columns `wanted` and `found` differ.
pub(super) fn differing(select: &str) -> String {
    format!("SELECT * FROM ({select}) AS compared WHERE wanted <> found")
}
