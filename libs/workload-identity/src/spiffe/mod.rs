//! SPIFFE: names of workloads, the Workload API that proves them, and the bundles that check them.

mod bundle;
mod id;
mod jwt_svid;
mod proto;
mod workload_api;

pub use bundle::{Bundle, BundleError};
pub use id::{SpiffeId, SpiffeIdError};
pub use jwt_svid::JwtSvidSource;
pub use workload_api::{JwtSvid, WorkloadApi, WorkloadApiError, X509Svid};
