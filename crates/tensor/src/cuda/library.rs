//! The file from which the CUDA driver was loaded. A toolkit contains a stub library of the same name without a driver.

/// A hint for errors of the driver's initialisation: the file that was loaded and how to load another one.
pub(super) fn hint() -> String {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let file = loaded(&maps).map_or_else(String::new, |path| format!("; it was loaded from {path}"));
    format!(
        "{file}; put the folder of the libcuda.so.1 that NVIDIA's driver installs first in LD_LIBRARY_PATH"
    )
}

/// The path of the mapped libcuda, found in the text of `/proc/self/maps`.
fn loaded(maps: &str) -> Option<&str> {
    let paths = maps.lines().filter_map(|line| Some(&line[line.find('/')?..]));
    paths.into_iter().find(|path| path.rsplit('/').next().is_some_and(|file| file.starts_with("libcuda.so")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loaded_driver_is_found_among_mapped_files() {
        let maps = "7f0000000000-7f0000001000 r--p 00000000 08:01 12  /usr/lib/libc.so.6\n\
                    7f0000001000-7f0000002000 rw-p 00000000 00:00 0\n\
                    7f0000002000-7f0000003000 r-xp 00001000 08:01 77  /opt/cuda/lib64/stubs/libcuda.so\n";
        assert_eq!(loaded(maps), Some("/opt/cuda/lib64/stubs/libcuda.so"));
        assert_eq!(loaded("7f00-7f01 r-xp 0 08:01 9 /usr/lib/libcudart.so.13\n"), None);
        assert!(hint().contains("LD_LIBRARY_PATH"));
    }
}
