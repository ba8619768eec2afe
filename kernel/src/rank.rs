//! The best users of each query by a learned score: log score = sum of weight x feature of the user + sum of weight x
//! log(evidence + offset).

use crate::best::{Best, score_of};
use crate::door::{Call, In, Indexes, Out, require, width_of};
use crate::scores::{Panel, USERS, affinities, panels, require_finite};
use crate::simd::{Simd, Work};
use crate::tile::Aligned;
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
/// Users whose evidence is found at once: it stays in the second-level cache.
const CHUNK: usize = 128 * USERS;
/// Queries of a block, whose affinities to a chunk take 48 KB each.
const QUERIES_MAX: usize = 32;

impl Evidence<'_> {
    /// Checked before anything is made for so many.
    fn user_count(&self) -> usize {
        let user_count = self.user_count as usize;
        require(user_count > 0, "There must be users.");
        require(user_count * width_of(self.width) <= self.users.len(), "users must have a row for each user.");
        user_count
    }

    /// Chunks of all users.
    fn chunks(&self) -> impl Iterator<Item = Range<usize>> {
        let user_count = self.user_count();
        (0..user_count).step_by(CHUNK).map(move |first| first..user_count.min(first + CHUNK))
    }
}

/// Finds the evidence for the queries of a block, one chunk of users after the other.
struct Finder<'a> {
    of: &'a Evidence<'a>,
    block: Range<usize>,
    panels: Vec<Panel>,
    /// Of each query how far its lists of items' and traits' users have been read.
    places: Vec<[Vec<usize>; 3]>,
    /// Queries x CHUNK.
    affinities: Vec<f32>,
    /// KINDS x CHUNK, of one query.
    evidence: Vec<f32>,
}

impl<'a> Finder<'a> {
    fn new(of: &'a Evidence<'a>, block: Range<usize>) -> Self {
        require(block.len() <= QUERIES_MAX, "A block must have at most 32 queries at a time.");
        let (items, traits) = (&of.item_users, &of.trait_users);
        let user_count = of.user_count();
        let places = |query| {
            let begins = |list: &Lists, matrix: &Lists| list.begins(query, matrix, user_count);
            [begins(&of.near, items), begins(&of.owned, items), begins(&of.traits, traits)]
        };
        Self {
            of,
            panels: panels(of.rows, of.query_starts, width_of(of.width), block.clone()),
            places: block.clone().map(places).collect(),
            affinities: vec![0.0; block.len() * CHUNK],
            evidence: vec![0.0; KINDS * CHUNK],
            block,
        }
    }

    /// Goes on to the next chunk: affinities of its users to all queries, which share one pass over the factors.
    #[inline(always)]
    unsafe fn next<S: Simd>(&mut self, users: &Range<usize>, call: &Call) {
        let width = self.of.width as usize;
        let factors = &self.of.users[users.start * width..users.end * width];
        let out = Out::of(&mut self.affinities);
        unsafe { affinities::<S>(factors, width, &self.panels, 0..users.len(), &out, CHUNK, call) };
    }

    /// The evidence of the chunk's users for a query, KINDS x CHUNK.
    #[inline(always)]
    fn find(&mut self, query: usize, users: &Range<usize>) -> &[f32] {
        let (of, n) = (self.of, query - self.block.start);
        let [near_places, owned_places, trait_places] = &mut self.places[n];
        let (affinity, others) = self.evidence.split_at_mut(CHUNK);
        affinity.copy_from_slice(&self.affinities[n * CHUNK..][..CHUNK]);
        others.fill(0.0);
        let (near, others) = others.split_at_mut(3 * CHUNK);
        let (own, profile) = others.split_at_mut(2 * CHUNK);
        let (items, traits) = (&of.item_users, &of.trait_users);
        let newer = [None, Some(of.item_newer), Some(of.item_newest)];
        of.near.spread(query, items, newer, users, near_places, near);
        of.owned.spread(query, items, [Some(of.item_counts), Some(of.item_recents)], users, owned_places, own);
        of.traits.spread(query, traits, [Some(of.trait_shares), Some(of.trait_newer)], users, trait_places, profile);
        for values in self.evidence.chunks_mut(1024) {
            // What is not a number stays so.
            values.iter_mut().for_each(|value| *value = if *value < 0.0 { 0.0 } else { *value });
            require_finite(values);
        }
        &self.evidence
    }
}

const ASCEND: &str = "The users of a column must ascend.";

