//! The command line of the program `agon`.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use report::table;

use crate::advise::{self, Advise};
use crate::claims;
use crate::engine::{self, Estimate, Places};
use crate::experiment::Planned;
use crate::reproduce::{Options, Outcome, redraw, reproduce};
use crate::run::Run;
use crate::settings::Setting;
use crate::store::Store;
use crate::{Error, Profile, Result};

/// Width of the verdict table on a terminal of unknown width.
const TABLE_WIDTH: usize = 160;

/// Do classification and reconstruction help or hurt each other inside a shared representation?
///
/// Exit codes: 0 when all runs and exact facts are good, whatever the verdicts on the papers' claims; 1 on a
/// failure; 2 when the command asks for something that does not exist.
#[derive(Parser)]
#[command(name = "agon", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run what is missing, draw the figures, judge the claims, write the page
    Reproduce(Selection),
    /// Draw and judge again from stored results, without data and without a run
    Draw(Selection),
    /// Say what would be run and for how long, and write nothing
    Plan(Selection),
    /// List the experiments and what they show
    List,
    /// Say which masking, if any, should help with your own labelled images: closed forms, no training
    Advise(Advise),
}

#[derive(Args)]
struct Selection {
    /// How much to run: smoke (seconds), quick (minutes) or full (the paper)
    #[arg(long, default_value = "quick")]
    profile: Profile,
    /// Only these experiments, or those of a paper: cre, lbr
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    only: Vec<String>,
    /// Where to look for data sets first
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to write
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Runs at once; as many as there are processors by default
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// The device to train on
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Set one value of the config, as in `seeds=[0,1,2]`; may be given several times
    #[arg(short = 's', long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    // Errors of usage end here with exit code 2.
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Reproduce(selection) => run(&selection),
        Command::Draw(selection) => draw(&selection),
        Command::Plan(selection) => plan(&selection),
        Command::List => {
            for listed in &claims::ALL {
                println!("{}\n    {}", listed.name, listed.shows);
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Advise(asked) => advise::command(&asked),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::from(if matches!(error, Error::Usage(_)) { 2 } else { 1 })
    })
}

fn planned(selection: &Selection) -> Result<Vec<Planned>> {
    let _: tensor::Device =
        selection.device.parse().map_err(|error: tensor::Error| Error::Usage(error.to_string()))?;
    let settings: Vec<Setting> =
        selection.settings.iter().map(|text| text.parse().map_err(Error::Usage)).collect::<Result<_>>()?;
    let listed = claims::named(&selection.only)?;
    listed.into_iter().map(|listed| (listed.plan)(selection.profile, &settings)).collect()
}

fn options(selection: &Selection) -> Options {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Options {
        profile: selection.profile,
        out: selection.out.clone(),
        data: selection.data.clone(),
        places: Places { jobs: selection.jobs.unwrap_or(processors), device: selection.device.clone() },
        settings: selection.settings.clone(),
    }
}

fn run(selection: &Selection) -> Result<ExitCode> {
    let outcome = reproduce(&planned(selection)?, &options(selection))?;
    Ok(said(&outcome))
}

fn draw(selection: &Selection) -> Result<ExitCode> {
    let outcome = redraw(&claims::named(&selection.only)?, &options(selection))?;
    Ok(said(&outcome))
}

/// Prints the verdicts, and fails for exact facts that were missed.
fn said(outcome: &Outcome) -> ExitCode {
    let Outcome { rows, page, images_trained, seconds } = outcome;
    println!("{}", table::text(rows, TABLE_WIDTH));
    if *images_trained > 0.0 {
        let rate = images_trained / seconds;
        println!("trained on {images_trained:.0} images in {seconds:.0} s, {rate:.0} images/s");
    }
    println!("the page: {}", page.display());
    let failures = rows.iter().filter(|row| row.verdict.is_failure()).count();
    if failures > 0 {
        eprintln!("error: {failures} exact fact(s) missed; the rows are marked above");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn plan(selection: &Selection) -> Result<ExitCode> {
    let options = options(selection);
    let planned = planned(selection)?;
    let all: Vec<Run> = planned.iter().flat_map(|planned| planned.runs.clone()).collect();
    let data = engine::open_data(&all, options.data.as_deref())?;
    let folder = options.out.join("runs");
    let store = folder.is_dir().then(|| Store::open(&folder)).transpose()?;
    let (mut estimate, mut known) = (Estimate::new(&data, options.places.device()?), HashSet::new());
    let mut seconds_in_all = 0.0;
    for planned in planned {
        let runs = engine::with_needed(&planned.runs);
        let (mut stored, mut shared, mut absent, mut seconds) = (0, 0, 0, 0.0);
        for run in &runs {
            let Some(images) = data.open.get(&run.config.data) else {
                absent += 1;
                continue;
            };
            let spec = run.spec(images);
            if store.as_ref().map(|store| store.find(&spec)).transpose()?.flatten().is_some() {
                stored += 1;
            } else if !known.insert(spec.key()) {
                shared += 1;
            } else {
                seconds += estimate.seconds(run)?;
            }
        }
        let jobs = options.places.jobs.max(1);
        seconds_in_all += seconds / jobs as f64;
        println!("{}: {}", planned.name, planned.title);
        print!("  {} runs, {stored} stored, {shared} shared with experiments above", runs.len());
        println!(", {absent} without their data; about {:.0} s for {jobs} at once", seconds / jobs as f64);
    }
    for (name, why) in &data.absent {
        println!("{name} is not here: {why}");
    }
    println!("in all about {:.0} minutes of training", (seconds_in_all / 60.0).ceil());
    Ok(ExitCode::SUCCESS)
}
