//! What the administration commands share: they read a file, judge what is in it by the rules of the service, and produce it.
//!
//! Knows no policy, no template and no user. Prints no value of a record: keys of policies and templates name no person.
//!
//! ```text
//! FILE or standard input ─ input ─▶ commands ─▶ Batch { drafts, problems } ─ accepted ─▶ produce ─▶ report
//! ```

mod args;
mod batch;
pub(super) mod by_key;
mod csv_fault;
pub(super) mod input;
pub(super) mod json;
mod present_policies;
mod problem;
mod produce;
mod report;
pub(super) mod topic_reader;

pub(super) use args::{FileArgs, ProduceArgs};
pub(super) use batch::{Accepted, Batch, Draft};
pub(super) use csv_fault::csv_fault;
pub(super) use present_policies::present_policies;
pub(super) use problem::{Place, Problem};
pub(super) use produce::produce;
pub(super) use report::Report;
