//! What arrays from outside go through: every index is checked where it is used, and what is wrong becomes an error.

use napi::bindgen_prelude::{FromNapiValue, Result, sys};
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering::Relaxed};

/// Ends the call with this message as its error (`catch_unwind` at the exported functions).
#[inline(always)]
pub fn require(holds: bool, message: &'static str) {
    if !holds {
        refuse(message);
    }
}

#[cold]
#[inline(never)]
fn refuse(message: &'static str) -> ! {
    std::panic::resume_unwind(Box::new(message))
}

/// Numbers in a row of factors.
pub fn width_of(width: u32) -> usize {
    require(width > 0 && width.is_multiple_of(32) && width <= 1024, "width must be a multiple of 32 up to 1024.");
    width as usize
}

/// What x86 calls fetching into all caches, and into the second-level one, for what is needed later.
pub const NEAR: i32 = 3;
pub const SECOND: i32 = 2;

/// Has an address fetched that will be read, where the machine takes such advice; any address may be named.
#[inline(always)]
pub fn prefetch<const CACHE: i32>(_at: *const impl Sized) {
    // SAFETY: advice, which never faults.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::x86_64::_mm_prefetch::<CACHE>(_at.cast())
    };
}

/// The block of a call, and the slots of its run.
pub struct Call<'a> {
    pub block: usize,
    pub shared: &'a [i32],
}

impl Call<'_> {
    /// The block's part of a list of boundaries, at most `limit`.
    pub fn range(&self, blocks: &Indexes, limit: usize) -> Range<usize> {
        require(self.block + 1 < blocks.len(), "There is no such block.");
        blocks.range(self.block, limit)
    }
    pub fn stopped(&self) -> bool {
        // SAFETY: the same layout. Slot 1 says whether the run is to stop.
        self.shared.get(1).is_some_and(|slot| unsafe { &*(slot as *const i32).cast::<AtomicI32>() }.load(Relaxed) != 0)
    }
    /// The same, for many small steps: looks at every 4096th.
    #[inline(always)]
    pub fn stopped_at(&self, step: usize) -> bool {
        step.is_multiple_of(4096) && self.stopped()
    }
}

/// Numbers that are used as indexes. Other threads may change them meanwhile: each is read once, then checked.
#[derive(Clone, Copy)]
pub struct Indexes<'a>(&'a [AtomicU32]);

impl FromNapiValue for Indexes<'_> {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        let values = unsafe { <&[u32]>::from_napi_value(env, value)? };
        // SAFETY: the same layout; loads of the one are loads of the other.
        Ok(Self(unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), values.len()) }))
    }
}

impl Indexes<'_> {
    pub fn len(&self) -> usize {
        self.0.len()
    }
    #[inline(always)]
    pub fn get(&self, at: usize) -> usize {
        require(at < self.0.len(), "An index lies outside its array.");
        self.0[at].load(Relaxed) as usize
    }
    pub fn prefetch(&self, at: usize) {
        prefetch::<NEAR>(self.0.as_ptr().wrapping_add(at));
    }
    /// Of boundaries the part at `row`, within `limit`.
    #[inline(always)]
    pub fn range(&self, row: usize, limit: usize) -> Range<usize> {
        let (from, to) = (self.get(row), self.get(row + 1));
        require(from <= to && to <= limit, "Boundaries must ascend and end within their array.");
        from..to
    }
}

/// An array that is only read.
pub type In<'a, T> = &'a [T];

/// An array that several threads fill, each its own blocks.
pub struct Out<'a, T> {
    at: *mut T,
    len: usize,
    of: PhantomData<&'a mut [T]>,
}

impl<'a, T> FromNapiValue for Out<'a, T>
where
    &'a mut [T]: FromNapiValue,
{
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        let values = unsafe { <&mut [T]>::from_napi_value(env, value)? };
        Ok(Self { at: values.as_mut_ptr(), len: values.len(), of: PhantomData })
    }
}

impl<'a, T> Out<'a, T> {
    pub fn of(values: &'a mut [T]) -> Self {
        Self { at: values.as_mut_ptr(), len: values.len(), of: PhantomData }
    }
    pub fn len(&self) -> usize {
        self.len
    }
    /// Elements from..to, which no other thread may have at the same time.
    #[allow(clippy::mut_from_ref)]
    pub fn range(&self, from: usize, to: usize) -> &mut [T] {
        require(from <= to && to <= self.len, "A block lies outside its array.");
        // SAFETY: within the array, as just checked.
        unsafe { std::slice::from_raw_parts_mut(self.at.add(from), to - from) }
    }
    /// Ends the call where an array that is read overlaps this one, which is written. Asked of the factors and ids that a
    /// caller could give by mistake; results that overlap others are wrong, but lie within their arrays.
    pub fn apart<U>(&self, other: &[U]) {
        let (from, to) = (self.at as usize, self.at as usize + self.len * size_of::<T>());
        let (start, end) = (other.as_ptr() as usize, other.as_ptr_range().end as usize);
        require(end <= from || to <= start, "An array that is read overlaps one that is written.");
    }
}
