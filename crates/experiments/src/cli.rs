//! The command line of the program `agon`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use report::table;

use crate::claims;
use crate::engine::{self, Places};
use crate::experiment::Planned;
use crate::reproduce::{Options, Outcome, reproduce};
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
    /// Say what would be run, and write nothing
    Plan(Selection),
    /// List the experiments and what they show
    List,
}

#[derive(Args)]
struct Selection {
    /// How much to run: smoke (seconds), quick (minutes) or full (the paper)
    #[arg(long, default_value = "quick")]
    profile: Profile,
    /// Only these experiments
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
        Command::Plan(selection) => plan(&selection),
        Command::List => {
            for listed in &claims::ALL {
                println!("{}\n    {}", listed.name, listed.shows);
            }
            Ok(ExitCode::SUCCESS)
        }
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
    let Outcome { rows, page, images_trained, seconds } =
        reproduce(&planned(selection)?, &options(selection))?;
    println!("{}", table::text(&rows, TABLE_WIDTH));
    if images_trained > 0.0 {
        let rate = images_trained / seconds;
        println!("trained on {images_trained:.0} images in {seconds:.0} s, {rate:.0} images/s");
    }
    println!("the page: {}", page.display());
    let failures = rows.iter().filter(|row| row.verdict.is_failure()).count();
    if failures > 0 {
        eprintln!("error: {failures} exact fact(s) missed; the rows are marked above");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn plan(selection: &Selection) -> Result<ExitCode> {
    let options = options(selection);
    for planned in planned(selection)? {
        let data = engine::open_data(&planned.runs, options.data.as_deref())?;
        let (mut stored, mut flops) = (0, 0.0);
        let folder = options.out.join("runs");
        let store = folder.is_dir().then(|| Store::open(&folder)).transpose()?;
        for run in &planned.runs {
            let images =
                data.get(&run.config.data).ok_or_else(|| Error::Missing(run.config.data.name.clone()))?;
            match &store {
                Some(store) if store.find(&run.spec(images))?.is_some() => stored += 1,
                _ => flops += run.flops()?,
            }
        }
        println!("{}: {}", planned.name, planned.title);
        println!("  {} runs, {stored} of them stored already", planned.runs.len());
        println!("  {:.1} TFLOP to compute, {} runs at once", flops / 1e12, options.places.jobs);
        println!("  config: {}", planned.config);
    }
    Ok(ExitCode::SUCCESS)
}
