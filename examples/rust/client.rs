//! The client: sends one operation per request, with types generated from the schema at compile time.

use anyhow::{Context, Result, bail};
use graphql_client::{GraphQLQuery, Response};

/// Rust types for the scalars of the schema.
pub mod scalars {
    /// A currency code of ISO 4217.
    pub type CurrencyCode = String;
    /// A date at the listing, without a time zone.
    pub type Date = chrono::NaiveDate;
    /// An instant in UTC.
    pub type DateTime = chrono::DateTime<chrono::Utc>;
    /// A language tag of BCP 47.
    pub type LanguageTag = String;
    /// An amount in minor units of its currency, up to 2^53.
    pub type MinorUnits = i64;
    /// A time zone name of the IANA database.
    pub type TimeZone = String;
}

/// The operations of `examples/story.graphql`, each as a module with its variables and its response.
macro_rules! operations {
    ($($name:ident)*) => {
        $(
            #[derive(graphql_client::GraphQLQuery)]
            #[graphql(
                schema_path = "schema.graphql",
                query_path = "examples/story.graphql",
                custom_scalars_module = "crate::client::scalars",
                // A type that a newer server adds to an interface is read as `Unknown` instead of failing.
                fragments_other_variant = true,
                // An absent value is not sent. Sent as null, it would remove what the field of an update contains.
                skip_serializing_none,
                variables_derives = "Clone, Debug",
                response_derives = "Clone, Debug, PartialEq"
            )]
            pub struct $name;
        )*
    };
}

operations! { Register Search Quote Book Booking Trips Cancel }

/// A server, and the access token of the session if there is one.
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
}

impl Client {
    /// A client for the server at this URL.
    pub fn new(server: &str) -> Result<Client> {
        // reqwest uses the TLS library that the program installs; plain http needs none.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = format!("{}/graphql", server.trim_end_matches('/'));
        Ok(Client { http: reqwest::Client::builder().build()?, url, token: None })
    }

    /// The URL of the server.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends this access token with every further request.
    pub fn sign_with(&mut self, token: String) {
        self.token = Some(token);
    }

    /// Sends an operation and returns its data, or fails with the error codes of the response.
    pub async fn ask<Q: GraphQLQuery>(&self, variables: Q::Variables) -> Result<Q::ResponseData> {
        let body = serde_json::to_vec(&Q::build_query(variables))?;
        let mut request = self.http.post(&self.url).body(body);
        request = request.header("content-type", "application/json");
        request = request.header("accept", "application/graphql-response+json");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.context("no response")?;
        let status = response.status();
        let body = response.bytes().await?;
        // A response of this media type is a GraphQL response, whatever its status. Other media types come from proxies.
        let response: Response<Q::ResponseData> =
            serde_json::from_slice(&body).with_context(|| format!("not a GraphQL response, status {status}"))?;
        if let Some(errors) = response.errors.filter(|errors| !errors.is_empty()) {
            let code = |error: &graphql_client::Error| {
                let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code").cloned());
                format!("{} ({})", error.message, code.unwrap_or_default())
            };
            bail!("{status}: {}", errors.iter().map(code).collect::<Vec<_>>().join("; "));
        }
        response.data.context("a response without data and without errors")
    }
}
