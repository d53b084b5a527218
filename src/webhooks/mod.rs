//! Webhooks: what happens is posted to addresses of others, signed as Standard Webhooks says
//! (<https://www.standardwebhooks.com>), and tried again until it arrives.
//!
//! Deliveries are rows of the catalogue, so that a kill loses none. A message may arrive twice; its id is the same then.

mod address;
mod sender;
mod sign;

pub use address::{AddressError, check};
pub use sender::{Sender, SenderOptions};
pub use sign::new_secret;