impl Lists<'_> {
    /// Where the matrix' columns of a query's list begin, whose users must lie below `user_count`.
    fn begins(&self, query: usize, matrix: &Lists, user_count: usize) -> Vec<usize> {
        let begin = |k| {
            let column = matrix.starts.range(self.columns.get(k), matrix.columns.len());
            let is_past = !column.is_empty() && matrix.columns.get(column.end - 1) >= user_count;
            require(!is_past, "columns hold an index past the users.");
            column.start
        };
        self.starts.range(query, self.columns.len()).map(begin).collect()
    }

    /// out[n, u] += sum over the query's list of weight x matrix[column, u], whose values are `values[n]`, or 1, for the
    /// users of a chunk, who come after those of the chunks before: each column goes on from its place.
    #[inline(always)]
    fn spread<const N: usize>(
        &self,
        query: usize,
        matrix: &Lists,
        values: [Option<&[f32]>; N],
        users: &Range<usize>,
        places: &mut [usize],
        out: &mut [f32],
    ) {
        let size = values.iter().flatten().map(|all| all.len()).fold(matrix.columns.len(), usize::min);
        require(self.weights.is_none_or(|all| all.len() >= self.columns.len()), "Every column needs its weight.");
        for (k, place) in self.starts.range(query, self.columns.len()).zip(places) {
            let weight = self.weights.map_or(1.0, |weights| weights[k]);
            let end = matrix.starts.range(self.columns.get(k), size).end;
            let mut at = *place;
            while at < end {
                let user = matrix.columns.get(at);
                if user >= users.end {
                    require(user <= matrix.columns.get(end - 1), ASCEND);
                    break;
                }
                require(user >= users.start, ASCEND);
                for n in 0..N {
                    out[n * CHUNK + user - users.start] += weight * values[n].map_or(1.0, |values| values[at]);
                }
                at += 1;
            }
            *place = at;
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
        let user_count = self.evidence.user_count();
        let block = call.range(&self.blocks, self.evidence.query_starts.len().saturating_sub(1));
        self.out.apart(self.evidence.users);
        let mut finder = Finder::new(&self.evidence, block.clone());
        for users in self.evidence.chunks() {
            if call.stopped() {
                return;
            }
            unsafe { finder.next::<S>(&users, call) };
            for query in block.clone() {
                for (kind, values) in finder.find(query, &users).chunks(CHUNK).enumerate() {
                    let first = (query * KINDS + kind) * user_count;
                    let out = self.out.range(first + users.start, first + users.end);
                    out.copy_from_slice(&values[..users.len()]);
                }
            }
        }
    }
}

/// How users are ranked: each term is a kind of evidence, its weight, and an offset for each query.
#[napi(object, object_to_js = false)]
pub struct RankForm<'a> {
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
    /// Forms x queries: log of the sum of all users' scores, allowed or not.
    pub log_sums: Out<'a, f64>,
}

impl Work for RankUsers<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self, call: &Call) {
        let (user_count, query_count) = (self.evidence.user_count(), self.masks.len());
        let block = call.range(&self.blocks, query_count);
        let masks = self.masks.iter().flatten();
        require(masks.clone().all(|mask| mask.len() * 8 >= user_count), "A mask needs a bit for each user.");
        let result_count = self.result_starts.get(query_count);
        require(self.forms.len() * result_count <= self.out.len(), "out must have room for every list.");
        let mut finder = Finder::new(&self.evidence, block.clone());
        let lists =
            |query| Best::new(self.result_starts.range(query, result_count).len(), user_count, f32::NEG_INFINITY);
        let mut lists: Vec<Vec<Best>> = self.forms.iter().map(|_| block.clone().map(lists).collect()).collect();
        let sum = LogSum { most: f32::NEG_INFINITY, sum: 0.0 };
        let mut sums = vec![sum; self.forms.len() * block.len()];
        // What is beyond the last user is no better than any floor.
        let mut scores = Aligned([f32::NEG_INFINITY; CHUNK]);
        for users in self.evidence.chunks() {
            unsafe { finder.next::<S>(&users, call) };
            scores.0[users.len()..].fill(f32::NEG_INFINITY);
            for (n, query) in block.clone().enumerate() {
                if call.stopped() {
                    return;
                }
                let evidence = finder.find(query, &users);
                for (k, (form, lists)) in self.forms.iter().zip(&mut lists).enumerate() {
                    let own = &mut scores.0[..users.len()];
                    form.score(query, query_count, &self.evidence.features, evidence, &users, own);
                    require_finite(own);
                    sums[k * block.len() + n].add(&scores.0);
                    unsafe { add_allowed::<S>(&mut lists[n], &scores.0, users.start, self.masks[query]) };
                }
            }
        }
        let mut spare = vec![];
        for (n, lists) in lists.iter_mut().enumerate() {
            for (query, best) in block.clone().zip(lists) {
                if call.stopped() {
                    return;
                }
                let results = self.result_starts.range(query, result_count);
                let (from, to) = (n * result_count + results.start, n * result_count + results.end);
                let count = best.write(self.out.range(from, to), &mut spare, call);
                self.counts.range(n * query_count + query, n * query_count + query + 1)[0] = count as u32;
                for (to, key) in self.log_scores.range(from, to).iter_mut().zip(&best.keys) {
                    *to = score_of(*key);
                }
                best.keys = vec![];
                let at = n * query_count + query;
                self.log_sums.range(at, at + 1)[0] = sums[n * block.len() + query - block.start].log();
            }
        }
    }
}

