use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::{SECRET, config, read};
use crate::config::Config;
use crate::config::values::RequireHttps;

#[test]
fn the_secret_key_is_needed_with_a_database_of_ones_own() {
    let database = ("DATABASE_URL", "postgres://posthaste@db/posthaste");
    assert!(config(&[], &[database]).unwrap_err().starts_with("SECRET_KEY is missing"));
    let config = config(&[], &[database, ("SECRET_KEY", SECRET)]).unwrap();
    assert_eq!(config.secret_key.as_ref().unwrap().expose_secret(), SECRET);
    let printed = format!("{config:?}");
    assert!(!printed.contains(SECRET) && !printed.contains("posthaste@db"), "{printed}");
}

#[test]
fn values_are_read_as_they_are_meant() {
    let config = config(
        &["--require-https", "ALWAYS", "--tls-cert", "c", "--tls-key", "k"],
        &[
            ("TRUSTED_PROXIES", "127.0.0.1, 10.1.2.3/8,::1,"),
            ("PUBLIC_URL", "https://mail.example.com/base/"),
            ("LOG_LEVEL", "warn,posthaste=debug"),
            ("LISTEN_ADDR", "0.0.0.0:443"),
        ],
    )
    .unwrap();
    assert_eq!(config.require_https, RequireHttps::Always);
    let networks: Vec<_> = config.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["127.0.0.1/32", "10.0.0.0/8", "::1/128"]);
    assert_eq!(config.public_url_at(config.listen_addr), "https://mail.example.com/base");
    let unnamed = Config { public_url: None, ..config };
    assert_eq!(unnamed.public_url_at(unnamed.listen_addr), "https://127.0.0.1:443");
}

#[test]
fn values_that_cannot_work_are_refused_before_they_are_used() {
    let told = |name, value| {
        let set = [(name, value), ("SECRET_KEY", SECRET)];
        let told = config(&[], &set).map(|config| format!("{config:?}"));
        assert!(told.as_ref().is_err_and(|told| told.starts_with(name)), "{value}: {told:?}");
        assert!(!told.unwrap_err().contains("hunter2"));
    };
    told("DATABASE_URL", "postgres://user:hunter2@host:port/database");
    told("DATABASE_URL", "postgres://user:hunter2/@host/database");
    told("DATABASE_URL", "postgres://user@host/database?sslmode=hunter2");
    told("PUBLIC_URL", "https://mail.example.com:99999");
    told("PUBLIC_URL", "https://mail.example.com:0");
    told("PUBLIC_URL", "https://:443");
    told("PUBLIC_URL", "https://user:hunter2@mail.example.com");
    told("SHUTDOWN_TIMEOUT", "18446744073709551615s");
    told("SHUTDOWN_TIMEOUT", "61m");
    told("METRICS_ADDR", "127.0.0.1:8080");
    told("METRICS_ADDR", "[::]:8080");
    told("LOG_LEVEL", "info,");
    told("LOG_LEVEL", ",");
    told("LOG_LEVEL", "posthaste=loud");
}

#[test]
fn space_around_values_is_no_part_of_them() {
    let padded = format!(" {SECRET}\n");
    let set = [("DATABASE_URL", " postgres://db/posthaste\n"), ("SECRET_KEY", &padded)];
    let config = config(&[], &set).unwrap();
    assert_eq!(config.secret_key.as_ref().unwrap().expose_secret(), SECRET);
    assert_eq!(config.database_url.as_ref().unwrap().expose_secret(), "postgres://db/posthaste");
}

#[test]
fn a_malformed_database_url_does_not_hide_that_the_secret_key_is_missing() {
    let told = config(&[], &[("DATABASE_URL", "mysql://db")]).unwrap_err();
    assert!(told.contains("DATABASE_URL must") && told.contains("SECRET_KEY is missing"), "{told}");
}

#[test]
fn networks_are_held_in_the_form_in_which_clients_are() {
    let networks = "::ffff:10.1.2.3, ::ffff:10.0.0.0/104, ::ffff:0:0/96, ::/0, fd00::/8";
    let config = config(&[], &[("TRUSTED_PROXIES", networks)]).unwrap();
    let networks: Vec<_> = config.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.1.2.3/32", "10.0.0.0/8", "0.0.0.0/0", "::/0", "fd00::/8"]);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(name in "[A-Z_]{1,20}|[^=]{1,12}", value in ".{0,40}", file in "(.{0,20}\n){0,5}") {
        drop(config(&[], &[(&name, &value)]));
        drop(read(&[], &[("LOG_LEVEL", &value), ("TRUSTED_PROXIES", &value)], Some(&file)));
        drop(config(&[], &[("DATABASE_URL", &format!("postgres://{value}")), ("METRICS_ADDR", &value)]));
        drop(config(&[], &[("PUBLIC_URL", &value), ("SHUTDOWN_TIMEOUT", &value), ("LOG_LEVEL", &value), ("SMTP_URL", &value)]));
    }
}
