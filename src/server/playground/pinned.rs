//! The third-party files of the playground, each with its SHA-384. `build.rs` uses this list too.

/// One file of an npm package.
pub struct Pinned {
    /// Name of the package.
    pub package: &'static str,
    /// Version of the package.
    pub version: &'static str,
    /// Path of the file inside the package.
    pub file: &'static str,
    /// SHA-384 of the file in base64, as in the attribute `integrity`.
    pub sha384: &'static str,
}

/// The files, in the order in which the page loads them.
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
