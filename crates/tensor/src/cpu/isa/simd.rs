//! The vector operations of an instruction set, and block sizes for its caches.

use super::Isa;

/// Vectors of `f32` of one instruction set.
///
/// Generic code over this trait must be `#[inline(always)]` below [`Isa::run`], where the target features are enabled;
/// [`each_isa!`](crate::each_isa) takes care of it.
///
/// # Safety
/// Every function may be called only where the CPU supports [`Simd::ISA`]. Pointers are read and
/// written for the lanes given by the function or the mask.
pub(crate) trait Simd: Copy {
    /// Elements in a register.
    type Vector: Copy;
    /// A subset of the lanes.
    type Mask: Copy;
    /// `LANES` vectors.
    type Square: AsMut<[Self::Vector]> + AsRef<[Self::Vector]>;

    /// The instruction set.
    const ISA: Isa;
    /// Elements in a vector.
    const LANES: usize;
    /// The maximum number of rows of a tile; a tile has at most two vectors of columns.
    const TILE_ROWS: usize;
    /// The maximum number of steps of the inner size that a tile sums in registers.
    const INNER_BLOCK: usize;
    /// Columns of the matrix on the right that are packed at once.
    const COLUMN_BLOCK: usize;
    /// Rows of the left operand in a block.
    const ROW_BLOCK: usize;
    /// Whether a panel of the right operand stays in the L1 cache while panels of the left one stream past; if false, the
    /// other way round.
    const RIGHT_STAYS: bool;

    /// The maximum number of columns of a tile.
    const TILE_COLUMNS: usize = 2 * Self::LANES;

    /// The lanes whose bits are set.
    unsafe fn mask(bits: u16) -> Self::Mask;
    /// Zero in every lane.
    unsafe fn zero() -> Self::Vector;
    /// One value in every lane.
    unsafe fn splat(value: f32) -> Self::Vector;
    /// Loads adjacent elements.
    unsafe fn load(from: *const f32) -> Self::Vector;
    /// Loads adjacent elements in the lanes of `mask`, and sets the other lanes to zero without reading memory.
    unsafe fn load_some(mask: Self::Mask, from: *const f32) -> Self::Vector;
    /// `elements`, which is zero in the lanes of `mask`, with those lanes loaded from memory.
    unsafe fn load_into(elements: Self::Vector, mask: Self::Mask, from: *const f32) -> Self::Vector;
    /// Gathers the elements at these offsets from `from`, one for each lane.
    unsafe fn gather(from: *const f32, places: *const i32) -> Self::Vector;
    /// Writes every lane.
    unsafe fn store(to: *mut f32, elements: Self::Vector);
    /// Writes every lane, bypassing the caches where the instruction set can and `to` begins a cache line. The write is ordered
    /// before later ones only by [`Simd::fence`].
    #[inline(always)]
    unsafe fn stream(to: *mut f32, elements: Self::Vector) {
        // SAFETY: forwarded from the caller.
        unsafe { Self::store(to, elements) };
    }
    /// Orders all writes of [`Simd::stream`] by this thread before its later writes.
    #[inline(always)]
    unsafe fn fence() {}
    /// Writes the lanes of `mask` and touches nothing else.
    unsafe fn store_some(mask: Self::Mask, to: *mut f32, elements: Self::Vector);
    /// `a + b`
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a - b`
    unsafe fn subtract(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a b`
    unsafe fn multiply(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a b + c`, rounded once.
    unsafe fn multiply_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// Zeros.
    unsafe fn square() -> Self::Square;
    /// Turns rows into columns.
    unsafe fn transpose(square: &mut Self::Square);

    /// The mask of the first `count` lanes.
    #[inline(always)]
    unsafe fn first(count: usize) -> Self::Mask {
        let count = count.min(Self::LANES) as u32;
        // SAFETY: forwarded from the caller.
        unsafe { Self::mask(((1u32 << count) - 1) as u16) }
    }
}

/// Prefetches the cache line at this address, which may be invalid: nothing is read.
#[inline(always)]
pub(crate) fn prefetch(address: *const f32) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch touches no memory and cannot fault.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
