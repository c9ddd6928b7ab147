//! An authenticator in software: makes credentials with attestations of each format, and assertions;
//! its hostile uses are by what tests change on the way.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, PKCS_ECDSA_P256_SHA256,
};

/// The model that it says it is.
pub const AAGUID: [u8; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
pub const AAGUID_TEXT: &str = "01020304-0506-0708-090a-0b0c0d0e0f10";

/// Flags of the authenticator data.
pub const PRESENT: u8 = 0x01;
pub const VERIFIED: u8 = 0x04;
const HAS_CREDENTIAL: u8 = 0x40;

/// A private key of an algorithm.
pub enum PrivateKey {
    Ecdsa(i64, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(i64, RsaKeyPair),
}

impl PrivateKey {
    /// Of the algorithm's number in COSE.
    pub fn generate(algorithm: i64) -> Self {
        let ecdsa = |kind| Self::Ecdsa(algorithm, EcdsaKeyPair::generate(kind).unwrap());
        match algorithm {
            -7 => ecdsa(&signature::ECDSA_P256_SHA256_ASN1_SIGNING),
            -35 => ecdsa(&signature::ECDSA_P384_SHA384_ASN1_SIGNING),
            -36 => ecdsa(&signature::ECDSA_P521_SHA512_ASN1_SIGNING),
            -8 => Self::Ed25519(Ed25519KeyPair::generate().unwrap()),
            _ => Self::Rsa(algorithm, RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
        }
    }

    pub fn algorithm(&self) -> i64 {
        match self {
            Self::Ecdsa(algorithm, _) | Self::Rsa(algorithm, _) => *algorithm,
            Self::Ed25519(_) => -8,
        }
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ecdsa(_, key) => {
                let signed = key.sign(&SystemRandom::new(), message).unwrap();
                signed.as_ref().to_vec()
            }
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Self::Rsa(algorithm, key) => {
                let kind = match algorithm {
                    -257 => &signature::RSA_PKCS1_SHA256,
                    -258 => &signature::RSA_PKCS1_SHA384,
                    _ => &signature::RSA_PKCS1_SHA512,
                };
                let mut signed = vec![0; key.public_modulus_len()];
                key.sign(kind, &SystemRandom::new(), message, &mut signed)
                    .unwrap();
                signed
            }
        }
    }

    /// `COSE_Key`.
    pub fn cose(&self) -> Vec<u8> {
        let number = |n: i64| Value::from(n);
        let bytes = |b: &[u8]| Value::from(b.to_vec());
        let map = match self {
            Self::Ecdsa(algorithm, key) => {
                let point = key.public_key().as_ref();
                let (x, y) = point[1..].split_at((point.len() - 1) / 2);
                let curve = match algorithm {
                    -7 => 1,
                    -35 => 2,
                    _ => 3,
                };
                vec![
                    (number(1), number(2)),
                    (number(3), number(*algorithm)),
                    (number(-1), number(curve)),
                    (number(-2), bytes(x)),
                    (number(-3), bytes(y)),
                ]
            }
            Self::Ed25519(key) => vec![
                (number(1), number(1)),
                (number(3), number(-8)),
                (number(-1), number(6)),
                (number(-2), bytes(key.public_key().as_ref())),
            ],
            Self::Rsa(algorithm, key) => {
                let public = key.public_key();
                vec![
                    (number(1), number(3)),
                    (number(3), number(*algorithm)),
                    (number(-1), bytes(&modulus(public.as_ref()))),
                    (number(-2), bytes(&[1, 0, 1])),
                ]
            }
        };
        cbor(&Value::Map(map))
    }
}

/// Of an `RSAPublicKey` of 2048 bits: the modulus stands before the exponent 65537.
fn modulus(der: &[u8]) -> Vec<u8> {
    let end = der.len() - 5;
    der[end - 256..end].to_vec()
}

pub fn cbor(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

/// Who vouches for a new credential.
pub enum Attest<'a> {
    None,
    /// `packed`, by the credential's own key.
    Own,
    /// `packed`, `fido-u2f` or another, by a manufacturer.
    By(&'a Manufacturer, Format),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Packed,
    FidoU2f,
    Apple,
    AndroidKey,
    Tpm,
}

/// Has a root certificate, and signs for its authenticators.
pub struct Manufacturer {
    root: rcgen::CertifiedIssuer<'static, KeyPair>,
}

impl Manufacturer {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "Root of a manufacturer");
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        Self {
            root: rcgen::CertifiedIssuer::self_signed(params, key).unwrap(),
        }
    }

    /// Certificate, PEM.
    pub fn pem(&self) -> String {
        self.root.pem()
    }

    /// A certificate for the key.
    fn certify(
        &self,
        key: &impl rcgen::PublicKeyData,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::ExplicitNoCa;
        let name = &mut params.distinguished_name;
        name.push(DnType::CountryName, "SE");
        name.push(DnType::OrganizationName, "Manufacturer");
        name.push(DnType::OrganizationalUnitName, "Authenticator Attestation");
        name.push(DnType::CommonName, "Model 1");
        change(&mut params);
        params.signed_by(key, &self.root).unwrap().der().to_vec()
    }
}

/// One credential in it.
pub struct Authenticator {
    pub key: PrivateKey,
    pub id: Vec<u8>,
    pub user_handle: Vec<u8>,
    pub counter: u32,
    pub flags: u8,
    pub aaguid: [u8; 16],
    /// As the browser tells it.
    pub origin: String,
    pub relying_party: String,
    pub cross_origin: bool,
}

/// What a browser sends for a new credential.
pub struct Made {
    pub client_data: Vec<u8>,
    pub attestation: Vec<u8>,
}

/// What a browser sends for a proof.
pub struct Proof {
    pub client_data: Vec<u8>,
    pub authenticator_data: Vec<u8>,
    pub signature: Vec<u8>,
}

impl Authenticator {
    /// For pages of `origin`.
    pub fn new(algorithm: i64, origin: &str, relying_party: &str) -> Self {
        let mut id = vec![0; 32];
        aws_lc_rs::rand::fill(&mut id).unwrap();
        Self {
            key: PrivateKey::generate(algorithm),
            id,
            user_handle: Vec::new(),
            counter: 0,
            flags: PRESENT | VERIFIED,
            aaguid: AAGUID,
            origin: origin.to_owned(),
            relying_party: relying_party.to_owned(),
            cross_origin: false,
        }
    }

    pub fn client_data(&self, kind: &str, challenge: &str) -> Vec<u8> {
        let json = serde_json::json!({
            "type": kind, "challenge": challenge, "origin": self.origin,
            "crossOrigin": self.cross_origin,
        });
        json.to_string().into_bytes()
    }

    fn data(&self, with_credential: bool) -> Vec<u8> {
        let mut data = sha256(self.relying_party.as_bytes());
        data.push(self.flags | if with_credential { HAS_CREDENTIAL } else { 0 });
        data.extend(self.counter.to_be_bytes());
        if with_credential {
            data.extend(self.aaguid);
            data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
            data.extend(&self.id);
            data.extend(self.key.cose());
        }
        data
    }

    /// `navigator.credentials.create()`.
    pub fn make(&self, challenge: &str, attest: &Attest<'_>) -> Made {
        self.make_with(challenge, attest, |_| {})
    }

    /// The same, with a statement that is changed on the way.
    pub fn make_with(
        &self,
        challenge: &str,
        attest: &Attest<'_>,
        change: impl FnOnce(&mut Vec<(Value, Value)>),
    ) -> Made {
        let client_data = self.client_data("webauthn.create", challenge);
        let data = self.data(true);
        let hash = sha256(&client_data);
        let signed = [data.as_slice(), &hash].concat();
        let text = |text: &str| Value::from(text);
        let (format, mut statement) = match attest {
            Attest::None => ("none", Vec::new()),
            Attest::Own => (
                "packed",
                vec![
                    (text("alg"), Value::from(self.key.algorithm())),
                    (text("sig"), Value::from(self.key.sign(&signed))),
                ],
            ),
            Attest::By(manufacturer, format) => self.attested(manufacturer, *format, &data, &hash),
        };
        change(&mut statement);
        let attestation = cbor(&Value::Map(vec![
            (text("fmt"), text(format)),
            (text("attStmt"), Value::Map(statement)),
            (text("authData"), Value::from(data)),
        ]));
        Made {
            client_data,
            attestation,
        }
    }

    fn attested(
        &self,
        manufacturer: &Manufacturer,
        format: Format,
        data: &[u8],
        hash: &[u8],
    ) -> (&'static str, Vec<(Value, Value)>) {
        let text = |text: &str| Value::from(text);
        let signed = [data, hash].concat();
        let own = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let sign = |message: &[u8]| {
            use rcgen::SigningKey as _;
            own.sign(message).unwrap()
        };
        let chain = |der: Vec<u8>| Value::Array(vec![Value::from(der)]);
        let extension = |oid: &[u64], value: Vec<u8>| CustomExtension::from_oid_content(oid, value);
        match format {
            Format::Packed => {
                let model = [&[0x04, 0x10], self.aaguid.as_slice()].concat();
                let der = manufacturer.certify(&own, |params| {
                    params.custom_extensions =
                        vec![extension(&[1, 3, 6, 1, 4, 1, 45724, 1, 1, 4], model)];
                });
                let statement = vec![
                    (text("alg"), Value::from(-7)),
                    (text("sig"), Value::from(sign(&signed))),
                    (text("x5c"), chain(der)),
                ];
                ("packed", statement)
            }
            Format::FidoU2f => {
                let PrivateKey::Ecdsa(_, key) = &self.key else {
                    panic!("U2F knows only ES256");
                };
                let point = key.public_key();
                let message =
                    [&[0], &data[..32], hash, self.id.as_slice(), point.as_ref()].concat();
                let der = manufacturer.certify(&own, |_| {});
                let statement = vec![
                    (text("sig"), Value::from(sign(&message))),
                    (text("x5c"), chain(der)),
                ];
                ("fido-u2f", statement)
            }
            Format::Apple => {
                let nonce = [
                    &[0x30, 0x24, 0xa1, 0x22, 0x04, 0x20],
                    sha256(&signed).as_slice(),
                ]
                .concat();
                let der = manufacturer.certify(&self.public(), |params| {
                    params.custom_extensions =
                        vec![extension(&[1, 2, 840, 113_635, 100, 8, 2], nonce)];
                });
                ("apple", vec![(text("x5c"), chain(der))])
            }
            Format::AndroidKey => {
                let description = key_description(hash);
                let der = manufacturer.certify(&self.public(), |params| {
                    let oid = [1, 3, 6, 1, 4, 1, 11129, 2, 1, 17];
                    params.custom_extensions = vec![extension(&oid, description)];
                });
                let statement = vec![
                    (text("alg"), Value::from(self.key.algorithm())),
                    (text("sig"), Value::from(self.key.sign(&signed))),
                    (text("x5c"), chain(der)),
                ];
                ("android-key", statement)
            }
            Format::Tpm => {
                let public = self.public_area();
                let info = certify_info(&sha256(&signed), &public);
                let der = manufacturer.certify(&own, |params| {
                    params.distinguished_name = rcgen::DistinguishedName::new();
                    let oid = vec![2, 23, 133, 8, 3];
                    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(oid)];
                    let mut names = extension(&[2, 5, 29, 17], module_names());
                    names.set_criticality(true);
                    params.custom_extensions = vec![names];
                });
                let statement = vec![
                    (text("ver"), text("2.0")),
                    (text("alg"), Value::from(-7)),
                    (text("x5c"), chain(der)),
                    (text("sig"), Value::from(sign(&info))),
                    (text("certInfo"), Value::from(info)),
                    (text("pubArea"), Value::from(public)),
                ];
                ("tpm", statement)
            }
        }
    }

    /// The credential's key, for a certificate.
    fn public(&self) -> Point {
        let PrivateKey::Ecdsa(-7, key) = &self.key else {
            panic!("the tests certify only ES256 keys");
        };
        Point(key.public_key().as_ref().to_vec())
    }

    /// `TPMT_PUBLIC` of a key on P-256.
    fn public_area(&self) -> Vec<u8> {
        let point = self.public().0;
        let (x, y) = point[1..].split_at(32);
        let mut area = Vec::new();
        for number in [0x0023_u16, 0x000b] {
            area.extend(number.to_be_bytes());
        }
        area.extend(0x0004_0072_u32.to_be_bytes());
        // No policy, no symmetric part, no scheme, P-256, no key derivation.
        for number in [0_u16, 0x0010, 0x0010, 0x0003, 0x0010] {
            area.extend(number.to_be_bytes());
        }
        for part in [x, y] {
            area.extend(32_u16.to_be_bytes());
            area.extend(part);
        }
        area
    }

    /// `navigator.credentials.get()`; the counter rises.
    pub fn prove(&mut self, challenge: &str) -> Proof {
        self.counter += 1;
        self.prove_again(challenge)
    }

    /// The same without counting.
    pub fn prove_again(&self, challenge: &str) -> Proof {
        let client_data = self.client_data("webauthn.get", challenge);
        let data = self.data(false);
        let signed = [data.as_slice(), &sha256(&client_data)].concat();
        Proof {
            signature: self.key.sign(&signed),
            client_data,
            authenticator_data: data,
        }
    }
}

