//! The stream thread, sans-IO.
