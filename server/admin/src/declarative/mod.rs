//! What declarative tools need beside Keycloak's API, and nobody else sees: entity tags and
//! preconditions (RFC 9110), dry runs, batches, owners, digests of secrets, and a feed of changes.
//! docs/reference/admin-api-additions.md describes them, docs/decisions/0011 says why they are so.

mod batch;
mod change_feed;
mod etag;
mod exchange;
mod object_path;
mod owner;
mod secret_digests;
mod trial;

pub use exchange::Exchange;
pub use owner::{Declared, conflict, refuse_foreign_owner, stage_one, stage_ownership};
pub use secret_digests::SecretDigests;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::Method;
use realmkeep_authn::Services;

use change_feed::Feeds;
use etag::Preconditions;
use secret_digests::Guesses;
use trial::Trial;

/// `/admin/realms/{realm}`.
pub fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/batch", post(batch::apply))
        .route("/changes", get(change_feed::read))
        .route("/owners", get(owner::list))
        .route("/secret-comparisons", post(secret_digests::compare))
}

/// The routes of the Admin API, ready for requests and for being carried out over a transaction.
#[derive(Clone)]
pub struct Routes {
    ready: Router,
    /// Takes the services that it works with.
    open: Router<Arc<Services>>,
    services: Arc<Services>,
    guesses: Arc<Guesses>,
    feeds: Feeds,
}

impl Routes {
    pub fn new(open: Router<Arc<Services>>, services: Arc<Services>) -> Self {
        Self {
            ready: open.clone().with_state(services.clone()),
            open,
            services,
            guesses: Arc::default(),
            feeds: Feeds::default(),
        }
    }

    /// Answers a request, whose path has no slash at its end.
    pub async fn answer(&self, mut request: Request) -> Response {
        let exchange = Exchange::of(request.uri().path());
        let extensions = request.extensions_mut();
        extensions.insert(exchange.clone());
        extensions.insert(self.guesses.clone());
        extensions.insert(self.feeds.clone());
        let preconditions = match Preconditions::of(request.headers()) {
            Ok(preconditions) => preconditions,
            Err(e) => return e.into_response(),
        };
        match *request.method() {
            Method::GET | Method::HEAD => {
                let response = call(&self.ready, request).await;
                etag::answer(&exchange, &self.services.store, &preconditions, response).await
            }
            Method::POST | Method::PUT | Method::DELETE => {
                if is_batch(request.uri().path()) {
                    // It looks after its own transaction.
                    request.extensions_mut().insert(self.clone());
                    return call(&self.ready, request).await;
                }
                let dry_run = is_dry_run(request.uri().query());
                if !dry_run && preconditions.is_empty() {
                    return call(&self.ready, request).await;
                }
                Trial::of_request(self, preconditions, dry_run, request).await
            }
            _ => call(&self.ready, request).await,
        }
    }

    /// The same routes over an open transaction.
    fn over(&self, services: Arc<Services>) -> Router {
        self.open.clone().with_state(services)
    }
}

async fn call(routes: &Router, request: Request) -> Response {
    use tower::ServiceExt;
    match routes.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// `/admin/realms/{realm}/batch`.
fn is_batch(path: &str) -> bool {
    let mut segments = path.split('/').filter(|s| !s.is_empty()).skip(3);
    segments.next() == Some("batch") && segments.next().is_none()
}

fn is_dry_run(query: Option<&str>) -> bool {
    let mut pairs = query.unwrap_or_default().split('&');
    pairs.any(|pair| {
        pair.split_once('=')
            .is_some_and(|(key, value)| key == "dryRun" && value.eq_ignore_ascii_case("true"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_realms_own_batch_is_one() {
        assert!(is_batch("/admin/realms/r/batch"));
        assert!(!is_batch("/admin/realms/r/users/batch"));
        assert!(!is_batch("/admin/realms/batch"));
        assert!(!is_batch("/admin/realms/r/batch/x"));
    }

    #[test]
    fn a_dry_run_is_asked_for_by_name() {
        assert!(is_dry_run(Some("first=1&dryRun=TRUE")));
        for other in ["", "dryRun", "dryRun=false", "xdryRun=true", "dryrun=true"] {
            assert!(!is_dry_run(Some(other)), "{other}");
        }
        assert!(!is_dry_run(None));
    }
}
