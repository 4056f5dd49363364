//! Files of templates: plain records, DIGIT's localization messages, MOSIP's template.csv.

use super::*;
use crate::config::{Sources, load};

const SEARCH: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/imports/localization-search.json"));
const UPSERT: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/imports/localization-upsert.json"));
const MOSIP: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/imports/template.csv"));

fn input(text: &str) -> Input {
    Input { name: "t".to_owned(), text: text.to_owned() }
}

/// The good records as `key value`, how many entries were left out, and what is wrong.
fn check(read: Result<Batch, Problem>, records: &[&str], left_out: u64, problems: &[&str]) {
    check_with(&[], read, records, left_out, problems);
}

fn check_with(
    sets: &[&str],
    read: Result<Batch, Problem>,
    records: &[&str],
    left_out: u64,
    problems: &[&str],
) {
    let sets = sets.iter().map(|set| (*set).to_owned()).collect();
    let settings =
        load(&Sources { sets, ..Sources::default() }).expect("a good configuration").config.settings();
    let batch = read.map_or_else(
        |problem| Batch { problems: vec![problem], ..Batch::default() },
        |batch| judged(batch, &settings),
    );
    let shown = |draft: &Draft| {
        let value = draft.value.as_deref().map_or_else(|| "-".into(), String::from_utf8_lossy);
        format!("{} {value}", draft.key)
    };
    assert_eq!(batch.drafts.iter().map(shown).collect::<Vec<_>>(), records);
    assert_eq!(batch.problems.iter().map(|it| format!("t{it}")).collect::<Vec<_>>(), problems);
    assert_eq!(batch.left_out, left_out);
}

#[test]
fn plain_records() {
    let key = "egov/pb/en_IN/sms.login.otp.msg";
    let of = |text| by_key::records(&input(text), Some(key));
    check(of(r#"{"text":"{otp}"}"#), &[r#"egov/pb/en_IN/sms.login.otp.msg {"text":"{otp}"}"#], 0, &[]);
    check(of("null"), &["egov/pb/en_IN/sms.login.otp.msg -"], 0, &[]);
    check(
        of(r#"{"text":"no code"}"#),
        &[],
        0,
        &[
            "t, line 1: egov/pb/en_IN/sms.login.otp.msg: the text has no placeholder for the code: one of %s, %1$s, {otp}; \
           write the placeholder where the code goes, without a blank inside",
        ],
    );
    check(
        by_key::records(&input("{\n\"mosip/*/eng\": {\"text\":\"$otp\"}}"), None),
        &[],
        0,
        &["t, line 2: mosip/*/eng: its key is not <contract>/<tenant>/<locale>/<code>; write a key like \
           egov/pb/en_IN/sms.login.otp.msg"],
    );
    check_with(
        &["egov.template_id_required=true"],
        of(r#"{"text":"%s"}"#),
        &[],
        0,
        &[
            "t, line 1: egov/pb/en_IN/sms.login.otp.msg: templateId is missing, which this deployment needs for every SMS; add \
           templateId, the id under which the text is registered with the carriers",
        ],
    );
}

#[test]
fn localization_messages_of_digit() {
    let of = |text, tenant| digit::records(&input(text), tenant, "egov-user");
    check(
        of(SEARCH, Some("pb")),
        &[
            r#"egov/pb/en_IN/sms.login.otp.msg {"text":"Nagar Seva: %s is your login code."}"#,
            r#"egov/pb/hi_IN/sms.login.otp.msg {"text":"नगर सेवा: आपका लॉगिन कोड %s है।"}"#,
            r#"egov/pb/en_IN/email.login.otp.sub {"text":"Your login code"}"#,
        ],
        2,
        &[],
    );
    check(
        of(SEARCH, None),
        &[],
        0,
        &[
            "t, line 1: tenantId: the file names no tenant; name the tenant of the messages with --tenant, or * for all",
        ],
    );
    check(
        of(UPSERT, None),
        &[r#"egov/pb/en_IN/sms.register.otp.msg {"text":"Code %s completes your registration."}"#],
        0,
        &[
            "t, line 6: messages[1]: egov/pb/en_IN/sms.pwd.reset.otp.msg: the text has no placeholder for the code: one of \
             %s, %1$s, {otp}; write the placeholder where the code goes, without a blank inside",
            "t, line 7: messages[2]: egov/pb/en_IN/sms.login.otp.msg: the text has a % that begins none of %s, %1$s, %%; \
             write %% for a percent sign",
            "t, line 8: messages[3].locale: missing or blank; add locale",
        ],
    );
    let array =
        r#"[{"code":"sms.login.otp.msg","message":"%s","locale":"en_IN","templateId":"1107"},{"code":7}]"#;
    check(
        of(array, Some("*")),
        &[r#"egov/*/en_IN/sms.login.otp.msg {"templateId":"1107","text":"%s"}"#],
        0,
        &[
            "t, line 1: messages[1]: not a localization message; write {\"code\", \"message\", \"module\", \"locale\"}, all of \
           them texts",
        ],
    );
    check(
        of("{}", Some("pb")),
        &[],
        0,
        &["t, line 1: not localization messages; see docs/administration.md"],
    );
}

#[test]
fn templates_of_mosip() {
    let of = |contexts: &[&str]| {
        let contexts: Vec<_> = contexts.iter().map(|it| (*it).to_owned()).collect();
        mosip::records(&input(MOSIP), "*", &contexts)
    };
    let auth_otp = [
        r#"mosip/*/eng/auth-otp-sms-template {"text":"The code is $otp"}"#,
        r#"mosip/*/eng/auth-otp-email-subject-template {"text":"Your code"}"#,
        r#"mosip/*/eng/auth-otp-email-content-template {"text":"Dear $!name,\n\nthe code is \"${otp}\"."}"#,
        r#"mosip/*/fra/auth-otp-sms-template {"text":"Le code est $otp"}"#,
    ];
    let arabic = "t, line 10: file_txt: mosip/*/ara/auth-otp-sms-template: the text has no placeholder for the code: one of \
                  $otp, ${otp}, $!otp; write the placeholder where the code goes, without a blank inside";
    check(of(&["auth-otp"]), &auth_otp, 6, &[arabic]);
    let pre_registration = r#"mosip/*/eng/otp-sms-template {"text":"Pre-registration $PRID: $otp"}"#;
    let all = [&auth_otp[..], &[pre_registration]].concat();
    let twice = "t, line 13: file_txt: another value for the key mosip/*/eng/otp-sms-template than in line 12; keep one of them";
    check(of(&[]), &all, 4, &[arabic, twice]);
    let unknown =
        "t: no active text of the context login; the contexts whose texts carry a code are auth-otp, otp";
    check(of(&["login"]), &[], 0, &[unknown]);
    let header = "t, line 1: file_txt: there is no such column; give the template.csv of MOSIP's master data, with its \
                  header row";
    check(mosip::records(&input("id,name\n1,x\n"), "*", &[]), &[], 0, &[header]);
    let ragged =
        "file_txt,template_typ_code,lang_code\n$otp,auth-otp-sms-template\n$otp,auth-otp-sms-template,eng\n";
    check(
        mosip::records(&input(ragged), "*", &[]),
        &[r#"mosip/*/eng/auth-otp-sms-template {"text":"$otp"}"#],
        0,
        &[
            "t, line 2: the row has 2 columns, and the header 3; correct the row, or save the file as CSV with commas again",
        ],
    );
}
