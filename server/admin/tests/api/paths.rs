//! Every path of the Admin REST API, with what it answers here: `tests/data/paths.tsv` has a line for
//! each, with `yes` or the name of the capability that comes later.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Caller, Server};

pub const PATHS: &str = include_str!("../data/paths.tsv");

/// Ids of objects that the paths are about.
pub async fn objects(admin: &Caller<'_>) -> BTreeMap<&'static str, String> {
    let client = admin
        .post(
            "/r/clients",
            json!({"clientId": "c", "serviceAccountsEnabled": true}),
        )
        .await
        .is(201)
        .id();
    let user = json!({"username": "alice", "enabled": true, "credentials": [{"type": "password", "value": "x"}]});
    let user = admin.post("/r/users", user).await.is(201).id();
    let group = admin
        .post("/r/groups", json!({"name": "g"}))
        .await
        .is(201)
        .id();
    admin
        .post("/r/roles", json!({"name": "role"}))
        .await
        .is(201);
    admin
        .post(
            &format!("/r/clients/{client}/roles"),
            json!({"name": "role"}),
        )
        .await
        .is(201);
    let role = admin.get("/r/roles/role").await.is(200).body["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let scope = json!({"name": "s", "protocol": "openid-connect"});
    let scope = admin.post("/r/client-scopes", scope).await.is(201).id();
    let provider = json!({"alias": "k8s", "providerId": "kubernetes", "config": {"issuer": "https://i.example.test"}});
    admin
        .post("/r/identity-provider/instances", provider)
        .await
        .is(201);
    let flow = json!({"alias": "flow", "providerId": "basic-flow", "topLevel": true});
    let flow = admin
        .post("/r/authentication/flows", flow)
        .await
        .is(201)
        .id();
    let step = json!({"provider": "identity-provider-redirector"});
    let execution = admin
        .post("/r/authentication/flows/flow/executions/execution", step)
        .await
        .is(201)
        .id();
    let component = admin.get("/r/components").await.is(200).body[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let credential = admin
        .get(&format!("/r/users/{user}/credentials"))
        .await
        .is(200)
        .body[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    BTreeMap::from([
        ("{realm}", "r".to_owned()),
        ("{client-uuid}", client.clone()),
        ("{client-id}", client.clone()),
        ("{roleContainerId}", "r".to_owned()),
        ("{targetClientUuid}", client.clone()),
        ("{clientUuid}", client.clone()),
        ("{user-id}", user.clone()),
        ("{userId}", user),
        ("{group-id}", group.clone()),
        ("{groupId}", group),
        ("{role-name}", "role".to_owned()),
        ("{role-id}", role),
        ("{client-scope-id}", scope.clone()),
        ("{clientScopeId}", scope),
        ("{alias}", "k8s".to_owned()),
        ("{provider}", "k8s".to_owned()),
        ("{provider_id}", "kubernetes".to_owned()),
        ("{providerId}", "auth-cookie".to_owned()),
        ("{flowAlias}", "flow".to_owned()),
        ("{executionId}", execution),
        ("{credentialId}", credential.clone()),
        ("{newPreviousCredentialId}", credential),
        ("{attr}", "jwt.credential".to_owned()),
        ("{locale}", "en".to_owned()),
        ("{protocol}", "openid-connect".to_owned()),
        ("{path}", "g".to_owned()),
        ("#component", component),
        ("#flow", flow),
    ])
}

/// The line's path with ids in it. Deleted objects do not exist, so that the next line finds its own.
pub fn filled(method: &str, path: &str, ids: &BTreeMap<&str, String>) -> String {
    let mut out = Vec::new();
    let segments: Vec<&str> = path.split('/').collect();
    for (index, segment) in segments.iter().enumerate() {
        let last = index + 1 == segments.len();
        let before = index.checked_sub(1).map_or("", |i| segments[i]);
        let value = if *segment == "{realm}" || !segment.starts_with('{') {
            ids.get(segment)
                .cloned()
                .unwrap_or_else(|| (*segment).to_owned())
        } else if *segment == "{alias}" && before == "required-actions" {
            "UPDATE_PASSWORD".to_owned()
        } else if *segment == "{providerId}" && before == "providers" {
            "keycloak-oidc-keycloak-json".to_owned()
        } else if method == "DELETE" && last {
            "nope".to_owned()
        } else if *segment == "{client}" && before == "consents" {
            "c".to_owned()
        } else if *segment == "{client}" {
            ids["{client-uuid}"].clone()
        } else if *segment == "{id}" {
            match before {
                "components" => ids["#component"].clone(),
                "flows" => ids["#flow"].clone(),
                "users" => ids["{user-id}"].clone(),
                "groups" => ids["{group-id}"].clone(),
                "clients" => ids["{client-uuid}"].clone(),
                "clientScopes" => ids["{client-scope-id}"].clone(),
                "roles" => ids["{role-id}"].clone(),
                "{type}" => ids["#flow"].clone(),
                _ => "nope".to_owned(),
            }
        } else if *segment == "{type}" {
            "clients".to_owned()
        } else {
            ids.get(segment)
                .cloned()
                .unwrap_or_else(|| "nope".to_owned())
        };
        out.push(value);
    }
    out.join("/")
}

/// No path is unknown to the router: it is served, or it says which capability is missing.
///
/// spec: ADMR-04
#[tokio::test]
async fn every_path_is_served_or_says_what_is_missing() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let ids = objects(&admin).await;
    // Who has a mail server tried out gets the mail.
    let own = admin.get("/master/users?username=admin").await.is(200).body[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    admin
        .put(
            &format!("/master/users/{own}"),
            json!({"email": "admin@example.test"}),
        )
        .await
        .is(204);
    let mut wrong = Vec::new();
    let (mut served, mut later) = (0, 0);
    let mut lines: Vec<(&str, &str, &str)> = PATHS
        .lines()
        .map(|line| {
            let mut columns = line.split('\t');
            let mut next = || columns.next().unwrap();
            (next(), next(), next())
        })
        .collect();
    let order = |method: &str| {
        ["GET", "POST", "PUT", "DELETE"]
            .iter()
            .position(|m| *m == method)
    };
    lines.sort_by_key(|(method, ..)| order(method));
    for (method, path, state) in lines {
        // These would end the realm, or the session that asks.
        if matches!(
            (method, path),
            ("DELETE" | "PUT", "/admin/realms/{realm}") | ("POST", "/admin/realms")
        ) {
            continue;
        }
        let filled = filled(method, path, &ids);
        let body = match method {
            "GET" => None,
            "DELETE" => Some(json!([])),
            _ => Some(json!({})),
        };
        let method: Method = method.parse().unwrap();
        let answer = admin.call(method.clone(), &filled, body).await;
        let status = answer.status.as_u16();
        let is_router = status == 405
            || (status == 404
                && !filled.contains("/identity-provider/instances/nope")
                && answer.body == json!({"error": "HTTP 404 Not Found"}));
        let good = match state.strip_prefix("later: ") {
            None => {
                served += 1;
                status != 501 && status < 500 && !is_router
            }
            Some(capability) => {
                later += 1;
                status == 501
                    && answer.body["error"]
                        .as_str()
                        .is_some_and(|text| text.contains(capability))
            }
        };
        if !good {
            wrong.push(format!(
                "{method} {path} ({filled}): {status} {}",
                answer.text
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {served} + {later}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(served > 280 && later > 50, "{served} {later}");
}

/// Nobody gets anywhere without a token, on any path; and a user without roles sees nothing.
#[tokio::test]
async fn every_path_wants_an_administrator() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let ids = objects(&admin).await;
    let nobody = server
        .user_with("r", "nobody", "realm-management", &[])
        .await;
    let stranger = server.stranger();
    for line in PATHS.lines() {
        let mut columns = line.split('\t');
        let (method, path) = (columns.next().unwrap(), columns.next().unwrap());
        let filled = filled(method, path, &ids);
        let body = (method != "GET").then(|| body_for(method, path));
        let method: Method = method.parse().unwrap();
        stranger
            .call(method.clone(), &filled, body.clone())
            .await
            .is(401);
        let status = nobody.call(method.clone(), &filled, body).await.status;
        assert!(
            matches!(status.as_u16(), 403 | 404 | 501),
            "{method} {filled}: {status}"
        );
    }
}

/// A body of the right shape, with nothing in it.
fn body_for(method: &str, path: &str) -> Value {
    let lists = [
        "/role-mappings/",
        "/scope-mappings/",
        "/composites",
        "/add-models",
        "/disable-credential-types",
        "/role-mapping-delete/",
        "/execute-actions-email",
    ];
    if method == "DELETE" || lists.iter().any(|part| path.contains(part)) {
        json!([])
    } else {
        json!({})
    }
}

/// Roles of the matrix, one user each.
const ROLES: [&str; 14] = [
    "create-client",
    "impersonation",
    "manage-clients",
    "manage-events",
    "manage-identity-providers",
    "manage-realm",
    "manage-users",
    "query-clients",
    "query-groups",
    "query-users",
    "view-clients",
    "view-events",
    "view-realm",
    "view-users",
];

/// Whether the role gives the right: to change something is to see it, and to see it is to look for it.
fn gives(role: &str, right: &str) -> bool {
    if role == right || right == "any" {
        return true;
    }
    let subject = |name: &str| name.split_once('-').map(|(_, s)| s.to_owned());
    match role.split_once('-') {
        Some(("manage", what)) => {
            (right.starts_with("view-") || right.starts_with("query-"))
                && (subject(right).as_deref() == Some(what)
                    || (what == "users" && right == "query-groups"))
                || (role == "manage-clients" && right == "create-client")
        }
        Some(("view", "users")) => matches!(right, "query-users" | "query-groups"),
        Some(("view", "clients")) => right == "query-clients",
        _ => false,
    }
}

/// Every path and method, asked for with each role alone: those with the right get an answer, all others are
/// refused.
///
/// spec: ADMR-04, ADMR-08, ADMR-09, ADMR-10, ADMR-11, ADMR-12, ADMR-13, ADMR-14, ADMR-15, ADMR-16, ADMR-17, ADMR-18, ADMR-19
#[tokio::test]
async fn every_path_opens_for_its_rights_and_no_others() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let ids = objects(&admin).await;
    let mut wrong = Vec::new();
    let mut asked = 0;
    for role in ROLES {
        let caller = server
            .user_with("r", &format!("with-{role}"), "realm-management", &[role])
            .await;
        for line in PATHS.lines() {
            let columns: Vec<&str> = line.split('\t').collect();
            let [method, path, "yes", rights] = columns[..] else {
                continue;
            };
            // These end the realm, the session that asks, or what later lines ask about.
            let ends = path.ends_with("/logout-all")
                || (path.ends_with("/impersonation") && role == "impersonation")
                || (path == "/admin/realms/{realm}" && method == "DELETE");
            // A form with a file is read before anything is looked at.
            if rights == "-" || ends || path.contains("/upload") {
                continue;
            }
            let filled = filled(method, path, &ids);
            let body = (method != "GET").then(|| body_for(method, path));
            let answer = caller.call(method.parse().unwrap(), &filled, body).await;
            let status = answer.status.as_u16();
            let allowed = rights
                .split(' ')
                .any(|all| all.split('+').all(|right| gives(role, right)));
            // What kind of role an unknown id would be, nobody knows.
            if path.contains("/roles-by-id/") && status == 404 {
                continue;
            }
            asked += 1;
            if (status == 403) == allowed || status == 401 || status >= 500 {
                wrong.push(format!(
                    "{role}: {method} {filled}: {status}, allowed: {allowed} {}",
                    answer.text
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {asked}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(asked > 4_000, "{asked}");
}
