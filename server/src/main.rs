//! Realmkeep's identity server, and the commands around it.

mod command;
mod config;
mod console;
mod dev;
mod logging;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use config::{Config, ConfigArgs, Effective};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
#[command(
    name = "realmkeep",
    version,
    about = "Identity server: OpenID Connect and OAuth 2 for people and workloads"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve {
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Create a temporary administrator, named by the bootstrap-admin-* options, while no server runs
    BootstrapAdmin {
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Bring the database's schema up to date, and end
    Migrate {
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Create the realms of a realm export, all of them or none, while no server runs
    Import {
        /// JSON file with one realm or a list of realms, or a folder of such files as Keycloak writes it
        file: PathBuf,
        /// What becomes of a realm that exists already
        #[arg(long, value_enum, default_value = "fail")]
        if_exists: command::transfer::IfExists,
        /// Leave ${NAME} as it is instead of putting the environment's variable there
        #[arg(long)]
        keep_placeholders: bool,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Write a realm as JSON, with secrets, private keys and password hashes, while no server runs
    Export {
        /// Name of the realm
        #[arg(long)]
        realm: String,
        /// What to write
        #[arg(long = "as", value_enum, default_value = "realm")]
        form: command::transfer::ExportForm,
        /// File to create; without it everything goes to standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Print the effective configuration and where each value comes from; secrets are masked
    Config {
        #[command(flatten)]
        config: ConfigArgs,
        /// Print the reference of all options instead
        #[arg(long)]
        markdown: bool,
    },
    /// Run a server on this machine with the resources of a folder, and follow its changes
    Dev(dev::Dev),
    /// Print what would have to change on a server to be as a folder says (exit status 2 if anything)
    Plan(command::plan::Folder),
    /// Change a server to be as a folder says
    Apply(command::plan::Folder),
    /// Administer a running server through its Admin REST API
    Admin(Box<realmkeep_admin_cli::AdminCli>),
    /// Ask a running server on this machine how it is
    Health(command::health::Health),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            let _ = e.print();
            // Status 2 is what `plan` says of a difference.
            return ExitCode::from(u8::from(e.use_stderr()));
        }
    };
    match run(cli.command) {
        Ok(code) => code,
        Err(e) => {
            console::complain(format_args!("{e:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    // One provider for everything in this process.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match command {
        Command::Serve { config } => {
            let config = prepare(config)?;
            runtime(config.worker_threads)?.block_on(serve::run(&config))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::BootstrapAdmin { config } => {
            let config = prepare(config)?;
            runtime(Some(1))?.block_on(async {
                let (data, services) = serve::offline(&config).await?;
                let name = serve::bootstrap_admin(&config, &services).await?;
                data.store.close();
                console::say(format_args!(
                    "administrator {name} created in the realm master"
                ));
                Ok(ExitCode::SUCCESS)
            })
        }
        Command::Migrate { config } => {
            let config = prepare(config)?;
            runtime(Some(1))?.block_on(serve::DataDir::migrate(&config))?;
            console::say("the database's schema is up to date");
            Ok(ExitCode::SUCCESS)
        }
        Command::Import {
            file,
            if_exists,
            keep_placeholders,
            config,
        } => {
            let config = prepare(config)?;
            let import = command::transfer::import(&config, &file, if_exists, !keep_placeholders);
            runtime(Some(1))?.block_on(import)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Export {
            realm,
            form,
            output,
            config,
        } => {
            let config = prepare(config)?;
            let export = command::transfer::export(&config, &realm, form, output.as_ref());
            runtime(Some(1))?.block_on(export)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Config { markdown: true, .. } => {
            console::print(config::markdown());
            Ok(ExitCode::SUCCESS)
        }
        Command::Config { config, .. } => {
            let effective = config.load()?;
            console::print(config::print(&effective));
            for warning in effective.warnings {
                console::complain(warning);
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Dev(dev) => {
            runtime(None)?.block_on(dev.run())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Plan(folder) => {
            quiet()?;
            runtime(Some(1))?.block_on(folder.plan())
        }
        Command::Apply(folder) => {
            quiet()?;
            runtime(Some(1))?.block_on(folder.apply())
        }
        Command::Admin(admin) => runtime(Some(1))?.block_on(admin.run()),
        Command::Health(health) => runtime(Some(1))?.block_on(health.run()),
    }
}

/// Reads the configuration and starts logging.
fn prepare(args: ConfigArgs) -> anyhow::Result<Config> {
    let Effective {
        config, warnings, ..
    } = args.load()?;
    logging::init(&config.log_level, config.log_format)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(config)
}

/// Logging for commands that print what they have to say.
fn quiet() -> anyhow::Result<()> {
    logging::init(&config::LogFilter("warn".into()), config::LogFormat::Text)
}

/// `threads`: those that serve requests; one for every processor when None.
fn runtime(threads: Option<usize>) -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    builder.enable_all().build().context("the runtime")
}
