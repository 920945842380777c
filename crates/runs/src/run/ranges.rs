//! Range checks for all numeric fields of a config, before anything is opened, allocated or stored.

use std::collections::BTreeSet;
use std::fmt::{Debug, Error as Never};

use models::AdamConfig;
use models::range::Range;
use serde::Serialize;
use serde::ser::{
    Impossible, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, Serializer,
};
use serde_json::Value;

use crate::learner::OPTIMISER;
use crate::learners::RunConfig;
use crate::{Error, Result};

impl RunConfig {
    /// The keys of numeric fields without a range; a test requires that there are none.
    pub fn without_range(&self) -> BTreeSet<String> {
        let numbers = Numbers::of(self).into_iter();
        numbers.filter(|number| number.range.is_none()).map(|number| number.key).collect()
    }

    /// Checks that every value lies in the range of its field, and that one batch can be filled.
    ///
    /// # Errors
    /// [`Error::Usage`] with the key, its value and the range.
    pub fn check(&self) -> Result<()> {
        for Number { key, range, value, text } in Numbers::of(self) {
            if let Some(range) = range.filter(|range| !range.contains(value)) {
                return Err(Error::Usage(format!("`{key}` is {text}: expected a number {range}")));
            }
        }
        self.check_optimiser()?;
        let (batch, train) = (self.batch, self.data.train);
        if batch > train && self.learner.learns() {
            return Err(Error::Usage(format!(
                "`batch` is {batch}: expected at most {train}, the number of training images (`data.train`)"
            )));
        }
        Ok(())
    }

    /// Checks that the optimiser has its default value if the learner has an optimiser of its own, in this config and in
    /// that of the run whose encoder it uses.
    fn check_optimiser(&self) -> Result<()> {
        self.encoder_run().map_or(Ok(()), Self::check_optimiser)?;
        let key = self.learner.optimiser_key();
        match key != OPTIMISER && self.optimiser != AdamConfig::PAPER {
            true => Err(Error::Usage(format!(
                "`{OPTIMISER}` is not used by {}, which has an optimiser of its own; leave `{OPTIMISER}` at its default \
                 and set `{key}`",
                self.learner.label()
            ))),
            false => Ok(()),
        }
    }
}

impl RunConfig {
    /// The range of the field with this key, in words; `None` without such a field or range.
    pub fn range_of(&self, key: &str) -> Option<String> {
        let number = Numbers::of(self).into_iter().find(|number| number.key == key)?;
        number.range.map(|range| range.to_string())
    }
}

/// A numeric field of a config.
struct Number {
    /// Its path, as in `learner.lambda`.
    key: String,
    /// The declared range.
    range: Option<Range>,
    value: f64,
    text: String,
}

/// A serializer that collects the numeric fields of a config, with keys nested as in JSON.
#[derive(Default)]
struct Numbers {
    key: String,
    range: Option<Range>,
    found: Vec<Number>,
}

impl Numbers {
    fn of(config: &RunConfig) -> Vec<Number> {
        let mut numbers = Self::default();
        config.serialize(&mut numbers).expect("a config is serialisable");
        numbers.found
    }

    fn found(&mut self, value: f64, text: &dyn Debug) -> Collected {
        let (key, range) = (self.key.clone(), self.range);
        self.found.push(Number { key, range, value, text: format!("{text:?}") });
        Ok(())
    }

    /// Collects the fields below a name.
    fn below<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Collected {
        let at = self.enter(name);
        value.serialize(&mut *self)?;
        self.key.truncate(at);
        Ok(())
    }

    /// Appends a name to the key; returns the length to restore afterwards.
    fn enter(&mut self, name: &str) -> usize {
        let at = self.key.len();
        if at > 0 {
            self.key.push('.');
        }
        self.key.push_str(name);
        at
    }
}

