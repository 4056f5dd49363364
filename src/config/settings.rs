//! A configuration as the topology wants it.
