//! The best users of each query by a learned score: log score = level of the query + sum of weight x feature of the
//! user + sum of weight x log(evidence + offset).

use crate::best::Best;
use crate::door::{Call, In, Indexes, Out, require, width_of};
use crate::scores::{FINITE, affinities, panels};
use crate::simd::{Simd, Work};
use napi_derive::napi;
use std::ops::Range;

/// Lists of columns and weights, one after the other; without weights each is 1.
#[napi(object, object_to_js = false)]
pub struct Lists<'a> {
    pub starts: Indexes<'a>,
    pub columns: Indexes<'a>,
    pub weights: Option<In<'a, f32>>,
}

/// What is known of users and queries together: `EvidenceArgs` of the twin.
#[napi(object, object_to_js = false)]
pub struct Evidence<'a> {
    pub users: In<'a, f32>,
    pub user_count: u32,
    pub width: u32,
    pub rows: In<'a, f32>,
    pub query_starts: Indexes<'a>,
    pub features: Vec<In<'a, f32>>,
    pub near: Lists<'a>,
    pub owned: Lists<'a>,
    pub traits: Lists<'a>,
    pub item_users: Lists<'a>,
    pub item_counts: In<'a, f32>,
    pub item_recents: In<'a, f32>,
    pub item_newer: In<'a, f32>,
    pub item_newest: In<'a, f32>,
    pub trait_users: Lists<'a>,
    pub trait_shares: In<'a, f32>,
    pub trait_newer: In<'a, f32>,
}

/// Affinity, three neighbourhoods, own, ownRecent, two profiles.
const KINDS: usize = 8;

impl Evidence<'_> {
    /// Checked before anything is made for so many.
    fn user_count(&self) -> usize {
        let user_count = self.user_count as usize;
        require(user_count > 0, "There must be users.");
        require(user_count * width_of(self.width) <= self.users.len(), "users must have a row for each user.");
        user_count
    }

    /// Affinities of all users to the queries of a block, which share one pass over the factors.
    #[inline(always)]
    unsafe fn affinities<S: Simd>(&self, block: Range<usize>) -> Vec<f32> {
        let (width, user_count) = (width_of(self.width), self.user_count());
        let mut out = vec![0f32; block.len() * user_count];
        let panels = panels(self.rows, self.query_starts, width, block.clone());
        let users = &self.users[..user_count * width];
        unsafe { affinities::<S>(users, width, &panels, 0..user_count, &Out::of(&mut out), user_count, block.start) };
        out
    }

    /// out = evidence of all users for a query, KINDS x users, of which the affinities are known.
    fn find(&self, query: usize, affinities: &[f32], out: &mut [f32]) {
        let user_count = affinities.len();
        let (affinity, others) = out.split_at_mut(user_count);
        affinity.copy_from_slice(affinities);
        others.fill(0.0);
        let (near, others) = others.split_at_mut(3 * user_count);
        let (own, profile) = others.split_at_mut(2 * user_count);
        let (items, traits) = (&self.item_users, &self.trait_users);
        self.near.spread(query, items, [None, Some(self.item_newer), Some(self.item_newest)], near);
        self.owned.spread(query, items, [Some(self.item_counts), Some(self.item_recents)], own);
        self.traits.spread(query, traits, [Some(self.trait_shares), Some(self.trait_newer)], profile);
        out.iter_mut().for_each(|value| *value = value.max(0.0));
    }
}

impl Lists<'_> {
    /// out[n, u] += sum over the query's list of weight x matrix[column, u], whose values are `values[n]`, or 1.
    fn spread<const N: usize>(&self, query: usize, matrix: &Lists, values: [Option<&[f32]>; N], out: &mut [f32]) {
        let user_count = out.len() / N;
        let size = values.iter().flatten().map(|all| all.len()).fold(matrix.columns.len(), usize::min);
        require(self.weights.is_none_or(|all| all.len() >= self.columns.len()), "Every column needs its weight.");
        for k in self.starts.range(query, self.columns.len()) {
            let weight = self.weights.map_or(1.0, |weights| weights[k]);
            for at in matrix.starts.range(self.columns.get(k), size) {
                let user = matrix.columns.get(at);
                require(user < user_count, "columns hold an index past the users.");
                for n in 0..N {
                    out[n * user_count + user] += weight * values[n].map_or(1.0, |values| values[at]);
                }
            }
        }
    }
}

/// out = the evidence of all users for each query: queries x KINDS x users.
#[napi(object, object_to_js = false)]
pub struct FindEvidence<'a> {
    pub evidence: Evidence<'a>,
    pub blocks: Indexes<'a>,
    pub out: Out<'a, f32>,
}

impl Work for FindEvidence<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self, call: &Call) {
        let size = KINDS * self.evidence.user_count();
        let block = call.range(&self.blocks, self.evidence.query_starts.len().saturating_sub(1));
        self.out.apart(self.evidence.users);
        let affinities = unsafe { self.evidence.affinities::<S>(block.clone()) };
        for (query, affinities) in block.zip(affinities.chunks(size / KINDS)) {
            self.evidence.find(query, affinities, self.out.range(query * size, (query + 1) * size));
        }
    }
}

