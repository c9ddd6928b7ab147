use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const LOGIN: LoginSettings = LoginSettings {
    email_as_username: false,
    edit_username: false,
    update_email_action: false,
};

fn at(place: ProfilePlace) -> ProfileContext<'static> {
    ProfileContext {
        place,
        scopes: &[],
        login: LOGIN,
        locale: "en",
    }
}

/// The default profile with these attributes added.
fn profile(more: Value) -> UserProfile {
    UserProfile::new(config(more, Value::Null)).unwrap()
}

fn config(more: Value, unmanaged: Value) -> UPConfig {
    let mut config = serde_json::to_value(UserProfile::default_config()).unwrap();
    let all = config["attributes"].as_array_mut().unwrap();
    all.extend(more.as_array().unwrap().iter().cloned());
    if !unmanaged.is_null() {
        config["unmanagedAttributePolicy"] = unmanaged;
    }
    serde_json::from_value(config).unwrap()
}

fn both(name: &str, rest: Value) -> Value {
    let mut attribute = json!({
        "name": name,
        "permissions": {"view": ["admin", "user"], "edit": ["admin", "user"]},
    });
    for (key, value) in rest.as_object().unwrap() {
        attribute[key] = value.clone();
    }
    attribute
}

fn values(pairs: &[(&str, &str)]) -> Attributes {
    let mut all = Attributes::new();
    for (name, value) in pairs {
        all.entry((*name).to_owned())
            .or_default()
            .push((*value).to_owned());
    }
    all
}

fn alice(more: &[(&str, &str)]) -> Attributes {
    let mut all = values(&[
        (USERNAME, "alice"),
        (EMAIL, "alice@example.test"),
        (FIRST_NAME, "Alice"),
        (LAST_NAME, "Liddell"),
    ]);
    all.extend(values(more));
    all
}

fn keys(result: Result<Attributes, Vec<ProfileError>>) -> Vec<(String, String)> {
    let errors = result.unwrap_err();
    for error in &errors {
        assert_eq!(error.params[0], json!(error.attribute));
    }
    errors
        .into_iter()
        .map(|e| (e.attribute, e.message_key))
        .collect()
}

fn only(attribute: &str, key: &str) -> Vec<(String, String)> {
    vec![(attribute.to_owned(), key.to_owned())]
}

/// What the attribute `a` with this validator says of the value.
fn said(validator: &str, config: Value, value: &str) -> Option<(String, Vec<Value>)> {
    let profile = profile(json!([both(
        "a",
        json!({"validations": {validator: config}})
    )]));
    let result = profile.validate(
        &at(ProfilePlace::Admin),
        &alice(&[("a", value)]),
        &Attributes::new(),
    );
    let mut errors = result.err()?;
    assert_eq!(errors.len(), 1, "{errors:?}");
    let error = errors.remove(0);
    Some((error.message_key, error.params[1..].to_vec()))
}

fn key(validator: &str, config: Value, value: &str) -> Option<String> {
    said(validator, config, value).map(|(key, _)| key)
}

/// spec: UPROF-01, UPROF-02, UPROF-40, UPROF-41, UPROF-42
#[test]
fn a_fresh_realm_has_the_profile_of_a_fresh_keycloak() {
    let config = UserProfile::default_config();
    let names: Vec<_> = config
        .attributes
        .iter()
        .flatten()
        .filter_map(|a| a.name.as_deref())
        .collect();
    assert_eq!(names, [USERNAME, EMAIL, FIRST_NAME, LAST_NAME]);
    let profile = UserProfile::of_component(None).unwrap();
    let metadata = serde_json::to_value(profile.metadata(&at(ProfilePlace::Admin))).unwrap();
    assert_eq!(
        metadata["attributes"][0],
        json!({
            "name": "username", "displayName": "${username}", "required": true, "readOnly": false,
            "validators": {
                "username-prohibited-characters": {"ignore.empty.value": true},
                "multivalued": {"max": "1"},
                "length": {"max": 255, "ignore.empty.value": true, "min": 3},
                "up-username-not-idn-homograph": {"ignore.empty.value": true},
            },
            "multivalued": false,
        })
    );
    assert_eq!(
        metadata["attributes"][1]["required"],
        json!(false),
        "e-mail, for administrators"
    );
    let user = serde_json::to_value(profile.metadata(&at(ProfilePlace::UpdateProfile))).unwrap();
    assert_eq!(
        user["attributes"][1]["required"],
        json!(true),
        "e-mail, for users"
    );
    assert_eq!(user["groups"][0]["name"], json!("user-metadata"));
}

