//! What tiles are made of: the vectors of one instruction set, and the block sizes that suit its caches.

use super::Isa;

/// Vectors of `f32` of one instruction set.
///
/// Everything that is written over this trait must be `#[inline(always)]` below [`Isa::run`], which is where the compiler
/// learns what the CPU supports; [`each_isa!`](crate::each_isa) takes care of it.
///
/// # Safety
/// Every function may be called only where the CPU supports [`Simd::ISA`]. Pointers are read and
/// written for as many lanes as the function or the mask says.
pub(crate) trait Simd: Copy {
    /// Numbers in a register.
    type Vector: Copy;
    /// Some of the lanes.
    type Mask: Copy;
    /// As many vectors as a vector has lanes.
    type Square: AsMut<[Self::Vector]> + AsRef<[Self::Vector]>;

    /// The instruction set.
    const ISA: Isa;
    /// Numbers in a vector.
    const LANES: usize;
    /// The most rows of a tile; a tile has at most two vectors of columns.
    const TILE_ROWS: usize;
    /// The most steps of the inner size that a tile sums before it goes back to memory.
    const INNER_BLOCK: usize;
    /// Columns of the matrix on the right that are packed at once.
    const COLUMN_BLOCK: usize;
    /// Rows of the matrix on the left that are gone through at once.
    const ROW_BLOCK: usize;
    /// Which matrix's panel stays in the first cache, while those of the other pass by: the one on the right if true.
    const RIGHT_STAYS: bool;

    /// The most columns of a tile.
    const TILE_COLUMNS: usize = 2 * Self::LANES;

    /// The lanes whose bits are set.
    unsafe fn mask(bits: u16) -> Self::Mask;
    /// Zero in every lane.
    unsafe fn zero() -> Self::Vector;
    /// One value in every lane.
    unsafe fn splat(value: f32) -> Self::Vector;
    /// Neighbours in memory.
    unsafe fn load(from: *const f32) -> Self::Vector;
    /// Neighbours in memory, and zero in the other lanes, for which nothing is read.
    unsafe fn load_some(mask: Self::Mask, from: *const f32) -> Self::Vector;
    /// `elements`, which is zero in the lanes of `mask`, with these taken from memory.
    unsafe fn load_into(elements: Self::Vector, mask: Self::Mask, from: *const f32) -> Self::Vector;
    /// The elements at these places from `from` on, one for each lane.
    unsafe fn gather(from: *const f32, places: *const i32) -> Self::Vector;
    /// Writes every lane.
    unsafe fn store(to: *mut f32, elements: Self::Vector);
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
        // SAFETY: handed on.
        unsafe { Self::mask(((1u32 << count) - 1) as u16) }
    }
}

/// Asks for the line of memory at this address, which need not be one of ours: nothing is read.
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
