//! The licences of all foreign packages that are built, against those that `deny.toml` allows.

use std::iter::Peekable;

use anyhow::Context;
use serde_json::Value;
use toml::Table;

use super::Finding;
use crate::repo::{Repo, capture};

const POLICY: &str = "deny.toml";

/// What `deny.toml` says of licences.
struct Policy {
    allowed: Vec<String>,
    /// Packages whose manifests name no licence, and theirs.
    clarified: Vec<(String, String)>,
}

/// R21 of the reliability programme. Cargo is asked, which downloads what the lock file names and is not here.
pub(super) fn of_every_package(repo: &Repo) -> anyhow::Result<Vec<Finding>> {
    let text = std::fs::read_to_string(repo.join(POLICY)).with_context(|| format!("cannot read {POLICY}"))?;
    let policy = Policy::parse(&text)?;
    let platform = ["--filter-platform", "x86_64-unknown-linux-gnu"];
    let metadata =
        capture(repo.cargo().args(["metadata", "--locked", "--format-version", "1"]).args(platform))?;
    Ok(findings(
        &policy,
        &serde_json::from_str(&metadata).context("cannot read what cargo says of packages")?,
    ))
}

fn findings(policy: &Policy, metadata: &Value) -> Vec<Finding> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    // Packages without a source are the members.
    let foreign = packages.filter(|package| !package["source"].is_null());
    let of_one = |package: &Value| {
        let name = package["name"].as_str().unwrap_or_default();
        let clarified =
            policy.clarified.iter().find(|(of, _)| of == name).map(|(_, licence)| licence.as_str());
        let licence = clarified.or(package["license"].as_str()).unwrap_or("no licence");
        let what = format!("`{name}` is under `{licence}`; do without it, or allow that here and say why");
        (!policy.allow(licence)).then(|| Finding::new(POLICY, 1, what))
    };
    foreign.filter_map(of_one).collect()
}

impl Policy {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let table: Table = text.parse().with_context(|| format!("{POLICY} is no TOML"))?;
        let licenses = table.get("licenses").with_context(|| format!("{POLICY} has no table `licenses`"))?;
        let list = |name| licenses.get(name).and_then(toml::Value::as_array).into_iter().flatten();
        let owned = |value: &toml::Value| value.as_str().map(str::to_owned);
        let clarified = list("clarify")
            .filter_map(|one| Some((owned(one.get("crate")?)?, owned(one.get("expression")?)?)));
        Ok(Self { allowed: list("allow").filter_map(owned).collect(), clarified: clarified.collect() })
    }

    /// Whether an SPDX expression can be met with the allowed licences alone.
    fn allow(&self, expression: &str) -> bool {
        let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
        let mut words = spaced.split_whitespace().peekable();
        self.any(&mut words) && words.next().is_none()
    }

    /// `A OR B`
    fn any<'a>(&self, words: &mut Peekable<impl Iterator<Item = &'a str>>) -> bool {
        let mut met = self.all(words);
        while words.next_if_eq(&"OR").is_some() {
            met |= self.all(words);
        }
        met
    }

    /// `A AND B`
    fn all<'a>(&self, words: &mut Peekable<impl Iterator<Item = &'a str>>) -> bool {
        let mut met = self.one(words);
        while words.next_if_eq(&"AND").is_some() {
            met &= self.one(words);
        }
        met
    }

    /// `( A )`, `A WITH EXCEPTION` or `A`; an exception only adds permissions.
    fn one<'a>(&self, words: &mut Peekable<impl Iterator<Item = &'a str>>) -> bool {
        match words.next() {
            Some("(") => self.any(words) & words.next_if_eq(&")").is_some(),
            Some(licence) => {
                if words.next_if_eq(&"WITH").is_some() {
                    words.next();
                }
                self.allowed.iter().any(|allowed| allowed == licence)
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy() -> Policy {
        let clarify = "[[licenses.clarify]]\ncrate = \"silent\"\nexpression = \"MIT\"\n";
        Policy::parse(&format!("[licenses]\nallow = [\"MIT\", \"ISC\"]\n{clarify}")).unwrap()
    }

    #[test]
    fn an_expression_is_met_by_one_of_several_or_by_all_of_them() {
        for met in [
            "MIT",
            "GPL-3.0 OR MIT",
            "GPL-3.0/MIT",
            "MIT AND ISC",
            "(GPL-3.0 OR MIT) AND ISC",
            "MIT WITH x OR y",
        ] {
            assert!(policy().allow(met), "{met}");
        }
        for unmet in ["GPL-3.0", "MIT AND GPL-3.0", "MIT AND", "(MIT", "MIT)", "", "no licence", "MIT ISC"] {
            assert!(!policy().allow(unmet), "{unmet}");
        }
    }

    #[test]
    fn a_package_under_another_licence_or_none_is_found_by_name() {
        let package = |name: &str, license: Option<&str>| json!({ "name": name, "license": license, "source": "registry" });
        let member = json!({ "name": "ours", "license": null, "source": null });
        let packages = [
            package("fine", Some("MIT")),
            package("bad", Some("GPL-3.0")),
            package("none", None),
            package("silent", None),
            member,
        ];
        let found = findings(&policy(), &json!({ "packages": packages }));
        let named = |name| found.iter().any(|finding| finding.what.starts_with(name));
        assert!(
            found.len() == 2 && named("`bad` is under `GPL-3.0`") && named("`none` is under `no licence`")
        );
    }

    #[test]
    fn this_repository_has_packages_under_allowed_licences_alone() {
        let findings = of_every_package(&Repo::of_this_program()).unwrap();
        assert!(findings.is_empty(), "{findings:?}");
    }
}
