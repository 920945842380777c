//! Softmax and cross-entropy in `f32`: parallel over rows, vectorised over classes.

use tensor::{each_isa, math, rows};

/// The number of elements of a task; the losses of a task form one partial sum.
const ELEMENTS: usize = 4096;

each_isa! {
    /// The sum of the losses of these rows.
    fn losses_of_rows(logits: &[f32], classes: usize, labels: &[u32]) -> f64 {
        let mut losses = 0.0;
        for (row, &label) in logits.chunks_exact(classes).zip(labels) {
            let most = rows::largest(row);
            let sum = rows::sum(row, row, |x, _| math::exp(x - most));
            losses += f64::from(sum.ln() - (row[label as usize] - most));
        }
        losses
    }

    /// `dx = weight (softmax(x) - one_hot(label))` for these rows.
    fn gradient_of_rows(logits: &[f32], dx: &mut [f32], classes: usize, labels: &[u32], weight: f32) {
        let rows = logits.chunks_exact(classes).zip(dx.chunks_exact_mut(classes));
        for ((row, dx), &label) in rows.zip(labels) {
            let most = rows::largest(row);
            dx.iter_mut().zip(row).for_each(|(dx, &x)| *dx = math::exp(x - most));
            let sum = rows::sum(dx, dx, |exponential, _| exponential);
            dx.iter_mut().for_each(|dx| *dx = weight * (*dx / sum));
            dx[label as usize] -= weight;
        }
    }
}

/// The number of rows of a task. It depends on the number of classes alone, so the order of the sums is fixed.
fn rows_of_task(classes: usize) -> usize {
    (ELEMENTS / classes).max(1)
}

/// The sum of the losses of all rows.
pub(super) fn sum_of_losses(logits: &[f32], classes: usize, labels: &[u32]) -> f64 {
    let rows = rows_of_task(classes);
    let mut parts = vec![0.0; labels.len().div_ceil(rows)];
    let tasks = parts.iter_mut().zip(logits.chunks(rows * classes)).zip(labels.chunks(rows));
    rows::each(logits.len(), tasks, |((part, logits), labels)| {
        *part = losses_of_rows(logits, classes, labels)
    });
    parts.iter().sum()
}

/// `dx = weight (softmax(x) - one_hot(label))` for all rows.
pub(super) fn gradient(logits: &[f32], dx: &mut [f32], classes: usize, labels: &[u32], weight: f32) {
    let rows = rows_of_task(classes);
    let tasks = logits.chunks(rows * classes).zip(dx.chunks_mut(rows * classes)).zip(labels.chunks(rows));
    rows::each(logits.len(), tasks, |((logits, dx), labels)| {
        gradient_of_rows(logits, dx, classes, labels, weight)
    });
}
