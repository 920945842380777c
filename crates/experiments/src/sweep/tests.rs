//! Tests of the verdicts of all experiments on made-up results; claims about missing runs are "not run".

mod made_up;
mod rules;

use report::{Conclusion, Verdict};

use self::made_up::{MadeUp, Place};
use crate::claims::ALL;
use crate::error::Error;
use crate::experiment::{Experiment, Planned};
use crate::grid::Grid;
use crate::profile::Profile;
use crate::reproduce::drawn;
use runs::store::{Results, Values};

/// The grid of a profile as results store it.
fn grid(experiment: &'static dyn Experiment, profile: Profile) -> Grid {
    serde_json::from_value(Planned::new(experiment, profile, &[]).unwrap().config()).unwrap()
}

fn rows(experiment: &dyn Experiment, grid: &Grid, made_up: &MadeUp) -> Vec<Verdict> {
    let rows = experiment.verdicts(&made_up.results(grid));
    let rows = rows.unwrap_or_else(|error| panic!("{}: {error}", experiment.info().name));
    for row in &rows {
        assert!(!row.got.is_empty(), "{}: {row:?}", experiment.info().name);
        assert_eq!(row.conclusion == Conclusion::NotRun, row.n == 0, "{}: {row:?}", experiment.info().name);
    }
    // Figures of any grid are drawn, or the error names the missing images or curves.
    if let Err(error) = experiment.figures(&made_up.results(grid)) {
        assert!(matches!(error, Error::Missing(_)), "{}: {error}", experiment.info().name);
    }
    experiment.warnings(&made_up.results(grid)).unwrap();
    rows
}

#[test]
fn every_figure_of_every_profile_can_be_drawn() {
    let mut n = 0;
    for (&experiment, profile) in ALL.iter().flat_map(|one| Profile::ALL.map(|profile| (one, profile))) {
        let name = experiment.info().name;
        let figures = match experiment.figures(&MadeUp::default().results(&grid(experiment, profile))) {
            Ok(figures) => figures,
            // Images and curves, which made-up results lack.
            Err(Error::Missing(_)) => continue,
            Err(error) => panic!("{name} in {profile}: {error}"),
        };
        for figure in figures {
            drawn(&figure).unwrap_or_else(|error| panic!("{name} in {profile}: {error}"));
            n += 1;
        }
    }
    assert!(n > 200, "only {n} figures");
}

fn is_decided(row: &Verdict) -> bool {
    matches!(row.conclusion, Conclusion::Holds | Conclusion::DoesNotHold)
}

/// Whether two rows are about the same claim, data set and model.
fn is_of(one: &Verdict, other: &Verdict) -> bool {
    (&one.claim, &one.data, &one.model) == (&other.claim, &other.data, &other.model)
}

/// Whether a row is unchanged among others.
fn is_among(row: &Verdict, rows: &[Verdict]) -> bool {
    rows.iter().any(|other| is_of(other, row) && (&other.got, other.conclusion) == (&row.got, row.conclusion))
}

