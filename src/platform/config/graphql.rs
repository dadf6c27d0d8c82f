//! Settings of the GraphQL endpoint.

use std::path::PathBuf;

use clap::Args;

use super::checks::{Checks, split_list};

const MAX_BATCH: i64 = 100;
/// The largest budget and refill: at this refill one point returns in a microsecond.
const MAX_POINTS: i64 = 1_000_000;

/// The settings of the GraphQL endpoint as texts, not checked yet.
#[derive(Args, Clone, Debug)]
pub struct GraphqlSettings {
    /// `development`, or `production`: responses show no internals and introspection is off
    #[arg(long, global = true, env = "ROOST_MODE", default_value = "development", value_name = "MODE")]
    mode: String,

    /// Whether introspection is allowed and errors suggest similar names: `on`, `off`, or `auto` (on in development)
    #[arg(long, global = true, env = "ROOST_INTROSPECTION", default_value = "auto", value_name = "auto|on|off")]
    introspection: String,

    /// Whether the playground is served: `on`, `off`, or `auto` (on in development)
    #[arg(long, global = true, env = "ROOST_PLAYGROUND", default_value = "auto", value_name = "auto|on|off")]
    playground: String,

    /// Origins whose pages may call the API, separated by commas, such as `https://app.example.com`; `*` for all
    #[arg(long, global = true, env = "ROOST_CORS_ORIGINS", default_value = "", value_name = "ORIGINS")]
    cors_origins: String,

    /// Largest number of operations in one request that is a JSON array; 0 refuses arrays
    #[arg(long, global = true, env = "ROOST_BATCH_LIMIT", default_value = "0", value_name = "N")]
    batch_limit: String,

    /// Manifest of trusted documents: Apollo's persisted query manifest, or a JSON object from id to document
    #[arg(long, global = true, env = "ROOST_TRUSTED_DOCUMENTS", value_name = "FILE")]
    trusted_documents: Option<String>,

    /// Refuse every document that is not in the manifest: `on` or `off`
    #[arg(long, global = true, env = "ROOST_TRUSTED_ONLY", default_value = "off", value_name = "on|off")]
    trusted_only: String,

    /// HTTP status of application/graphql-response+json responses with both data and errors: 294 by the draft of 2026,
    /// or 200 by the draft of 2023
    #[arg(long, global = true, env = "ROOST_PARTIAL_STATUS", default_value = "294", value_name = "294|200")]
    partial_status: String,

    /// Cost points that a user, or an anonymous client's address, may spend at once, or `off`
    #[arg(long, global = true, env = "ROOST_COST_BUDGET", default_value = "60000", value_name = "POINTS|off")]
    cost_budget: String,

    /// Cost points that each budget regains per second
    #[arg(long, global = true, env = "ROOST_COST_REFILL", default_value = "1000", value_name = "POINTS")]
    cost_refill: String,

    /// Largest cost of one operation, in points
    #[arg(long, global = true, env = "ROOST_OPERATION_COST", default_value = "20000", value_name = "POINTS")]
    operation_cost: String,
}

/// The settings of the GraphQL endpoint, checked.
#[derive(Clone, Debug)]
pub struct GraphqlConfig {
    /// Whether responses hide internals.
    pub production: bool,
    /// Whether introspection is allowed.
    pub introspection: bool,
    /// Whether the playground is served.
    pub playground: bool,
    /// The origins whose pages may call.
    pub origins: Origins,
    /// Largest number of operations in a request that is a list; 0 refuses lists.
    pub batch_limit: usize,
    /// Path of the manifest of trusted documents.
    pub trusted_documents: Option<PathBuf>,
    /// Whether only trusted documents are served.
    pub trusted_only: bool,
    /// The HTTP status of responses with data and errors.
    pub partial_status: u16,
    /// The budget of each client. None means no limit.
    pub cost_budget: Option<CostBudget>,
    /// Largest cost of one operation, in points.
    pub operation_cost: u64,
}

/// A budget of points, for each user and for each address of anonymous clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostBudget {
    /// Points of a full budget.
    pub points: u64,
    /// Points regained per second.
    pub refill_per_s: u64,
}

/// The origins whose pages may call the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// All of them.
    Any,
    /// These. An empty list allows the server's own pages only.
    Listed(Vec<String>),
}

