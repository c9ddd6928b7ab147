use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// `count` random bytes as base64url.
pub fn token(count: usize) -> String {
    URL_SAFE_NO_PAD.encode(bytes(count))
}

/// `count` random bytes.
pub fn bytes(count: usize) -> Vec<u8> {
    let mut buffer = vec![0; count];
    if rand::fill(&mut buffer).is_err() {
        // Without randomness every further step would be guessable.
        std::process::abort();
    }
    buffer
}
