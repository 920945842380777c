//! The published files of each data set: URLs, sizes and checksums.

use crate::{formats::tar::Limits, specs::DatasetSpec};

/// A URL, and the files below it that form a set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    /// The URL, with a trailing `/`.
    pub(super) base: &'a str,
    pub(super) files: &'a [Remote<'a>],
    /// The limits of the archives; `None` if the files are not archives.
    pub(super) archive: Option<Limits>,
}

/// A published file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remote<'a> {
    pub(super) name: &'a str,
    pub(super) bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub(super) sha256: &'a str,
}

/// The source of a set; `None` if the set has no stable https URL, is a zip archive, or requires an account.
pub(super) fn of(known: &DatasetSpec) -> Option<&'static Source<'static>> {
    match known.name {
        "mnist" => Some(&MNIST),
        "fashion-mnist" => Some(&FASHION_MNIST),
        "cifar10" => Some(&CIFAR10),
        "cifar100" => Some(&CIFAR100),
        "imagenette" => Some(&IMAGENETTE),
        _ => None,
    }
}

/// The publishers' own server is offline; this is the mirror that common loaders use.
static MNIST: Source = Source {
    base: "https://storage.googleapis.com/cvdf-datasets/mnist/",
    files: &[
        Remote {
            name: "train-images-idx3-ubyte.gz",
            bytes: 9_912_422,
            sha256: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        },
        Remote {
            name: "train-labels-idx1-ubyte.gz",
            bytes: 28_881,
            sha256: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        },
        Remote {
            name: "t10k-images-idx3-ubyte.gz",
            bytes: 1_648_877,
            sha256: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        },
        Remote {
            name: "t10k-labels-idx1-ubyte.gz",
            bytes: 4_542,
            sha256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
    ],
    archive: None,
};

static FASHION_MNIST: Source = Source {
    base: "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    files: &[
        Remote {
            name: "train-images-idx3-ubyte.gz",
            bytes: 26_421_880,
            sha256: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        },
        Remote {
            name: "train-labels-idx1-ubyte.gz",
            bytes: 29_515,
            sha256: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        },
        Remote {
            name: "t10k-images-idx3-ubyte.gz",
            bytes: 4_422_102,
            sha256: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        },
        Remote {
            name: "t10k-labels-idx1-ubyte.gz",
            bytes: 5_148,
            sha256: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
    ],
    archive: None,
};

static CIFAR10: Source = Source {
    base: "https://www.cs.toronto.edu/~kriz/",
    files: &[Remote {
        name: "cifar-10-binary.tar.gz",
        bytes: 170_052_171,
        sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    }],
    archive: Some(Limits { entries: 64, bytes: 200_000_000 }),
};

static CIFAR100: Source = Source {
    base: "https://www.cs.toronto.edu/~kriz/",
    files: &[Remote {
        name: "cifar-100-binary.tar.gz",
        bytes: 168_513_733,
        sha256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    }],
    archive: Some(Limits { entries: 64, bytes: 200_000_000 }),
};

/// The version whose shorter side is 320 pixels; images are resized to 256.
static IMAGENETTE: Source = Source {
    base: "https://s3.amazonaws.com/fast-ai-imageclas/",
    files: &[Remote {
        name: "imagenette2-320.tgz",
        bytes: 341_553_947,
        sha256: "5020a9130cea0348272823cb12d2db7e981c6f2afa3dce71ccd5b8013005c55e",
    }],
    archive: Some(Limits { entries: 32_768, bytes: 500_000_000 }),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::specs::ALL;

    #[test]
    fn every_url_is_https_and_every_pin_is_a_sha256() {
        let sources: Vec<_> = ALL.iter().filter_map(|known| of(known)).collect();
        assert_eq!(sources.len(), 5);
        for source in sources {
            assert!(source.base.starts_with("https://") && source.base.ends_with('/'), "{}", source.base);
            for file in source.files {
                let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
                assert!(file.sha256.len() == 64 && file.sha256.bytes().all(is_digit), "{}", file.name);
                assert!(file.bytes > 0 && !file.name.contains('/'), "{}", file.name);
            }
        }
    }

    #[test]
    fn files_that_are_not_archives_have_the_names_of_the_layout() {
        for known in ALL.iter() {
            let Some(source) = of(known).filter(|source| source.archive.is_none()) else { continue };
            let mut expected = known.layout.parts();
            let mut named: Vec<_> =
                source.files.iter().map(|file| file.name.trim_end_matches(".gz").to_owned()).collect();
            expected.sort();
            named.sort();
            assert_eq!(named, expected, "{}", known.name);
        }
    }
}
