//! Ready-made configuration files for applications: one format one file.

mod adapter;
mod docker_compose;
mod docker_registry;
mod jboss;
mod keycloak_json;

use axum::response::{IntoResponse, Response};
use http::header;
use realmkeep_representations::ClientRepresentation;
use serde_json::{Map, Value, json};

use crate::clients;
use crate::error::{ApiError, ApiResult};
use crate::request::Cx;
use crate::rights::Right;
use adapter::Adapter;

/// One format.
struct Format {
    id: &'static str,
    /// Protocol of the clients that it is for.
    protocol: &'static str,
    name: &'static str,
    filename: &'static str,
    media_type: &'static str,
    write: Write,
}

/// Writes the file.
enum Write {
    Text(fn(&Installation<'_>) -> ApiResult<String>),
    /// Nothing to show, only to download.
    Archive(fn(&Installation<'_>) -> ApiResult<Vec<u8>>),
}

/// What files are made of.
struct Installation<'a> {
    cx: &'a Cx,
    client: &'a ClientRepresentation,
    adapter: Adapter,
    /// Certificate of the key that signs for registries: X.509, DER in base64.
    certificate: Option<String>,
}

const OPENID_CONNECT: &str = "openid-connect";
const DOCKER: &str = realmkeep_oidc::docker::PROTOCOL;

const FORMATS: &[Format] = &[
    Format {
        id: "keycloak-oidc-keycloak-json",
        protocol: OPENID_CONNECT,
        name: "Keycloak OIDC JSON",
        filename: "keycloak.json",
        media_type: "application/json",
        write: Write::Text(keycloak_json::write),
    },
    Format {
        id: "keycloak-oidc-jboss-subsystem",
        protocol: OPENID_CONNECT,
        name: "Keycloak OIDC JBoss Subsystem XML",
        filename: "keycloak-oidc-subsystem.xml",
        media_type: "application/xml",
        write: Write::Text(jboss::xml),
    },
    Format {
        id: "keycloak-oidc-jboss-subsystem-cli",
        protocol: OPENID_CONNECT,
        name: "Keycloak OIDC JBoss Subsystem CLI",
        filename: "keycloak-oidc-subsystem.cli",
        media_type: "text/plain",
        write: Write::Text(jboss::cli),
    },
    Format {
        id: "docker-v2-variable-override",
        protocol: DOCKER,
        name: "Variable Override",
        filename: "docker-env.txt",
        media_type: "text/plain",
        write: Write::Text(docker_registry::variables),
    },
    Format {
        id: "docker-v2-registry-config-file",
        protocol: DOCKER,
        name: "Registry Config File",
        filename: "config.yml",
        media_type: "text/plain",
        write: Write::Text(docker_registry::config),
    },
    Format {
        id: "docker-v2-compose-yaml",
        protocol: DOCKER,
        name: "Docker Compose YAML",
        filename: "docker-compose-yaml.zip",
        media_type: "application/zip",
        write: Write::Archive(docker_compose::write),
    },
];

/// The formats by protocol, as `serverinfo` lists them.
pub fn listed() -> Value {
    let mut all: Map<String, Value> = Map::new();
    for format in FORMATS {
        let of_protocol = all.entry(format.protocol).or_insert_with(|| json!([]));
        if let Value::Array(list) = of_protocol {
            list.push(json!({
                "id": format.id,
                "protocol": format.protocol,
                "downloadOnly": matches!(format.write, Write::Archive(_)),
                "displayType": format.name,
                "helpText": "",
                "filename": format.filename,
                "mediaType": format.media_type,
            }));
        }
    }
    Value::Object(all)
}

/// Ids of all formats.
pub fn ids() -> Vec<String> {
    FORMATS.iter().map(|format| format.id.to_owned()).collect()
}

/// `GET …/clients/{client}/installation/providers/{provider}`.
pub async fn file(cx: Cx) -> ApiResult<Response> {
    cx.require(clients::VIEW)?;
    let client = clients::here(&cx).await?;
    let id = cx.param("provider");
    let format = FORMATS.iter().find(|format| format.id == id);
    let format = format.ok_or_else(|| ApiError::not_found("Unknown Provider"))?;
    let protocol = client.protocol.as_deref().unwrap_or(OPENID_CONNECT);
    if protocol != format.protocol {
        return Err(ApiError::bad_request(format!(
            "{id} is for clients of the protocol {}, and this one is of {protocol}",
            format.protocol
        )));
    }
    // Who may only look gets the file without the secret.
    let with_secret = cx.rights.has(Right::MANAGE_CLIENTS)
        && clients::require_manageable(&cx, &client).await.is_ok();
    let certificate = match format.protocol {
        DOCKER => docker_registry::certificate(&cx).await?,
        _ => None,
    };
    let installation = Installation {
        adapter: Adapter::of(&cx, &client, with_secret),
        cx: &cx,
        client: &client,
        certificate,
    };
    match format.write {
        Write::Text(write) => {
            let kind = [(header::CONTENT_TYPE, "text/plain")];
            Ok((kind, write(&installation)?).into_response())
        }
        Write::Archive(write) => {
            let file = format!("attachment; filename=\"{}\"", format.filename);
            let headers = [
                (header::CONTENT_TYPE, format.media_type.to_owned()),
                (header::CONTENT_DISPOSITION, file),
            ];
            Ok((headers, write(&installation)?).into_response())
        }
    }
}
