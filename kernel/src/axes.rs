//! Gram matrices, their principal axes, and turning rows into these.

use crate::door::{Call, In, Indexes, Out, require, width_of};
use crate::simd::{Simd, Work};
use crate::tile::{Aligned, Left, PANEL, multiply};
use napi_derive::napi;

/// partial[block] += the lower triangle of X^T X over the block's rows X, width x width.
#[napi(object, object_to_js = false)]
pub struct GramBlock<'a> {
    pub blocks: Indexes<'a>,
    pub values: In<'a, f32>,
    pub width: u32,
    pub partial: Out<'a, f64>,
}

/// Rows whose products are summed in float32 before they are added to the float64 sum.
const GRAM_DEPTH: usize = 128;

impl Work for GramBlock<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self, call: &Call) {
        let width = width_of(self.width);
        let block = call.range(&self.blocks, self.values.len() / width);
        self.partial.apart(self.values);
        let partial = self.partial.range(call.block * width * width, (call.block + 1) * width * width);
        let mut panel = vec![[0.0; PANEL]; width];
        for chunk in self.values[block.start * width..block.end * width].chunks(GRAM_DEPTH * width) {
            if call.stopped() {
                return;
            }
            for column in (0..width).step_by(PANEL) {
                // Rows of the result from `column` on: the rest is above the diagonal.
                let right = chunk[column..].as_ptr();
                let left = Left { at: right, row_step: 1, step: width, next: &[] };
                let depth = chunk.len() / width;
                unsafe { multiply::<S, false>(left, right, width, depth, &mut panel[column..]) };
                for i in column..width {
                    let sums = &panel[i][..PANEL.min(i + 1 - column)];
                    for (to, sum) in partial[i * width + column..].iter_mut().zip(sums) {
                        *to += *sum as f64;
                    }
                }
            }
        }
    }
}

/// The rows of a matrix X^T X, width x width, become its unit eigenvectors, `lengths` the eigenvalues: one-sided Jacobi
/// rotations (Hestenes 1958) turn rows in pairs until all are at right angles.
#[napi(object, object_to_js = false)]
pub struct PrincipalAxes<'a> {
    pub gram: Out<'a, f64>,
    pub lengths: Out<'a, f64>,
}

const SWEEPS_MAX: usize = 30;
/// Cosine below which two rows count as being at right angles.
const RIGHT_ANGLE: f64 = 1e-7;

impl Work for PrincipalAxes<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self, call: &Call) {
        let width = width_of(self.lengths.len() as u32);
        require(self.gram.len() == width * width, "gram must be width x width.");
        let (gram, lengths) = (self.gram.range(0, width * width), self.lengths.range(0, width));
        self.lengths.apart(gram);
        let trace: f64 = (0..width).map(|k| gram[k * width + k]).sum();
        require(trace.is_finite(), "Factors must be finite numbers.");
        // Without this the rows of a singular matrix would end as zeros, which have no direction.
        let floor = 1e-9 * trace + 1e-30;
        (0..width).for_each(|k| gram[k * width + k] += floor);
        let mut sweeps = 0;
        while sweeps < SWEEPS_MAX && !call.stopped() && turn_all_pairs(gram, width) {
            sweeps += 1;
        }
        for (row, length) in gram.chunks_mut(width).zip(lengths) {
            let norm = dot(row, row).sqrt();
            *length = (norm - floor).max(0.0);
            row.iter_mut().for_each(|x| *x /= norm);
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
        for (b, q) in lower.chunks_mut(width).zip(p + 1..) {
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

/// a . b, of a multiple of 32 numbers: as many sums at once as the compiler makes vectors of.
#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 32];
    for (a, b) in a.chunks_exact(32).zip(b.chunks_exact(32)) {
        (0..32).for_each(|k| sums[k] += a[k] * b[k]);
    }
    sums.iter().sum()
}

/// x -> (axis_0 . x, axis_1 . x, ...) for each of the block's rows, in place.
#[napi(object, object_to_js = false)]
pub struct RotateRows<'a> {
    pub blocks: Indexes<'a>,
    pub values: Out<'a, f32>,
    pub width: u32,
    pub axes: In<'a, f64>,
}

impl Work for RotateRows<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self, call: &Call) {
        let width = width_of(self.width);
        let block = call.range(&self.blocks, self.values.len() / width);
        require(self.axes.len() == width * width, "axes must be width x width.");
        self.values.apart(self.axes);
        let columns = axis_columns(self.axes, width);
        let mut turned = vec![0f32; TURN_ROWS * width];
        for rows in self.values.range(block.start * width, block.end * width).chunks_mut(TURN_ROWS * width) {
            unsafe { turn_rows::<S>(rows, &columns, width, &mut turned) };
            rows.copy_from_slice(&turned[..rows.len()]);
        }
    }
}

/// Rows that are turned together: whole tiles of each instruction set.
pub const TURN_ROWS: usize = 48;

/// The axes as columns, float32, as `turn_rows` wants them.
pub fn axis_columns(axes: &[f64], width: usize) -> Vec<f32> {
    (0..width * width).map(|at| axes[(at % width) * width + at / width] as f32).collect()
}

/// out = at most TURN_ROWS rows in other axes.
#[inline(always)]
pub unsafe fn turn_rows<S: Simd>(rows: &[f32], columns: &[f32], width: usize, out: &mut [f32]) {
    let mut panel = Aligned([[0.0; PANEL]; TURN_ROWS]);
    let panel = &mut panel.0[..rows.len() / width];
    let next = rows.get(S::TILE_ROWS * width..).unwrap_or(&[]);
    let left = Left { at: rows.as_ptr(), row_step: width, step: 1, next };
    for column in (0..width).step_by(PANEL) {
        let right = columns[column..].as_ptr();
        unsafe { multiply::<S, false>(left, right, width, width, panel) };
        for (to, from) in out.chunks_mut(width).zip(panel.iter()) {
            to[column..][..PANEL].copy_from_slice(from);
        }
    }
}
