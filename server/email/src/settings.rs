//! A realm's connection to its mail server (`smtpServer`).

use std::collections::BTreeMap;

use realmkeep_representations::SecretString;

/// Where and how mails are sent.
#[derive(Clone, Debug)]
pub struct SmtpSettings {
    pub host: String,
    pub port: u16,
    pub encryption: Encryption,
    pub authentication: Option<Authentication>,
    /// Address and name of the `From` header.
    pub from: String,
    pub from_name: Option<String>,
    pub reply_to: Option<String>,
    pub reply_to_name: Option<String>,
    /// Where undeliverable mails go (Return-Path).
    pub envelope_from: Option<String>,
}

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    None,
    /// The connection begins in the clear and must go over to TLS (RFC 3207).
    StartTls,
    /// TLS from the beginning (RFC 8314).
    Tls,
}

/// Who we are to the mail server.
#[derive(Clone, Debug)]
pub enum Authentication {
    Password {
        user: String,
        password: SecretString,
    },
    /// An access token, got with client credentials (XOAUTH2).
    Token {
        user: String,
        url: String,
        scope: Option<String>,
        client_id: String,
        client_secret: SecretString,
    },
}

/// What the realm's settings lack.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("smtpServer.{0} is not set")]
    Missing(&'static str),
    #[error("smtpServer.port must be a port number, not '{0}'")]
    Port(String),
}

impl SmtpSettings {
    /// Reads the settings as the Admin API has them, all values being texts.
    ///
    /// # Errors
    /// When something needed is missing.
    pub fn read(given: &BTreeMap<String, String>) -> Result<Self, SettingsError> {
        let text = |name: &str| {
            let value = given.get(name).map(|v| v.trim());
            value.filter(|v| !v.is_empty()).map(str::to_owned)
        };
        let needed = |name: &'static str| text(name).ok_or(SettingsError::Missing(name));
        let flag = |name: &str| text(name).is_some_and(|v| v.eq_ignore_ascii_case("true"));
        let encryption = match (flag("ssl"), flag("starttls")) {
            (true, _) => Encryption::Tls,
            (false, true) => Encryption::StartTls,
            (false, false) => Encryption::None,
        };
        let port = match text("port") {
            Some(port) => port.parse().map_err(|_| SettingsError::Port(port))?,
            None if encryption == Encryption::Tls => 465,
            None if encryption == Encryption::StartTls => 587,
            None => 25,
        };
        let authentication = if !flag("auth") {
            None
        } else if text("authType").as_deref() == Some("token") {
            Some(Authentication::Token {
                user: needed("user")?,
                url: needed("authTokenUrl")?,
                scope: text("authTokenScope"),
                client_id: needed("authTokenClientId")?,
                client_secret: SecretString::new(needed("authTokenClientSecret")?),
            })
        } else {
            Some(Authentication::Password {
                user: needed("user")?,
                password: SecretString::new(needed("password")?),
            })
        };
        Ok(Self {
            host: needed("host")?,
            port,
            encryption,
            authentication,
            from: needed("from")?,
            from_name: text("fromDisplayName"),
            reply_to: text("replyTo"),
            reply_to_name: text("replyToDisplayName"),
            envelope_from: text("envelopeFrom"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<SmtpSettings, SettingsError> {
        let all = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        SmtpSettings::read(&all.collect())
    }

    /// spec: EMAIL-08, EMAIL-09, EMAIL-10
    #[test]
    fn what_is_missing_is_named_and_ports_have_defaults() {
        assert_eq!(read(&[]).unwrap_err(), SettingsError::Missing("host"));
        let base = [("host", "mail"), ("from", "a@b")];
        assert_eq!(
            read(&base[..1]).unwrap_err(),
            SettingsError::Missing("from")
        );
        assert_eq!(read(&base).unwrap().port, 25);
        let with = |more: &[(&'static str, &'static str)]| read(&[&base, more].concat());
        let tls = with(&[("ssl", "true"), ("starttls", "true")]).unwrap();
        assert_eq!((tls.port, tls.encryption), (465, Encryption::Tls));
        let starttls = with(&[("starttls", "true")]).unwrap();
        assert_eq!(
            (starttls.port, starttls.encryption),
            (587, Encryption::StartTls)
        );
        assert_eq!(
            with(&[("port", "x")]).unwrap_err(),
            SettingsError::Port("x".to_owned())
        );
        assert_eq!(
            with(&[("auth", "true")]).unwrap_err(),
            SettingsError::Missing("user")
        );
        let secret = with(&[("auth", "true"), ("user", "u"), ("password", "hush")]).unwrap();
        assert!(!format!("{secret:?}").contains("hush"));
    }
}
