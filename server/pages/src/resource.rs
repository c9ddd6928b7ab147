//! Files that pages load.

/// One file, as it is sent.
#[derive(Clone, Copy, Debug)]
pub struct Resource<'a> {
    pub content_type: &'static str,
    pub bytes: &'a [u8],
}

/// Our own, by name.
pub(crate) const BUILT_IN: &[(&str, &str)] = &[
    ("login.css", include_str!("../templates/login.css")),
    ("logout.js", include_str!("../scripts/logout.js")),
    ("recaptcha.js", include_str!("../scripts/recaptcha.js")),
    ("reload.js", include_str!("../scripts/reload.js")),
    ("submit.js", include_str!("../scripts/submit.js")),
    ("tabs.js", include_str!("../scripts/tabs.js")),
    ("webauthn.js", include_str!("../scripts/webauthn.js")),
];

/// Modules for fields with annotations. They lie in the folder `js` of every theme, so that those of
/// a theme find ours beside them.
pub(crate) const MODULES: &[(&str, &str)] = &[
    (
        "js/kcNumberFormat.js",
        include_str!("../scripts/kcNumberFormat.js"),
    ),
    (
        "js/kcNumberUnFormat.js",
        include_str!("../scripts/kcNumberUnFormat.js"),
    ),
    ("js/numbers.js", include_str!("../scripts/numbers.js")),
    (
        "js/userProfile.js",
        include_str!("../scripts/userProfile.js"),
    ),
];

impl Resource<'static> {
    pub(crate) fn built_in(name: &str) -> Option<Self> {
        Self::of(BUILT_IN, name)
    }

    pub(crate) fn module(path: &str) -> Option<Self> {
        Self::of(MODULES, path)
    }

    fn of(all: &'static [(&str, &str)], name: &str) -> Option<Self> {
        let (_, text) = all.iter().find(|(known, _)| *known == name)?;
        Some(Self {
            content_type: content_type(name)?,
            bytes: text.as_bytes(),
        })
    }
}

/// By the file's ending; None for kinds that pages have no use for.
pub(crate) fn content_type(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "css" => "text/css;charset=utf-8",
        "js" | "mjs" => "text/javascript;charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "json" => "application/json",
        "txt" => "text/plain;charset=utf-8",
        _ => return None,
    })
}
