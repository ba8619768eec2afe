//! The best users of each query.
//!
//! With instructions that multiply bfloat16, a first look at twice the speed tells which users may reach a list's floor
//! at all, and only these are scored. What is dropped is proved to lie below, so that lists stay exact.

use crate::best::Best;
use crate::door::{Call, In, Indexes, Out, require, width_of};
use crate::scores::{NOT_NEGATIVE, Panel, USERS, panels, require_finite, rows_from, score};
use crate::simd::{Simd, Work};
use crate::tile::{Aligned, Left, PANEL, Row, multiply, part};
use napi_derive::napi;
use std::ops::Range;

/// The best users of each query of the block under each form, best first, ties by index.
#[napi(object, object_to_js = false)]
pub struct TopUsers<'a> {
    pub blocks: Indexes<'a>,
    pub users: In<'a, f32>,
    pub user_count: u32,
    pub width: u32,
    pub rows: In<'a, f32>,
    pub query_starts: Indexes<'a>,
    /// Each form's factor per user, by which positive affinities are multiplied; None: 1.
    pub forms: Vec<Option<In<'a, f32>>>,
    /// Allowed users of each query as bits (bit u&7 of byte u>>3); None: everybody.
    pub masks: Vec<Option<In<'a, u8>>>,
    pub result_count: u32,
    /// Forms x queries x result_count user indexes, and how many of each list are filled.
    pub out: Out<'a, u32>,
    pub counts: Out<'a, u32>,
}

/// Users of a sample from which the floors are guessed, taken so many at a time, and from how many users on.
const SAMPLE: usize = 8192;
const SAMPLE_RUN: usize = 8;
const SAMPLE_FROM: usize = 8 * SAMPLE;
/// A first look costs half of a score, and each user that it lets through several: lists that are longer than this
/// share of the users are not worth it.
const LOOK_SHARE: usize = 128;
/// Rounding to eight bits takes a share of 2^-8 of a factor at most. What is more is for sums in float32, and for the
/// lengths and margins, which are rounded too.
const ROUNDING: f32 = 0.0041;
const SPARE: f32 = 1.02;
/// Added to each sum of squares: where factors are so small that float32 loses their squares, or these instructions a
/// product, margins are the larger and more users pass.
const TINY: f32 = 1e-30;

impl Work for TopUsers<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self, call: &Call) {
        let (width, user_count) = (width_of(self.width), self.user_count as usize);
        let (result_count, query_count) = (self.result_count as usize, self.masks.len());
        let block = call.range(&self.blocks, query_count);
        require(user_count * width <= self.users.len(), "users must have a row for each user.");
        require(result_count <= user_count, "resultCount must not exceed the users.");
        require(self.forms.iter().flatten().all(|all| all.len() >= user_count), "Every user needs a weight.");
        let is_good = |weight| (0.0..f32::INFINITY).contains(weight);
        require(self.forms.iter().flatten().all(|all| all.iter().all(is_good)), NOT_NEGATIVE);
        let size = self.forms.len() * query_count * result_count;
        require(size <= self.out.len(), "out must have room for every list.");
        require(
            self.masks.iter().flatten().all(|mask| mask.len() * 8 >= user_count),
            "A mask needs a bit for each user.",
        );
        self.out.apart(self.users);
        let mut panels = panels(self.rows, self.query_starts, width, block.clone());
        let everybody = (0..user_count).step_by(USERS).map(|first| first..user_count.min(first + USERS));
        let mut floors = vec![f32::NEG_INFINITY; self.forms.len() * block.len()];
        if user_count >= SAMPLE_FROM && result_count < user_count / 2 {
            unsafe { self.guess_floors::<S>(&panels, &mut floors, call) };
        }
        let mut lists: Vec<Best>;
        loop {
            lists = floors.iter().map(|floor| Best::new(result_count, user_count, *floor)).collect();
            for panel in panels.iter_mut().filter(|panel| !panel.is_set) {
                // A list without a floor lets everybody through.
                let own = panel.queries.start - block.start..panel.queries.end - block.start;
                let known = floors.chunks(block.len()).all(|floors| !floors[own.clone()].contains(&f32::NEG_INFINITY));
                let looks = S::ROUNDS && result_count < user_count / LOOK_SHARE && known;
                panel.rounded = if looks { rounded_panel(&panel.factors) } else { vec![] };
            }
            unsafe { self.scan::<S>(&panels, &mut lists, everybody.clone(), call) };
            // A guess too high, which hardly ever happens, leaves a list short: then without.
            let is_short = |(floor, list): (&f32, &Best)| *floor > f32::NEG_INFINITY && list.keys.len() < result_count;
            if !floors.iter().zip(&lists).any(is_short) {
                break;
            }
            floors.fill(f32::NEG_INFINITY);
        }
        let mut spare = vec![];
        for (n, list) in lists.iter_mut().enumerate() {
            if call.stopped() {
                return;
            }
            let place = n / block.len() * query_count + block.start + n % block.len();
            let out = self.out.range(place * result_count, (place + 1) * result_count);
            self.counts.range(place, place + 1)[0] = list.write(out, &mut spare, call) as u32;
            list.keys = vec![];
        }
    }
}

