//! What can be wrong with a launch.

/// Why a kernel did not run to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No `.cu` file has a kernel of this name.
    #[error("there is no kernel `{name}`")]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The arguments are not those of the parameters.
    #[error("kernel `{name}` takes ({wanted}), got ({got})")]
    Arguments {
        /// The kernel.
        name: String,
        /// The types of its parameters.
        wanted: String,
        /// The types of the arguments.
        got: String,
    },
    /// The kernel did what no kernel may do.
    #[error("kernel `{name}`: {what}")]
    Fault {
        /// The kernel.
        name: String,
        /// What happened, in which thread.
        what: String,
    },
    /// A buffer was written beside what was asked for.
    #[error("kernel `{name}` wrote {distance} bytes {beside} argument {argument}")]
    Overrun {
        /// The kernel.
        name: String,
        /// The number of the argument, from 0.
        argument: usize,
        /// How far from the buffer's nearest byte, from 1.
        distance: usize,
        /// "before" or "behind".
        beside: &'static str,
    },
}

/// The result of a launch.
pub type Result<T> = std::result::Result<T, Error>;
