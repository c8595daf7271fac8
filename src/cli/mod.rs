//! The commands.

pub mod arguments;
mod doctor;
mod keys;
mod projects;
mod serve;
mod users;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;

use self::arguments::{Arguments, Command, Unreadable};
use crate::app::Database;
use crate::config::{Config, Problem};
use crate::telemetry;

/// Reads the command line and the environment, and does what they say.
pub fn run() -> ExitCode {
    let (command, config) = match read() {
        Ok(read) => read,
        Err(code) => return code,
    };
    let done =
        telemetry::install_logs(config.log_format, config.log_level.clone()).and_then(|()| {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(execute(command, config))
        });
    match done {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn read() -> Result<(Command, Config), ExitCode> {
    let dotenv = match std::fs::read_to_string(".env") {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            complain(&format!("error: .env cannot be read: {error}"));
            return Err(ExitCode::from(2));
        }
    };
    #[expect(clippy::disallowed_methods, reason = "this is where settings are read, once")]
    let environment = std::env::vars_os();
    let arguments = match Arguments::read(std::env::args_os(), environment, dotenv.as_deref()) {
        Ok(arguments) => arguments,
        Err(Unreadable::Arguments(error)) => error.exit(),
        Err(Unreadable::Settings(problems)) => return Err(refuse(&problems)),
    };
    let config = arguments.settings.validate().map_err(|problems| refuse(&problems))?;
    Ok((arguments.command.unwrap_or(Command::Serve), config))
}

fn refuse(problems: &[Problem]) -> ExitCode {
    for problem in problems {
        complain(&format!("error: {problem}"));
    }
    complain("nothing was started; `posthaste --help` explains every setting");
    ExitCode::from(2)
}

async fn execute(command: Command, config: Config) -> Result<ExitCode> {
    match command {
        Command::Serve => serve::serve(config).await?,
        Command::Migrate => {
            Database::open_beside(&config).await?.close().await;
            say("The database's schema is up to date.")?;
        }
        Command::Keys(command) => keys::run(&config, command).await?,
        Command::Projects(command) => projects::run(&config, command).await?,
        Command::Users(command) => users::run(&config, command).await?,
        Command::Doctor => return doctor::run(&config).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// Answers of commands go to standard output; the log has standard error.
fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        // `posthaste keys list | head -1` is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        said => said,
    }
}

fn complain(text: &str) {
    // Nobody is left to be told if this fails.
    let _ = writeln!(io::stderr().lock(), "{text}");
}
