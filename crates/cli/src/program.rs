//! The name by which the user can call this program again, for the commands in messages.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use runs::shell;

/// The program name with which commands in the messages of all crates begin.
const WRITTEN: &str = "`agon ";

/// The program as a word of a shell: `agon` if the shell finds it by that name, else its path.
pub(crate) fn name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let typed = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
        let here = std::env::current_dir().ok();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found =
            std::env::split_paths(&path).map(|folder| folder.join("agon")).find(|file| file.is_file());
        named(&typed, here.as_deref(), found.as_deref())
    })
}

fn named(typed: &Path, here: Option<&Path>, found: Option<&Path>) -> String {
    let same = |other: &Path| match (typed.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    };
    // A shell looks a name without a folder up on the `PATH`.
    if typed.components().count() < 2 || found.is_some_and(same) {
        return "agon".into();
    }
    let below =
        here.and_then(|here| typed.strip_prefix(here).ok()).filter(|below| below.components().count() > 1);
    shell::shown(below.unwrap_or(typed).as_os_str())
}

/// The text with its commands as the user can type them.
pub(crate) fn with_commands(text: &str) -> String {
    match name() {
        "agon" => text.to_owned(),
        name => text.replace(WRITTEN, &format!("`{name} ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_what_works_in_the_users_shell() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("target/release")).unwrap();
        let [built, installed] = [root.join("target/release/agon"), root.join("agon")];
        std::fs::write(&built, "one").unwrap();
        std::fs::write(&installed, "another").unwrap();
        let named = |typed: &Path, found: Option<&Path>| super::named(typed, Some(root), found);
        assert_eq!(named(Path::new("agon"), None), "agon");
        assert_eq!(named(Path::new("target/release/agon"), Some(&installed)), "target/release/agon");
        assert_eq!(named(&built, Some(&installed)), "target/release/agon");
        assert_eq!(named(&built, Some(&built)), "agon");
        assert_eq!(named(Path::new("/elsewhere/a b/agon"), None), "'/elsewhere/a b/agon'");
        assert_eq!(named(Path::new("./agon"), None), "./agon");
    }
}
