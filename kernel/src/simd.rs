//! Vectors of float32 on four instruction sets, and the choice between them at run time.
//!
//! A routine is written once, as a `Work` over any `Simd`, and compiled for each set: `dispatch` calls it inside a
//! function that has the set's features, into which everything is inlined. Loops over arrays that the compiler makes
//! vectors of by itself need nothing of this.

use crate::door::{Call, require};

/// Vectors of LANES numbers. All functions are unsafe: the machine must have the instructions, pointers must be good
/// for LANES numbers.
pub trait Simd: Copy {
    type V: Copy;
    const LANES: usize;
    /// Rows of a tile whose sums, two vectors each, stay in registers: 8 at most.
    const TILE_ROWS: usize;
    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn load(from: *const f32) -> Self::V;
    unsafe fn store(to: *mut f32, v: Self::V);
    /// a b + c
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// Bit k: a[k] > b[k].
    unsafe fn above(a: Self::V, b: Self::V) -> u32;
    /// The sum of each vector.
    unsafe fn sums(v: [Self::V; 8]) -> [f32; 8];
    /// Whether the machine multiplies bfloat16. If so, the next two are there: two of them lie in the place of a float32.
    const ROUNDS: bool = false;
    /// Rounds 32 numbers to 16 pairs.
    unsafe fn round(_from: *const f32, _to: *mut f32) {}
    /// sum[j] + the products of a pair with the pair b[j]
    unsafe fn products(_pair: *const f32, _b: *const f32, sum: Self::V) -> Self::V {
        sum
    }
}

/// A routine that can be compiled for each instruction set.
pub trait Work {
    unsafe fn run<S: Simd>(self, call: &Call);
}

/// The instruction sets of this machine by name, fastest first; `plain` needs none.
pub fn available() -> Vec<&'static str> {
    let mut names = vec!["plain"];
    #[cfg(target_arch = "aarch64")]
    names.insert(0, "neon");
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        names.insert(0, "avx2");
    }
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        names.insert(0, "avx512");
        if is_x86_feature_detected!("avx512bf16") {
            // AMD's processors multiply a vector of bfloat16 in the time of one of float32, Intel's take longer.
            // Only AMD's have SSE4a.
            names.insert(usize::from(!is_x86_feature_detected!("sse4a")), "avx512bf16");
        }
    }
    names
}

/// Runs the work with the named instructions.
pub fn dispatch<W: Work>(name: &str, work: W, call: &Call) {
    require(available().contains(&name), "This machine lacks the named instructions.");
    // SAFETY: the machine has the instructions, as just checked.
    unsafe {
        match name {
            #[cfg(target_arch = "x86_64")]
            "avx512bf16" => x86::avx512_bf16(work, call),
            #[cfg(target_arch = "x86_64")]
            "avx512" => x86::avx512(work, call),
            #[cfg(target_arch = "x86_64")]
            "avx2" => x86::avx2(work, call),
            #[cfg(target_arch = "aarch64")]
            "neon" => work.run::<neon::Neon>(call),
            _ => work.run::<Plain>(call),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
mod x86 {
    use super::{Call, Simd, Work};
    use std::arch::x86_64::*;
    use std::mem::transmute;

    macro_rules! compiled {
        ($name:ident, $features:literal, $set:ty) => {
            #[target_feature(enable = $features)]
            pub unsafe fn $name<W: Work>(work: W, call: &Call) { unsafe { work.run::<$set>(call) } }
        };
    }
    compiled!(avx512_bf16, "avx512f,avx512bf16", Avx512<true>);
    compiled!(avx512, "avx512f", Avx512<false>);
    compiled!(avx2, "avx2,fma", Avx2);

    #[derive(Clone, Copy)]
    pub struct Avx512<const BF16: bool>;

    impl<const BF16: bool> Simd for Avx512<BF16> {
        type V = __m512;
        const LANES: usize = 16;
        const TILE_ROWS: usize = 8;
        #[inline(always)] unsafe fn splat(x: f32) -> __m512 { unsafe { _mm512_set1_ps(x) } }
        #[inline(always)] unsafe fn load(from: *const f32) -> __m512 { unsafe { _mm512_loadu_ps(from) } }
        #[inline(always)] unsafe fn store(to: *mut f32, v: __m512) { unsafe { _mm512_storeu_ps(to, v) } }
        #[inline(always)] unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 { unsafe { _mm512_fmadd_ps(a, b, c) } }
        #[inline(always)] unsafe fn above(a: __m512, b: __m512) -> u32 { unsafe { _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ) as u32 } }
        #[inline(always)] unsafe fn sums(v: [__m512; 8]) -> [f32; 8] {
            unsafe {
                // Halves of two vectors side by side, then quarters of four; what is left are eight times four numbers.
                let two = |a, b| _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
                let four = |a, b| _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
                let low = four(two(v[0], v[1]), two(v[2], v[3]));
                let high = four(two(v[4], v[5]), two(v[6], v[7]));
                let pairs = _mm512_add_ps(_mm512_unpacklo_ps(low, high), _mm512_unpackhi_ps(low, high));
                let s: [f32; 16] = transmute(_mm512_add_ps(pairs, _mm512_permute_ps(pairs, 0x4e)));
                [s[0], s[4], s[8], s[12], s[1], s[5], s[9], s[13]]
            }
        }
        const ROUNDS: bool = BF16;
        #[inline(always)] unsafe fn round(from: *const f32, to: *mut f32) {
            unsafe {
                let pairs = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(from.add(16)), _mm512_loadu_ps(from));
                _mm512_storeu_ps(to, transmute::<__m512bh, __m512>(pairs));
            }
        }
        #[inline(always)] unsafe fn products(pair: *const f32, b: *const f32, sum: __m512) -> __m512 {
            unsafe {
                let pair = transmute::<__m512, __m512bh>(_mm512_set1_ps(*pair));
                _mm512_dpbf16_ps(sum, pair, transmute::<__m512, __m512bh>(_mm512_loadu_ps(b)))
            }
        }
    }

    #[derive(Clone, Copy)]
    pub struct Avx2;

    impl Simd for Avx2 {
        type V = __m256;
        const LANES: usize = 8;
        const TILE_ROWS: usize = 6;
        #[inline(always)] unsafe fn splat(x: f32) -> __m256 { unsafe { _mm256_set1_ps(x) } }
        #[inline(always)] unsafe fn load(from: *const f32) -> __m256 { unsafe { _mm256_loadu_ps(from) } }
        #[inline(always)] unsafe fn store(to: *mut f32, v: __m256) { unsafe { _mm256_storeu_ps(to, v) } }
        #[inline(always)] unsafe fn fma(a: __m256, b: __m256, c: __m256) -> __m256 { unsafe { _mm256_fmadd_ps(a, b, c) } }
        #[inline(always)] unsafe fn above(a: __m256, b: __m256) -> u32 { unsafe { _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ)) as u32 } }
        #[inline(always)] unsafe fn sums(v: [__m256; 8]) -> [f32; 8] {
            unsafe {
                let four = |a, b, c, d| _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
                let low = four(v[0], v[1], v[2], v[3]);
                let high = four(v[4], v[5], v[6], v[7]);
                let halves = [_mm256_permute2f128_ps(low, high, 0x20), _mm256_permute2f128_ps(low, high, 0x31)];
                transmute(_mm256_add_ps(halves[0], halves[1]))
            }
        }
    }
}

