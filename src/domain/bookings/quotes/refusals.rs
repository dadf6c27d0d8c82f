//! Violated stay rules as refusals.

use crate::domain::error::{Code, Detail, Refusal};
use crate::domain::listings::availability::stay_check::{StayRule, Violation};

/// The refusals for violated stay rules. Unavailable nights are listed one by one, with what each of them is.
pub(in crate::domain::bookings) fn stay_refusals(violations: &[Violation], field: &[&str]) -> Vec<Refusal> {
    let refusals = violations.iter().map(|violation| match violation.rule {
        StayRule::NightsTaken | StayRule::Preparation => {
            let nights = violation.nights.iter().map(|night| (night.date, night.state.as_str().to_owned())).collect();
            Refusal::at(Code::NightsUnavailable, field, violation.message.clone()).with(Detail::Nights(nights))
        }
        _ => Refusal::at(Code::StayRuleViolated, field, violation.message.clone()),
    });
    refusals.collect()
}
