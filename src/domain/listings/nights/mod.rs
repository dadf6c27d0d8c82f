//! The nights of a listing: claims, calendar, and the events that announce their changes.

pub(super) mod announce;
pub(super) mod calendar;
pub(super) mod calendar_update;
pub(super) mod claims;
pub(super) mod overrides;
pub(super) mod subscription;
