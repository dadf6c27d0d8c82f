//! The nights of a listing: claims, calendar, and announcing their changes.

pub(super) mod calendar;
pub(super) mod claims;
pub(super) mod subscription;