impl TopUsers<'_> {
    /// Gives every list a floor that about as many users exceed as it wants, and five deviations more.
    #[inline(always)]
    unsafe fn guess_floors<S: Simd>(&self, panels: &[Panel], floors: &mut [f32], call: &Call) {
        let runs = SAMPLE / SAMPLE_RUN;
        let starts = (0..runs).map(|n| n * (self.user_count as usize - SAMPLE_RUN) / runs);
        let expected = (self.result_count as usize * SAMPLE) as f64 / self.user_count as f64;
        let rank = (expected + 5.0 * expected.sqrt() + 10.0) as usize;
        let mut lists: Vec<Best> = floors.iter().map(|floor| Best::new(rank, SAMPLE, *floor)).collect();
        unsafe { self.scan::<S>(panels, &mut lists, starts.map(|first| first..first + SAMPLE_RUN), call) };
        for (floor, list) in floors.iter_mut().zip(&mut lists) {
            list.cut();
            *floor = list.floor;
        }
    }

    /// Adds the users of the ranges, at most USERS each, to the lists, form by form and query by query.
    #[inline(always)]
    unsafe fn scan<S: Simd>(
        &self,
        panels: &[Panel],
        lists: &mut [Best],
        ranges: impl Iterator<Item = Range<usize>>,
        call: &Call,
    ) {
        let Some(first_query) = panels.first().map(|panel| panel.queries.start) else { return };
        let width = self.width as usize;
        let of_form = lists.len() / self.forms.len().max(1);
        // A rounded row has pairs of factors, and one of its length and 0.
        let pairs = width / 2 + 1;
        let mut rounded = vec![0f32; USERS * pairs];
        let looks = panels.iter().any(|panel| !panel.rounded.is_empty());
        let mut scores = Aligned([[0.0; PANEL]; USERS]);
        let mut passed = vec![];
        for range in ranges {
            if call.stopped() {
                return;
            }
            let scores = &mut scores.0[..range.len()];
            let users = &self.users[range.start * width..range.end * width];
            if looks {
                unsafe { round_rows::<S>(users, width, &mut rounded) };
            }
            let next = rows_from(self.users, range.end * width, width);
            for (n, panel) in panels.iter().enumerate() {
                let next = part(next, n, panels.len());
                let is_look = !panel.rounded.is_empty();
                if is_look {
                    let left = Left { at: rounded.as_ptr(), row_step: pairs, step: 1, next };
                    unsafe { multiply::<S, true>(left, panel.rounded[0].0.as_ptr(), PANEL, pairs, scores) };
                    require_finite(scores.as_flattened());
                } else {
                    unsafe { score::<S>(users, next, width, panel, scores) };
                }
                let masks = &self.masks[panel.queries.clone()];
                for (form, weights) in self.forms.iter().enumerate() {
                    let lists = &mut lists[form * of_form + panel.queries.start - first_query..][..masks.len()];
                    // Columns without a query refuse everything.
                    let mut floors = Aligned([f32::INFINITY; PANEL]);
                    floors.0.iter_mut().zip(lists.iter()).for_each(|(floor, list)| *floor = list.floor);
                    passed.clear();
                    for (user, scores) in range.clone().zip(scores.iter()) {
                        let mut weighed = Aligned([0.0; PANEL]);
                        let weighed = match weights {
                            None => scores,
                            Some(all) => {
                                let pairs = weighed.0.iter_mut().zip(scores);
                                pairs.for_each(|(to, score)| *to = weigh(*score, all[user]));
                                &weighed.0
                            }
                        };
                        let mut above = 0u32;
                        for k in (0..PANEL).step_by(S::LANES) {
                            let (a, b) = (&weighed[k..], &floors.0[k..]);
                            above |= unsafe { S::above(S::load(a.as_ptr()), S::load(b.as_ptr())) } << k;
                        }
                        while above != 0 {
                            let column = above.trailing_zeros() as usize;
                            above &= above - 1;
                            if masks[column].is_some_and(|mask| mask[user >> 3] >> (user & 7) & 1 == 0) {
                                continue;
                            }
                            if is_look {
                                passed.push((user, column));
                            } else {
                                floors.0[column] = lists[column].add(weighed[column], user as u32);
                            }
                        }
                    }
                    unsafe { self.score_passed(&passed, panel.queries.start, *weights, lists) };
                }
            }
        }
    }

    /// Scores whom a first look let through, (user, column) each, and adds them where they exceed the floor.
    /// Sums are in the order in which a tile sums them: the same bits.
    #[inline(always)]
    unsafe fn score_passed(
        &self,
        passed: &[(usize, usize)],
        first_query: usize,
        weights: Option<&[f32]>,
        lists: &mut [Best],
    ) {
        let width = self.width as usize;
        for group in passed.chunks(8) {
            let of = |j: usize| group[j.min(group.len() - 1)];
            let x: [_; 8] = std::array::from_fn(|j| self.users[of(j).0 * width..][..width].as_ptr());
            let y: [_; 8] = std::array::from_fn(|j| {
                let item = self.query_starts.get(first_query + of(j).1);
                self.rows[item * width..][..width].as_ptr()
            });
            let mut scores = [0f32; 8];
            for k in 0..width {
                for j in 0..8 {
                    // SAFETY: both have `width` factors, as just checked.
                    scores[j] = unsafe { (*x[j].add(k)).mul_add(*y[j].add(k), scores[j]) };
                }
            }
            for (&(user, column), score) in group.iter().zip(scores) {
                let weighed = weigh(score, weights.map_or(1.0, |all| all[user]));
                if weighed > lists[column].floor {
                    lists[column].add(weighed, user as u32);
                }
            }
        }
    }
}

