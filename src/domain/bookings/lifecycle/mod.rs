//! How a booking moves between its states.
//!
//! **Invariant:** a booking changes its state only by `transition::apply`, which compares and sets state and version.
//! Of two transitions from the same version, one has no effect.
//!
//! **Lock order:** a transaction that locks several of these locks them in this order:
//!
//! 1. the listing (`listings::lock_calendar`; a new booking locks the listing in shared mode),
//! 2. the booking (`locks::lock_booking`, or the update of `transition::apply`),
//! 3. the claims of the booking's nights,
//! 4. the escrow of the booking (`payments::lock_escrow`),
//! 5. the host.
//!
//! There are two exceptions. Both are about the claims of one booking, which no transaction touches without a lock on
//! the listing or on the booking. A transaction that changes only a charged booking (a cancellation, an alteration that
//! is agreed on) locks the escrow before it changes the claims, because it must know first that the charge is complete.
//! A confirmation after the payment, and an alteration whose difference was authorized, changes the claims under the
//! lock on the listing and then updates the booking. On Postgres such a transaction can meet one that closes the same
//! booking, and one of the two then fails as a deadlock. Nothing of it is committed, and it is safe to run it again.

pub(super) mod advance_job;
pub(super) mod closing;
pub(super) mod competing_requests;
pub(super) mod locks;
pub(super) mod permission;
pub(super) mod transition;
