//! The tile multiply that scoring, turning and Gram matrices share.

use crate::door::{SECOND, prefetch};
use crate::simd::Simd;

/// Columns of a panel; factors are padded to a multiple of it.
pub const PANEL: usize = 32;

/// A row of a panel or of results.
pub type Row = [f32; PANEL];

/// Begins at a cache line, so that no vector in it lies in two.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub struct Aligned<T>(pub T);

/// A matrix that is multiplied from the left: element (row, k) is at row * row_step + k * step.
#[derive(Clone, Copy)]
pub struct Left<'a> {
    pub at: *const f32,
    pub row_step: usize,
    pub step: usize,
    /// What is multiplied next: it is fetched meanwhile.
    pub next: &'a [f32],
}

/// The n-th of so many parts of what comes next.
pub fn part(next: &[f32], n: usize, count: usize) -> &[f32] {
    let size = next.len().div_ceil(count);
    &next[next.len().min(n * size)..next.len().min((n + 1) * size)]
}

/// out[row][j] = sum over k < depth of left[row, k] panel[k * panel_step + j], for each row of `out`.
/// If ROUNDED, each element is a pair of bfloat16, and so much a product of two pairs.
///
/// SAFETY: `left` is good for as many rows of `depth` elements, `panel` for depth rows of PANEL.
#[inline(always)]
pub unsafe fn multiply<S: Simd, const ROUNDED: bool>(
    left: Left,
    panel: *const f32,
    panel_step: usize,
    depth: usize,
    out: &mut [Row],
) {
    let rows = out.len();
    let tiles = rows.div_ceil(S::TILE_ROWS);
    for (tile, row) in (0..rows).step_by(S::TILE_ROWS).enumerate() {
        let soon = part(left.next, tile, tiles);
        for k in (0..soon.len()).step_by(16) {
            prefetch::<SECOND>(soon.as_ptr().wrapping_add(k));
        }
        for column in (0..PANEL).step_by(2 * S::LANES) {
            // NOTE: no closures in the loops. One that is not inlined has none of the instruction set's features.
            unsafe {
                // A tile past the last row reads that again. Opaque, or the compiler computes each address from the
                // first anew in every step.
                let at: [*const f32; 8] =
                    std::hint::black_box(std::array::from_fn(|r| left.at.add((row + r).min(rows - 1) * left.row_step)));
                let mut sums = [[S::splat(0.0); 2]; 8];
                for k in 0..depth {
                    let b = panel.add(k * panel_step + column);
                    for r in 0..S::TILE_ROWS {
                        let x = at[r].add(k * left.step);
                        let [low, high] = sums[r];
                        sums[r] = if ROUNDED {
                            [S::products(x, b, low), S::products(x, b.add(S::LANES), high)]
                        } else {
                            [
                                S::fma(S::splat(*x), S::load(b), low),
                                S::fma(S::splat(*x), S::load(b.add(S::LANES)), high),
                            ]
                        };
                    }
                }
                for r in 0..S::TILE_ROWS {
                    if row + r < rows {
                        let to = out[row + r][column..].as_mut_ptr();
                        S::store(to, sums[r][0]);
                        S::store(to.add(S::LANES), sums[r][1]);
                    }
                }
            }
        }
    }
}
