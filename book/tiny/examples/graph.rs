//! Prints the graph of a neuron after its backward pass: an SVG, or with `dot` as an argument the DOT language.

use std::io::{self, Write};

use tiny::{Tape, graph};

fn main() -> io::Result<()> {
    let tape = Tape::new();
    let gradients = tape.backward(graph::neuron(&tape));
    let draw = if std::env::args().nth(1).as_deref() == Some("dot") { graph::dot } else { graph::svg };
    io::stdout().lock().write_all(draw(&tape, &gradients).as_bytes())
}