#[inline(always)]
fn weigh(score: f32, weight: f32) -> f32 {
    if score > 0.0 { score * weight } else { score }
}

/// The nearest bfloat16, ties to even, as its bits.
fn nearest(x: f32) -> u32 {
    x.to_bits().wrapping_add(0x7fff + (x.to_bits() >> 16 & 1)) >> 16
}

/// Pairs of a panel's rounded factors y', and of each column's margin at last, by which a product with a rounded row x'
/// is no less than x.y:
///   x.y - x'.y' <= |x - x'| |y| + |x'| |y - y'|
fn rounded_panel(factors: &[Aligned<Row>]) -> Vec<Aligned<Row>> {
    let pairs = factors.chunks_exact(2).map(|two| {
        let pair = |j: usize| nearest(two[0].0[j]) | nearest(two[1].0[j]) << 16;
        Aligned(std::array::from_fn(|j| f32::from_bits(pair(j))))
    });
    let margin = |j: usize| {
        let (mut squares, mut errors) = (TINY, 0.0);
        for y in factors.iter().map(|row| row.0[j]) {
            squares += y * y;
            errors += (y - f32::from_bits(nearest(y) << 16)).powi(2);
        }
        f32::from_bits(nearest(ROUNDING * squares.sqrt() + SPARE * errors.sqrt()))
    };
    pairs.chain([Aligned(std::array::from_fn(margin))]).collect()
}

/// Rounds rows of factors to pairs, with the length |x| at last.
#[inline(always)]
unsafe fn round_rows<S: Simd>(rows: &[f32], width: usize, out: &mut [f32]) {
    for (x, out) in rows.chunks_exact(width).zip(out.chunks_exact_mut(width / 2 + 1)) {
        let mut squares = [unsafe { S::splat(0.0) }; 8];
        for k in (0..width).step_by(S::LANES) {
            unsafe {
                let value = S::load(x[k..].as_ptr());
                squares[0] = S::fma(value, value, squares[0]);
            }
        }
        for k in (0..width).step_by(32) {
            unsafe { S::round(x[k..].as_ptr(), out[k / 2..].as_mut_ptr()) };
        }
        out[width / 2] = f32::from_bits(nearest((unsafe { S::sums(squares) }[0] + TINY).sqrt()));
    }
}
