use std::net::SocketAddr;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;
use crate::config::Config;
use crate::config::values::Role;
use crate::domain::permission::Permission;

mod values;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn read(
    arguments: &[&str],
    environment: &[(&str, &str)],
    dotenv: Option<&str>,
) -> Result<Arguments, Unreadable> {
    let arguments = std::iter::once("posthaste").chain(arguments.iter().copied());
    let environment = environment.iter().map(|(name, value)| (name.into(), value.into()));
    Arguments::read(arguments.map(OsString::from), environment, dotenv)
}

fn config(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Config, String> {
    match read(arguments, environment, None) {
        Ok(arguments) => arguments.settings.validate().map_err(|problems| sentences(&problems)),
        Err(Unreadable::Settings(problems)) => Err(sentences(&problems)),
        Err(Unreadable::Arguments(error)) => Err(error.to_string()),
    }
}

fn sentences(problems: &[Problem]) -> String {
    problems.iter().flat_map(|problem| [problem.to_string(), "\n".to_owned()]).collect()
}

#[test]
fn the_definition_is_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn nothing_at_all_is_a_good_configuration() {
    let config = config(&[], &[]).unwrap();
    assert_eq!(config.listen_addr, SocketAddr::from(([127, 0, 0, 1], 8080)));
    assert_eq!(config.public_url_at(config.listen_addr), "http://127.0.0.1:8080");
    assert_eq!(config.shutdown_timeout, Duration::from_secs(25));
    assert!(config.database_url.is_none() && config.smtp_url.is_none() && config.tls.is_none());
}

#[test]
fn empty_variables_are_as_good_as_none() {
    let names = Arguments::command()
        .get_arguments()
        .filter_map(|argument| Some(argument.get_env()?.to_str()?.to_owned()))
        .collect::<Vec<_>>();
    assert!(names.len() >= 22, "{names:?}");
    let environment: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    assert_eq!(config(&[], &environment).unwrap().role, Role::All);
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let role = |arguments: &[&str], environment: &[(&str, &str)]| {
        let settings = read(arguments, environment, Some("ROLE=worker")).unwrap().settings;
        settings.validate().unwrap().role
    };
    assert_eq!(role(&[], &[]), Role::Worker);
    assert_eq!(role(&[], &[("ROLE", "api")]), Role::Api);
    assert_eq!(role(&["--role", "all"], &[("ROLE", "api")]), Role::All);
    assert_eq!(role(&["serve", "--role", "all"], &[("ROLE", "api")]), Role::All);
    assert_eq!(role(&["keys", "list", "--role=all"], &[("ROLE", "api")]), Role::All);
    assert_eq!(role(&["--role=all", "keys", "list"], &[("ROLE", "api")]), Role::All);
}

#[test]
fn every_problem_is_told_at_once_and_no_secret_with_it() {
    let environment = [
        ("LISTEN_ADDR", "localhost:8080"),
        ("DATABASE_URL", "mysql://root:hunter2@db"),
        ("SMTP_URL", "http://user:hunter2@relay"),
        ("SECRET_KEY", "hunter2"),
        ("RATE_LIMIT_PER_SECOND", "0"),
        ("RATE_LIMIT_PER_MINUTE", "1000001"),
        ("REQUIRE_HTTPS", "sometimes"),
        ("TLS_CERT", "cert.pem"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, everyone"),
        ("PUBLIC_URL", "ftp://mail.example.com"),
        ("LOG_LEVEL", "verbose"),
        ("SHUTDOWN_TIMEOUT", "soon"),
        ("REDIS_URL", "redis://:hunter2@cache"),
        ("DNS_SERVER", "dns.example:53"),
        ("RETENTION_DAYS", "0"),
        ("REQUIRE_VERIFIED_DOMAINS", "perhaps"),
    ];
    let problems = config(&[], &environment).unwrap_err();
    assert!(!problems.contains("hunter2"));
    insta::assert_snapshot!(problems);
}

#[test]
fn a_variable_that_was_meant_for_us_stops_the_start() {
    let told = |name| config(&[], &[(name, "1")]).unwrap_err();
    let meant = [
        ("SMTP_URI", "SMTP_URL"),
        ("SMPT_URL", "SMTP_URL"),
        ("smtp_url", "SMTP_URL"),
        ("SMTP_URL_FILE", "SMTP_URL"),
        ("POSTHASTE_SMTP_URL", "SMTP_URL"),
        ("POSTHASTE_SMTP_URI", "SMTP_URL"),
        ("RATE_LIMIT_PER_SECONDS", "RATE_LIMIT_PER_SECOND"),
        ("RATE_LIMITS_PER_MINUTES", "RATE_LIMIT_PER_MINUTE"),
        ("LISTEN_ADRESS", "LISTEN_ADDR"),
        ("LISTEN_ADDRESS", "LISTEN_ADDR"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("TLS_CERTS", "TLS_CERT"),
        ("ROEL", "ROLE"),
    ];
    for (name, setting) in meant {
        let sentence = format!("{name} is an unknown setting: did you mean {setting}?\n");
        assert_eq!(told(name), sentence);
    }
    assert!(told("POSTHASTE_COLOR").ends_with("see --help for all settings\n"));
    // Kubernetes would set this one to tcp://10.0.0.1:80.
    assert!(told("POSTHASTE_PORT").ends_with("see --help for all settings\n"));
}

#[test]
fn variables_of_strangers_are_none_of_our_business() {
    let strangers = [
        "HOME",
        "PATH",
        "USER",
        "LOGNAME",
        "MAIL",
        "SHELL",
        "TERM",
        "LANG",
        "PWD",
        "OLDPWD",
        "HOSTNAME",
        "HOST",
        "PORT",
        "LOG",
        "RUST_LOG",
        "PGDATA",
        "PGHOST",
        "DATABASE_HOST",
        "DATABASE_NAME",
        "POSTGRES_PASSWORD",
        "CARGO_HOME",
        "SMTP_HOST",
        "SMTP_PORT",
        "SMTP_USER",
        "SMTP_SSL",
        "SMTP_TLS",
        "AMQP_URL",
        "HTTP_URL",
        "FTP_URL",
        "REDIS_HOST",
        "JAVA_DIR",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "AWS_ROLE_ARN",
        "SECRET",
        "KEY_FILE",
        "XDG_DATA_DIRS",
        "ÜMLAUT",
        "",
    ];
    let mut environment: Vec<_> = strangers.iter().map(|name| (*name, "1")).collect();
    environment.extend([
        ("POSTHASTE_SERVICE_HOST", "10.0.0.1"),
        ("POSTHASTE_SERVICE_PORT_HTTP", "80"),
        ("POSTHASTE_PORT", "tcp://10.0.0.1:80"),
        ("POSTHASTE_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("POSTHASTE_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("POSTHASTE_POSTGRESQL_SERVICE_HOST", "10.0.0.2"),
        ("POSTHASTE_POSTGRESQL_PORT", "tcp://10.0.0.2:5432"),
        ("POSTHASTE_POSTGRESQL_PORT_5432_TCP_PROTO", "tcp"),
    ]);
    config(&[], &environment).unwrap();
}

#[test]
fn a_file_may_hold_only_settings_and_each_once() {
    let good =
        "export REQUIRE_HTTPS = \"never\"\nSECRET_KEY='a=b#c'\nSMTP_URL=\nROLE=api # no mail\n";
    let settings = read(&[], &[], Some(good)).unwrap().settings;
    assert_eq!(settings.secret_key.as_ref().unwrap().expose_secret(), "a=b#c");
    assert_eq!(settings.require_https.as_deref(), Some("never"));
    assert_eq!(settings.role.as_deref(), Some("api"));

    let bad = "SMTP_URI=x\nnonsense\nFOO=1\nROLE=api\nROLE=all\nRATE_LIMITS_PER_MINUTES=1";
    let Err(Unreadable::Settings(problems)) = read(&[], &[], Some(bad)) else {
        panic!("unknown names were accepted");
    };
    insta::assert_snapshot!(sentences(&problems), @"
    line 2 of .env must be NAME=value, with the name in capitals, or begin with #
    SMTP_URI is an unknown setting in .env: did you mean SMTP_URL?
    FOO is an unknown setting in .env: remove it, or see --help for all settings
    ROLE is set twice in .env: remove one of the lines
    RATE_LIMITS_PER_MINUTES is an unknown setting in .env: did you mean RATE_LIMIT_PER_MINUTE?
    ");
}

#[test]
fn unknown_and_malformed_settings_are_told_together() {
    let told = config(&["--log-level=loud"], &[("SMTP_URI", "x"), ("ROLE", "none")]).unwrap_err();
    let names: Vec<_> = told.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ["SMTP_URI", "LOG_LEVEL", "ROLE"]);
}

#[test]
fn the_environment_of_the_process_is_not_read_behind_our_back() {
    // PATH is set wherever this test runs, so a setting that took it up would show it.
    let command = Arguments::command().mut_args(|argument| argument.env("PATH"));
    let deaf = deaf(&command).try_get_matches_from(["posthaste"]).unwrap();
    assert!(!deaf.ids().any(|id| deaf.value_source(id.as_str()).is_some()));
}

#[cfg(unix)]
#[test]
fn a_value_that_is_no_text_is_named() {
    use std::os::unix::ffi::OsStringExt;

    let environment = [("ROLE".into(), OsString::from_vec(vec![0xff, 0xfe]))];
    let Err(Unreadable::Settings(problems)) =
        Arguments::read(["posthaste".into()], environment, None)
    else {
        panic!("it was accepted");
    };
    assert_eq!(sentences(&problems), "ROLE is not text in UTF-8\n");
}

#[test]
fn help_is_given_whatever_the_environment_holds_and_prints_no_value() {
    let environment = [("SMTP_URI", "x"), ("SMTP_URL", "smtp://user:hunter2@relay")];
    let Err(Unreadable::Arguments(help)) = read(&["--help"], &environment, None) else {
        panic!("no help was given");
    };
    assert_eq!(help.kind(), clap::error::ErrorKind::DisplayHelp);
    assert!(help.to_string().contains("[env: SMTP_URL]") && !help.to_string().contains("hunter2"));
}

#[test]
fn the_commands_of_scripts_are_understood() {
    let command = |line: &str| {
        read(&line.split(' ').collect::<Vec<_>>(), &[], None).unwrap().command.unwrap()
    };
    let Command::Keys(KeysCommand::Create(key)) = command(
        "keys create --name ci --project shop --type account --mode test --per-second 5 --per-minute 100 \
         --expires-in 90d --permission sending_access --domains example.com,Example.ORG --recipients ada@example.net \
         --ip-allowlist 192.0.2.0/24,::1 --ip-allowlist-dry-run --quiet",
    ) else {
        panic!("not understood");
    };
    assert_eq!((key.key_type, key.mode), (KeyType::Account, KeyMode::Test));
    assert_eq!((key.per_second, key.per_minute), (Some(5), Some(100)));
    assert_eq!(key.expires_in, Some(Duration::from_hours(90 * 24)));
    assert_eq!(key.permission.0, [Permission::MailsSend]);
    let names = key.domains.unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names, ["example.com", "example.org"]);
    assert_eq!((key.recipients.unwrap().len(), key.ip_allowlist.unwrap().len()), (1, 2));
    assert!(key.ip_allowlist_dry_run);
    assert!(key.quiet);
    assert_eq!(command("keys list --json"), Command::Keys(KeysCommand::List { json: true }));
    assert_eq!(
        command("keys revoke 0198"),
        Command::Keys(KeysCommand::Revoke { id: "0198".into() })
    );
    assert_eq!(
        command("projects list --json"),
        Command::Projects(ProjectsCommand::List { json: true })
    );
    assert_eq!(command("doctor"), Command::Doctor);
    assert!(read(&[], &[], None).unwrap().command.is_none());
}

#[test]
fn what_a_key_cannot_be_is_refused_by_the_name_of_the_flag() {
    let told = |flags: &str| {
        let line = format!("keys create --name ci {flags}");
        match read(&line.split(' ').collect::<Vec<_>>(), &[], None) {
            Err(Unreadable::Arguments(error)) => error.to_string(),
            read => panic!("{flags}: {read:?}"),
        }
    };
    for (flags, named, why) in [
        ("--domains example.com,*.example.com", "--domains", "must be"),
        ("--domains=", "--domains", "must be"),
        ("--recipients ada@", "--recipients", "must be an email address"),
        ("--ip-allowlist 192.0.2.5/24", "--ip-allowlist", "write 192.0.2.0/24"),
        ("--ip-allowlist-dry-run", "--ip-allowlist", "required"),
        ("--per-second 0", "--per-second", "1..=1000000"),
        ("--per-minute 1000001", "--per-minute", "1..=1000000"),
        ("--expires-at tomorrow", "--expires-at", "2027-01-31T12:00:00Z"),
        ("--expires-in 1d --expires-at 2027-01-31T12:00:00Z", "--expires-at", "cannot be used"),
        ("--permission mails:send,mails:burn", "--permission", "not a permission or a preset"),
        ("--spelling mailchimp", "--spelling", "must be one of native"),
    ] {
        let told = told(flags);
        assert!(told.contains(named) && told.contains(why), "{flags}: {told}");
    }
}
