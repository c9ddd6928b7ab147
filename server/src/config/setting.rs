//! The types an option can have, and how each is read from text.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use realmkeep_keys::HashAlgorithm;
use realmkeep_model::features::{DisabledFeatures, Features};
use realmkeep_representations::SecretString;
use realmkeep_store::PostgresOptions;
use url::Url;

/// What kind of value an option takes; for the command line, TOML and documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text(&'static str),
    /// May be given as a flag without a value.
    Switch,
    Number(&'static str),
    /// Never printed.
    Secret,
    /// An address in which a password may stand; printed without it.
    Address(&'static str),
    Choice(&'static [&'static str]),
}

impl Kind {
    /// The placeholder of the value in help texts.
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Text(name) | Self::Number(name) | Self::Address(name) => name,
            Self::Switch => "true|false",
            Self::Secret => "SECRET",
            Self::Choice(_) => "CHOICE",
        }
    }
}

/// A value that is configured as text.
pub trait FromText: Sized {
    const KIND: Kind;

    /// # Errors
    /// What a right value looks like.
    fn from_text(text: &str) -> Result<Self, String>;
}

/// An empty text is an option that was not given.
impl<T: FromText> FromText for Option<T> {
    const KIND: Kind = T::KIND;

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "" => Ok(None),
            text => T::from_text(text).map(Some),
        }
    }
}

impl FromText for String {
    const KIND: Kind = Kind::Text("TEXT");

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl FromText for PathBuf {
    const KIND: Kind = Kind::Text("PATH");

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }
}

impl FromText for u16 {
    const KIND: Kind = Kind::Number("PORT");

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| "a port from 0 (any free one) to 65535 is needed".to_owned())
    }
}

impl FromText for usize {
    const KIND: Kind = Kind::Number("NUMBER");

    fn from_text(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(n) if n > 0 => Ok(n),
            _ => Err("a whole number above 0 is needed".to_owned()),
        }
    }
}

impl FromText for bool {
    const KIND: Kind = Kind::Switch;

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("true or false is needed".to_owned()),
        }
    }
}

impl FromText for SecretString {
    const KIND: Kind = Kind::Secret;

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Self::new(text))
    }
}

impl FromText for std::net::IpAddr {
    const KIND: Kind = Kind::Text("ADDRESS");

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| {
            "an IP address is needed, such as 0.0.0.0 (all interfaces) or 127.0.0.1".to_owned()
        })
    }
}

/// Whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seconds(pub Duration);

impl FromText for Seconds {
    const KIND: Kind = Kind::Number("SECONDS");

    fn from_text(text: &str) -> Result<Self, String> {
        match text.trim_end_matches('s').parse::<u32>() {
            Ok(n) if n <= 86_400 => Ok(Self(Duration::from_secs(n.into()))),
            _ => Err("whole seconds from 0 to 86400 are needed".to_owned()),
        }
    }
}

/// The public address of the server: scheme, host, port and path before `/realms`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hostname(pub Url);

impl FromText for Hostname {
    const KIND: Kind = Kind::Text("URL");

    fn from_text(text: &str) -> Result<Self, String> {
        const WANTED: &str =
            "a URL like https://id.example.com is needed, or a host name (which means https)";
        let url = if text.contains("://") {
            Url::parse(text)
        } else {
            Url::parse(&format!("https://{text}"))
        };
        match url {
            Ok(url)
                if matches!(url.scheme(), "http" | "https")
                    && url.has_host()
                    && url.username().is_empty()
                    && url.password().is_none()
                    && url.query().is_none()
                    && url.fragment().is_none() =>
            {
                Ok(Self(url))
            }
            _ => Err(WANTED.to_owned()),
        }
    }
}

/// Where a PostgreSQL database is.
#[derive(Clone, Debug)]
pub struct DatabaseUrl(pub SecretString);

impl FromText for DatabaseUrl {
    const KIND: Kind = Kind::Address("URL");

    fn from_text(text: &str) -> Result<Self, String> {
        let url = SecretString::new(text);
        match PostgresOptions::check(&url) {
            Ok(()) => Ok(Self(url)),
            Err(e) => Err(e.to_string()),
        }
    }
}

/// Which headers of a proxy are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHeaders {
    /// `X-Forwarded-For`, `-Proto`, `-Host`, `-Port`.
    Xforwarded,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl FromText for ProxyHeaders {
    const KIND: Kind = Kind::Choice(&["xforwarded", "forwarded"]);

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "xforwarded" => Ok(Self::Xforwarded),
            "forwarded" => Ok(Self::Forwarded),
            _ => Err("xforwarded or forwarded is needed".to_owned()),
        }
    }
}

/// The algorithm that hashes passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordHashing(pub HashAlgorithm);

