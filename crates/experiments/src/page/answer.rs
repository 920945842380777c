//! The answer in three sentences, from verdict rows and from what each reader of the latent loses.

#[cfg(test)]
mod tests;

use report::{Answer, Conclusion, Effect, Kind, ReadModel, Readers, Verdict};

use crate::claim_id::ClaimId;
use crate::profile::Profile;

/// The claims behind each part of the answer, in the order in which they are looked up.
const SYNERGY: &[ClaimId] = &[ClaimId::C1, ClaimId::C1T4];
const COST: &[ClaimId] = &[ClaimId::C3T3, ClaimId::C8, ClaimId::C3];
const VARIANCE: &[ClaimId] = &[ClaimId::Lbr7, ClaimId::Lbr1];

/// The sentences of a part for the four states that its verdicts can be in.
struct Sentences {
    /// All decided rows hold.
    hold: &'static str,
    /// All decided rows do not hold.
    fail: &'static str,
    /// Some decided rows hold and some do not.
    mixed: &'static str,
    /// No row is decided.
    open: &'static str,
}

const ON_SYNERGY: Sentences = Sentences {
    hold: "Neither task gains from the other: no mixture of the losses beats the better single loss.",
    fail: "A mixture of both losses beats the better single loss.",
    mixed: "A mixture of both losses beats the better single loss in some models and in others not.",
    open: "Whether a mixture of both losses beats the better single loss is open.",
};

const ON_COST: Sentences = Sentences {
    hold: "A latent trained for reconstruction alone has less information about the class.",
    fail: "A latent trained for reconstruction alone has as much information about the class, within the margin.",
    mixed: "A latent trained for reconstruction alone has less information about the class in some models and in others not.",
    open: "Whether a latent trained for reconstruction alone has less information about the class is open.",
};

const ON_VARIANCE: Sentences = Sentences {
    hold: "Reconstruction keeps the directions of large variance. They carry the class in clean images, but not with a background.",
    fail: "The directions of large variance do not carry the class as claimed.",
    mixed: "Whether the directions of large variance carry the class depends on the images.",
    open: "Whether the directions of large variance carry the class is open.",
};

/// The three parts of the answer; a part that the results lack says so.
pub(super) fn answers(rows: &[Verdict], readers: Option<&Readers>) -> Vec<Answer> {
    vec![
        of_rows(rows, SYNERGY, &ON_SYNERGY, "gain of the best mixture"),
        readers.and_then(by_reader).unwrap_or_else(|| of_rows(rows, COST, &ON_COST, "accuracy lost")),
        of_rows(rows, VARIANCE, &ON_VARIANCE, "accuracy by part of the variance"),
    ]
}

/// The limits of the answer: what a reader has to know before relying on it; empty if there are none.
pub(super) fn limits(rows: &[Verdict], profile: Profile) -> String {
    let claims = || rows.iter().filter(|row| is_counted(row));
    let count = |of: Conclusion| claims().filter(|row| row.conclusion == of).count();
    let (n, not_trained) = (
        claims().filter(|row| row.conclusion != Conclusion::NotRun).count(),
        count(Conclusion::NotConverged),
    );
    let mut sentences = Vec::new();
    if !profile.decides() {
        sentences.push(format!(
            "The profile {profile} only checks that everything runs; it gives no verdicts on claims."
        ));
    }
    if not_trained > 0 {
        sentences.push(format!(
            "In {not_trained} of {n} verdicts the networks were still improving when training ended; those \
             results describe networks that have not converged."
        ));
    }
    if n > 0 {
        sentences.push("Brackets are 95 % intervals.".into());
    }
    sentences.join(" ")
}

/// Whether a row is counted: it is no exact fact and repeats no other row.
fn is_counted(row: &Verdict) -> bool {
    row.kind != Kind::Exact && row.same_as.is_none()
}

/// The answer of claims: the effect of the row with most seeds, and how many rows hold.
fn of_rows(rows: &[Verdict], claims: &[ClaimId], sentences: &Sentences, what: &str) -> Answer {
    let of = |claim: &ClaimId| -> Vec<&Verdict> {
        let asked = |row: &&Verdict| is_counted(row) && row.source == claim.as_str();
        rows.iter().filter(asked).filter(|row| row.conclusion != Conclusion::NotRun).collect()
    };
    let found = claims.iter().map(of).find(|rows| !rows.is_empty()).unwrap_or_default();
    if found.is_empty() {
        return Answer {
            number: "–".into(),
            of: what.into(),
            sentence: sentences.open.into(),
            evidence: "These results lack the experiments on this question.".into(),
        };
    }
    let count = |of: Conclusion| found.iter().filter(|row| row.conclusion == of).count();
    let (hold, fail) = (count(Conclusion::Holds), count(Conclusion::DoesNotHold));
    let n_open = found.len() - hold - fail;
    let sentence = match (hold, fail) {
        (0, 0) if 2 * count(Conclusion::NotConverged) > n_open => {
            format!("{} here: the networks had not converged.", sentences.open.trim_end_matches('.'))
        }
        (0, 0) => sentences.open.to_owned(),
        (_, 0) => decided(sentences.hold, n_open > hold),
        (0, _) => decided(sentences.fail, n_open > fail),
        _ => decided(sentences.mixed, n_open > hold + fail),
    };
    let effects: Vec<(&Verdict, &Effect)> = found
        .iter()
        .filter_map(|row| Some((*row, row.effect.as_ref().filter(|of| is_finite(of))?)))
        .collect();
    let tally: Vec<String> = (Conclusion::ALL.into_iter())
        .filter(|&of| count(of) > 0)
        .map(|of| format!("{} {}", of.words(), count(of)))
        .collect();
    let counted = format!("{} verdicts: {}.", found.len(), tally.join(", "));
    // The row with the most seeds, and among these the largest effect.
    let by = |(row, effect): &&(&Verdict, &Effect)| (row.n, effect.value.abs().to_bits());
    let Some(&main) = effects.iter().max_by_key(by) else {
        let number = tally.join(", ");
        return Answer { number, of: what.into(), sentence, evidence: counted };
    };
    let others = others(main.0, &effects).into_iter();
    let others: Vec<String> =
        others.map(|(row, effect)| format!("{} {} (n = {})", about(row), effect.words(), row.n)).collect();
    let (row, effect) = main;
    let (number, interval) = parted(effect);
    Answer {
        number,
        of: format!("{interval} {what}: {} · {} · n = {}", effect.quantity, about(row), row.n),
        sentence,
        evidence: match others.is_empty() {
            true => counted,
            false => format!("Also {}. {counted}", others.join("; ")),
        },
    }
}

