//! Clients (applications) and the roles they are scoped to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SecretString;
use crate::authorization::ResourceServerRepresentation;
use crate::client_scope::ProtocolMapperRepresentation;
use crate::lenient;
use crate::role::RoleRepresentation;
use crate::schema;

/// `CertificateRepresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CertificateRepresentation {
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub certificate: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub jwks: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub kid: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::secret"
    )]
    pub private_key: Option<SecretString>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub public_key: Option<String>,
}

/// `ClientInitialAccessCreatePresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientInitialAccessCreatePresentation {
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::integer"
    )]
    pub count: Option<i32>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::integer"
    )]
    pub expiration: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_origins: Option<Vec<String>>,
}

/// `ClientInitialAccessPresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientInitialAccessPresentation {
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::integer"
    )]
    pub count: Option<i32>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::integer"
    )]
    pub expiration: Option<i32>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub id: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::integer"
    )]
    pub remaining_count: Option<i32>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::integer"
    )]
    pub timestamp: Option<i32>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::secret"
    )]
    pub token: Option<SecretString>,
}

/// `ClientMappingsRepresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientMappingsRepresentation {
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub client: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mappings: Option<Vec<RoleRepresentation>>,
}

/// `ClientRepresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<BTreeMap<String, bool>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub admin_url: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::boolean"
    )]
    pub always_display_in_console: Option<bool>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string_map"
    )]
    pub attributes: Option<BTreeMap<String, String>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string_map"
    )]
    pub authentication_flow_binding_overrides: Option<BTreeMap<String, String>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::boolean"
    )]
    pub authorization_services_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_settings: Option<ResourceServerRepresentation>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub base_url: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::boolean"
    )]
    pub bearer_only: Option<bool>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub client_authenticator_type: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub client_id: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub client_template: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::boolean"
    )]
    pub consent_required: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_client_scopes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_roles: Option<Vec<String>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub description: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::boolean"
    )]
    pub direct_access_grants_enabled: Option<bool>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::boolean"
    )]
    pub direct_grants_only: Option<bool>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::boolean"
    )]
    pub enabled: Option<bool>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::boolean"
    )]
    pub frontchannel_logout: Option<bool>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::boolean"
    )]
    pub full_scope_allowed: Option<bool>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub id: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::boolean"
    )]
    pub implicit_flow_enabled: Option<bool>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub name: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::integer"
    )]
    pub node_re_registration_timeout: Option<i32>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::integer"
    )]
    pub not_before: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optional_client_scopes: Option<Vec<String>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub origin: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol_mappers: Option<Vec<ProtocolMapperRepresentation>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::boolean"
    )]
    pub public_client: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_uris: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registered_nodes: Option<BTreeMap<String, i32>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::secret"
    )]
    pub registration_access_token: Option<SecretString>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub root_url: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::secret"
    )]
    pub secret: Option<SecretString>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::boolean"
    )]
    pub service_accounts_enabled: Option<bool>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::boolean"
    )]
    pub standard_flow_enabled: Option<bool>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::boolean"
    )]
    pub surrogate_auth_required: Option<bool>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub r#type: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::boolean"
    )]
    pub use_template_config: Option<bool>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::boolean"
    )]
    pub use_template_mappers: Option<bool>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::boolean"
    )]
    pub use_template_scope: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_origins: Option<Vec<String>>,
}

/// `ManagementPermissionReference` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ManagementPermissionReference {
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::boolean"
    )]
    pub enabled: Option<bool>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub resource: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string_map"
    )]
    pub scope_permissions: Option<BTreeMap<String, String>>,
}

/// `ManagementPermissionRepresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ManagementPermissionRepresentation {
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::boolean"
    )]
    pub enabled: Option<bool>,
}

/// `MappingsRepresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MappingsRepresentation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_mappings: Option<BTreeMap<String, ClientMappingsRepresentation>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realm_mappings: Option<Vec<RoleRepresentation>>,
}