impl FromText for PasswordHashing {
    const KIND: Kind = Kind::Choice(&["argon2", "pbkdf2-sha512", "pbkdf2-sha256", "pbkdf2"]);

    fn from_text(text: &str) -> Result<Self, String> {
        HashAlgorithm::named(text)
            .map(Self)
            .ok_or_else(|| "argon2, pbkdf2-sha512, pbkdf2-sha256 or pbkdf2 is needed".to_owned())
    }
}

/// Addresses and networks, separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressList(pub Vec<IpNet>);

impl FromText for AddressList {
    const KIND: Kind = Kind::Text("ADDRESSES");

    fn from_text(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(|item| {
                item.parse::<IpNet>()
                    .or_else(|_| item.parse::<std::net::IpAddr>().map(IpNet::from))
                    .map_err(|_| {
                        format!("{item:?} is not an address or network such as 10.0.0.0/8")
                    })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// Origins (`scheme://host[:port]`), separated by commas.
impl FromText for Vec<Url> {
    const KIND: Kind = Kind::Text("ORIGINS");

    fn from_text(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(|item| match Url::parse(item) {
                Ok(url) if url.has_host() && matches!(url.path(), "" | "/") => Ok(url),
                _ => Err(format!(
                    "{item:?} is not an origin such as http://issuer.example:8080"
                )),
            })
            .collect()
    }
}

impl FromText for Features {
    const KIND: Kind = Kind::Text("NAMES");

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|e: realmkeep_model::features::UnknownFeature| e.to_string())
    }
}

impl FromText for DisabledFeatures {
    const KIND: Kind = Kind::Text("NAMES");

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|e: realmkeep_model::features::UnknownFeature| e.to_string())
    }
}

/// A level, or levels by target, as tracing reads them (`info,realmkeep_oidc=debug`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(pub String);

impl FromText for LogFilter {
    const KIND: Kind = Kind::Text("LEVEL");

    fn from_text(text: &str) -> Result<Self, String> {
        // Keycloak writes `INFO,org.example:debug`.
        let text = text.replace(':', "=");
        text.parse::<tracing_subscriber::filter::Targets>()
            .map(|_| Self(text))
            .map_err(|_| {
                "a level is needed (error, warn, info, debug, trace), and after a comma levels by module such as realmkeep_oidc=debug".to_owned()
            })
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl FromText for LogFormat {
    const KIND: Kind = Kind::Choice(&["text", "json"]);

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "text" | "default" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("text or json is needed".to_owned()),
        }
    }
}

/// Level of the log lines of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLevel(pub realmkeep_events::Level);

impl FromText for EventLevel {
    const KIND: Kind = Kind::Choice(realmkeep_events::Level::NAMES);

    fn from_text(text: &str) -> Result<Self, String> {
        let level = text.to_lowercase().parse();
        level
            .map(Self)
            .map_err(|e: realmkeep_events::UnknownLevel| e.to_string())
    }
}

/// Types of events that users get mails about, separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailedEvents(pub Vec<String>);

impl FromText for MailedEvents {
    const KIND: Kind = Kind::Text("TYPES");

    fn from_text(text: &str) -> Result<Self, String> {
        let known = realmkeep_events::MAILED;
        let names: Vec<&str> = known
            .iter()
            .map(|(kind, failed)| kind.name(*failed))
            .collect();
        text.split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(|name| match names.contains(&name) {
                true => Ok(name.to_owned()),
                false => Err(format!("{name:?} is none of {}", names.join(", "))),
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// How the names of secrets are made, separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyResolvers(pub Vec<realmkeep_keys::vault::KeyResolver>);

impl FromText for KeyResolvers {
    const KIND: Kind = Kind::Text("NAMES");

    fn from_text(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(|name| {
                name.parse()
                    .map_err(|e: realmkeep_keys::vault::UnknownResolver| format!("{name:?}: {e}"))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// Where something is sent: scheme, host, port, and a path at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(pub Url);

impl FromText for Endpoint {
    const KIND: Kind = Kind::Text("URL");

    fn from_text(text: &str) -> Result<Self, String> {
        match Url::parse(text) {
            Ok(url)
                if matches!(url.scheme(), "http" | "https")
                    && url.has_host()
                    && url.username().is_empty()
                    && url.password().is_none()
                    && url.query().is_none() =>
            {
                Ok(Self(url))
            }
            _ => Err("an address such as http://collector:4318 is needed".to_owned()),
        }
    }
}

/// A part of a whole, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio(pub f64);

impl FromText for Ratio {
    const KIND: Kind = Kind::Number("RATIO");

    fn from_text(text: &str) -> Result<Self, String> {
        match text.parse::<f64>() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(Self(ratio)),
            _ => Err("a number from 0 to 1 is needed".to_owned()),
        }
    }
}
