//! Ways to prove who one is, one file each.

pub mod username_password;
