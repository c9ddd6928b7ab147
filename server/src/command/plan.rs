//! `realmkeep plan` and `realmkeep apply`: a folder of resources against a running server.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use realmkeep_admin_client::AdminClient;
use realmkeep_crds::yaml;
use realmkeep_sync::{FolderPlan, FolderSecrets, apply_plan, plan_folder};
use serde_json::json;

use super::connect::Connect;
use super::report;
use crate::console::{complain, say};

/// Exit status of `plan` when there is a difference.
const DIFFERENT: u8 = 2;

#[derive(Debug, Args)]
pub struct Folder {
    /// File or folder with YAML files of resources
    #[arg(short = 'f', long = "filename", value_name = "FOLDER")]
    folder: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connect: Connect,
}

impl Folder {
    /// Prints the difference. Exit status 0: none, 2: some, 1: an error.
    pub async fn plan(self) -> anyhow::Result<ExitCode> {
        let client = self.connect.client()?;
        let Some(planned) = self.planned(&client).await else {
            return Ok(ExitCode::FAILURE);
        };
        if self.json {
            say(json!({"changes": planned.plan.changes, "notes": planned.notes}));
        } else {
            for note in &planned.notes {
                say(format_args!("note: {note}"));
            }
            match planned.plan.is_empty() {
                true => say("the server is as the folder says"),
                false => say(planned.plan.to_string().trim_end()),
            }
        }
        Ok(match planned.plan.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(DIFFERENT),
        })
    }

    /// Makes the changes. Exit status 0: the server is as the folder says, 1: an error.
    pub async fn apply(self) -> anyhow::Result<ExitCode> {
        let client = self.connect.client()?;
        let Some(planned) = self.planned(&client).await else {
            return Ok(ExitCode::FAILURE);
        };
        let mut made = Vec::new();
        let applied = apply_plan(&client, &planned.plan, |change| {
            if !self.json {
                say(report::done(change));
            }
            made.push(change.clone());
        })
        .await;
        let error = applied.err().map(|e| e.to_string());
        if self.json {
            say(json!({"applied": made, "notes": planned.notes, "error": error}));
        } else if error.is_none() {
            let unchanged = planned.objects.len() - made.len().min(planned.objects.len());
            say(format_args!(
                "{} changed, {unchanged} unchanged",
                made.len()
            ));
        }
        let Some(error) = error else {
            return Ok(ExitCode::SUCCESS);
        };
        complain(&error);
        for left in planned.plan.changes.iter().skip(made.len()) {
            complain(report::line("not done", &left.object, &left.resource));
        }
        Ok(ExitCode::FAILURE)
    }

    /// None when something is wrong with the folder or the server; it has been said then.
    async fn planned(&self, client: &AdminClient) -> Option<FolderPlan> {
        let loaded = match yaml::load(&self.folder) {
            Ok(loaded) => loaded,
            Err(errors) => {
                self.refuse(&errors.0);
                return None;
            }
        };
        let secrets = FolderSecrets::new(&loaded.documents);
        match plan_folder(&loaded, client, &secrets).await {
            Ok(planned) => Some(planned),
            Err(errors) => {
                self.refuse(&errors.0);
                None
            }
        }
    }

    fn refuse(&self, errors: &[impl std::fmt::Display]) {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        if self.json {
            say(json!({"errors": errors}));
        }
        for error in errors {
            complain(error);
        }
    }
}
