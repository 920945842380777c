//! A view of a tape: its operations and values with shapes, saved bytes, FLOPs and gradient norms.

mod dot;
mod draw;

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::ops::Range;

use tensor::Tensor;

use crate::{Gradients, Param, Tape};

/// The graph that a tape has recorded, for output as DOT, as SVG, or as an HTML page that steps through the forward and
/// the backward pass.
///
/// ```
/// use agon_autograd::{Param, Tape};
/// use tensor::Tensor;
///
/// let weight = Param::new(Tensor::from_vec(vec![3.0, 4.0], &[2])?);
/// let tape = Tape::new();
/// let x = tape.constant(&Tensor::from_vec(vec![1.0, -1.0], &[2])?);
/// let loss = tape.param(&weight)?.mul(&x)?.square()?.sum()?;
/// tape.keep_all();
/// let gradients = tape.backward(&loss)?;
///
/// let view = tape.view().with_names([("weight", &weight)]).with_gradients(&gradients);
/// let weight = &view.nodes()[0];
/// assert_eq!((&*weight.name, weight.gradient_norm), ("weight", Some(10.0)));
/// let page = view.html("weight x");
/// assert!(page.starts_with("<!doctype html>") && view.dot().starts_with("digraph"));
/// # Ok::<(), agon_autograd::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct View {
    nodes: Vec<ViewNode>,
    /// The node of each parameter, by the parameter's identifier.
    params: HashMap<u64, usize>,
}

/// A node of a [`View`]: a value given to the tape, or an operation with its outputs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ViewNode {
    /// The kind of the node.
    pub kind: NodeKind,
    /// The name of the operation, or of the value. The name of a value is its kind unless [`View::with_names`] sets
    /// another one.
    pub name: String,
    /// The nodes of the inputs, as indices into [`View::nodes`].
    pub inputs: Vec<usize>,
    /// The shapes of the inputs.
    pub input_shapes: Vec<Vec<usize>>,
    /// The shapes of the outputs; a node for a value has one.
    pub output_shapes: Vec<Vec<usize>>,
    /// The bytes of the tensors saved for the backward pass; `None` if the operation does not list them. A tensor that
    /// several operations save is stored once, but counts for each of them.
    pub saved_bytes: Option<usize>,
    /// The FLOPs of the forward pass; only matrix multiplications and convolutions are counted.
    pub flops: u64,
    /// The Euclidean norm of the gradient of the loss with respect to all outputs; `None` if it is not known.
    pub gradient_norm: Option<f64>,
    slots: Range<usize>,
}

/// The kinds of nodes of a [`View`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// A value without a gradient.
    Constant,
    /// A value with a gradient, from [`Tape::input`].
    Input,
    /// A parameter.
    Parameter,
    /// An operation.
    Operation,
}

impl fmt::Display for NodeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Constant => "constant",
            Self::Input => "input",
            Self::Parameter => "parameter",
            Self::Operation => "operation",
        })
    }
}

impl Tape {
    /// The recorded graph: the operations in the order of computation. An input or a parameter is one node, before the
    /// first operation that uses it; a constant is a node before every operation that uses it, one for each use. A
    /// value that no recorded operation uses is absent, and an operation is recorded only if an input of it needs a
    /// gradient; the output of any other is a constant.
    pub fn view(&self) -> View {
        let state = self.state.borrow();
        let ids: HashMap<usize, u64> = state.params.iter().map(|(&id, &slot)| (slot, id)).collect();
        let mut view = View { nodes: Vec::new(), params: HashMap::new() };
        let mut node_of: HashMap<usize, usize> = HashMap::new();
        for recorded in &state.nodes {
            let mut node = ViewNode::new(NodeKind::Operation, recorded.outputs());
            for input in recorded.inputs() {
                let (index, shape) = match input {
                    Err(shape) => (view.value(NodeKind::Constant, 0..0, shape), shape),
                    Ok(slot) => {
                        let shape = &*state.slots[slot].shape;
                        let index = *node_of.entry(slot).or_insert_with(|| match ids.get(&slot) {
                            None => view.value(NodeKind::Input, slot..slot + 1, shape),
                            Some(&id) => {
                                let index = view.value(NodeKind::Parameter, slot..slot + 1, shape);
                                view.params.insert(id, index);
                                index
                            }
                        });
                        (index, shape)
                    }
                };
                node.inputs.push(index);
                node.input_shapes.push(shape.to_vec());
            }
            node.name = recorded.name().to_owned();
            node.output_shapes = recorded.outputs().map(|slot| state.slots[slot].shape.clone()).collect();
            (node.saved_bytes, node.flops) = (recorded.saved_bytes(), recorded.flops());
            node_of.extend(recorded.outputs().map(|slot| (slot, view.nodes.len())));
            view.nodes.push(node);
        }
        view
    }
}