/// spec: UPROF-05, UPROF-06, UPROF-07, UPROF-26, UPROF-45
#[test]
fn users_need_names_and_administrators_do_not() {
    let profile = UserProfile::of_component(None).unwrap();
    let bare = values(&[(USERNAME, "Alice")]);
    let none = Attributes::new();
    let made = profile
        .validate(&at(ProfilePlace::Admin), &bare, &none)
        .unwrap();
    assert_eq!(made, values(&[(USERNAME, "alice")]));
    for place in [ProfilePlace::Registration, ProfilePlace::IdpReview] {
        let wrong = keys(profile.validate(&at(place), &bare, &none));
        let names: Vec<_> = wrong.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, [EMAIL, FIRST_NAME, LAST_NAME], "{place:?}");
        assert!(
            wrong
                .iter()
                .all(|(_, key)| key == "error-user-attribute-required")
        );
    }
    let wrong = keys(profile.validate(&at(ProfilePlace::Admin), &none, &none));
    assert_eq!(wrong, only(USERNAME, "error-user-attribute-required"));
}

/// spec: UPROF-08, UPROF-28, UPROF-29, UPROF-47, UPROF-48, UPROF-51, UPROF-54
#[test]
fn permissions_decide_who_sees_and_who_changes() {
    let profile = profile(json!([
        {"name": "seen", "permissions": {"view": ["user"], "edit": ["admin"]}},
        {"name": "hidden", "permissions": {"view": ["admin"], "edit": ["admin"]}},
        {"name": "own", "permissions": {"view": [], "edit": ["user"]}},
        {"name": "fresh"},
    ]));
    let current = alice(&[("seen", "1"), ("hidden", "2"), ("own", "3"), ("fresh", "4")]);
    let user = at(ProfilePlace::Account);
    let admin = at(ProfilePlace::Admin);
    let fields = profile.form_fields(&user, &current);
    let more: Vec<_> = fields
        .iter()
        .skip(4)
        .map(|f| (f.name.as_str(), f.read_only))
        .collect();
    assert_eq!(more, [("seen", true), ("own", false)]);
    let fields = profile.form_fields(&admin, &current);
    let more: Vec<_> = fields
        .iter()
        .skip(4)
        .map(|f| (f.name.as_str(), f.read_only))
        .collect();
    assert_eq!(more, [("seen", false), ("hidden", false), ("fresh", false)]);

    let changed = alice(&[("seen", "x")]);
    assert_eq!(
        keys(profile.validate(&user, &changed, &current)),
        only("seen", "error-user-attribute-read-only")
    );
    // What a user cannot see stays, whatever the form says.
    let tried = alice(&[
        ("seen", "1"),
        ("hidden", "x"),
        ("fresh", "x"),
        ("own", "new"),
    ]);
    let after = profile.validate(&user, &tried, &current).unwrap();
    assert_eq!(after["hidden"], ["2"]);
    assert_eq!(after["fresh"], ["4"]);
    assert_eq!(after["own"], ["new"]);
    assert!(profile.is_visible("seen", &user) && !profile.is_visible("hidden", &user));
    // What an administrator may not change stays too.
    let after = profile
        .validate(&admin, &alice(&[("own", "x"), ("fresh", "y")]), &current)
        .unwrap();
    assert_eq!(after["own"], ["3"]);
    assert_eq!(after["fresh"], ["y"]);
}