/// Checks that no value from here down is null: TOML has NaN and infinity, which JSON represents as null.
///
/// # Errors
/// [`Error::Usage`] with the key.
pub fn check_finite(place: &Value, key: &str) -> Result<()> {
    match place {
        Value::Null => Err(Error::Usage(format!("`{key}` is not finite: expected a finite number"))),
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
            check_finite(value, format!("{key}.{name}").trim_start_matches('.'))
        }),
        Value::Array(elements) => elements.iter().try_for_each(|element| check_finite(element, key)),
        _ => Ok(()),
    }
}

type Collected = std::result::Result<(), Never>;
type Begun<'n> = std::result::Result<Parts<'n>, Never>;

/// A sequence or struct being collected; the key is truncated to this length at its end.
struct Parts<'n> {
    numbers: &'n mut Numbers,
    at: usize,
}

macro_rules! numbers {
    ($($method:ident $number:ty),*) => {
        $(fn $method(self, value: $number) -> Collected {
            self.found(value as f64, &value)
        })*
    };
}

impl<'n> Serializer for &'n mut Numbers {
    type Ok = ();
    type Error = Never;
    type SerializeSeq = Parts<'n>;
    type SerializeTuple = Parts<'n>;
    type SerializeStruct = Parts<'n>;
    type SerializeStructVariant = Parts<'n>;
    // No config contains any of these.
    type SerializeTupleStruct = Impossible<(), Never>;
    type SerializeTupleVariant = Impossible<(), Never>;
    type SerializeMap = Impossible<(), Never>;

    numbers!(serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_u8 u8,
        serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_f32 f32, serialize_f64 f64);

    fn serialize_bool(self, _: bool) -> Collected {
        Ok(())
    }

    fn serialize_char(self, _: char) -> Collected {
        Ok(())
    }

    fn serialize_str(self, _: &str) -> Collected {
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Collected {
        Ok(())
    }

    /// Absent optional numbers are skipped in serialization, so `None` stands for a required number that is not set.
    fn serialize_none(self) -> Collected {
        match self.range {
            Some(_) => self.found(f64::NAN, &format_args!("not set")),
            None => Ok(()),
        }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Collected {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Collected {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Collected {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Collected {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Collected {
        let outer = std::mem::replace(&mut self.range, Range::named(name));
        value.serialize(&mut *self)?;
        self.range = outer;
        Ok(())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Collected {
        self.below(variant, value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Begun<'n> {
        let at = self.key.len();
        Ok(Parts { numbers: self, at })
    }

    fn serialize_tuple(self, _: usize) -> Begun<'n> {
        self.serialize_seq(None)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Begun<'n> {
        self.serialize_seq(None)
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, variant: &'static str, _: usize) -> Begun<'n> {
        let at = self.enter(variant);
        Ok(Parts { numbers: self, at })
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> std::result::Result<Self::SerializeTupleStruct, Never> {
        Err(Never)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> std::result::Result<Self::SerializeTupleVariant, Never> {
        Err(Never)
    }

    fn serialize_map(self, _: Option<usize>) -> std::result::Result<Self::SerializeMap, Never> {
        Err(Never)
    }
}

/// Implements the collection of each kind of compound value.
macro_rules! parts {
    ($($kind:ident::$method:ident($numbers:ident $(, $name:ident)?; $value:ident) => $collected:expr;)*) => {
        $(impl $kind for Parts<'_> {
            type Ok = ();
            type Error = Never;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: &'static str,)? $value: &T) -> Collected {
                let $numbers = &mut *self.numbers;
                $collected
            }

            fn end(self) -> Collected {
                self.numbers.key.truncate(self.at);
                Ok(())
            }
        })*
    };
}

parts! {
    SerializeSeq::serialize_element(numbers; value) => value.serialize(numbers);
    SerializeTuple::serialize_element(numbers; value) => value.serialize(numbers);
    SerializeStruct::serialize_field(numbers, name; value) => numbers.below(name, value);
    SerializeStructVariant::serialize_field(numbers, name; value) => numbers.below(name, value);
}