/// The rows that change when values at some points of the grid change.
fn depending(
    experiment: &dyn Experiment,
    grid: &Grid,
    places: fn(&Place<'_>, &str) -> bool,
    on: &str,
) -> Vec<Verdict> {
    let mut before = rows(experiment, grid, &MadeUp::default());
    let after = rows(experiment, grid, &MadeUp { moved: Some((places, on)), ..MadeUp::default() });
    before.retain(|row| !is_among(row, &after));
    before
}

fn at_lambda(place: &Place<'_>, lambda: &str) -> bool {
    lambda.parse() == Ok(place.lambda)
}

fn of_family(place: &Place<'_>, variant: &str) -> bool {
    place.variant == variant
}

/// The numbers in a row after one of these words.
fn named(row: &Verdict, words: &[&str]) -> Vec<f64> {
    let claim = row.claim.split(" (").next().unwrap_or_default();
    let text = format!("{claim}; {}", row.expected);
    let number = |rest: &str| {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        Some((rest[..end].trim_end_matches('.').parse().ok()?, rest[end..].to_owned()))
    };
    let mut numbers = Vec::new();
    for word in words {
        for (at, _) in text.match_indices(word) {
            let mut rest = text[at + word.len()..].to_owned();
            while let Some((value, behind)) = number(&rest) {
                numbers.push(value);
                let next = ["; ", ", ", " and "].iter().skip(1).find_map(|comma| behind.strip_prefix(comma));
                rest = next.unwrap_or_default().to_owned();
            }
        }
    }
    numbers
}

/// The values of λ that a row is about.
fn lambdas_of(row: &Verdict) -> Vec<f64> {
    let mut lambdas = named(row, &["MSE(", "accuracy(", "λ = "]);
    if row.expected.contains("S_r") || row.source == "C1" {
        lambdas.extend([0.0, 1.0]);
    }
    lambdas
}

/// Whether the grid has several λ.
fn mixes(grid: &Grid) -> bool {
    grid.lambdas.len() > 1
}

#[test]
fn a_row_about_a_lambda_that_the_grid_lacks_is_not_run_and_names_it() {
    let (mut missing, starved) =
        (0, [&[0.4, 0.5][..], &[0.0, 0.5], &[0.5, 1.0], &[0.0, 0.9], &[0.9, 1.0], &[0.9], &[0.0, 1.0]]);
    for &experiment in ALL {
        for profile in [Profile::Standard, Profile::Full] {
            let grid = grid(experiment, profile);
            for lambdas in starved.iter().filter(|_| mixes(&grid)) {
                let grid = Grid { lambdas: lambdas.to_vec(), ..grid.clone() };
                for row in rows(experiment, &grid, &MadeUp::default()) {
                    let absent = lambdas_of(&row).into_iter().find(|lambda| !lambdas.contains(lambda));
                    let Some(absent) = absent else { continue };
                    missing += 1;
                    assert_eq!(
                        row.conclusion,
                        Conclusion::NotRun,
                        "{}, λ {lambdas:?}: {row:?}",
                        experiment.info().name
                    );
                    let names =
                        row.got.contains(&format!("λ = {absent}")) || row.got.starts_with("the grid has no");
                    assert!(names, "{}, λ {lambdas:?}: {row:?}", experiment.info().name);
                }
            }
        }
    }
    assert!(missing > 500, "{missing} rows are about a weight");
}

#[test]
fn rows_that_depend_on_an_end_point_are_not_run_without_it() {
    let mut dependent = 0;
    for &experiment in ALL {
        let grid = grid(experiment, Profile::Standard);
        for end in ["0", "1"].into_iter().filter(|_| mixes(&grid)) {
            let lambdas = grid.lambdas.iter().copied().filter(|lambda| end.parse() != Ok(*lambda)).collect();
            let starved = rows(experiment, &Grid { lambdas, ..grid.clone() }, &MadeUp::default());
            for row in depending(experiment, &grid, at_lambda, end) {
                // These claims are about every point in the results.
                if ["A6", "T13"].contains(&row.source.as_str()) {
                    continue;
                }
                dependent += 1;
                let without = starved.iter().find(|other| is_of(other, &row)).unwrap();
                assert_eq!(
                    without.conclusion,
                    Conclusion::NotRun,
                    "{}, no λ = {end}: {without:?}",
                    experiment.info().name
                );
            }
        }
    }
    assert!(dependent > 80, "{dependent} rows depend on an end point");
}

#[test]
fn a_row_about_a_size_of_the_latent_that_the_family_lacks_is_not_run_and_names_it() {
    let mut missing = 0;
    for &experiment in ALL {
        let grid = grid(experiment, Profile::Full);
        for k in [4.0, 16.0, 64.0] {
            let mut starved = grid.clone();
            for family in starved.families.iter_mut().filter(|family| family.members.len() > 1) {
                family.members.retain(|member| member.number != k);
            }
            for row in rows(experiment, &starved, &MadeUp::default()) {
                if named(&row, &["k = "]).contains(&k) {
                    missing += 1;
                    assert_eq!(
                        row.conclusion,
                        Conclusion::NotRun,
                        "{}, no k = {k}: {row:?}",
                        experiment.info().name
                    );
                    assert!(row.got.contains(&format!("k = {k}")), "{}: {row:?}", experiment.info().name);
                }
            }
        }
    }
    assert!(missing > 20, "{missing} rows are about a size");
}

#[test]
fn comparisons_with_missing_settings_or_families_are_not_run() {
    /// Claims that compare settings.
    const OF_MEMBERS: [&str; 9] = ["C5/T7", "C9/T11", "Q7", "Q5", "Q9", "C5", "beyond", "C4/LBR 1", "LBR E8"];
    /// Claims about all data sets or fractions in the results.
    const OF_WHAT_IS_THERE: [&str; 6] = ["LBR 6", "LBR 7", "LBR 8", "LBR 9", "LBR 10", "LBR E8"];
    let (mut alone, mut dependent) = (0, 0);
    for &experiment in ALL {
        let grid = grid(experiment, Profile::Standard);
        let mut single = grid.clone();
        single.families.iter_mut().for_each(|family| family.members.truncate(1));
        if experiment.info().name == "depth-grid" {
            single.families.truncate(1);
        }
        for row in rows(experiment, &single, &MadeUp::default()) {
            let compares = OF_MEMBERS.contains(&row.source.as_str());
            alone += usize::from(compares);
            assert!(
                !compares || row.conclusion == Conclusion::NotRun,
                "{}, one member: {row:?}",
                experiment.info().name
            );
        }
        for at in (0..grid.families.len()).filter(|_| grid.families.len() > 1) {
            let mut starved = grid.clone();
            let removed = starved.families.remove(at);
            let here = rows(experiment, &starved, &MadeUp::default());
            for data in &removed.data {
                let variant = format!("{}, {}", data.label(), removed.label);
                for row in depending(experiment, &grid, of_family, &variant) {
                    if OF_WHAT_IS_THERE.contains(&row.source.as_str()) {
                        continue;
                    }
                    dependent += 1;
                    let without = here.iter().find(|other| is_of(other, &row));
                    let decided = without.is_some_and(is_decided);
                    assert!(!decided, "{}, without {variant}: {without:?}", experiment.info().name);
                }
            }
        }
    }
    assert!(alone > 8 && dependent > 60, "{alone} rows compare members, {dependent} depend on a family");
}

#[test]
fn masks_and_gaussian_noise_are_judged_only_where_they_were_computed() {
    let experiment = *ALL.iter().find(|one| one.info().name == "masking-impact").unwrap();
    let grid = grid(experiment, Profile::Standard);
    let judged = |keep: fn(&str) -> bool| -> Vec<bool> {
        let mut grid = grid.clone();
        grid.families.retain(|family| keep(&family.label));
        let rows = rows(experiment, &grid, &MadeUp::default());
        rows.iter().map(|row| row.conclusion != Conclusion::NotRun).collect()
    };
    assert_eq!(judged(|_| true), [true; 4]);
    assert_eq!(judged(|label| !label.contains("Gaussian")), [false, true, true, false]);
    assert_eq!(judged(|label| ["no noise", "Gaussian noise"].contains(&label)), [true, false, false, false]);
    assert_eq!(judged(|label| label != "no noise"), [false; 4]);
}

#[test]
fn fewer_than_three_seeds_decide_no_claim_about_trained_networks() {
    let mut undecided = 0;
    for &experiment in ALL {
        let grid = grid(experiment, Profile::Standard);
        for seeds in [vec![0], vec![0, 1]] {
            for row in rows(experiment, &Grid { seeds, ..grid.clone() }, &MadeUp::default()) {
                let exact = |family: &crate::grid::Family| {
                    family.members.iter().all(|member| !member.learner.learns())
                };
                let closed = grid.families.iter().all(exact) || row.expected.starts_with("a(6)");
                undecided += usize::from(row.conclusion == Conclusion::Undecided);
                assert!(closed || !is_decided(&row), "{}: {row:?}", experiment.info().name);
            }
        }
    }
    assert!(undecided > 100, "{undecided} rows are undecided");
}

#[test]
fn a_diverged_run_in_the_middle_leaves_the_other_seeds_paired() {
    for (name, diverged, compared) in [
        ("guidance", "guided by 0.01", "MSE"),
        ("frozen-encoders", "new heads", "MSE"),
        ("recurrent-cre", "T = 3", "shrinks"),
        ("capacity-confound", "deeper encoder", "shrinks"),
        ("capacity-confound", "FC-M", "shrinks"),
        ("reconstruction-regulariser", "labels and reconstruction", "points"),
        ("depth-grid", "decoder of depth 6", "the most accurate minus"),
        ("depth-grid", "decoder of depth 2", "the most accurate minus"),
        ("subspace-recognition", "MLP, bottom", "bottom minus top"),
        ("nonlinear-denoising", "MLPAE", "predicted"),
        ("label-fraction", "few labels", "points"),
    ] {
        let experiment = *ALL.iter().find(|one| one.info().name == name).unwrap();
        let grid = Grid { seeds: vec![0, 1, 2, 3, 4], ..grid(experiment, Profile::Standard) };
        let judged = |diverged| -> Vec<(String, Conclusion, Option<String>)> {
            let rows = rows(experiment, &grid, &MadeUp { diverged: Some(diverged), ..MadeUp::default() });
            let part = |got: &str| got.find(compared).map(|at| got[at..].to_owned());
            rows.into_iter().map(|row| (row.about(), row.conclusion, part(&row.got))).collect()
        };
        // A seed that is missing everywhere cannot be paired wrongly.
        let (some, all) = (judged(diverged), judged(""));
        let differing: Vec<_> = some.iter().zip(&all).filter(|(some, all)| some != all).collect();
        assert!(some.iter().any(|(.., part)| part.is_some()), "{name}: {some:?}");
        // Rows that read no diverged run keep all five seeds.
        let undisturbed = judged("nothing is called this");
        for (some, all) in differing {
            assert!(undisturbed.contains(some), "{name}, {diverged}: {some:?} and {all:?}");
        }
    }
}

/// A masked autoencoder has no metrics of masked test images, and the page says so.
#[test]
fn the_page_says_that_masked_autoencoders_are_measured_on_whole_test_images() {
    let experiment = *ALL.iter().find(|one| one.info().name == "nonlinear-denoising").unwrap();
    let results = MadeUp::default().results(&grid(experiment, Profile::Standard));
    assert!(experiment.warnings(&results).unwrap()[0].contains("`test_masked_*`"));
}

#[test]
fn a_family_of_an_unknown_label_is_an_error_and_not_a_verdict_that_was_not_run() {
    for name in [
        "background",
        "guidance",
        "latent-space",
        "linear-optimum",
        "masking-impact",
        "nonlinear-denoising",
        "reconstruction-regulariser",
        "subspace-recognition",
    ] {
        let experiment = *ALL.iter().find(|one| one.info().name == name).unwrap();
        let mut grid = grid(experiment, Profile::Standard);
        for at in 0..grid.families.len() {
            let label = std::mem::replace(&mut grid.families[at].label, "reworded".into());
            let error = experiment.verdicts(&MadeUp::default().results(&grid)).unwrap_err();
            assert!(error.to_string().contains("got `reworded`"), "{name}, {label}: {error}");
            grid.families[at].label = label;
        }
    }
}

/// The panels of the only chart of an experiment.
fn panels(experiment: &dyn Experiment, results: &Results) -> Vec<report::Panel> {
    let figures = experiment.figures(results).unwrap();
    let charts = figures.into_iter().filter_map(|figure| match figure {
        report::Figure::Chart(chart) => Some(chart.panels),
        report::Figure::Grid(_) | report::Figure::Heat(_) => None,
    });
    charts.flatten().collect()
}

/// The axis of the alignment over K / D divides by the number of pixels and not by the rank of the images.
#[test]
fn the_alignment_is_drawn_over_the_fraction_of_all_pixels() {
    let experiment = *ALL.iter().find(|one| one.info().name == "alignment").unwrap();
    let mut results = MadeUp::default().results(&grid(experiment, Profile::Smoke));
    let by_share = |results: &Results| -> Option<report::Panel> {
        panels(experiment, results).into_iter().find(|panel| panel.title == "By share of the D pixels")
    };
    assert!(by_share(&results).is_none(), "without the number of pixels there is no such axis");
    results.attributes.insert("dimensions_of_images".into(), "[784]".into());
    let drawn = by_share(&results).unwrap();
    let last = drawn.series[0].points.iter().map(|point| point.x).fold(0.0, f64::max);
    assert!((last - 100.0 * 64.0 / 784.0).abs() < 1e-12, "{last}");
}

/// Where directions without variance are kept beside the smallest components, the last bound of the bottom shows nothing.
#[test]
fn a_bound_that_rounding_decides_is_not_drawn() {
    let experiment = *ALL.iter().find(|one| one.info().name == "subspace-recognition").unwrap();
    let mut results = MadeUp::default().results(&grid(experiment, Profile::Standard));
    let drawn = |results: &Results| -> Vec<usize> {
        let panels = panels(experiment, results);
        panels.iter().flat_map(|panel| &panel.series).map(|series| series.points.len()).collect()
    };
    let whole = drawn(&results);
    let components = results.variables.get_mut("components").unwrap();
    let Values::F64(values) = &mut components.values else { panic!("components are numbers") };
    values.iter_mut().for_each(|value| *value = 3.0);
    let kept = drawn(&results);
    assert_eq!(whole.len(), kept.len());
    let lost: Vec<usize> = whole.iter().zip(&kept).map(|(whole, kept)| whole - kept).collect();
    assert!(lost.iter().all(|&n| n <= 1) && lost.contains(&1) && lost.contains(&0), "{whole:?} {kept:?}");
}
