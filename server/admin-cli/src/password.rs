//! `set-password`.

use anyhow::{Context, bail};
use clap::Args;
use reqwest::Method;
use serde_json::json;
use zeroize::Zeroizing;

use crate::connection::Connection;
use crate::{Common, Target, resource};

#[derive(Debug, Args)]
pub(crate) struct SetPassword {
    /// The user, by name
    #[arg(
        long,
        value_name = "NAME",
        required_unless_present = "userid",
        conflicts_with = "userid"
    )]
    username: Option<String>,
    /// The user, by id
    #[arg(long, value_name = "ID")]
    userid: Option<String>,
    /// The new password; `-`, or none, asks for it
    #[arg(
        short = 'p',
        long,
        value_name = "PASSWORD",
        env = "KC_CLI_NEW_PASSWORD",
        hide_env_values = true
    )]
    new_password: Option<String>,
    /// The user has to choose another one at the next login
    #[arg(short, long)]
    temporary: bool,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    common: Common,
}

impl SetPassword {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let password = Zeroizing::new(match self.new_password.as_deref() {
            None | Some("-") => rpassword::prompt_password("Enter password: ")
                .context("there is no terminal to ask on: give --new-password")?,
            Some(password) => password.to_owned(),
        });
        if password.is_empty() {
            bail!("the password is empty");
        }
        let connection = Connection::open(&self.common, &self.target).await?;
        let id = match (self.userid, &self.username) {
            (Some(id), _) => id,
            (None, Some(name)) => resource::user_id(&connection, name).await?,
            (None, None) => bail!("name the user: --username or --userid"),
        };
        let body =
            json!({ "type": "password", "value": password.as_str(), "temporary": self.temporary });
        let url = connection.below_realm(&["users", &id, "reset-password"])?;
        connection
            .send(Method::PUT, url, &[], Some(serde_json::to_vec(&body)?))
            .await?;
        Ok(())
    }
}
