//! Which items the same users act on.

use crate::door::{Indexes, Out, prefetch, require};

/// A sparse matrix by rows.
#[derive(Clone, Copy)]
pub struct Pairs<'a> {
    pub starts: Indexes<'a>,
    pub columns: Indexes<'a>,
    pub row_count: usize,
    pub column_count: usize,
}

const PAST: &str = "columns hold an index past the other side's rows.";

impl<'a> Pairs<'a> {
    fn row(&self, row: usize) -> impl Iterator<Item = usize> + 'a {
        require(row < self.row_count, PAST);
        let Self { columns, column_count, .. } = *self;
        self.starts.range(row, &columns).map(move |at| {
            let column = columns.get(at);
            require(column < column_count, PAST);
            column
        })
    }
}

/// out[j] = users who have both `item` and j. Returns those j in the order in which they were met.
pub fn cooccurrence(by_user: Pairs, by_item: Pairs, item: usize, out: &mut [u32]) -> Vec<u32> {
    let mut met = vec![];
    for user in by_item.row(item) {
        for other in by_user.row(user) {
            if out[other] == 0 {
                met.push(other as u32);
            }
            out[other] += 1;
        }
    }
    met
}

/// One item's column of an item-item ridge regression on its nearest items only, as `neighbourRidge` says.
pub struct Ridge {
    pub lambda: f64,
    pub steps: usize,
    pub neighbour_count: usize,
}

/// Kept from item to item.
pub struct RidgeScratch {
    together: Vec<u32>,
    place: Vec<u32>,
    /// The last run in which a user was met.
    seen: Vec<u32>,
    run: u32,
}

impl RidgeScratch {
    pub fn new(item_count: usize, user_count: usize) -> Self {
        Self { together: vec![0; item_count], place: vec![u32::MAX; item_count], seen: vec![0; user_count], run: 0 }
    }
}

impl Ridge {
    /// The items j with the largest c_ij / sqrt(n_j + lambda), ties by index, and b of (G + lambda I) b = g, where G
    /// counts users who have two of them and g those who have i and one of them. EASE (Steck 2019), cut to them.
    pub fn solve(
        &self,
        by_user: Pairs,
        by_item: Pairs,
        item: usize,
        scratch: &mut RidgeScratch,
        neighbours: &mut [u32],
        weights: &mut [f32],
    ) -> usize {
        let RidgeScratch { together, place, seen, run } = scratch;
        *run += 1;
        let met = cooccurrence(by_user, by_item, item, together);
        let count_of = |j: u32| by_item.starts.range(j as usize, &by_item.columns).len() as f64;
        let mut near: Vec<(f64, u32)> = met
            .iter()
            .filter(|j| **j as usize != item)
            .map(|j| (together[*j as usize] as f64 / (count_of(*j) + self.lambda).sqrt(), *j))
            .collect();
        near.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        near.truncate(self.neighbour_count);
        let m = near.len();
        let right: Vec<f64> = near.iter().map(|(_, j)| together[*j as usize] as f64).collect();
        met.iter().for_each(|j| together[*j as usize] = 0);
        near.iter().enumerate().for_each(|(k, (_, j))| place[*j as usize] = k as u32);
        let mut gram = vec![0f64; m * m];
        let mut own = vec![];
        for (_, j) in &near {
            for user in by_item.row(*j as usize) {
                if std::mem::replace(&mut seen[user], *run) == *run {
                    continue;
                }
                own.clear();
                own.extend(by_user.row(user).map(|other| place[other] as usize).filter(|k| *k < m));
                for a in &own {
                    own.iter().for_each(|b| gram[a * m + b] += 1.0);
                }
            }
        }
        near.iter().for_each(|(_, j)| place[*j as usize] = u32::MAX);
        (0..m).for_each(|k| gram[k * m + k] += self.lambda);
        let solution = conjugate_gradients(&gram, &right, self.steps);
        for k in 0..m {
            neighbours[k] = near[k].1;
            weights[k] = solution[k] as f32;
        }
        m
    }
}

/// x of A x = b for a symmetric positive definite A, from 0 on, preconditioned by its diagonal (Jacobi).
fn conjugate_gradients(a: &[f64], b: &[f64], steps: usize) -> Vec<f64> {
    let m = b.len();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let scaled = |r: &[f64]| (0..m).map(|k| r[k] / a[k * m + k]).collect::<Vec<f64>>();
    let (mut x, mut residual) = (vec![0f64; m], b.to_vec());
    let mut direction = scaled(&residual);
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

/// Ids between the one that is copied and the one that is fetched.
const AHEAD: usize = 12;

/// The ids of users in JSON, each in quotes, commas between: `offsets` says where each user's line of `lines`
/// begins, which ends in a newline. Gives the count of bytes.
pub fn join_ids(lines: &[u8], offsets: Indexes, users: Indexes, out: Out<u8>) -> usize {
    let mut to = 0;
    for n in 0..users.len() {
        // Lists are in the order of scores: each id lies elsewhere.
        let ahead = |steps: usize| (n + steps < users.len()).then(|| users.get(n + steps));
        if let Some(user) = ahead(2 * AHEAD) {
            offsets.prefetch(user);
        }
        if let Some(user) = ahead(AHEAD).filter(|user| *user < offsets.len()) {
            prefetch(lines, offsets.get(user));
        }
        let user = users.get(n);
        require(user + 1 < offsets.len(), "A user index lies outside the ids.");
        let (from, end) = (offsets.get(user), offsets.get(user + 1));
        require(from < end && end <= lines.len(), "offsets must ascend and end within the lines.");
        let room = out.range(to, to + end - from);
        room.copy_from_slice(&lines[from..end]);
        // The newline of a line becomes the comma before the next.
        room[end - from - 1] = b',';
        to += end - from;
    }
    to.saturating_sub(1)
}
