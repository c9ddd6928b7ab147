use std::io::Cursor;

use proptest::prelude::*;

use super::*;

const ALICE: PolicyUser<'_> = PolicyUser {
    username: Some("alice"),
    email: Some("alice@example.test"),
};

fn refused(policy: &str, password: &str) -> Option<(&'static str, Vec<String>)> {
    let policy = PasswordPolicy::parse(policy).unwrap();
    let result = policy.check(password, &ALICE, &Blacklists::default());
    result.err().map(|e| (e.message_key, e.params))
}

/// spec: PWPOL-01, PWPOL-13, PWPOL-14, PWPOL-15, PWPOL-16, PWPOL-17, PWPOL-18, PWPOL-19
#[test]
fn every_policy_refuses_what_it_is_for_and_nothing_else() {
    for (policy, bad, good, key, param) in [
        (
            "length(8)",
            "1234567",
            "12345678",
            "invalidPasswordMinLengthMessage",
            "8",
        ),
        (
            "maxLength(4)",
            "12345",
            "äöü€",
            "invalidPasswordMaxLengthMessage",
            "4",
        ),
        (
            "digits(2)",
            "a1b",
            "1a2",
            "invalidPasswordMinDigitsMessage",
            "2",
        ),
        (
            "lowerCase(2)",
            "aB",
            "aßB",
            "invalidPasswordMinLowerCaseCharsMessage",
            "2",
        ),
        (
            "upperCase(1)",
            "abc",
            "abC",
            "invalidPasswordMinUpperCaseCharsMessage",
            "1",
        ),
        (
            "specialChars(1)",
            "aB1",
            "aB1 ",
            "invalidPasswordMinSpecialCharsMessage",
            "1",
        ),
        (
            "notUsername",
            "Alice",
            "alice1",
            "invalidPasswordNotUsernameMessage",
            "",
        ),
        (
            "notUsername(undefined)",
            "alice",
            "bob",
            "invalidPasswordNotUsernameMessage",
            "",
        ),
        (
            "notContainsUsername",
            "xALICEx",
            "alic",
            "invalidPasswordNotContainsUsernameMessage",
            "",
        ),
        (
            "notEmail(undefined)",
            "alice@example.test",
            "alice",
            "invalidPasswordNotEmailMessage",
            "",
        ),
        (
            "regexPattern(^[a-z]+$)",
            "abc1",
            "abc",
            "invalidPasswordRegexPatternMessage",
            "^[a-z]+$",
        ),
        (
            "regexPattern([a-z]+)",
            "abc1",
            "abc",
            "invalidPasswordRegexPatternMessage",
            "[a-z]+",
        ),
        (
            "regexPattern((?=.*\\d)(?=.*[a-z]).*)",
            "abc",
            "abc1",
            "invalidPasswordRegexPatternMessage",
            "(?=.*\\d)(?=.*[a-z]).*",
        ),
    ] {
        assert_eq!(refused(policy, good), None, "{policy} {good}");
        let (found, params) = refused(policy, bad).unwrap_or_else(|| panic!("{policy} {bad}"));
        assert_eq!(found, key);
        assert_eq!(
            params.first().map(String::as_str).unwrap_or_default(),
            param
        );
        assert_eq!(refused("", bad), None);
    }
}

#[test]
fn all_policies_must_be_met_in_their_order() {
    let policy = "length(3) and digits(1) and regexPattern(a.*) and regexPattern(.*z)";
    assert_eq!(
        refused(policy, "a").unwrap().0,
        "invalidPasswordMinLengthMessage"
    );
    assert_eq!(
        refused(policy, "abz").unwrap().0,
        "invalidPasswordMinDigitsMessage"
    );
    assert_eq!(
        refused(policy, "ab1").unwrap().0,
        "invalidPasswordRegexPatternMessage"
    );
    assert_eq!(refused(policy, "a1z"), None);
    assert_eq!(
        refused("length", "1234567").unwrap().1,
        ["8"],
        "the default value"
    );
}

