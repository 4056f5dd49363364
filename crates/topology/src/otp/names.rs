//! The pinned names: every contract, and every purpose of a code with the byte it is stored as.
//!
//! Append only. Names are part of record keys, store keys, events and code derivation; bytes are part of stored
//! subjects. A line that a release has written is never changed and never removed.

macro_rules! pinned {
    ($($contract:ident $name:literal { $($purpose:ident $byte:literal $text:literal,)* })*) => {
        /// A public contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ContractName {
            $($contract),*
        }

        impl ContractName {
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$contract),*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$contract => $name),* }
            }
        }

        /// What a challenge is for. The discriminants are stored.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Purpose {
            $($($purpose = $byte),*),*
        }

        impl Purpose {
            pub const ALL: [Self; [$($($text),*),*].len()] = [$($(Self::$purpose),*),*];

            pub const fn as_str(self) -> &'static str {
                match self { $($(Self::$purpose => $text),*),* }
            }

            pub const fn contract(self) -> ContractName {
                match self { $($(Self::$purpose => ContractName::$contract),*),* }
            }
        }
    };
}

pinned! {
    Egov "egov" {
        Register 1 "register",
        Login 2 "login",
        PasswordReset 3 "passwordreset",
        Generic 4 "generic",
    }
    Int "int" {
        Otp 5 "otp",
    }
    Mosip "mosip" {
        Generate 6 "generate",
        SendOtp 7 "sendotp",
    }
    // Reserved for tests: no program has a contract of this name.
    Probe "probe" {
        Probe 255 "probe",
    }
}

impl ContractName {
    /// Exactly as pinned; lower case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|contract| contract.as_str() == name)
    }
}

impl Purpose {
    /// The purpose stored as this byte.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| *purpose as u8 == byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bytes_are_pinned() {
        let lines = Purpose::ALL.map(|it| format!("{} {} {}", it as u8, it.contract().as_str(), it.as_str()));
        let expected = [
            "1 egov register",
            "2 egov login",
            "3 egov passwordreset",
            "4 egov generic",
            "5 int otp",
            "6 mosip generate",
            "7 mosip sendotp",
            "255 probe probe",
        ];
        assert_eq!(lines, expected);
        for contract in ContractName::ALL {
            assert_eq!(ContractName::parse(contract.as_str()), Some(contract));
        }
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::from_byte(purpose as u8), Some(purpose));
        }
    }
}
