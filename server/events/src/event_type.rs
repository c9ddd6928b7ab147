//! The types of user events, with the names that Keycloak's clients and log readers know.

/// Which of a type's two events, success and error, a realm stores unless it names its own list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Saved {
    Both,
    Success,
    Neither,
}

macro_rules! event_types {
    ($($variant:ident = $name:literal, $saved:ident;)+) => {
        /// What happened; the name of a failure has `_ERROR` appended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EventType {
            $($variant,)+
            /// An administrator's change; details hold operation and resource path. It is kept among
            /// the admin events, never among those of users.
            AdminChange,
        }

        impl EventType {
            /// The types of user events.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub fn name(self, failed: bool) -> &'static str {
                match (self, failed) {
                    $((Self::$variant, false) => $name,
                    (Self::$variant, true) => concat!($name, "_ERROR"),)+
                    (Self::AdminChange, false) => "ADMIN_CHANGE",
                    (Self::AdminChange, true) => "ADMIN_CHANGE_ERROR",
                }
            }

            fn saved(self) -> Saved {
                match self {
                    $(Self::$variant => Saved::$saved,)+
                    Self::AdminChange => Saved::Neither,
                }
            }
        }
    };
}

event_types! {
    AuthreqidToToken = "AUTHREQID_TO_TOKEN", Both;
    ClientDelete = "CLIENT_DELETE", Both;
    ClientInfo = "CLIENT_INFO", Neither;
    ClientInitiatedAccountLinking = "CLIENT_INITIATED_ACCOUNT_LINKING", Both;
    ClientLogin = "CLIENT_LOGIN", Both;
    ClientRegister = "CLIENT_REGISTER", Both;
    ClientUpdate = "CLIENT_UPDATE", Both;
    CodeToToken = "CODE_TO_TOKEN", Both;
    CustomRequiredAction = "CUSTOM_REQUIRED_ACTION", Both;
    DeleteAccount = "DELETE_ACCOUNT", Both;
    ExecuteActions = "EXECUTE_ACTIONS", Both;
    ExecuteActionToken = "EXECUTE_ACTION_TOKEN", Both;
    FederatedIdentityLink = "FEDERATED_IDENTITY_LINK", Both;
    FederatedIdentityOverrideLink = "FEDERATED_IDENTITY_OVERRIDE_LINK", Both;
    GrantConsent = "GRANT_CONSENT", Both;
    IdentityProviderFirstLogin = "IDENTITY_PROVIDER_FIRST_LOGIN", Both;
    IdentityProviderLinkAccount = "IDENTITY_PROVIDER_LINK_ACCOUNT", Both;
    IdentityProviderLogin = "IDENTITY_PROVIDER_LOGIN", Both;
    IdentityProviderPostLogin = "IDENTITY_PROVIDER_POST_LOGIN", Both;
    IdentityProviderResponse = "IDENTITY_PROVIDER_RESPONSE", Neither;
    IdentityProviderRetrieveToken = "IDENTITY_PROVIDER_RETRIEVE_TOKEN", Neither;
    Impersonate = "IMPERSONATE", Both;
    IntrospectToken = "INTROSPECT_TOKEN", Neither;
    InvalidSignature = "INVALID_SIGNATURE", Neither;
    InviteOrg = "INVITE_ORG", Both;
    JwtAuthorizationGrant = "JWT_AUTHORIZATION_GRANT", Both;
    Login = "LOGIN", Both;
    Logout = "LOGOUT", Both;
    Oauth2DeviceAuth = "OAUTH2_DEVICE_AUTH", Both;
    Oauth2DeviceCodeToToken = "OAUTH2_DEVICE_CODE_TO_TOKEN", Both;
    Oauth2DeviceVerifyUserCode = "OAUTH2_DEVICE_VERIFY_USER_CODE", Both;
    Oauth2ExtensionGrant = "OAUTH2_EXTENSION_GRANT", Both;
    PermissionToken = "PERMISSION_TOKEN", Success;
    PushedAuthorizationRequest = "PUSHED_AUTHORIZATION_REQUEST", Neither;
    RefreshToken = "REFRESH_TOKEN", Neither;
    Register = "REGISTER", Both;
    RegisterNode = "REGISTER_NODE", Neither;
    RemoveCredential = "REMOVE_CREDENTIAL", Both;
    RemoveFederatedIdentity = "REMOVE_FEDERATED_IDENTITY", Both;
    RemoveTotp = "REMOVE_TOTP", Both;
    ResetPassword = "RESET_PASSWORD", Both;
    RestartAuthentication = "RESTART_AUTHENTICATION", Both;
    RevokeGrant = "REVOKE_GRANT", Both;
    SendIdentityProviderLink = "SEND_IDENTITY_PROVIDER_LINK", Both;
    SendResetPassword = "SEND_RESET_PASSWORD", Both;
    SendVerifyEmail = "SEND_VERIFY_EMAIL", Both;
    TokenExchange = "TOKEN_EXCHANGE", Both;
    UnregisterNode = "UNREGISTER_NODE", Neither;
    UpdateConsent = "UPDATE_CONSENT", Both;
    UpdateCredential = "UPDATE_CREDENTIAL", Both;
    UpdateEmail = "UPDATE_EMAIL", Both;
    UpdatePassword = "UPDATE_PASSWORD", Both;
    UpdateProfile = "UPDATE_PROFILE", Both;
    UpdateTotp = "UPDATE_TOTP", Both;
    UserDisabledByPermanentLockout = "USER_DISABLED_BY_PERMANENT_LOCKOUT", Success;
    UserDisabledByTemporaryLockout = "USER_DISABLED_BY_TEMPORARY_LOCKOUT", Success;
    UserInfoRequest = "USER_INFO_REQUEST", Neither;
    UserSessionDeleted = "USER_SESSION_DELETED", Neither;
    ValidateAccessToken = "VALIDATE_ACCESS_TOKEN", Neither;
    VerifiableCredentialCreateOffer = "VERIFIABLE_CREDENTIAL_CREATE_OFFER", Both;
    VerifiableCredentialNonceRequest = "VERIFIABLE_CREDENTIAL_NONCE_REQUEST", Neither;
    VerifiableCredentialOfferRequest = "VERIFIABLE_CREDENTIAL_OFFER_REQUEST", Both;
    VerifiableCredentialPreAuthorizedGrant = "VERIFIABLE_CREDENTIAL_PRE_AUTHORIZED_GRANT", Both;
    VerifiableCredentialRequest = "VERIFIABLE_CREDENTIAL_REQUEST", Both;
    VerifyEmail = "VERIFY_EMAIL", Both;
    VerifyProfile = "VERIFY_PROFILE", Both;
}

impl EventType {
    /// Whether a realm that saves events and names no types saves this one.
    pub fn saved_by_default(self, failed: bool) -> bool {
        match self.saved() {
            Saved::Both => true,
            Saved::Success => !failed,
            Saved::Neither => false,
        }
    }
}

/// Names of all types, those of errors too, in alphabetical order.
pub fn type_names() -> Vec<&'static str> {
    EventType::ALL
        .iter()
        .flat_map(|kind| [kind.name(false), kind.name(true)])
        .collect()
}

/// Names of the types that a realm saves when it names none itself.
pub fn default_saved_types() -> Vec<&'static str> {
    [false, true]
        .into_iter()
        .flat_map(|failed| {
            let saved = EventType::ALL.iter();
            saved
                .filter(move |kind| kind.saved_by_default(failed))
                .map(move |kind| kind.name(failed))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_defaults_are_among_them() {
        let names = type_names();
        let unique: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(names.len(), 132);
        assert_eq!(unique.len(), names.len());
        let saved = default_saved_types();
        assert_eq!(saved.len(), 103, "{saved:?}");
        assert!(saved.iter().all(|name| names.contains(name)));
        assert!(!saved.contains(&"REFRESH_TOKEN"));
    }
}
