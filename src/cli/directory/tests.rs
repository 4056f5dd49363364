//! CSV files of users: the records that they give, and what is wrong with a row.

use clap::Parser as _;
use otp_topology::deployment::PolicyRecords;

use super::*;
use crate::cli::{Cli, Command};
use crate::config::{Sources, load};

const USERS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/imports/users.csv"));

fn arguments(line: &str) -> ImportArgs {
    let words = ["otp-stream", "directory", "import"].into_iter().chain(line.split_whitespace());
    let Command::Directory(DirectoryCommand::Import(args)) = Cli::parse_from(words).command else {
        panic!("{line}");
    };
    args
}

/// The good records as `key value`, and what is wrong. `policies`: records of the policy topic.
fn check_with(policies: &[(&str, &str)], arguments: &str, text: &str, records: &[&str], problems: &[&str]) {
    let args = self::arguments(arguments);
    let settings = load(&Sources::default()).expect("the default configuration").config.settings();
    let contract = settings.contracts.named(&args.contract).expect("a contract").clone();
    let mut known = PolicyRecords::default();
    policies.iter().for_each(|(key, value)| known.put(key, Some(value.as_bytes())));
    let import = Import { args: &args, settings: &settings, contract: &*contract, policies: &known };
    let batch = import.read(text.as_bytes(), |_| {});
    let batch = batch.unwrap_or_else(|problem| Batch { problems: vec![problem], ..Batch::default() });
    let shown = |draft: &crate::cli::records::Draft| {
        let value = draft.value.as_deref().map(String::from_utf8_lossy).expect("no user is a tombstone");
        format!("{} {value}", draft.key)
    };
    assert_eq!(batch.drafts.iter().map(shown).collect::<Vec<_>>(), records, "{arguments}");
    let found: Vec<_> = batch.problems.iter().map(|it| format!("u.csv{it}")).collect();
    assert_eq!(found, problems, "{arguments}");
}

fn check(arguments: &str, text: &str, records: &[&str], problems: &[&str]) {
    check_with(&[], arguments, text, records, problems);
}