/// spec: UPROF-30
#[test]
fn an_attribute_without_permissions_is_for_administrators() {
    let profile = profile(json!([{"name": "fresh"}]));
    assert!(!profile.is_visible("fresh", &at(ProfilePlace::UpdateProfile)));
    assert!(profile.is_visible("fresh", &at(ProfilePlace::Admin)));
}

/// spec: UPROF-25, UPROF-27, UPROF-44, UPROF-46
#[test]
fn scopes_decide_at_login_and_nowhere_else() {
    let profile = profile(json!([
        both(
            "phone",
            json!({"selector": {"scopes": ["phone"]}, "required": {}})
        ),
        both("street", json!({"required": {"scopes": ["address"]}})),
    ]));
    let asked = ["phone".to_owned(), "address".to_owned()];
    let plain = at(ProfilePlace::UpdateProfile);
    let with = ProfileContext {
        scopes: &asked,
        ..plain
    };
    let names = |context: &ProfileContext<'_>| -> Vec<(String, bool)> {
        let fields = profile.form_fields(context, &alice(&[]));
        fields
            .into_iter()
            .skip(4)
            .map(|f| (f.name, f.required))
            .collect()
    };
    assert_eq!(names(&plain), [("street".to_owned(), false)]);
    assert_eq!(
        names(&with),
        [("phone".to_owned(), true), ("street".to_owned(), true)]
    );
    let account = ProfileContext {
        scopes: &asked,
        ..at(ProfilePlace::Account)
    };
    assert_eq!(
        names(&account),
        [("phone".to_owned(), true), ("street".to_owned(), false)]
    );
    // Not asked for: neither needed nor changed.
    let after = profile
        .validate(&plain, &alice(&[("phone", "1")]), &alice(&[]))
        .unwrap();
    assert!(!after.contains_key("phone"));
    let wrong = keys(profile.validate(&with, &alice(&[]), &alice(&[])));
    assert_eq!(wrong.len(), 2);
}

/// spec: UPROF-04, LOGIN-10
#[test]
fn the_realm_s_login_settings_win_over_the_profile() {
    let profile = UserProfile::of_component(None).unwrap();
    let current = alice(&[]);
    let mut renamed = alice(&[]);
    renamed.insert(USERNAME.to_owned(), vec!["bob".to_owned()]);
    let fixed = at(ProfilePlace::UpdateProfile);
    assert_eq!(
        keys(profile.validate(&fixed, &renamed, &current)),
        only(USERNAME, "error-user-attribute-read-only")
    );
    let field = profile.form_fields(&fixed, &current).remove(0);
    assert!(field.name == USERNAME && field.read_only);
    let free = ProfileContext {
        login: LoginSettings {
            edit_username: true,
            ..LOGIN
        },
        ..fixed
    };
    assert_eq!(
        profile.validate(&free, &renamed, &current).unwrap()[USERNAME],
        ["bob"]
    );

    let by_email = ProfileContext {
        login: LoginSettings {
            email_as_username: true,
            ..LOGIN
        },
        ..at(ProfilePlace::Registration)
    };
    let mut new = alice(&[]);
    new.remove(USERNAME);
    let made = profile
        .validate(&by_email, &new, &Attributes::new())
        .unwrap();
    assert_eq!(made[USERNAME], ["alice@example.test"]);
    let fields = profile.form_fields(&by_email, &Attributes::new());
    assert!(fields.iter().all(|f| f.name != USERNAME));
    new.remove(EMAIL);
    assert_eq!(
        keys(profile.validate(&by_email, &new, &Attributes::new())),
        only(EMAIL, "error-user-attribute-required")
    );
}