/// spec: PWPOL-02
#[test]
fn what_is_not_a_policy_is_refused_with_its_reason() {
    for (text, reason) in [
        ("lenght(8)", "there is no policy 'lenght'"),
        ("length(x)", "length needs a number, not 'x'"),
        ("length(-1)", "length needs a number"),
        ("length(8) and length(9)", "length is given more than once"),
        ("regexPattern([)", "is not a regular expression"),
        ("hashAlgorithm(md5)", "hashAlgorithm needs argon2"),
        ("passwordBlacklist(../../etc/passwd)", "the name of a file"),
    ] {
        let error = PasswordPolicy::parse(text).unwrap_err().to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
    let many = vec!["regexPattern(a)"; 51].join(" and ");
    assert_eq!(
        PasswordPolicy::parse(&many).unwrap_err(),
        PolicyParseError::TooLong
    );
}

/// spec: PWPOL-12, PWPOL-20
#[test]
fn values_for_others_are_read() {
    let policy = PasswordPolicy::parse(
        "forceExpiredPasswordChange(30) and hashIterations(-1) and hashAlgorithm(pbkdf2-sha256) \
         and passwordHistory(3) and passwordAge(10) and maxAuthAge(0) and recoveryCodesWarningThreshold(5)",
    )
    .unwrap();
    assert_eq!(policy.history(), 3);
    assert_eq!(policy.reuse_days(), 10);
    assert_eq!(policy.history_error().params, ["3"]);
    assert_eq!(policy.reuse_error().params, ["10"]);
    assert_eq!(policy.hash_algorithm(), Some("pbkdf2-sha256"));
    assert_eq!(policy.hash_iterations(), None);
    assert_eq!(policy.max_auth_age(), Some(0));
    assert_eq!(policy.recovery_codes_warning_threshold(), Some(5));
    let month = 30 * 86_400;
    assert!(!policy.is_expired(100, 100 + month));
    assert!(policy.is_expired(100, 101 + month));
    let none = PasswordPolicy::of_realm(None).unwrap();
    assert!(!none.is_expired(0, i64::MAX));
    assert_eq!(
        (none.history(), none.reuse_days(), none.max_auth_age()),
        (0, 0, None)
    );
}

/// spec: PWPOL-23, PWPOL-25
#[test]
fn a_blacklist_refuses_what_it_holds_and_little_else() {
    let lines: String = (0..20_000).map(|n| format!("Secret-{n}\n")).collect();
    let text = format!("passwörd\r\n\n{lines}");
    let list = Blacklist::read(
        || Ok(Cursor::new(text.as_bytes())),
        Blacklist::FALSE_POSITIVES,
    )
    .unwrap();
    assert_eq!(list.entries, 20_001);
    let mut lists = Blacklists::default();
    lists.insert("common.txt", list);
    let policy = PasswordPolicy::parse("passwordBlacklist(common.txt)").unwrap();
    assert_eq!(policy.blacklist_names().collect::<Vec<_>>(), ["common.txt"]);
    for bad in ["PASSWÖRD", "secret-0", "SECRET-19999"] {
        let error = policy.check(bad, &ALICE, &lists).unwrap_err();
        assert_eq!(error.message_key, "invalidPasswordBlacklistedMessage");
    }
    let wrong = (0..100_000)
        .filter(|n| policy.check(&format!("other-{n}"), &ALICE, &lists).is_err())
        .count();
    assert!(wrong < 60, "{wrong} of 100,000");
    let broken = Blacklist::read(|| Ok(Cursor::new(b"good\n\xff\n")), 0.01).unwrap_err();
    assert!(broken.to_string().contains("line 2"));
}

#[test]
fn a_pattern_that_explodes_refuses_instead_of_hanging() {
    let policy = PasswordPolicy::parse("regexPattern((?:(a+)+\\1)+b)").unwrap();
    let error = policy.check(&"a".repeat(200), &ALICE, &Blacklists::default());
    assert!(error.is_err());
}

proptest! {
    #[test]
    fn parsing_and_checking_never_fail_badly(text in ".{0,80}", password in ".{0,40}") {
        if let Ok(policy) = PasswordPolicy::parse(&text) {
            let _ = policy.check(&password, &ALICE, &Blacklists::default());
        }
    }

    #[test]
    fn lengths_are_counted_in_characters(password in "\\PC{0,30}", min in 0usize..30) {
        let met = refused(&format!("length({min})"), &password).is_none();
        prop_assert_eq!(met, password.chars().count() >= min);
    }
}
