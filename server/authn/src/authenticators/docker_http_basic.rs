use super::http_basic;
use crate::flow::{About, Answer, Authenticator, Facts, Login, Node};

/// Username and password that a Docker client sends (RFC 7617); without them nobody is let in.
#[derive(Debug)]
pub struct DockerHttpBasic;

impl Authenticator for DockerHttpBasic {
    fn about(&self) -> About {
        About {
            id: "docker-http-basic-authenticator",
            name: "Docker Authenticator",
            help: "Takes username and password of a Docker client from the Authorization header",
            properties: super::cookie::REFERENCE,
        }
    }

    fn credential(&self) -> Option<&'static str> {
        Some("password")
    }

    fn configured(&self, _: &Node, _: &Facts<'_>) -> bool {
        true
    }

    fn automatic(&self, _: &Node, _: &Facts<'_>) -> bool {
        true
    }

    fn run<'a>(&'a self, _: &'a Node, login: &'a mut Login<'_>) -> Answer<'a> {
        Box::pin(http_basic::verify(login))
    }
}
