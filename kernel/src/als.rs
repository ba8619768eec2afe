//! One block of rows of an alternating-least-squares half sweep.

use crate::axes::{TURN_ROWS, axis_columns, turn_rows};
use crate::door::{Indexes, Out, require};
use crate::simd::{Simd, Work};

/// The arguments of `solveRows`, checked: `rows` and `fixed` hold `width` numbers a row.
pub struct Solve<'a> {
    pub starts: Indexes<'a>,
    pub columns: Indexes<'a>,
    pub weights: Option<&'a [f32]>,
    pub rows: Out<'a, f32>,
    pub fixed: &'a [f32],
    pub width: usize,
    /// Principal axes of the fixed side, width x width, and its diagonal Gram matrix in them.
    pub axes: &'a [f64],
    pub gram: &'a [f64],
    pub alpha0: f64,
    pub ridge: f64,
    pub ridge_per_pair: f64,
    /// Conjugate-gradient steps, 0: until the solution is exact to float32.
    pub steps: usize,
    /// The rows to solve.
    pub from: usize,
    pub to: usize,
    /// Whether the caller wants no more.
    pub stopped: &'a dyn Fn() -> bool,
}

/// Squared residual, relative to the right side's, at which a float32 solution cannot get better.
const EXACTLY: f32 = 1e-13;

impl Work for Solve<'_> {
    type Out = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        unsafe {
            // Loops over a known width unroll; these are the widths that are used most.
            match self.width {
                64 => self.all::<S, 64>(),
                128 => self.all::<S, 128>(),
                160 => self.all::<S, 160>(),
                _ => self.all::<S, 0>(),
            }
        }
    }
}

/// Groups of pairs between the one that is worked on and the one that is fetched.
const AHEAD: usize = 3;

/// Vectors of one row's solution, each `width` long.
struct Scratch {
    x: Vec<f32>,
    base: Vec<f32>,
    inverse: Vec<f32>,
    residual: Vec<f32>,
    direction: Vec<f32>,
    product: Vec<f32>,
}

/// What a pass over a row's pairs does.
#[derive(Clone, Copy, PartialEq)]
enum Pass {
    /// out += sum of w y
    Right,
    /// out += sum of w (1 - y.v) y
    Residual,
    /// out += sum of w (y.v) y; returns sum of w (y.v)^2
    Product,
    /// returns sum of w (y.v)^2
    Length,
}

