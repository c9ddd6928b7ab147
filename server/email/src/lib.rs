//! E-mail to users and administrators, by SMTP.

mod mailer;
mod settings;
#[cfg(feature = "testing")]
pub mod testing;

pub use mailer::{EmailError, Mailer, Message};
pub use settings::{Authentication, Encryption, SettingsError, SmtpSettings};
