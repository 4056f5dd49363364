//! A hop: a request on its way from one home to the next, as the header [`super::headers::OTP_HOP`] says it. Pinned bytes.
//!
//! ```text
//! version 1 │ step │ asked at u64 │ home of the subject u32 │ of the step
//! step        1 ask number   number 16 │ deliveries that it may have u16
//!             2 granted      number 16
//!             3 refused      number 16
//!             4 follow
//!             5 followed
//! ```

use crate::otp::{LogTime, NumberPseudonym};

const VERSION: u8 = 1;

/// A request under way: what its next home has to do, and what the homes before established.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The log time at which the request was asked.
    pub asked_at: LogTime,
    /// The home partition of its subject, which answers it.
    pub home: i32,
    pub step: HopStep,
}

/// What the home has to do that reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HopStep {
    /// The number's home: count one delivery if there are fewer than `max` in the hour, and tell the subject's home.
    AskNumber { number: NumberPseudonym, max: u16 },
    /// The subject's home: finish the request.
    NumberSaid { number: NumberPseudonym, is_granted: bool },
    /// Any home: send it on to the subject's home. It is a repeat of a request that is under way over this home, so it
    /// arrives behind that one.
    Follow,
    /// The subject's home: the request that it repeats was answered before.
    Followed,
}

impl Hop {
    pub fn write(&self) -> Vec<u8> {
        let (step, number, max) = match &self.step {
            HopStep::AskNumber { number, max } => (1, Some(number), Some(*max)),
            HopStep::NumberSaid { number, is_granted: true } => (2, Some(number), None),
            HopStep::NumberSaid { number, is_granted: false } => (3, Some(number), None),
            HopStep::Follow => (4, None, None),
            HopStep::Followed => (5, None, None),
        };
        let mut bytes = vec![VERSION, step];
        bytes.extend_from_slice(&self.asked_at.ms().to_be_bytes());
        bytes.extend_from_slice(&self.home.to_be_bytes());
        number.into_iter().for_each(|it| bytes.extend_from_slice(&it.0));
        max.into_iter().for_each(|it| bytes.extend_from_slice(&it.to_be_bytes()));
        bytes
    }

    /// `None`: another version or another program wrote it.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (&[VERSION, step], rest) = bytes.split_first_chunk()? else { return None };
        let (asked_at, rest) = rest.split_first_chunk()?;
        let (home, rest) = rest.split_first_chunk()?;
        let number = || rest.try_into().ok().map(NumberPseudonym);
        let step = match step {
            1 => {
                let (number, max) = rest.split_first_chunk()?;
                let max = u16::from_be_bytes(max.try_into().ok()?);
                HopStep::AskNumber { number: NumberPseudonym(*number), max }
            }
            2 => HopStep::NumberSaid { number: number()?, is_granted: true },
            3 => HopStep::NumberSaid { number: number()?, is_granted: false },
            4 if rest.is_empty() => HopStep::Follow,
            5 if rest.is_empty() => HopStep::Followed,
            _ => return None,
        };
        let asked_at = LogTime::from_ms(u64::from_be_bytes(*asked_at));
        Some(Self { asked_at, home: i32::from_be_bytes(*home), step })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_every_step_are_pinned() {
        let number = NumberPseudonym([0xab; 16]);
        let check = |step: HopStep, code: u8, rest: &[u8]| {
            let hop = Hop { asked_at: LogTime::from_ms(0x0102), home: 3, step };
            let bytes = hop.write();
            assert_eq!(bytes, [&[1, code, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 3][..], rest].concat());
            assert_eq!(Hop::read(&bytes), Some(hop));
            for cut in 0..bytes.len() {
                assert_eq!(Hop::read(&bytes[..cut]), None, "cut at {cut}");
            }
            assert_eq!(Hop::read(&[&bytes[..], &[0]].concat()), None, "one byte more");
        };
        let asked = [&[0xab; 16][..], &[4, 5]].concat();
        check(HopStep::AskNumber { number, max: 0x0405 }, 1, &asked);
        check(HopStep::NumberSaid { number, is_granted: true }, 2, &[0xab; 16]);
        check(HopStep::NumberSaid { number, is_granted: false }, 3, &[0xab; 16]);
        check(HopStep::Follow, 4, &[]);
        check(HopStep::Followed, 5, &[]);
    }

    #[test]
    fn another_version_or_step_is_refused() {
        let good = Hop { asked_at: LogTime::default(), home: 0, step: HopStep::Follow }.write();
        for (at, byte) in [(0, 0), (0, 2), (1, 0), (1, 6)] {
            let mut bytes = good.clone();
            bytes[at] = byte;
            assert_eq!(Hop::read(&bytes), None, "byte {at} is {byte}");
        }
    }
}
