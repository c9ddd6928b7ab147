//! The representations: the JSON objects of the Admin API, realm exports and custom resources,
//! as one vocabulary of plain serde types (design: "One vocabulary").
//!
//! Field names and types are those of a Keycloak 26.7 realm export, so that an export parses, is
//! stored and comes back equal. Absent fields are `None` and are not written. Scalars are read as
//! leniently as existing clients need it (`"true"` for `true`, `5` for `"5"`): see [`lenient`].
//! [`strict`] refuses unknown fields with their JSON path; [`import`](mod@strict) collects them.

pub mod lenient;
pub mod schema;
mod secret;
pub mod strict;

pub mod authentication;
pub mod authorization;
pub mod client;
pub mod client_policy;
pub mod client_scope;
pub mod component;
pub mod credential;
pub mod event;
pub mod federation;
pub mod group;
pub mod identity_provider;
pub mod import;
pub mod keys;
pub mod organization;
pub mod realm;
pub mod role;
pub mod server_info;
pub mod user;
pub mod user_profile;
pub mod workflow;

pub use authentication::{
    AuthenticationExecutionExportRepresentation, AuthenticationExecutionInfoRepresentation,
    AuthenticationExecutionRepresentation, AuthenticationFlowRepresentation,
    AuthenticatorConfigInfoRepresentation, AuthenticatorConfigRepresentation,
};
pub use authorization::{
    AggregatePolicyRepresentation, AuthorizationClientPolicyRepresentation, AuthorizationSchema,
    ClientScopePolicyRepresentation, ClientScopePolicyRepresentationClientScopeDefinition,
    DecisionEffect, DecisionStrategy, GroupPolicyRepresentation,
    GroupPolicyRepresentationGroupDefinition, JSPolicyRepresentation, Logic,
    PermissionTicketRepresentation, PolicyEnforcementMode, PolicyProviderRepresentation,
    PolicyRepresentation, RegexPolicyRepresentation, ResourceOwnerRepresentation,
    ResourcePermissionRepresentation, ResourceRepresentation, ResourceServerRepresentation,
    ResourceType, RolePolicyRepresentation, RolePolicyRepresentationRoleDefinition,
    ScopePermissionRepresentation, ScopeRepresentation, TimePolicyRepresentation,
    UmaPermissionRepresentation, UserPolicyRepresentation,
};
pub use client::{
    CertificateRepresentation, ClientInitialAccessCreatePresentation,
    ClientInitialAccessPresentation, ClientMappingsRepresentation, ClientRepresentation,
    ManagementPermissionReference, ManagementPermissionRepresentation, MappingsRepresentation,
    OIDCClientRepresentation, ScopeMappingRepresentation,
};
pub use client_policy::{
    ClientPoliciesRepresentation, ClientPolicyConditionConfigurationRepresentation,
    ClientPolicyConditionRepresentation, ClientPolicyExecutorConfigurationRepresentation,
    ClientPolicyExecutorRepresentation, ClientPolicyRepresentation, ClientProfileRepresentation,
    ClientProfilesRepresentation,
};
pub use client_scope::{
    ClaimRepresentation, ClientScopeRepresentation, ProtocolMapperRepresentation,
    ProtocolMapperTypeRepresentation,
};
pub use component::{
    ComponentExportRepresentation, ComponentRepresentation, ComponentTypeRepresentation,
    ConfigPropertyRepresentation,
};
pub use credential::{CredentialRepresentation, PasswordPolicyTypeRepresentation};
pub use event::{AdminEventRepresentation, AuthDetailsRepresentation, EventRepresentation};
pub use federation::{
    SynchronizationResultRepresentation, TestLdapConnectionRepresentation,
    UserFederationMapperRepresentation, UserFederationMapperSyncConfigRepresentation,
    UserFederationProviderFactoryRepresentation, UserFederationProviderRepresentation,
};
pub use group::GroupRepresentation;
pub use identity_provider::{
    IdentityProviderMapperRepresentation, IdentityProviderMapperTypeRepresentation,
    IdentityProviderRepresentation,
};
pub use import::{
    ErrorRepresentation, PartialImportRepresentation, PartialImportRepresentationPolicy,
};
pub use keys::{KeysMetadataRepresentation, KeysMetadataRepresentationKeyMetadataRepresentation};
pub use organization::{
    OrganizationDomainRepresentation, OrganizationInvitationRepresentation,
    OrganizationInvitationRepresentationStatus, OrganizationRepresentation,
};
pub use realm::{
    RealmEventsConfigRepresentation, RealmRepresentation, RealmRepresentationBruteForceStrategy,
    RequiredActionConfigRepresentation, RequiredActionProviderRepresentation,
    RequiredActionProviderSimpleRepresentation,
};
pub use role::{RoleRepresentation, RoleRepresentationComposites, RolesRepresentation};
pub use secret::SecretString;
pub use server_info::{
    ClientInstallationRepresentation, CpuInfoRepresentation, CryptoInfoRepresentation,
    FeatureRepresentation, FeatureType, MemoryInfoRepresentation,
    ParameterizedScopeTypeRepresentation, ProfileInfoRepresentation, ProviderRepresentation,
    SpiInfoRepresentation, SystemInfoRepresentation, ThemeInfoRepresentation,
};
pub use user::{
    FederatedIdentityRepresentation, IssuedVerifiableCredentialRepresentation,
    MemberRepresentation, MembershipType, UserConsentRepresentation, UserRepresentation,
    UserSessionRepresentation, UserVerifiableCredentialRepresentation,
    VerifiableCredentialOfferActionConfig,
};
pub use user_profile::{
    UPAttribute, UPAttributePermissions, UPAttributeRequired, UPAttributeSelector, UPConfig,
    UPConfigUnmanagedAttributePolicy, UPGroup, UserProfileAttributeGroupMetadata,
    UserProfileAttributeMetadata, UserProfileMetadata,
};
pub use workflow::{
    StepExecutionStatus, WorkflowConcurrencyRepresentation, WorkflowRepresentation,
    WorkflowScheduleRepresentation, WorkflowStateRepresentation, WorkflowStepRepresentation,
};
