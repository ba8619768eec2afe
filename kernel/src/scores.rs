//! Affinities of users to queries.

use crate::door::{Call, In, Indexes, Out, require, width_of};
use crate::simd::{Simd, Work};
use crate::tile::{Aligned, Left, PANEL, Row, multiply, part};
use napi_derive::napi;
use std::ops::Range;

/// Users that are scored with all queries while their factors are in the cache: whole tiles of each instruction set.
pub const USERS: usize = 96;
pub const FINITE: &str = "Factors and weights must be finite numbers.";
pub const NOT_NEGATIVE: &str = "Weights must be finite numbers, not negative.";

/// PANEL columns of item factors: either of as many queries with one item, or of one query with a set of items.
pub struct Panel {
    pub queries: Range<usize>,
    pub is_set: bool,
    /// A row for each factor of PANEL columns; a set goes on with as many rows for further columns.
    pub factors: Vec<Aligned<Row>>,
    /// For a first look, where that is worth it.
    pub rounded: Vec<Aligned<Row>>,
}

/// Panels of some queries. Query q has the item factors starts[q]..starts[q + 1] of `rows`. Its affinity to a user x is
/// x.y for one item, the sum of max(0, x.y) for several or none.
pub fn panels(rows: &[f32], starts: Indexes, width: usize, queries: Range<usize>) -> Vec<Panel> {
    let mut panels: Vec<Panel> = vec![];
    for query in queries {
        let items = starts.range(query, rows.len() / width);
        let is_set = items.len() != 1;
        match panels.last_mut() {
            Some(last) if !is_set && !last.is_set && last.queries.len() < PANEL => last.queries.end += 1,
            _ => panels.push(Panel { queries: query..query + 1, is_set, factors: vec![], rounded: vec![] }),
        }
        let Panel { queries, factors, .. } = panels.last_mut().unwrap();
        for (n, item) in items.enumerate() {
            let column = if is_set { n } else { queries.len() - 1 };
            let first = column / PANEL * width;
            factors.resize(first + width, Aligned([0.0; PANEL]));
            for (to, value) in factors[first..].iter_mut().zip(&rows[item * width..][..width]) {
                to.0[column % PANEL] = *value;
            }
        }
    }
    panels
}

/// scores = affinities of a few users, a row for each, to the panel's queries; that to a set is in column 0. `next` are
/// factors that are scored next.
#[inline(always)]
pub unsafe fn score<S: Simd>(users: &[f32], next: &[f32], width: usize, panel: &Panel, scores: &mut [Row]) {
    require(users.len() == scores.len() * width && scores.len() <= USERS, "Users and scores must fit.");
    let left = Left { at: users.as_ptr(), row_step: width, step: 1, next };
    if panel.is_set {
        let mut sums = Aligned([[0.0; PANEL]; USERS]);
        for factors in panel.factors.chunks_exact(width) {
            unsafe { multiply::<S, false>(left, factors[0].0.as_ptr(), PANEL, width, scores) };
            for (sum, score) in sums.0.as_flattened_mut().iter_mut().zip(scores.as_flattened()) {
                // What is not a number stays so.
                *sum += if *score < 0.0 { 0.0 } else { *score };
            }
        }
        for (to, sums) in scores.iter_mut().zip(&sums.0) {
            *to = [0.0; PANEL];
            to[0] = sums.iter().sum();
        }
    } else {
        require(panel.factors.len() == width, "A panel must fit the width.");
        unsafe { multiply::<S, false>(left, panel.factors[0].0.as_ptr(), PANEL, width, scores) };
    }
    require_finite(scores.as_flattened());
}

/// Up to USERS rows of factors from a place on.
pub fn rows_from(users: &[f32], at: usize, width: usize) -> &[f32] {
    &users[at..users.len().min(at + USERS * width)]
}

/// Bits beside the sign are in the order of the numbers, infinity and what is no number above all.
#[inline(always)]
pub fn require_finite(scores: &[f32]) {
    let mut largest = 0;
    for score in scores {
        largest = largest.max(score.to_bits() & 0x7fff_ffff);
    }
    require(largest < f32::INFINITY.to_bits(), FINITE);
}

/// out = affinities of the block's users to every query, queries x users.
#[napi(object, object_to_js = false)]
pub struct ScoreUsers<'a> {
    pub blocks: Indexes<'a>,
    pub users: In<'a, f32>,
    pub user_count: u32,
    pub width: u32,
    pub rows: In<'a, f32>,
    pub query_starts: Indexes<'a>,
    pub out: Out<'a, f32>,
}

impl Work for ScoreUsers<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self, call: &Call) {
        let (width, user_count) = (width_of(self.width), self.user_count as usize);
        require(user_count * width <= self.users.len(), "users must have a row for each user.");
        self.out.apart(self.users);
        self.out.apart(self.rows);
        let query_count = self.query_starts.len().saturating_sub(1);
        let panels = panels(self.rows, self.query_starts, width, 0..query_count);
        let block = call.range(&self.blocks, user_count);
        unsafe { affinities::<S>(self.users, width, &panels, block, &self.out, user_count, call) };
    }
}

/// out[n * step + user] = affinity of each user of the block to the n-th query of the panels.
#[inline(always)]
pub unsafe fn affinities<S: Simd>(
    users: &[f32],
    width: usize,
    panels: &[Panel],
    block: Range<usize>,
    out: &Out<f32>,
    step: usize,
    call: &Call,
) {
    let Some(first_query) = panels.first().map(|panel| panel.queries.start) else { return };
    let mut scores = Aligned([[0.0; PANEL]; USERS]);
    for first in block.clone().step_by(USERS) {
        if call.stopped() {
            return;
        }
        let last = block.end.min(first + USERS);
        let scores = &mut scores.0[..last - first];
        let next = rows_from(users, last * width, width);
        for (n, panel) in panels.iter().enumerate() {
            let next = part(next, n, panels.len());
            unsafe { score::<S>(&users[first * width..last * width], next, width, panel, scores) };
            for (column, query) in panel.queries.clone().enumerate() {
                let place = (query - first_query) * step;
                let own = out.range(place + first, place + last);
                for (to, scores) in own.iter_mut().zip(scores.iter()) {
                    *to = scores[column];
                }
            }
        }
    }
}
