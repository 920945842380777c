//! `agon draw`: figures and verdicts again, from stored results alone.

use std::process::ExitCode;

use super::reproduce::said;
use super::selection::Selection;
use crate::reproduce::redraw;
use crate::{Result, claims};

pub(super) fn command(selection: &Selection) -> Result<ExitCode> {
    said(&redraw(&claims::named(&selection.only)?, &selection.options())?)
}
