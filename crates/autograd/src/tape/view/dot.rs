//! Output of a view in DOT, the language of Graphviz.

use std::fmt::Write as _;

use super::{NodeKind, View};

impl View {
    /// The graph in DOT, which `dot -Tsvg` can draw.
    pub fn dot(&self) -> String {
        let mut text = String::from("digraph tape {\n  node [fontname=\"sans-serif\"];\n");
        for (index, (node, [name, shapes, values @ ..])) in self.nodes.iter().zip(self.rows()).enumerate() {
            let shape = match node.kind {
                NodeKind::Operation => "box",
                NodeKind::Constant => "plaintext",
                NodeKind::Input | NodeKind::Parameter => "ellipse",
            };
            let _ = write!(text, "  n{index} [shape={shape}, label=\"{}\\n{shapes}", quoted(&name));
            for (title, value) in
                Self::COLUMNS[2..].iter().zip(&values).filter(|(_, value)| !value.is_empty())
            {
                let _ = write!(text, "\\n{title} {}", value.trim());
            }
            text += "\"];\n";
        }
        for [from, to] in self.edges() {
            let _ = writeln!(text, "  n{from} -> n{to};");
        }
        text + "}\n"
    }
}

/// A name as a quoted string in DOT.
fn quoted(name: &str) -> String {
    name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " ")
}
