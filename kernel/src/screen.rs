//! A first look at affinities, at twice the speed: factors rounded to bfloat16 tell which users may reach a list's
//! floor at all, and only these are scored. What is dropped is proved to lie below, so that lists stay exact.

use crate::simd::Simd;
use crate::tile::PANEL;

/// Rows of a tile of rounded products.
const ROWS: usize = 8;
/// |x.y - x'.y'| <= MARGIN |x| |y| for factors x', y' rounded to eight bits: twice 2^-9, and sums in float32.
const MARGIN: f32 = 0.004;

/// Rounded factors of a panel, two in a number: pair k of column j is at k * PANEL + j.
pub struct Rounded {
    pairs: Vec<u32>,
    /// MARGIN |y| of each column.
    pub margins: [f32; PANEL],
}

impl Rounded {
    pub fn new(factors: &[f32]) -> Self {
        let pair = |at: usize| {
            let (k, column) = (at / PANEL, at % PANEL);
            let of = |k: usize| nearest(factors[k * PANEL + column]);
            of(2 * k) | of(2 * k + 1) << 16
        };
        let squares = |column: usize| factors[column..].iter().step_by(PANEL).map(|y| y * y).sum::<f32>();
        let pairs = (0..factors.len() / 2).map(pair).collect();
        Self { pairs, margins: std::array::from_fn(|column| MARGIN * squares(column).sqrt()) }
    }
}

/// The nearest bfloat16, ties to even, as its bits.
fn nearest(x: f32) -> u32 {
    let bits = x.to_bits();
    bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16
}

/// Rounds rows of `width` factors and gives their lengths |x|.
#[inline(always)]
pub unsafe fn round_rows<S: Simd>(rows: &[f32], width: usize, out: &mut [u32], lengths: &mut [f32]) {
    for (row, x) in rows.chunks_exact(width).enumerate() {
        let to = &mut out[row * width / 2..][..width / 2];
        let mut sums = [unsafe { S::splat(0.0) }; 8];
        unsafe {
            for k in (0..width).step_by(S::LANES) {
                let value = S::load(x.as_ptr().add(k));
                sums[0] = S::fma(value, value, sums[0]);
            }
            for k in (0..width).step_by(32) {
                S::round(x.as_ptr().add(k), to.as_mut_ptr().add(k / 2));
            }
            lengths[row] = S::sums(sums)[0].sqrt();
        }
    }
}

/// out[row, j] = x'.y' of rounded rows with a panel; rows are done ROWS at a time, past the last one as well.
///
/// SAFETY: `rows` is good for `count` rows of `width` / 2 pairs and `out` for as many of PANEL, rounded up to ROWS.
#[inline(always)]
pub unsafe fn multiply_rounded<S: Simd>(rows: *const u32, count: usize, width: usize, panel: &Rounded, out: *mut f32) {
    for row in (0..count).step_by(ROWS) {
        unsafe {
            let mut sums = [[S::splat(0.0); 2]; ROWS];
            let at: [*const u32; ROWS] =
                std::hint::black_box(std::array::from_fn(|r| rows.add((row + r) * (width / 2))));
            for k in 0..width / 2 {
                let pairs = panel.pairs.as_ptr().add(k * PANEL);
                for r in 0..ROWS {
                    let x = *at[r].add(k);
                    sums[r] = [S::products(x, pairs, sums[r][0]), S::products(x, pairs.add(S::LANES), sums[r][1])];
                }
            }
            for (r, sum) in sums.iter().enumerate() {
                S::store(out.add((row + r) * PANEL), sum[0]);
                S::store(out.add((row + r) * PANEL + S::LANES), sum[1]);
            }
        }
    }
}

/// x.y of eight pairs of rows at once, each summed in the order in which a tile sums it: the same bits.
///
/// SAFETY: all are good for `width` numbers.
#[inline(always)]
pub unsafe fn dots(x: [*const f32; 8], y: [*const f32; 8], width: usize) -> [f32; 8] {
    let mut sums = [0f32; 8];
    for k in 0..width {
        for j in 0..8 {
            sums[j] = unsafe { (*x[j].add(k)).mul_add(*y[j].add(k), sums[j]) };
        }
    }
    sums
}
