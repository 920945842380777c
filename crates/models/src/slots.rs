//! Optimiser state: one entry for each distinct parameter of a list.

use std::collections::HashMap;

use autograd::{Gradients, Param};
use tensor::{Tensor, Update};

use crate::weights::fitting;
use crate::{Error, Result};

/// `R` tensors for each distinct parameter of a fixed list. A parameter that occurs in the list more than once (tied
/// weights) has one state and is updated once.
#[derive(Debug)]
pub(crate) struct Slots<const R: usize> {
    optimiser: &'static str,
    /// The parameters of the original list, by [`Param::id`].
    ids: Vec<u64>,
    /// For each entry of the list, the index of its parameter among the distinct ones.
    of_entries: Vec<usize>,
    /// The first name of each distinct parameter in the list.
    names: Vec<String>,
    state: Vec<[Tensor; R]>,
}

impl<const R: usize> Slots<R> {
    /// Creates a zero state; `optimiser` appears in errors.
    pub(crate) fn new(optimiser: &'static str, params: &[(String, &Param)]) -> Self {
        let of_entries = indices(params);
        let (mut names, mut state) = (Vec::new(), Vec::new());
        for ((name, param), &slot) in params.iter().zip(&of_entries) {
            if slot == names.len() {
                let value = param.value();
                names.push(name.clone());
                state.push([(); R].map(|()| Tensor::zeros(value.shape(), value.dtype())));
            }
        }
        let ids = params.iter().map(|(_, param)| param.id()).collect();
        Self { optimiser, ids, of_entries, names, state }
    }

    /// Applies `of` to the name and the shape of each distinct parameter.
    pub(crate) fn map<T>(&self, of: impl Fn(&str, &[usize]) -> T) -> Vec<T> {
        self.names.iter().zip(&self.state).map(|(name, state)| of(name, state[0].shape())).collect()
    }