#[test]
fn users_of_one_number_are_one_record() {
    let first = r#"{"active":true,"emailId":"first@example.org","locale":"en_IN","mobileNumber":"9123456780","tenantId":"pb","userName":"9123456780","userType":"CITIZEN","uuid":"00000000-0000-4000-8000-000000000001"}"#;
    let clerk = r#"{"active":true,"countryCode":"+91","mobileNumber":"+91 91234-56780","tenantId":"pb.amritsar","userName":"clerk7","userType":"EMPLOYEE","uuid":"00000000-0000-4000-8000-000000000002"}"#;
    let third = r#"{"active":false,"mobileNumber":"09123456781","tenantId":"pb","userName":"9123456781","userType":"CITIZEN","uuid":"00000000-0000-4000-8000-000000000003"}"#;
    let record = |key: &str, users: &[&str]| format!(r#"{key} {{"users":[{}]}}"#, users.join(","));
    let records = [record("egov|pb|9123456780", &[first, clerk]), record("egov|pb|9123456781", &[third])];
    check("--contract egov", USERS, &[&records[0], &records[1]], &[]);
    check(
        "--contract egov --identity user-name",
        USERS,
        &[
            &record("egov|pb|9123456780", &[first]),
            &record("egov|pb|9123456781", &[third]),
            &record("egov|pb|clerk7", &[clerk]),
        ],
        &[],
    );
    check(
        "--contract egov --identity mobile-number --identity user-name",
        USERS,
        &[&records[0], &records[1], &record("egov|pb|clerk7", &[clerk])],
        &[],
    );
}

#[test]
fn a_header_is_found_in_any_spelling_or_by_name() {
    let value =
        |tenant: &str| format!(r#"{{"users":[{{"mobileNumber":"9123456780","tenantId":"{tenant}"}}]}}"#);
    let pb = format!("egov|pb|9123456780 {}", value("pb"));
    check(
        "--contract egov",
        "\u{feff}Tenant ID;Mobile Number\n",
        &[],
        &[
            "u.csv, line 1: tenantId: there is no such column; add a column tenantId, name it with --column tenantId=HEADER, or \
         give --tenant",
        ],
    );
    check(
        "--contract egov --delimiter ;",
        "\u{feff}Tenant ID;Mobile Number\r\npb;9123456780\r\n",
        &[&pb],
        &[],
    );
    check("--contract egov --tenant pb", "mobile_number\n9123456780\n", &[&pb], &[]);
    check("--contract egov --tenant ka", "mobile,tenant\n9123456780,pb\n", &[&pb], &[]);
    check(
        "--contract egov --tenant pb --column mobileNumber=Handset",
        "Handset,phone\n9123456780,7\n",
        &[&pb],
        &[],
    );
    check(
        "--contract mosip --tenant default --identity user-name",
        "userid,phone\n UIN77 ,9123456780\n",
        &[
            r#"mosip|default|UIN77 {"users":[{"mobileNumber":"9123456780","tenantId":"default","userName":"UIN77"}]}"#,
        ],
        &[],
    );
    check(
        "--contract egov --tenant pb --column mobileNumber=Cell",
        "Handset\n",
        &[],
        &["u.csv, line 1: --column mobileNumber=Cell: there is no such column; the columns are Handset"],
    );
    check(
        "--contract egov --tenant pb --column mobile",
        "Handset\n",
        &[],
        &[
            "u.csv: --column mobile: it names no member; write MEMBER=HEADER; the members are tenantId, userType, userName, \
         mobileNumber, countryCode, emailId, locale, active, uuid",
        ],
    );
    check(
        "--contract egov --tenant pb",
        "mobile,phone\n",
        &[],
        &[
            "u.csv, line 1: two columns for mobileNumber: mobile and phone; choose one with --column mobileNumber=HEADER",
        ],
    );
    check(
        "--contract egov --tenant pb",
        "userName,Handset\n",
        &[],
        &[
            "u.csv, line 1: mobileNumber: there is no such column; name it with --column mobileNumber=HEADER, or name another \
         --identity; the columns that are not used are Handset",
        ],
    );
}

#[test]
fn a_bad_row_is_named_by_line_and_column_and_shows_no_number() {
    let text = "tenantId,userName,mobileNumber,countryCode,active\n\
                pb,a,5123456780,,true\n\
                pb,b,,,true\n\
                ,c,9123456781,,true\n\
                pb,d,9123456782,,maybe\n\
                pb,e,9123456783\n\
                pb,f,+449123456784,+91,true\n\
                p|b,g,9123456785,,true\n\
                pb,h,9123456786,,true\n\
                pb,h,9123456786,,false\n\
                pb,\u{200b}i,9123456787,99999999999999999,true\n";
    let rule = "the number does not fit the mobile rule of its country: no code goes there; correct the number, its \
                countryCode, or the tenant's mobileRules";
    check(
        "--contract egov",
        text,
        &[
            r#"egov|pb|9123456786 {"users":[{"active":true,"mobileNumber":"9123456786","tenantId":"pb","userName":"h"}]}"#,
        ],
        &[
            &format!("u.csv, line 2: mobileNumber: {rule}"),
            "u.csv, line 3: mobileNumber: blank; write it: requests find the user by it",
            "u.csv, line 4: tenantId: blank; write the tenant, or give --tenant for rows that name none",
            "u.csv, line 5: active: \"maybe\" is not true or false; write true or false",
            "u.csv, line 6: the row has 3 columns, and the header 5; correct the row; --delimiter says what separates the \
             columns",
            &format!("u.csv, line 7: mobileNumber: {rule}"),
            "u.csv, line 8: tenantId: the tenant root is empty, or has a | or an invisible character; correct it",
            "u.csv, line 10: the same user as in line 9; keep one of them",
            "u.csv, line 11: countryCode: countryCode of a user is too long; shorten it",
        ],
    );
}

#[test]
fn the_policies_of_the_tenants_say_which_numbers_exist() {
    let text = "tenantId,mobileNumber\npb,712345678\nka,712345678\n";
    let kenya =
        r#"{"mobileRules":[{"countryCode":"+254","mobileNumberRegex":"^7[0-9]{8}$","default":true}]}"#;
    check_with(
        &[("egov/pb", kenya)],
        "--contract egov",
        text,
        &[r#"egov|pb|712345678 {"users":[{"mobileNumber":"712345678","tenantId":"pb"}]}"#],
        &[
            "u.csv, line 3: mobileNumber: the number does not fit the mobile rule of its country: no code goes there; correct \
           the number, its countryCode, or the tenant's mobileRules",
        ],
    );
}

#[test]
fn too_many_users_of_one_number_are_refused() {
    let rows: String = (0..101).map(|n| format!("pb,{n},9123456780\n")).collect();
    check(
        "--contract egov",
        &format!("tenantId,userName,mobileNumber\n{rows}"),
        &[],
        &[
            "u.csv, line 2: there are more than 100 users; fewer users can share one identity: leave out those that no longer \
         exist",
        ],
    );
}
