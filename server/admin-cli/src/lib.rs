//! `realmkeep admin`: the Admin REST API from a shell, with the verbs and options of Keycloak's
//! kcadm, so that scripts written for it run (guide, "Admin CLI", from line 9740).

mod assignments;
mod configuration;
mod connection;
mod crud;
mod login;
mod output;
mod password;
mod resource;
mod roles;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

/// Administer a server through its Admin REST API
#[derive(Debug, Args)]
pub struct AdminCli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Log in, or say whom to trust; kept in a file between invocations
    #[command(subcommand)]
    Config(configuration::Command),
    /// Create an object
    Create(crud::Create),
    /// Read an object or a list
    Get(crud::Get),
    /// Change an object
    Update(crud::Update),
    /// Delete an object
    Delete(crud::Delete),
    /// List the roles of a user, group or composite role, or what could be added
    GetRoles(roles::GetRoles),
    /// Give roles to a user, a group or a composite role
    AddRoles(roles::ChangeRoles),
    /// Take roles from a user, a group or a composite role
    RemoveRoles(roles::ChangeRoles),
    /// Set a user's password
    SetPassword(password::SetPassword),
}

/// What every command takes.
#[derive(Debug, Args, Default)]
pub(crate) struct Common {
    /// File that keeps the login [default: ~/.realmkeep/admin.config]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Keep nothing: log in for this command alone
    #[arg(long, conflicts_with = "config")]
    no_config: bool,
    /// URL of the server, what comes before /realms and /admin
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Realm to log in to
    #[arg(long, value_name = "REALM")]
    realm: Option<String>,
    /// Administrator to log in as
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The administrator's password; `-`, or none, asks for it
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "KC_CLI_PASSWORD",
        hide_env_values = true
    )]
    password: Option<String>,
    /// Client to log in with: admin-cli, or one with a service account
    #[arg(long, value_name = "CLIENT")]
    client: Option<String>,
    /// The client's secret; `-` asks for it
    #[arg(
        long,
        value_name = "SECRET",
        env = "KC_CLI_CLIENT_SECRET",
        hide_env_values = true
    )]
    secret: Option<String>,
    /// PEM file with the client's private key, for a signed JWT instead of a secret
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Id of that key [default: its RFC 7638 thumbprint]
    #[arg(long, value_name = "KID", requires = "key")]
    kid: Option<String>,
    /// File with a token of a trusted issuer, such as a projected service account token
    #[arg(long, value_name = "FILE")]
    assertion_file: Option<PathBuf>,
    /// An access token, used as it is
    #[arg(
        long,
        value_name = "TOKEN",
        env = "KC_CLI_TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,
    /// PEM file with certificate authorities to trust besides the system's
    #[arg(long, value_name = "FILE")]
    truststore: Option<PathBuf>,
}

/// Which realm an object lies in.
#[derive(Debug, Args, Default)]
pub(crate) struct Target {
    /// Realm to work on [default: the one logged in to]
    #[arg(short = 'r', long = "target-realm", value_name = "REALM")]
    target_realm: Option<String>,
    /// Root of the Admin API [default: SERVER/admin]
    #[arg(short = 'a', long, value_name = "URL")]
    admin_root: Option<String>,
}

impl AdminCli {
    /// # Errors
    /// What the server refused, in its words, or what is wrong with the command.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Config(command) => command.run().await?,
            Command::Create(command) => command.run().await?,
            Command::Get(command) => command.run().await?,
            Command::Update(command) => command.run().await?,
            Command::Delete(command) => command.run().await?,
            Command::GetRoles(command) => command.run().await?,
            Command::AddRoles(command) => command.run(roles::Change::Add).await?,
            Command::RemoveRoles(command) => command.run(roles::Change::Remove).await?,
            Command::SetPassword(command) => command.run().await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::AdminCli;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        admin: AdminCli,
    }

    /// The guide's own examples can be typed.
    #[test]
    fn the_command_line() {
        Program::command().debug_assert();
        for line in [
            "admin config credentials --server https://localhost:8443 --realm demo --user admin --client admin",
            "admin create realms -s realm=demorealm -s enabled=true -o",
            "admin create clients -r demorealm -s clientId=my_client -s redirectUris=[\"http://localhost:8980/myapp/*\"] -i",
            "admin get clients/5/installation/providers/keycloak-oidc-keycloak-json",
            "admin config truststore --trustpass secret truststore.pem",
            "admin get-roles -r demo --uusername alice --effective",
            "admin add-roles -r demo --uusername alice --cclientid realm-management --rolename realm-admin",
            "admin set-password -r demo --username alice --new-password x -t",
            "admin update realms/demo -s enabled=false -d attributes.x",
            "admin delete clients/5 -r demo",
        ] {
            Program::try_parse_from(line.split(' ')).unwrap();
        }
    }
}
