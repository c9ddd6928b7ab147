//! Pages in the language of who looks at them.

use std::collections::BTreeMap;

use crate::browser::{Browser, server};
use crate::link;
use crate::tools::open;

/// spec: L10N-02, L10N-03, L10N-04, L10N-07, L10N-09, L10N-10, L10N-13, L10N-14
#[tokio::test(flavor = "multi_thread")]
async fn somebody_chooses_a_language_and_it_stays() {
    let server = server().await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    assert!(page.text.contains("<html lang=\"en\"") && !page.text.contains("kc-locale"));
    server
        .change_realm(|realm| {
            realm.internationalization_enabled = Some(true);
            realm.supported_locales = Some(vec!["en".to_owned(), "de".to_owned()]);
            let texts = BTreeMap::from([("doLogIn".to_owned(), "Hereinspaziert".to_owned())]);
            realm.localization_texts = Some(BTreeMap::from([("de".to_owned(), texts)]));
        })
        .await;
    let asked = open(&server, &Browser::default(), &[("ui_locales", "xx de")]).await;
    assert!(asked.text.contains("<html lang=\"de\""));
    let page = open(&server, &browser, &[]).await;
    assert!(page.text.contains("<html lang=\"en\""));
    let german = browser
        .get(&server, &link(&server, &page, "kc_locale=de"))
        .await;
    assert!(german.text.contains("<html lang=\"de\""), "{}", german.text);
    assert!(german.text.contains(">Hereinspaziert</button>"));
    // The form that follows, and the next login, are in it too.
    let wrong = [("username", "alice"), ("password", "no")];
    let seen = browser.post(&server, &german.action(&server), &wrong).await;
    assert!(seen.text.contains("<html lang=\"de\"") && seen.text.contains("input-error"));
    let next = open(&server, &browser, &[]).await;
    assert!(next.text.contains("<html lang=\"de\""));
    let other = open(&server, &Browser::default(), &[]).await;
    assert!(other.text.contains("<html lang=\"en\""));
}