impl View {
    /// Adds a node for a value and returns its index.
    fn value(&mut self, kind: NodeKind, slots: Range<usize>, shape: &[usize]) -> usize {
        let (name, output_shapes) = (kind.to_string(), vec![shape.to_vec()]);
        self.nodes.push(ViewNode { name, output_shapes, ..ViewNode::new(kind, slots) });
        self.nodes.len() - 1
    }

    /// Names parameters, for example with the names from a module's `params()`; parameters that are not on the tape are
    /// ignored.
    pub fn with_names<'p, N: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = (N, &'p Param)>,
    ) -> Self {
        for (name, param) in names {
            if let Some(&node) = self.params.get(&param.id()) {
                self.nodes[node].name = name.into();
            }
        }
        self
    }

    /// Adds the norms of the gradients that a backward pass over this tape computed. Those of operations are known only
    /// after [`Tape::keep_all`]. On a GPU this waits for all submitted work.
    pub fn with_gradients(mut self, gradients: &Gradients) -> Self {
        let square = |gradient: &Tensor| gradient.to_f64_vec().iter().map(|x| x * x).sum::<f64>();
        for node in &mut self.nodes {
            let of_outputs: Vec<f64> =
                node.slots.clone().filter_map(|slot| gradients.by_slot.get(&slot)).map(square).collect();
            node.gradient_norm = (!of_outputs.is_empty()).then(|| of_outputs.iter().sum::<f64>().sqrt());
        }
        self
    }

    /// The nodes; the inputs of a node come before it.
    pub fn nodes(&self) -> &[ViewNode] {
        &self.nodes
    }

    /// The titles of the columns of [`View::rows`].
    pub const COLUMNS: [&str; 5] = ["node", "inputs → outputs", "saved", "FLOPs", "gradient norm"];

    /// The nodes as text: name, shapes, saved bytes, FLOPs and gradient norm; empty where a value is unknown.
    pub fn rows(&self) -> Vec<[String; 5]> {
        let row = |node: &ViewNode| {
            let flops = if node.flops == 0 { String::new() } else { scaled(node.flops as f64, "") };
            [node.name.clone(), node.shapes(), node.saved(), flops, node.norm()]
        };
        self.nodes.iter().map(row).collect()
    }

    /// The edges, from the node that computes a value to one that uses it. A value used twice by one operation has two
    /// edges.
    pub fn edges(&self) -> impl Iterator<Item = [usize; 2]> {
        let of_node =
            |(to, node): (usize, &ViewNode)| node.inputs.iter().map(|&from| [from, to]).collect::<Vec<_>>();
        self.nodes.iter().enumerate().flat_map(of_node)
    }
}

impl ViewNode {
    fn new(kind: NodeKind, slots: Range<usize>) -> Self {
        let (name, saved_bytes) = (String::new(), None);
        let (inputs, input_shapes, output_shapes) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            kind,
            name,
            inputs,
            input_shapes,
            output_shapes,
            saved_bytes,
            flops: 0,
            gradient_norm: None,
            slots,
        }
    }

    /// The shapes as text, such as `[64, 784] · [784, 256] → [64, 256]`.
    fn shapes(&self) -> String {
        let listed = |shapes: &[Vec<usize>]| {
            shapes.iter().map(|shape| format!("{shape:?}")).collect::<Vec<_>>().join(" · ")
        };
        match self.kind {
            NodeKind::Operation => {
                format!("{} → {}", listed(&self.input_shapes), listed(&self.output_shapes))
            }
            _ => listed(&self.output_shapes),
        }
    }

    fn saved(&self) -> String {
        match (self.kind, self.saved_bytes) {
            (NodeKind::Operation, Some(bytes)) => scaled(bytes as f64, "B"),
            (NodeKind::Operation, None) => "?".into(),
            _ => String::new(),
        }
    }

    fn norm(&self) -> String {
        self.gradient_norm.map_or(String::new(), |norm| format!("{norm:.2e}"))
    }
}

/// A count with a decimal prefix and its unit, such as `25.7 MB`.
fn scaled(count: f64, unit: &str) -> String {
    let prefixes = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let words = match prefixes.into_iter().find(|(least, _)| count >= *least) {
        Some((least, prefix)) => format!("{:.1} {prefix}{unit}", count / least),
        None => format!("{count} {unit}"),
    };
    words.trim_end().to_owned()
}

/// Appends `text`, with all characters escaped that have a meaning in HTML text or attributes.
fn escape(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' | '<' | '>' | '"' | '\'' => {
                let _ = write!(out, "&#{};", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
}
