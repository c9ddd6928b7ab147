//! Subject names of certificates (RFC 4514), compared with what a client is set to.

use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::X509Name;

/// Longest regular expression, in bytes, and most memory that one may take, compiled.
const MAX_PATTERN: usize = 1024;
const MAX_COMPILED: usize = 256 * 1024;

/// Names of attribute types as people write them (RFC 4514 section 3, and what Java adds).
const TYPES: [(&str, &str); 13] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.4", "SURNAME"),
    ("2.5.4.42", "GIVENNAME"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("1.2.840.113549.1.9.1", "EMAILADDRESS"),
];

/// The name's parts, most specific first: type and value.
type Name = Vec<(String, String)>;

/// The subject of a certificate that is valid at `now` (seconds since 1970).
///
/// # Errors
/// Why there is none, for the event.
pub(crate) fn of_certificate(der: &[u8], now: i64) -> Result<Name, &'static str> {
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|_| "the certificate cannot be read")?;
    let validity = certificate.validity();
    if now < validity.not_before.timestamp() || now > validity.not_after.timestamp() {
        return Err("the certificate has expired, or is not valid yet");
    }
    parts(certificate.subject()).ok_or("the certificate's subject cannot be read")
}

/// The form that regular expressions are matched with: `CN=client, O=Example, C=DE`.
pub(crate) fn shown(name: &Name) -> String {
    let parts: Vec<String> = name
        .iter()
        .map(|(kind, value)| format!("{kind}={value}"))
        .collect();
    parts.join(", ")
}

/// Whether the whole of `text` matches the pattern.
///
/// # Errors
/// When the pattern is not one.
pub(crate) fn matches(pattern: &str, text: &str) -> Result<bool, &'static str> {
    if pattern.len() > MAX_PATTERN {
        return Err("x509.subjectdn is too long for a regular expression");
    }
    // The library's time is linear in the text, whatever the pattern.
    let regex = regex::RegexBuilder::new(&format!("^(?:{pattern})$"))
        .size_limit(MAX_COMPILED)
        .build()
        .map_err(|_| "x509.subjectdn is not a regular expression")?;
    Ok(regex.is_match(text))
}

/// Whether a name written as RFC 4514 has it is this one. Types ignore case, spaces around
/// separators do not count, values are compared as they are.
pub(crate) fn equals(written: &str, name: &Name) -> bool {
    parse(written).is_some_and(|parsed| parsed == *name)
}

/// Whether two names written as RFC 4514 has it are the same.
pub(crate) fn same(one: &str, other: &str) -> bool {
    parse(one).is_some_and(|one| parse(other) == Some(one))
}

fn parts(name: &X509Name<'_>) -> Option<Name> {
    let mut all = Vec::new();
    for attribute in name.iter_attributes() {
        let oid = attribute.attr_type().to_id_string();
        let kind = TYPES.iter().find(|(id, _)| *id == oid);
        let kind = kind.map_or(oid, |(_, short)| (*short).to_owned());
        all.push((kind, attribute.as_str().ok()?.to_owned()));
    }
    // Encoded from the root down, written from the leaf up.
    all.reverse();
    (!all.is_empty()).then_some(all)
}

fn parse(written: &str) -> Option<Name> {
    let mut name = Name::new();
    let mut rest = written.chars().peekable();
    let mut part = String::new();
    let mut quoted = false;
    let mut all = Vec::new();
    while let Some(c) = rest.next() {
        match c {
            // Hexadecimal pairs stay escaped: they are for what is no text.
            '\\' => part.push(rest.next()?),
            '"' => quoted = !quoted,
            ',' | ';' | '+' if !quoted => all.push(std::mem::take(&mut part)),
            c => part.push(c),
        }
    }
    if quoted {
        return None;
    }
    all.push(part);
    for part in all {
        let (kind, value) = part.split_once('=')?;
        let kind = kind.trim().to_ascii_uppercase();
        let kind = kind.strip_prefix("OID.").unwrap_or(&kind).to_owned();
        let kind = TYPES
            .iter()
            .find(|(id, _)| *id == kind)
            .map_or(kind, |(_, short)| (*short).to_owned());
        let kind = match kind.as_str() {
            "S" | "SP" => "ST".to_owned(),
            "E" | "EMAIL" => "EMAILADDRESS".to_owned(),
            _ => kind,
        };
        name.push((kind, value.trim().to_owned()));
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(parts: &[(&str, &str)]) -> Name {
        parts
            .iter()
            .map(|(kind, value)| ((*kind).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn written_names_are_compared_by_parts() {
        let own = name(&[("CN", "client, one"), ("O", "Example"), ("C", "DE")]);
        assert!(equals(r"CN=client\, one, O=Example,C=DE", &own));
        assert!(equals(r#"cn="client, one",o=Example,2.5.4.6=DE"#, &own));
        for other in [
            "CN=client",
            "CN=client\\, one,O=Example",
            "C=DE,O=Example,CN=client\\, one",
            "CN=client\\, one,O=example,C=DE",
            "",
            "CN",
            "CN=client\\",
            "CN=\"client, one,O=Example,C=DE",
        ] {
            assert!(!equals(other, &own), "{other}");
        }
    }

    #[test]
    fn a_pattern_is_for_the_whole_name() {
        let text = shown(&name(&[("CN", "client"), ("O", "Example")]));
        assert_eq!(text, "CN=client, O=Example");
        assert_eq!(matches("(.*?)(?:$)", &text), Ok(true));
        assert_eq!(matches("CN=client", &text), Ok(false));
        assert_eq!(matches("CN=client.*|x", &text), Ok(true));
        assert!(matches("(", &text).is_err());
        assert!(matches(&"a".repeat(MAX_PATTERN + 1), &text).is_err());
    }
}
