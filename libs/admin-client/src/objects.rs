//! The objects of the Admin API: where they are and what can be done with them.

use realmkeep_representations::SecretString;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{AdminClient, Error};

/// How many clients one list request asks for.
pub const CLIENT_PAGE: usize = 200;

/// Whether a client scope applies always or on request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeAssignment {
    Default,
    Optional,
}

impl ScopeAssignment {
    fn path(self) -> &'static str {
        match self {
            Self::Default => "default-client-scopes",
            Self::Optional => "optional-client-scopes",
        }
    }
}

/// `admin`, `realms`, the realm, and what is below it.
macro_rules! below {
    ($realm:expr $(, $rest:expr)* $(,)?) => { &["admin", "realms", $realm $(, $rest)*] };
}

/// Realms.
impl AdminClient {
    /// # Errors
    /// See [`Error`]; so for every method here.
    pub async fn realms(&self) -> Result<Vec<Value>, Error> {
        list(
            self.get("realms", &["admin", "realms"], &[]).await?,
            "realms",
        )
    }

    pub async fn realm(&self, realm: &str) -> Result<Value, Error> {
        self.get(&realm_name(realm), below!(realm), &[]).await
    }

    /// With its entity tag, where the server has such; so for every method of this kind.
    pub async fn realm_tagged(&self, realm: &str) -> Result<(Value, Option<String>), Error> {
        self.get_tagged(&realm_name(realm), below!(realm), &[])
            .await
    }

    /// Whether each field of the object at this path below the realm (empty: the realm itself) holds this
    /// secret. None where the server does not say, as Keycloak, or not to us.
    pub async fn compare_secrets(
        &self,
        realm: &str,
        object: &str,
        secrets: &[(&str, &SecretString)],
    ) -> Result<Option<Vec<bool>>, Error> {
        let asked: Vec<Value> = secrets
            .iter()
            .map(|(field, value)| {
                json!({ "object": object, "field": field, "value": value.expose() })
            })
            .collect();
        let body = json!({ "secrets": asked });
        let name = format!("the secrets of {}", realm_name(realm));
        let path = below!(realm, "secret-comparisons");
        let answer = match self.send(Method::POST, &name, path, Some(&body)).await {
            Ok(answer) => answer,
            Err(
                Error::NotFound { .. }
                | Error::Forbidden { .. }
                | Error::RateLimited { .. }
                | Error::Rejected { status: 405, .. }
                | Error::ServerFailed { status: 501, .. },
            ) => return Ok(None),
            Err(e) => return Err(e),
        };
        let answer: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let results = answer.get("results").and_then(Value::as_array);
        let equal = |result: &Value| result.get("equal").and_then(Value::as_bool);
        Ok(results.and_then(|results| results.iter().map(equal).collect()))
    }

    pub async fn create_realm(&self, realm: &str, body: &Value) -> Result<(), Error> {
        let path = ["admin", "realms"];
        self.send(Method::POST, &realm_name(realm), &path, Some(body))
            .await?;
        Ok(())
    }

    pub async fn update_realm(&self, realm: &str, body: &Value) -> Result<(), Error> {
        self.send(Method::PUT, &realm_name(realm), below!(realm), Some(body))
            .await?;
        Ok(())
    }

    pub async fn delete_realm(&self, realm: &str) -> Result<(), Error> {
        self.send(Method::DELETE, &realm_name(realm), below!(realm), None)
            .await?;
        Ok(())
    }
}

/// Clients.
impl AdminClient {
    /// The client with this `clientId`, or `None`.
    pub async fn client_by_client_id(
        &self,
        realm: &str,
        client_id: &str,
    ) -> Result<Option<Value>, Error> {
        let object = client_name(realm, client_id);
        let path = below!(realm, "clients");
        let found = self.get(&object, path, &[("clientId", client_id)]).await?;
        // Some servers search by prefix; only the exact one counts.
        Ok(list(found, &object)?
            .into_iter()
            .find(|c| c.get("clientId").and_then(Value::as_str) == Some(client_id)))
    }

    pub async fn clients(&self, realm: &str) -> Result<Vec<Value>, Error> {
        let object = format!("the clients of {}", realm_name(realm));
        let mut all = Vec::new();
        loop {
            let first = all.len().to_string();
            let max = CLIENT_PAGE.to_string();
            let query = [("first", first.as_str()), ("max", max.as_str())];
            let page = list(
                self.get(&object, below!(realm, "clients"), &query).await?,
                &object,
            )?;
            let last = page.len() < CLIENT_PAGE;
            all.extend(page);
            if last {
                return Ok(all);
            }
        }
    }

    /// By internal id.
    pub async fn client(&self, realm: &str, id: &str) -> Result<Value, Error> {
        self.get(&client_name(realm, id), below!(realm, "clients", id), &[])
            .await
    }

    pub async fn client_tagged(
        &self,
        realm: &str,
        id: &str,
    ) -> Result<(Value, Option<String>), Error> {
        self.get_tagged(&client_name(realm, id), below!(realm, "clients", id), &[])
            .await
    }

