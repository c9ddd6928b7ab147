use std::fmt;
use std::str::FromStr;

/// Names a model of authenticator (section 6.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Aaguid([u8; 16]);

impl Aaguid {
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// All zeros: the model is not told.
    pub fn is_zero(&self) -> bool {
        self.0 == [0; 16]
    }
}

impl fmt::Display for Aaguid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for Aaguid {
    type Err = ();

    /// With or without hyphens, in either case.
    fn from_str(text: &str) -> Result<Self, ()> {
        let digits: Vec<u8> = text
            .trim()
            .chars()
            .filter(|c| *c != '-')
            .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()).ok_or(()))
            .collect::<Result<_, _>>()?;
        let bytes: Vec<u8> = digits
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| (byte << 4) | digit))
            .collect();
        if digits.len() != 32 {
            return Err(());
        }
        bytes.try_into().map(Self).map_err(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_are_the_same() {
        let text = "01020304-0506-0708-090a-0b0c0d0e0fff";
        let aaguid: Aaguid = text.parse().unwrap();
        assert_eq!(aaguid.to_string(), text);
        assert_eq!("0102030405060708090A0B0C0D0E0FFF".parse(), Ok(aaguid));
        for wrong in [
            "",
            "zz",
            "01020304-0506-0708-090a-0b0c0d0e0f",
            "0102030405060708090a0b0c0d0e0fff00",
        ] {
            assert_eq!(wrong.parse::<Aaguid>(), Err(()), "{wrong}");
        }
    }
}
