//! Reads from a certificate file when the certificate expires, so that a refused certificate can be explained.
//!
//! Checks nothing: that is TLS.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The optional version before the serial number.
const VERSION: u8 = 0xA0;

/// The last day of the first certificate in a PEM file, as `2026-11-29`. `None`: the text holds no certificate.
pub(super) fn expires_on(pem: &str) -> Option<String> {
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let body: String = body.split_whitespace().collect();
    let der = STANDARD.decode(body).ok()?;
    last_day(&der)
}

/// RFC 5280, section 4.1: the validity is the fifth field of the signed part, not counting the version.
fn last_day(der: &[u8]) -> Option<String> {
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
    let date = match tag {
        GENERALIZED_TIME => time.get(..8)?.to_owned(),
        // Two digits: from 1950 to 2049.
        UTC_TIME if time >= "5" => format!("19{}", time.get(..6)?),
        UTC_TIME => format!("20{}", time.get(..6)?),
        _ => return None,
    };
    Some(format!("{}-{}-{}", date.get(..4)?, date.get(4..6)?, date.get(6..)?))
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
    fn the_last_day_of_a_certificate_is_read() {
        assert_eq!(expires_on(PEM).as_deref(), Some("2026-12-29"));
        assert_eq!(expires_on("").as_deref(), None);
        assert_eq!(
            expires_on("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----").as_deref(),
            None
        );
    }
}
