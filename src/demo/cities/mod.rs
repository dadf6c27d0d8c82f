//! The cities of the demonstration.

mod all;
mod atlantic;
mod city;
mod pacific;

pub(super) use all::CITIES;
pub(super) use city::{City, Hood};
