//! `secure-redirect-uris-enforcer` (002:9505): where answers may go, as strictly as the realm likes; as
//! OAuth 2.1 has it, if so wished (RFC 9700 section 4.1, RFC 8252).

use realmkeep_representations::ClientRepresentation;
use url::{Host, Url};

use super::jwt_claim_enforcer::whole;
use super::{Check, Config, Do, Executor, Kind, Outcome, PolicyEvent, Property, Violation, uris};

const IPV4: &str = "allow-ipv4-loopback-address";
const IPV6: &str = "allow-ipv6-loopback-address";
const PRIVATE_USE: &str = "allow-private-use-uri-scheme";
const HTTP: &str = "allow-http-scheme";
const WILDCARD: &str = "allow-wildcard-context-path";
const DOMAINS: &str = "allow-permitted-domains";
const OAUTH_2_1: &str = "oauth-2-1-compliant";
const OPEN: &str = "allow-open-redirect";

pub(super) const EXECUTOR: Executor = Executor::new(
    "secure-redirect-uris-enforcer",
    "Redirect URIs of clients have to be of these kinds.",
    &[
        switch(
            IPV4,
            "Allow IPv4 loopback address",
            "Whether they may lead to this very machine by IPv4.",
        ),
        switch(
            IPV6,
            "Allow IPv6 loopback address",
            "Whether they may lead to this very machine by IPv6.",
        ),
        switch(
            PRIVATE_USE,
            "Allow private use URI scheme",
            "Whether they may have a scheme of the application's own.",
        ),
        switch(
            HTTP,
            "Allow http scheme",
            "Whether they may be HTTP without TLS.",
        ),
        switch(
            WILDCARD,
            "Allow wildcard in context-path",
            "Whether registered ones may have a wildcard in the path.",
        ),
        Property::new(
            DOMAINS,
            "Allow permitted domains",
            "Regular expressions for whole host names, of which one has to match; none: any host.",
            Kind::Texts(None),
        ),
        switch(
            OAUTH_2_1,
            "OAuth 2.1 Compliant",
            "Whether they have to be as OAuth 2.1 has it.",
        ),
        switch(
            OPEN,
            "Allow open redirect",
            "Whether clients may register whatever they like.",
        ),
    ],
    Do::Now(run),
)
.valid_if(|config| {
    config
        .list(DOMAINS)
        .iter()
        .all(|text| whole(text).is_some())
});

const fn switch(name: &'static str, label: &'static str, help: &'static str) -> Property {
    Property::new(name, label, help, Kind::Switch(Some(false)))
}

