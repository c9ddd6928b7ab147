//! `get-roles`, `add-roles`, `remove-roles`.

use anyhow::{Context, bail};
use clap::Args;
use reqwest::Method;
use serde_json::Value;

use crate::connection::Connection;
use crate::crud::say;
use crate::output::{Fields, Format, csv, pretty};
use crate::{Common, Target, resource};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Add,
    Remove,
}

/// Whose roles.
#[derive(Debug, Args)]
struct Holder {
    /// A user, by name
    #[arg(long, value_name = "NAME", group = "holder")]
    uusername: Option<String>,
    /// A user, by id
    #[arg(long, value_name = "ID", group = "holder")]
    uid: Option<String>,
    /// A group, by name
    #[arg(long, value_name = "NAME", group = "holder")]
    gname: Option<String>,
    /// A group, by path
    #[arg(long, value_name = "PATH", group = "holder")]
    gpath: Option<String>,
    /// A group, by id
    #[arg(long, value_name = "ID", group = "holder")]
    gid: Option<String>,
    /// A composite role, by name
    #[arg(long, value_name = "NAME", group = "holder")]
    rname: Option<String>,
    /// A composite role, by id
    #[arg(long, value_name = "ID", group = "holder")]
    rid: Option<String>,
    /// Roles of this client, by clientId
    #[arg(long, value_name = "CLIENT", conflicts_with = "cid")]
    cclientid: Option<String>,
    /// Roles of this client, by id
    #[arg(long, value_name = "ID")]
    cid: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct GetRoles {
    #[command(flatten)]
    holder: Holder,
    /// One role, by name
    #[arg(long, value_name = "NAME", conflicts_with = "roleid")]
    rolename: Option<String>,
    /// One role, by id
    #[arg(long, value_name = "ID")]
    roleid: Option<String>,
    /// Roles that could be added
    #[arg(long, group = "which")]
    available: bool,
    /// With what composite roles bring
    #[arg(long, group = "which")]
    effective: bool,
    /// Realm roles and those of all clients
    #[arg(long, group = "which")]
    all: bool,
    /// Only these fields, as `id,name`
    #[arg(short = 'F', long, value_name = "FIELDS")]
    fields: Option<String>,
    #[arg(long, value_enum, default_value = "json")]
    format: Format,
    /// CSV without quotes
    #[arg(long)]
    noquotes: bool,
    /// Without line breaks
    #[arg(short, long)]
    compressed: bool,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct ChangeRoles {
    #[command(flatten)]
    holder: Holder,
    /// A role, by name; may be repeated
    #[arg(long, value_name = "NAME")]
    rolename: Vec<String>,
    /// A role, by id; may be repeated
    #[arg(long, value_name = "ID")]
    roleid: Vec<String>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    common: Common,
}

impl GetRoles {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let connection = Connection::open(&self.common, &self.target).await?;
        let client = self.holder.client(&connection).await?;
        let found = match (&self.rolename, &self.roleid) {
            (Some(name), _) => named(&connection, client.as_deref(), name).await?,
            (None, Some(id)) => connection.read(&["roles-by-id", id], &[]).await?,
            (None, None) => self.listed(&connection, client.as_deref()).await?,
        };
        let found = match &self.fields {
            Some(fields) => Fields::parse(fields)?.select(found),
            None => found,
        };
        say(&match self.format {
            Format::Csv => csv(&found, !self.noquotes),
            Format::Json if self.compressed => found.to_string(),
            Format::Json => pretty(&found),
        })
    }

    async fn listed(&self, connection: &Connection, client: Option<&str>) -> anyhow::Result<Value> {
        let Some(mut path) = self.holder.path(connection).await? else {
            // Of nobody: the roles that there are.
            return match client {
                Some(client) => connection.read(&["clients", client, "roles"], &[]).await,
                None => connection.read(&["roles"], &[]).await,
            };
        };
        let composite = path.first().map(String::as_str) == Some("roles-by-id");
        match (composite, client) {
            _ if self.all => {}
            (true, Some(client)) => path.extend(["clients".to_owned(), client.to_owned()]),
            (true, None) => path.push("realm".to_owned()),
            (false, Some(client)) => path.extend(["clients".to_owned(), client.to_owned()]),
            (false, None) => path.push("realm".to_owned()),
        }
        if self.available || self.effective {
            if composite {
                bail!("--available and --effective are for users and groups");
            }
            path.push(
                if self.available {
                    "available"
                } else {
                    "composite"
                }
                .to_owned(),
            );
        }
        let segments: Vec<&str> = path.iter().map(String::as_str).collect();
        connection.read(&segments, &[]).await
    }
}

impl ChangeRoles {
    pub(crate) async fn run(self, change: Change) -> anyhow::Result<()> {
        if self.rolename.is_empty() && self.roleid.is_empty() {
            bail!("name the roles: --rolename NAME or --roleid ID");
        }
        let connection = Connection::open(&self.common, &self.target).await?;
        let client = self.holder.client(&connection).await?;
        let Some(mut path) = self.holder.path(&connection).await? else {
            bail!("say whose roles: --uusername, --uid, --gname, --gpath, --gid, --rname or --rid");
        };
        let mut roles = Vec::new();
        for name in &self.rolename {
            roles.push(named(&connection, client.as_deref(), name).await?);
        }
        for id in &self.roleid {
            roles.push(connection.read(&["roles-by-id", id], &[]).await?);
        }
        if path.first().map(String::as_str) != Some("roles-by-id") {
            match client {
                Some(client) => path.extend(["clients".to_owned(), client]),
                None => path.push("realm".to_owned()),
            }
        }
        let segments: Vec<&str> = path.iter().map(String::as_str).collect();
        let method = if change == Change::Add {
            Method::POST
        } else {
            Method::DELETE
        };
        connection
            .send(
                method,
                connection.below_realm(&segments)?,
                &[],
                Some(serde_json::to_vec(&roles)?),
            )
            .await?;
        Ok(())
    }
}

impl Holder {
    async fn client(&self, connection: &Connection) -> anyhow::Result<Option<String>> {
        match (&self.cclientid, &self.cid) {
            (Some(name), _) => resource::client_id(connection, name).await.map(Some),
            (None, id) => Ok(id.clone()),
        }
    }

