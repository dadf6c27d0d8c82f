//! The size and the cost of an operation, computed before it runs.
//!
//! **Invariant:** no measure takes longer than linear time in the length of the text, whatever its fragments expand to.
//! No code walks a document with its fragments expanded before the document is known to be within the limits.

mod limits;
mod measure;
mod price;
mod shape;
#[cfg(test)]
mod tests;
mod tokens;
mod variables;
mod weights;

pub use self::measure::{OperationCost, check_text, measure};
pub use self::variables::count_uses;
