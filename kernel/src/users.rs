//! Affinities of users to queries, and the best users of each.

use crate::best::Best;
use crate::door::{Indexes, Out, require};
use crate::screen::{Rounded, dots, multiply_rounded, round_rows};
use crate::simd::{Simd, Work};
use crate::tile::{Left, PANEL, multiply};

/// Users that are scored with all queries while their factors are in the cache.
const USERS: usize = 96;
pub const FINITE: &str = "Factors and weights must be finite numbers.";

/// Queries: query q has the item factors starts[q]..starts[q + 1] of `rows`. Its affinity to a user x is x.y for one
/// item, the sum of max(0, x.y) for several or none.
pub struct Queries<'a> {
    pub rows: &'a [f32],
    pub starts: Indexes<'a>,
    pub width: usize,
    pub from: usize,
    pub to: usize,
}

/// PANEL columns of item factors: either of as many queries with one item, or of one query with a set of items.
struct Panel {
    /// Factor k of column j is at k * PANEL + j.
    factors: Vec<f32>,
    query: usize,
    queries: usize,
    kind: Kind,
    /// For a first look, where that is worth it.
    rounded: Option<Rounded>,
}
#[derive(PartialEq)]
enum Kind {
    Singles,
    SetPart,
    SetEnd,
}

impl Queries<'_> {
    fn panels(&self) -> Vec<Panel> {
        let mut panels: Vec<Panel> = vec![];
        for query in self.from..self.to {
            let (from, to) = (self.starts.get(query), self.starts.get(query + 1));
            require(from <= to && to * self.width <= self.rows.len(), "starts must ascend and end within the rows.");
            if to - from == 1 {
                let open = panels.last().is_some_and(|last| last.kind == Kind::Singles && last.queries < PANEL);
                if !open {
                    panels.push(self.panel(query, 0, Kind::Singles));
                }
                let last = panels.last_mut().unwrap();
                self.fill(&mut last.factors, last.queries, from);
                last.queries += 1;
                continue;
            }
            for part in (from..to).step_by(PANEL) {
                let mut panel = self.panel(query, 1, Kind::SetPart);
                for row in part..to.min(part + PANEL) {
                    self.fill(&mut panel.factors, row - part, row);
                }
                panels.push(panel);
            }
            match panels.last_mut() {
                Some(last) if from < to => last.kind = Kind::SetEnd,
                _ => panels.push(self.panel(query, 1, Kind::SetEnd)),
            }
        }
        panels
    }

    fn panel(&self, query: usize, queries: usize, kind: Kind) -> Panel {
        Panel { factors: vec![0f32; self.width * PANEL], query, queries, kind, rounded: None }
    }

    fn fill(&self, factors: &mut [f32], column: usize, row: usize) {
        for k in 0..self.width {
            factors[k * PANEL + column] = self.rows[row * self.width + k];
        }
    }
}

/// Affinities of a few users, user by user, PANEL apart.
struct Block {
    scores: [f32; USERS * PANEL],
    /// Of the parts of a set so far.
    sums: [f32; USERS * PANEL],
    /// The sum of all affinities so far: finite as long as each is.
    all: f32,
    /// The users' rounded factors and the lengths of the unrounded.
    rounded: Vec<u32>,
    lengths: [f32; USERS],
}

impl Block {
    fn new(width: usize) -> Self {
        let rounded = vec![0; USERS * width / 2];
        Self { scores: [0.0; USERS * PANEL], sums: [0.0; USERS * PANEL], all: 0.0, rounded, lengths: [0.0; USERS] }
    }

    /// Adds the affinities of the first users to the sum of all.
    #[inline(always)]
    unsafe fn add_all<S: Simd>(&mut self, count: usize) {
        let mut all = [unsafe { S::splat(0.0) }; 8];
        for k in (0..count * PANEL).step_by(8 * S::LANES) {
            for (n, sum) in all.iter_mut().enumerate().take((count * PANEL - k) / S::LANES) {
                *sum = unsafe { S::add(*sum, S::load(self.scores.as_ptr().add(k + n * S::LANES))) };
            }
        }
        self.all += unsafe { S::sums(all) }.iter().sum::<f32>();
    }

    /// Scores users first..last, at most USERS, for a panel; false where the panel's set goes on in the next.
    #[inline(always)]
    unsafe fn score<S: Simd>(&mut self, users: &[f32], width: usize, first: usize, last: usize, panel: &Panel) -> bool {
        let count = last - first;
        let left = Left { at: users[first * width..last * width].as_ptr(), step: width, turned: false };
        let factors = panel.factors.as_ptr();
        unsafe { multiply::<S>(left, count, factors, PANEL, width, self.scores.as_mut_ptr()) };
        unsafe { self.add_all::<S>(count) };
        if panel.kind == Kind::Singles {
            return true;
        }
        for k in (0..count * PANEL).step_by(S::LANES) {
            unsafe {
                let positive = S::max(S::load(self.scores[k..].as_ptr()), S::splat(0.0));
                S::store(self.sums[k..].as_mut_ptr(), S::add(S::load(self.sums[k..].as_ptr()), positive));
            }
        }
        if panel.kind == Kind::SetPart {
            return false;
        }
        for user in 0..count {
            let own = &mut self.sums[user * PANEL..][..PANEL];
            self.scores[user * PANEL] = own.iter().sum();
            own.fill(0.0);
        }
        true
    }
}

