use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// `bytes` random bytes as base64url.
pub fn token(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    if rand::fill(&mut buffer).is_err() {
        // Without randomness every further step would be guessable.
        std::process::abort();
    }
    URL_SAFE_NO_PAD.encode(buffer)
}
