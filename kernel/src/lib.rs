//! The engine's heavy loops, one block of work a call. Each routine is a struct of its arguments, named as those of the
//! function of the same name in `src/engine/local/reference.ts`, and does what that does. Whatever is wrong with them
//! ends in an error, never in a read or write outside an array, as long as they are plain objects.

mod als;
mod axes;
mod best;
mod door;
mod items;
mod rank;
mod scores;
mod simd;
mod tile;
mod users;

use door::Call;
use napi::bindgen_prelude::*;
use napi_derive::napi;
use simd::{Work, dispatch};

/// The instruction sets of this machine, fastest first.
#[napi]
pub fn instruction_sets() -> Vec<&'static str> {
    simd::available()
}

/// Does a block of a routine's work with the instructions of a set; `shared` has the slots of a run, which say whether
/// to stop.
#[napi(catch_unwind)]
pub fn run(verb: String, set: String, args: Unknown, block: u32, shared: &[i32]) -> Result<()> {
    let call = Call { block: block as usize, shared };
    match verb.as_str() {
        "solveRows" => work::<als::SolveRows>(&set, args, &call),
        "gramBlock" => work::<axes::GramBlock>(&set, args, &call),
        "principalAxes" => work::<axes::PrincipalAxes>(&set, args, &call),
        "rotateRows" => work::<axes::RotateRows>(&set, args, &call),
        "scoreUsers" => work::<scores::ScoreUsers>(&set, args, &call),
        "topUsers" => work::<users::TopUsers>(&set, args, &call),
        "cooccurrence" => work::<items::Cooccurrence>(&set, args, &call),
        "neighbourRidge" => work::<items::NeighbourRidge>(&set, args, &call),
        "findEvidence" => work::<rank::FindEvidence>(&set, args, &call),
        "rankUsers" => work::<rank::RankUsers>(&set, args, &call),
        "joinIds" => work::<items::JoinIds>(&set, args, &call),
        _ => Err(Error::from_reason(format!("There is no verb {verb}."))),
    }
}

fn work<W: Work + FromNapiValue>(set: &str, args: Unknown, call: &Call) -> Result<()> {
    // SAFETY: each argument is converted to its type, or the conversion fails. NOTE: a getter among them could free an
    // array that was converted before it; what a thread receives has none.
    let work: W = unsafe { args.cast()? };
    dispatch(set, work, call);
    Ok(())
}

/// The byte from which on an array is aligned to a cache line; may ask for large pages where the system has them.
#[napi(catch_unwind)]
pub fn aligned_from(bytes: &[u8], large: bool) -> u32 {
    if large {
        advise(bytes, HUGE_PAGES, 1 << 20);
    }
    bytes.as_ptr().align_offset(64) as u32
}

/// Gives the whole pages of an array to the system; they hold zeros afterwards.
#[napi(catch_unwind)]
pub fn give_back(bytes: &[u8]) {
    advise(bytes, DO_NOT_NEED, 4096);
}

/// What Linux may do with pages, by the numbers of madvise(2).
const DO_NOT_NEED: i32 = 4;
const HUGE_PAGES: i32 = 14;

/// For arrays with so many bytes of whole pages.
fn advise(_bytes: &[u8], _advice: i32, _least: usize) {
    #[cfg(target_os = "linux")]
    if let Some(pages) = _bytes.get(_bytes.as_ptr().align_offset(4096)..).filter(|pages| pages.len() >= _least) {
        unsafe extern "C" {
            fn madvise(at: *const u8, bytes: usize, advice: i32) -> i32;
        }
        // SAFETY: whole pages of the array, which is anonymous memory. The advice need not be taken.
        unsafe { madvise(pages.as_ptr(), pages.len() & !4095, _advice) };
    }
}