/// spec: UPROF-09, UPROF-10, UPROF-11, UPROF-12, UPROF-13, UPROF-14, UPROF-15
#[test]
fn unmanaged_attributes_follow_the_realm_s_policy() {
    let current = alice(&[("old", "1")]);
    let submitted = alice(&[("old", "2"), ("new", "3")]);
    // Policy: what users and administrators come to.
    for (policy, user, admin) in [
        (Value::Null, ("1", None), ("1", None)),
        (json!("ENABLED"), ("2", Some("3")), ("2", Some("3"))),
        (json!("ADMIN_VIEW"), ("1", None), ("1", None)),
        (json!("ADMIN_EDIT"), ("1", None), ("2", Some("3"))),
    ] {
        let profile = UserProfile::new(config(json!([]), policy.clone())).unwrap();
        for (place, (old, new)) in [(ProfilePlace::Account, user), (ProfilePlace::Admin, admin)] {
            let after = profile.validate(&at(place), &submitted, &current).unwrap();
            assert_eq!(after["old"], [old], "{policy} {place:?}");
            let found = after.get("new").map(|v| v[0].as_str());
            assert_eq!(found, new, "{policy} {place:?}");
        }
        let seen = profile.is_visible("old", &at(ProfilePlace::Account));
        assert_eq!(seen, policy == json!("ENABLED"));
        let seen = profile.is_visible("old", &at(ProfilePlace::Admin));
        assert_eq!(seen, !policy.is_null());
    }
}

/// spec: UPROF-17, UPROF-18, UPROF-32
#[test]
fn values_without_a_limit_of_their_own_have_one() {
    let long = "x".repeat(MAX_VALUE + 1);
    let admin = at(ProfilePlace::Admin);
    let enabled = config(json!([both("a", json!({}))]), json!("ENABLED"));
    let profile = UserProfile::new(enabled).unwrap();
    for name in ["a", "unmanaged"] {
        let wrong = keys(profile.validate(&admin, &alice(&[(name, &long)]), &alice(&[])));
        assert_eq!(wrong, only(name, "error-invalid-length-too-long"));
        let fits = &long[..MAX_VALUE];
        assert!(
            profile
                .validate(&admin, &alice(&[(name, fits)]), &alice(&[]))
                .is_ok()
        );
    }
    let own = self::profile(json!([both(
        "a",
        json!({"validations": {"length": {"max": 5000}}})
    )]));
    assert!(
        own.validate(&admin, &alice(&[("a", &long)]), &alice(&[]))
            .is_ok()
    );
}

/// spec: UPVAL-01
#[test]
fn length() {
    let both = json!({"min": 2, "max": "3"});
    assert_eq!(key("length", both.clone(), "äö"), None);
    assert_eq!(
        said("length", both.clone(), "x"),
        Some(("error-invalid-length".to_owned(), vec![json!(2), json!(3)]))
    );
    assert_eq!(
        key("length", both.clone(), " x ").as_deref(),
        Some("error-invalid-length")
    );
    let untrimmed = json!({"min": 2, "max": 3, "trim-disabled": true});
    assert_eq!(key("length", untrimmed, " x "), None);
    assert_eq!(
        key("length", json!({"min": 2}), "x").as_deref(),
        Some("error-invalid-length-too-short")
    );
    assert_eq!(
        key("length", json!({"max": 1}), "xx").as_deref(),
        Some("error-invalid-length-too-long")
    );
}

/// spec: UPVAL-02, UPVAL-03
#[test]
fn numbers() {
    for (validator, fine, bad) in [("integer", "-7", "7.5"), ("double", "7.5", "7,5")] {
        assert_eq!(key(validator, json!({}), fine), None);
        assert_eq!(
            key(validator, json!({}), bad).as_deref(),
            Some("error-invalid-number")
        );
        assert_eq!(
            said(validator, json!({"min": 1, "max": 5}), "6"),
            Some((
                "error-number-out-of-range".to_owned(),
                vec![json!(1), json!(5)]
            ))
        );
        assert_eq!(
            key(validator, json!({"min": "1"}), "0").as_deref(),
            Some("error-number-out-of-range-too-small")
        );
        assert_eq!(
            key(validator, json!({"max": 1}), "2").as_deref(),
            Some("error-number-out-of-range-too-big")
        );
    }
    assert_eq!(
        key("double", json!({}), "NaN").as_deref(),
        Some("error-invalid-number")
    );
}

