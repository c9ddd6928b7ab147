use super::*;
use crate::{Frame, Links, Look, Notice, Pages, Stylesheet, built_in_locales};

const HOSTILE: &str = "\"><script>alert('x')</script>&{{ 7*7 }}{0}";

fn keyed<'a>(fields: impl IntoIterator<Item = &'a str>) -> FieldErrors {
    let message = Message::new("invalidPasswordMinLengthMessage").with(HOSTILE);
    fields
        .into_iter()
        .map(|f| (f.to_owned(), message.clone()))
        .collect()
}

fn profile() -> Vec<ProfileField> {
    let hostile = || HOSTILE.to_owned();
    let base = ProfileField {
        name: "job".to_owned(),
        label: hostile(),
        input_type: "text".to_owned(),
        values: vec![hostile(), hostile()],
        options: vec![ProfileOption {
            value: hostile(),
            label: hostile(),
            selected: true,
        }],
        required: true,
        attributes: vec![("placeholder".to_owned(), hostile())],
        help_before: Some(hostile()),
        help_after: Some(hostile()),
        error: Some(
            Message::new("error-invalid-length")
                .with("job")
                .with(HOSTILE)
                .with("9"),
        ),
        ..ProfileField::default()
    };
    let mut fields: Vec<ProfileField> = [
        ProfileFieldKind::Input,
        ProfileFieldKind::Textarea,
        ProfileFieldKind::Select,
        ProfileFieldKind::Multiselect,
        ProfileFieldKind::Radio,
        ProfileFieldKind::Checkboxes,
    ]
    .into_iter()
    .map(|kind| ProfileField {
        kind,
        ..base.clone()
    })
    .collect();
    fields.push(ProfileField {
        multivalued: true,
        begins: Some(ProfileGroup {
            name: "g".to_owned(),
            header: hostile(),
            description: hostile(),
        }),
        ..base.clone()
    });
    fields.push(ProfileField {
        ends_group: true,
        read_only: true,
        ..base
    });
    fields
}