/// Ranges of at most USERS users.
fn ranges(from: usize, to: usize) -> impl Iterator<Item = (usize, usize)> {
    (from..to).step_by(USERS).map(move |first| (first, to.min(first + USERS)))
}

/// Affinities of users from..to to every query, `out` is queries x users.
pub struct Scores<'a> {
    pub users: &'a [f32],
    pub queries: Queries<'a>,
    pub user_count: usize,
    pub from: usize,
    pub to: usize,
    pub out: Out<'a, f32>,
}

impl Work for Scores<'_> {
    type Out = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let panels = self.queries.panels();
        let mut block = Block::new(self.queries.width);
        for (first, last) in ranges(self.from, self.to) {
            for panel in &panels {
                if unsafe { !block.score::<S>(self.users, self.queries.width, first, last, panel) } {
                    continue;
                }
                for column in 0..panel.queries {
                    let at = (panel.query + column) * self.user_count;
                    for (user, to) in self.out.range(at + first, at + last).iter_mut().enumerate() {
                        *to = block.scores[user * PANEL + column];
                    }
                }
            }
        }
        require(block.all.is_finite(), FINITE);
    }
}

/// The best users of each query under each form, best first, ties by index.
pub struct TopUsers<'a> {
    pub users: &'a [f32],
    pub queries: Queries<'a>,
    pub user_count: usize,
    /// Each form's factor per user, by which positive affinities are multiplied; None: 1.
    pub forms: Vec<Option<&'a [f32]>>,
    /// Allowed users of each query as bits (bit u&7 of byte u>>3), from query `queries.from` on; None: everybody.
    pub masks: Vec<Option<&'a [u8]>>,
    pub result_count: usize,
    /// Forms x queries x result_count user indexes, and how many of each list are filled.
    pub query_count: usize,
    pub out: Out<'a, u32>,
    pub counts: Out<'a, u32>,
    pub stopped: &'a dyn Fn() -> bool,
}

/// Users of a sample from which the floors are guessed, taken so many at a time, and from how many users on.
const SAMPLE: usize = 8192;
const SAMPLE_RUN: usize = 8;
const SAMPLE_FROM: usize = 8 * SAMPLE;
/// A first look costs half of a score, and each user that it lets through several: lists that are longer than this
/// share of the users are not worth it.
const SCREEN_SHARE: usize = 128;

impl Work for TopUsers<'_> {
    type Out = ();
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let mut panels = self.queries.panels();
        let own = self.queries.to - self.queries.from;
        let mut lists: Vec<Best> =
            (0..self.forms.len() * own).map(|_| Best::new(self.result_count, self.user_count)).collect();
        unsafe {
            let sampled = self.user_count >= SAMPLE_FROM && self.result_count < self.user_count / 2;
            if sampled {
                self.guess_floors::<S>(&panels, &mut lists);
            }
            if S::ROUNDS && self.result_count < self.user_count / SCREEN_SHARE {
                self.add_rounded(&mut panels, &lists);
            }
            self.scan::<S>(&panels, &mut lists, ranges(0, self.user_count));
            // A guess too high, which hardly ever happens, leaves a list short: then without.
            if sampled && lists.iter().any(|list| list.keys.len() < self.result_count && list.floor > f32::NEG_INFINITY)
            {
                lists.iter_mut().for_each(|list| list.restart(f32::NEG_INFINITY));
                panels.iter_mut().for_each(|panel| panel.rounded = None);
                self.scan::<S>(&panels, &mut lists, ranges(0, self.user_count));
            }
        }
        let mut spare = vec![];
        for (n, list) in lists.iter_mut().enumerate() {
            if (self.stopped)() {
                return;
            }
            let place = n / own * self.query_count + self.queries.from + n % own;
            let out = self.out.range(place * self.result_count, (place + 1) * self.result_count);
            self.counts.range(place, place + 1)[0] = list.write(out, &mut spare) as u32;
            list.keys = vec![];
        }
    }
}

