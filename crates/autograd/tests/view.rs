//! Tests of the view of a tape: its nodes, edges and gradient norms, and the escaping of names in pages.
#![allow(clippy::unwrap_used)]

use agon_autograd::testing::cases::Cases;
use agon_autograd::{Gradients, Param, Result, Tape, Var, for_each_arity, for_each_op};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use tensor::{DType, Tensor};

/// Records `mse(tanh(x w), x w)`, with a constant x and a parameter w, and an operation on which the loss does not
/// depend.
fn recorded(weight: &Param, see: impl Fn(&Tape, &[Var<'_>], Gradients)) {
    let run = || -> Result<()> {
        let tape = Tape::new();
        let x = tape.constant(&Tensor::from_vec(vec![1.0, -2.0, 0.5, 0.25, 3.0, -1.0], &[3, 2])?);
        let product = x.matmul(&tape.param(weight)?)?;
        let activated = product.tanh()?;
        let _unused = product.exp()?;
        let loss = activated.mse(&product)?;
        tape.keep_all();
        let gradients = tape.backward(&loss)?;
        see(&tape, &[product, activated], gradients);
        Ok(())
    };
    run().unwrap();
}

fn weight() -> Param {
    Param::new(Tensor::full(0.5, &[2, 4], DType::F64))
}

#[test]
fn nodes_and_edges_are_those_of_the_recorded_operations() {
    let weight = weight();
    recorded(&weight, |tape, _, _| {
        let view = tape.view().with_names([("w", &weight)]);
        let names: Vec<&str> = view.nodes().iter().map(|node| &*node.name).collect();
        assert_eq!(names, ["constant", "w", "matmul", "tanh", "exp", "mse"]);
        let edges: Vec<_> = view.edges().collect();
        assert_eq!(edges, [[0, 2], [1, 2], [2, 3], [2, 4], [3, 5], [2, 5]]);
        let matmul = &view.nodes()[2];
        assert_eq!(matmul.input_shapes, [[3, 2], [2, 4]]);
        assert_eq!(matmul.output_shapes, [[3, 4]]);
        // Both operands are saved in 64 bits; a multiplication and an addition for each product of two elements.
        assert_eq!((matmul.saved_bytes, matmul.flops), (Some(8 * (3 * 2 + 2 * 4)), 2 * 3 * 2 * 4));
        assert_eq!(view.nodes()[3].saved_bytes, Some(8 * 3 * 4));
        assert_eq!(view.rows()[2][1..4], ["[3, 2] · [2, 4] → [3, 4]", "112 B", "48"]);
        let (dot, svg) = (view.dot(), view.svg("a tape"));
        assert_eq!((dot.matches(" -> ").count(), dot.matches("label=").count()), (6, 6));
        assert_eq!((svg.matches("<path").count(), svg.matches("<circle").count()), (6, 6));
    });
}

#[test]
fn norms_are_those_of_the_gradients_of_the_backward_pass() {
    let weight = weight();
    recorded(&weight, |tape, vars, gradients| {
        assert!(tape.view().nodes().iter().all(|node| node.gradient_norm.is_none()));
        let view = tape.view().with_gradients(&gradients);
        let norm = |gradient: &Tensor| gradient.to_f64_vec().iter().map(|x| x * x).sum::<f64>().sqrt();
        let expected = [
            None,
            Some(norm(gradients.param(&weight).unwrap())),
            Some(norm(gradients.of(&vars[0]).unwrap())),
            Some(norm(gradients.of(&vars[1]).unwrap())),
            None,
            Some(1.0),
        ];
        let norms: Vec<_> = view.nodes().iter().map(|node| node.gradient_norm).collect();
        assert_eq!(norms, expected);
        assert!(norms.iter().flatten().all(|norm| *norm > 0.0));
    });
}

#[test]
fn the_norm_of_an_operation_with_two_outputs_is_that_of_both_gradients() {
    let tape = Tape::new();
    let z = tape.input(&Tensor::full(1.0, &[1], DType::F64));
    let [first, second] = z.split(0.25).unwrap();
    let loss = first.scale(3.0).unwrap().add(&second.scale(4.0).unwrap()).unwrap();
    tape.keep_all();
    let view = tape.view().with_gradients(&tape.backward(&loss).unwrap());
    let norm_of = |name: &str| view.nodes().iter().find(|node| node.name == name).unwrap().gradient_norm;
    assert_eq!((norm_of("split"), norm_of("input")), (Some(5.0), Some(0.25 * 3.0 + 0.75 * 4.0)));
}

#[test]
fn names_and_titles_are_escaped() {
    let weight = weight();
    recorded(&weight, |tape, _, _| {
        let name = "<script>\"a\" & 'b'\\\n";
        let view = tape.view().with_names([(name, &weight)]);
        let page = view.html("</title><script>{{svg}}");
        assert_eq!(page.matches("<script>").count(), 1, "{page}");
        assert!(
            page.matches("<title>&#60;/title&#62;&#60;script&#62;{{svg}}</title>").count() == 2,
            "{page}"
        );
        assert!(page.contains("&#60;script&#62;&#34;a&#34; &#38; &#39;b&#39;"), "{page}");
        for outside in ["src=", "href=", "url(", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(view.dot().contains("label=\"<script>\\\"a\\\" & 'b'\\\\ \\n[2, 4]\""), "{}", view.dot());
    });
}

#[test]
fn a_tape_with_nothing_recorded_has_an_empty_view() {
    let view = Tape::new().view();
    assert!(view.nodes().is_empty() && view.edges().next().is_none());
    assert!(view.html("empty").contains("</svg>"));
}

/// Asserts that the saved tensors of the operation are known.
fn tells_what_it_saves<O: Cases<N, M>, const N: usize, const M: usize>() {
    let case = O::cases().new_tree(&mut TestRunner::deterministic()).unwrap().current();
    let (_, saved) = case.op.forward(case.inputs.each_ref()).unwrap();
    assert!(O::saved_tensors(&saved).is_some(), "{} must list its saved tensors", O::NAME);
}

macro_rules! all_tell {
    ($($module:ident::$op:ident $(<$($n_inputs:tt),+>)?,)*) => {$({
        use agon_autograd::ops::$module::$op;
        for_each_arity!(tells_what_it_saves [$op $(<$($n_inputs),+>)?] ());
    })*};
}

#[test]
fn every_operation_reports_what_it_saves() {
    for_each_op!(all_tell);
}