/// spec: UPVAL-04
#[test]
fn uris() {
    for (value, wrong) in [
        ("https://example.test/a?b#c", None),
        ("example.test", Some("error-invalid-uri")),
        ("javascript:alert(1)", Some("error-invalid-uri-scheme")),
        ("https://", Some("error-invalid-uri")),
    ] {
        assert_eq!(key("uri", json!({}), value).as_deref(), wrong, "{value}");
    }
    let config = json!({"allowedSchemes": ["urn"], "allowFragment": false});
    assert_eq!(key("uri", config.clone(), "urn:x:y"), None);
    assert_eq!(
        key("uri", config, "urn:x:y#z").as_deref(),
        Some("error-invalid-uri-fragment")
    );
}

/// spec: UPVAL-05
#[test]
fn patterns_match_the_whole_value() {
    let config = json!({"pattern": "[A-Z]{2}\\d+", "error-message": "badNumber"});
    assert_eq!(key("pattern", config.clone(), "AB12"), None);
    assert_eq!(
        key("pattern", config, "xAB12x").as_deref(),
        Some("badNumber")
    );
    let config = json!({"pattern": "(?=.*x)y.*"});
    assert_eq!(key("pattern", config.clone(), "yx"), None);
    assert_eq!(
        key("pattern", config, "y").as_deref(),
        Some("error-pattern-no-match")
    );
}

/// spec: UPVAL-06
#[test]
fn e_mail_addresses() {
    for good in [
        "a@b",
        "u1@example.test",
        "first.last+tag@sub.example.org",
        "jörg@exämple.de",
    ] {
        assert_eq!(key("email", json!({}), good), None, "{good}");
        assert!(is_email(good));
    }
    for bad in [
        "x",
        "@b",
        "a@",
        "a b@c.d",
        "a@b..c",
        ".a@b.c",
        "a@-b.c",
        "a@b.c\nx",
        "a\"@b.c",
        "a@[1.2.3.4]",
    ] {
        assert_eq!(
            key("email", json!({}), bad).as_deref(),
            Some("error-invalid-email"),
            "{bad}"
        );
    }
    let long = format!("{}@example.test", "x".repeat(65));
    assert_eq!(
        key("email", json!({}), &long).as_deref(),
        Some("error-invalid-email")
    );
    assert_eq!(key("email", json!({"max-local-length": "70"}), &long), None);
}

/// spec: UPVAL-07, UPVAL-08
#[test]
fn dates_by_language_and_by_standard() {
    let profile = profile(json!([both(
        "a",
        json!({"validations": {"local-date": {}}})
    )]));
    for (locale, value, fine) in [
        ("en", "2/28/26", true),
        ("de", "28.02.2026", true),
        ("de", "2/28/26", false),
    ] {
        let context = ProfileContext {
            locale,
            ..at(ProfilePlace::Account)
        };
        let result = profile.validate(&context, &alice(&[("a", value)]), &alice(&[]));
        assert_eq!(result.is_ok(), fine, "{locale} {value}");
    }
    assert_eq!(key("iso-date", json!({}), "2024-02-29"), None);
    assert_eq!(
        key("iso-date", json!({}), "29.02.2024").as_deref(),
        Some("error-invalid-date")
    );
}

/// spec: UPVAL-09, UPVAL-10, UPVAL-12
#[test]
fn characters_that_names_do_not_have() {
    let name = "person-name-prohibited-characters";
    for fine in ["O'Brien", "Müller-Lüdenscheidt", "王小明", "Jr."] {
        assert_eq!(key(name, json!({}), fine), None, "{fine}");
    }
    for bad in ["<b>", "${x}", "a;b", "{{7}}"] {
        assert_eq!(
            key(name, json!({}), bad).as_deref(),
            Some("error-person-name-invalid-character")
        );
    }
    let user = "username-prohibited-characters";
    assert_eq!(key(user, json!({}), "a.b-c_d+e@f"), None);
    for bad in ["a b", "o'brien", "a:b", "a\u{2003}b"] {
        let message = json!({"error-message": "badUsername"});
        assert_eq!(
            key(user, message, bad).as_deref(),
            Some("badUsername"),
            "{bad}"
        );
    }
    let idn = "up-username-not-idn-homograph";
    assert_eq!(key(idn, json!({}), "pàypal_1"), None);
    assert_eq!(
        key(idn, json!({}), "p\u{430}ypal").as_deref(),
        Some("error-username-invalid-character")
    );
}

