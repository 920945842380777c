//! Tests that the answer agrees with the verdict rows and names the missing ones.

use report::ReadBy;

use super::*;

fn effect(value: f64, [low, high]: [f64; 2]) -> Effect {
    Effect {
        quantity: "accuracy".into(),
        value,
        low,
        high,
        margin: 2.0,
        unit: "points".into(),
        resampled: "seeds",
    }
}

fn row(claim: ClaimId, model: &str, n: usize, conclusion: Conclusion) -> Verdict {
    Verdict {
        source: claim.to_string(),
        data: "MNIST, 100 images".into(),
        model: model.into(),
        effect: Some(effect(-0.5, [-1.9, 0.9])),
        n,
        conclusion,
        ..Verdict::default()
    }
}

#[test]
fn without_rows_each_answer_states_that_its_experiments_are_missing() {
    for answer in answers(&[], None) {
        assert_eq!(answer.number, "–");
        assert!(
            answer.sentence.ends_with("is open.") && answer.evidence.contains("lack the experiments"),
            "{answer:?}"
        );
    }
    assert_eq!(limits(&[], Profile::Standard), "");
}

#[test]
fn the_sentence_follows_the_decided_rows() {
    let first = |conclusions: &[Conclusion]| {
        let rows: Vec<Verdict> =
            conclusions.iter().map(|&conclusion| row(ClaimId::C1, "FC-M", 5, conclusion)).collect();
        answers(&rows, None)[0].sentence.clone()
    };
    let (holds, fails) = (Conclusion::Holds, Conclusion::DoesNotHold);
    assert_eq!(first(&[holds, Conclusion::Undecided]), ON_SYNERGY.hold);
    assert_eq!(first(&[fails, Conclusion::NotConverged]), ON_SYNERGY.fail);
    assert_eq!(first(&[holds, fails]), ON_SYNERGY.mixed);
    let open = Conclusion::Undecided;
    assert!(first(&[holds, open, open]).starts_with("Where it is decided, neither task gains"));
    assert_eq!(first(&[open]), ON_SYNERGY.open);
    assert!(first(&[Conclusion::NotConverged]).ends_with("open here: the networks had not converged."));
    assert!(
        answers(&[row(ClaimId::C1, "", 0, Conclusion::NotRun)], None)[0]
            .evidence
            .contains("lack the experiments")
    );
}

#[test]
fn the_number_is_that_of_the_row_with_most_seeds_and_other_models_stand_beside_it() {
    let rows = [
        row(ClaimId::C1, "CNN-S", 5, Conclusion::Holds),
        row(ClaimId::C1, "FC-M, k = 16", 16, Conclusion::Holds),
        Verdict { same_as: Some("another".into()), ..row(ClaimId::C1, "ViT-S", 99, Conclusion::Holds) },
        Verdict { kind: Kind::Exact, ..row(ClaimId::C1, "ViT-S", 99, Conclusion::ExactMet) },
    ];
    let answer = &answers(&rows, None)[0];
    assert_eq!(answer.number, "−0.5 points");
    assert!(
        answer.of.starts_with("[−1.9, +0.9] gain") && answer.of.ends_with("FC-M, k = 16, MNIST · n = 16")
    );
    assert_eq!(answer.evidence, "Also CNN-S, MNIST −0.5 points [−1.9, +0.9] (n = 5). 2 verdicts: holds 2.");
}

#[test]
fn the_second_answer_is_the_model_whose_readers_differ_most() {
    let model = |name: &str, lost: [Effect; 2]| ReadModel {
        name: name.into(),
        data: "MNIST".into(),
        n: 5,
        readers: lost.map(|lost| ReadBy { name: String::new(), place: 0, accuracy: [1.0, 0.0], lost }).into(),
    };
    let differ = model("ViT-S", [effect(32.2, [30.0, 34.4]), effect(-1.2, [-3.7, 1.4])]);
    let agree = model("FC-M", [effect(15.7, [11.5, 19.9]), effect(13.9, [8.9, 18.9])]);
    let of = |models: &[&ReadModel]| {
        let models = models.iter().map(|&model| model.clone()).collect();
        answers(&[], Some(&Readers { lead: String::new(), models }))[1].clone()
    };
    let both = of(&[&agree, &differ]);
    assert_eq!(both.number, "−32.2 or +1.2 points");
    assert!(both.sentence.contains("depends on the reader"), "{}", both.sentence);
    assert!(both.evidence.contains("loses: FC-M (+13.9 to +15.7)"), "{}", both.evidence);
    assert!(both.evidence.ends_with("loses accuracy: ViT-S (−1.2 to +32.2)."), "{}", both.evidence);
    assert!(of(&[&agree]).sentence.contains("All readers"));
}

#[test]
fn the_limits_count_the_rows_that_had_not_converged() {
    let rows = [
        row(ClaimId::C1, "FC-M", 5, Conclusion::NotConverged),
        row(ClaimId::C1, "FC-M", 5, Conclusion::Holds),
        row(ClaimId::C1, "FC-M", 0, Conclusion::NotRun),
    ];
    assert!(limits(&rows, Profile::Standard).starts_with("In 1 of 2 verdicts"));
    assert!(limits(&rows, Profile::Smoke).contains("gives no verdicts"));
}
