//! `secure-client-authenticator`: how clients prove themselves.

use super::{Check, Config, Do, Executor, Kind, Outcome, PolicyEvent, Property, Violation};

const METHODS: &[&str] = &[
    "client-jwt",
    "client-secret",
    "client-secret-jwt",
    "client-x509",
    "federated-jwt",
];
const ALLOWED: &str = "allowed-client-authenticators";
const DEFAULT: &str = "default-client-authenticator";

pub(super) const EXECUTOR: Executor = Executor::new(
    "secure-client-authenticator",
    "Clients have to prove themselves in one of these ways.",
    &[
        Property::new(
            ALLOWED,
            "Allowed Client Authenticators",
            "What clients may be set to.",
            Kind::Several {
                of: METHODS,
                default: None,
            },
        ),
        Property::new(
            DEFAULT,
            "Default Client Authenticator",
            "What new clients are set to where nothing is said.",
            Kind::One {
                of: METHODS,
                default: Some("client-jwt"),
            },
        ),
    ],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    use PolicyEvent::{
        Introspection, Logout, Register, Revocation, TokenRefresh, TokenRequest, Update,
    };
    let allowed = config.list(ALLOWED);
    match check.event {
        Register | Update => {
            let Some(client) = check.proposed.as_deref_mut() else {
                return Ok(());
            };
            if client.client_authenticator_type.is_none() {
                client.client_authenticator_type = config.text(DEFAULT).map(str::to_owned);
            }
            let method = client.client_authenticator_type.as_deref();
            // Whether clients may be public is for another executor to say.
            if client.public_client == Some(true) || method.is_some_and(|m| allowed.contains(&m)) {
                return Ok(());
            }
            Err(Violation::metadata(
                "Invalid client metadata: token_endpoint_auth_method",
            ))
        }
        TokenRequest | TokenRefresh | Revocation | Introspection | Logout => {
            let Some(client) = check.client.filter(|c| c.public_client != Some(true)) else {
                return Ok(());
            };
            let method = client.client_authenticator_type.as_deref();
            if method.is_some_and(|m| allowed.contains(&m)) {
                return Ok(());
            }
            Err(Violation::request(
                "Configured client authentication method not allowed for client",
            ))
        }
        _ => Ok(()),
    }
}
