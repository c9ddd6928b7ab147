//! `intent-client-bind-checker`: an intent (of a payment, say) was issued to the very client that brings
//! it, which another server knows (Open Banking UK).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Check, Config, Do, Doing, Executor, Kind, PolicyEvent, Property, Violation};

const ENDPOINT: &str = "intent-client-bind-check-endpoint";
const NAME: &str = "intent-name";

pub(super) const EXECUTOR: Executor = Executor::new(
    "intent-client-bind-checker",
    "Asks another server whether an intent was issued to the client that brings it.",
    &[
        Property::new(
            ENDPOINT,
            "Intent Client Bind Check Endpoint",
            "Address of the endpoint that is asked.",
            Kind::Text(Some(
                "https://rs.keycloak-fapi.org/check-intent-client-bound",
            )),
        ),
        Property::new(
            NAME,
            "Intent Name",
            "Name of the ID token claim, asked for as essential, that holds the intent.",
            Kind::Text(Some("openbanking_intent_id")),
        ),
    ],
    Do::Later(run),
);

#[derive(Serialize)]
struct Question<'a> {
    intent_id: &'a str,
    client_id: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    is_bound: bool,
}

fn run<'f>(check: &'f mut Check<'_>, config: Config<'f>) -> Doing<'f> {
    Box::pin(async move {
        if check.event != PolicyEvent::Authorization {
            return Ok(());
        }
        let endpoint = config
            .text(ENDPOINT)
            .filter(|url| url.starts_with("http://") || url.starts_with("https://"))
            .ok_or_else(|| {
                Violation::new(
                    "server_error",
                    "invalid Intent Client Bind Check Endpoint setting",
                )
            })?;
        let claims = check.request.and_then(|request| request.claims.as_deref());
        let intent = intent(claims, config.text(NAME))?;
        let client_id = check.client.and_then(|client| client.client_id.as_deref());
        let question = Question {
            intent_id: &intent,
            client_id: client_id.unwrap_or_default(),
        };
        let failed = |reason: String| {
            Violation::request("checking intent bound with client failed").because(reason)
        };
        let http = check.context.services.remote_keys.http();
        let answer = http.post_json(endpoint, None, &question).await;
        let answer = answer.map_err(|e| failed(e.to_string()))?;
        if answer.status != 200 {
            return Err(failed(format!("it answered with status {}", answer.status)));
        }
        let answer: Answer = answer.json().map_err(|e| failed(e.to_string()))?;
        if answer.is_bound {
            return Ok(());
        }
        Err(Violation::request(
            "The intent is not bound with the client",
        ))
    })
}

/// The value that the request asks of the claim, which has to be essential (OpenID Connect Core section
/// 5.5).
fn intent(claims: Option<&str>, name: Option<&str>) -> Result<String, Violation> {
    let claims = claims.ok_or_else(|| {
        Violation::request("no claim for an intent value in an authorization request")
    })?;
    let name = name.ok_or_else(|| Violation::request("invalid intent name setting"))?;
    let claims: Value = serde_json::from_str(claims)
        .map_err(|_| Violation::request("invalid claim for an intent value"))?;
    let claim = claims
        .get("id_token")
        .and_then(|of_token| of_token.get(name));
    let claim = claim
        .filter(|claim| !claim.is_null())
        .ok_or_else(|| Violation::request("no claim for an intent value for ID token"))?;
    if claim.get("essential") != Some(&Value::Bool(true)) {
        return Err(Violation::request(
            "not specifying a claim for an intent as essential claim",
        ));
    }
    let value = claim.get("value").and_then(Value::as_str);
    value
        .map(str::to_owned)
        .ok_or_else(|| Violation::request("invalid intent value"))
}
