//! A pseudo-random number generator: the same seed gives the same marketplace on every machine.

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// A generator for one purpose. Generators of different purposes are independent.
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mut random = Random(seed ^ purpose.wrapping_mul(0xd134_2543_de82_ef95));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        let span = most.saturating_sub(least).max(0).unsigned_abs().saturating_add(1);
        least.saturating_add_unsigned(self.next() % span)
    }

    /// The same for small counts: people, beds, nights.
    pub fn few(&mut self, least: i32, most: i32) -> i32 {
        i32::try_from(self.between(least.into(), most.into())).unwrap_or(least)
    }

    /// True with this probability.
    pub fn chance(&mut self, percent: i64) -> bool {
        self.between(1, 100) <= percent
    }

    /// A number between -1 and 1, in thousandths.
    pub fn shift(&mut self) -> f64 {
        f64::from(self.few(-1_000, 1_000)) / 1_000.0
    }

    /// A random element. The list must not be empty.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let last = i64::try_from(from.len()).unwrap_or(1) - 1;
        from[usize::try_from(self.between(0, last)).unwrap_or(0)]
    }

    /// This many different elements, in the order of the list.
    pub fn some<T: Copy>(&mut self, from: &[T], count: usize) -> Vec<T> {
        let mut left = count.min(from.len());
        let mut chosen = Vec::with_capacity(left);
        for (place, item) in from.iter().enumerate() {
            let rest = i64::try_from(from.len() - place).unwrap_or(1);
            if self.between(1, rest) <= i64::try_from(left).unwrap_or(0) {
                chosen.push(*item);
                left -= 1;
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_within_the_range() {
        let (mut one, mut two) = (Random::new(7, 1), Random::new(7, 1));
        for _ in 0..1_000 {
            let number = one.between(-3, 9);
            assert_eq!(number, two.between(-3, 9));
            assert!((-3..=9).contains(&number));
        }
        assert_ne!(Random::new(7, 1).next(), Random::new(7, 2).next());
        assert_eq!(one.some(&[1, 2, 3, 4, 5], 3).len(), 3);
        assert_eq!(one.some(&[1, 2], 9), [1, 2]);
    }
}