impl Origins {
    /// Whether pages of this origin may call.
    pub fn allow(&self, origin: &str) -> bool {
        match self {
            Origins::Any => true,
            Origins::Listed(origins) => origins.iter().any(|allowed| allowed == origin),
        }
    }
}

impl GraphqlSettings {
    pub(super) fn check(self, checks: &mut Checks) -> GraphqlConfig {
        let production = checks.either("--mode (ROOST_MODE)", &self.mode, "production", "development");
        let introspection = checks.on_off_or_auto("--introspection (ROOST_INTROSPECTION)", &self.introspection);
        let playground = checks.on_off_or_auto("--playground (ROOST_PLAYGROUND)", &self.playground);
        let batch_limit = checks.number("--batch-limit (ROOST_BATCH_LIMIT)", &self.batch_limit, 0, MAX_BATCH);
        let trusted_documents = self.trusted_documents.filter(|path| !path.is_empty()).map(PathBuf::from);
        let trusted_only = checks.either("--trusted-only (ROOST_TRUSTED_ONLY)", &self.trusted_only, "on", "off");
        if trusted_only && trusted_documents.is_none() {
            checks.wrong("--trusted-only (ROOST_TRUSTED_ONLY)", "needs a manifest: --trusted-documents FILE");
        }
        let partial = checks.either("--partial-status (ROOST_PARTIAL_STATUS)", &self.partial_status, "294", "200");
        let (operation_cost, cost_budget) =
            check_costs([&self.operation_cost, &self.cost_budget, &self.cost_refill], checks);
        GraphqlConfig {
            production,
            introspection: introspection.unwrap_or(!production),
            playground: playground.unwrap_or(!production),
            origins: check_origins(&self.cors_origins, checks),
            batch_limit: usize::try_from(batch_limit).unwrap_or(0),
            trusted_documents,
            trusted_only,
            partial_status: if partial { 294 } else { 200 },
            cost_budget,
            operation_cost,
        }
    }
}

fn check_costs([operation, budget, refill]: [&str; 3], checks: &mut Checks) -> (u64, Option<CostBudget>) {
    const BUDGET: &str = "--cost-budget (ROOST_COST_BUDGET)";
    let mut points = |name, text: &str| checks.number(name, text, 1, MAX_POINTS).unsigned_abs();
    let operation = points("--operation-cost (ROOST_OPERATION_COST)", operation);
    let refill_per_s = points("--cost-refill (ROOST_COST_REFILL)", refill);
    let Some(budget) = checks.number_or_off(BUDGET, budget, 1, MAX_POINTS).map(i64::unsigned_abs) else {
        return (operation, None);
    };
    if budget < operation {
        checks.wrong(BUDGET, "must be at least --operation-cost, else an allowed operation could never run");
    }
    (operation, Some(CostBudget { points: budget, refill_per_s }))
}

fn check_origins(text: &str, checks: &mut Checks) -> Origins {
    let listed = split_list(text);
    if listed == ["*"] {
        return Origins::Any;
    }
    let is_origin = |text: &&str| {
        let url = reqwest::Url::parse(text).ok();
        url.is_some_and(|url| ["http", "https"].contains(&url.scheme()) && url.origin().ascii_serialization() == *text)
    };
    if let Some(wrong) = listed.iter().find(|text| !is_origin(text)) {
        let message = format!("must be origins such as https://app.example.com, or `*` alone, not `{wrong}`");
        checks.wrong("--cors-origins (ROOST_CORS_ORIGINS)", message);
    }
    Origins::Listed(listed.into_iter().map(ToOwned::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port_other_than_the_default() {
        let read = |text| {
            let mut checks = Checks(Vec::new());
            let origins = check_origins(text, &mut checks);
            checks.0.is_empty().then_some(origins)
        };
        assert_eq!(read(""), Some(Origins::Listed(Vec::new())));
        assert_eq!(read("*"), Some(Origins::Any));
        let both = read("https://a.example, http://localhost:3000").unwrap();
        assert!(both.allow("https://a.example") && both.allow("http://localhost:3000"));
        assert!(!both.allow("https://b.example") && !both.allow("http://a.example") && !both.allow("null"));
        for wrong in ["a.example", "https://a.example/", "https://a.example:443", "*, https://a.example", "null"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