/// Adds the allowed users of a chunk who exceed the floor; `scores` are CHUNK, of users from `first` on.
#[inline(always)]
unsafe fn add_allowed<S: Simd>(best: &mut Best, scores: &[f32; CHUNK], first: usize, mask: Option<&[u8]>) {
    for at in (0..CHUNK).step_by(S::LANES) {
        // SAFETY: CHUNK is a multiple of LANES.
        let mut above = unsafe { S::above(S::load(scores[at..].as_ptr()), S::splat(best.floor)) };
        while above != 0 {
            let place = at + above.trailing_zeros() as usize;
            above &= above - 1;
            let user = first + place;
            if mask.is_none_or(|mask| mask[user >> 3] >> (user & 7) & 1 == 1) {
                best.add(scores[place], user as u32);
            }
        }
    }
}

impl RankForm<'_> {
    /// Log scores of a chunk's users.
    #[inline(always)]
    fn score(
        &self,
        query: usize,
        query_count: usize,
        features: &[In<f32>],
        evidence: &[f32],
        users: &Range<usize>,
        out: &mut [f32],
    ) {
        require(self.user_weights.len() == features.len(), "Every feature of the users needs a weight.");
        require(features.iter().all(|values| values.len() >= users.end), "Every user needs its features.");
        require(self.offsets.len() == self.weights.len() * query_count, "Every term needs an offset for each query.");
        out.fill(0.0);
        for (weight, values) in self.user_weights.iter().zip(features) {
            for (out, value) in out.iter_mut().zip(&values[users.clone()]) {
                *out += weight * value;
            }
        }
        for (term, weight) in self.weights.iter().enumerate() {
            let kind = self.evidence.get(term);
            require(kind < KINDS, "There is no such evidence.");
            let offset = self.offsets[term * query_count + query];
            require(offset > 0.0 && offset.is_normal(), "Offsets must be positive numbers.");
            for (out, value) in out.iter_mut().zip(&evidence[kind * CHUNK..]) {
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

/// The log of a sum of exponentials, relative to the largest so far.
#[derive(Clone, Copy)]
struct LogSum {
    most: f32,
    sum: f64,
}

impl LogSum {
    /// Adds exp of each, some of which must be finite; of those beyond the last user hardly anything is added.
    #[inline(always)]
    fn add(&mut self, logs: &[f32; CHUNK]) {
        let mut most = [self.most; LANES];
        for logs in logs.as_chunks::<LANES>().0 {
            for (most, log) in most.iter_mut().zip(logs) {
                *most = if *log > *most { *log } else { *most };
            }
        }
        let most = most.into_iter().fold(self.most, f32::max);
        let mut sums = [0.0; LANES];
        for logs in logs.as_chunks::<LANES>().0 {
            for (sum, log) in sums.iter_mut().zip(logs) {
                *sum += exp(log - most);
            }
        }
        let before = self.sum * f64::from(self.most - most).exp();
        self.sum = before + sums.iter().map(|sum| f64::from(*sum)).sum::<f64>();
        self.most = most;
    }

    fn log(self) -> f64 {
        f64::from(self.most) + self.sum.ln()
    }
}

/// Sums that go on side by side, on every instruction set as many.
const LANES: usize = 16;

/// e^x of x <= 0 to float32, made like `ln`; below -87 it is that of -87.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Added and taken away, it rounds.
    const ROUND: f32 = 12_582_912.0;
    let x = if x > -87.0 { x } else { -87.0 };
    let n = x * std::f32::consts::LOG2_E + ROUND - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4f32;
    for c in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p * r + c;
    }
    (p * r * r + r + 1.0) * f32::from_bits(((n as i32 + 127) << 23) as u32)
}
