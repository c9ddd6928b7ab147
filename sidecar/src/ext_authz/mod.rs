//! Decisions for Envoy: `envoy.service.auth.v3.Authorization/Check`, a unary gRPC call.

pub mod proto;

use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use prost::Message as _;
use realmkeep_token_verifier::certificate_thumbprint;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::decision::{Asked, Peer, Refused};
use crate::http::{Body, grpc};
use crate::inbound::Inbound;

/// Headers of the request, and a body that Envoy should not send.
const MAX_MESSAGE: usize = 1024 * 1024;

impl Inbound {
    pub async fn handle_ext_authz(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        if !grpc::is_grpc(request.headers()) {
            let mut response = grpc::status(grpc::INVALID_ARGUMENT, "this is a gRPC service");
            *response.status_mut() = http::StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return response;
        }
        if request.uri().path() != "/envoy.service.auth.v3.Authorization/Check" {
            return grpc::status(
                grpc::UNIMPLEMENTED,
                "there is only Authorization/Check here",
            );
        }
        let Ok(body) = Limited::new(request.into_body(), MAX_MESSAGE)
            .collect()
            .await
        else {
            return grpc::status(grpc::RESOURCE_EXHAUSTED, "the message is too long");
        };
        let checked = grpc::unary(&body.to_bytes())
            .and_then(|message| proto::CheckRequest::decode(message).ok());
        match checked {
            Some(check) => grpc::answer(&self.check(check).await),
            None => grpc::status(grpc::INVALID_ARGUMENT, "the message is no CheckRequest"),
        }
    }

    async fn check(&self, check: proto::CheckRequest) -> proto::CheckResponse {
        let attributes = check.attributes.unwrap_or_default();
        let peer = peer(attributes.source.unwrap_or_default());
        let http = attributes
            .request
            .and_then(|request| request.http)
            .unwrap_or_default();
        let original = match Original::new(&http) {
            Ok(original) => original,
            Err(why) => return self.denied(&self.engine().malformed(why)),
        };
        let asked = Asked {
            method: &original.method,
            path: original.target.path(),
            query: original.target.query(),
            host: &original.host,
            headers: &original.headers,
            peer: &peer,
        };
        match self.engine().decide(&asked).await {
            Ok(admitted) => {
                // Envoy removes after it has set: what is set must not be on the list.
                let headers_to_remove = self
                    .engine()
                    .spoofed(&original.headers)
                    .into_iter()
                    .filter(|name| !admitted.headers.iter().any(|(set, _)| set == name))
                    .map(|name| name.to_string())
                    .collect();
                let headers = admitted.headers.iter().map(header).collect();
                proto::CheckResponse {
                    status: Some(proto::Status::default()),
                    http_response: Some(proto::HttpResponse::Ok(proto::OkHttpResponse {
                        headers,
                        headers_to_remove,
                    })),
                }
            }
            Err(refused) => self.denied(&refused),
        }
    }

    fn denied(&self, refused: &Refused) -> proto::CheckResponse {
        let refusal = self.engine().refusal(refused);
        proto::CheckResponse {
            status: Some(proto::Status {
                code: i32::from(grpc::code(refusal.status)),
                message: refused.denied.denial.to_string(),
            }),
            http_response: Some(proto::HttpResponse::Denied(proto::DeniedHttpResponse {
                status: Some(proto::HttpStatus {
                    code: i32::from(refusal.status.as_u16()),
                }),
                headers: refusal.headers.iter().map(header).collect(),
                body: refusal.body,
            })),
        }
    }
}

/// The request that Envoy has in its hands.
struct Original {
    method: Method,
    target: PathAndQuery,
    host: String,
    headers: HeaderMap,
}

impl Original {
    fn new(http: &proto::HttpRequest) -> Result<Self, &'static str> {
        let method = Method::from_bytes(http.method.as_bytes())
            .map_err(|_| "Envoy does not tell the request's method")?;
        let target = Some(&http.path)
            .filter(|path| path.starts_with('/') && !path.contains('#'))
            .and_then(|path| path.parse().ok())
            .ok_or("Envoy does not tell the request's path")?;
        let host = http
            .host
            .parse::<http::uri::Authority>()
            .ok()
            .filter(|authority| !authority.as_str().contains('@'))
            .ok_or("Envoy does not tell the request's host")?;
        let mut headers = HeaderMap::new();
        // With `encode_raw_headers` they come as a list, otherwise as a map of joined values.
        let listed = http.header_map.iter().flat_map(|map| &map.headers);
        let listed = listed.map(|header| {
            let value = if header.raw_value.is_empty() {
                header.value.as_bytes()
            } else {
                &header.raw_value
            };
            (header.key.as_str(), value)
        });
        let mapped = http.headers.iter().map(|(k, v)| (k.as_str(), v.as_bytes()));
        for (name, value) in listed.chain(mapped) {
            if name.starts_with(':') {
                continue;
            }
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| "a header's name cannot be understood")?;
            let value = HeaderValue::from_bytes(value)
                .map_err(|_| "a header's value cannot be understood")?;
            headers.append(name, value);
        }
        Ok(Self {
            method,
            target,
            host: host.host().to_ascii_lowercase(),
            headers,
        })
    }
}

/// What Envoy says of the connection. It has verified the certificate as its own configuration says.
fn peer(source: proto::Peer) -> Peer {
    let certificate = percent_decode_str(&source.certificate)
        .decode_utf8()
        .ok()
        .filter(|pem| !pem.is_empty())
        .and_then(|pem| CertificateDer::from_pem_slice(pem.as_bytes()).ok());
    Peer {
        thumbprint: certificate.map(|der| certificate_thumbprint(&der)),
        spiffe_id: Some(source.principal).filter(|principal| principal.starts_with("spiffe://")),
    }
}

fn header((name, value): &(HeaderName, HeaderValue)) -> proto::HeaderValueOption {
    proto::HeaderValueOption {
        header: Some(proto::HeaderValue {
            key: name.to_string(),
            value: value.to_str().unwrap_or_default().to_owned(),
            raw_value: Vec::new(),
        }),
        // Replaces what the client sent.
        append: Some(false),
    }
}
