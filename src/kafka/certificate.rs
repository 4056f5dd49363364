//! Reads from a certificate file when the certificate expires, so that a refused certificate can be explained.
//!
//! Checks nothing: that is TLS.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use otp_topology::otp::LogTime;
use otp_topology::wire::rfc3339;

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The optional version before the serial number.
const VERSION: u8 = 0xA0;

/// When a certificate expires.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expiry {
    /// In UTC, as `2026-11-29T15:39:50`.
    at: String,
}

impl Expiry {
    /// As `2026-11-29`.
    pub(super) fn day(&self) -> &str {
        self.at.split_once('T').map_or(&self.at, |(day, _)| day)
    }

    pub(super) fn has_passed(&self) -> bool {
        let mut buffer = [0; rfc3339::LEN];
        rfc3339::write(wall(), &mut buffer) > self.at.as_str()
    }
}

/// The expiry of the first certificate in a PEM file. `None`: the text holds no certificate.
pub(super) fn expiry(pem: &str) -> Option<Expiry> {
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let body: String = body.split_whitespace().collect();
    let der = STANDARD.decode(body).ok()?;
    let at = last_second(&der)?;
    Some(Expiry { at })
}

/// RFC 5280, section 4.1: the validity is the fifth field of the signed part, not counting the version.
fn last_second(der: &[u8]) -> Option<String> {
    let certificate = sequence(&mut { der })?;
    let mut signed = sequence(&mut { certificate })?;
    if signed.first() == Some(&VERSION) {
        element(&mut signed)?;
    }
    let (_serial, _algorithm, _issuer) =
        (element(&mut signed)?, element(&mut signed)?, element(&mut signed)?);
    let mut validity = sequence(&mut signed)?;
    let _begin = element(&mut validity)?;
    let (tag, time) = element(&mut validity)?;
    let time = std::str::from_utf8(time).ok()?;
    let digits = match tag {
        GENERALIZED_TIME => time.get(..14)?.to_owned(),
        // Two digits: from 1950 to 2049.
        UTC_TIME if time >= "5" => format!("19{}", time.get(..12)?),
        UTC_TIME => format!("20{}", time.get(..12)?),
        _ => return None,
    };
    let part = |from: usize, to: usize| digits.get(from..to);
    let day = format!("{}-{}-{}", part(0, 4)?, part(4, 6)?, part(6, 8)?);
    Some(format!("{day}T{}:{}:{}", part(8, 10)?, part(10, 12)?, part(12, 14)?))
}

fn sequence<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    element(rest).filter(|(tag, _)| *tag == SEQUENCE).map(|(_, content)| content)
}

/// The tag and the content of the next DER element.
fn element<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (tag, after) = rest.split_first()?;
    let (first, mut after) = after.split_first()?;
    let mut len = usize::from(*first);
    if len >= 0x80 {
        let (digits, content) = after.split_at_checked(len - 0x80)?;
        len = digits
            .iter()
            .try_fold(0usize, |len, digit| len.checked_mul(256)?.checked_add(usize::from(*digit)))?;
        after = content;
    }
    let (content, next) = after.split_at_checked(len)?;
    *rest = next;
    Some((*tag, content))
}

#[expect(clippy::disallowed_methods, reason = "explains a refused certificate; decides nothing")]
fn wall() -> LogTime {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    LogTime::from_ms(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "\
-----BEGIN CERTIFICATE-----
MIIBbTCCAROgAwIBAgIUPIxDPQMGh4jp1kd5vMBXfgB1n4gwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBdDAeFw0yNjExMjkxNTM5NTBaFw0yNjEyMjkxNTM5NTBaMAwx
CjAIBgNVBAMMAXQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQkBVqZE73m3XGX
v/Zo+tRxliw2QVg30QOPtI3G+PTTlFHjE8Okg/EysgMO7bxHamnnB3rt1B/48Vav
Dpl12nqMo1MwUTAdBgNVHQ4EFgQUTS4CRbcxLbH8g3bed+0s2zrxEQAwHwYDVR0j
BBgwFoAUTS4CRbcxLbH8g3bed+0s2zrxEQAwDwYDVR0TAQH/BAUwAwEB/zAKBggq
hkjOPQQDAgNIADBFAiBQ6oT35VF5+Dso7apPSJu81qShMsMybES2eModHEiMcwIh
AMN6oXBCMrCBD9QvifKkGoojJH2mbUnn9ex36QXQ9JG2
-----END CERTIFICATE-----";

    #[test]
    fn the_last_second_of_a_certificate_is_read() {
        assert_eq!(expiry(PEM), Some(Expiry { at: "2026-12-29T15:39:50".to_owned() }));
        assert_eq!(expiry(PEM).expect("a certificate").day(), "2026-12-29");
        for no_certificate in ["", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"] {
            assert_eq!(expiry(no_certificate), None);
        }
    }

    #[test]
    fn a_certificate_has_expired_when_its_last_second_is_over() {
        for (at, has_passed) in [("2020-01-01T00:00:00", true), ("9998-12-31T23:59:59", false)] {
            assert_eq!(Expiry { at: at.to_owned() }.has_passed(), has_passed, "{at}");
        }
    }
}
