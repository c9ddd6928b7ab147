//! Answers for people: pages, cookies, and the headers that protect them.

mod cookies;
mod look;
mod page;

pub(crate) use cookies::{Cookies, clear_cookie, set_cookie, set_script_cookie};
pub use look::Languages;
pub(crate) use look::remember_locale;
pub(crate) use page::{PageError, application, csp_hash, page, protect, realm_name, resources};
