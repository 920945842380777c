//! Selects the runs that fit into a given time on one GPU; the estimate needs no GPU.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;
use system::text;

use super::runs_on;
use crate::error::Result;
use crate::output::{duration, print_json, print_text, print_wrapped};
use crate::program;
use experiments::experiment::Planned;
use experiments::options::Options;
use runs::images::OpenData;
use runs::local::{self, Data, Estimate, Rates};
use runs::training::Hardware;

/// The runs of an experiment with one of its seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Block {
    experiment: &'static str,
    seed: u64,
    /// The number of runs that no chosen earlier block contains.
    runs: usize,
    seconds: f64,
    /// Whether the block fits into the time that chosen earlier blocks leave.
    fits: bool,
}

pub(super) fn command(
    planned: &[Planned],
    options: &Options,
    minutes: f64,
    is_json: bool,
) -> Result<ExitCode> {
    let rates = Rates::H200;
    let data = Data { open: OpenData::new(), missing: BTreeMap::new() };
    let mut estimate = Estimate::at(&data, rates);
    let mut seconds = HashMap::new();
    let mut blocks = Vec::new();
    let n_seeds = planned.iter().map(|planned| planned.grid.seeds.len()).max().unwrap_or(0);
    for place in 0..n_seeds {
        for planned in planned {
            let Some(&seed) = planned.grid.seeds.get(place) else { continue };
            let of_seed: Vec<_> = planned.runs.iter().filter(|run| run.seed == seed).cloned().collect();
            let mut names = Vec::new();
            for run in runs_on(Hardware::Cuda, &of_seed) {
                // Closed forms are computed on a CPU.
                if run.config.learner.learns() {
                    let name = local::name(&run);
                    if !seconds.contains_key(&name) {
                        seconds.insert(name.clone(), estimate.seconds(&run)?);
                    }
                    names.push(name);
                }
            }
            blocks.push((planned.experiment.info().name, seed, names));
        }
    }
    let blocks = chosen(blocks, &seconds, 60.0 * minutes);
    let total = |fits: bool| {
        let of = blocks.iter().filter(|block| block.fits == fits);
        of.fold((0, 0.0), |(runs, seconds), block| (runs + block.runs, seconds + block.seconds))
    };
    let ((n_runs, in_all), (n_left, left)) = (total(true), total(false));
    let commands = commands(&blocks, options);
    if is_json {
        print_json(&json!({
            "minutes": minutes, "peak_flops": rates.flops, "peak_bytes": rates.bytes,
            "efficiency": rates.efficiency, "seconds_per_kernel": rates.launch, "blocks": blocks,
            "runs": n_runs, "seconds": in_all, "runs_left": n_left, "seconds_left": left, "commands": commands,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    print_wrapped(&format!(
        "{minutes} min on one H200: an estimate, nothing was measured\n  assumed: {:.0} % of {:.0} TFLOP/s (f32) and of {:.1} TB/s, {:.0} µs per kernel, one run \
         after another; closed forms need no GPU and are left out\n",
        100.0 * rates.efficiency,
        rates.flops / 1e12,
        rates.bytes / 1e12,
        1e6 * rates.launch
    ))?;
    let mut until = 0.0;
    for (place, block) in blocks.iter().filter(|block| block.fits && block.runs > 0).enumerate() {
        until += block.seconds;
        let Block { experiment, seed, runs, .. } = block;
        let (runs, until) = (text::count(*runs, "run"), duration(until));
        print_wrapped(&format!(
            "{:>3}. {experiment}, seed {seed}\n     {runs}, done after {until}\n",
            place + 1
        ))?;
    }
    let n = text::count(n_runs, "run");
    print_wrapped(&format!("{n} in {}; {n_left} more would take {}\n", duration(in_all), duration(left)))?;
    for command in commands {
        print_text(&format!("  {command}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The blocks in this order; a block is chosen if its runs that no chosen block contains yet fit into the remaining
/// time.
fn chosen(
    blocks: Vec<(&'static str, u64, Vec<String>)>,
    seconds: &HashMap<String, f64>,
    mut rest: f64,
) -> Vec<Block> {
    let mut known = HashSet::new();
    let each = blocks.into_iter().map(|(experiment, seed, names)| {
        let new: Vec<String> = names.into_iter().filter(|name| !known.contains(name)).collect();
        let needed: f64 = new.iter().map(|name| seconds[name]).sum();
        let (runs, fits) = (new.len(), needed <= rest);
        if fits {
            rest -= needed;
            known.extend(new);
        }
        Block { experiment, seed, runs, seconds: needed, fits }
    });
    each.collect()
}

/// The commands that compute the chosen blocks: experiments with equally many seeds share one.
fn commands(blocks: &[Block], options: &Options) -> Vec<String> {
    let mut seeds: Vec<(&str, Vec<String>)> = Vec::new();
    for Block { experiment, seed, .. } in blocks.iter().filter(|block| block.fits && block.runs > 0) {
        match seeds.iter_mut().find(|(name, _)| name == experiment) {
            Some((_, seeds)) => seeds.push(seed.to_string()),
            None => seeds.push((experiment, vec![seed.to_string()])),
        }
    }
    let mut together: Vec<(Vec<String>, Vec<&str>)> = Vec::new();
    for (name, seeds) in seeds {
        match together.iter_mut().find(|(of, _)| *of == seeds) {
            Some((_, names)) => names.push(name),
            None => together.push((seeds, vec![name])),
        }
    }
    let (profile, device) = (options.profile, &options.resources.device);
    let each = together.into_iter().map(|(seeds, names)| {
        format!(
            "{} --profile {profile} --device {device} --only {} -s 'seeds=[{}]'",
            program::reproduce(),
            names.join(","),
            seeds.join(",")
        )
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_chosen_if_its_new_runs_fit_into_the_rest_of_the_time() {
        let seconds = [("a", 10.0), ("b", 20.0), ("c", 100.0), ("d", 5.0)];
        let seconds = seconds.map(|(name, seconds)| (name.to_owned(), seconds)).into();
        let block =
            |name, seed, runs: &[&str]| (name, seed, runs.iter().map(|run| run.to_string()).collect());
        let blocks = vec![
            block("first", 0, &["a", "b"]),
            block("second", 0, &["b", "c"]),
            block("third", 0, &["b", "d"]),
            block("second", 1, &["c", "d"]),
        ];
        let got = chosen(blocks, &seconds, 36.0);
        let got: Vec<_> = got.iter().map(|block| (block.runs, block.seconds, block.fits)).collect();
        // 30 s, then 6 s are left: not for the 100 s of `c`, but for the 5 s of `d`, since `b` is computed already.
        assert_eq!(got, [(2, 30.0, true), (1, 100.0, false), (1, 5.0, true), (1, 100.0, false)]);
    }
}
