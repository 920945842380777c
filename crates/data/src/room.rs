//! Memory for the pixels of a set: where there is none, an error in place of an abort.

use system::memory::free_memory;

use crate::{Error, Result};

/// The pixels are in memory as they were read, and once more in the parts that are taken of a set.
const COPIES: usize = 2;

/// Checks, before anything is read, that there is room for so many bytes of pixels and the copy that follows.
pub(crate) fn check(what: impl Fn() -> String, bytes: usize) -> Result<()> {
    let bytes = bytes.saturating_mul(COPIES);
    match free_memory().filter(|&free| free < bytes as u64) {
        Some(free) => Err(Error::Memory { what: what(), bytes, free: free.to_string() }),
        None => Ok(()),
    }
}

/// An empty vector with room for so many bytes.
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
    fn what_has_no_room_is_an_error_with_the_bytes_and_what_to_do() {
        let what = || "the images".to_owned();
        let half = usize::MAX / 4;
        for error in [check(what, half).unwrap_err(), bytes(what, half).unwrap_err()] {
            let message = error.to_string();
            assert!(message.starts_with("the images: ") && message.contains(" bytes of memory"), "{message}");
            assert!(message.ends_with("take fewer images or a smaller side"), "{message}");
        }
        assert!(bytes(what, 10).unwrap().is_empty());
    }
}