#[test]
fn an_address_as_username_is_no_bad_username() {
    let mut config = UserProfile::default_config();
    let email = config
        .attributes
        .as_mut()
        .unwrap()
        .iter_mut()
        .find(|a| a.name.as_deref() == Some(EMAIL));
    let validations = email.unwrap().validations.as_mut().unwrap();
    validations.insert(
        "username-prohibited-characters".to_owned(),
        Default::default(),
    );
    let profile = UserProfile::new(config).unwrap();
    let mut submitted = alice(&[]);
    submitted.insert(EMAIL.to_owned(), vec!["o'brien@example.test".to_owned()]);
    let plain = at(ProfilePlace::Admin);
    assert!(
        profile
            .validate(&plain, &submitted, &Attributes::new())
            .is_err()
    );
    let by_email = ProfileContext {
        login: LoginSettings {
            email_as_username: true,
            ..LOGIN
        },
        ..plain
    };
    assert!(
        profile
            .validate(&by_email, &submitted, &Attributes::new())
            .is_ok()
    );
}

/// spec: UPVAL-11, UPVAL-13, UPROF-23
#[test]
fn options_and_numbers_of_values() {
    let config = json!({"options": ["red", "green"]});
    assert_eq!(key("options", config.clone(), "red"), None);
    assert_eq!(
        key("options", config, "Red").as_deref(),
        Some("error-invalid-value")
    );

    let many = profile(json!([both(
        "a",
        json!({
            "multivalued": true, "validations": {"multivalued": {"min": "2", "max": 3}}
        })
    )]));
    let admin = at(ProfilePlace::Admin);
    for (count, fine) in [(0, true), (1, false), (2, true), (3, true), (4, false)] {
        let submitted: Vec<_> = (0..count).map(|_| ("a", "x")).collect();
        let result = many.validate(&admin, &alice(&submitted), &alice(&[]));
        assert_eq!(result.is_ok(), fine, "{count}");
    }
    let one = profile(json!([both("a", json!({}))]));
    let two = alice(&[("a", "x"), ("a", "y")]);
    assert_eq!(
        keys(one.validate(&admin, &two, &alice(&[]))),
        only("a", "error-invalid-multivalued-size")
    );
}

/// spec: UPROF-22, UPROF-24, UPROF-33, UPROF-34, UPROF-38, UPROF-55, UPANN-05, UPANN-06, UPANN-07, UPANN-20
#[test]
fn fields_carry_what_forms_need() {
    let mut config = config(
        json!([
            both(
                "job",
                json!({
                    "displayName": "${job}", "group": "work",
                    "annotations": {"inputType": "select", "inputOptionLabelsI18nPrefix": "job"},
                    "validations": {"options": {"options": ["dev", "ops"]}},
                })
            ),
            both(
                "size",
                json!({
                    "annotations": {"inputOptionsFromValidation": "options", "inputOptionLabels": {"s": "Small", "m": "${medium}"}},
                    "validations": {"options": {"options": ["s", "m", "l"]}},
                    "defaultValue": "m",
                })
            ),
        ]),
        Value::Null,
    );
    config.groups = serde_json::from_value(json!([
        {"name": "work", "displayHeader": "${work}", "displayDescription": "What you do", "annotations": {"a": "b"}}
    ]))
    .unwrap();
    let profile = UserProfile::new(config).unwrap();
    let fields = profile.form_fields(&at(ProfilePlace::UpdateProfile), &alice(&[]));
    let names: Vec<_> = fields.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(
        names,
        [USERNAME, EMAIL, FIRST_NAME, LAST_NAME, "job", "size"]
    );
    let job = &fields[4];
    assert_eq!(job.label, "${job}");
    assert_eq!(job.group.as_ref().unwrap().header, "${work}");
    assert_eq!(job.annotations["inputType"], json!("select"));
    assert_eq!(
        job.options(),
        [
            ("dev".to_owned(), "${job.dev}".to_owned()),
            ("ops".to_owned(), "${job.ops}".to_owned())
        ]
    );
    let size = &fields[5];
    assert_eq!(size.values, ["m"]);
    let labels: Vec<_> = size.options().into_iter().map(|(_, label)| label).collect();
    assert_eq!(labels, ["Small", "${medium}", "l"]);
    assert!(size.group.is_none() && size.label == "size");
}

