//! The chart of the loss of each reader of the latent when the encoder is trained on the other task, by architecture.

use report::{Axis, Chart, Reference, Scale, Series, Shape, Style, Tick};

use super::{figure, panel, spread};
use crate::error::Result;
use crate::sweep::curves::Curves;
use crate::sweep::readers::{Reader, Source, Task};

/// The accuracy lost from λ = 0 to λ = 1, or the ratio of errors at λ = 0 and λ = 1, by reader, with a panel for each setting of
/// each family.
///
/// # Errors
/// If the results are not those of a grid.
pub fn cost_by_reader(
    families: &[(&Curves<'_>, Vec<Source<'_, '_>>)],
    name: &str,
    task: Task,
) -> Result<Option<Chart>> {
    let mut panels = Vec::new();
    let ticks: Vec<Tick> = Reader::ALL
        .iter()
        .enumerate()
        .filter(|(_, reader)| {
            families.iter().any(|(_, sources)| sources.iter().any(|of| of.reader == **reader))
        })
        .map(|(place, reader)| Tick { at: place as f64, label: reader.words().into() })
        .collect();
    let (label, none, cost): (_, _, fn([f64; 2]) -> f64) = match task {
        Task::Classification => {
            ("accuracy(0) - accuracy(1), points", 0.0, |[at_0, at_1]| 100.0 * (at_0 - at_1))
        }
        Task::Reconstruction => ("MSE(0) over MSE(1)", 1.0, |[at_0, at_1]| at_0 / at_1),
    };
    for (curves, sources) in families {
        let (Some(first), Some(last)) = (curves.lambda(0.0), curves.lambda(1.0)) else { continue };
        for (member, (of, _)) in curves.members.iter().enumerate() {
            let mut points = Vec::new();
            for source in sources {
                let pairs =
                    source.curves.paired(source.metric, [member, first], source.curves, [member, last])?;
                let costs: Vec<f64> = pairs.into_iter().map(cost).collect();
                let place = Reader::ALL.iter().position(|reader| *reader == source.reader);
                points.extend(place.and_then(|place| spread(place as f64, &costs)));
            }
            points.sort_by(|a, b| a.x.total_cmp(&b.x));
            let (label_of, style) = ("by reader".to_owned(), Style::category(0));
            let series = Series { label: label_of, points, style, shape: Shape::Points };
            let title = match curves.family.contains(of.as_str()) {
                true => curves.words(),
                false => format!("{}, {of}", curves.words()),
            };
            let axis = Axis::new("reader", "", Scale::Positions(ticks.clone()));
            let mut panel = panel(&title, axis, label, vec![series]);
            panel.references = vec![Reference::Horizontal(Tick { at: none, label: "no cost".into() })];
            panels.push(panel);
        }
    }
    let (title, of) = match task {
        Task::Classification => ("Accuracy lost in an autoencoder's latent, by reader", "accuracy"),
        Task::Reconstruction => ("Error added by a classifier's latent, by reader", "error"),
    };
    let caption = format!(
        "The difference in {of} between λ = 0 and λ = 1, by every reader of the same latents. If readers differ, the cost is one of \
         the readout and not of the latent alone."
    );
    Ok(figure(name.to_owned(), title.into(), caption, panels))
}
