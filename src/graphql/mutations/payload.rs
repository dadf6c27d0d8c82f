//! A macro that declares the payload of a mutation.

/// Declares payload types: the fields of the result, and `userErrors`. Every payload is an object type of its own, so
/// that fields can be added to one without changing the others.
macro_rules! payloads {
    ($($(#[$doc:meta])* $payload:ident { $($(#[$field_doc:meta])* $field:ident: $ty:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(async_graphql::SimpleObject)]
            pub struct $payload {
                $($(#[$field_doc])* pub $field: $ty,)*
                /// Why the mutation was refused. Empty if it succeeded.
                pub user_errors: Vec<crate::graphql::types::user_errors::UserError>,
            }
        )*
    };
}

pub(in crate::graphql) use payloads;
