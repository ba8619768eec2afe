//! Which items the same users act on, and the ids of users as text.

use crate::door::{Call, In, Indexes, NEAR, Out, prefetch, require};
use crate::simd::{Simd, Work};
use napi_derive::napi;

/// out = for each asked item the count of users who have both it and each item: asked items x items.
#[napi(object, object_to_js = false)]
pub struct Cooccurrence<'a> {
    pub blocks: Indexes<'a>,
    pub starts: Indexes<'a>,
    pub columns: Indexes<'a>,
    pub item_starts: Indexes<'a>,
    pub item_columns: Indexes<'a>,
    pub items: Indexes<'a>,
    pub out: Out<'a, u32>,
}

impl Work for Cooccurrence<'_> {
    unsafe fn run<S: Simd>(self, call: &Call) {
        let by_user = Pairs::new(self.starts, self.columns, self.item_starts, call);
        let by_item = Pairs::new(self.item_starts, self.item_columns, self.starts, call);
        for n in call.range(&self.blocks, self.items.len()) {
            let counts = self.out.range(n * by_item.row_count, (n + 1) * by_item.row_count);
            count_together(by_user, by_item, self.items.get(n), counts);
        }
    }
}

/// A sparse matrix by rows.
#[derive(Clone, Copy)]
struct Pairs<'a> {
    starts: Indexes<'a>,
    columns: Indexes<'a>,
    row_count: usize,
    column_count: usize,
    call: &'a Call<'a>,
}

impl<'a> Pairs<'a> {
    /// `others` are the starts of the same pairs by columns.
    fn new(starts: Indexes<'a>, columns: Indexes<'a>, others: Indexes<'a>, call: &'a Call) -> Self {
        require(starts.len() > 0 && others.len() > 0, "starts must have one element more than rows.");
        Self { starts, columns, row_count: starts.len() - 1, column_count: others.len() - 1, call }
    }

    fn row(self, row: usize) -> impl Iterator<Item = usize> + 'a {
        self.starts.range(row, self.columns.len()).map(move |at| {
            let column = self.columns.get(at);
            require(column < self.column_count, "columns hold an index past the other side's rows.");
            column
        })
    }
}

/// out[j] = users who have both `item` and j. Returns those j in the order in which they were met.
fn count_together(by_user: Pairs, by_item: Pairs, item: usize, out: &mut [u32]) -> Vec<usize> {
    let mut met = vec![];
    for (n, user) in by_item.row(item).enumerate() {
        if by_item.call.stopped_at(n) {
            break;
        }
        for other in by_user.row(user) {
            if out[other] == 0 {
                met.push(other);
            }
            out[other] += 1;
        }
    }
    met
}

/// For each asked item the items j with the largest c_ij / sqrt(n_j + lambda), ties by index, and b of
///   (G + lambda I) b = g,
/// where G counts users who have two of them and g those who have i and one of them. EASE (Steck 2019), cut to them.
#[napi(object, object_to_js = false)]
pub struct NeighbourRidge<'a> {
    pub blocks: Indexes<'a>,
    pub starts: Indexes<'a>,
    pub columns: Indexes<'a>,
    pub item_starts: Indexes<'a>,
    pub item_columns: Indexes<'a>,
    pub items: Indexes<'a>,
    pub lambda: f64,
    pub steps: u32,
    pub neighbour_count: u32,
    pub neighbours: Out<'a, u32>,
    pub neighbour_weights: Out<'a, f32>,
    pub counts: Out<'a, u32>,
}

/// Their Gram matrix takes 8 MB.
const NEIGHBOURS_MAX: u32 = 1024;

impl Work for NeighbourRidge<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self, call: &Call) {
        let by_user = Pairs::new(self.starts, self.columns, self.item_starts, call);
        let by_item = Pairs::new(self.item_starts, self.item_columns, self.starts, call);
        let Self { lambda, steps, neighbour_count: most, .. } = self;
        require(lambda > 0.0 && lambda.is_finite(), "lambda must be positive and finite.");
        require(most <= NEIGHBOURS_MAX, "neighbourCount must not exceed 1024.");
        let most = most as usize;
        let mut together = vec![0u32; by_item.row_count];
        let mut owned = vec![0u32; by_user.row_count];
        for n in call.range(&self.blocks, self.items.len()) {
            if call.stopped() {
                return;
            }
            let item = self.items.get(n);
            let met = count_together(by_user, by_item, item, &mut together);
            let nearness = |j: usize| {
                let count = by_item.starts.range(j, by_item.columns.len()).len();
                together[j] as f64 / (count as f64 + lambda).sqrt()
            };
            let mut near: Vec<_> = met.iter().filter(|j| **j != item).map(|j| (nearness(*j), *j)).collect();
            near.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            near.truncate(most);
            let right: Vec<f64> = near.iter().map(|(_, j)| together[*j] as f64).collect();
            met.iter().for_each(|j| together[*j] = 0);
            let m = near.len();
            let gram = gram(by_item, &near, lambda, &mut owned);
            let solution = conjugate_gradients(&gram, &right, steps);
            let neighbours = self.neighbours.range(n * most, (n + 1) * most);
            let weights = self.neighbour_weights.range(n * most, (n + 1) * most);
            for (k, (_, j)) in near.iter().enumerate() {
                (neighbours[k], weights[k]) = (*j as u32, solution[k] as f32);
            }
            self.counts.range(n, n + 1)[0] = m as u32;
        }
    }
}

/// Words of users that are counted together: so many of 200 items lie in the second-level cache.
const WORDS: usize = 64;

