//! Accounts over their life: registration, forgotten credentials, addresses, languages.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../authorize/browser.rs"]
#[allow(dead_code)]
mod browser;
mod captcha;
mod e_mail;
mod events;
mod languages;
mod registration;
mod reset;
mod security;
#[path = "../support/mod.rs"]
mod support;
#[path = "../login/tools.rs"]
#[allow(dead_code)]
mod tools;

use realmkeep_email::testing::{Received, SmtpServer};
use reqwest::StatusCode;

use browser::{Browser, Seen};
use support::Server;

/// Gives the realm a mail server.
pub async fn mail_server(server: &Server) -> SmtpServer {
    let smtp = SmtpServer::start().await.unwrap();
    let settings = smtp.settings();
    server
        .change_realm(|realm| realm.smtp_server = Some(settings))
        .await;
    smtp
}

/// The address of the page's link with this part in it.
#[track_caller]
pub fn link(server: &Server, page: &Seen, part: &str) -> String {
    let mut links = page.text.split("href=\"").skip(1);
    let link = links.find_map(|rest| rest.split('"').next().filter(|link| link.contains(part)));
    let link = link.unwrap_or_else(|| panic!("{part}: {}", page.text));
    let link = link.replace("&amp;", "&");
    match link.starts_with("http") {
        true => link,
        false => format!("{}{link}", server.base),
    }
}

/// Opens the link of the mail; where a page asks whether it is meant, says so.
pub async fn follow(server: &Server, browser: &Browser, mail: &Received) -> Seen {
    let url = mail.link("login-actions/action-token").expect(&mail.data);
    let page = browser.get(server, &url).await;
    if page.text.contains("id=\"proceedWithAction\"") {
        assert_eq!(page.status, StatusCode::OK);
        let go_on = link(server, &page, "confirm=true");
        return browser.get(server, &go_on).await;
    }
    page
}
