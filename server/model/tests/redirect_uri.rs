//! Where browsers may be sent.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use proptest::prelude::*;
use realmkeep_model::redirect_uri::{RedirectUri, allowed, post_logout_entries};
use url::Url;

/// Every row of the corpus, and each refusal also against the request's own text as the entry's
/// neighbours: see the file's sections.
///
/// spec: OC-08
#[test]
fn the_corpus_is_decided_as_written() {
    let corpus = include_str!("redirect_uris.tsv");
    let mut rows = 0;
    let mut wrong = Vec::new();
    for line in corpus.lines().filter(|l| !l.starts_with('#')) {
        let mut columns = line.split('\t');
        let expected = columns.next().unwrap() == "accept";
        let [entry, root, uri]: [String; 3] =
            std::array::from_fn(|_| serde_json::from_str(columns.next().unwrap()).unwrap());
        let root = (root != "-").then_some(root.as_str());
        let accepted = allowed(&uri, [entry.as_str()], root);
        if accepted.is_some() != expected {
            wrong.push(line);
        }
        if let Some(accepted) = accepted {
            assert_eq!(accepted.as_str(), uri);
        }
        rows += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(rows >= 300, "{rows}");
}

#[test]
fn after_logout_plus_is_the_redirect_uris_and_minus_is_nothing() {
    let redirects = [
        "https://a.example/*".to_owned(),
        "https://b.example/x".to_owned(),
    ];
    let entries = |attribute| post_logout_entries(attribute, &redirects);
    assert_eq!(
        entries(None),
        ["https://a.example/*", "https://b.example/x"]
    );
    assert_eq!(entries(Some("")), entries(None));
    assert_eq!(entries(Some("+")), entries(None));
    assert_eq!(entries(Some("-")), Vec::<&str>::new());
    assert_eq!(
        entries(Some("https://c.example/bye##https://d.example/*")),
        ["https://c.example/bye", "https://d.example/*"]
    );
    assert_eq!(
        entries(Some("+##https://c.example/bye")),
        [
            "https://a.example/*",
            "https://b.example/x",
            "https://c.example/bye"
        ]
    );
}

const ENTRIES: [&str; 5] = [
    "https://app.example.com/app/*",
    "https://app.example.com/callback",
    "http://127.0.0.1/callback",
    "com.example.app:/cb",
    "https://app.example.com:8443/a?b=c",
];

/// Pieces that matter to parsers, in any order.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "https",
        "http",
        ":",
        "//",
        "/",
        "\\",
        "@",
        "?",
        "#",
        "%2f",
        "%2e",
        "%00",
        "%",
        ".",
        "..",
        ";",
        "*",
        "app.example.com",
        "evil.test",
        "127.0.0.1",
        "[::1]",
        "localhost",
        "app",
        "callback",
        "8443",
        ":80",
        " ",
        "\t",
        "\n",
        "\u{ff0e}",
        "\u{e9}",
        "javascript",
        "x",
        "=",
        "&",
        "com.example.app",
    ]);
    let start = prop::sample::select(vec![
        "",
        "https://app.example.com",
        "https://app.example.com/app/",
        "http://127.0.0.1",
        "com.example.app:",
    ]);
    (start, prop::collection::vec(piece, 0..8)).prop_map(|(s, p)| format!("{s}{}", p.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// What is accepted leads a browser to a registered host, and nowhere else.
    #[test]
    fn an_accepted_uri_stays_on_a_registered_origin(uri in hostile()) {
        if let Some(accepted) = allowed(&uri, ENTRIES, None) {
            prop_assert_eq!(accepted.as_str(), &uri);
            let seen = Url::parse(&uri).unwrap();
            let place = (seen.scheme(), seen.host_str());
            let registered = ENTRIES.iter().any(|entry| {
                let entry = Url::parse(entry).unwrap();
                (entry.scheme(), entry.host_str()) == place
            });
            prop_assert!(registered, "{}", uri);
            prop_assert!(seen.fragment().is_none() && seen.username().is_empty());
            if seen.host_str() == Some("app.example.com") && seen.port().is_none() {
                let path = seen.path();
                prop_assert!(path == "/callback" || path == "/app" || path.starts_with("/app/"));
            }
        }
    }

    /// Nothing is accepted that changes when a browser writes it down.
    #[test]
    fn a_readable_uri_is_stable(uri in hostile()) {
        if let Ok(parsed) = RedirectUri::parse(&uri) {
            let seen = Url::parse(parsed.as_str()).unwrap();
            let again = Url::parse(seen.as_str()).unwrap();
            prop_assert_eq!(again.as_str(), seen.as_str());
            prop_assert_eq!(seen.scheme(), parsed.scheme());
        }
    }

    #[test]
    fn nothing_panics(uri in "\\PC{0,60}", entry in "\\PC{0,30}") {
        let _ = allowed(&uri, [entry.as_str()], Some(&uri));
    }
}
