//! The shape that every mutation answers with.

/// Declares payloads: what the mutation made, and why it may not have.
macro_rules! payloads {
    ($($(#[$doc:meta])* $payload:ident { $($(#[$field_doc:meta])* $field:ident: $ty:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(async_graphql::SimpleObject)]
            pub struct $payload {
                $($(#[$field_doc])* pub $field: $ty,)*
                /// Why nothing was done; empty when it was.
                pub user_errors: Vec<crate::graphql::support::errors::UserError>,
            }
        )*
    };
}

pub(in crate::graphql) use payloads;
