//! The engine's heavy loops, one block of work a call. Each function does what the function of the same name in
//! `src/engine/local/reference.ts` does, on the same arguments. Whatever is wrong with them ends in an error, never in
//! a read or write outside an array.

mod als;
mod axes;
mod best;
mod door;
mod items;
mod screen;
mod simd;
mod tile;
mod users;

use door::{Indexes, Out, require};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use simd::dispatch;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

/// The instruction sets of this machine, fastest first.
#[napi]
pub fn instruction_sets() -> Vec<&'static str> {
    simd::available()
}

/// The byte from which on an array is aligned to a cache line, and asks for large pages where the system has them.
#[napi(catch_unwind)]
pub fn aligned_from(bytes: &[u8]) -> u32 {
    const LINE: usize = 64;
    advise(bytes, Advice::HugePages);
    bytes.as_ptr().align_offset(LINE) as u32
}

/// Gives the whole pages of an array to the system; they hold zeros afterwards.
#[napi(catch_unwind)]
pub fn give_back(bytes: &[u8]) {
    advise(bytes, Advice::DontNeed);
}

/// What Linux may do with pages, by the numbers of madvise(2).
enum Advice {
    DontNeed = 4,
    HugePages = 14,
}

/// For arrays that are large enough to have many pages of their own.
fn advise(bytes: &[u8], advice: Advice) {
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 4096;
        unsafe extern "C" {
            fn madvise(at: *mut u8, bytes: usize, advice: i32) -> i32;
        }
        let first = bytes.as_ptr().align_offset(PAGE);
        if bytes.len() > first + (1 << 20) {
            let length = (bytes.len() - first) & !(PAGE - 1);
            // SAFETY: whole pages of the array, which is anonymous memory. The advice need not be taken.
            unsafe { madvise(bytes.as_ptr().add(first).cast_mut(), length, advice as i32) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (bytes, advice);
}

/// What every call gets: the arguments, the instruction set, the block, and the slots that say whether to stop.
struct Call<'a> {
    args: Object<'a>,
    shared: &'a [i32],
}

impl<'a> Call<'a> {
    fn get<T: FromNapiValue + ValidateNapiValue>(&self, name: &str) -> Result<T> {
        self.args.get_named_property(name)
    }
    fn number(&self, name: &str) -> Result<f64> {
        let number: f64 = self.get(name)?;
        require(number.is_finite(), "A number of the arguments is not finite.");
        Ok(number)
    }
    fn size(&self, name: &str) -> Result<usize> {
        Ok(self.get::<u32>(name)? as usize)
    }
    fn width(&self) -> Result<usize> {
        let width = self.size("width")?;
        require(width > 0 && width % tile::PANEL == 0 && width <= 1024, "width must be a multiple of 32 up to 1024.");
        Ok(width)
    }
    fn indexes(&self, name: &str) -> Result<Indexes<'a>> {
        Ok(Indexes::new(self.get(name)?))
    }
    /// The block's part of a list of boundaries: blocks[block]..blocks[block + 1].
    fn block(&self, block: u32) -> Result<(usize, usize)> {
        let blocks = self.indexes("blocks")?;
        require((block as usize) + 1 < blocks.len(), "There is no such block.");
        let (from, to) = (blocks.get(block as usize), blocks.get(block as usize + 1));
        require(from <= to, "blocks must ascend.");
        Ok((from, to))
    }
    fn stopped(&self) -> bool {
        // SAFETY: the same layout. Slot 1 says whether the run is to stop.
        self.shared.get(1).is_some_and(|slot| unsafe { &*(slot as *const i32).cast::<AtomicI32>() }.load(Relaxed) != 0)
    }
    fn queries(&self, width: usize, from: usize, to: usize) -> Result<users::Queries<'a>> {
        let starts = self.indexes("queryStarts")?;
        require(to < starts.len(), "A block has queries past the last one.");
        Ok(users::Queries { rows: self.get("rows")?, starts, width, from, to })
    }
    /// Pairs by user and by item.
    fn pairs(&self) -> Result<(items::Pairs<'a>, items::Pairs<'a>)> {
        let (users, items) = (self.indexes("starts")?, self.indexes("itemStarts")?);
        require(users.len() > 0 && items.len() > 0, "starts must have one element more than rows.");
        let (user_count, item_count) = (users.len() - 1, items.len() - 1);
        let (own, turned) = (self.indexes("columns")?, self.indexes("itemColumns")?);
        let by_user = items::Pairs { starts: users, columns: own, row_count: user_count, column_count: item_count };
        let by_item = items::Pairs { starts: items, columns: turned, row_count: item_count, column_count: user_count };
        Ok((by_user, by_item))
    }
}

