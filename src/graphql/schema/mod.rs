//! The root types of the schema.

pub(super) mod payload;
pub(super) mod subscription;
