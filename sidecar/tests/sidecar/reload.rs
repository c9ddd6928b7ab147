//! A configuration that is replaced while the program runs.

use serde_json::json;

use crate::support::{AUDIENCE, Issuer, Sidecar, echo, get, get_with, until};

#[test]
fn a_new_configuration_is_taken_as_a_whole_or_not_at_all() {
    let issuer = Issuer::start();
    let upstream = echo();
    let config = |audience: &str, more: &str| {
        format!(
            "
admin: {{listen: 127.0.0.1:0}}
reloadSeconds: 3600
inbound:
  listen: 127.0.0.1:0
  upstream: http://{upstream}
  issuers: [{{issuer: '{}', allowHttp: true, audiences: [{audience}]}}]
{more}",
            issuer.url
        )
    };
    let sidecar = Sidecar::start(&config(AUDIENCE, ""));
    let inbound = sidecar.address("inbound");
    let token = issuer.token(json!({}));
    assert_eq!(get_with(inbound, &token).status, 200);
    let reloaded = |result: &str, count: usize| {
        until(|| {
            let metrics = sidecar.admin("/metrics").body;
            metrics.contains(&format!(
                "authsc_reload_total{{result=\"{result}\"}} {count}"
            ))
        });
    };

    // What was verified under the old rules does not pass under the new ones.
    std::fs::write(
        sidecar.config(),
        config("other", "  publicPaths: [/public]"),
    )
    .unwrap();
    sidecar.signal("-HUP");
    reloaded("success", 1);
    assert_eq!(get_with(inbound, &token).status, 401);
    assert_eq!(get(inbound, "/public", &[]).status, 200);

    for (count, wrong) in [
        "nonsense: [".to_owned(),
        config("other", "  unknownField: 1"),
        config("other", "  publicPaths: [public]"),
        config(AUDIENCE, "").replace(
            "listen: 127.0.0.1:0\n  upstream",
            "listen: 127.0.0.1:1\n  upstream",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        std::fs::write(sidecar.config(), wrong).unwrap();
        sidecar.signal("-HUP");
        reloaded("failure", count + 1);
        assert_eq!(get_with(inbound, &token).status, 401);
        assert_eq!(get(inbound, "/public", &[]).status, 200);
    }

    std::fs::write(sidecar.config(), config(AUDIENCE, "")).unwrap();
    sidecar.signal("-HUP");
    reloaded("success", 2);
    assert_eq!(get_with(inbound, &token).status, 200);
    assert_eq!(get(inbound, "/public", &[]).status, 401);
}

#[test]
fn a_replaced_file_is_noticed_and_known_keys_are_kept() {
    let issuer = Issuer::start();
    let upstream = echo();
    let config = |more: &str| {
        format!(
            "
admin: {{listen: 127.0.0.1:0}}
reloadSeconds: 1
inbound:
  listen: 127.0.0.1:0
  upstream: http://{upstream}
  issuers: [{{issuer: '{}', allowHttp: true, audiences: [{AUDIENCE}]}}]
{more}",
            issuer.url
        )
    };
    let sidecar = Sidecar::start(&config(""));
    let inbound = sidecar.address("inbound");
    assert_eq!(get_with(inbound, &issuer.token(json!({}))).status, 200);
    // The issuer is away: a reload must not forget its keys.
    issuer.set_down(true);
    std::fs::write(sidecar.config(), config("  publicPaths: [/public]")).unwrap();
    until(|| get(inbound, "/public", &[]).status == 200);
    assert_eq!(
        get_with(inbound, &issuer.token(json!({"sub": "new"}))).status,
        200
    );
    assert_eq!(issuer.key_fetches(), 1);
}
