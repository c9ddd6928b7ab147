//! Configuration: flags over `REALMKEEP_*` variables over `KC_*` aliases over one TOML file over
//! defaults. Every option stands once, in [`options`].

mod cli;
mod load;
mod options;
mod report;
mod setting;

pub use cli::ConfigArgs;
pub use load::{Effective, Input};
pub use options::Config;
pub use report::{markdown, print};
pub use setting::{DatabaseUrl, LogFilter, LogFormat, ProxyHeaders};
