//! The vector operations of an instruction set, and block sizes for its caches.

use super::Isa;

/// Vectors of `f32` of one instruction set.
///
/// Generic code over this trait must be `#[inline(always)]` below [`Isa::run`], where the target features are enabled;
/// [`each_isa!`](crate::each_isa) generates that call.
///
/// # Safety
/// The CPU must support [`Simd::ISA`]. Pointers must be readable or writable in the lanes that the function or its mask
/// accesses.
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
    /// The maximum number of steps of the inner dimension that a tile sums in registers.
    const INNER_BLOCK: usize;
    /// Columns of the right operand that are packed at once.
    const COLUMN_BLOCK: usize;
    /// Rows of the left operand in a block.
    const ROW_BLOCK: usize;
    /// Whether a panel of the right operand stays in the L1 cache while panels of the left one are streamed through it;
    /// if false, the operands have the opposite roles.
    const RIGHT_STAYS: bool;

    /// The maximum number of columns of a tile.
    const TILE_COLUMNS: usize = 2 * Self::LANES;

    /// The mask of the lanes whose bits are set.
    unsafe fn mask(bits: u16) -> Self::Mask;
    /// Zero in every lane.
    unsafe fn zero() -> Self::Vector;
    /// One value in every lane.
    unsafe fn splat(value: f32) -> Self::Vector;
    /// Loads adjacent elements.
    unsafe fn load(from: *const f32) -> Self::Vector;
    /// Loads adjacent elements in the lanes of `mask`, and sets the other lanes to zero without reading memory.
    unsafe fn load_some(mask: Self::Mask, from: *const f32) -> Self::Vector;
    /// Loads the lanes of `mask` from memory into `elements`, which must be zero in these lanes.
    unsafe fn load_into(elements: Self::Vector, mask: Self::Mask, from: *const f32) -> Self::Vector;
    /// Gathers one element for each lane, at the offsets `places` from `from`.
    unsafe fn gather(from: *const f32, places: *const i32) -> Self::Vector;
    /// Writes every lane.
    unsafe fn store(to: *mut f32, elements: Self::Vector);
    /// Writes every lane, bypassing the caches where the instruction set can and `to` begins a cache line. The write is ordered
    /// before later ones only by [`Simd::fence`].
    #[inline(always)]
    unsafe fn stream(to: *mut f32, elements: Self::Vector) {
        // SAFETY: the caller guarantees what `store` requires.
        unsafe { Self::store(to, elements) };
    }
    /// Orders all writes of [`Simd::stream`] by this thread before its later writes.
    #[inline(always)]
    unsafe fn fence() {}
    /// Writes the lanes of `mask` and accesses no other memory.
    unsafe fn store_some(mask: Self::Mask, to: *mut f32, elements: Self::Vector);
    /// `a + b`
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a - b`
    unsafe fn subtract(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a b`
    unsafe fn multiply(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a b + c`, rounded once; the portable fallback may round the product too.
    unsafe fn multiply_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// A square of zeros.
    unsafe fn square() -> Self::Square;
    /// Transposes the square.
    unsafe fn transpose(square: &mut Self::Square);

    /// The mask of the first `count` lanes.
    #[inline(always)]
    unsafe fn first(count: usize) -> Self::Mask {
        let count = count.min(Self::LANES) as u32;
        // SAFETY: the caller guarantees that the CPU supports `Self::ISA`, the only requirement of `mask`.
        unsafe { Self::mask(((1u32 << count) - 1) as u16) }
    }
}

/// Prefetches the cache line at this address. The address may be invalid.
#[inline(always)]
pub(crate) fn prefetch(address: *const f32) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch is a hint that cannot fault and changes no memory.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
