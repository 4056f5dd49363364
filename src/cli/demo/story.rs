//! The story as data: what is asked, and which events must follow.

/// A code as a step types it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// The code of the latest SMS.
    Right,
    /// Another of the same length.
    Wrong,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Ask {
    /// A code for this mobile number.
    Send {
        mobile: &'static str,
    },
    Validate {
        mobile: &'static str,
        typed: Typed,
    },
    /// As often as it says, with a wrong code.
    Guess {
        mobile: &'static str,
        times: u32,
    },
}

/// An event that must be seen: its kind, and a text that its value holds.
pub(super) type Expected = (&'static str, &'static str);

pub(super) struct Step {
    pub title: &'static str,
    /// For a reader who has never seen any of this.
    pub tells: &'static str,
    pub ask: Ask,
    pub expected: &'static [Expected],
}

const CITIZEN: &str = "9123456789";
const VICTIM: &str = "9876543210";

pub(super) const STEPS: &[Step] = &[
    Step {
        title: "A citizen wants to log in",
        tells: "An upstream service publishes one request event. Out come the SMS to send, the reply to the service, and \
                what analysts read; all in one transaction.",
        ask: Ask::Send { mobile: CITIZEN },
        expected: &[("sms", "Login OTP"), ("response", "\"isSuccessful\":true"), ("issued", CITIZEN_PREFIX)],
    },
    Step {
        title: "She mistypes the code",
        tells: "The reply says only that it failed: no hint for guessers. The true reason is in the validation result.",
        ask: Ask::Validate { mobile: CITIZEN, typed: Typed::Wrong },
        expected: &[("response", "OTP.VALIDATION_UNSUCCESSFUL"), ("validation-result", "\"wrong_code\"")],
    },
    Step {
        title: "She types the right code",
        tells: "The code was stored nowhere, not even as a hash: it is derived again from a key and compared.",
        ask: Ask::Validate { mobile: CITIZEN, typed: Typed::Right },
        expected: &[
            ("response", "\"isValidationSuccessful\":true"),
            ("validation-result", "\"verified\""),
            ("verified", "\"verified\""),
        ],
    },
    Step {
        title: "Somebody uses the same code again",
        tells: "A code works once.",
        ask: Ask::Validate { mobile: CITIZEN, typed: Typed::Right },
        expected: &[("response", "OTP.VALIDATION_UNSUCCESSFUL"), ("validation-result", "\"already_used\"")],
    },
    Step {
        title: "Another citizen asks for a code",
        tells: "This one is about to be attacked. Her tenant's policy locks after three wrong tries in a row.",
        ask: Ask::Send { mobile: VICTIM },
        expected: &[("sms", "Login OTP"), ("response", "\"isSuccessful\":true"), ("issued", "\"issued\"")],
    },
    Step {
        title: "A thief guesses, three times",
        tells: "The third wrong try locks her number for ten minutes, and ends the code.",
        ask: Ask::Guess { mobile: VICTIM, times: 3 },
        expected: &[("validation-result", "\"wrong_code\""), ("locked", "\"locked\"")],
    },
    Step {
        title: "The thief has the right code now, too late",
        tells: "While locked, everything is refused, the right code too.",
        ask: Ask::Validate { mobile: VICTIM, typed: Typed::Right },
        expected: &[("response", "OTP.VALIDATION_UNSUCCESSFUL"), ("validation-result", "\"locked\"")],
    },
];

const CITIZEN_PREFIX: &str = "\"prefix\":\"9123\"";
