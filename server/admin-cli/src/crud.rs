//! `create`, `get`, `update`, `delete` of whatever the Admin API has an address for.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

use anyhow::{Context, bail};
use clap::Args;
use reqwest::Method;
use serde_json::{Map, Value};
use url::Url;

use crate::assignments::{Assignment, apply, parse_remove, parse_set};
use crate::connection::{Answer, Connection};
use crate::output::{Fields, Format, csv, pretty};
use crate::{Common, Target, resource};

/// What a request carries beside its body.
#[derive(Debug, Args)]
struct Extras {
    /// Query parameter; may be repeated
    #[arg(short, long = "query", value_name = "NAME=VALUE")]
    query: Vec<String>,
    /// Request header; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
}

/// How an answer is printed.
#[derive(Debug, Args)]
struct Printing {
    /// Print the answer's headers too
    #[arg(short = 'H', long = "print-headers", id = "print_headers")]
    print_headers: bool,
    /// Only these fields, as `id,clientId,protocolMappers(name)`
    #[arg(short = 'F', long, value_name = "FIELDS")]
    fields: Option<String>,
    /// Without line breaks
    #[arg(short, long)]
    compressed: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Where: below the realm (`clients`), or from its root (`realms`)
    endpoint: String,
    /// Set an attribute; may be repeated
    #[arg(short, long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Remove an attribute; may be repeated
    #[arg(short, long = "delete", value_name = "NAME")]
    delete: Vec<String>,
    /// JSON file to begin with; `-` is standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<String>,
    /// JSON to begin with
    #[arg(short, long, value_name = "JSON", conflicts_with = "file")]
    body: Option<String>,
    /// Print the new object's id and nothing else
    #[arg(short, long)]
    id: bool,
    /// Print the new object
    #[arg(short, long)]
    output: bool,
    /// Only these fields, as `id,clientId`
    #[arg(short = 'F', long, value_name = "FIELDS")]
    fields: Option<String>,
    /// Without line breaks
    #[arg(short, long)]
    compressed: bool,
    #[command(flatten)]
    extras: Extras,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct Get {
    /// What: below the realm (`clients`), or from its root (`realms/demo`)
    endpoint: String,
    /// Query parameter; may be repeated
    #[arg(short, long = "query", value_name = "NAME=VALUE")]
    query: Vec<String>,
    /// Entries to leave out at the beginning of a list
    #[arg(short, long, value_name = "COUNT")]
    offset: Option<u32>,
    /// Entries of a list to print at most
    #[arg(short, long, value_name = "COUNT")]
    limit: Option<u32>,
    #[arg(long, value_enum, default_value = "json")]
    format: Format,
    /// CSV without quotes
    #[arg(long)]
    noquotes: bool,
    #[command(flatten)]
    printing: Printing,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    /// What: `clients/ID`, `realms/demo`
    endpoint: String,
    /// Set an attribute; may be repeated
    #[arg(short, long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Remove an attribute; may be repeated
    #[arg(short, long = "delete", value_name = "NAME")]
    delete: Vec<String>,
    /// JSON file with the object; `-` is standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<String>,
    /// JSON of the object
    #[arg(short, long, value_name = "JSON", conflicts_with = "file")]
    body: Option<String>,
    /// Read the object first and change it; the default without a file
    #[arg(short, long, conflicts_with = "no_merge")]
    merge: bool,
    /// Send what is given as it is
    #[arg(short, long)]
    no_merge: bool,
    /// Print the changed object
    #[arg(short, long)]
    output: bool,
    /// Only these fields, as `id,clientId`
    #[arg(short = 'F', long, value_name = "FIELDS")]
    fields: Option<String>,
    /// Without line breaks
    #[arg(short, long)]
    compressed: bool,
    #[command(flatten)]
    extras: Extras,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// What: `clients/ID`, `realms/demo`
    endpoint: String,
    /// JSON file to send along; `-` is standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<String>,
    /// JSON to send along
    #[arg(short, long, value_name = "JSON", conflicts_with = "file")]
    body: Option<String>,
    #[command(flatten)]
    extras: Extras,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    common: Common,
}

impl Create {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let changes = changes(&self.set, &self.delete)?;
        let mut body = given(self.file.as_deref(), self.body.as_deref())?.unwrap_or(Value::Null);
        if body.is_null() && !changes.is_empty() {
            body = Value::Object(Map::new());
        }
        for change in &changes {
            apply(&mut body, change)?;
        }
        let connection = Connection::open(&self.common, &self.target).await?;
        let url = with_query(connection.url(&self.endpoint)?, &self.extras.query)?;
        // Some addresses are asked to do something and take no body.
        let bytes = if body.is_null() {
            None
        } else {
            Some(serde_json::to_vec(&body)?)
        };
        let answer = connection
            .send(Method::POST, url, &headers(&self.extras.headers)?, bytes)
            .await?;
        let id = answer.created();
        if self.id {
            return say(&id.context("the server names no id of what it created")?);
        }
        if self.output {
            let location = answer
                .headers
                .get(reqwest::header::LOCATION)
                .and_then(|at| at.to_str().ok());
            let created = match location {
                Some(location) => {
                    connection
                        .send(Method::GET, Url::parse(location)?, &[], None)
                        .await?
                }
                None => answer,
            };
            return print(&created, self.fields.as_deref(), self.compressed);
        }
        let kind = resource::singular(&self.endpoint);
        match id {
            Some(id) => complain(&format!("Created new {kind} with id '{id}'")),
            None => complain(&format!("Created new {kind}")),
        }
    }
}

