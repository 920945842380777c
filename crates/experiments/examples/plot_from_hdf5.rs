//! Draws a variable of a results file over one of its axes, as the mean over all others:
//! `cargo run --release -p agon-experiments --example plot_from_hdf5 FILE VARIABLE AXIS OUT.svg`, for example
//! `results/standard/fc-lambda-sweep/fc-lambda-sweep.h5 test_accuracy lambda accuracy.svg`.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "an example")]

use std::error::Error;
use std::path::Path;

use report::{Axis, Chart, Panel, Point, Scale, Series, Shape, Style, draw};
use runs::store::{Coordinates, read_results};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, name, axis, out] = arguments.as_slice() else {
        return Err(format!("expected FILE VARIABLE AXIS OUT.svg, got {} arguments", arguments.len()).into());
    };
    let results = read_results(Path::new(file))?;
    let Some((variable, array)) = results.variables.get(name).zip(results.array(name)?) else {
        let known = results.variables.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        return Err(format!("expected one of {known}, got `{name}`").into());
    };
    let place = variable.dimensions.iter().position(|dimension| dimension == axis);
    let place =
        place.ok_or_else(|| format!("expected one of {}, got `{axis}`", variable.dimensions.join(", ")))?;
    let dimension = &results.dimensions[axis];
    let coordinates = match &dimension.coordinates {
        Coordinates::Numbers(numbers) => numbers.clone(),
        Coordinates::Integers(integers) => integers.iter().map(|&integer| integer as f64).collect(),
        Coordinates::Texts(_) => return Err(format!("expected an axis of numbers, got `{axis}`").into()),
    };

    // The values of row-major order whose index along the axis is `i`; what was not computed is NaN.
    let stride: usize = array.shape[place + 1..].iter().product();
    let mean = |i: usize| {
        let values = array.values.to_f64().into_iter().enumerate();
        let at_i = values.filter(|(at, value)| at / stride % coordinates.len() == i && value.is_finite());
        let (n, sum) = at_i.fold((0, 0.0), |(n, sum), (_, value)| (n + 1, sum + value));
        (n > 0).then(|| sum / f64::from(n))
    };
    let points = coordinates.iter().enumerate().filter_map(|(i, &x)| Some(Point::new(x, mean(i)?))).collect();

    let unit = |unit: &str| if unit == "1" { String::new() } else { unit.to_owned() };
    let chart = Chart {
        name: "plot".into(),
        title: results.title.clone(),
        caption: variable.description.clone(),
        note: String::new(),
        columns: 1,
        panels: vec![Panel {
            title: String::new(),
            x: Axis::new(axis, unit(&dimension.unit), Scale::positions(&coordinates)),
            y: Axis::new(name, unit(&variable.unit), Scale::Linear),
            series: vec![Series {
                label: format!("mean of {name}"),
                points,
                style: Style::category(0),
                shape: Shape::Line,
            }],
            references: vec![],
        }],
    };
    std::fs::write(out, draw(&chart)?.svg)?;
    println!("{out}: {} over {axis}", variable.description);
    Ok(())
}