#[cfg(target_arch = "aarch64")]
#[rustfmt::skip]
mod neon {
    use super::Simd;
    use std::arch::aarch64::*;

    #[derive(Clone, Copy)]
    pub struct Neon;

    impl Simd for Neon {
        type V = float32x4_t;
        const LANES: usize = 4;
        const TILE_ROWS: usize = 8;
        #[inline(always)] unsafe fn splat(x: f32) -> float32x4_t { unsafe { vdupq_n_f32(x) } }
        #[inline(always)] unsafe fn load(from: *const f32) -> float32x4_t { unsafe { vld1q_f32(from) } }
        #[inline(always)] unsafe fn store(to: *mut f32, v: float32x4_t) { unsafe { vst1q_f32(to, v) } }
        #[inline(always)] unsafe fn fma(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t { unsafe { vfmaq_f32(c, a, b) } }
        #[inline(always)] unsafe fn above(a: float32x4_t, b: float32x4_t) -> u32 { unsafe { vaddvq_u32(vandq_u32(vcgtq_f32(a, b), vld1q_u32([1u32, 2, 4, 8].as_ptr()))) } }
        #[inline(always)] unsafe fn sums(v: [float32x4_t; 8]) -> [f32; 8] { unsafe { v.map(|each| vaddvq_f32(each)) } }
    }
}

/// No intrinsics: what the compiler makes of it on any machine.
#[derive(Clone, Copy)]
pub struct Plain;

#[rustfmt::skip]
impl Simd for Plain {
    type V = [f32; 4];
    const LANES: usize = 4;
    const TILE_ROWS: usize = 4;
    #[inline(always)] unsafe fn splat(x: f32) -> [f32; 4] { [x; 4] }
    #[inline(always)] unsafe fn load(from: *const f32) -> [f32; 4] { unsafe { from.cast::<[f32; 4]>().read_unaligned() } }
    #[inline(always)] unsafe fn store(to: *mut f32, v: [f32; 4]) { unsafe { to.cast::<[f32; 4]>().write_unaligned(v) } }
    #[inline(always)] unsafe fn fma(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] { std::array::from_fn(|k| a[k] * b[k] + c[k]) }
    #[inline(always)] unsafe fn above(a: [f32; 4], b: [f32; 4]) -> u32 { (0..4).map(|k| ((a[k] > b[k]) as u32) << k).sum() }
    #[inline(always)] unsafe fn sums(v: [[f32; 4]; 8]) -> [f32; 8] { v.map(|a| (a[0] + a[2]) + (a[1] + a[3])) }
}