impl Get {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let connection = Connection::open(&self.common, &self.target).await?;
        let mut url = with_query(connection.url(&self.endpoint)?, &self.query)?;
        for (name, value) in [("first", self.offset), ("max", self.limit)] {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, &value.to_string());
            }
        }
        let answer = connection.send(Method::GET, url, &[], None).await?;
        if self.printing.print_headers {
            let mut text = format!("HTTP/1.1 {}\n", answer.status);
            for (name, value) in &answer.headers {
                text.push_str(&format!(
                    "{name}: {}\n",
                    String::from_utf8_lossy(value.as_bytes())
                ));
            }
            say(&text)?;
        }
        match self.format {
            Format::Json => print(
                &answer,
                self.printing.fields.as_deref(),
                self.printing.compressed,
            ),
            Format::Csv => {
                let value = selected(answer.json()?, self.printing.fields.as_deref())?;
                say(&csv(&value, !self.noquotes))
            }
        }
    }
}

impl Update {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let changes = changes(&self.set, &self.delete)?;
        let body = given(self.file.as_deref(), self.body.as_deref())?;
        if body.is_none() && changes.is_empty() && self.no_merge {
            bail!("say what to change: -s NAME=VALUE, -d NAME or -f FILE");
        }
        let connection = Connection::open(&self.common, &self.target).await?;
        let url = with_query(connection.url(&self.endpoint)?, &self.extras.query)?;
        let headers = headers(&self.extras.headers)?;
        let merge = self.merge || (body.is_none() && !self.no_merge);
        let mut sent = if merge {
            let mut current = connection
                .send(Method::GET, url.clone(), &headers, None)
                .await?
                .json()?;
            if let Some(Value::Object(new)) = body {
                let Value::Object(object) = &mut current else {
                    bail!("{url} is not an object: it cannot be merged")
                };
                object.extend(new);
            }
            current
        } else {
            body.unwrap_or_else(|| Value::Object(Map::new()))
        };
        for change in &changes {
            apply(&mut sent, change)?;
        }
        connection
            .send(
                Method::PUT,
                url.clone(),
                &headers,
                Some(serde_json::to_vec(&sent)?),
            )
            .await?;
        if self.output {
            let changed = connection.send(Method::GET, url, &headers, None).await?;
            return print(&changed, self.fields.as_deref(), self.compressed);
        }
        Ok(())
    }
}

impl Delete {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let body = given(self.file.as_deref(), self.body.as_deref())?;
        let connection = Connection::open(&self.common, &self.target).await?;
        let url = with_query(connection.url(&self.endpoint)?, &self.extras.query)?;
        let bytes = body.map(|body| serde_json::to_vec(&body)).transpose()?;
        connection
            .send(Method::DELETE, url, &headers(&self.extras.headers)?, bytes)
            .await?;
        Ok(())
    }
}

fn changes(set: &[String], delete: &[String]) -> anyhow::Result<Vec<Assignment>> {
    let sets = set.iter().map(|text| parse_set(text));
    sets.chain(delete.iter().map(|text| parse_remove(text)))
        .collect()
}

/// The body that was given, by file or as it is.
fn given(file: Option<&str>, body: Option<&str>) -> anyhow::Result<Option<Value>> {
    let (what, text) = match (file, body) {
        (Some("-"), _) => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("reading standard input")?;
            ("standard input".to_owned(), text)
        }
        (Some(file), _) => (
            file.to_owned(),
            fs::read_to_string(Path::new(file)).with_context(|| format!("reading {file}"))?,
        ),
        (None, Some(body)) => ("--body".to_owned(), body.to_owned()),
        (None, None) => return Ok(None),
    };
    serde_json::from_str(&text)
        .map(Some)
        .with_context(|| format!("{what} is not JSON"))
}

fn with_query(mut url: Url, query: &[String]) -> anyhow::Result<Url> {
    for pair in query {
        let (name, value) = pair
            .split_once('=')
            .with_context(|| format!("-q `{pair}` is not NAME=VALUE"))?;
        url.query_pairs_mut().append_pair(name, value);
    }
    Ok(url)
}

fn headers(given: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    let split = |header: &String| {
        let (name, value) = header
            .split_once([':', '='])
            .with_context(|| format!("-H `{header}` is not NAME: VALUE"))?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    given.iter().map(split).collect()
}

fn selected(value: Value, fields: Option<&str>) -> anyhow::Result<Value> {
    Ok(match fields {
        Some(fields) => Fields::parse(fields)?.select(value),
        None => value,
    })
}

fn print(answer: &Answer, fields: Option<&str>, compressed: bool) -> anyhow::Result<()> {
    if answer.body.is_empty() {
        return Ok(());
    }
    // Some addresses answer with text or a file.
    let Ok(value) = answer.json() else {
        std::io::stdout().write_all(&answer.body)?;
        return Ok(());
    };
    let value = selected(value, fields)?;
    if compressed {
        say(&value.to_string())
    } else {
        say(&pretty(&value))
    }
}

/// To standard output; a reader that has gone is no error of ours.
pub(crate) fn say(text: &str) -> anyhow::Result<()> {
    line(std::io::stdout().lock(), text)
}

/// To standard error.
pub(crate) fn complain(text: &str) -> anyhow::Result<()> {
    line(std::io::stderr().lock(), text)
}

fn line(mut to: impl std::io::Write, text: &str) -> anyhow::Result<()> {
    match writeln!(to, "{text}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
