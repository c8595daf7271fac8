//! Domains that a project sends from: the DNS records that prove them, and what became of that.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::id::{AccountId, DomainId, ProjectId};

/// A domain that was verified is given up after so many checks in a row that did not find its records: a slip of the pen in
/// a zone, or a moment without its name servers, stops nobody's mail.
pub const MISSES_UNTIL_LOST: i16 = 3;

/// Between checks of a verified domain whose records are there.
const DAILY: TimeDelta = TimeDelta::hours(24);

/// Between checks of a verified domain whose records were not there.
const SUSPICIOUS: TimeDelta = TimeDelta::hours(1);

/// After a check that DNS gave no answer to.
const UNANSWERED: TimeDelta = TimeDelta::minutes(10);

/// A domain of a project.
#[derive(Clone, Debug)]
pub struct SendingDomain {
    /// Names the domain.
    pub id: DomainId,
    /// The owner.
    pub account: AccountId,
    /// Where mail may be sent from it.
    pub project: ProjectId,
    /// In its ASCII form and lower case.
    pub name: String,
    /// What the ownership record holds: random, so that only who was told can set it.
    pub ownership_token: String,
    /// What the selectors of both keys begin with: its own for each domain of each project, so that none is in another's way.
    pub selector: String,
    /// The public RSA key for `p=`.
    pub rsa_public: String,
    /// The public Ed25519 key for `p=`.
    pub ed25519_public: String,
    /// What the last check found.
    pub findings: Option<Findings>,
    /// Since when mail may be sent from it; `None` as long as it may not.
    pub verified_at: Option<DateTime<Utc>>,
    /// Since when its records are gone, after it had been verified.
    pub lost_at: Option<DateTime<Utc>>,
    /// Checks in a row that missed the records of a verified domain.
    pub misses: i16,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When DNS was last asked.
    pub last_checked_at: Option<DateTime<Utc>>,
    /// When DNS is asked next.
    pub next_check_at: DateTime<Utc>,
}

/// A domain of a project in short.
#[derive(Clone, Debug)]
pub struct ProjectDomain {
    /// Names the domain.
    pub id: DomainId,
    /// Where mail may be sent from it.
    pub project: ProjectId,
    /// In its ASCII form and lower case.
    pub name: String,
    /// Whether mail may be sent from it.
    pub verified: bool,
}

/// What became of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordState {
    /// It is as it should be.
    Found,
    /// There is none.
    Missing,
    /// There is one, but not as it should be.
    Different,
    /// DNS gave no answer, which says nothing about the record.
    NoAnswer,
}

/// What a check found of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What became of it.
    pub state: RecordState,
    /// What stands there instead, or as well; cut short where it is long.
    pub found: Vec<String>,
    /// What that means, and what to do about it.
    pub explanation: String,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// The token that proves who owns the domain.
    pub ownership: Finding,
    /// The public RSA key.
    pub dkim: Finding,
    /// The public Ed25519 key.
    pub dkim_ed25519: Finding,
    /// Who may send for the domain (RFC 7208).
    pub spf: Finding,
    /// What receivers do with what fails (RFC 7489).
    pub dmarc: Finding,
    /// Whether bounces and answers find a host (RFC 5321, section 5.1).
    pub mail_host: Finding,
}

impl Findings {
    /// What must be found before mail is sent: who owns the domain, and the key that every receiver understands.
    fn required(&self) -> [RecordState; 2] {
        [self.ownership.state, self.dkim.state]
    }

    /// Whether mail may be sent from the domain.
    pub fn prove_the_domain(&self) -> bool {
        self.required().iter().all(|state| *state == RecordState::Found)
    }

    fn say_nothing(&self) -> bool {
        self.required()
            .iter()
            .all(|state| [RecordState::Found, RecordState::NoAnswer].contains(state))
            && !self.prove_the_domain()
    }
}

/// Why the domain was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its time had come. Only such checks count misses, so that nobody loses a domain by asking often.
    Due,
    /// Somebody asked.
    Asked,
}

/// What a check changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Since when mail may be sent from the domain.
    pub verified_at: Option<DateTime<Utc>>,
    /// Since when its records are gone.
    pub lost_at: Option<DateTime<Utc>>,
    /// Misses in a row.
    pub misses: i16,
    /// When DNS is asked next.
    pub next_check_at: DateTime<Utc>,
    /// What there is to tell, if anything.
    pub turn: Option<Turn>,
}

/// A change that people want to hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Mail may be sent from it from now on.
    Verified,
    /// Mail may be sent from it no more.
    Lost,
}

impl SendingDomain {
    /// Where a check leads.
    pub fn after(&self, findings: &Findings, reason: Reason, now: DateTime<Utc>) -> Step {
        let unchanged = Step {
            verified_at: self.verified_at,
            lost_at: self.lost_at,
            misses: self.misses,
            next_check_at: now + self.pause_while_pending(now),
            turn: None,
        };
        if findings.prove_the_domain() {
            return Step {
                verified_at: Some(self.verified_at.unwrap_or(now)),
                lost_at: None,
                misses: 0,
                next_check_at: now + DAILY,
                turn: self.verified_at.is_none().then_some(Turn::Verified),
            };
        }
        if self.verified_at.is_none() {
            return unchanged;
        }
        if findings.say_nothing() {
            return Step { next_check_at: now + UNANSWERED, ..unchanged };
        }
        let misses = self.misses + i16::from(reason == Reason::Due);
        if misses >= MISSES_UNTIL_LOST {
            return Step {
                verified_at: None,
                lost_at: Some(now),
                misses: 0,
                next_check_at: now + SUSPICIOUS,
                turn: Some(Turn::Lost),
            };
        }
        // Asking must not put off the check that counts.
        let next_check_at = match reason {
            Reason::Due => now + SUSPICIOUS,
            Reason::Asked => self.next_check_at.min(now + SUSPICIOUS),
        };
        Step { misses, next_check_at, ..unchanged }
    }

