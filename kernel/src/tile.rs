//! The tile multiply that scoring, rotating and Gram matrices share.

use crate::simd::Simd;
use std::hint::black_box;

/// Columns of a panel; factors are padded to a multiple of it.
pub const PANEL: usize = 32;

/// A matrix that is multiplied from the left: element (row, k) is at `row * step + k`, or `k * step + row` if `turned`.
#[derive(Clone, Copy)]
pub struct Left {
    pub at: *const f32,
    pub step: usize,
    pub turned: bool,
}

/// out[row, j] = sum over k < depth of left[row, k] panel[k * panel_step + j], for `rows` rows of PANEL columns each.
///
/// SAFETY: `left` is good for rows x depth numbers, `panel` for depth rows of PANEL, `out` for rows x PANEL.
#[inline(always)]
pub unsafe fn multiply<S: Simd>(
    left: Left,
    rows: usize,
    panel: *const f32,
    panel_step: usize,
    depth: usize,
    out: *mut f32,
) {
    let mut row = 0;
    unsafe {
        while row + S::TILE_ROWS <= rows {
            match S::TILE_ROWS {
                8 => tiles::<S, 8>(left, row, panel, panel_step, depth, out),
                6 => tiles::<S, 6>(left, row, panel, panel_step, depth, out),
                _ => tiles::<S, 4>(left, row, panel, panel_step, depth, out),
            }
            row += S::TILE_ROWS;
        }
        while row + 2 <= rows {
            tiles::<S, 2>(left, row, panel, panel_step, depth, out);
            row += 2;
        }
        if row < rows {
            tiles::<S, 1>(left, row, panel, panel_step, depth, out);
        }
    }
}

#[inline(always)]
unsafe fn tiles<S: Simd, const ROWS: usize>(
    left: Left,
    row: usize,
    panel: *const f32,
    panel_step: usize,
    depth: usize,
    out: *mut f32,
) {
    unsafe {
        for column in (0..PANEL).step_by(2 * S::LANES) {
            let mut sums = [[S::splat(0.0); 2]; ROWS];
            // NOTE: no closures here. One that is not inlined has none of the instruction set's features.
            if left.turned {
                let at = left.at.add(row);
                for k in 0..depth {
                    let b = panel.add(k * panel_step + column);
                    let (b0, b1) = (S::load(b), S::load(b.add(S::LANES)));
                    for r in 0..ROWS {
                        let x = S::splat(*at.add(k * left.step + r));
                        sums[r] = [S::fma(x, b0, sums[r][0]), S::fma(x, b1, sums[r][1])];
                    }
                }
            } else {
                // Opaque, or the compiler computes each address from the first anew in every step.
                let at: [*const f32; ROWS] = black_box(std::array::from_fn(|r| left.at.add((row + r) * left.step)));
                for k in 0..depth {
                    let b = panel.add(k * panel_step + column);
                    let (b0, b1) = (S::load(b), S::load(b.add(S::LANES)));
                    for r in 0..ROWS {
                        let x = S::splat(*at[r].add(k));
                        sums[r] = [S::fma(x, b0, sums[r][0]), S::fma(x, b1, sums[r][1])];
                    }
                }
            }
            for (r, sum) in sums.iter().enumerate() {
                let to = out.add((row + r) * PANEL + column);
                S::store(to, sum[0]);
                S::store(to.add(S::LANES), sum[1]);
            }
        }
    }
}
