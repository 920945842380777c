//! A block of CUDA threads on the host: threads run one after the other between barriers, and what a GPU would not forgive is found.

use std::cell::RefCell;

/// The position of a thread, and the number of barriers that it has passed.
#[derive(Debug, Clone, Copy)]
pub struct Thread {
    /// `blockIdx.x`
    pub block: usize,
    /// `threadIdx.x`
    pub index: usize,
    /// `blockDim.x`, a power of two.
    pub width: usize,
    /// The number of calls of `__syncthreads()` before.
    pub phase: usize,
}

/// Memory that threads share: an array in global memory, which they only read, or the shared memory of a block. A read or write
/// beyond its end, and a cell that two threads use between two barriers, one of them writing, are remembered as errors.
#[derive(Debug)]
pub struct Memory {
    name: &'static str,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    cells: Vec<f64>,
    /// The threads that have used each cell since the last barrier, each with whether it wrote.
    uses: Vec<Vec<(usize, bool)>>,
    error: Option<String>,
}

impl Memory {
    /// Memory with these elements; `name` is for messages.
    pub(crate) fn new(name: &'static str, cells: Vec<f64>) -> Self {
        let uses = vec![vec![]; cells.len()];
        Self { name, state: RefCell::new(State { cells, uses, error: None }) }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.state.borrow().cells.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Element `at`, read by this thread.
    pub fn read(&self, thread: Thread, at: usize) -> f64 {
        let is_there = self.note(thread, at, false);
        if is_there { self.state.borrow().cells[at] } else { f64::NAN }
    }

    /// Writes element `at`.
    pub fn write(&self, thread: Thread, at: usize, value: f64) {
        if self.note(thread, at, true) {
            self.state.borrow_mut().cells[at] = value;
        }
    }

    /// Notes a use, and returns whether there is such an element.
    fn note(&self, Thread { block, index, phase, .. }: Thread, at: usize, writes: bool) -> bool {
        let (name, state) = (self.name, &mut *self.state.borrow_mut());
        let Some(uses) = state.uses.get_mut(at) else {
            let verb = if writes { "writes" } else { "reads" };
            let len = state.cells.len();
            state.error.get_or_insert_with(|| {
                format!(
                    "thread {index} of block {block} {verb} {name}[{at}] in phase {phase}, and {name} has {len} elements"
                )
            });
            return false;
        };
        let other = uses.iter().find(|(user, wrote)| *user != index && (*wrote || writes));
        if let Some((other, _)) = other {
            state.error.get_or_insert_with(|| {
                format!(
                    "threads {other} and {index} of block {block} both use {name}[{at}] in phase {phase}, and one writes: no \
                     barrier orders them"
                )
            });
        }
        uses.push((index, writes));
        true
    }

    /// A barrier: uses before it are in order with those after it.
    pub(crate) fn synchronise(&self) {
        self.state.borrow_mut().uses.iter_mut().for_each(Vec::clear);
    }

    /// The first error.
    pub(crate) fn error(&self) -> Option<String> {
        self.state.borrow().error.clone()
    }

    /// Element 0.
    pub(crate) fn first(&self) -> f64 {
        self.state.borrow().cells.first().copied().unwrap_or(f64::NAN)
    }
}