    /// Minutes at first, while somebody sits in front of it, then hours, and a day in the end.
    fn pause_while_pending(&self, now: DateTime<Utc>) -> TimeDelta {
        let age = now - self.lost_at.unwrap_or(self.created_at);
        if age > TimeDelta::days(30) {
            return DAILY;
        }
        (age / 4).clamp(TimeDelta::minutes(1), TimeDelta::hours(6))
    }

    /// Where the RSA key is found, below `_domainkey`.
    pub fn rsa_selector(&self) -> String {
        rsa_selector(&self.selector)
    }

    /// Where the Ed25519 key is found, below `_domainkey`.
    pub fn ed25519_selector(&self) -> String {
        ed25519_selector(&self.selector)
    }
}

/// Where the RSA key of a domain is found whose selectors begin with this.
pub fn rsa_selector(selector: &str) -> String {
    format!("{selector}-rsa")
}

/// Where the Ed25519 key of a domain is found whose selectors begin with this.
pub fn ed25519_selector(selector: &str) -> String {
    format!("{selector}-ed25519")
}

#[cfg(test)]
mod tests {
    use super::*;
    use RecordState::{Different, Found, Missing, NoAnswer};

    fn domain(now: DateTime<Utc>) -> SendingDomain {
        SendingDomain {
            id: DomainId::generate(),
            account: AccountId::generate(),
            project: ProjectId::generate(),
            name: "example.com".into(),
            ownership_token: "token".into(),
            selector: "posthaste-1".into(),
            rsa_public: String::new(),
            ed25519_public: String::new(),
            findings: None,
            verified_at: None,
            lost_at: None,
            misses: 0,
            created_at: now,
            last_checked_at: None,
            next_check_at: now,
        }
    }

    fn findings(ownership: RecordState, dkim: RecordState) -> Findings {
        let finding = |state| Finding { state, found: Vec::new(), explanation: String::new() };
        Findings {
            ownership: finding(ownership),
            dkim: finding(dkim),
            dkim_ed25519: finding(Missing),
            spf: finding(Missing),
            dmarc: finding(Missing),
            mail_host: finding(Missing),
        }
    }

    fn take(
        domain: &mut SendingDomain,
        findings: &Findings,
        reason: Reason,
        now: DateTime<Utc>,
    ) -> Option<Turn> {
        let step = domain.after(findings, reason, now);
        domain.verified_at = step.verified_at;
        domain.lost_at = step.lost_at;
        domain.misses = step.misses;
        domain.next_check_at = step.next_check_at;
        step.turn
    }

    #[test]
    fn only_both_proofs_verify_a_domain() {
        let now = Utc::now();
        for (ownership, dkim) in
            [(Found, Missing), (Missing, Found), (Found, Different), (NoAnswer, Found)]
        {
            let step = domain(now).after(&findings(ownership, dkim), Reason::Asked, now);
            assert_eq!((step.verified_at, step.turn), (None, None));
        }
        let step = domain(now).after(&findings(Found, Found), Reason::Asked, now);
        assert_eq!((step.verified_at, step.turn), (Some(now), Some(Turn::Verified)));
        assert_eq!(step.next_check_at, now + DAILY);
    }

    #[test]
    fn a_verified_domain_is_lost_after_three_misses_in_a_row() {
        let now = Utc::now();
        let mut domain = domain(now);
        let (good, gone) = (findings(Found, Found), findings(Missing, Found));
        take(&mut domain, &good, Reason::Due, now);
        for _ in 0..2 {
            assert_eq!(take(&mut domain, &gone, Reason::Due, now), None);
        }
        // It comes back, and the count begins anew; asking and silence count nothing.
        assert_eq!(take(&mut domain, &good, Reason::Due, now), None);
        for _ in 0..2 {
            assert_eq!(take(&mut domain, &gone, Reason::Due, now), None);
        }
        for _ in 0..9 {
            assert_eq!(take(&mut domain, &gone, Reason::Asked, now), None);
            let silent = findings(NoAnswer, Found);
            assert_eq!(take(&mut domain, &silent, Reason::Due, now), None);
        }
        assert!(domain.verified_at.is_some());
        assert_eq!(take(&mut domain, &gone, Reason::Due, now), Some(Turn::Lost));
        assert_eq!((domain.verified_at, domain.lost_at), (None, Some(now)));
        // Lost is told once, and its records bring it back.
        assert_eq!(take(&mut domain, &gone, Reason::Due, now), None);
        assert_eq!(take(&mut domain, &good, Reason::Due, now), Some(Turn::Verified));
        assert_eq!(domain.lost_at, None);
    }

    #[test]
    fn a_pending_domain_is_looked_at_after_minutes_and_then_after_hours() {
        let begin = Utc::now();
        let pause = |age: TimeDelta| {
            let step = domain(begin).after(&findings(Missing, Missing), Reason::Due, begin + age);
            step.next_check_at - (begin + age)
        };
        assert_eq!(pause(TimeDelta::zero()), TimeDelta::minutes(1));
        assert_eq!(pause(TimeDelta::hours(1)), TimeDelta::minutes(15));
        assert_eq!(pause(TimeDelta::days(3)), TimeDelta::hours(6));
        assert_eq!(pause(TimeDelta::days(90)), DAILY);
    }
}
