//! The public location of a listing, which viewers who have not booked it see instead of the exact one.
//!
//! Search measures distances from the public location too. Three distances from the exact location would reveal it.

use uuid::Uuid;

/// Largest distance between the public and the exact location, in metres.
pub const MAX_SHIFT_M: f64 = 150.0;
/// Metres of one degree of latitude on a sphere of the Earth's mean radius (6,371,008.8 m, IUGG).
const METRES_PER_DEGREE: f64 = 111_195.08;
const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// The public location for an exact one: shifted by up to 150 m, in the same way each time.
pub fn public_point(listing: Uuid, latitude: f64, longitude: f64) -> (f64, f64) {
    // The last 62 bits of the ID are random and do not depend on the location.
    let noise = listing.as_u64_pair().1;
    let angle = f64::from((noise >> 32) as u32 & 0x3fff_ffff) / f64::from(0x3fff_ffff) * std::f64::consts::TAU;
    let shift = (f64::from(noise as u32) / f64::from(u32::MAX)).sqrt() * MAX_SHIFT_M;
    let north = shift * angle.sin() / METRES_PER_DEGREE;
    let east = shift * angle.cos() / (METRES_PER_DEGREE * latitude.to_radians().cos().max(0.01));
    let rounded = |degrees: f64| (degrees * 1e5).round() / 1e5;
    (rounded((latitude + north).clamp(-90.0, 90.0)), rounded((longitude + east).clamp(-180.0, 180.0)))
}

/// Distance between two points along the surface in metres (haversine).
pub fn distance_m(from: (f64, f64), to: (f64, f64)) -> f64 {
    let (north, east) = ((to.0 - from.0).to_radians(), (to.1 - from.1).to_radians());
    let half =
        (north / 2.0).sin().powi(2) + from.0.to_radians().cos() * to.0.to_radians().cos() * (east / 2.0).sin().powi(2);
    2.0 * EARTH_RADIUS_M * half.sqrt().min(1.0).asin()
}

/// A box `(south, west, north, east)` that contains every point within `radius_m` of the centre.
pub fn box_around(centre: (f64, f64), radius_m: f64) -> (f64, f64, f64, f64) {
    let north = radius_m / METRES_PER_DEGREE;
    let narrowest = (centre.0.abs() + north).min(89.9).to_radians().cos();
    let east = (radius_m / (METRES_PER_DEGREE * narrowest)).min(360.0);
    (centre.0 - north, centre.1 - east, centre.0 + north, centre.1 + east)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shift_is_small_and_always_the_same() {
        for n in 0..1_000_u128 {
            let id = Uuid::from_u128(n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834));
            let point = public_point(id, 1.35, 103.82);
            assert_eq!(point, public_point(id, 1.35, 103.82));
            assert!(distance_m((1.35, 103.82), point) < MAX_SHIFT_M + 2.0);
        }
    }

    #[test]
    fn distances_match_the_map() {
        // Charles de Gaulle to Heathrow along the great circle.
        let metres = distance_m((49.0097, 2.5479), (51.4700, -0.4543));
        assert!((metres - 347_000.0).abs() < 2_000.0, "{metres}");
    }
}
