//! The story as data: the requests, and the events that must follow each.

/// The code that a person enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EnteredCode {
    /// The code that was sent or revealed last.
    Right,
    /// Another code of the same length.
    Wrong,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum DemoRequest {
    /// Send a code to this mobile number.
    Send { mobile: &'static str },
    /// Validate a code, this many times.
    Validate { mobile: &'static str, entered: EnteredCode, times: u32 },
    /// Generate a code in another contract, and validate it.
    GenerateAndValidate { contract: OtherContract, identity: &'static str },
}

/// A contract besides `egov`. Its caller sees the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OtherContract {
    Int,
    Mosip,
}

/// An event that must follow: its kind, and a text that its value contains.
pub(super) type Expected = (&'static str, &'static str);

pub(super) struct StoryStep {
    pub title: &'static str,
    /// Who makes the request, as the subject of a sentence.
    pub who: &'static str,
    /// What the step shows, for a reader who does not know the service.
    pub explanation: &'static str,
    pub request: DemoRequest,
    /// After the last request of the step; the first of them also after each request before. Of a request that generates and
    /// validates: the first two after the generation.
    pub expected: &'static [Expected],
}

const CITIZEN: &str = "9123456789";
const VICTIM: &str = "9876543210";

pub(super) const STEPS: &[StoryStep] = &[
    StoryStep {
        title: "A citizen wants to log in",
        who: "The login service",
        explanation: "One request event comes in. The SMS, the reply and the records for analysts go out, in one \
                      transaction.",
        request: DemoRequest::Send { mobile: CITIZEN },
        expected: &[
            ("sms", "Login OTP"),
            ("response", "\"isSuccessful\":true"),
            ("issued", "\"prefix\":\"9123\""),
        ],
    },
    StoryStep {
        title: "She mistypes the code",
        who: "The citizen",
        explanation: "The reply to the login service says only that the validation failed, so that it helps nobody \
                      who guesses.",
        request: DemoRequest::Validate { mobile: CITIZEN, entered: EnteredCode::Wrong, times: 1 },
        expected: &[("response", "OTP.VALIDATION_UNSUCCESSFUL"), ("validation-result", "\"wrong_code\"")],
    },
    StoryStep {
        title: "She enters the right code",
        who: "The citizen",
        explanation: "The service stores no code, not even a hash. It derives the code from a key again and compares.",
        request: DemoRequest::Validate { mobile: CITIZEN, entered: EnteredCode::Right, times: 1 },
        expected: &[
            ("response", "\"isValidationSuccessful\":true"),
            ("validation-result", "\"verified\""),
            ("verified", "\"verified\""),
        ],
    },
    StoryStep {
        title: "Somebody uses the same code again",
        who: "Somebody else",
        explanation: "A code works once.",
        request: DemoRequest::Validate { mobile: CITIZEN, entered: EnteredCode::Right, times: 1 },
        expected: &[("response", "OTP.VALIDATION_UNSUCCESSFUL"), ("validation-result", "\"already_used\"")],
    },
    StoryStep {
        title: "Another citizen asks for a code",
        who: "The login service",
        explanation: "The policy of her tenant locks a number after three consecutive wrong tries.",
        request: DemoRequest::Send { mobile: VICTIM },
        expected: &[("sms", "Login OTP"), ("response", "\"isSuccessful\":true"), ("issued", "\"issued\"")],
    },
    StoryStep {
        title: "A thief guesses three times",
        who: "The thief",
        explanation: "The third wrong try locks her number and ends the code.",
        request: DemoRequest::Validate { mobile: VICTIM, entered: EnteredCode::Wrong, times: 3 },
        expected: &[("validation-result", "\"wrong_code\""), ("locked", "\"locked\"")],
    },
    StoryStep {
        title: "The thief gets hold of the right code, too late",
        who: "The thief",
        explanation: "While a number is locked, every code is refused, the right one too.",
        request: DemoRequest::Validate { mobile: VICTIM, entered: EnteredCode::Right, times: 1 },
        expected: &[("response", "OTP.VALIDATION_UNSUCCESSFUL"), ("validation-result", "\"locked\"")],
    },
    StoryStep {
        title: "A partner speaks another contract, INT-OTP",
        who: "The partner's application",
        explanation: "Each contract has topics and words of its own, and the same rules and records. The application \
                      gets the code in its reply and delivers it itself.",
        request: DemoRequest::GenerateAndValidate { contract: OtherContract::Int, identity: "8777496061" },
        expected: &[
            ("response", "OTP is successfully generated"),
            ("issued", "\"int\""),
            ("response", "OTP is successfully verified"),
            ("validation-result", "\"verified\""),
        ],
    },
    StoryStep {
        title: "A registration client speaks the third contract, MOSIP",
        who: "The registration client",
        explanation: "The same service answers MOSIP's otpmanager, side by side with the others.",
        request: DemoRequest::GenerateAndValidate {
            contract: OtherContract::Mosip,
            identity: "resident-4711",
        },
        expected: &[
            ("response", "GENERATION_SUCCESSFUL"),
            ("issued", "\"mosip\""),
            ("response", "VALIDATION_SUCCESSFUL"),
            ("validation-result", "\"verified\""),
        ],
    },
];
