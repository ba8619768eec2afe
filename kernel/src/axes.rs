//! Gram matrices, their principal axes, and turning rows into them.

use crate::door::Out;
use crate::simd::{Simd, Work};
use crate::tile::{Left, PANEL, multiply};

/// Rows whose products are summed in float32 before they are added to the float64 sum.
const GRAM_DEPTH: usize = 128;

/// partial += the lower triangle of X^T X over `rows`, width x width.
pub struct Gram<'a> {
    pub rows: &'a [f32],
    pub width: usize,
    pub partial: &'a mut [f64],
}

impl Work for Gram<'_> {
    type Out = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Gram { rows, width, partial } = self;
        let mut panel = vec![0f32; width * PANEL];
        for chunk in rows.chunks(GRAM_DEPTH * width) {
            for column in (0..width).step_by(PANEL) {
                // Rows of the result from `column` on: the rest is above the diagonal.
                let left = Left { at: chunk[column..].as_ptr(), step: width, turned: true };
                let right = chunk[column..].as_ptr();
                let depth = chunk.len() / width;
                unsafe { multiply::<S>(left, width - column, right, width, depth, panel.as_mut_ptr()) };
                for i in column..width {
                    let sums = &panel[(i - column) * PANEL..][..PANEL.min(i + 1 - column)];
                    for (to, sum) in partial[i * width + column..].iter_mut().zip(sums) {
                        *to += *sum as f64;
                    }
                }
            }
        }
    }
}

/// x -> (axis_0 . x, axis_1 . x, ...) for rows from..to, in place.
pub struct Rotate<'a> {
    pub rows: Out<'a, f32>,
    pub width: usize,
    pub axes: &'a [f64],
    pub from: usize,
    pub to: usize,
}

impl Work for Rotate<'_> {
    type Out = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let columns = axis_columns(self.axes, self.width);
        let mut turned = vec![0f32; TURN_ROWS * self.width];
        for first in (self.from..self.to).step_by(TURN_ROWS) {
            let last = self.to.min(first + TURN_ROWS);
            let rows = self.rows.range(first * self.width, last * self.width);
            unsafe { turn_rows::<S>(rows, &columns, self.width, &mut turned) };
            rows.copy_from_slice(&turned[..rows.len()]);
        }
    }
}

/// Rows that are turned together.
pub const TURN_ROWS: usize = 32;

/// The axes as columns, float32, as `turn_rows` wants them.
pub fn axis_columns(axes: &[f64], width: usize) -> Vec<f32> {
    (0..width * width).map(|at| axes[(at % width) * width + at / width] as f32).collect()
}

/// out = at most TURN_ROWS rows in other axes.
#[inline(always)]
pub unsafe fn turn_rows<S: Simd>(rows: &[f32], columns: &[f32], width: usize, out: &mut [f32]) {
    let mut panel = [0f32; TURN_ROWS * PANEL];
    let count = rows.len() / width;
    for column in (0..width).step_by(PANEL) {
        let left = Left { at: rows.as_ptr(), step: width, turned: false };
        unsafe { multiply::<S>(left, count, columns[column..].as_ptr(), width, width, panel.as_mut_ptr()) };
        for row in 0..count {
            out[row * width + column..][..PANEL].copy_from_slice(&panel[row * PANEL..][..PANEL]);
        }
    }
}

/// Principal axes of a width x width matrix X^T X: its rows become unit eigenvectors, `lengths` the eigenvalues.
/// One-sided Jacobi rotations (Hestenes 1958): rows are turned in pairs until all are at right angles.
pub struct PrincipalAxes<'a> {
    pub gram: &'a mut [f64],
    pub lengths: &'a mut [f64],
}

const SWEEPS_MAX: usize = 30;
/// Cosine below which two rows count as being at right angles.
const RIGHT_ANGLE: f64 = 1e-7;

impl Work for PrincipalAxes<'_> {
    type Out = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let width = self.lengths.len();
        let trace: f64 = (0..width).map(|k| self.gram[k * width + k]).sum();
        // Without this the rows of a singular matrix would end as zeros, which have no direction.
        let floor = 1e-9 * trace + 1e-30;
        for k in 0..width {
            self.gram[k * width + k] += floor;
        }
        let mut sweeps = 0;
        while sweeps < SWEEPS_MAX && turn_all_pairs(self.gram, width) {
            sweeps += 1;
        }
        for (row, length) in self.gram.chunks_mut(width).zip(self.lengths) {
            let size = dot(row, row).sqrt();
            *length = (size - floor).max(0.0);
            row.iter_mut().for_each(|value| *value /= size);
        }
    }
}

/// One sweep over all pairs of rows; false when none had to be turned.
#[inline(always)]
fn turn_all_pairs(matrix: &mut [f64], width: usize) -> bool {
    let mut turned = false;
    let mut squares: Vec<f64> = matrix.chunks(width).map(|row| dot(row, row)).collect();
    for p in 0..width {
        let (upper, lower) = matrix.split_at_mut((p + 1) * width);
        let a = &mut upper[p * width..];
        for (n, b) in lower.chunks_mut(width).enumerate() {
            let q = p + 1 + n;
            let product = dot(a, b);
            if product.abs() <= RIGHT_ANGLE * (squares[p] * squares[q]).sqrt() {
                continue;
            }
            turned = true;
            let cotangent = (squares[q] - squares[p]) / (2.0 * product);
            let tangent = cotangent.signum() / (cotangent.abs() + (1.0 + cotangent * cotangent).sqrt());
            let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
            let sine = cosine * tangent;
            for (x, y) in a.iter_mut().zip(b) {
                (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
            }
            squares[p] -= tangent * product;
            squares[q] += tangent * product;
        }
    }
    turned
}

#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0f64; 16];
    for (x, y) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
        for k in 0..16 {
            sums[k] += x[k] * y[k];
        }
    }
    sums.iter().sum()
}
