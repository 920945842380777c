//! Enums with a fixed spelling of each variant in results.

use std::borrow::Cow;

/// The name of a variable of results.
pub trait Named {
    /// The name in results.
    fn name(&self) -> Cow<'static, str>;
}

impl<T: Named> Named for &T {
    fn name(&self) -> Cow<'static, str> {
        (*self).name()
    }
}

/// An enum with a fixed spelling of each variant in results.
pub trait Spelled: Copy + 'static {
    /// All variants.
    const ALL: &'static [Self];

    /// The spelling in results.
    fn as_str(self) -> &'static str;

    /// The variant of this spelling.
    fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|variant| variant.as_str() == text)
    }
}

/// Defines an enum with the spelling of each variant in results.
macro_rules! names {
    ($(#[$of:meta])* $vis:vis $type:ident { $($(#[$doc:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$of])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $type {
            $($(#[$doc])* $variant,)*
        }

        impl $type {
            /// All variants.
            $vis const ALL: &[Self] = &[$(Self::$variant),*];

            /// The spelling in results.
            $vis const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }

        impl $crate::names::Spelled for $type {
            const ALL: &'static [Self] = Self::ALL;

            fn as_str(self) -> &'static str {
                self.as_str()
            }
        }

        impl $crate::names::Named for $type {
            fn name(&self) -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed(self.as_str())
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use names;
