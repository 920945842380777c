//! Allocates memory for pixels; insufficient memory is an error and does not abort the process.

use system::memory::free_memory;

use crate::{Error, Result};

/// The number of copies of the pixels in memory: all that were read, and a selected part.
const COPIES: usize = 2;

/// Checks, before anything is read, that `bytes` of pixels and their copy fit into free memory.
pub(crate) fn check(what: impl Fn() -> String, bytes: usize) -> Result<()> {
    let bytes = bytes.saturating_mul(COPIES);
    match free_memory().filter(|&free| free < bytes as u64) {
        Some(free) => Err(Error::Memory { what: what(), bytes, free: free.to_string() }),
        None => Ok(()),
    }
}

/// An empty vector with capacity for `bytes`.
pub(crate) fn bytes(what: impl Fn() -> String, bytes: usize) -> Result<Vec<u8>> {
    let mut vector = Vec::new();
    vector.try_reserve_exact(bytes).map_err(|_| Error::Memory {
        what: what(),
        bytes,
        free: "fewer".into(),
    })?;
    Ok(vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_memory_is_an_error_with_the_bytes_and_a_next_step() {
        let what = || "the images".to_owned();
        let half = usize::MAX / 4;
        for error in [check(what, half).unwrap_err(), bytes(what, half).unwrap_err()] {
            let message = error.to_string();
            assert!(
                message.starts_with("the images: ") && message.contains(" bytes of free memory"),
                "{message}"
            );
            assert!(message.ends_with("use fewer images or a smaller side"), "{message}");
        }
        assert!(bytes(what, 10).unwrap().is_empty());
    }
}
