//! Paths that everybody understands in the same way.

use percent_encoding::percent_decode_str;

/// What a path is to a rule.
#[derive(Debug, PartialEq, Eq)]
pub enum Path {
    /// Decoded. Whoever decodes the path once, or takes it as it is, sees the same segments.
    Clear(String),
    /// Two programs may take it for different resources; says why.
    Ambiguous(&'static str),
}

/// Everything by which one program saw `/admin` where another saw something else is ambiguous: empty
/// and dot segments, encoded slashes, dots and percent signs, backslashes, path parameters,
/// fragments, control characters, text that is not UTF-8.
pub fn judge(path: &str) -> Path {
    match clear(path) {
        Ok(path) => Path::Clear(path),
        Err(why) => Path::Ambiguous(why),
    }
}

fn clear(path: &str) -> Result<String, &'static str> {
    let Some(relative) = path.strip_prefix('/') else {
        return Err("the request's path does not begin with a slash");
    };
    for byte in path.bytes() {
        match byte {
            b'\\' => return Err("the request's path has a backslash"),
            b';' => return Err("the request's path has parameters (`;`)"),
            b'#' | b'?' => return Err("the request's path has a `#` or `?`"),
            0..=0x20 | 0x7f => return Err("the request's path has control characters or spaces"),
            _ => {}
        }
    }
    let segments: Vec<&str> = relative.split('/').collect();
    let last = segments.len().saturating_sub(1);
    for (index, segment) in segments.iter().enumerate() {
        if segment.is_empty() && index != last {
            return Err("the request's path has an empty segment (`//`)");
        }
        if matches!(*segment, "." | "..") {
            return Err("the request's path has a dot segment");
        }
    }
    if !path.contains('%') {
        return Ok(path.to_owned());
    }
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        let encoded = rest
            .get(at + 1..at + 3)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
            // `from_str_radix` takes a sign.
            .filter(|_| rest.as_bytes().get(at + 1) != Some(&b'+'))
            .ok_or("the request's path has a `%` that encodes nothing")?;
        match encoded {
            b'/' | b'\\' => return Err("the request's path has an encoded slash"),
            b'.' => return Err("the request's path has an encoded dot"),
            b'%' => return Err("the request's path is encoded twice"),
            b';' | b'#' | b'?' => return Err("the request's path has an encoded delimiter"),
            0..=0x1f | 0x7f => return Err("the request's path has an encoded control character"),
            _ => {}
        }
        rest = rest.get(at + 3..).unwrap_or_default();
    }
    percent_decode_str(path)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| "the request's path is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_paths_are_decoded() {
        for (path, decoded) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/", "/a/"),
            ("/%61dmin", "/admin"),
            ("/caf%C3%A9/x%20y", "/caf\u{e9}/x y"),
            ("/a.b/..c/.d", "/a.b/..c/.d"),
            ("/a:b@c!$&'()*+,=~-_", "/a:b@c!$&'()*+,=~-_"),
        ] {
            assert_eq!(judge(path), Path::Clear(decoded.to_owned()), "{path}");
        }
    }

    #[test]
    fn what_parsers_disagree_about_is_ambiguous() {
        for path in [
            "",
            "a",
            "*",
            "//",
            "//admin",
            "/a//b",
            "/./a",
            "/a/.",
            "/a/..",
            "/user/../admin",
            "/user/%2e%2e/admin",
            "/user/%2E%2e/admin",
            "/user/.%2e/admin",
            "/user/..%2fadmin",
            "/user%2Fadmin",
            "/user%5cadmin",
            "/user\\admin",
            "/admin;x=1",
            "/admin%3bx",
            "/public/..;/admin",
            "/admin#x",
            "/admin%23",
            "/admin%3f",
            "/admin%00",
            "/admin%0d%0aX:1",
            "/admin%7f",
            "/%252e%252e/admin",
            "/%25",
            "/%",
            "/%2",
            "/%zz",
            "/%+1",
            "/%ff",
            "/%c0%ae",
            "/a b",
            "/a\tb",
        ] {
            assert!(matches!(judge(path), Path::Ambiguous(_)), "{path}");
        }
    }
}
