//! The command line: help texts, accepted and rejected command lines.

use clap::{CommandFactory as _, Parser as _};

use super::Cli;

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn help_names_every_command_and_shows_examples() {
    let mut command = Cli::command();
    let help = command.render_long_help().to_string();
    let names: Vec<_> = command.get_subcommands().map(|it| it.get_name().to_owned()).collect();
    assert!(names.len() >= 7, "{names:?}");
    for name in names {
        assert!(help.contains(&name), "{name} in: {help}");
    }
    each(&mut command, &mut |command| {
        let help = command.render_long_help().to_string();
        assert!(help.contains("Examples:\n  "), "{}: {help}", command.get_name());
    });
}

fn each(command: &mut clap::Command, check: &mut impl FnMut(&mut clap::Command)) {
    check(command);
    for inner in command.get_subcommands_mut().filter(|it| it.get_name() != "help") {
        each(inner, check);
    }
}

#[test]
fn a_command_line_is_accepted_or_rejected() {
    let check = |line: &str, good: bool| {
        let parsed = Cli::try_parse_from(line.split(' '));
        assert_eq!(parsed.is_ok(), good, "{line}: {parsed:?}");
        if let Err(err) = parsed {
            assert_eq!(err.exit_code(), 2, "{line}");
        }
    };
    check("otp-stream --config a.toml --config b.toml --set http.listen=x:1 run", true);
    check("otp-stream run --create-topics --config a.toml", true);
    check("otp-stream replay --partitions 4 --ack --internal --reveal --input f", true);
    check("otp-stream replay --partitions 0", false);
    check("otp-stream topics plan --json", true);
    check("otp-stream topics create", true);
    check("otp-stream topics verify", true);
    check("otp-stream schemas list --json", true);
    check("otp-stream schemas show lifecycle", true);
    check("otp-stream schemas show", false);
    check("otp-stream schemas check", true);
    check("otp-stream schemas register", true);
    check("otp-stream keys generate --out k.toml", true);
    check("otp-stream config print", true);
    check("otp-stream demo --bootstrap-servers localhost:9092", true);
    check("otp-stream subject unlock --contract egov --tenant pb --identity 9123456789", true);
    check("otp-stream subject unlock --contract egov", false);
    check("otp-stream client new --client-id desk --app-id ida --role A --role B", true);
    check("otp-stream client new --client-id desk", false);
    check("otp-stream client", false);
    check(
        "otp-stream subject show --contract egov --tenant pb --identity 9123456789 --json --timeout-s 5",
        true,
    );
    check("otp-stream subject show --contract egov --tenant pb --identity 9123456789 --timeout-s 0", false);
    check("otp-stream policy check", true);
    check("otp-stream policy check --key egov/pb rules.json --json", true);
    check("otp-stream policy check --merge rules.json", false);
    check("otp-stream policy put --from mdms --dry-run --merge rules.json", true);
    check("otp-stream policy put --from xml rules.xml", false);
    check("otp-stream template put --from mosip-csv --context auth-otp --context otp --skip-bad t.csv", true);
    check(
        "otp-stream template put --from digit-localization --tenant pb --module rainmaker-common m.json",
        true,
    );
    check("otp-stream template put --tenant pb t.json", false);
    check("otp-stream template put --key egov/pb/en_IN/c --from mosip-csv t.csv", false);
    check("otp-stream directory import --contract egov --identity user-name --delimiter ; users.csv", true);
    check("otp-stream directory import --contract egov --delimiter ;; users.csv", false);
    check("otp-stream directory import users.csv", false);
    check("otp-stream serve", false);
    check("otp-stream", false);
}