#[napi(catch_unwind)]
pub fn solve_rows(isa: String, args: Object, block: u32, shared: &[i32]) -> Result<()> {
    let call = Call { args, shared };
    let (from, to) = call.block(block)?;
    let width = call.width()?;
    let (starts, columns) = (call.indexes("starts")?, call.indexes("columns")?);
    let weights: Option<&[f32]> = call.get("weights")?;
    let rows = Out::new(call.get::<&mut [f32]>("rows")?);
    let (fixed, axes, gram): (&[f32], &[f64], &[f64]) = (call.get("fixed")?, call.get("axes")?, call.get("gram")?);
    require(to < starts.len() && to * width <= rows.len(), "A block has rows past the last one.");
    require(weights.is_none_or(|all| all.len() >= columns.len()), "Every pair needs its weight.");
    require(axes.len() == width * width && gram.len() == width, "axes and gram must fit the width.");
    rows.apart(fixed);
    let stopped = || call.stopped();
    let (alpha0, ridge, ridge_per_pair) = (call.number("alpha0")?, call.number("ridge")?, call.number("ridgePerPair")?);
    let steps = call.get::<Option<u32>>("steps")?.unwrap_or(0) as usize;
    let work = als::Solve {
        starts,
        columns,
        weights,
        rows,
        fixed,
        width,
        axes,
        gram,
        alpha0,
        ridge,
        ridge_per_pair,
        steps,
        from,
        to,
        stopped: &stopped,
    };
    dispatch(&isa, work);
    Ok(())
}

#[napi(catch_unwind)]
pub fn gram_block(isa: String, args: Object, block: u32, shared: &[i32]) -> Result<()> {
    let call = Call { args, shared };
    let (from, to) = call.block(block)?;
    let width = call.width()?;
    let values: &[f32] = call.get("values")?;
    let partial = Out::new(call.get::<&mut [f64]>("partial")?);
    require(to * width <= values.len(), "A block has rows past the last one.");
    partial.apart(values);
    let partial = partial.range(block as usize * width * width, (block as usize + 1) * width * width);
    dispatch(&isa, axes::Gram { rows: &values[from * width..to * width], width, partial });
    Ok(())
}

#[napi(catch_unwind)]
pub fn principal_axes(isa: String, args: Object, _block: u32, shared: &[i32]) -> Result<()> {
    let call = Call { args, shared };
    let (gram, lengths): (&mut [f64], &mut [f64]) = (call.get("gram")?, call.get("lengths")?);
    let width = lengths.len();
    require(width % tile::PANEL == 0 && gram.len() == width * width, "gram must be width x width.");
    require(gram.iter().all(|value| value.is_finite()), "Factors and weights must be finite numbers.");
    dispatch(&isa, axes::PrincipalAxes { gram, lengths });
    Ok(())
}

#[napi(catch_unwind)]
pub fn rotate_rows(isa: String, args: Object, block: u32, shared: &[i32]) -> Result<()> {
    let call = Call { args, shared };
    let (from, to) = call.block(block)?;
    let width = call.width()?;
    let rows = Out::new(call.get::<&mut [f32]>("values")?);
    let axes: &[f64] = call.get("axes")?;
    require(axes.len() == width * width, "axes must be width x width.");
    rows.apart(axes);
    dispatch(&isa, axes::Rotate { rows, width, axes, from, to });
    Ok(())
}

#[napi(catch_unwind)]
pub fn score_users(isa: String, args: Object, block: u32, shared: &[i32]) -> Result<()> {
    let call = Call { args, shared };
    let (from, to) = call.block(block)?;
    let width = call.width()?;
    let users: &[f32] = call.get("users")?;
    let user_count = call.size("userCount")?;
    let query_count = call.indexes("queryStarts")?.len().saturating_sub(1);
    let out = Out::new(call.get::<&mut [f32]>("out")?);
    require(to <= user_count && user_count * width <= users.len(), "A block has users past the last one.");
    let queries = call.queries(width, 0, query_count)?;
    out.apart(users);
    out.apart(queries.rows);
    dispatch(&isa, users::Scores { users, queries, user_count, from, to, out });
    Ok(())
}

