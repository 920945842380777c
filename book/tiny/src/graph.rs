//! Pictures of a tape after its backward pass: Graphviz's DOT, and an SVG without any tool.

use std::fmt::Write;

use crate::tape::Node;
use crate::{Gradients, Tape, Var};

/// The example of the book: a neuron with two inputs, and its squared error.
pub fn neuron(tape: &Tape) -> Var<'_> {
    let [x1, w1] = [("x1", 1.0), ("w1", 0.5)].map(|(name, value)| tape.input(name, value));
    let [x2, w2] = [("x2", -2.0), ("w2", 0.25)].map(|(name, value)| tape.input(name, value));
    let b = tape.input("b", 0.3);
    let output = (x1 * w1 + x2 * w2 + b).tanh();
    let error = output - tape.input("t", 1.0);
    error * error
}

/// The graph in the DOT language; each node shows its operation, its value and its gradient.
pub fn dot(tape: &Tape, gradients: &Gradients) -> String {
    let mut text = String::from("digraph tape {\n  rankdir=LR;\n  node [shape=record];\n");
    for (at, (node, gradient)) in tape.nodes.borrow().iter().zip(&gradients.0).enumerate() {
        let Node { op, value, operands } = node;
        let _ = writeln!(text, "  n{at} [label=\"{op}|{value:.3}|{gradient:.3}\"];");
        for (operand, _) in operands {
            let _ = writeln!(text, "  n{operand} -> n{at};");
        }
    }
    text + "}\n"
}

const BOX: [usize; 2] = [96, 58];
const GAP: [usize; 2] = [36, 20];

/// The graph as an SVG, from inputs on the left to the loss on the right.
pub fn svg(tape: &Tape, gradients: &Gradients) -> String {
    let nodes = tape.nodes.borrow();
    let columns = columns(&nodes);
    let height_of = |column| columns.iter().filter(|other| **other == column).count();
    let n_columns = columns.iter().max().map_or(0, |last| last + 1);
    let n_rows = (0..n_columns).map(height_of).max().unwrap_or(0);
    let [width, height] = [n_columns, n_rows].map(|n| n.max(1));
    let [width, height] = [width * (BOX[0] + GAP[0]) + GAP[0], height * (BOX[1] + GAP[1]) + GAP[1]];
    let place = |at: usize| {
        let row = columns[..at].iter().filter(|column| **column == columns[at]).count();
        let used = height_of(columns[at]) * (BOX[1] + GAP[1]) - GAP[1];
        let y = (height - used) / 2 + row * (BOX[1] + GAP[1]);
        (GAP[0] + columns[at] * (BOX[0] + GAP[0]), y)
    };
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" font-family=\"DejaVu Sans, sans-serif\" font-size=\"13\">\n\
         <title>A tape after its backward pass</title>\n<style>{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n"
    );
    for (at, node) in nodes.iter().enumerate() {
        let (x, y) = place(at);
        for (operand, _) in &node.operands {
            let (from_x, from_y) = place(*operand);
            let _ = writeln!(
                text,
                "<path class=\"line\" d=\"M{} {} L{x} {}\"/>",
                from_x + BOX[0],
                from_y + BOX[1] / 2,
                y + BOX[1] / 2
            );
        }
        let [w, h] = BOX;
        let _ =
            writeln!(text, "<rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"4\"/>");
        let lines = [
            ("ink", node.op.to_owned()),
            ("value", format!("{:.3}", node.value)),
            ("grad", format!("grad {:.3}", gradients.0[at])),
        ];
        for (row, (class, line)) in lines.into_iter().enumerate() {
            let (x, y) = (x + w / 2, y + 17 + 17 * row);
            let _ = writeln!(
                text,
                "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{line}</text>"
            );
        }
    }
    text + "</svg>\n"
}

/// Colours for light and dark pages; the background is drawn too, so that the page's own does not matter.
const STYLE: &str = ".paper{fill:#fff}.box{fill:#f4f6f8;stroke:#555}.line{stroke:#555;fill:none}.ink{fill:#222}\
    .value{fill:#0072b2}.grad{fill:#b34e00}@media(prefers-color-scheme:dark){.paper{fill:#1d1f21}\
    .box{fill:#282c31;stroke:#aaa}.line{stroke:#aaa}.ink{fill:#eee}.value{fill:#56b4e9}.grad{fill:#f0a050}}";

/// The column of each node: one after its last operand, and an input directly before its first use.
fn columns(nodes: &[Node]) -> Vec<usize> {
    let mut columns: Vec<usize> = vec![0; nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        columns[at] = node.operands.iter().map(|(operand, _)| columns[*operand] + 1).max().unwrap_or(0);
    }
    for at in 0..nodes.len() {
        let is_used = |node: &Node| node.operands.iter().any(|(operand, _)| *operand == at);
        let first_use =
            (at..nodes.len()).filter(|user| is_used(&nodes[*user])).map(|user| columns[user]).min();
        if let (true, Some(first_use)) = (nodes[at].operands.is_empty(), first_use) {
            columns[at] = first_use - 1;
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_in_the_book_equals_the_drawing() {
        let tape = Tape::new();
        let gradients = tape.backward(neuron(&tape));
        let drawn = svg(&tape, &gradients);
        let of_the_book = include_str!("../../pictures/tape.svg");
        assert!(drawn == of_the_book, "run `cargo run -p tiny --example graph > book/pictures/tape.svg`");
    }

    #[test]
    fn every_value_and_every_operand_is_in_the_graph() {
        let tape = Tape::new();
        let x = tape.input("x", 2.0);
        let loss = x * x;
        let text = dot(&tape, &tape.backward(loss));
        assert!(
            text.contains("n0 [label=\"x|2.000|4.000\"]") && text.contains("n1 [label=\"*|4.000|1.000\"]")
        );
        assert_eq!(text.matches("n0 -> n1").count(), 2);
    }

    #[test]
    fn an_empty_tape_is_drawn_too() {
        let tape = Tape::new();
        assert!(svg(&tape, &Gradients(vec![])).ends_with("</svg>\n"));
    }
}
