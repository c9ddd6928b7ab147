//! Brings the server to what the folder says, again and again.

use std::collections::BTreeSet;
use std::path::PathBuf;

use realmkeep_admin_client::AdminClient;
use realmkeep_crds::yaml::{self, Loaded};
use realmkeep_crds::{AnyResource, DeletionPolicy, IdentityProviderType};
use realmkeep_plan::{DesiredObject, ObjectKey, plan_delete};
use realmkeep_sync::{
    FolderPlan, FolderSecrets, SyncError, apply, apply_plan, observe, plan_folder,
};

use super::test_issuer::TestIssuer;
use crate::command::report;
use crate::console::say;

/// The issuer that a cluster has unless told otherwise.
const CLUSTER_ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub struct Session {
    folder: PathBuf,
    client: AdminClient,
    issuer: TestIssuer,
    base_url: String,
    /// What was applied last, so that what is gone from the folder can go from the server.
    applied: Vec<DesiredObject>,
    /// What was said last about things that are left out.
    notes: Vec<String>,
}

impl Session {
    pub fn new(folder: PathBuf, client: AdminClient, issuer: TestIssuer, base_url: String) -> Self {
        Self {
            folder,
            client,
            issuer,
            base_url,
            applied: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Applies the folder and says what it did; a folder with an error in it changes nothing.
    pub async fn apply(&mut self) {
        say(format_args!("applying {}", self.folder.display()));
        let folder = self.folder.clone();
        let loaded = tokio::task::spawn_blocking(move || yaml::load(&folder)).await;
        let mut loaded = match loaded {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(errors)) => return refuse(&errors.0),
            Err(_) => return refuse(&["the folder could not be read"]),
        };
        let mut notes = self.take_test_issuer(&mut loaded);
        let secrets = FolderSecrets::new(&loaded.documents);
        let planned = match plan_folder(&loaded, &self.client, &secrets).await {
            Ok(planned) => planned,
            Err(errors) => return refuse(&errors.0),
        };
        notes.extend(planned.notes.iter().cloned());
        if notes != self.notes {
            for note in &notes {
                say(format_args!("  note       {note}"));
            }
            self.notes = notes;
        }
        let changed = self.write(&planned).await;
        let first = self.applied.is_empty();
        self.applied = planned.objects;
        if first || changed {
            self.explain();
        }
    }

    /// In a laptop's cluster the issuer of service account tokens is our own.
    fn take_test_issuer(&self, loaded: &mut Loaded) -> Vec<String> {
        let mut notes = Vec::new();
        for document in &mut loaded.documents {
            let name = document.resource.name();
            let AnyResource::IdentityProvider(provider) = &mut document.resource else {
                continue;
            };
            let IdentityProviderType::Kubernetes(kubernetes) = &mut provider.spec.r#type else {
                continue;
            };
            if matches!(kubernetes.issuer.as_deref(), None | Some(CLUSTER_ISSUER)) {
                kubernetes.issuer = Some(self.issuer.url().to_owned());
                notes.push(format!(
                    "{name}: the issuer {CLUSTER_ISSUER} is the test issuer {} here",
                    self.issuer.url()
                ));
            }
        }
        notes
    }

    /// Makes the changes, then removes what has gone from the folder. True when there were any.
    async fn write(&self, planned: &FolderPlan) -> bool {
        let changes = &planned.plan.changes;
        let touched: BTreeSet<&ObjectKey> = changes.iter().map(|c| &c.object).collect();
        for object in &planned.objects {
            if !touched.contains(&object.key) {
                say(report::line("unchanged", &object.key, &object.resource));
            }
        }
        let mut done = 0;
        let applied = apply_plan(&self.client, &planned.plan, |change| {
            say(report::done(change));
            done += 1;
        })
        .await;
        if let Err(e) = applied {
            if let Some(failed) = changes.get(done) {
                say(report::line("failed", &failed.object, &failed.resource));
            }
            say(format_args!("  error      {e}"));
            for left in changes.iter().skip(done + 1) {
                say(report::line("not done", &left.object, &left.resource));
            }
            return true;
        }
        let now: BTreeSet<&ObjectKey> = planned.objects.iter().map(|o| &o.key).collect();
        // Clients before the realm they are in.
        let mut gone: Vec<&DesiredObject> = self
            .applied
            .iter()
            .filter(|o| !now.contains(&o.key))
            .collect();
        gone.sort_by(|a, b| b.key.cmp(&a.key));
        for object in &gone {
            if object.lifecycle.deletion == DeletionPolicy::Orphan {
                say(report::line("kept", &object.key, &object.resource));
                continue;
            }
            match self.delete(object).await {
                Ok(()) => say(report::line("deleted", &object.key, &object.resource)),
                Err(e) => say(format_args!("  error      {}: {e}", object.resource)),
            }
        }
        !changes.is_empty() || !gone.is_empty()
    }

    async fn delete(&self, object: &DesiredObject) -> Result<(), SyncError> {
        let observed = observe(&self.client, object).await?;
        let change = plan_delete(
            &object.key,
            &object.resource,
            &object.owner,
            observed.as_ref(),
        );
        if let Some(change) = change {
            apply(&self.client, &change).await?;
        }
        Ok(())
    }

    /// The issuers, and how a workload gets a token from one.
    fn explain(&self) {
        say("");
        for object in &self.applied {
            if let ObjectKey::Realm { realm } = &object.key {
                say(format_args!("issuer      {}", self.realm_url(realm)));
            }
        }
        let workload = self.applied.iter().find_map(|object| {
            let (_, subject) = object.federation.as_ref()?;
            let account = subject.strip_prefix("system:serviceaccount:")?;
            let (namespace, name) = account.split_once(':')?;
            Some((&object.key, namespace, name))
        });
        if let Some((key, namespace, name)) = workload {
            let realm = self.realm_url(key.realm());
            let request = serde_json::json!({
                "namespace": namespace,
                "serviceAccount": name,
                "audience": realm,
            });
            say(format_args!(
                "\nA token for {key}, without a secret: a service account token, exchanged for an access token:\n\n\
                 SA_TOKEN=$(curl -sS -H 'Accept: text/plain' -d '{request}' {}/token)\n\
                 curl -sS -d grant_type=client_credentials -d client_assertion_type={JWT_BEARER} -d client_assertion=\"$SA_TOKEN\" {realm}/protocol/openid-connect/token",
                self.issuer.url()
            ));
        }
        say(format_args!(
            "\nwatching {}; stop with Ctrl-C",
            self.folder.display()
        ));
    }

    fn realm_url(&self, realm: &str) -> String {
        format!("{}/realms/{realm}", self.base_url)
    }
}

fn refuse(errors: &[impl std::fmt::Display]) {
    for error in errors {
        say(format_args!("  error      {error}"));
    }
    say("nothing was changed");
}
