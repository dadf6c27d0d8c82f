//! The audit of prices and dates: every booking has those of the quote that it stores. Bookings are read page by page.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::super::{Booking, table};
use crate::domain::error::Error;
use crate::kernel::id::{Id, Kind};
use crate::platform::audit::Audit;

const PAGE_SIZE: u64 = 500;

pub(super) async fn audit(audit: &mut Audit) -> Result<(), Error> {
    let mut tally =
        audit.begin_check("booking_prices", "Total, currency, stay and times of a booking equal those of its quote.");
    let mut after = Uuid::nil();
    loop {
        let page = table::booking::Entity::find()
            .filter(table::booking::Column::Id.gt(after))
            .order_by_asc(table::booking::Column::Id)
            .limit(PAGE_SIZE)
            .all(audit.snapshot())
            .await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        tally.count_rows(page.len());
        for booking in &page {
            for note in find_violations(booking) {
                tally.add_finding(Id::new(Kind::Booking, booking.id), None, note);
            }
        }
    }
    audit.end_check(tally);
    Ok(())
}

fn find_violations(booking: &Booking) -> Vec<String> {
    let Ok(quote) = booking.quote() else { return vec!["the quote cannot be read".to_owned()] };
    let price = &quote.price;
    let mut violations = Vec::new();
    if price.total != booking.total_minor || price.currency.code() != booking.currency {
        let (total, currency) = (booking.total_minor, &booking.currency);
        let (quoted, other) = (price.total, price.currency);
        violations.push(format!("the total is {total} {currency}, but {quoted} {other} in the quote"));
    }
    if price.payout + price.guest_fee + price.host_fee + price.taxes() != price.total {
        violations.push("the shares of the quote do not sum to its total".to_owned());
    }
    let stay = (quote.stay.check_in(), quote.stay.check_out());
    if stay != (booking.check_in, booking.check_out) {
        violations.push(format!("the stay is not that of the quote, which is from {} to {}", stay.0, stay.1));
    }
    if (quote.check_in_at(), quote.check_out_at()) != (booking.check_in_at, booking.check_out_at) {
        violations.push("the check-in and check-out times are not those of the quote".to_owned());
    }
    violations
}
