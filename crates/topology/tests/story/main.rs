//! The whole topology in memory: records in, committed records out. Through the real stream thread, tasks and stores.

mod added;
mod bounds;
mod budgets;
mod counted;
mod cut_logs;
mod driven;
mod found;
mod fuzz;
mod gates;
mod hops;
mod house;
mod longest;
mod pipelined;
mod protocol;
mod refusals;
mod reports;
mod requests;
mod routing;
mod script;
mod signals;
mod stored;
mod streams;
mod undecodable;
