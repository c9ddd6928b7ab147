//! Answers for people: pages, cookies, and the headers that protect them.

mod cookies;
mod page;

pub(crate) use cookies::{Cookies, clear_cookie, set_cookie};
pub(crate) use page::{
    PageError, csp_hash, html, html_with_script, protect, realm_name, resources,
};
