//! The page of a profile's results: its answer, its groups of experiments, and where to read on.

mod answer;
mod explore;
mod readers;

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use report::{Group, Kind, Page, Section, Verdict, table};

use self::answer::{answers, limits};
use self::explore::explorer;
use self::readers::readers;
use crate::claims::named;
use crate::error::Result;
use crate::experiment::Paper;
use crate::profile::Profile;
use runs::store::Results;

/// The name of the line of the page's provenance that states the progress of a job.
pub(crate) const IN_PROGRESS: &str = "in progress";

const TITLE: &str = "Do classification and reconstruction help or hurt each other in one representation?";

const QUESTION: &str = "An encoder maps an image to a latent z of k dimensions; a decoder reconstructs the image from z \
                        and a classifier predicts its class. The encoder is trained on both losses, weighted by λ. \
                        From classification alone (λ = 0) to reconstruction alone (λ = 1), does either task gain from the \
                        other, and what is lost?";

const LINKS: [(&str, &str); 2] = [
    ("CRE, arXiv:2401.09237", "https://arxiv.org/abs/2401.09237"),
    ("LBR, arXiv:2402.11337", "https://arxiv.org/abs/2402.11337"),
];

/// Documents of the repository, linked from a page that is inside a clone of it.
const DOCUMENTS: [(&str, &str); 2] = [("Repository", "README.md"), ("Book", "book/README.md")];

/// Experiments on questions beyond the papers; all others belong to the group of their paper.
const BEYOND: [&str; 13] = [
    "augmentation",
    "gradient-conflict",
    "linear-cre",
    "split-latent",
    "mixing-rules",
    "label-fraction",
    "representation-similarity",
    "recurrent-cre",
    "predictive-coding",
    "capacity-confound",
    "nonlinear-denoising",
    "joint-embedding",
    "bridge",
];

/// Name, short name and heading of each group.
const GROUPS: [[&str; 3]; 3] = [
    ["cre", "CRE", "Antagonists or allies? (CRE)"],
    ["lbr", "LBR", "Learning by reconstruction (LBR)"],
    ["beyond", "Beyond", "Beyond both papers"],
];

/// The results of the experiments whose models the explorer and the readers show.
#[derive(Default)]
pub(crate) struct Shown(BTreeMap<String, Results>);

impl Shown {
    /// Keeps the results of an experiment, if a page shows them beyond its section.
    pub(crate) fn keep(&mut self, name: &str, results: Results) {
        if explore::SOURCES.contains(&name) || readers::SWEEPS.contains(&name) {
            self.0.insert(name.to_owned(), results);
        }
    }

    /// The results of those of these experiments that were kept, in this order.
    fn of<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = &'a Results> {
        names.iter().filter_map(|name| self.0.get(*name))
    }
}

/// The page of these results, to be written to `index`.
///
/// # Errors
/// If results of `shown` lack an entry.
pub(crate) fn page(
    shown: &Shown,
    index: &Path,
    profile: Profile,
    rows: &[Verdict],
    sections: Vec<Section>,
    provenance: Vec<(String, String)>,
) -> Result<Page> {
    let readers = readers(shown)?;
    let in_section = |row: &&Verdict| sections.iter().any(|section| section.rows.contains(row));
    let others = rows.iter().filter(|row| !in_section(row)).cloned().collect();
    let is_claim = |row: &&Verdict| row.kind != Kind::Exact && row.same_as.is_none();
    let claims: Vec<Verdict> = rows.iter().filter(is_claim).cloned().collect();
    let n = sections.len();
    let progress = provenance.iter().find(|(name, _)| name == IN_PROGRESS);
    let progress = progress.map_or(String::new(), |(name, so_far)| format!(" · {name}: {so_far}"));
    Ok(Page {
        kicker: format!("Agon · results of the profile {profile}{progress}"),
        title: TITLE.into(),
        question: QUESTION.into(),
        answers: answers(rows, readers.as_ref()),
        limits: limits(rows, profile),
        source: format!(
            "{n} {}, {} verdicts: {}",
            if n == 1 { "experiment" } else { "experiments" },
            claims.len(),
            table::summary(&claims)
        ),
        links: links(index.parent().unwrap_or(Path::new(""))),
        explorer: explorer(shown)?,
        readers,
        groups: groups(sections),
        others,
        provenance,
    })
}

/// The sections by group, without empty groups.
fn groups(sections: Vec<Section>) -> Vec<Group> {
    let mut groups = GROUPS.map(|[name, short, title]| Group {
        name: name.into(),
        short: short.into(),
        title: title.into(),
        sections: vec![],
    });
    for section in sections {
        groups[group_of(&section.name)].sections.push(section);
    }
    groups.into_iter().filter(|group| !group.sections.is_empty()).collect()
}

/// The index of an experiment's group.
fn group_of(name: &str) -> usize {
    let paper = named(&[name.to_owned()]).ok().and_then(|of| of.first().map(|one| one.info().paper));
    match paper {
        _ if BEYOND.contains(&name) => 2,
        Some(Paper::Lbr) => 1,
        Some(Paper::Cre) | None => 0,
    }
}

/// Links to the papers, and to documents of the clone that contains the page's folder.
fn links(folder: &Path) -> Vec<(String, String)> {
    let mut links: Vec<(String, String)> = LINKS.map(|(name, to)| (name.into(), to.into())).into();
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let here = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.into());
    let up = |folder: &Path| -> Option<PathBuf> {
        let up = here.strip_prefix(folder).ok()?;
        up.components().map(|part| matches!(part, Component::Normal(_)).then_some("..")).collect()
    };
    let holds = |folder: &&Path| DOCUMENTS.iter().all(|(_, file)| folder.join(file).is_file());
    if let Some(up) = here.ancestors().find(holds).and_then(up) {
        let address = |file: &str| up.join(file).to_string_lossy().into_owned();
        links.extend(DOCUMENTS.map(|(name, file)| (name.into(), address(file))));
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::ALL;

    #[test]
    fn every_experiment_beyond_the_papers_exists_and_each_group_has_one() {
        let names: Vec<&str> = ALL.iter().map(|experiment| experiment.info().name).collect();
        assert!(BEYOND.iter().all(|name| names.contains(name)));
        let groups: std::collections::BTreeSet<usize> = names.iter().map(|name| group_of(name)).collect();
        assert_eq!(groups.len(), GROUPS.len());
    }

    #[test]
    fn a_page_links_to_documents_only_inside_a_clone() {
        let clone = tempfile::tempdir().unwrap();
        let folder = clone.path().join("out/quick");
        std::fs::create_dir_all(&folder).unwrap();
        assert_eq!(links(&folder).len(), LINKS.len());
        std::fs::create_dir(clone.path().join("book")).unwrap();
        for (_, file) in DOCUMENTS {
            std::fs::write(clone.path().join(file), "").unwrap();
        }
        assert_eq!(links(&folder).last().unwrap().1, "../../book/README.md");
    }
}
