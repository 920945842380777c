//! The error type of launches.

/// Errors of a kernel launch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No `.cu` file contains a kernel with this name.
    #[error("there is no kernel `{name}`")]
    Unknown {
        /// The requested name.
        name: String,
    },
    /// The argument types differ from the parameter types.
    #[error("kernel `{name}`: expected arguments ({expected}), got ({got})")]
    Arguments {
        /// The kernel.
        name: String,
        /// The types of its parameters.
        expected: String,
        /// The types of the arguments.
        got: String,
    },
    /// The kernel had an invalid memory access or an invalid synchronisation.
    #[error("kernel `{name}`: {what}")]
    Fault {
        /// The kernel.
        name: String,
        /// A description of the fault and its thread.
        what: String,
    },
    /// A buffer was written out of bounds.
    #[error("kernel `{name}` wrote {distance} bytes {beside} argument {argument}")]
    Overrun {
        /// The kernel.
        name: String,
        /// The number of the argument, from 0.
        argument: usize,
        /// The distance from the buffer in bytes, from 1.
        distance: usize,
        /// "before" or "behind".
        beside: &'static str,
    },
}

/// The result of a launch.
pub type Result<T> = std::result::Result<T, Error>;