/// G + lambda I: how many users have each two of the near items. `owned` holds zeros, before and after.
#[inline(always)]
fn gram(by_item: Pairs, near: &[(f64, usize)], lambda: f64, owned: &mut [u32]) -> Vec<f64> {
    let m = near.len();
    let items = || near.iter().enumerate().take_while(|_| !by_item.call.stopped());
    let mut gram = vec![0f64; m * m];
    let mut met = vec![];
    for (k, (_, j)) in items() {
        for user in by_item.row(*j) {
            if owned[user] == 0 {
                met.push(user);
            }
            owned[user] += 1;
            gram[k * m + k] += 1.0;
        }
    }
    // Who has one of them only says nothing of two. The others get places, in the order in which they were met.
    let mut starts = vec![0usize];
    let mut pairs = 0;
    for user in met.iter() {
        let count = std::mem::replace(&mut owned[*user], 0) as usize;
        if count > 1 {
            owned[*user] = starts.len() as u32;
            starts.push(starts.last().unwrap() + count);
            pairs += count * (count - 1) / 2;
        }
    }
    let words = (starts.len() - 1).div_ceil(64);
    let places = |j: usize| by_item.row(j).filter_map(|user| (owned[user] as usize).checked_sub(1));
    // To count a pair costs as much as to look at four words.
    if 4 * pairs <= m * m / 2 * words {
        let mut ends = starts.clone();
        let mut lists = vec![0u32; *starts.last().unwrap()];
        for (k, (_, j)) in items() {
            for place in places(*j) {
                let list = starts[place]..ends[place];
                lists[list].iter().for_each(|other| gram[k * m + *other as usize] += 1.0);
                lists[ends[place]] = k as u32;
                ends[place] += 1;
            }
        }
    } else {
        // A bit for each user: what two have in common is counted 64 users at a time.
        let blocks = words.div_ceil(WORDS);
        let mut bits = vec![[0u64; WORDS]; blocks * m];
        for (k, (_, j)) in items() {
            for place in places(*j) {
                bits[place / 64 / WORDS * m + k][place / 64 % WORDS] |= 1 << (place % 64);
            }
        }
        for rows in bits.chunks_exact(m).take_while(|_| !by_item.call.stopped()) {
            for k in 0..m {
                for other in 0..k {
                    let both = rows[k].iter().zip(&rows[other]).map(|(a, b)| (a & b).count_ones()).sum::<u32>();
                    gram[k * m + other] += both as f64;
                }
            }
        }
    }
    met.iter().for_each(|user| owned[*user] = 0);
    for k in 0..m {
        gram[k * m + k] += lambda;
        (0..k).for_each(|other| gram[other * m + k] = gram[k * m + other]);
    }
    gram
}

/// x of A x = b for a symmetric positive definite A, from 0 on, preconditioned by its diagonal (Jacobi).
#[inline(always)]
fn conjugate_gradients(a: &[f64], b: &[f64], steps: u32) -> Vec<f64> {
    let m = b.len();
    let scaled = |r: &[f64]| (0..m).map(|k| r[k] / a[k * m + k]).collect::<Vec<f64>>();
    let (mut x, mut residual, mut direction) = (vec![0f64; m], b.to_vec(), scaled(b));
    let mut norm = dot(&residual, &direction);
    let enough = 1e-24 * norm;
    for _ in 0..steps {
        if norm <= enough {
            break;
        }
        let product: Vec<f64> = a.chunks(m).map(|row| dot(row, &direction)).collect();
        let length = norm / dot(&direction, &product);
        for k in 0..m {
            x[k] += length * direction[k];
            residual[k] -= length * product[k];
        }
        let next = scaled(&residual);
        let next_norm = dot(&residual, &next);
        for k in 0..m {
            direction[k] = next[k] + next_norm / norm * direction[k];
        }
        norm = next_norm;
    }
    x
}

/// In eight sums, which the compiler can make vectors of.
#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0f64; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(x, y)| x * y).sum();
    for (a, b) in a.zip(b) {
        for k in 0..8 {
            sums[k] += a[k] * b[k];
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// The ids of users in JSON, each in quotes, commas between: `offsets` says where each user's line of `lines`
/// begins, which ends in a newline. `written` gets the count of bytes.
#[napi(object, object_to_js = false)]
pub struct JoinIds<'a> {
    pub lines: In<'a, u8>,
    pub offsets: Indexes<'a>,
    pub users: Indexes<'a>,
    pub out: Out<'a, u8>,
    pub written: Out<'a, u32>,
}

/// Ids between the one that is copied and the one that is fetched.
const AHEAD: usize = 12;

impl Work for JoinIds<'_> {
    unsafe fn run<S: Simd>(self, call: &Call) {
        let Self { lines, offsets, users, out, written } = self;
        out.apart(lines);
        let mut to = 0;
        for n in 0..users.len() {
            if call.stopped_at(n) {
                return;
            }
            // Lists are in the order of scores: each id lies elsewhere.
            let ahead = |steps: usize| (n + steps < users.len()).then(|| users.get(n + steps));
            if let Some(user) = ahead(2 * AHEAD) {
                offsets.prefetch(user);
            }
            if let Some(user) = ahead(AHEAD).filter(|user| *user < offsets.len()) {
                prefetch::<NEAR>(lines.as_ptr().wrapping_add(offsets.get(user)));
            }
            let line = offsets.range(users.get(n), lines.len());
            require(!line.is_empty(), "An id has no line.");
            let room = out.range(to, to + line.len());
            to += line.len();
            room.copy_from_slice(&lines[line]);
            // The newline of a line becomes the comma before the next.
            room[room.len() - 1] = b',';
        }
        written.range(0, 1)[0] = to.saturating_sub(1) as u32;
    }
}