    /// Returns the internal id.
    pub async fn create_client(&self, realm: &str, body: &Value) -> Result<String, Error> {
        let client_id = body.get("clientId").and_then(Value::as_str).unwrap_or("");
        let object = client_name(realm, client_id);
        let path = below!(realm, "clients");
        let answer = self.send(Method::POST, &object, path, Some(body)).await?;
        created_id(answer.location.as_deref(), &object)
    }

    pub async fn update_client(&self, realm: &str, id: &str, body: &Value) -> Result<(), Error> {
        let client_id = body.get("clientId").and_then(Value::as_str).unwrap_or(id);
        let object = client_name(realm, client_id);
        let path = below!(realm, "clients", id);
        self.send(Method::PUT, &object, path, Some(body)).await?;
        Ok(())
    }

    pub async fn delete_client(&self, realm: &str, id: &str) -> Result<(), Error> {
        let path = below!(realm, "clients", id);
        self.send(Method::DELETE, &client_name(realm, id), path, None)
            .await?;
        Ok(())
    }

    /// The client's secret as a `CredentialRepresentation`.
    pub async fn client_secret(&self, realm: &str, id: &str) -> Result<Value, Error> {
        let object = format!("the secret of {}", client_name(realm, id));
        self.get(&object, below!(realm, "clients", id, "client-secret"), &[])
            .await
    }

    /// The user that stands for the client in its own tokens.
    pub async fn service_account_user(&self, realm: &str, id: &str) -> Result<Value, Error> {
        let object = format!("the service account of {}", client_name(realm, id));
        let path = below!(realm, "clients", id, "service-account-user");
        self.get(&object, path, &[]).await
    }

    pub async fn assign_client_scope(
        &self,
        realm: &str,
        id: &str,
        kind: ScopeAssignment,
        scope_id: &str,
    ) -> Result<(), Error> {
        let object = format!("client scope {scope_id} of {}", client_name(realm, id));
        let path = below!(realm, "clients", id, kind.path(), scope_id);
        self.send(Method::PUT, &object, path, None).await?;
        Ok(())
    }

    pub async fn unassign_client_scope(
        &self,
        realm: &str,
        id: &str,
        kind: ScopeAssignment,
        scope_id: &str,
    ) -> Result<(), Error> {
        let object = format!("client scope {scope_id} of {}", client_name(realm, id));
        let path = below!(realm, "clients", id, kind.path(), scope_id);
        self.send(Method::DELETE, &object, path, None).await?;
        Ok(())
    }

    pub async fn create_client_mapper(
        &self,
        realm: &str,
        id: &str,
        body: &Value,
    ) -> Result<(), Error> {
        let object = format!("protocol mapper of {}", client_name(realm, id));
        let path = below!(realm, "clients", id, "protocol-mappers", "models");
        self.send(Method::POST, &object, path, Some(body)).await?;
        Ok(())
    }

    pub async fn update_client_mapper(
        &self,
        realm: &str,
        id: &str,
        mapper_id: &str,
        body: &Value,
    ) -> Result<(), Error> {
        let object = format!("protocol mapper {mapper_id} of {}", client_name(realm, id));
        let path = below!(
            realm,
            "clients",
            id,
            "protocol-mappers",
            "models",
            mapper_id
        );
        self.send(Method::PUT, &object, path, Some(body)).await?;
        Ok(())
    }

    pub async fn delete_client_mapper(
        &self,
        realm: &str,
        id: &str,
        mapper_id: &str,
    ) -> Result<(), Error> {
        let object = format!("protocol mapper {mapper_id} of {}", client_name(realm, id));
        let path = below!(
            realm,
            "clients",
            id,
            "protocol-mappers",
            "models",
            mapper_id
        );
        self.send(Method::DELETE, &object, path, None).await?;
        Ok(())
    }

    pub async fn client_scopes(&self, realm: &str) -> Result<Vec<Value>, Error> {
        let object = format!("the client scopes of {}", realm_name(realm));
        list(
            self.get(&object, below!(realm, "client-scopes"), &[])
                .await?,
            &object,
        )
    }
}

/// Identity providers.
impl AdminClient {
    pub async fn identity_providers(&self, realm: &str) -> Result<Vec<Value>, Error> {
        let object = format!("the identity providers of {}", realm_name(realm));
        let path = below!(realm, "identity-provider", "instances");
        list(self.get(&object, path, &[]).await?, &object)
    }

    pub async fn identity_provider(&self, realm: &str, alias: &str) -> Result<Value, Error> {
        let path = below!(realm, "identity-provider", "instances", alias);
        self.get(&provider_name(realm, alias), path, &[]).await
    }

    pub async fn identity_provider_tagged(
        &self,
        realm: &str,
        alias: &str,
    ) -> Result<(Value, Option<String>), Error> {
        let path = below!(realm, "identity-provider", "instances", alias);
        self.get_tagged(&provider_name(realm, alias), path, &[])
            .await
    }

