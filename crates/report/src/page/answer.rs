//! The answer at the top of a page: a large number and a sentence for each part.

use crate::svg::escape;

/// One part of the answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// A few numbers in large type, such as `82.6 → 67.0 %`.
    pub number: String,
    /// A description of the numbers: quantity, model, data set, n.
    pub of: String,
    /// The answer in one sentence.
    pub sentence: String,
    /// The evidence with intervals.
    pub evidence: String,
}

/// The answers as a list.
pub(super) fn html(answers: &[Answer]) -> String {
    let item = |answer: &Answer| {
        let [number, of, sentence, evidence] =
            [&answer.number, &answer.of, &answer.sentence, &answer.evidence].map(|text| escape(text));
        format!(
            "<li><span class=\"big\">{number}</span><span class=\"unit\">{of}</span>\n<h3>{sentence}</h3>\n\
             <p>{}</p></li>\n",
            quiet_brackets(&evidence)
        )
    };
    match answers.is_empty() {
        true => String::new(),
        false => format!("<ul class=\"answers\">\n{}</ul>\n", answers.iter().map(item).collect::<String>()),
    }
}

/// Marks intervals, which are texts in square brackets, so that they neither stand out nor break.
fn quiet_brackets(text: &str) -> String {
    text.replace('[', "<span class=\"iv\">[").replace(']', "]</span>")
}
