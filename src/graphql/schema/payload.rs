//! The interface that every payload implements.

use async_graphql::Interface;

use crate::graphql::mutations::{alterations, bookings, listings, notifications, payouts, quotes, reviews, users};
use crate::graphql::types::user_errors::UserError;

/// The common part of all payloads of mutations.
#[derive(Interface)]
#[graphql(field(
    name = "user_errors",
    ty = "&Vec<UserError>",
    desc = "Why the mutation was refused. Empty if it succeeded."
))]
#[expect(
    clippy::large_enum_variant,
    missing_docs,
    reason = "the enum only declares the interface and is never constructed"
)]
pub enum MutationPayload {
    UserRegister(users::UserRegisterPayload),
    UserUpdate(users::UserUpdatePayload),
    UserBecomeHost(users::UserBecomeHostPayload),
    SessionCreate(users::SessionCreatePayload),
    SessionRefresh(users::SessionRefreshPayload),
    SessionRevoke(users::SessionRevokePayload),
    ListingCreate(listings::ListingCreatePayload),
    ListingUpdate(listings::ListingUpdatePayload),
    ListingPublish(listings::ListingPublishPayload),
    ListingUnlist(listings::ListingUnlistPayload),
    ListingDelete(listings::ListingDeletePayload),
    ListingCalendarUpdate(listings::ListingCalendarUpdatePayload),
    QuoteCreate(quotes::QuoteCreatePayload),
    BookingCreate(bookings::BookingCreatePayload),
    BookingPaymentConfirm(bookings::BookingPaymentConfirmPayload),
    BookingAccept(bookings::BookingAcceptPayload),
    BookingDecline(bookings::BookingDeclinePayload),
    BookingWithdraw(bookings::BookingWithdrawPayload),
    BookingCancel(bookings::BookingCancelPayload),
    BookingCheckIn(bookings::BookingCheckInPayload),
    BookingCheckOut(bookings::BookingCheckOutPayload),
    BookingNoShowReport(bookings::BookingNoShowReportPayload),
    BookingRefund(bookings::BookingRefundPayload),
    BookingAlterationRequest(alterations::BookingAlterationRequestPayload),
    BookingAlterationAccept(alterations::BookingAlterationAcceptPayload),
    BookingAlterationDecline(alterations::BookingAlterationDeclinePayload),
    BookingAlterationWithdraw(alterations::BookingAlterationWithdrawPayload),
    RefundRetry(bookings::RefundRetryPayload),
    PayoutHold(payouts::PayoutHoldPayload),
    PayoutRelease(payouts::PayoutReleasePayload),
    PayoutAccountSet(payouts::PayoutAccountSetPayload),
    ReviewSubmit(reviews::ReviewSubmitPayload),
    ReviewUpdate(reviews::ReviewUpdatePayload),
    ReviewRespond(reviews::ReviewRespondPayload),
    NotificationsMarkRead(notifications::NotificationsMarkReadPayload),
}
