use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use qrcode::QrCode;
use qrcode::render::svg;

/// The text as a picture that a page can hold in its `src`; empty when the text is too long.
pub(super) fn data_url(text: &str) -> String {
    let Ok(code) = QrCode::new(text.as_bytes()) else {
        return String::new();
    };
    let picture = code
        .render::<svg::Color<'_>>()
        .min_dimensions(200, 200)
        .build();
    format!("data:image/svg+xml;base64,{}", STANDARD.encode(picture))
}
