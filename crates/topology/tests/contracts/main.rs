//! Contracts row by row, through the whole topology in memory: a request goes in, its reply and its events come out.

mod desk;
mod faults;
mod int;
mod mosip;
mod settings;
mod structured;