/// `OIDCClientRepresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OIDCClientRepresentation {
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "application_type",
        deserialize_with = "lenient::string"
    )]
    pub application_type: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "authorization_encrypted_response_alg",
        deserialize_with = "lenient::string"
    )]
    pub authorization_encrypted_response_alg: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "authorization_encrypted_response_enc",
        deserialize_with = "lenient::string"
    )]
    pub authorization_encrypted_response_enc: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "authorization_signed_response_alg",
        deserialize_with = "lenient::string"
    )]
    pub authorization_signed_response_alg: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "backchannel_authentication_request_signing_alg",
        deserialize_with = "lenient::string"
    )]
    pub backchannel_authentication_request_signing_alg: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "backchannel_client_notification_endpoint",
        deserialize_with = "lenient::string"
    )]
    pub backchannel_client_notification_endpoint: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "backchannel_logout_revoke_offline_tokens",
        deserialize_with = "lenient::boolean"
    )]
    pub backchannel_logout_revoke_offline_tokens: Option<bool>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "backchannel_logout_session_required",
        deserialize_with = "lenient::boolean"
    )]
    pub backchannel_logout_session_required: Option<bool>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "backchannel_logout_uri",
        deserialize_with = "lenient::string"
    )]
    pub backchannel_logout_uri: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "backchannel_token_delivery_mode",
        deserialize_with = "lenient::string"
    )]
    pub backchannel_token_delivery_mode: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "client_id",
        deserialize_with = "lenient::string"
    )]
    pub client_id: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "client_id_issued_at",
        deserialize_with = "lenient::integer"
    )]
    pub client_id_issued_at: Option<i32>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "client_name",
        deserialize_with = "lenient::string"
    )]
    pub client_name: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "client_secret",
        deserialize_with = "lenient::secret"
    )]
    pub client_secret: Option<SecretString>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "client_secret_expires_at",
        deserialize_with = "lenient::long"
    )]
    pub client_secret_expires_at: Option<i64>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "client_uri",
        deserialize_with = "lenient::string"
    )]
    pub client_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contacts: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "default_acr_values")]
    pub default_acr_values: Option<Vec<String>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "default_max_age",
        deserialize_with = "lenient::integer"
    )]
    pub default_max_age: Option<i32>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "dpop_bound_access_tokens",
        deserialize_with = "lenient::boolean"
    )]
    pub dpop_bound_access_tokens: Option<bool>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "frontchannel_logout_session_required",
        deserialize_with = "lenient::boolean"
    )]
    pub frontchannel_logout_session_required: Option<bool>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "frontchannel_logout_uri",
        deserialize_with = "lenient::string"
    )]
    pub frontchannel_logout_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "grant_types")]
    pub grant_types: Option<Vec<String>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "id_token_encrypted_response_alg",
        deserialize_with = "lenient::string"
    )]
    pub id_token_encrypted_response_alg: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "id_token_encrypted_response_enc",
        deserialize_with = "lenient::string"
    )]
    pub id_token_encrypted_response_enc: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "id_token_signed_response_alg",
        deserialize_with = "lenient::string"
    )]
    pub id_token_signed_response_alg: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "initiate_login_uri",
        deserialize_with = "lenient::string"
    )]
    pub initiate_login_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::anything")]
    pub jwks: Option<serde_json::Value>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "jwks_uri",
        deserialize_with = "lenient::string"
    )]
    pub jwks_uri: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "logo_uri",
        deserialize_with = "lenient::string"
    )]
    pub logo_uri: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "policy_uri",
        deserialize_with = "lenient::string"
    )]
    pub policy_uri: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "post_logout_redirect_uris"
    )]
    pub post_logout_redirect_uris: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "redirect_uris")]
    pub redirect_uris: Option<Vec<String>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "registration_access_token",
        deserialize_with = "lenient::secret"
    )]
    pub registration_access_token: Option<SecretString>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "registration_client_uri",
        deserialize_with = "lenient::string"
    )]
    pub registration_client_uri: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "request_object_encryption_alg",
        deserialize_with = "lenient::string"
    )]
    pub request_object_encryption_alg: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "request_object_encryption_enc",
        deserialize_with = "lenient::string"
    )]
    pub request_object_encryption_enc: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "request_object_signing_alg",
        deserialize_with = "lenient::string"
    )]
    pub request_object_signing_alg: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "request_uris")]
    pub request_uris: Option<Vec<String>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "require_auth_time",
        deserialize_with = "lenient::boolean"
    )]
    pub require_auth_time: Option<bool>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "require_pushed_authorization_requests",
        deserialize_with = "lenient::boolean"
    )]
    pub require_pushed_authorization_requests: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "response_types")]
    pub response_types: Option<Vec<String>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub scope: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "sector_identifier_uri",
        deserialize_with = "lenient::string"
    )]
    pub sector_identifier_uri: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "software_id",
        deserialize_with = "lenient::string"
    )]
    pub software_id: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "software_version",
        deserialize_with = "lenient::string"
    )]
    pub software_version: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "subject_type",
        deserialize_with = "lenient::string"
    )]
    pub subject_type: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "tls_client_auth_subject_dn",
        deserialize_with = "lenient::string"
    )]
    pub tls_client_auth_subject_dn: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "tls_client_certificate_bound_access_tokens",
        deserialize_with = "lenient::boolean"
    )]
    pub tls_client_certificate_bound_access_tokens: Option<bool>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "token_endpoint_auth_method",
        deserialize_with = "lenient::string"
    )]
    pub token_endpoint_auth_method: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "token_endpoint_auth_signing_alg",
        deserialize_with = "lenient::string"
    )]
    pub token_endpoint_auth_signing_alg: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "tos_uri",
        deserialize_with = "lenient::string"
    )]
    pub tos_uri: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "userinfo_encrypted_response_alg",
        deserialize_with = "lenient::string"
    )]
    pub userinfo_encrypted_response_alg: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "userinfo_encrypted_response_enc",
        deserialize_with = "lenient::string"
    )]
    pub userinfo_encrypted_response_enc: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        rename = "userinfo_signed_response_alg",
        deserialize_with = "lenient::string"
    )]
    pub userinfo_signed_response_alg: Option<String>,
}

/// `ScopeMappingRepresentation` of the Admin API; every field is optional, absent means not given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ScopeMappingRepresentation {
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub client: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub client_scope: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub client_template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::string"
    )]
    pub self_: Option<String>,
}