/// How users are ranked: each term is a kind of evidence, its weight, and an offset for each query.
#[napi(object, object_to_js = false)]
pub struct RankForm<'a> {
    pub levels: In<'a, f32>,
    pub user_weights: In<'a, f32>,
    pub evidence: Indexes<'a>,
    pub weights: In<'a, f32>,
    pub offsets: In<'a, f32>,
}

/// The best users of each query of the block under each form, best first, ties by index.
#[napi(object, object_to_js = false)]
pub struct RankUsers<'a> {
    pub evidence: Evidence<'a>,
    pub blocks: Indexes<'a>,
    pub forms: Vec<RankForm<'a>>,
    /// Allowed users of each query as bits (bit u&7 of byte u>>3); None: everybody.
    pub masks: Vec<Option<In<'a, u8>>>,
    pub result_starts: Indexes<'a>,
    /// Forms x what result_starts says: users and log scores, and how many of each list are filled.
    pub out: Out<'a, u32>,
    pub log_scores: Out<'a, f32>,
    pub counts: Out<'a, u32>,
}

impl Work for RankUsers<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self, call: &Call) {
        let (user_count, query_count) = (self.evidence.user_count(), self.masks.len());
        let block = call.range(&self.blocks, query_count);
        let masks = self.masks.iter().flatten();
        require(masks.clone().all(|mask| mask.len() * 8 >= user_count), "A mask needs a bit for each user.");
        let result_count = self.result_starts.get(query_count);
        let affinities = unsafe { self.evidence.affinities::<S>(block.clone()) };
        let mut evidence = vec![0f32; KINDS * user_count];
        let mut scores = vec![0f32; user_count];
        let mut spare = vec![];
        for (query, affinities) in block.zip(affinities.chunks(user_count)) {
            self.evidence.find(query, affinities, &mut evidence);
            let results = self.result_starts.range(query, result_count);
            for (n, form) in self.forms.iter().enumerate() {
                if call.stopped() {
                    return;
                }
                form.score(query, query_count, &self.evidence.features, &evidence, &mut scores);
                require(scores.iter().all(|score| score.is_finite()), FINITE);
                let mut best = Best::new(results.len(), user_count, f32::NEG_INFINITY);
                for (user, score) in scores.iter().enumerate() {
                    let is_allowed = self.masks[query].is_none_or(|mask| mask[user >> 3] >> (user & 7) & 1 == 1);
                    if *score > best.floor && is_allowed {
                        best.add(*score, user as u32);
                    }
                }
                let (from, to) = (n * result_count + results.start, n * result_count + results.end);
                let out = self.out.range(from, to);
                let count = best.write(out, &mut spare);
                self.counts.range(n * query_count + query, n * query_count + query + 1)[0] = count as u32;
                for (to, user) in self.log_scores.range(from, to).iter_mut().zip(&out[..count]) {
                    *to = scores[*user as usize];
                }
            }
        }
    }
}

impl RankForm<'_> {
    #[inline(always)]
    fn score(&self, query: usize, query_count: usize, features: &[In<f32>], evidence: &[f32], out: &mut [f32]) {
        let user_count = out.len();
        require(self.levels.len() == query_count, "Every query needs a level.");
        require(self.user_weights.len() == features.len(), "Every feature of the users needs a weight.");
        require(features.iter().all(|values| values.len() >= user_count), "Every user needs its features.");
        require(self.offsets.len() == self.weights.len() * query_count, "Every term needs an offset for each query.");
        out.fill(self.levels[query]);
        for (weight, values) in self.user_weights.iter().zip(features) {
            for (out, value) in out.iter_mut().zip(*values) {
                *out += weight * value;
            }
        }
        for (term, weight) in self.weights.iter().enumerate() {
            let kind = self.evidence.get(term);
            require(kind < KINDS, "There is no such evidence.");
            let offset = self.offsets[term * query_count + query];
            for (out, value) in out.iter_mut().zip(&evidence[kind * user_count..]) {
                *out += weight * ln(value + offset);
            }
        }
    }
}

/// The natural logarithm of a positive number, to float32: a polynomial (Cephes, Moshier 1992) that the compiler can
/// make vectors of.
#[inline(always)]
fn ln(x: f32) -> f32 {
    const HALF: u32 = 0x3f35_04f3; // sqrt(1/2)
    let exponent = (x.to_bits().wrapping_sub(HALF) as i32) >> 23;
    let m = f32::from_bits(x.to_bits().wrapping_sub((exponent << 23) as u32)) - 1.0;
    let mut p = 7.037_683_6e-2f32;
    for c in [
        -1.151_461e-1,
        1.167_699_9e-1,
        -1.242_014_1e-1,
        1.424_932_3e-1,
        -1.666_805_8e-1,
        2.000_071_5e-1,
        -2.499_999_4e-1,
        3.333_333e-1,
    ] {
        p = p * m + c;
    }
    m * m * m * p - 0.5 * m * m + m + exponent as f32 * std::f32::consts::LN_2
}
