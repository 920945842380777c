//! Trends over capacity: latent sizes, model sizes, and the linear code of the same size (claims C4 to C6).
//!
//! Whether a larger latent or network eases the trade-off is judged by both costs: the accuracy lost at λ = 1, and the error
//! added at λ = 0.

use super::lambda::ONLINE;
use super::{Finding, Trend, is_over_k};
use crate::claim_id::ClaimId;
use crate::error::Error;
use crate::metric::{LinearMetric, Metric};
use crate::statistics::decision::{Contrast, Side, Unit};
use crate::statistics::estimate::Estimate;
use crate::statistics::formula::Formula;
use crate::sweep::readers::{Question, Task, read};

/// The claims that both costs of the second setting are smaller than those of the first.
pub(crate) fn both_costs_shrink([a, b]: [(usize, &str); 2], [first, last]: [usize; 2]) -> [Question; 2] {
    let points = vec![[a.0, first], [a.0, last], [b.0, first], [b.0, last]];
    let shrinks = |cost: &str, task, formula| Question {
        label: format!("{} to {}: {cost} shrinks", a.1, b.1),
        task,
        points: points.clone(),
        formula,
        margin: 0.0,
        side: Side::Above,
    };
    [
        shrinks("accuracy(0) - accuracy(1)", Task::Classification, Formula::Sum(&[1.0, -1.0, -1.0, 1.0])),
        shrinks("MSE(0) over MSE(1)", Task::Reconstruction, Formula::RatioShrinks),
    ]
}

/// T5: the latent sizes k = 4, 16, 64.
pub const T5: Trend = Trend {
    source: ClaimId::C4C6T5,
    claim: "a larger latent keeps improving reconstruction, while classification saturates early",
    expected: |_, _| {
        "MSE(1) falls over k = 4, 16, 64; accuracy(0) moves < 2 points from 16 to 64; both costs shrink from 4 to 64"
            .into()
    },
    find: |of, _| {
        if !is_over_k(of.curves) {
            return Ok(None);
        }
        let [small, middle, large] = of.members([4.0, 16.0, 64.0])?;
        let [first, last] = of.lambdas([0.0, 1.0])?;
        let fall = |label: &str, points: [[usize; 2]; 2]| {
            Question::gap(format!("MSE(1) from {label}"), Task::Reconstruction, points, 0.0)
        };
        let moves = |label: &str, points: [[usize; 2]; 2]| Question {
            side: Side::Below,
            ..Question::gap(format!("accuracy(0) {label}"), Task::Classification, points, 0.02)
        };
        let mut questions = vec![
            fall("k = 4 to 16", [[small, last], [middle, last]]),
            fall("k = 16 to 64", [[middle, last], [large, last]]),
            moves("at k = 64 minus k = 16", [[large, first], [middle, first]]),
            moves("at k = 16 minus k = 64", [[middle, first], [large, first]]),
        ];
        questions.extend(both_costs_shrink([(small, "k = 4"), (large, "k = 64")], [first, last]));
        read(of, &questions).map(Some)
    },
};

/// T6: the trade-off at k = 64.
pub const T6: Trend = Trend {
    source: ClaimId::C4T6,
    claim: "a larger latent does not remove the trade-off",
    expected: |_, _| {
        "MSE(0) > 1.25 MSE(1), accuracy(0) - accuracy(1) > 1 point at k = 64, by every reader".into()
    },
    find: |of, _| {
        if !is_over_k(of.curves) {
            return Ok(None);
        }
        let ([member], [first, last]) = (of.members([64.0])?, of.lambdas([0.0, 1.0])?);
        let points = [[member, first], [member, last]];
        let ratio = Question::gap("MSE(0) over MSE(1)".into(), Task::Reconstruction, points, 1.25);
        let questions = [
            Question { formula: Formula::Ratio, ..ratio },
            Question::gap("accuracy(0) - accuracy(1)".into(), Task::Classification, points, 0.01),
        ];
        read(of, &questions).map(Some)
    },
};

/// T7: the first against the second model size at the same k.
pub const T7: Trend = Trend {
    source: ClaimId::C5T7,
    claim: "a more complex network eases the trade-off and does not remove it",
    expected: |_, _| {
        "MSE(1) of the second size below 0.8 of the first; both its costs smaller; all gaps above 0; by every reader"
            .into()
    },
    find: |of, _| {
        let members = &of.curves.members;
        if members.len() < 2 {
            return Err(Error::NotRun(format!("the grid has no second {}", of.curves.member)));
        }
        let [first, last] = of.lambdas([0.0, 1.0])?;
        let sizes = [(0, members[0].0.as_str()), (1, members[1].0.as_str())];
        let label = format!("{} over {}: MSE(1)", sizes[1].1, sizes[0].1);
        let mut questions = vec![Question {
            formula: Formula::Ratio,
            side: Side::Below,
            ..Question::gap(label, Task::Reconstruction, [[1, last], [0, last]], 0.8)
        }];
        questions.extend(both_costs_shrink(sizes, [first, last]));
        for (member, (label, _)) in members.iter().enumerate() {
            let points = [[member, first], [member, last]];
            for (name, task) in [("MSE", Task::Reconstruction), ("accuracy", Task::Classification)] {
                questions.push(Question::gap(format!("{label}: {name}(0) - {name}(1)"), task, points, 0.0));
            }
        }
        read(of, &questions).map(Some)
    },
};

/// T9: the trained autoencoder against the exact linear one, which is PCA.
pub const T9: Trend = Trend {
    source: ClaimId::T9,
    claim: "a trained autoencoder reconstructs better than PCA of the same size",
    expected: |_, _| "MSE(1) below that of k principal components, k = 4 and 16".into(),
    find: |of, _| {
        if !is_over_k(of.curves) {
            return Ok(None);
        }
        // The claim compares with PCA itself, so the convergence guard does not apply.
        of.whether_trained_or_not();
        let (mut contrasts, [last]) = (Vec::new(), of.lambdas([1.0])?);
        for member in of.members([4.0, 16.0])? {
            let linear = of.exact(LinearMetric::Mse, member, last)?;
            let trained = Estimate::of_seeds(&of.at(Metric::TestMse, member, last)?);
            let label = format!("{}: MSE(1), PCA {linear:.3}", of.curves.members[member].0);
            contrasts.push(Contrast::below(label, trained, linear, Unit::MSE));
        }
        Ok(Some(Finding::of(contrasts).read_by(ONLINE)))
    },
};