/// One of every page, with hostile values everywhere.
fn all() -> Vec<AnyPage> {
    let hostile = || HOSTILE.to_owned();
    let request = || PasskeyRequest {
        challenge: hostile(),
        rp_id: hostile(),
        user_verification: hostile(),
        timeout: 60,
        mediation: hostile(),
        allowed: vec![hostile()],
    };
    let social = || {
        vec![SocialProvider {
            alias: hostile(),
            display_name: hostile(),
            login_url: hostile(),
        }]
    };
    let devices = || {
        let choice = CredentialChoice {
            id: hostile(),
            label: hostile(),
        };
        vec![choice.clone(), choice]
    };
    vec![
        DeleteAccountConfirm {}.into(),
        DeleteCredential { label: hostile() }.into(),
        Error {
            message: Message::new("page-parameter-invalid").with(HOSTILE),
        }
        .into(),
        FormPost {
            fields: vec![FormField {
                name: hostile(),
                value: hostile(),
            }],
        }
        .into(),
        FrontchannelLogout {
            clients: vec![LoggedOutClient {
                name: hostile(),
                url: hostile(),
            }],
            redirect_uri: Some(hostile()),
        }
        .into(),
        IdpReviewUserProfile { fields: profile() }.into(),
        Info {
            heading: Some("confirmExecutionOfActions".into()),
            message: Message::new("emailUpdated").with(HOSTILE),
            required_actions: vec![hostile()],
            proceed: Some(hostile()),
        }
        .into(),
        Login {
            username: hostile(),
            label: UsernameLabel::UsernameOrEmail,
            fixed_username: false,
            remember_me: Some(true),
            social: social(),
            passkeys: Some(request()),
            errors: keyed(["username"]),
        }
        .into(),
        LoginConfigTotp {
            secret: hostile(),
            secret_encoded: hostile(),
            qr_code: hostile(),
            policy: OtpPolicy {
                kind: "totp".to_owned(),
                algorithm: hostile(),
                digits: 6,
                period: 30,
                initial_counter: 0,
            },
            applications: vec![hostile()],
            label_required: true,
            user_label: hostile(),
            logout_sessions: Some(true),
            errors: keyed(["totp", "userLabel"]),
        }
        .into(),
        LoginIdpLinkConfirm {
            provider: hostile(),
            review_profile: true,
        }
        .into(),
        LoginIdpLinkEmail {
            provider: hostile(),
            username: hostile(),
            email: hostile(),
        }
        .into(),
        LoginOauth2DeviceVerifyUserCode {
            user_code: hostile(),
        }
        .into(),
        LoginOauthGrant {
            client: hostile(),
            scopes: vec![GrantedScope {
                text: hostile(),
                parameter: Some(hostile()),
            }],
            code: hostile(),
            logo_uri: None,
            policy_uri: Some(hostile()),
            tos_uri: Some(hostile()),
        }
        .into(),
        LoginOtp {
            credentials: devices(),
            selected: None,
            errors: keyed(["totp"]),
        }
        .into(),
        LoginPageExpired {}.into(),
        LoginPassword {
            passkeys: Some(request()),
            errors: keyed(["password"]),
        }
        .into(),
        LoginRecoveryAuthnCodeConfig {
            codes: vec![hostile()],
            generated_at: 1,
            generated: hostile(),
            user_label: hostile(),
            logout_sessions: Some(false),
        }
        .into(),
        LoginRecoveryAuthnCodeInput {
            number: 3,
            errors: keyed(["recoveryCodeInput"]),
        }
        .into(),
        LoginResetPassword {
            username: hostile(),
            label: UsernameLabel::Email,
            errors: keyed(["username"]),
        }
        .into(),
        LoginUpdatePassword {
            username: hostile(),
            logout_sessions: Some(true),
            errors: keyed(["password", "password-confirm"]),
        }
        .into(),
        LoginUpdateProfile { fields: profile() }.into(),
        LoginUsername {
            username: hostile(),
            label: UsernameLabel::Username,
            remember_me: Some(false),
            social: social(),
            passkeys: None,
            errors: keyed(["username"]),
        }
        .into(),
        LoginVerifyEmail {
            email: hostile(),
            unsent: false,
        }
        .into(),
        LoginX509Info {
            subject: hostile(),
            username: Some(hostile()),
        }
        .into(),
        LogoutConfirm {
            session_code: hostile(),
        }
        .into(),
        Register {
            fields: profile(),
            password: true,
            terms: true,
            captcha: Some(Captcha {
                site_key: hostile(),
                script: "https://www.google.com/recaptcha/api.js".to_owned(),
                origins: vec!["https://www.google.com".to_owned()],
                invisible: false,
                action: hostile(),
            }),
            errors: keyed(["password", "password-confirm", "termsAccepted"]),
        }
        .into(),
        LoginResetOtp {
            credentials: devices(),
            selected: Some(hostile()),
        }
        .into(),
        SamlPostForm {
            saml_request: Some(hostile()),
            saml_response: Some(hostile()),
            relay_state: Some(hostile()),
        }
        .into(),
        SelectAuthenticator {
            choices: vec![AuthenticatorChoice {
                execution: hostile(),
                name: "otp-display-name".to_owned(),
                help: hostile(),
            }],
        }
        .into(),
        Terms {}.into(),
        UpdateEmail {
            fields: profile(),
            logout_sessions: Some(true),
        }
        .into(),
        WebauthnAuthenticate {
            request: request(),
            keys: vec![AllowedKey {
                label: hostile(),
                created: hostile(),
            }],
        }
        .into(),
        WebauthnError {
            execution: hostile(),
        }
        .into(),
        WebauthnRegister {
            options: hostile(),
            passwordless: true,
            logout_sessions: Some(true),
        }
        .into(),
        Welcome {
            step: WelcomeStep::Form,
            username: hostile(),
            state_checker: hostile(),
            admin_console: Some(hostile()),
            errors: keyed(["username", "password", "passwordConfirmation"]),
        }
        .into(),
    ]
}