/// spec: UPROF-03, UPROF-21, UPROF-43
#[test]
fn a_profile_that_is_none_is_refused_with_all_reasons() {
    let wrong = json!({
        "attributes": [
            {"name": "username"},
            {"name": ""},
            {"name": "a b"},
            {"name": "twice"}, {"name": "twice"},
            {"name": "x", "group": "nowhere", "permissions": {"edit": ["root"]},
             "validations": {"nothing": {}, "pattern": {"pattern": "["}, "length": {"min": "x"}, "uri": {"typo": 1}}},
        ],
        "groups": [{"name": "g"}, {"name": "g"}, {}],
    });
    let errors = UserProfile::new(serde_json::from_value(wrong).unwrap()).unwrap_err();
    let text = errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n");
    for part in [
        "The attribute 'email' can not be removed",
        "Attribute configuration without 'name'",
        "Invalid attribute name 'a b'",
        "'twice' is defined twice",
        "unknown group 'nowhere'",
        "unknown role 'root'",
        "validator 'nothing' is unknown",
        "not a regular expression",
        "needs a number as 'min'",
        "has no setting 'typo'",
        "group 'g' is defined twice",
        "group configuration without 'name'",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(UserProfile::of_component(Some("{")).is_err());
}

/// spec: UPROF-56
#[test]
fn verification_looks_at_what_the_user_can_mend() {
    let profile = profile(json!([
        both("phone", json!({"required": {"roles": ["user"]}})),
        {"name": "rank", "required": {}, "permissions": {"view": ["user"], "edit": ["admin"]}},
    ]));
    let user = at(ProfilePlace::UpdateProfile);
    let errors = profile.verify(&user, &alice(&[])).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].attribute, "phone");
    assert!(profile.verify(&user, &alice(&[("phone", "1")])).is_ok());
}

#[test]
fn users_and_attributes_are_two_views_of_one() {
    let mut user = UserRepresentation::default();
    set_attributes(&mut user, &alice(&[("a", "1"), ("a", "2")]));
    assert_eq!(user.username.as_deref(), Some("alice"));
    assert_eq!(user.attributes.as_ref().unwrap().len(), 1);
    assert_eq!(attributes_of(&user), alice(&[("a", "1"), ("a", "2")]));
    set_attributes(&mut user, &values(&[(USERNAME, "bob")]));
    assert_eq!((user.email, user.attributes), (None, None));
}

proptest! {
    /// Whatever is sent, what comes out meets the profile, and what may not change did not.
    #[test]
    fn what_is_accepted_meets_the_profile(
        submitted in proptest::collection::btree_map("[a-z]{1,3}|username|email|firstName|fixed", proptest::collection::vec(".{0,12}", 0..3), 0..8),
    ) {
        let profile = profile(json!([
            {"name": "fixed", "permissions": {"view": ["user"], "edit": ["admin"]}},
        ]));
        let current = alice(&[("fixed", "1")]);
        for place in [ProfilePlace::Account, ProfilePlace::UpdateProfile] {
            if let Ok(after) = profile.validate(&at(place), &submitted, &current) {
                prop_assert!(profile.verify(&at(place), &after).is_ok());
                prop_assert_eq!(&after["fixed"], &current["fixed"]);
                prop_assert_eq!(&after[USERNAME], &current[USERNAME]);
                prop_assert!(after.values().all(|v| !v.is_empty()));
            }
        }
    }
}