impl TopUsers<'_> {
    /// Lets single queries take a first look, where all lists of a panel have a floor to compare with.
    fn add_rounded(&self, panels: &mut [Panel], lists: &[Best]) {
        let own = self.queries.to - self.queries.from;
        for panel in panels.iter_mut().filter(|panel| panel.kind == Kind::Singles) {
            let query = panel.query - self.queries.from;
            let floors = |form: usize| &lists[form * own + query..][..panel.queries];
            if (0..self.forms.len()).all(|form| floors(form).iter().all(|list| list.floor > f32::NEG_INFINITY)) {
                panel.rounded = Some(Rounded::new(&panel.factors));
            }
        }
    }

    /// Adds the users of the ranges to the lists, form by form and query by query.
    #[inline(always)]
    unsafe fn scan<S: Simd>(&self, panels: &[Panel], lists: &mut [Best], ranges: impl Iterator<Item = (usize, usize)>) {
        let (own, width) = (self.queries.to - self.queries.from, self.queries.width);
        let screens = panels.iter().any(|panel| panel.rounded.is_some());
        let mut block = Block::new(width);
        let mut passed = vec![];
        for (first, last) in ranges {
            if (self.stopped)() {
                return;
            }
            if screens {
                let users = &self.users[first * width..last * width];
                unsafe { round_rows::<S>(users, width, &mut block.rounded, &mut block.lengths) };
            }
            for panel in panels {
                let mut margins = [0f32; PANEL];
                if let Some(rounded) = &panel.rounded {
                    margins = rounded.margins;
                    let (users, scores) = (block.rounded.as_ptr(), block.scores.as_mut_ptr());
                    unsafe {
                        multiply_rounded::<S>(users, last - first, width, rounded, scores);
                        block.add_all::<S>(last - first);
                    }
                } else if unsafe { !block.score::<S>(self.users, width, first, last, panel) } {
                    continue;
                }
                let query = panel.query - self.queries.from;
                for (form, weights) in self.forms.iter().enumerate() {
                    let lists = &mut lists[form * own + query..][..panel.queries];
                    let masks = &self.masks[query..][..panel.queries];
                    // Columns without a query refuse everything.
                    let mut floor = [f32::INFINITY; PANEL];
                    floor.iter_mut().zip(lists.iter()).for_each(|(floor, list)| *floor = list.floor);
                    passed.clear();
                    for index in first..last {
                        let row = block.scores[(index - first) * PANEL..].as_ptr();
                        let weight = weights.map_or(1.0, |all| all[index]);
                        let mut scaled = [0f32; PANEL];
                        let mut above = 0u32;
                        for k in (0..PANEL).step_by(S::LANES) {
                            // SAFETY: a user has PANEL scores, and there are as many floors and margins.
                            unsafe {
                                let (length, margin) =
                                    (S::splat(block.lengths[index - first]), margins.as_ptr().add(k));
                                let (score, zero) =
                                    (S::fma(length, S::load(margin), S::load(row.add(k))), S::splat(0.0));
                                let value = S::fma(S::max(score, zero), S::splat(weight), S::min(score, zero));
                                above |= S::above(value, S::load(floor.as_ptr().add(k))) << k;
                                S::store(scaled.as_mut_ptr().add(k), value);
                            }
                        }
                        while above != 0 {
                            let column = above.trailing_zeros() as usize;
                            above &= above - 1;
                            if !masks[column].is_none_or(|mask| mask[index >> 3] >> (index & 7) & 1 == 1) {
                                continue;
                            }
                            if panel.rounded.is_some() {
                                passed.push((index, column));
                            } else {
                                floor[column] = lists[column].add(scaled[column], index as u32);
                            }
                        }
                    }
                    unsafe { self.score_passed(&passed, panel.query, *weights, lists) };
                }
            }
        }
        require(block.all.is_finite(), FINITE);
    }

    /// Scores the users that a first look let through, (user, column) each, and adds them where they exceed the floor.
    #[inline(always)]
    unsafe fn score_passed(
        &self,
        passed: &[(usize, usize)],
        query: usize,
        weights: Option<&[f32]>,
        lists: &mut [Best],
    ) {
        let width = self.queries.width;
        for group in passed.chunks(8) {
            let of = |j: usize| group[j.min(group.len() - 1)];
            let x = std::array::from_fn(|j| self.users[of(j).0 * width..][..width].as_ptr());
            let y = std::array::from_fn(|j| {
                self.queries.rows[self.queries.starts.get(query + of(j).1) * width..][..width].as_ptr()
            });
            let scores = unsafe { dots(x, y, width) };
            for (&(user, column), score) in group.iter().zip(scores) {
                let weight = weights.map_or(1.0, |all| all[user]);
                let scaled = if score > 0.0 { score * weight } else { score };
                if scaled > lists[column].floor {
                    lists[column].add(scaled, user as u32);
                }
            }
        }
    }

    /// Lets every list begin with a floor that about as many users exceed as it wants, and five deviations more.
    #[inline(always)]
    unsafe fn guess_floors<S: Simd>(&self, panels: &[Panel], lists: &mut [Best]) {
        let runs = SAMPLE / SAMPLE_RUN;
        let sample = (0..runs).map(|n| {
            let first = n * (self.user_count - SAMPLE_RUN) / runs;
            (first, first + SAMPLE_RUN)
        });
        let expected = (self.result_count * SAMPLE) as f64 / self.user_count as f64;
        let rank = (expected + 5.0 * expected.sqrt() + 10.0) as usize;
        for list in lists.iter_mut() {
            *list = Best::new(rank, SAMPLE);
        }
        unsafe { self.scan::<S>(panels, lists, sample) };
        for list in lists.iter_mut() {
            list.cut();
            let floor = if list.keys.len() < rank { f32::NEG_INFINITY } else { list.worst() };
            *list = Best::new(self.result_count, self.user_count);
            list.floor = floor;
        }
    }
}
