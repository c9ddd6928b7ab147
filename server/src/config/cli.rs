//! The options as flags of a subcommand.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use super::load::{ConfigError, Effective, Input};
use super::options::OPTIONS;
use super::setting::Kind;

/// The flags that were given; `#[command(flatten)]` it into a subcommand.
#[derive(Debug, Default)]
pub struct ConfigArgs {
    input: Input,
}

impl ConfigArgs {
    /// The flags together with the environment of the process and the file.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration.
    pub fn load(self) -> Result<Effective, ConfigError> {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Input {
            variables,
            ..self.input
        }
        .load()
    }
}

impl Args for ConfigArgs {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("TOML file with any of these options [env: REALMKEEP_CONFIG]");
        OPTIONS.iter().fold(command.arg(file), |command, option| {
            let mut help = option.text();
            if !option.default.is_empty() {
                help.push_str(&format!(" [default: {}]", option.default));
            }
            let mut arg = Arg::new(option.name)
                .long(option.name)
                .value_name(option.kind.placeholder())
                .help_heading(option.group)
                .help(help);
            if option.kind == Kind::Switch {
                arg = arg
                    .num_args(0..=1)
                    .require_equals(true)
                    .default_missing_value("true");
            }
            if let Kind::Choice(choices) = option.kind {
                arg = arg.value_parser(clap::builder::PossibleValuesParser::new(choices));
            }
            command.arg(arg)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ConfigArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut args = Self::default();
        args.update_from_arg_matches(matches)?;
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.input.file = matches.get_one::<PathBuf>("config").cloned();
        for option in OPTIONS {
            if let Some(value) = matches.get_one::<String>(option.name) {
                self.input
                    .flags
                    .insert(option.name.to_owned(), value.clone());
            }
        }
        Ok(())
    }
}
