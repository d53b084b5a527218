//! The membership of this process in those that work on one catalogue, and the roles that it holds.
//!
//! Processes with data folders of their own share a catalogue in PostgreSQL and one store. Each is a *member*: it renews its
//! row by the database's clock, on a connection of its own. What one at a time may do is a *role*; its holder writes
//! under its term, which is checked in the same transaction. With a catalogue in a file there is one process that works, and
//! the lock of its engine says so: it holds every role, and nothing is written for it.

mod membership;
mod role;

pub use membership::{Membership, MembershipOptions};
pub use role::HeldRole;

#[cfg(test)]
mod tests;
