//! Who may give and take which role: nobody raises anyone above himself.

use super::api_key::KeyMode;
use super::caller::{Actor, Caller, Role};
use super::permission::Permission;
use super::restrictions::Restrictions;

/// Whether this caller may make somebody one of this role, or change somebody who is.
///
/// A key may do so as far as it may do all that the role may, and never with owners: else a key that only invites would
/// invite its holder to everything. A key with restrictions or an end may not, since no role knows them.
pub fn may_give(caller: &Caller, role: Role) -> bool {
    match &caller.actor {
        Actor::Person(person) => may_give_as(person.role, role),
        Actor::Key(key) => {
            let Restrictions { domains, recipients, ip_allowlist, .. } = &key.restrictions;
            let is_bound = domains.is_some()
                || recipients.is_some()
                || ip_allowlist.is_some()
                || key.expires_at.is_some()
                || key.mode == KeyMode::Test;
            let within = Permission::ALL
                .iter()
                .all(|permission| !role.may(*permission) || caller.may(*permission));
            role != Role::Owner && !is_bound && within && caller.stands_for_account()
        }
    }
}

/// Whether somebody of the one role may make others of the other: owners all, everybody else up to their own.
pub fn may_give_as(own: Role, role: Role) -> bool {
    place(role) >= place(own)
}

fn place(role: Role) -> usize {
    Role::ALL.iter().position(|known| *known == role).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gives_more_than_there_is_to_give() {
        use Role::{Admin, Member, Owner, Viewer};
        let given = |own: Role| Role::ALL.into_iter().filter(move |role| may_give_as(own, *role));
        assert!(given(Owner).eq([Owner, Admin, Member, Viewer]));
        assert!(given(Admin).eq([Admin, Member, Viewer]));
        assert!(given(Viewer).eq([Viewer]));
    }
}