    /// The distinct parameters of a list, in the order of the slots.
    ///
    /// # Errors
    /// [`Error::OtherParams`] unless the list matches the original one.
    fn distinct<'a>(&self, params: &[(String, &'a Param)]) -> Result<Vec<&'a Param>> {
        let refused = |expected: String, got: String| {
            Err(Error::OtherParams { optimiser: self.optimiser, expected, got })
        };
        if params.len() != self.of_entries.len() {
            return refused(format!("{} parameters", self.of_entries.len()), params.len().to_string());
        }
        let mut distinct: Vec<&Param> = Vec::with_capacity(self.state.len());
        if params.iter().zip(&self.ids).all(|((_, param), &id)| param.id() == id) {
            for ((_, param), &slot) in params.iter().zip(&self.of_entries) {
                if slot == distinct.len() {
                    distinct.push(param);
                }
            }
            return Ok(distinct);
        }
        // A list of other parameters is accepted if the same entries are tied.
        for ((slot, &expected), (name, param)) in indices(params).iter().zip(&self.of_entries).zip(params) {
            if *slot != expected {
                // A lower index means that an earlier entry has this parameter, a higher one that an earlier entry
                // should have it.
                let (expected, got) = match *slot < expected {
                    true => (format!("`{name}` once"), "it twice".into()),
                    false => {
                        (format!("`{name}` tied to `{}`", self.names[expected]), "two parameters".into())
                    }
                };
                return refused(expected, got);
            }
            if expected == distinct.len() {
                let (own, value) = (&self.state[expected][0], param.value());
                if own.shape() != value.shape() || own.dtype() != value.dtype() {
                    let words = |tensor: &Tensor| format!("{} {:?}", tensor.dtype(), tensor.shape());
                    return refused(format!("`{name}` of {}", words(own)), words(&value));
                }
                distinct.push(param);
            }
        }
        Ok(distinct)
    }

    /// Moves the state to the current device of each parameter.
    ///
    /// # Errors
    /// If the list differs, or a device fails or is out of memory.
    pub(crate) fn move_to_devices(&mut self, params: &[(String, &Param)]) -> Result<()> {
        for (param, state) in self.distinct(params)?.into_iter().zip(&mut self.state) {
            let device = param.value().device();
            for tensor in state {
                *tensor = tensor.to_device(&device)?;
            }
        }
        Ok(())
    }

    /// The state of each distinct parameter, named after the parameter with these suffixes.
    pub(crate) fn stored(&self, suffixes: [&str; R]) -> Vec<(String, Tensor)> {
        let of_slot = |(name, state): (&String, &[Tensor; R])| {
            let named = suffixes.iter().zip(state);
            named.map(|(suffix, tensor)| (format!("{name}.{suffix}"), tensor.clone())).collect::<Vec<_>>()
        };
        self.names.iter().zip(&self.state).flat_map(of_slot).collect()
    }

    /// The stored state, as from [`Slots::stored`], on the current device of each parameter.
    ///
    /// # Errors
    /// [`Error::State`] if a tensor is missing or does not match; [`Error::OtherParams`] if the list differs.
    pub(crate) fn fitting(
        &self,
        params: &[(String, &Param)],
        suffixes: [&str; R],
        stored: impl Fn(&str) -> Option<Tensor>,
    ) -> Result<Vec<[Tensor; R]>> {
        let mut all = Vec::with_capacity(self.state.len());
        for ((param, name), own) in self.distinct(params)?.into_iter().zip(&self.names).zip(&self.state) {
            let device = param.value().device();
            let mut state = own.clone();
            for (tensor, suffix) in state.iter_mut().zip(suffixes) {
                let name = format!("{name}.{suffix}");
                *tensor = fitting(&name, tensor, stored(&name))?.to_device(&device)?;
            }
            all.push(state);
        }
        Ok(all)
    }

    /// Sets the state to one returned by [`Slots::fitting`].
    pub(crate) fn set(&mut self, state: Vec<[Tensor; R]>) {
        self.state = state;
    }

    /// Updates each distinct parameter once. Parameter `i` is updated by kernel `which[i]`, or by the first kernel if
    /// `which` has no entry for it. On a GPU there is one launch for each kernel.
    ///
    /// # Errors
    /// If the list differs, or a parameter has no gradient; in these cases no parameter has changed.
    pub(crate) fn step<K, const S: usize>(
        &mut self,
        kernels: &[K],
        which: &[usize],
        params: &[(String, &Param)],
        gradients: &Gradients,
    ) -> Result<()>
    where
        K: Update<S, 1>,
    {
        const { assert!(S == 1 + R, "the value and its state") };
        let params = self.distinct(params)?;
        let gradients = params.iter().map(|param| Ok(gradients.param(param)?)).collect::<Result<Vec<_>>>()?;
        let mut values: Vec<_> = params.iter().map(|param| param.write()).collect();
        let mut groups: Vec<Vec<_>> = kernels.iter().map(|_| Vec::new()).collect();
        for (slot, ((value, state), gradient)) in
            values.iter_mut().zip(&mut self.state).zip(gradients).enumerate()
        {
            let mut tensors = std::iter::once(&mut **value).chain(state);
            let tensors =
                std::array::from_fn(|_| tensors.next().expect("one for each tensor of the kernel's state"));
            groups[which.get(slot).copied().unwrap_or(0)].push((tensors, [gradient]));
        }
        for (kernel, group) in kernels.iter().zip(groups) {
            tensor::update_all(kernel, group)?;
        }
        Ok(())
    }
}

/// For each entry of a list, the index of its parameter among the distinct ones.
fn indices(params: &[(String, &Param)]) -> Vec<usize> {
    let mut known: HashMap<u64, usize> = HashMap::new();
    let index = |(_, param): &(String, &Param)| {
        let next = known.len();
        *known.entry(param.id()).or_insert(next)
    };
    params.iter().map(index).collect()
}

/// Returns an error if two lists with separate optimisers share a parameter, which would be updated twice.
///
/// # Errors
/// [`Error::Shared`] with both names.
pub(crate) fn refuse_shared<'a>(
    lists: impl IntoIterator<Item = (&'a str, Vec<(String, &'a Param)>)>,
) -> Result<()> {
    let mut known: HashMap<u64, (&str, String)> = HashMap::new();
    for (part, params) in lists {
        for (name, param) in params {
            match known.get(&param.id()) {
                Some((other, first)) if *other != part => {
                    return Err(Error::Shared {
                        first: format!("{other}.{first}"),
                        second: format!("{part}.{name}"),
                    });
                }
                _ => drop(known.insert(param.id(), (part, name))),
            }
        }
    }
    Ok(())
}
