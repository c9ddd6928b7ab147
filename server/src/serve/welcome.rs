//! `/`: the way to the admin console or, while there is no administrator yet, a form that makes the
//! first one for who sits at the machine.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use realmkeep_admin::bootstrap::{self, FirstAdmin};
use realmkeep_authn::flow::Submitted;
use realmkeep_authn::{Services, random};
use realmkeep_oidc::context::Context;
use realmkeep_oidc::transport::Proxied;
use realmkeep_pages::Message;
use realmkeep_pages::page::{Welcome, WelcomeStep};
use realmkeep_representations::SecretString;
use realmkeep_store::users::UserSearch;
use serde_json::json;
use tower_http::limit::RequestBodyLimitLayer;

use super::limits;

const MASTER: &str = "master";
/// Holds what the form has to send back, so that no other site can fill it in.
const STATE_COOKIE: &str = "WELCOME_STATE_CHECKER";

pub fn router() -> Router<Arc<Services>> {
    Router::new()
        .route("/", get(show).post(create))
        .layer(RequestBodyLimitLayer::new(limits::BODY_BYTES))
}

async fn show(State(services): State<Arc<Services>>, parts: Parts) -> Response {
    match waiting(&services).await {
        Ok(true) => {}
        Ok(false) => return elsewhere(&services),
        Err(answer) => return answer,
    }
    if is_local(&parts) {
        form(&services, &parts, Welcome::default(), StatusCode::OK).await
    } else {
        let remote = Welcome {
            step: WelcomeStep::Remote,
            ..Welcome::default()
        };
        page(&services, &parts, StatusCode::OK, remote).await
    }
}

async fn create(State(services): State<Arc<Services>>, parts: Parts, body: Bytes) -> Response {
    match waiting(&services).await {
        Ok(true) => {}
        Ok(false) => return elsewhere(&services),
        Err(answer) => return answer,
    }
    let sent =
        Submitted::parse(&body).filter(|sent| is_local(&parts) && is_ours(sent, &parts.headers));
    let Some(sent) = sent else {
        return (
            StatusCode::FORBIDDEN,
            "This form was not sent from here; open / anew.",
        )
            .into_response();
    };
    let username = sent.value("username").unwrap_or_default().trim();
    let password = sent.value("password").unwrap_or_default();
    let mut shown = Welcome {
        username: username.to_owned(),
        ..Welcome::default()
    };
    let mut wrong = |field: &str, key: &str| {
        shown.errors.insert(field.to_owned(), Message::new(key));
    };
    if username.is_empty() {
        wrong("username", "missingUsernameMessage");
    }
    if password.is_empty() {
        wrong("password", "missingPasswordMessage");
    } else if sent.value("passwordConfirmation") != Some(password) {
        wrong("passwordConfirmation", "notMatchPasswordMessage");
    }
    if !shown.errors.is_empty() {
        return form(&services, &parts, shown, StatusCode::BAD_REQUEST).await;
    }
    let password = SecretString::new(password);
    match bootstrap::create_lasting_admin(&services, username, &password).await {
        Ok(FirstAdmin::Created) => {}
        Ok(FirstAdmin::Exists) => return elsewhere(&services),
        Err(error) => {
            tracing::error!(%error, "the first administrator was not created");
            return (StatusCode::SERVICE_UNAVAILABLE, "Try again in a moment.").into_response();
        }
    }
    tracing::info!(
        username,
        "administrator created in the realm master by the welcome page"
    );
    let console = format!("{}/admin/", services.base_url.path());
    shown.step = WelcomeStep::Created;
    shown.admin_console = realmkeep_console::is_embedded().then_some(console);
    page(&services, &parts, StatusCode::CREATED, shown).await
}

/// Whether nobody can administer the server yet.
async fn waiting(services: &Services) -> Result<bool, Response> {
    if services.bootstrap_trust.is_some() {
        return Ok(false);
    }
    let counted = async {
        match services.store.realm(MASTER).await? {
            Some(master) => {
                services
                    .store
                    .count_users(&master.id, &UserSearch::default())
                    .await
            }
            None => Ok(1),
        }
    };
    counted.await.map(|users| users == 0).map_err(|error| {
        tracing::error!(%error, "the administrators could not be counted");
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "The database does not answer; try again.",
        )
            .into_response()
    })
}

/// Whether whoever asks sits at this machine: the connection comes from it, no proxy stands between,
/// and the browser went to a name of it (a name of somebody else's may point here, too).
fn is_local(parts: &Parts) -> bool {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let from_here = peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback());
    let host = parts
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let name = host.map(|host| match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    });
    let to_here = matches!(name, Some("localhost" | "127.0.0.1" | "[::1]"));
    from_here && to_here && parts.extensions.get::<Proxied>().is_none()
}

fn is_ours(sent: &Submitted, headers: &HeaderMap) -> bool {
    let cookies = headers.get_all(header::COOKIE).iter();
    let mut pairs = cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let given = sent.value("stateChecker").unwrap_or_default();
    pairs.any(|(name, value)| name == STATE_COOKIE && !given.is_empty() && value == given)
}

async fn form(
    services: &Arc<Services>,
    parts: &Parts,
    shown: Welcome,
    status: StatusCode,
) -> Response {
    let state_checker = random::token(16);
    let cookie = format!("{STATE_COOKIE}={state_checker}; Path=/; HttpOnly; SameSite=Strict");
    let shown = Welcome {
        state_checker,
        ..shown
    };
    let mut response = page(services, parts, status, shown).await;
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

async fn page(
    services: &Arc<Services>,
    parts: &Parts,
    status: StatusCode,
    shown: Welcome,
) -> Response {
    let action = format!("{}/", services.base_url.path());
    match Context::of_realm(parts, services, MASTER).await {
        Ok(context) => context.standalone_page(status, "Realmkeep", &action, shown),
        Err(none) => none.into_response(),
    }
}

fn elsewhere(services: &Services) -> Response {
    if realmkeep_console::is_embedded() {
        return Redirect::to(&format!("{}/admin/", services.base_url.path())).into_response();
    }
    let hint =
        "this is an identity server; its realms are at /realms/{realm}, its Admin API at /admin";
    (StatusCode::NOT_FOUND, Json(json!({"error": hint}))).into_response()
}
