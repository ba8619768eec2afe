//! The best few of many scored users.

use crate::door::Call;

/// The best `size` of what is added, in a buffer of twice the size that is cut back when it is full. A key is the
/// score's bits in ascending order, then the index turned round, so that larger is better and ties are exact.
pub struct Best {
    pub keys: Vec<u64>,
    size: usize,
    /// The score that the next must exceed.
    pub floor: f32,
}

/// Lists from this length on are sorted by radix.
const RADIX_MIN: usize = 2048;

/// The score of a key.
pub fn score_of(key: u64) -> f32 {
    let bits = (key >> 32) as u32;
    f32::from_bits(if bits >> 31 == 1 { bits & 0x7fff_ffff } else { !bits })
}

impl Best {
    pub fn new(size: usize, user_count: usize, floor: f32) -> Self {
        // Nobody exceeds the floor of an empty list.
        let floor = if size == 0 { f32::INFINITY } else { floor };
        Self { keys: Vec::with_capacity(user_count.min(2 * size + 4096)), size, floor }
    }

    /// Users come in ascending order of index. Gives the floor.
    #[inline(always)]
    pub fn add(&mut self, score: f32, index: u32) -> f32 {
        if self.keys.len() == self.keys.capacity() {
            self.cut();
            if score <= self.floor {
                return self.floor;
            }
        }
        // Adding 0 turns -0 into 0, so that the two are a tie.
        let bits = (score + 0.0).to_bits();
        let ascending = if bits >> 31 == 1 { !bits } else { bits | 0x8000_0000 };
        self.keys.push((ascending as u64) << 32 | !index as u64);
        self.floor
    }

    /// Keeps the best `size`, in their order, of which the worst becomes the floor.
    #[inline(never)]
    pub fn cut(&mut self) {
        if self.keys.len() <= self.size {
            return;
        }
        let place = self.keys.len() - self.size;
        let worst = *self.keys.clone().select_nth_unstable(place).1;
        self.keys.retain(|key| *key >= worst);
        self.floor = score_of(worst);
    }

    /// Writes the indexes, best first, and gives their count.
    pub fn write(&mut self, out: &mut [u32], spare: &mut Vec<u64>, call: &Call) -> usize {
        self.cut();
        if self.keys.len() < RADIX_MIN {
            self.keys.sort_unstable_by(|a, b| b.cmp(a));
        } else {
            self.sort(spare, call);
        }
        for (to, key) in out.iter_mut().zip(&self.keys) {
            *to = !(*key as u32);
        }
        self.keys.len()
    }

    /// Sorts by score, best first, a digit of 11 bits after the other; stable, and indexes ascend already.
    fn sort(&mut self, spare: &mut Vec<u64>, call: &Call) {
        const BITS: usize = 11;
        const DIGITS: usize = 32usize.div_ceil(BITS);
        spare.resize(self.keys.len(), 0);
        let digit = |key: u64, n: usize| (!key >> 32 >> (BITS * n)) as usize & ((1 << BITS) - 1);
        let mut counts = [[0u32; 1 << BITS]; DIGITS];
        for key in &self.keys {
            (0..DIGITS).for_each(|n| counts[n][digit(*key, n)] += 1);
        }
        for (n, places) in counts.iter_mut().enumerate() {
            if call.stopped() || places.contains(&(self.keys.len() as u32)) {
                continue;
            }
            let mut next = 0;
            for place in places.iter_mut() {
                next += std::mem::replace(place, next);
            }
            for key in &self.keys {
                let place = &mut places[digit(*key, n)];
                spare[*place as usize] = *key;
                *place += 1;
            }
            std::mem::swap(&mut self.keys, spare);
        }
    }
}
