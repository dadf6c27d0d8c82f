//! The files of others that the playground is made of, each held to its SHA-384; `build.rs` reads this list too.

/// One file of an npm package.
pub struct Pinned {
    /// The package's name.
    pub package: &'static str,
    /// The package's version.
    pub version: &'static str,
    /// The file's path inside the package.
    pub file: &'static str,
    /// The file's SHA-384 in base64, as subresource integrity writes it.
    pub sha384: &'static str,
}

/// The files, in the order in which a page loads them.
pub const PINNED: [Pinned; 4] = [
    Pinned {
        package: "graphiql",
        version: "4.1.2",
        file: "graphiql.min.css",
        sha384: "1el1QShFBnnXTx9x/Cprg82hZWKt0ry29OAYIXt05swbi0KcZDFoj0CWguMpopJr",
    },
    Pinned {
        package: "react",
        version: "18.3.1",
        file: "umd/react.production.min.js",
        sha384: "DGyLxAyjq0f9SPpVevD6IgztCFlnMF6oW/XQGmfe+IsZ8TqEiDrcHkMLKI6fiB/Z",
    },
    Pinned {
        package: "react-dom",
        version: "18.3.1",
        file: "umd/react-dom.production.min.js",
        sha384: "gTGxhz21lVGYNMcdJOyq01Edg0jhn/c22nsx0kyqP0TxaV5WVdsSH1fSDUf5YJj1",
    },
    Pinned {
        package: "graphiql",
        version: "4.1.2",
        file: "graphiql.min.js",
        sha384: "9XdHu7ajgGJziD4J1zNBKQ842Q/+zZfDv+ib1eMhZWBH6hPAs806x+Jbcf0yNO6B",
    },
];
