//! The tile multiply that scoring, rotating and Gram matrices share.

use crate::simd::Simd;

/// Columns of a panel; factors are padded to a multiple of it.
pub const PANEL: usize = 32;

/// A strided matrix: element (row, k) is at `row * row_step + k * k_step`.
#[derive(Clone, Copy)]
pub struct Left {
    pub at: *const f32,
    pub row_step: usize,
    pub k_step: usize,
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
            let mut b = panel.add(column);
            let a: [*const f32; ROWS] = std::array::from_fn(|r| left.at.add((row + r) * left.row_step));
            for k in 0..depth {
                let b0 = S::load(b);
                let b1 = S::load(b.add(S::LANES));
                for r in 0..ROWS {
                    let x = S::splat(*a[r].add(k * left.k_step));
                    sums[r][0] = S::fma(x, b0, sums[r][0]);
                    sums[r][1] = S::fma(x, b1, sums[r][1]);
                }
                b = b.add(panel_step);
            }
            for r in 0..ROWS {
                let to = out.add((row + r) * PANEL + column);
                S::store(to, sums[r][0]);
                S::store(to.add(S::LANES), sums[r][1]);
            }
        }
    }
}