fn frame() -> Frame<'static> {
    Frame {
        look: Look {
            locale: "en",
            locale_links: vec![crate::LocaleLink {
                tag: "de".to_owned(),
                name: HOSTILE.to_owned(),
                href: HOSTILE.to_owned(),
                current: true,
            }],
            ..Look::default()
        },
        realm: HOSTILE,
        action: HOSTILE,
        links: Links {
            restart: Some(HOSTILE.to_owned()),
            login: Some(HOSTILE.to_owned()),
            registration: Some(HOSTILE.to_owned()),
            reset_credentials: Some(HOSTILE.to_owned()),
            application: Some(crate::BackLink {
                href: HOSTILE.to_owned(),
                name: HOSTILE.to_owned(),
            }),
        },
        notice: Some(Notice::error(Message::new("emailUpdated").with(HOSTILE))),
        attempted_username: Some(HOSTILE),
        try_another_way: true,
        signed_in_elsewhere: Some(HOSTILE),
        reload: Some(HOSTILE),
        app_initiated: true,
    }
}

/// Without the scripts that the page is meant to have.
fn without_scripts(text: &str) -> String {
    text.lines()
        .filter(|line| !line.starts_with("<script src=\""))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn nothing_that_a_user_or_client_says_becomes_markup() {
    let pages = Pages::new("").unwrap();
    let all = all();
    assert_eq!(all.len(), TEMPLATES.len());
    for page in all {
        let name = page.template();
        let text = without_scripts(&pages.render(&frame(), page).unwrap().text);
        assert!(!text.contains("<script"), "{name}: {text}");
        assert!(!text.contains("'x'"), "{name}: {text}");
        assert!(text.contains("{{ 7*7 }}"), "{name}");
        assert!(!text.contains(" style="), "{name}");
        assert!(!text.contains(" onclick="), "{name}");
    }
}

/// No page is without a language, a title, one heading, and names for its fields.
///
/// spec: LOGIN-12
#[test]
fn pages_are_whole_and_small() {
    let pages = Pages::new("").unwrap();
    for page in all() {
        let name = page.template();
        let html = pages.render(&frame(), page).unwrap();
        let text = &html.text;
        assert!(
            text.starts_with("<!DOCTYPE html>\n<html lang=\"en\" dir=\"ltr\">"),
            "{name}"
        );
        assert_eq!(text.matches("<h1 ").count(), 1, "{name}");
        assert!(
            text.contains(&format!("data-page-id=\"login-{name}\"")),
            "{name}"
        );
        assert!(text.contains("<main "), "{name}");
        assert!(!text.contains("<title> ·"), "{name}");
        assert!(
            text.len() + Stylesheet::TEXT.len() < 30_000,
            "{name}: {}",
            text.len()
        );
        for id in text.split("<label").skip(1) {
            let id = id
                .split("for=\"")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap();
            assert!(text.contains(&format!("id=\"{id}\"")), "{name}: {id}");
        }
        let policy = html.policy.header(None);
        assert!(
            policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
            "{name}"
        );
    }
}

/// The fields that recorded scripts fill in, page by page.
///
/// spec: ENDUI-02, ENDUI-03, ENDUI-04
#[test]
fn pages_have_the_ids_that_recorded_scripts_look_for() {
    let pages = Pages::new("/id").unwrap();
    let frame = Frame {
        realm: "Example",
        action: "/realms/example/login-actions/authenticate?a=1&b=2",
        links: Links {
            registration: Some("/register".to_owned()),
            reset_credentials: Some("/reset".to_owned()),
            ..Links::default()
        },
        ..Frame::default()
    };
    let shown = |page: AnyPage| pages.render(&frame, page).unwrap().text;
    let login = shown(
        Login {
            username: "alice".to_owned(),
            remember_me: Some(false),
            errors: [("username".to_owned(), Message::new("invalidUserMessage"))].into(),
            ..Login::default()
        }
        .into(),
    );
    for part in [
        "id=\"kc-form-login\" action=\"/realms/example/login-actions/authenticate?a=1&amp;b=2\"",
        "id=\"username\" name=\"username\" type=\"text\" value=\"alice\"",
        "id=\"password\" name=\"password\"",
        "id=\"rememberMe\" name=\"rememberMe\"",
        "id=\"kc-login\" name=\"login\"",
        "href=\"/id/resources/",
        "Sign in to Example",
        "The username or password is not right.",
        "href=\"/register\"",
        "href=\"/reset\"",
    ] {
        assert!(login.contains(part), "{part}\n{login}");
    }
    assert!(!login.contains("<script"));
    let plain = pages
        .render(&Frame::default(), Login::default())
        .unwrap()
        .text;
    assert!(!plain.contains("rememberMe") && !plain.contains("kc-registration"));

    let otp = shown(LoginOtp::default().into());
    assert!(otp.contains("id=\"otp\" name=\"otp\""));
    assert!(!otp.contains("selectedCredentialId"));
    let reset = shown(LoginResetPassword::default().into());
    assert!(reset.contains("id=\"username\" name=\"username\""));
    let update = shown(
        LoginUpdatePassword {
            logout_sessions: Some(true),
            ..LoginUpdatePassword::default()
        }
        .into(),
    );
    for name in ["password-new", "password-confirm", "logout-sessions"] {
        assert!(
            update.contains(&format!("id=\"{name}\" name=\"{name}\"")),
            "{update}"
        );
    }
    let consent = shown(
        LoginOauthGrant {
            client: "Shop".to_owned(),
            scopes: vec![GrantedScope {
                text: "${emailScopeConsentText}".to_owned(),
                parameter: None,
            }],
            ..LoginOauthGrant::default()
        }
        .into(),
    );
    assert!(consent.contains("Your email address") && consent.contains("Shop"));
    assert!(consent.contains("name=\"accept\"") && consent.contains("name=\"cancel\""));
}

#[test]
fn scripts_are_ours_and_only_where_needed() {
    let pages = Pages::new("").unwrap();
    let rendered = |page: AnyPage| pages.render(&Frame::default(), page).unwrap();
    let post = rendered(FormPost::default().into());
    let source = post.text.split("<script src=\"").nth(1).unwrap();
    let path = source
        .split('"')
        .next()
        .unwrap()
        .strip_prefix("/resources/")
        .unwrap();
    let script = pages.resource(path).unwrap();
    assert!(script.content_type.starts_with("text/javascript"));
    assert!(post.policy.header(None).contains("script-src 'self'"));
    for page in [
        AnyPage::from(Login::default()),
        Terms {}.into(),
        Register::default().into(),
    ] {
        let html = rendered(page);
        assert!(!html.text.contains("<script"));
        assert!(!html.policy.header(None).contains("script-src"));
    }
    for path in ["", "x/login.css", "../login.css"] {
        assert!(pages.resource(path).is_none(), "{path}");
    }
}

/// spec: CAPT-03, CAPT-08
#[test]
fn the_captcha_is_let_in_only_on_its_page() {
    let pages = Pages::new("").unwrap();
    let page = Register {
        captcha: Some(Captcha {
            site_key: "site".to_owned(),
            script: "https://www.recaptcha.net/recaptcha/api.js".to_owned(),
            origins: vec!["https://www.recaptcha.net".to_owned()],
            invisible: true,
            action: "register".to_owned(),
        }),
        ..Register::default()
    };
    let html = pages.render(&Frame::default(), page).unwrap();
    assert!(
        html.text
            .contains("data-sitekey=\"site\" data-action=\"register\"")
    );
    // Google's script calls ours when it has the answer.
    assert!(html.text.contains("data-callback=\"sendWithRecaptcha\""));
    let own = html.text.find("/recaptcha.js\"").expect(&html.text);
    assert!(own < html.text.find("/recaptcha/api.js\"").unwrap());
    let policy = html.policy.header(None);
    assert!(
        policy.contains("script-src https://www.recaptcha.net 'self';"),
        "{policy}"
    );
    assert!(
        policy.contains("frame-src https://www.recaptcha.net;"),
        "{policy}"
    );
}

/// spec: L10N-01, ENDUI-02
#[test]
fn every_language_has_every_text_and_its_places() {
    let pages = Pages::new("").unwrap();
    let english = crate::texts::built_in().unwrap().remove("en").unwrap();
    for locale in built_in_locales() {
        let texts = crate::texts::built_in().unwrap().remove(*locale).unwrap();
        for (key, text) in &english {
            let theirs = texts
                .get(key)
                .unwrap_or_else(|| panic!("{locale} lacks {key}"));
            for place in ["{0}", "{1}", "{2}"] {
                assert_eq!(
                    theirs.contains(place),
                    text.contains(place),
                    "{locale} {key} {place}"
                );
            }
        }
        let unknown: Vec<_> = texts
            .keys()
            .filter(|key| !english.contains_key(*key))
            .collect();
        assert!(unknown.is_empty(), "{locale}: {unknown:?}");
        let look = Look {
            locale,
            ..Look::default()
        };
        let frame = Frame {
            look,
            ..Frame::default()
        };
        let html = pages.render(&frame, Login::default()).unwrap();
        let dir = if *locale == "ar" { "rtl" } else { "ltr" };
        assert!(
            html.text
                .contains(&format!("<html lang=\"{locale}\" dir=\"{dir}\">"))
        );
        assert_eq!(html.lang, *locale);
    }
}

#[test]
fn every_message_key_in_a_template_has_a_text() {
    let english = crate::texts::built_in().unwrap().remove("en").unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
    for entry in std::fs::read_dir(folder).unwrap() {
        let source = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for call in source.split("msg(\"").skip(1) {
            let key = call.split('"').next().unwrap();
            assert!(english.contains_key(key) || key.ends_with('.'), "{key}");
        }
    }
}

/// The registration form that a profile with these attributes makes.
fn form(attributes: serde_json::Value) -> String {
    use realmkeep_model::user_profile::{
        Attributes, LoginSettings, ProfileContext, ProfilePlace, UserProfile,
    };
    let mut config = serde_json::to_value(UserProfile::default_config()).unwrap();
    for attribute in attributes.as_array().unwrap() {
        let mut attribute = attribute.clone();
        attribute["permissions"] = serde_json::json!({"view": ["user"], "edit": ["user"]});
        config["attributes"].as_array_mut().unwrap().push(attribute);
    }
    config["groups"] = serde_json::json!([{"name": "more", "displayHeader": "More of you", "displayDescription": "If you like"}]);
    let profile = UserProfile::new(serde_json::from_value(config).unwrap()).unwrap();
    let context = ProfileContext {
        place: ProfilePlace::Registration,
        scopes: &[],
        login: LoginSettings::default(),
        locale: "en",
    };
    let fields = ProfileField::list(profile.form_fields(&context, &Attributes::new()));
    let page = Register {
        fields,
        password: true,
        ..Register::default()
    };
    Pages::new("")
        .unwrap()
        .render(&Frame::default(), page)
        .unwrap()
        .text
}

/// spec: UPINP-01, UPINP-02, UPINP-03, UPINP-04, UPINP-05, UPINP-06, UPROF-50, UPROF-52, UPROF-53
#[test]
fn attributes_become_the_fields_that_they_are_annotated_as() {
    let options = serde_json::json!({"options": {"options": ["red", "green"]}});
    let with = |name: &str, kind: &str| serde_json::json!({"name": name, "annotations": {"inputType": kind}, "validations": options, "multivalued": kind.starts_with("multi"), "required": {}});
    let text = form(serde_json::json!([
        with("a", "text"),
        with("b", "textarea"),
        with("c", "select"),
        with("d", "select-radiobuttons"),
        with("e", "multiselect"),
        with("f", "multiselect-checkboxes"),
    ]));
    for part in [
        "<input id=\"firstName\" name=\"firstName\" type=\"text\"",
        "<input id=\"email\" name=\"email\" type=\"email\"",
        "<input id=\"a\" name=\"a\" type=\"text\"",
        "<textarea id=\"b\" name=\"b\"",
        "<select id=\"c\" name=\"c\" required>",
        "<option value=\"green\">green</option>",
        "<input id=\"d-red\" name=\"d\" type=\"radio\" value=\"red\"",
        "<select id=\"e\" name=\"e\" multiple",
        "<input id=\"f-green\" name=\"f\" type=\"checkbox\" value=\"green\"",
        "First name <span class=\"required\" aria-hidden=\"true\">*</span>",
        "id=\"password\" name=\"password\"",
        "id=\"password-confirm\" name=\"password-confirm\"",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

/// spec: UPINP-07, UPINP-08, UPINP-09, UPINP-10, UPINP-11, UPINP-12, UPINP-13, UPINP-14, UPINP-15, UPINP-16, UPINP-17, UPANN-02
#[test]
fn html_input_types_are_the_browser_s() {
    let kinds = [
        "email",
        "tel",
        "url",
        "number",
        "range",
        "datetime-local",
        "date",
        "month",
        "week",
        "time",
    ];
    let attributes: Vec<_> = kinds
        .iter()
        .map(|kind| serde_json::json!({"name": format!("x-{kind}"), "annotations": {"inputType": format!("html5-{kind}")}}))
        .collect();
    let text = form(attributes.into());
    for kind in kinds {
        let part = format!("<input id=\"x-{kind}\" name=\"x-{kind}\" type=\"{kind}\"");
        assert!(text.contains(&part), "{part}");
    }
    let odd = form(serde_json::json!([{"name": "x", "annotations": {"inputType": "html5-file"}}]));
    assert!(odd.contains("<input id=\"x\" name=\"x\" type=\"text\""));
}

/// spec: UPANN-01, UPANN-08, UPANN-09, UPANN-10, UPANN-11, UPANN-12, UPANN-13, UPANN-14, UPANN-15, UPANN-16, UPANN-17
#[test]
fn annotations_become_attributes_of_the_field() {
    let text = form(serde_json::json!([{"name": "x", "annotations": {
        "inputTypePlaceholder": "Type", "inputTypeSize": 10, "inputTypeCols": "20", "inputTypeRows": "3",
        "inputTypePattern": "[a-z]+", "inputTypeMaxLength": "9", "inputTypeMinLength": "2",
        "inputTypeMax": "7", "inputTypeMin": "1", "inputTypeStep": "0.5",
        "kcNumberFormat": "({2}) {5}", "kcNumberUnFormat": "{11}", "kc evil=\"x\"": "y", "other": "z",
    }}]));
    for part in [
        " placeholder=\"Type\"",
        " size=\"10\"",
        " cols=\"20\"",
        " rows=\"3\"",
        " pattern=\"[a-z]+\"",
        " maxlength=\"9\"",
        " minlength=\"2\"",
        " max=\"7\"",
        " min=\"1\"",
        " step=\"0.5\"",
        " data-kcNumberFormat=\"({2}) {5}\"",
        " data-kcNumberUnFormat=\"{11}\"",
    ] {
        assert!(text.contains(part), "{part}");
    }
    assert!(!text.contains("evil") && !text.contains("\"z\""));
}

/// Annotations load modules of the theme, or ours; what is not there is not asked for.
///
/// spec: UPANN-18, UPANN-19, UPANN-21
#[test]
fn annotations_load_modules() {
    let folder = tempfile::tempdir().unwrap();
    let js = folder.path().join("own/login/resources/js");
    std::fs::create_dir_all(&js).unwrap();
    std::fs::write(js.join("kcMine.js"), "import './userProfile.js';").unwrap();
    let pages = Pages::with_themes("/id", Some(folder.path())).unwrap();
    let of = |theme, names: &[&str]| {
        let attribute = |name: &&str| (format!("data-{name}"), "x".to_owned());
        let field = ProfileField {
            name: "a".to_owned(),
            attributes: names.iter().map(attribute).collect(),
            ..ProfileField::default()
        };
        let frame = Frame {
            look: Look {
                theme,
                ..Look::default()
            },
            ..Frame::default()
        };
        let page = LoginUpdateProfile {
            fields: vec![field],
        };
        pages.render(&frame, page).unwrap()
    };
    let loaded = |html: &crate::Html| {
        let tags = html.text.split("<script src=\"").skip(1);
        let modules = tags.filter(|tag| tag.contains("type=\"module\""));
        modules
            .map(|tag| tag.split('"').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let none = of(Some("own"), &["kcNobodys"]);
    assert!(loaded(&none).is_empty() && !none.policy.header(None).contains("script-src"));
    let made = of(
        Some("own"),
        &["kcMine", "kcNumberFormat", "kcNumberUnFormat"],
    );
    assert!(made.policy.header(None).contains("script-src 'self'"));
    let found = loaded(&made);
    assert_eq!(found.len(), 3, "{found:?}");
    for path in &found {
        let path = path.strip_prefix("/id/resources/").unwrap();
        let (folder, _) = path.rsplit_once('/').unwrap();
        for path in [path, &format!("{folder}/userProfile.js")] {
            let resource = pages.resource(path).unwrap();
            assert!(resource.content_type.starts_with("text/javascript"));
        }
    }
    assert_eq!(loaded(&of(None, &["kcMine", "kcNumberFormat"])).len(), 1);
}

/// The consoles' looks: their stylesheets, served by what is in the folder alone.
#[test]
fn themes_dress_the_consoles() {
    use crate::Console;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("own/account");
    std::fs::create_dir_all(root.join("resources/css")).unwrap();
    std::fs::write(root.join("theme.properties"), "styles=css/own.css\n").unwrap();
    let missing = Pages::with_themes("", Some(folder.path())).unwrap_err();
    assert!(missing.to_string().contains("css/own.css"), "{missing}");
    std::fs::write(root.join("resources/css/own.css"), "p {}").unwrap();
    let pages = Pages::with_themes("/id", Some(folder.path())).unwrap();
    let styles = |console, theme| pages.console_styles(console, theme);
    let [style] = styles(Console::Account, Some("own")).try_into().unwrap();
    let path = style.strip_prefix("/id/resources/").unwrap();
    assert_eq!(pages.resource(path).unwrap().bytes, b"p {}");
    for other in ["own.css", "../theme.properties", "theme.properties"] {
        assert!(
            pages
                .resource(&path.replace("css/own.css", other))
                .is_none()
        );
    }
    assert!(styles(Console::Admin, Some("own")).is_empty());
    assert!(styles(Console::Account, None).is_empty());
    assert_eq!(
        pages.console_theme_names(Console::Account),
        ["own", "realmkeep"]
    );
    assert_eq!(pages.theme_names(), ["realmkeep"]);
}

/// spec: UPROF-22, UPROF-24, UPROF-35, UPROF-38, UPROF-55
#[test]
fn groups_have_one_header_where_they_begin() {
    let text = form(serde_json::json!([
        {"name": "a", "group": "more", "displayName": "${email} too"},
        {"name": "b", "group": "more"},
        {"name": "c"},
        {"name": "d", "group": "more"},
    ]));
    assert_eq!(text.matches("More of you").count(), 2);
    assert!(text.contains("If you like") && text.contains("Email too"));
    let place = |part: &str| text.find(part).unwrap();
    assert!(place("id=\"lastName\"") < place("More of you"));
    assert!(place("More of you") < place("id=\"a\""));
    assert!(place("id=\"b\"") < place("<hr>") && place("<hr>") < place("id=\"c\""));
}