    pub async fn create_identity_provider(&self, realm: &str, body: &Value) -> Result<(), Error> {
        let alias = body.get("alias").and_then(Value::as_str).unwrap_or("");
        let path = below!(realm, "identity-provider", "instances");
        self.send(Method::POST, &provider_name(realm, alias), path, Some(body))
            .await?;
        Ok(())
    }

    pub async fn update_identity_provider(
        &self,
        realm: &str,
        alias: &str,
        body: &Value,
    ) -> Result<(), Error> {
        let path = below!(realm, "identity-provider", "instances", alias);
        self.send(Method::PUT, &provider_name(realm, alias), path, Some(body))
            .await?;
        Ok(())
    }

    pub async fn delete_identity_provider(&self, realm: &str, alias: &str) -> Result<(), Error> {
        let path = below!(realm, "identity-provider", "instances", alias);
        self.send(Method::DELETE, &provider_name(realm, alias), path, None)
            .await?;
        Ok(())
    }
}

/// Roles and who has them.
impl AdminClient {
    pub async fn realm_role(&self, realm: &str, role: &str) -> Result<Value, Error> {
        let object = format!("role {role:?} of {}", realm_name(realm));
        self.get(&object, below!(realm, "roles", role), &[]).await
    }

    pub async fn create_realm_role(&self, realm: &str, body: &Value) -> Result<(), Error> {
        let object = format!("role of {}", realm_name(realm));
        self.send(Method::POST, &object, below!(realm, "roles"), Some(body))
            .await?;
        Ok(())
    }

    /// `id` is the client's internal id.
    pub async fn client_role(&self, realm: &str, id: &str, role: &str) -> Result<Value, Error> {
        let object = format!("role {role:?} of {}", client_name(realm, id));
        self.get(&object, below!(realm, "clients", id, "roles", role), &[])
            .await
    }

    pub async fn create_client_role(
        &self,
        realm: &str,
        id: &str,
        body: &Value,
    ) -> Result<(), Error> {
        let object = format!("role of {}", client_name(realm, id));
        let path = below!(realm, "clients", id, "roles");
        self.send(Method::POST, &object, path, Some(body)).await?;
        Ok(())
    }

    /// A user's roles; of a client (internal id) or, without one, of the realm.
    pub async fn user_roles(
        &self,
        realm: &str,
        user_id: &str,
        client: Option<&str>,
    ) -> Result<Vec<Value>, Error> {
        let object = format!("the roles of user {user_id}");
        let found = match client {
            None => {
                let path = below!(realm, "users", user_id, "role-mappings", "realm");
                self.get(&object, path, &[]).await?
            }
            Some(id) => {
                let path = below!(realm, "users", user_id, "role-mappings", "clients", id);
                self.get(&object, path, &[]).await?
            }
        };
        list(found, &object)
    }

    pub async fn grant_roles(
        &self,
        realm: &str,
        user_id: &str,
        client: Option<&str>,
        roles: &[Value],
    ) -> Result<(), Error> {
        self.change_roles(Method::POST, realm, user_id, client, roles)
            .await
    }

    pub async fn revoke_roles(
        &self,
        realm: &str,
        user_id: &str,
        client: Option<&str>,
        roles: &[Value],
    ) -> Result<(), Error> {
        self.change_roles(Method::DELETE, realm, user_id, client, roles)
            .await
    }

    async fn change_roles(
        &self,
        method: Method,
        realm: &str,
        user_id: &str,
        client: Option<&str>,
        roles: &[Value],
    ) -> Result<(), Error> {
        let object = format!("the roles of user {user_id}");
        let body = Value::Array(roles.to_vec());
        match client {
            None => {
                let path = below!(realm, "users", user_id, "role-mappings", "realm");
                self.send(method, &object, path, Some(&body)).await?
            }
            Some(id) => {
                let path = below!(realm, "users", user_id, "role-mappings", "clients", id);
                self.send(method, &object, path, Some(&body)).await?
            }
        };
        Ok(())
    }
}

fn realm_name(realm: &str) -> String {
    format!("realm {realm:?}")
}

fn client_name(realm: &str, client: &str) -> String {
    format!("client {client:?} of realm {realm:?}")
}

fn provider_name(realm: &str, alias: &str) -> String {
    format!("identity provider {alias:?} of realm {realm:?}")
}

fn list(value: Value, object: &str) -> Result<Vec<Value>, Error> {
    match value {
        Value::Array(items) => Ok(items),
        _ => Err(Error::Unintelligible {
            object: object.into(),
            reason: "a list was expected".into(),
        }),
    }
}

fn created_id(location: Option<&str>, object: &str) -> Result<String, Error> {
    location
        .and_then(|l| l.trim_end_matches('/').rsplit('/').next())
        .filter(|id| !id.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| Error::Unintelligible {
            object: object.into(),
            reason: "the answer to the creation has no Location".into(),
        })
}
