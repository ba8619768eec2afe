//! Gram matrices, and turning rows into their principal axes.

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
            for column in (0..width).step_by(PANEL) {
                // Rows of the result from `column` on: the rest is above the diagonal.
                let right = chunk[column..].as_ptr();
                let left = Left { at: right, row_step: 1, step: width };
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
    let left = Left { at: rows.as_ptr(), row_step: width, step: 1 };
    for column in (0..width).step_by(PANEL) {
        let right = columns[column..].as_ptr();
        unsafe { multiply::<S, false>(left, right, width, width, panel) };
        for (to, from) in out.chunks_mut(width).zip(panel.iter()) {
            to[column..][..PANEL].copy_from_slice(from);
        }
    }
}
