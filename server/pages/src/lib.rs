//! What an end user sees: login, logout and error pages, without scripts, in one stylesheet.
//!
//! Every word comes from a message file, every value is escaped by the template engine.

mod messages;
mod pages;
mod stylesheet;

pub use pages::{
    BackLink, ErrorPage, FormField, FormPost, InfoPage, LoginPage, LogoutConfirm, Pages,
    PagesError, UsernameLabel,
};
pub use stylesheet::Stylesheet;

/// The only script of all pages: it sends the form of [`FormPost`]. Its hash goes into the
/// Content-Security-Policy of that page.
pub const SUBMIT_SCRIPT: &str = "document.forms[0].submit()";
