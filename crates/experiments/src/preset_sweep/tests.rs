//! Tests of sweeps on made-up measurements.

use super::*;

fn cell(values: &[&str], accuracy: &[f64]) -> SweptCell {
    let values_of = accuracy.iter().map(|&value| Some(value)).collect();
    SweptCell {
        values: values.iter().map(|&value| value.to_owned()).collect(),
        label: values.join(", "),
        config: serde_json::Value::Null,
        keys: vec![None; accuracy.len()],
        failures: vec![None; accuracy.len()],
        values_by_seed: [("test_accuracy".to_owned(), values_of)].into(),
    }
}

fn swept(varied: &[&str], cells: Vec<SweptCell>) -> Swept {
    let varied: Vec<String> = varied.iter().map(|&key| key.to_owned()).collect();
    let differences = contrasts::of(&varied, &cells, &|_, _, _| None, &|_, _| true);
    Swept { name: "made-up".into(), varied, seeds: vec![0, 1, 2], cells, differences }
}

#[test]
fn differences_are_paired_by_seed_and_their_intervals_hold_together() {
    let base = [0.5, 0.7, 0.6];
    let shifted = [0.6, 0.81, 0.7];
    let cells = vec![
        cell(&["0", "8"], &base),
        cell(&["0", "16"], &base),
        cell(&["1", "8"], &shifted),
        cell(&["1", "16"], &[0.5, 0.9, 0.4]),
    ];
    let swept = swept(&["lambda", "latent"], cells);
    let changes: Vec<String> = swept.differences.iter().map(Contrast::change).collect();
    assert_eq!(
        changes,
        [
            "lambda: 0 → 1 at latent = 8",
            "lambda: 0 → 1 at latent = 16",
            "latent: 8 → 16 at lambda = 0",
            "latent: 8 → 16 at lambda = 1",
        ]
    );
    let first = &swept.differences[0];
    // Differences of 10, 11 and 10 points; four differences, so a level of 98.75 % with t(2) = 8.860 to three decimals.
    let [low, high] = first.interval.unwrap();
    assert!((first.effect - 31.0 / 3.0).abs() < 1e-9 && first.differs() && first.n_seeds == 3);
    assert!((first.level - 0.9875).abs() < 1e-12);
    // Their standard error is 1/3.
    assert!((3.0 * (high - low) / 2.0 - 8.860).abs() < 1e-3, "{low} {high}");
    assert!(!swept.differences[1].differs());
    // No difference without spread.
    assert_eq!((swept.differences[2].effect, swept.differences[2].differs()), (0.0, false));
}

#[test]
fn test_images_that_all_seeds_share_are_part_of_the_interval() {
    let cells = [cell(&["0"], &[0.5, 0.5, 0.5]), cell(&["1"], &[1.0, 1.0, 1.0])];
    let bits = |cell: usize, _: usize, _: &Quantity| {
        Some((0..10).map(|image| cell == 1 || image % 2 == 0).collect::<Vec<bool>>())
    };
    let found = contrasts::of(&["lambda".into()], &cells, &bits, &|_, _| true);
    let [low, high] = found[0].interval.unwrap();
    assert!(found[0].resampled == "seeds and images" && low < 50.0 && high > 50.0, "{:?}", found[0]);
    // Other images are not paired.
    let found = contrasts::of(&["lambda".into()], &cells, &bits, &|_, _| false);
    assert_eq!((&*found[0].resampled, found[0].interval), ("seeds", Some([50.0, 50.0])));
}

#[test]
fn the_page_has_a_figure_and_a_row_for_each_difference() {
    let cells = vec![
        cell(&["fc-s", "1"], &[0.5, 0.7, 0.6]),
        cell(&["fc-s", "0.5"], &[0.6, 0.8, 0.7]),
        cell(&["fc-m", "1"], &[0.5, 0.7, 0.6]),
        cell(&["fc-m", "0.5"], &[0.6, 0.8, 0.7]),
    ];
    let swept = swept(&["model", "lambda"], cells);
    let [chart] = &swept.charts()[..] else { panic!("one quantity") };
    assert_eq!((chart.title.as_str(), chart.panels[0].series.len()), ("Accuracy over lambda", 2));
    let xs: Vec<f64> = chart.panels[0].series[0].points.iter().map(|point| point.x).collect();
    assert_eq!(xs, [0.5, 1.0], "ascending, whatever the order of the command line");
    let html = swept.html("agon sweep", vec![("commit".into(), "abc".into())]).unwrap();
    let answer = "<span class=\"big\">+10.0 points</span>";
    for words in ["accuracy changes with lambda: 1 → 0.5", "model = fc-m", "agon sweep", "abc", answer] {
        assert!(html.contains(words), "{words}");
    }
    assert_eq!(swept.csv().lines().count(), 1 + 4 * 3);
    let again: Swept = serde_json::from_str(&serde_json::to_string(&swept).unwrap()).unwrap();
    assert_eq!(again, swept);
}

#[test]
fn cells_without_a_numeric_key_are_drawn_at_labelled_positions() {
    let swept = swept(&[], vec![cell(&[], &[0.5])]);
    assert_eq!(swept.charts().len(), 1);
    assert!(swept.html("agon sweep", vec![]).is_ok());
    let models = self::swept(&["model"], vec![cell(&["fc-s"], &[0.5]), cell(&["fc-m"], &[0.6])]);
    let ticks = match &models.charts()[0].panels[0].x.scale {
        report::Scale::Positions(ticks) => ticks.iter().map(|tick| tick.label.clone()).collect::<Vec<_>>(),
        _ => vec![],
    };
    assert_eq!(ticks, ["fc-s", "fc-m"]);
    assert_eq!(models.differences[0].interval, None, "one seed has no interval");
}
