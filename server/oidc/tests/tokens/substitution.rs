//! No artefact passes for another: each kind that we hand out, shown at each place that takes another.

use realmkeep_jose::{Algorithm, SigningKey};
use serde_json::json;

use crate::support::{Answer, Server, claims};
use crate::{CONF, DpopKey, form, next, password, server};

/// One of each kind.
async fn artefacts(server: &Server) -> Vec<(&'static str, String)> {
    let login = password(server, "openid").await;
    let own = [("grant_type", "client_credentials")];
    let machine = server.token(&form(&[&own, &CONF])).await;
    let device = server.post("auth/device", &CONF).await;
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let now = server.services.clock.now();
    let assertion = json!({
        "iss": "conf", "sub": "conf", "aud": server.issuer(), "iat": now, "exp": now + 60,
        "jti": "1",
    });
    let asked = [
        ("token", login.text("access_token")),
        ("client_id", "conf"),
        ("client_secret", "s3cret"),
    ];
    let signed = server
        .http
        .post(server.url("token/introspect"))
        .header("Accept", "application/token-introspection+jwt")
        .form(&asked);
    let signed = signed.send().await.unwrap().text().await.unwrap();
    // Our own claims, signed by a stranger.
    let forged = key
        .sign("JWT", &claims(login.text("access_token")))
        .unwrap();
    let unsigned = {
        let claims = claims(login.text("access_token"));
        let part = |value: &serde_json::Value| {
            realmkeep_jose::base64url(serde_json::to_vec(value).unwrap())
        };
        format!(
            "{}.{}.",
            part(&json!({"alg": "none", "typ": "JWT"})),
            part(&claims)
        )
    };
    vec![
        ("access token", login.text("access_token").to_owned()),
        ("machine's token", machine.text("access_token").to_owned()),
        ("ID token", login.text("id_token").to_owned()),
        ("refresh token", next(&login)),
        (
            "offline token",
            next(&password(server, "offline_access").await),
        ),
        ("device code", device.text("device_code").to_owned()),
        ("user code", device.text("user_code").to_owned()),
        ("introspection answer", signed),
        ("client assertion", key.sign("JWT", &assertion).unwrap()),
        ("DPoP proof", DpopKey::generate().proof(server, "token")),
        ("forged token", forged),
        ("unsigned token", unsigned),
        ("secret", "s3cret".to_owned()),
        ("client id", "conf".to_owned()),
        ("NUL", "\0".to_owned()),
        ("garbage", "ey.ey.ey".to_owned()),
    ]
}

async fn show(server: &Server, place: &str, text: &str) -> Answer {
    let token = async |own: &[(&str, &str)]| server.token(&form(&[own, &CONF])).await;
    match place {
        "code" => {
            token(&[
                ("grant_type", "authorization_code"),
                ("code", text),
                ("redirect_uri", "http://app.test/cb"),
            ])
            .await
        }
        "refresh" => token(&[("grant_type", "refresh_token"), ("refresh_token", text)]).await,
        "device" => {
            token(&[
                ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
                ("device_code", text),
            ])
            .await
        }
        "ciba" => {
            token(&[
                ("grant_type", "urn:openid:params:grant-type:ciba"),
                ("auth_req_id", text),
            ])
            .await
        }
        "exchange" => {
            token(&[
                (
                    "grant_type",
                    "urn:ietf:params:oauth:grant-type:token-exchange",
                ),
                ("subject_token", text),
                (
                    "subject_token_type",
                    "urn:ietf:params:oauth:token-type:access_token",
                ),
            ])
            .await
        }
        "assertion" => {
            server
                .token(&[
                    ("grant_type", "client_credentials"),
                    (
                        "client_assertion_type",
                        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                    ),
                    ("client_assertion", text),
                ])
                .await
        }
        "userinfo" => server.post("userinfo", &[("access_token", text)]).await,
        "callback" => {
            let request = server
                .http
                .post(server.url("ext/ciba/auth/callback"))
                .bearer_auth(text.replace('\0', "x"))
                .json(&json!({"status": "SUCCEED"}));
            Answer::read(request.send().await.unwrap()).await
        }
        "logout" => {
            let own = [("refresh_token", text)];
            server.post("logout", &form(&[&own, &CONF])).await
        }
        other => panic!("{other}"),
    }
}

/// Every pair of artefact and place that do not belong together is refused with a client error, and
/// does nothing: what the artefact is good for it still is afterwards.
#[tokio::test]
async fn nothing_passes_for_another() {
    let server = server().await;
    let belongs = |place: &str, what: &str| match place {
        "refresh" | "logout" => matches!(what, "refresh token" | "offline token"),
        "exchange" => matches!(what, "access token" | "machine's token"),
        "userinfo" => what == "access token",
        // Pending, and therefore refused too, but in its own words.
        "device" => what == "device code",
        _ => false,
    };
    let all = artefacts(&server).await;
    let mut pairs = 0;
    for place in [
        "code",
        "refresh",
        "device",
        "ciba",
        "exchange",
        "assertion",
        "userinfo",
        "callback",
        "logout",
    ] {
        for (what, text) in &all {
            if belongs(place, what) {
                continue;
            }
            let answer = show(&server, place, text).await;
            let status = answer.status.as_u16();
            assert!(
                (400..500).contains(&status),
                "{what} at {place}: {answer:?}"
            );
            assert!(
                answer.body.get("access_token").is_none(),
                "{what} at {place}"
            );
            pairs += 1;
        }
    }
    assert!(pairs > 130, "{pairs}");
    let by_name = |name: &str| &all.iter().find(|(what, _)| *what == name).unwrap().1;
    assert_eq!(
        show(&server, "userinfo", by_name("access token"))
            .await
            .status,
        200
    );
    show(&server, "refresh", by_name("refresh token"))
        .await
        .granted();
    show(&server, "refresh", by_name("offline token"))
        .await
        .granted();
    let pending = show(&server, "device", by_name("device code")).await;
    assert_eq!(pending.body["error"], "authorization_pending");
    // At the introspection endpoint nothing but tokens is active, and revoking the others does nothing.
    for (what, text) in &all {
        if *what == "NUL" {
            continue;
        }
        let own = [("token", text.as_str())];
        let seen = server.post("token/introspect", &form(&[&own, &CONF])).await;
        let known = *what == "ID token";
        assert_eq!(seen.body["active"], known, "{what}: {seen:?}");
        if matches!(
            *what,
            "device code" | "user code" | "DPoP proof" | "forged token"
        ) {
            let answer = server.post("revoke", &form(&[&own, &CONF])).await;
            assert_eq!(answer.status, 200, "{what}");
        }
    }
    assert_eq!(
        show(&server, "userinfo", by_name("access token"))
            .await
            .status,
        200
    );
    let pending = show(&server, "device", by_name("device code")).await;
    assert_ne!(pending.body["error"], "invalid_grant");
}