impl Solve<'_> {
    #[inline(always)]
    unsafe fn all<S: Simd, const W: usize>(&self) {
        let width = if W > 0 { W } else { self.width };
        let columns = axis_columns(self.axes, width);
        let vector = || vec![0f32; width];
        let mut scratch = Scratch {
            x: vector(),
            base: vector(),
            inverse: vector(),
            residual: vector(),
            direction: vector(),
            product: vector(),
        };
        let mut turned = vec![0f32; TURN_ROWS * width];
        for first in (self.from..self.to).step_by(TURN_ROWS) {
            if (self.stopped)() {
                return;
            }
            let count = TURN_ROWS.min(self.to - first);
            let block = self.rows.range(first * width, (first + count) * width);
            unsafe { turn_rows::<S>(block, &columns, width, &mut turned) };
            for row in 0..count {
                let out = &mut block[row * width..][..width];
                unsafe { self.row::<S, W>(first + row, &turned[row * width..][..width], &mut scratch, out) };
            }
        }
    }

    /// Conjugate gradients (Hestenes, Stiefel 1952; for iALS: Takacs, Pilaszy, Tikk 2011) from the present x on
    ///   A x = b,  A = D + sum w y y^T,  b = sum w y,  D = alpha0 gram + ridge + ridge_per_pair n,
    /// preconditioned by D. What is left of A differs from 1 in as many dimensions as the row has pairs, so that a row
    /// of n pairs is exact after n steps, most users after a few.
    #[inline(always)]
    unsafe fn row<S: Simd, const W: usize>(&self, row: usize, start: &[f32], scratch: &mut Scratch, out: &mut [f32]) {
        let width = if W > 0 { W } else { self.width };
        let std::ops::Range { start: from, end: to } = self.starts.range(row, &self.columns);
        if from == to {
            return out.fill(0.0);
        }
        let ridge = self.ridge + self.ridge_per_pair * (to - from) as f64;
        let Scratch { x, base, inverse, residual, direction, product } = scratch;
        for k in 0..width {
            base[k] = (self.alpha0 * self.gram[k] + ridge) as f32;
            inverse[k] = 1.0 / base[k];
        }
        unsafe {
            // A row that its steps solve exactly needs no good start.
            if to - from <= self.steps {
                x.fill(0.0);
                residual.fill(0.0);
                self.pass::<S, W, true>(Pass::Right, from, to, x, residual);
            } else {
                x.copy_from_slice(start);
                for k in 0..width {
                    residual[k] = -base[k] * x[k];
                }
                self.pass::<S, W, true>(Pass::Residual, from, to, x, residual);
            }
            let mut norm = scaled_norm::<S>(residual, inverse);
            require(
                norm.is_finite() && norm >= 0.0,
                "Factors and weights must be finite numbers, weights not negative.",
            );
            let enough = if self.steps == 0 { EXACTLY * norm } else { 0.0 };
            let steps_max = if self.steps == 0 { 2 * width } else { self.steps };
            for k in 0..width {
                direction[k] = residual[k] * inverse[k];
            }
            for step in 0..steps_max {
                if norm <= enough {
                    break;
                }
                // The residual after the last step is nobody's business.
                let last = step + 1 == steps_max;
                for k in 0..width {
                    product[k] = base[k] * direction[k];
                }
                let own = dot::<S>(direction, product);
                let pass = if last { Pass::Length } else { Pass::Product };
                let length = norm / (own + self.pass::<S, W, false>(pass, from, to, direction, product));
                for k in 0..width {
                    x[k] += length * direction[k];
                }
                if last {
                    break;
                }
                for k in 0..width {
                    residual[k] -= length * product[k];
                }
                let next = scaled_norm::<S>(residual, inverse);
                let keep = next / norm;
                for k in 0..width {
                    direction[k] = residual[k] * inverse[k] + keep * direction[k];
                }
                norm = next;
            }
        }
        out.copy_from_slice(x);
    }

    /// One pass over the pairs from..to, eight at a time so that v and out are read once for eight.
    #[inline(always)]
    unsafe fn pass<S: Simd, const W: usize, const FIRST: bool>(
        &self,
        pass: Pass,
        from: usize,
        to: usize,
        v: &[f32],
        out: &mut [f32],
    ) -> f32 {
        let mut sum = 0.0;
        let mut at = from;
        unsafe {
            while at + 8 <= to {
                sum += self.group::<S, W, FIRST, 8>(pass, at, to, v, out);
                at += 8;
            }
            while at < to {
                sum += self.group::<S, W, false, 4>(pass, at, to, v, out);
                at += 4;
            }
        }
        sum
    }

    #[inline(always)]
    unsafe fn group<S: Simd, const W: usize, const FIRST: bool, const N: usize>(
        &self,
        pass: Pass,
        at: usize,
        to: usize,
        v: &[f32],
        out: &mut [f32],
    ) -> f32 {
        let width = if W > 0 { W } else { self.width };
        let last_row = self.fixed.len() / width;
        let row_of = |pair: usize| {
            let column = self.columns.get(pair);
            require(column < last_row, "columns hold an index past the fixed side's rows.");
            // SAFETY: the row lies within `fixed`, as just checked.
            unsafe { self.fixed.as_ptr().add(column * width) }
        };
        unsafe {
            // A short last group reads its last pair again, with weight 0.
            let y: [*const f32; N] = std::array::from_fn(|j| row_of((at + j).min(to - 1)));
            if FIRST {
                for pair in (at + AHEAD * N).min(to)..to.min(at + (AHEAD + 1) * N) {
                    let next = row_of(pair);
                    for k in (0..width).step_by(16) {
                        S::prefetch(next.add(k));
                    }
                }
            }
            let mut sums = [S::splat(0.0); 8];
            if pass != Pass::Right {
                for k in (0..width).step_by(S::LANES) {
                    let value = S::load(v.as_ptr().add(k));
                    for j in 0..N {
                        sums[j] = S::fma(S::load(y[j].add(k)), value, sums[j]);
                    }
                }
            }
            let dots = if pass == Pass::Right { [0.0; 8] } else { S::sums(sums) };
            let mut sum = 0.0;
            let mut factors = [0f32; N];
            for j in 0..N {
                let inside = at + j < to;
                let weight = if !inside { 0.0 } else { self.weights.map_or(1.0, |all| all[at + j]) };
                factors[j] = match pass {
                    Pass::Right | Pass::Residual => weight * (1.0 - dots[j]),
                    _ => weight * dots[j],
                };
                sum += factors[j] * dots[j];
            }
            if pass != Pass::Length {
                let splats: [S::V; N] = std::array::from_fn(|j| S::splat(factors[j]));
                for k in (0..width).step_by(S::LANES) {
                    let mut value = S::load(out.as_ptr().add(k));
                    for j in 0..N {
                        value = S::fma(S::load(y[j].add(k)), splats[j], value);
                    }
                    S::store(out.as_mut_ptr().add(k), value);
                }
            }
            sum
        }
    }
}

/// a.b
#[inline(always)]
unsafe fn dot<S: Simd>(a: &[f32], b: &[f32]) -> f32 {
    unsafe {
        let mut sums = [S::splat(0.0); 8];
        for (n, k) in (0..a.len()).step_by(S::LANES).enumerate() {
            sums[n % 4] = S::fma(S::load(a.as_ptr().add(k)), S::load(b.as_ptr().add(k)), sums[n % 4]);
        }
        S::sums(sums).iter().sum()
    }
}

/// residual . (inverse residual)
#[inline(always)]
unsafe fn scaled_norm<S: Simd>(residual: &[f32], inverse: &[f32]) -> f32 {
    unsafe {
        let mut sums = [S::splat(0.0); 8];
        for (n, k) in (0..residual.len()).step_by(S::LANES).enumerate() {
            let value = S::load(residual.as_ptr().add(k));
            let scaled = S::mul(value, S::load(inverse.as_ptr().add(k)));
            sums[n % 4] = S::fma(scaled, value, sums[n % 4]);
        }
        S::sums(sums).iter().sum()
    }
}
