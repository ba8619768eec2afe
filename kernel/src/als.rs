//! One block of rows of an alternating-least-squares half sweep.

use crate::axes::{TURN_ROWS, axis_columns, turn_rows};
use crate::door::{Call, In, Indexes, NEAR, Out, prefetch, require, width_of};
use crate::scores::{FINITE, NOT_NEGATIVE};
use crate::simd::{Simd, Work};
use napi_derive::napi;
use std::ops::Range;

#[napi(object, object_to_js = false)]
pub struct SolveRows<'a> {
    pub blocks: Indexes<'a>,
    pub starts: Indexes<'a>,
    pub columns: Indexes<'a>,
    pub weights: Option<In<'a, f32>>,
    pub rows: Out<'a, f32>,
    pub fixed: In<'a, f32>,
    pub width: u32,
    /// Principal axes of the fixed side, width x width, and its diagonal Gram matrix in them.
    pub axes: In<'a, f64>,
    pub gram: In<'a, f64>,
    pub alpha0: f64,
    pub ridge: f64,
    pub ridge_per_pair: f64,
    /// Conjugate-gradient steps; none: until the solution is exact to float32.
    pub steps: Option<u32>,
}

/// Squared residual, relative to the right side's, at which a float32 solution cannot get better.
const EXACTLY: f32 = 1e-13;
/// Groups of pairs between the one that is worked on and the one that is fetched.
const AHEAD: usize = 3;

impl Work for SolveRows<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self, call: &Call) {
        let width = width_of(self.width);
        let block = call.range(&self.blocks, self.rows.len() / width);
        require(self.weights.is_none_or(|all| all.len() >= self.columns.len()), "Every pair needs its weight.");
        require(self.axes.len() == width * width && self.gram.len() == width, "axes and gram must fit the width.");
        let numbers = [self.alpha0, self.ridge, self.ridge_per_pair];
        require(numbers.iter().all(|number| number.is_finite()), "A number of the arguments is not finite.");
        self.rows.apart(self.fixed);
        unsafe {
            // Loops over a known width unroll; these are the widths that are used most.
            match width {
                64 => self.solve::<S, 64>(block, call),
                128 => self.solve::<S, 128>(block, call),
                160 => self.solve::<S, 160>(block, call),
                _ => self.solve::<S, 0>(block, call),
            }
        }
    }
}

