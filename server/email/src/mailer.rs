use std::sync::Arc;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use realmkeep_workload_identity::OutboundHttp;
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::{Authentication, Encryption, SmtpSettings};

/// Mails that may wait to be sent; further ones are refused.
const OUTBOX: usize = 1_000;
/// Mails sent at once.
const SENDING: usize = 8;
/// How long the mail server may take for one command.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends mails.
#[derive(Clone)]
pub struct Mailer(Arc<Inner>);

struct Inner {
    /// Gets access tokens for mail servers.
    http: OutboundHttp,
    /// Certificate authorities besides the system's, in PEM.
    authorities: Vec<Certificate>,
    outbox: Arc<Semaphore>,
    sending: Arc<Semaphore>,
}

/// One mail.
#[derive(Clone, Debug)]
pub struct Message {
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// A mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum EmailError {
    #[error("'{0}' is not an e-mail address")]
    Address(String),
    #[error("the mail cannot be made: {0}")]
    Message(#[from] lettre::error::Error),
    #[error("the mail server {host}:{port} did not take the mail: {cause}")]
    Smtp {
        host: String,
        port: u16,
        cause: String,
    },
    #[error("no access token for the mail server: {0}")]
    Token(String),
    #[error("the certificate authorities for mail servers cannot be read: {0}")]
    Authorities(String),
    #[error("too many mails wait to be sent")]
    Overloaded,
}

impl Mailer {
    /// `http` gets access tokens; `authorities` are trusted besides the system's, each a PEM file.
    ///
    /// # Errors
    /// When a file of authorities is none.
    pub fn new(http: OutboundHttp, authorities: &[Vec<u8>]) -> Result<Self, EmailError> {
        let authorities = authorities
            .iter()
            .map(|pem| Certificate::from_pem(pem))
            .collect::<Result<_, _>>()
            .map_err(|e| EmailError::Authorities(e.to_string()))?;
        Ok(Self(Arc::new(Inner {
            http,
            authorities,
            outbox: Arc::new(Semaphore::new(OUTBOX)),
            sending: Arc::new(Semaphore::new(SENDING)),
        })))
    }

    /// Sends the mail and waits until the mail server has taken it.
    ///
    /// # Errors
    /// When it was not taken.
    pub async fn send(&self, settings: &SmtpSettings, message: &Message) -> Result<(), EmailError> {
        self.0.send(settings, message).await
    }

    /// Puts the mail into the outbox, so that neither answer nor time tell whether there is one. A
    /// mail that is not taken is logged and given up; what is in the outbox when the server stops is
    /// lost, and has to be asked for again.
    ///
    /// # Errors
    /// [`EmailError::Overloaded`] when too many wait.
    pub fn post(&self, settings: SmtpSettings, message: Message) -> Result<(), EmailError> {
        let inner = self.0.clone();
        let place = inner.outbox.clone().try_acquire_owned();
        let place = place.map_err(|_| EmailError::Overloaded)?;
        tokio::spawn(async move {
            // Never closed.
            let _turn = inner.sending.acquire().await;
            if let Err(error) = inner.send(&settings, &message).await {
                tracing::error!(%error, host = settings.host, "a mail was not sent");
            }
            drop(place);
        });
        Ok(())
    }
}

impl Inner {
    async fn send(&self, settings: &SmtpSettings, message: &Message) -> Result<(), EmailError> {
        let to = mailbox(&message.to, None)?;
        let from = mailbox(&settings.from, settings.from_name.as_deref())?;
        let sender = settings.envelope_from.as_deref().unwrap_or(&settings.from);
        let envelope = Envelope::new(Some(address(sender)?), vec![to.email.clone()])?;
        let mut builder = lettre::Message::builder()
            .from(from)
            .to(to)
            .subject(&message.subject)
            .message_id(None)
            .envelope(envelope);
        if let Some(reply_to) = &settings.reply_to {
            builder = builder.reply_to(mailbox(reply_to, settings.reply_to_name.as_deref())?);
        }
        let body = MultiPart::alternative_plain_html(message.text.clone(), message.html.clone());
        let mail = builder.multipart(body)?;
        let transport = self.transport(settings).await?;
        transport
            .send(mail)
            .await
            .map(drop)
            .map_err(|error| EmailError::Smtp {
                host: settings.host.clone(),
                port: settings.port,
                cause: chain(&error),
            })
    }

    async fn transport(
        &self,
        settings: &SmtpSettings,
    ) -> Result<AsyncSmtpTransport<Tokio1Executor>, EmailError> {
        let tls = match settings.encryption {
            Encryption::None => Tls::None,
            Encryption::StartTls => Tls::Required(self.tls(settings)?),
            Encryption::Tls => Tls::Wrapper(self.tls(settings)?),
        };
        // What is dangerous is that it does not encrypt by itself: `tls` says whether it does.
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port)
            .timeout(Some(TIMEOUT))
            .tls(tls);
        match &settings.authentication {
            None => {}
            Some(Authentication::Password { user, password }) => {
                let credentials = Credentials::new(user.clone(), password.expose().to_owned());
                builder = builder
                    .credentials(credentials)
                    .authentication(vec![Mechanism::Plain, Mechanism::Login]);
            }
            Some(token @ Authentication::Token { user, .. }) => {
                let credentials = Credentials::new(user.clone(), self.access_token(token).await?);
                builder = builder
                    .credentials(credentials)
                    .authentication(vec![Mechanism::Xoauth2]);
            }
        }
        Ok(builder.build())
    }

    fn tls(&self, settings: &SmtpSettings) -> Result<TlsParameters, EmailError> {
        let mut builder = TlsParameters::builder(settings.host.clone());
        for authority in &self.authorities {
            builder = builder.add_root_certificate(authority.clone());
        }
        builder
            .build_rustls()
            .map_err(|e| EmailError::Authorities(e.to_string()))
    }

    /// RFC 6749 section 4.4.
    async fn access_token(&self, with: &Authentication) -> Result<String, EmailError> {
        #[derive(Deserialize)]
        struct Answer {
            access_token: String,
        }
        let Authentication::Token {
            url,
            scope,
            client_id,
            client_secret,
            ..
        } = with
        else {
            return Err(EmailError::Token("none is configured".to_owned()));
        };
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_secret", client_secret.expose()),
        ];
        if let Some(scope) = scope {
            form.push(("scope", scope));
        }
        let answer = self.http.post_form(url, &form).await;
        let answer = answer.map_err(|e| EmailError::Token(e.to_string()))?;
        let answer: Answer = answer
            .json()
            .map_err(|e| EmailError::Token(e.to_string()))?;
        Ok(answer.access_token)
    }
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailer").finish_non_exhaustive()
    }
}

fn address(text: &str) -> Result<Address, EmailError> {
    text.parse()
        .map_err(|_| EmailError::Address(text.to_owned()))
}

fn mailbox(text: &str, name: Option<&str>) -> Result<Mailbox, EmailError> {
    Ok(Mailbox::new(name.map(str::to_owned), address(text)?))
}

/// The error with its causes; none of them holds a credential.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