/// The sentence, with a note if more rows are open than decided.
fn decided(sentence: &str, mostly_open: bool) -> String {
    let mut letters = sentence.chars();
    match letters.next() {
        Some(first) if mostly_open => {
            format!("Where it is decided, {}{}", first.to_lowercase(), letters.as_str())
        }
        _ => sentence.to_owned(),
    }
}

/// The estimate with its unit, and its interval in brackets.
fn parted(effect: &Effect) -> (String, String) {
    let words = effect.words();
    let (number, interval) = words.split_at(words.find('[').unwrap_or(words.len()));
    (number.trim().to_owned(), interval.to_owned())
}

/// Up to three other rows: one for each other model, or one for each other data set if there is a single model.
fn others<'a>(main: &Verdict, rows: &[(&'a Verdict, &'a Effect)]) -> Vec<(&'a Verdict, &'a Effect)> {
    let model = |row: &Verdict| row.model.split(", ").next().unwrap_or_default().to_owned();
    let pick = |key: &dyn Fn(&Verdict) -> String| {
        let mut known = vec![key(main)];
        let is_new = |(row, _): &&(&Verdict, &Effect)| {
            let key = key(row);
            !known.contains(&key) && {
                known.push(key);
                true
            }
        };
        rows.iter().filter(is_new).take(3).copied().collect::<Vec<_>>()
    };
    match pick(&model) {
        none if none.is_empty() => pick(&about),
        some => some,
    }
}

fn is_finite(effect: &Effect) -> bool {
    [effect.value, effect.low, effect.high].iter().all(|x| x.is_finite())
}

/// Model and data set of a row, without its number of images.
fn about(row: &Verdict) -> String {
    let parts = [row.model.as_str(), row.data.split(", ").next().unwrap_or_default()];
    parts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ")
}

/// The answer by readers: the model whose readers differ most, and where all agree on a loss.
fn by_reader(readers: &Readers) -> Option<Answer> {
    let most = readers.models.iter().max_by(|a, b| spread(a).total_cmp(&spread(b)))?;
    let (least, largest) = ends(most)?;
    let differ: Vec<&ReadModel> = readers.models.iter().filter(|model| disagree(model)).collect();
    let lose: Vec<&ReadModel> = readers.models.iter().filter(|model| all_lose(model)).collect();
    let sentence = match (differ.len(), lose.len()) {
        (0, 0) => "In no model does every reader of the latent lose accuracy.",
        (0, _) => "All readers of the latent lose a similar amount of accuracy.",
        _ => "How much accuracy is lost depends on the reader of the latent.",
    };
    let name = |model: &&ReadModel| {
        let (low, high) = ends(model)?;
        let [low, high] = [low, high].map(|of| parted(of).0.replace(" points", ""));
        Some(format!("{} ({low} to {high})", model.name))
    };
    let names = |models: &[&ReadModel]| models.iter().filter_map(name).collect::<Vec<_>>().join(", ");
    let mut evidence = Vec::new();
    if !lose.is_empty() {
        evidence.push(format!("Accuracy in points that every reader loses: {}.", names(&lose)));
    }
    let only: Vec<&ReadModel> = readers.models.iter().filter(|model| !all_lose(model)).collect();
    if !only.is_empty() {
        evidence.push(format!("Models in which not every reader loses accuracy: {}.", names(&only)));
    }
    // A loss of accuracy is a change downward.
    let change = |of: &Effect| {
        let (number, _) = parted(&Effect { value: -of.value, unit: "points".into(), ..of.clone() });
        number.replace(" points", "")
    };
    Some(Answer {
        number: format!("{} or {} points", change(largest), change(least)),
        of: format!(
            "accuracy from λ = 0 to 1 by two readers of the same latents · {}, {}, n = {}",
            most.name, most.data, most.n
        ),
        sentence: sentence.into(),
        evidence: evidence.join(" "),
    })
}

/// The smallest and the largest loss of a model.
fn ends(model: &ReadModel) -> Option<(&Effect, &Effect)> {
    let lost = || model.readers.iter().map(|by| &by.lost);
    let by = |a: &&Effect, b: &&Effect| a.value.total_cmp(&b.value);
    Some((lost().min_by(by)?, lost().max_by(by)?))
}

fn spread(model: &ReadModel) -> f64 {
    ends(model).map_or(0.0, |(least, most)| most.value - least.value)
}

/// Whether the intervals of two readers do not overlap.
fn disagree(model: &ReadModel) -> bool {
    ends(model).is_some_and(|(least, most)| least.high < most.low)
}

/// Whether every reader's interval is above zero.
fn all_lose(model: &ReadModel) -> bool {
    model.readers.iter().all(|by| by.lost.low > 0.0)
}