    /// The address of the holder's roles; None when nobody was named.
    async fn path(&self, connection: &Connection) -> anyhow::Result<Option<Vec<String>>> {
        let of =
            |kind: &str, id: String, what: &str| Some(vec![kind.to_owned(), id, what.to_owned()]);
        Ok(if let Some(name) = &self.uusername {
            of(
                "users",
                resource::user_id(connection, name).await?,
                "role-mappings",
            )
        } else if let Some(id) = &self.uid {
            of("users", id.clone(), "role-mappings")
        } else if let Some(name) = &self.gname {
            of(
                "groups",
                resource::group_id(connection, name).await?,
                "role-mappings",
            )
        } else if let Some(path) = &self.gpath {
            of(
                "groups",
                resource::group_id_by_path(connection, path).await?,
                "role-mappings",
            )
        } else if let Some(id) = &self.gid {
            of("groups", id.clone(), "role-mappings")
        } else if let Some(name) = &self.rname {
            let role = named(connection, None, name).await?;
            let id = role
                .get("id")
                .and_then(Value::as_str)
                .context("the role has no id")?;
            of("roles-by-id", id.to_owned(), "composites")
        } else {
            self.rid
                .as_ref()
                .and_then(|id| of("roles-by-id", id.clone(), "composites"))
        })
    }
}

/// A role of the realm, or of the client with that id.
async fn named(connection: &Connection, client: Option<&str>, name: &str) -> anyhow::Result<Value> {
    match client {
        Some(client) => {
            connection
                .read(&["clients", client, "roles", name], &[])
                .await
        }
        None => connection.read(&["roles", name], &[]).await,
    }
    .with_context(|| format!("Role not found for name: {name}"))
}
