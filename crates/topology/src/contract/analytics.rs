//! The two analytic streams, in one shape for all contracts: `otp-validation-result` and `otp-lifecycle`.
