//! How keys are used: what is counted of their requests, and what is unusual about it.

use std::net::IpAddr;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use ipnet::IpNet;
use serde_json::{Value, json};
use uuid::Uuid;

use super::id::{AlertId, ApiKeyId};

/// One request that came with a key of ours, answered or refused.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// The key.
    pub key: ApiKeyId,
    /// Names the request.
    pub request: Uuid,
    /// When it was answered.
    pub at: DateTime<Utc>,
    /// The method.
    pub method: &'a str,
    /// The route with its parameters' names, never their values.
    pub route: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// The published code of a refusal.
    pub code: Option<&'static str>,
    /// Where it came from.
    pub from: IpAddr,
    /// Whether the key's allowlist would have refused it if it did more than count.
    pub would_have_blocked: bool,
}

/// The network that an address is taken for: /24 of IPv4, /48 of IPv6.
pub fn network_of(address: IpAddr) -> IpNet {
    let length = if address.is_ipv4() { 24 } else { 48 };
    IpNet::new(address, length).map_or_else(|_| address.into(), |network| network.trunc())
}

/// The beginning of the hour.
pub fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at)
}

/// One request as the log of its key keeps it.
#[derive(Clone, Debug)]
pub struct LoggedRequest {
    /// Names the request.
    pub id: Uuid,
    /// When it was answered.
    pub at: DateTime<Utc>,
    /// Method and route, such as `POST /v1/mails/send`.
    pub endpoint: String,
    /// The status of the answer.
    pub status: i16,
    /// The published code of a refusal.
    pub code: Option<String>,
    /// Where it came from.
    pub ip: String,
}

/// The requests of a key in one hour or on one day.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    /// Its beginning.
    pub at: DateTime<Utc>,
    /// All of them.
    pub requests: i64,
    /// Answered with less than 400.
    pub ok: i64,
    /// Answered with 4xx.
    pub refused: i64,
    /// Answered with 5xx.
    pub failed: i64,
}

/// The requests of a key by what they asked for and how that was answered.
#[derive(Clone, Debug)]
pub struct EndpointCount {
    /// Method and route.
    pub endpoint: String,
    /// The status of the answers.
    pub status: i16,
    /// How many.
    pub requests: i64,
}

/// Requests from one address that an allowlist would have refused.
#[derive(Clone, Debug)]
pub struct BlockedAddress {
    /// The address.
    pub ip: String,
    /// How many.
    pub requests: i64,
    /// The first.
    pub first_seen_at: DateTime<Utc>,
    /// The latest.
    pub last_seen_at: DateTime<Utc>,
}

/// A note about unusual use of a key.
#[derive(Clone, Debug)]
pub struct Alert {
    /// Names the note; sorts by time.
    pub id: AlertId,
    /// `refusals`, `new_network` or `rate_jump`.
    pub kind: String,
    /// The key.
    pub key: ApiKeyId,
    /// What its maker called it.
    pub key_name: String,
    /// First eight and last four characters.
    pub display_key: String,
    /// What is unusual, in words.
    pub message: String,
    /// The figures.
    pub details: Value,
    /// When it was noticed.
    pub at: DateTime<Utc>,
    /// When somebody had seen it.
    pub dismissed_at: Option<DateTime<Utc>>,
}

/// Something unusual that was noticed just now.
#[derive(Clone, Debug, PartialEq)]
pub enum Unusual {
    /// Most requests of this hour were refused.
    Refusals {
        /// All requests of this hour.
        requests: i64,
        /// Those answered with 4xx.
        refused: i64,
    },
    /// A key that has been in use came from where it never came from.
    NewNetwork {
        /// The network.
        network: String,
    },
    /// Many more requests than usual.
    RateJump {
        /// All requests of this hour.
        requests: i64,
        /// What was usual in an hour of the last days.
        usual: f64,
    },
}

impl Unusual {
    /// Fewer refusals are a slip.
    const REFUSALS: i64 = 100;

    /// Fewer requests in an hour are no burst, however few there were before. Keys need history only from here on.
    pub const BURST: i64 = 500;

    /// So many times the usual is a jump.
    const JUMP: f64 = 5.0;

    /// Whether so many refusals among the requests of an hour are worth a note: a hundred, and half of all.
    pub fn refusals(requests: i64, refused: i64) -> Option<Self> {
        (refused >= Self::REFUSALS && refused * 2 >= requests)
            .then_some(Self::Refusals { requests, refused })
    }

    /// Whether an hour with so many requests is worth a note: five hundred, and five times the mean of the `hours`
    /// before it, which had `earlier` in all. A key that is younger than a day has no habits yet.
    pub fn jump(requests: i64, earlier: i64, hours: i64) -> Option<Self> {
        #[expect(clippy::cast_precision_loss, reason = "a rough comparison")]
        let (now, usual) = (requests as f64, earlier as f64 / hours.max(1) as f64);
        (hours >= 24 && requests >= Self::BURST && now >= usual * Self::JUMP)
            .then_some(Self::RateJump { requests, usual })
    }

    /// The published name of the kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Refusals { .. } => "refusals",
            Self::NewNetwork { .. } => "new_network",
            Self::RateJump { .. } => "rate_jump",
        }
    }

    /// What is unusual, in words.
    pub fn message(&self) -> String {
        match self {
            Self::Refusals { requests, refused } => {
                format!("{refused} of {requests} requests in this hour were refused.")
            }
            Self::NewNetwork { network } => {
                format!("It was used from {network}, a network that it was never used from before.")
            }
            Self::RateJump { requests, usual } => {
                format!("{requests} requests came in this hour; {usual:.0} an hour were usual.")
            }
        }
    }

    /// The figures, for programs.
    pub fn details(&self) -> Value {
        match self {
            Self::Refusals { requests, refused } => {
                json!({"requests": requests, "refused": refused})
            }
            Self::NewNetwork { network } => json!({"network": network}),
            Self::RateJump { requests, usual } => {
                json!({"requests": requests, "usualPerHour": usual.round()})
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_near_each_other_are_of_one_network() {
        let network = |text: &str| network_of(text.parse().unwrap()).to_string();
        assert_eq!(network("203.0.113.7"), "203.0.113.0/24");
        assert_eq!(network("2001:db8:1:2::3"), "2001:db8:1::/48");
    }

    #[test]
    fn many_refusals_are_unusual_in_number_and_share() {
        assert_eq!(Unusual::refusals(99, 99), None);
        assert_eq!(Unusual::refusals(201, 100), None);
        assert!(Unusual::refusals(200, 100).is_some());
    }

    #[test]
    fn a_jump_needs_a_past() {
        assert_eq!(Unusual::jump(10_000, 0, 23), None);
        assert_eq!(Unusual::jump(499, 0, 168), None);
        assert!(Unusual::jump(500, 0, 24).is_some());
        assert_eq!(Unusual::jump(4999, 1000 * 24, 24), None);
        assert!(Unusual::jump(5000, 1000 * 24, 24).is_some());
    }
}