/// A point of P-256, to be certified.
struct Point(Vec<u8>);

impl rcgen::PublicKeyData for Point {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

/// One element of DER.
fn der(tag: &[u8], content: &[u8]) -> Vec<u8> {
    let mut element = tag.to_vec();
    match content.len() {
        short @ 0..=127 => element.push(u8::try_from(short).unwrap()),
        long => {
            element.push(0x82);
            element.extend(u16::try_from(long).unwrap().to_be_bytes());
        }
    }
    element.extend(content);
    element
}

/// Android's `KeyDescription`: made in hardware, to sign.
fn key_description(challenge: &[u8]) -> Vec<u8> {
    let integer = |n: u8| der(&[0x02], &[n]);
    let purpose = der(&[0xa1], &der(&[0x31], &integer(2)));
    // Tag 702 takes two bytes.
    let origin = der(&[0xbf, 0x85, 0x3e], &integer(0));
    let parts = [
        integer(3),
        der(&[0x0a], &[1]),
        integer(4),
        der(&[0x0a], &[1]),
        der(&[0x04], challenge),
        der(&[0x04], &[]),
        der(&[0x30], &[]),
        der(&[0x30], &[purpose, origin].concat()),
    ];
    der(&[0x30], &parts.concat())
}

/// `GeneralNames` with manufacturer, model and version of a TPM.
fn module_names() -> Vec<u8> {
    let attribute = |last: u8, value: &str| {
        let oid = der(&[0x06], &[0x67, 0x81, 0x05, 0x02, last]);
        let text = der(&[0x0c], value.as_bytes());
        der(&[0x31], &der(&[0x30], &[oid, text].concat()))
    };
    let name = [
        attribute(1, "id:FFFFF1D0"),
        attribute(2, "Model"),
        attribute(3, "id:13"),
    ]
    .concat();
    der(&[0x30], &der(&[0xa4], &der(&[0x30], &name)))
}

/// `TPMS_ATTEST` that certifies the object with this public area.
fn certify_info(extra: &[u8], public: &[u8]) -> Vec<u8> {
    let sized = |bytes: &[u8]| {
        let mut sized = u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
        sized.extend(bytes);
        sized
    };
    let name = [&[0x00, 0x0b], sha256(public).as_slice()].concat();
    let mut info = 0xff54_4347_u32.to_be_bytes().to_vec();
    info.extend(0x8017_u16.to_be_bytes());
    info.extend(sized(b"signer"));
    info.extend(sized(extra));
    info.extend([0; 25]);
    info.extend(sized(&name));
    info.extend(sized(b"qualified"));
    info
}