fn run(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    match check.event {
        PolicyEvent::Register | PolicyEvent::Update => match check.proposed.as_deref() {
            Some(client) if redirects(client) => registered(check, client, config),
            _ => Ok(()),
        },
        PolicyEvent::PreAuthorization => match check.parameter("redirect_uri") {
            Some(uri) if check.client.is_some_and(redirects) => judge(uri, true, config),
            _ => Ok(()),
        },
        // What was pushed or signed is known only now.
        PolicyEvent::Authorization => match check.request {
            Some(request) => judge(&request.redirect_uri, true, config),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

fn redirects(client: &ClientRepresentation) -> bool {
    client.standard_flow_enabled != Some(false) || client.implicit_flow_enabled == Some(true)
}

fn registered(check: &Check<'_>, client: &ClientRepresentation, config: Config<'_>) -> Outcome {
    let all = uris::redirect_uris(check.context, client);
    if all.is_empty() {
        return Err(invalid("invalid uri"));
    }
    if config.is_on(OPEN) {
        return Ok(());
    }
    let after_logout = uris::post_logout_uris(check.context, client);
    for uri in all.iter().chain(&after_logout) {
        judge(uri, false, config)?;
    }
    Ok(())
}

/// `is_asked` for one that a request names, otherwise it is a registered one.
fn judge(uri: &str, is_asked: bool, config: Config<'_>) -> Outcome {
    let url = Url::parse(uri).map_err(|_| invalid("invalid uri"))?;
    let has_wildcard = uri.contains('*');
    let strict = config.is_on(OAUTH_2_1);
    let fits = |config: Config<'_>| {
        let wildcard_fits =
            !has_wildcard || (config.is_on(WILDCARD) && !strict && is_in_path(&url));
        wildcard_fits && !(strict && url.fragment().is_some())
    };
    let web = matches!(url.scheme(), "http" | "https");
    let plain = url.scheme() == "http";
    let loopback = loopback(&url);
    if let Some(kind) = loopback {
        let allowed = config.is_on(kind)
            && (!plain || config.is_on(HTTP))
            && fits(config)
            && (!strict || is_strict_loopback(&url, uri, is_asked));
        return if allowed {
            Ok(())
        } else {
            Err(invalid("invalid loopback address"))
        };
    }
    if !web {
        // RFC 8252 section 7.1: the reverse of a domain name.
        let allowed =
            config.is_on(PRIVATE_USE) && fits(config) && (!strict || url.scheme().contains('.'));
        return if allowed {
            Ok(())
        } else {
            Err(invalid("invalid private use scheme"))
        };
    }
    let domains = config.list(DOMAINS);
    let host = url.host_str().unwrap_or_default();
    let permitted = domains.is_empty()
        || domains
            .iter()
            .filter_map(|text| whole(text))
            .any(|domain| domain.is_match(host));
    let allowed = (!plain || (config.is_on(HTTP) && !strict)) && fits(config) && permitted;
    if allowed {
        Ok(())
    } else {
        Err(invalid("invalid uri"))
    }
}

/// Which switch is for it, when it leads to the very machine that it is followed on.
fn loopback(url: &Url) -> Option<&'static str> {
    match url.host()? {
        Host::Ipv4(address) => address.is_loopback().then_some(IPV4),
        Host::Ipv6(address) => address.is_loopback().then_some(IPV6),
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost").then_some(IPV4),
    }
}

/// By address and not by name; a request names a port, a registration none (RFC 8252 section 7.3).
fn is_strict_loopback(url: &Url, uri: &str, is_asked: bool) -> bool {
    let by_name = matches!(url.host(), Some(Host::Domain(_)));
    // As written: the usual port counts as one.
    let port = uri.parse::<http::Uri>().ok().and_then(|uri| uri.port_u16());
    !by_name && port.is_some() == is_asked
}

/// One wildcard, in the path.
fn is_in_path(url: &Url) -> bool {
    url.path().contains('*') && url.as_str().matches('*').count() == 1
}

fn invalid(what: &str) -> Violation {
    Violation::request(format!("Invalid Redirect Uri: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn redirect_uris_are_judged_as_configured() {
        let strict = json!({
            IPV4: "true", IPV6: "true", PRIVATE_USE: "true", OAUTH_2_1: "true",
        });
        let loose = json!({IPV4: true, HTTP: true, WILDCARD: true, DOMAINS: [r"app\.example"]});
        let nothing = json!({});
        let cases = [
            (&strict, "https://app.example/cb", true, true),
            (&strict, "http://app.example/cb", true, false),
            (&strict, "https://app.example/*", false, false),
            (&strict, "https://app.example/cb#f", true, false),
            (&strict, "https://127.0.0.1/cb", false, true),
            (&strict, "https://127.0.0.1:80/cb", false, false),
            (&strict, "https://127.0.0.1:4000/cb", true, true),
            (&strict, "https://127.0.0.1/cb", true, false),
            (&strict, "https://localhost:4000/cb", true, false),
            (&strict, "https://[::1]:4000/cb", true, true),
            (&strict, "http://127.0.0.1:4000/cb", true, false),
            (&strict, "com.example.app:/cb", true, true),
            (&strict, "app:/cb", true, false),
            (&loose, "http://localhost:3000/*", false, true),
            (&loose, "https://app.example/*", false, true),
            (&loose, "https://*.example/", false, false),
            (&loose, "https://evil.example/cb", false, false),
            (&loose, "https://xapp.example/cb", false, false),
            (&nothing, "https://app.example/cb", true, true),
            (&nothing, "https://127.0.0.1/cb", true, false),
            (&nothing, "com.example.app:/cb", true, false),
            (&nothing, "*", false, false),
        ];
        for (config, uri, is_asked, good) in cases {
            let judged = judge(uri, is_asked, Config(Some(config)));
            assert_eq!(judged.is_ok(), good, "{uri} {config}");
        }
    }
}