impl SolveRows<'_> {
    #[inline(always)]
    unsafe fn solve<S: Simd, const W: usize>(&self, block: Range<usize>, call: &Call) {
        let width = if W > 0 { W } else { self.width as usize };
        let columns = axis_columns(self.axes, width);
        let mut turned = vec![0f32; TURN_ROWS * width];
        let mut scratch = std::array::from_fn(|_| vec![0f32; width]);
        for first in block.clone().step_by(TURN_ROWS) {
            if call.stopped() {
                return;
            }
            let rows = self.rows.range(first * width, block.end.min(first + TURN_ROWS) * width);
            unsafe { turn_rows::<S>(rows, &columns, width, &mut turned) };
            for (n, (out, start)) in rows.chunks_mut(width).zip(turned.chunks(width)).enumerate() {
                unsafe { self.row::<S, W>(first + n, start, &mut scratch, out, call) };
            }
        }
    }

    /// Conjugate gradients (Hestenes, Stiefel 1952; for iALS: Takacs, Pilaszy, Tikk 2011) from the present x on
    ///   A x = b,  A = D + sum w y y^T,  b = sum w y,  D = alpha0 gram + ridge + ridge_per_pair n,
    /// preconditioned by D. What is left of A differs from 1 in as many dimensions as the row has pairs, so that a row
    /// of n pairs is exact after n steps, most users after a few.
    #[inline(always)]
    unsafe fn row<S: Simd, const W: usize>(
        &self,
        row: usize,
        start: &[f32],
        scratch: &mut [Vec<f32>; 6],
        out: &mut [f32],
        call: &Call,
    ) {
        let width = if W > 0 { W } else { self.width as usize };
        let [x, base, inverse, residual, direction, product] = scratch.each_mut().map(|vector| &mut vector[..width]);
        let pairs = self.starts.range(row, self.columns.len());
        if pairs.is_empty() {
            return out.fill(0.0);
        }
        let ridge = self.ridge + self.ridge_per_pair * pairs.len() as f64;
        for k in 0..width {
            base[k] = (self.alpha0 * self.gram[k] + ridge) as f32;
            inverse[k] = 1.0 / base[k];
        }
        // A row that its steps solve exactly needs no good start.
        if self.steps.is_some_and(|steps| pairs.len() <= steps as usize) {
            x.fill(0.0);
        } else {
            x.copy_from_slice(start);
        }
        unsafe {
            self.apply::<S, W, true>(pairs.clone(), base, x, false, residual, call);
            let mut norm = scaled_square::<S>(residual, inverse);
            require((0.0..f32::INFINITY).contains(&norm), FINITE);
            for k in 0..width {
                direction[k] = residual[k] * inverse[k];
            }
            let enough = if self.steps.is_none() { EXACTLY * norm } else { 0.0 };
            let steps_max = self.steps.map_or(2 * width, |steps| (2 * width).min(steps as usize));
            for step in 1..=steps_max {
                if norm <= enough.max(f32::MIN_POSITIVE) || call.stopped() {
                    break;
                }
                let last = step == steps_max;
                let length = -norm / self.apply::<S, W, false>(pairs.clone(), base, direction, last, product, call);
                for k in 0..width {
                    x[k] += length * direction[k];
                }
                if last {
                    break;
                }
                for k in 0..width {
                    residual[k] += length * product[k];
                }
                let next = scaled_square::<S>(residual, inverse);
                let keep = next / norm;
                for k in 0..width {
                    direction[k] = residual[k] * inverse[k] + keep * direction[k];
                }
                norm = next;
            }
        }
        out.copy_from_slice(x);
    }

    /// out = b - A v if FIRST, else -A v; returns -v.(A v) if not FIRST. After the `last` step nothing else is of use.
    #[inline(always)]
    unsafe fn apply<S: Simd, const W: usize, const FIRST: bool>(
        &self,
        pairs: Range<usize>,
        base: &[f32],
        v: &[f32],
        last: bool,
        out: &mut [f32],
        call: &Call,
    ) -> f32 {
        let width = if W > 0 { W } else { self.width as usize };
        for k in 0..width {
            out[k] = -base[k] * v[k];
        }
        unsafe {
            let mut sum = if FIRST { 0.0 } else { -scaled_square::<S>(v, base) };
            let Range { start: mut at, end: to } = pairs;
            let first = at;
            while at + 8 <= to {
                sum += self.group::<S, W, FIRST, 8>(at, to, v, last, out);
                at += 8;
                if call.stopped_at(at - first) {
                    return sum;
                }
            }
            while at < to {
                sum += self.group::<S, W, FIRST, 4>(at, to, v, last, out);
                at += 4;
            }
            sum
        }
    }

    /// out += sum of w (target - y.v) y over N pairs, so that v and out are read once for all; returns the sum of
    /// w (target - y.v) y.v. The target is 1 if FIRST, else 0.
    #[inline(always)]
    unsafe fn group<S: Simd, const W: usize, const FIRST: bool, const N: usize>(
        &self,
        at: usize,
        to: usize,
        v: &[f32],
        last: bool,
        out: &mut [f32],
    ) -> f32 {
        let width = if W > 0 { W } else { self.width as usize };
        let row_count = self.fixed.len() / width;
        let row_of = |pair: usize| {
            let column = self.columns.get(pair);
            require(column < row_count, "columns hold an index past the fixed side's rows.");
            // SAFETY: the row lies within `fixed`, as just checked.
            unsafe { self.fixed.as_ptr().add(column * width) }
        };
        // A short last group reads its last pair again, with weight 0.
        let y: [*const f32; N] = std::array::from_fn(|j| row_of((at + j).min(to - 1)));
        if FIRST {
            for pair in (at + AHEAD * N).min(to)..to.min(at + (AHEAD + 1) * N) {
                (0..width).step_by(16).for_each(|k| prefetch::<NEAR>(row_of(pair).wrapping_add(k)));
            }
        }
        unsafe {
            let mut sums = [S::splat(0.0); 8];
            for k in (0..width).step_by(S::LANES) {
                let value = S::load(v.as_ptr().add(k));
                for j in 0..N {
                    sums[j] = S::fma(S::load(y[j].add(k)), value, sums[j]);
                }
            }
            let dots = S::sums(sums);
            let mut sum = 0.0;
            let mut factors = [0f32; N];
            for j in 0..N {
                let inside = at + j < to;
                let weight = if !inside { 0.0 } else { self.weights.map_or(1.0, |all| all[at + j]) };
                require(!FIRST || weight >= 0.0, NOT_NEGATIVE);
                factors[j] = weight * (if FIRST { 1.0 - dots[j] } else { -dots[j] });
                sum += factors[j] * dots[j];
            }
            if !last {
                let factors: [S::V; N] = std::array::from_fn(|j| S::splat(factors[j]));
                for k in (0..width).step_by(S::LANES) {
                    let mut value = S::load(out.as_ptr().add(k));
                    for j in 0..N {
                        value = S::fma(S::load(y[j].add(k)), factors[j], value);
                    }
                    S::store(out.as_mut_ptr().add(k), value);
                }
            }
            sum
        }
    }
}

/// Sum of scale v^2
#[inline(always)]
unsafe fn scaled_square<S: Simd>(v: &[f32], scale: &[f32]) -> f32 {
    unsafe {
        let mut sums = [S::splat(0.0); 8];
        for (n, k) in (0..v.len()).step_by(S::LANES).enumerate() {
            let value = S::load(v.as_ptr().add(k));
            let scaled = S::fma(value, S::load(scale.as_ptr().add(k)), S::splat(0.0));
            sums[n % 4] = S::fma(scaled, value, sums[n % 4]);
        }
        S::sums(sums).iter().sum()
    }
}
