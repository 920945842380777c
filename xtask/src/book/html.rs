//! A check of built pages: every relative link and picture has its target, and every fragment its element.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::Context;

use super::site;

/// One line for each link without a target.
pub(super) fn dead_links(site: &Path) -> anyhow::Result<Vec<String>> {
    let mut pages = BTreeMap::new();
    read(site, &mut pages)?;
    let mut dead = Vec::new();
    for (page, text) in &pages {
        // Pages of mdBook itself: the table of contents in a frame, and a page that is served at any address.
        if ["toc.html", "404.html", "print.html"].iter().any(|name| page.ends_with(name)) {
            continue;
        }
        for target in attributes(text, "href").chain(attributes(text, "src")) {
            if !is_alive(&pages, page, target) {
                dead.push(format!("{}: the link `{target}` has no target; correct it", page.display()));
            }
        }
    }
    Ok(dead)
}

fn read(folder: &Path, pages: &mut BTreeMap<PathBuf, String>) -> anyhow::Result<()> {
    let reading = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        if [site::API, site::REPORT].iter().any(|name| path.ends_with(name)) {
            // Written by other programs, and only linked.
        } else if path.is_dir() {
            read(&path, pages)?;
        } else if path.extension().is_some_and(|kind| kind == "html") {
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            pages.insert(path, text);
        }
    }
    Ok(())
}

/// The values of an attribute, in double quotes as mdBook writes them.
fn attributes<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let begin = format!(" {name}=\"");
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = &rest[rest.find(&begin)? + begin.len()..];
        Some(&rest[..rest.find('"')?])
    })
}

fn is_alive(pages: &BTreeMap<PathBuf, String>, page: &Path, target: &str) -> bool {
    if target.contains("://")
        || ["data:", "mailto:", "javascript:"].iter().any(|kind| target.starts_with(kind))
    {
        return true;
    }
    let (path, fragment) = target.split_once('#').map_or((target, None), |(path, part)| (path, Some(part)));
    let file = if path.is_empty() { page.to_owned() } else { plain(&page.with_file_name(path)) };
    match (fragment, pages.get(&file)) {
        (Some(fragment), Some(text)) if !fragment.is_empty() => text.contains(&format!("id=\"{fragment}\"")),
        _ => file.is_file() || file.join("index.html").is_file(),
    }
}

/// The path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
        plain
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(link: &str) -> usize {
        let site = tempfile::tempdir().unwrap();
        fs::create_dir_all(site.path().join("book/list")).unwrap();
        let page = format!("<h1 id=\"top\">T</h1><a class=\"x\" href=\"{link}\">x</a><img src=\"a.svg\">");
        for (name, text) in [("book/one.html", &*page), ("book/a.svg", ""), ("book/list/index.html", "")] {
            fs::write(site.path().join(name), text).unwrap();
        }
        dead_links(site.path()).unwrap().len()
    }

    #[test]
    fn links_with_a_target_are_accepted() {
        for link in ["one.html", "one.html#top", "#top", "../book/a.svg", "list", "https://example.org/x#y"] {
            assert_eq!(dead(link), 0, "{link}");
        }
    }

    #[test]
    fn links_without_a_target_are_found() {
        for link in ["two.html", "one.html#bottom", "#bottom", "../a.svg", "..", "elsewhere/"] {
            assert_eq!(dead(link), 1, "{link}");
        }
    }
}
