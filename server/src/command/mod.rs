//! The subcommands that are not servers.

mod connect;
pub mod health;
pub mod plan;
pub mod report;
mod resources;
pub mod transfer;
