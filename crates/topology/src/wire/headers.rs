//! The names of record headers, declared once. Append only: outsiders rely on them.

pub const CE_ID: &str = "ce_id";
