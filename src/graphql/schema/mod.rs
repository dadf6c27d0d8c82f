//! The root types of the schema, and building it.

pub(super) mod builder;
pub(super) mod introspection;
pub(super) mod mutation;
pub(super) mod payload;
pub(super) mod query;
pub(super) mod sdl;
pub(super) mod subscription;
