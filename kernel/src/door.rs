//! What arrays from outside go through: every index is checked where it is used, and what is wrong becomes an error.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

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

/// Has an element fetched that will soon be read, where the machine takes such advice; outside the array nothing is.
#[inline(always)]
pub fn prefetch<T>(values: &[T], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(value) = values.get(at) {
        // SAFETY: advice for an address within the array.
        unsafe { std::arch::x86_64::_mm_prefetch((value as *const T).cast(), std::arch::x86_64::_MM_HINT_T0) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, at);
}

/// Numbers that are used as indexes. Other threads may change them meanwhile: each is read once, then checked.
#[derive(Clone, Copy)]
pub struct Indexes<'a>(&'a [AtomicU32]);

impl<'a> Indexes<'a> {
    pub fn new(values: &'a [u32]) -> Self {
        // SAFETY: the same layout; loads of the one are loads of the other.
        Self(unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), values.len()) })
    }
    pub fn len(&self) -> usize {
        self.0.len()
    }
    #[inline(always)]
    pub fn get(&self, at: usize) -> usize {
        self.0[at].load(Relaxed) as usize
    }
    pub fn prefetch(&self, at: usize) {
        prefetch(self.0, at);
    }
    /// The part at row, of starts and columns: starts[row]..starts[row + 1].
    #[inline(always)]
    pub fn range(&self, row: usize, columns: &Indexes) -> std::ops::Range<usize> {
        let (from, to) = (self.get(row), self.get(row + 1));
        require(from <= to && to <= columns.len(), "starts must ascend and end within the columns.");
        from..to
    }
}

/// An array that several threads fill, each its own blocks.
pub struct Out<'a, T> {
    at: *mut T,
    len: usize,
    of: PhantomData<&'a mut [T]>,
}

impl<'a, T> Out<'a, T> {
    pub fn new(values: &'a mut [T]) -> Self {
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
    /// Ends the call where an array that is read overlaps this one, which is written.
    pub fn apart<U>(&self, other: &[U]) {
        let (from, to) = (self.at as usize, self.at as usize + self.len * size_of::<T>());
        let (start, end) = (other.as_ptr() as usize, other.as_ptr_range().end as usize);
        require(end <= from || to <= start, "An array that is read overlaps one that is written.");
    }
}
