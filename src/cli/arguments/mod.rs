//! The command line: settings and commands.

mod key;

use std::ffi::OsString;

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use self::key::{CreateKey, KeyMode, KeyType};
use crate::config::{Problem, Settings, environment};

/// A self-hosted transactional email API server.
///
/// With no command and no settings it starts everything on 127.0.0.1:8080, with a database of its own in ./data.
/// A setting is a flag, an environment variable, or a line of a .env file in the working directory.
#[derive(Parser, Debug)]
#[command(name = "posthaste", version, args_override_self = true)]
pub struct Arguments {
    /// What to do; to serve if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Taken before and after the command.
    #[command(flatten)]
    pub settings: Settings,
}

/// What the program can do.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Take requests, deliver mails (the default)
    Serve,
    /// Bring the database's schema up to date, and stop
    Migrate,
    /// Make, list and revoke API keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Make and list projects
    #[command(subcommand)]
    Projects(ProjectsCommand),
    /// List people, and make the links that let them in
    #[command(subcommand)]
    Users(UsersCommand),
    /// Check settings, database and relay, and say what to mend
    Doctor,
}

/// What can be done with API keys.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub enum KeysCommand {
    /// Make a key and print it: the only time that it can be seen
    Create(Box<CreateKey>),
    /// List the keys of all projects, without their secrets
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key: it sends nothing from then on
    Revoke {
        /// The key's id, as the list shows it
        id: String,
    },
}

/// What can be done with projects.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub enum ProjectsCommand {
    /// Make a project and print its id
    Create {
        /// What to call it
        #[arg(long)]
        name: String,
    },
    /// List all projects with their ids
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// What can be done with people.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub enum UsersCommand {
    /// Print the link by which the first owner joins: good once, for a day
    SetUpLink,
    /// Print a link by which somebody chooses another password: good once, for an hour
    ResetLink {
        /// The address that the person signs in with
        email: String,
    },
    /// Take somebody's second factor away, who has lost it and all recovery codes
    DisableTotp {
        /// The address that the person signs in with
        email: String,
    },
    /// List who may sign in
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Why the command line could not be read.
#[derive(Debug)]
pub enum Unreadable {
    /// Not arguments of ours, or a question for `--help` or `--version`: `exit` says so and ends the process.
    Arguments(clap::Error),
    /// Not settings of ours: everything that is wrong with them, those that could be read included.
    Settings(Vec<Problem>),
}

impl Arguments {
    /// Reads the arguments (the program's name first), the environment, and the text of a `.env` file if there is one.
    pub fn read(
        arguments: impl IntoIterator<Item = OsString>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        dotenv: Option<&str>,
    ) -> Result<Self, Unreadable> {
        let command = Self::command();
        let typed = arguments.into_iter().collect::<Vec<_>>();
        let (flags, mut problems) = environment::flags(&command, environment, dotenv);
        let (program, rest) = match typed.split_first() {
            Some((program, rest)) => (program.clone(), rest),
            None => ("posthaste".into(), &[][..]),
        };
        let all = std::iter::once(program).chain(flags).chain(rest.iter().cloned());
        let mut matches = deaf(&command).try_get_matches_from(all).map_err(|error| {
            // Help names the variables, so it comes from the command that knows them.
            let help = (error.kind() == ErrorKind::DisplayHelp)
                .then(|| command.try_get_matches_from(&typed).err());
            Unreadable::Arguments(help.flatten().unwrap_or(error))
        })?;
        let arguments = Self::from_arg_matches_mut(&mut matches).map_err(Unreadable::Arguments)?;
        if problems.is_empty() {
            return Ok(arguments);
        }
        problems.extend(arguments.settings.validate().err().unwrap_or_default());
        Err(Unreadable::Settings(problems))
    }
}

/// The command without its variables: they are among the flags by now, and clap would read those of the process again.
fn deaf(command: &clap::Command) -> clap::Command {
    command.clone().mut_args(|argument| argument.env(Resettable::Reset))
}

#[cfg(test)]
mod tests;
