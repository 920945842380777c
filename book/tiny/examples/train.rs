//! Trains a network on exclusive or with the tiny engine, and prints the loss.

use std::io::{self, Write};

use tiny::mlp::{Mlp, XOR};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut network = Mlp::new(4, 0);
    for step in 0..=100 {
        let loss = network.step(&XOR, 0.1);
        if step % 20 == 0 {
            writeln!(out, "step {step:3}  loss {loss:.5}")?;
        }
    }
    for (inputs, expected) in XOR {
        writeln!(out, "{inputs:5?}: {:+.3}, expected {expected:+}", network.predict(inputs))?;
    }
    Ok(())
}