#[napi(catch_unwind)]
pub fn top_users(isa: String, args: Object, block: u32, shared: &[i32]) -> Result<()> {
    let call = Call { args, shared };
    let (from, to) = call.block(block)?;
    let width = call.width()?;
    let users: &[f32] = call.get("users")?;
    let (user_count, result_count) = (call.size("userCount")?, call.size("resultCount")?);
    require(user_count * width <= users.len(), "users must have a row for each user.");
    require(result_count <= user_count, "resultCount must not exceed the users.");
    let queries = call.queries(width, from, to)?;
    let forms: Array = call.get("forms")?;
    let forms: Vec<Option<&[f32]>> =
        (0..forms.len()).map(|n| Ok(forms.get(n)?.unwrap_or(None))).collect::<Result<_>>()?;
    require(forms.iter().flatten().all(|all| all.len() >= user_count), "Every user needs a weight.");
    require(forms.iter().flatten().all(|all| all.iter().all(|weight| weight.is_finite())), users::FINITE);
    let masks: Array = call.get("masks")?;
    let query_count = masks.len() as usize;
    let masks: Vec<Option<&[u8]>> =
        (from..to).map(|n| Ok(masks.get(n as u32)?.unwrap_or(None))).collect::<Result<_>>()?;
    require(masks.iter().flatten().all(|mask| mask.len() * 8 >= user_count), "A mask needs a bit for each user.");
    require(to <= query_count, "Every query needs a mask, or null.");
    let (out, counts) = (Out::new(call.get::<&mut [u32]>("out")?), Out::new(call.get::<&mut [u32]>("counts")?));
    out.apart(users);
    let stopped = || call.stopped();
    let work = users::TopUsers {
        users,
        queries,
        user_count,
        forms,
        masks,
        result_count,
        query_count,
        out,
        counts,
        stopped: &stopped,
    };
    dispatch(&isa, work);
    Ok(())
}

#[napi(catch_unwind)]
pub fn cooccurrence(_isa: String, args: Object, block: u32, shared: &[i32]) -> Result<()> {
    let call = Call { args, shared };
    let (from, to) = call.block(block)?;
    let (by_user, by_item) = call.pairs()?;
    let items = call.indexes("items")?;
    let out = Out::new(call.get::<&mut [u32]>("out")?);
    for n in from..to {
        let counts = out.range(n * by_item.row_count, (n + 1) * by_item.row_count);
        items::cooccurrence(by_user, by_item, items.get(n), counts);
    }
    Ok(())
}

#[napi(catch_unwind)]
pub fn neighbour_ridge(_isa: String, args: Object, block: u32, shared: &[i32]) -> Result<()> {
    let call = Call { args, shared };
    let (from, to) = call.block(block)?;
    let (by_user, by_item) = call.pairs()?;
    let items = call.indexes("items")?;
    let neighbour_count = call.size("neighbourCount")?;
    let ridge = items::Ridge { lambda: call.number("lambda")?, steps: call.size("steps")?, neighbour_count };
    require(ridge.lambda > 0.0, "lambda must be positive.");
    let neighbours = Out::new(call.get::<&mut [u32]>("neighbours")?);
    let weights = Out::new(call.get::<&mut [f32]>("neighbourWeights")?);
    let counts = Out::new(call.get::<&mut [u32]>("counts")?);
    let mut scratch = items::RidgeScratch::new(by_item.row_count, by_user.row_count);
    for n in from..to {
        let (first, last) = (n * neighbour_count, (n + 1) * neighbour_count);
        let (near, by) = (neighbours.range(first, last), weights.range(first, last));
        counts.range(n, n + 1)[0] = ridge.solve(by_user, by_item, items.get(n), &mut scratch, near, by) as u32;
        if call.stopped() {
            break;
        }
    }
    Ok(())
}

#[napi(catch_unwind)]
pub fn join_ids(_isa: String, args: Object, _block: u32, shared: &[i32]) -> Result<()> {
    let call = Call { args, shared };
    let lines: &[u8] = call.get("lines")?;
    let out = Out::new(call.get::<&mut [u8]>("out")?);
    out.apart(lines);
    let written = items::join_ids(lines, call.indexes("offsets")?, call.indexes("users")?, out);
    Out::new(call.get::<&mut [u32]>("written")?).range(0, 1)[0] = written as u32;
    Ok(())
}
