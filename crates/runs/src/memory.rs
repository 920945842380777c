//! Checks that a computation fits in free memory.

use system::memory::free_memory;

use crate::{Error, Result};

/// Checks that `needed` bytes are free.
///
/// # Errors
/// [`Error::Usage`] with both sizes and `hint` if they are not.
pub fn check_room(what: &str, needed: u64, hint: &str) -> Result<()> {
    let Some(free) = free_memory().filter(|&free| free < needed) else { return Ok(()) };
    let [needed, free] = [needed, free].map(|bytes| bytes as f64 / f64::from(1 << 30));
    Err(Error::Usage(format!("{what} needs about {needed:.2} GiB of memory, {free:.2} GiB are free; {hint}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_free_memory_is_refused_with_both_sizes() {
        check_room("nothing", 0, "").unwrap();
        let error = check_room("a covariance", u64::MAX, "make the images smaller").unwrap_err().to_string();
        assert!(error.starts_with("a covariance needs about 17179869184.00 GiB of memory, "), "{error}");
        assert!(error.ends_with(" GiB are free; make the images smaller"), "{error}");
    }
}
