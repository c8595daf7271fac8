use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;

fn key() -> ApiKey {
    let now = Utc::now();
    ApiKey {
        id: ApiKeyId::generate(),
        account: AccountId::from(uuid::Uuid::nil()),
        project: None,
        name: "Key".into(),
        key_type: KeyType::Account,
        mode: KeyMode::Live,
        display_key: String::new(),
        permissions: Permission::ALL.to_vec(),
        restrictions: Restrictions::default(),
        per_second: None,
        per_minute: None,
        active: true,
        expires_at: None,
        revoked_at: None,
        created_at: now,
        created_by: String::new(),
        replaces: None,
    }
}

#[test]
fn a_key_has_expired_at_the_very_moment_that_it_names() {
    let end = Utc::now();
    let key = ApiKey { expires_at: Some(end), ..key() };
    let instant = TimeDelta::nanoseconds(1);
    assert_eq!(key.status(end - instant), KeyStatus::Active);
    assert_eq!(key.status(end), KeyStatus::Expired);
    assert_eq!(key.status(end + instant), KeyStatus::Expired);
    let off = ApiKey { active: false, ..key };
    assert_eq!(off.status(end - instant), KeyStatus::Inactive);
    let revoked = ApiKey { revoked_at: Some(end), ..off };
    assert_eq!(revoked.status(end - instant), KeyStatus::Revoked);
}

#[test]
fn test_keys_are_ten_times_as_fast_and_stored_nonsense_is_not_believed() {
    let default = RateLimit::default();
    assert_eq!(key().limit(default), default);
    let test = ApiKey { mode: KeyMode::Test, per_second: Some(3), ..key() };
    assert_eq!(test.limit(default).per_second().get(), 30);
    assert_eq!(test.limit(default).per_minute().get(), 500);
    let nonsense = ApiKey { per_second: Some(0), per_minute: Some(u32::MAX), ..key() };
    assert_eq!(nonsense.limit(default), default);
}

#[test]
fn a_key_of_a_project_covers_no_other_project_and_no_account() {
    let project = |byte| Some(ProjectId::from(uuid::Uuid::from_u128(byte)));
    let of = |project| ApiKey { key_type: KeyType::Project, project, ..key() };
    let exceeded = |one: &ApiKey, other: &ApiKey| one.exceeded_by(other, RateLimit::default());
    assert_eq!(exceeded(&of(project(1)), &of(project(2))), ["projectId"]);
    assert_eq!(exceeded(&of(project(1)), &key()), ["type"]);
    assert!(exceeded(&key(), &of(project(1))).is_empty());
    let foreign = ApiKey { account: AccountId::generate(), ..key() };
    assert_eq!(exceeded(&key(), &foreign), ["type"]);
}

fn some<T: Clone + std::fmt::Debug + 'static>(values: &[T]) -> impl Strategy<Value = T> + use<T> {
    prop::sample::select(values.to_vec())
}

fn entries<T>(all: &'static [&'static str]) -> impl Strategy<Value = Option<Vec<T>>>
where
    T: FromStr<Err: std::fmt::Debug> + std::fmt::Debug,
{
    prop::option::of(
        prop::sample::subsequence(all, 0..=all.len())
            .prop_map(|chosen| chosen.into_iter().map(|text| text.parse().unwrap()).collect()),
    )
}

prop_compose! {
    fn restrictions()(
        domains in entries(&["a.example", "b.example", "a.b.example"]),
        recipients in entries(&["a.example", "ada@a.example", "bob@b.example"]),
        ip_allowlist in entries(&["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "::/0"]),
        ip_allowlist_dry_run in any::<bool>(),
    ) -> Restrictions {
        Restrictions { domains, recipients, ip_allowlist, ip_allowlist_dry_run }
    }
}

prop_compose! {
    fn any_key()(
        project in some(&[None, Some(1_u128), Some(2)]),
        mode in some(&KeyMode::ALL),
        permissions in prop::sample::subsequence(&[Permission::MailsSend, Permission::KeysWrite][..], 0..=2),
        restrictions in restrictions(),
        per_second in some(&[None, Some(1), Some(2), Some(3)]),
        per_minute in some(&[None, Some(49), Some(51)]),
        expires in some(&[None, Some(1), Some(2)]),
        active in any::<bool>(),
    ) -> ApiKey {
        ApiKey {
            project: project.map(|one| ProjectId::from(uuid::Uuid::from_u128(one))),
            key_type: if project.is_some() { KeyType::Project } else { KeyType::Account },
            mode,
            permissions,
            restrictions,
            per_second,
            per_minute,
            expires_at: expires.map(|seconds| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)),
            active,
            ..key()
        }
    }
}

proptest! {
    // Few of them are one within the other.
    #![proptest_config(ProptestConfig::with_cases(5000))]

    /// However long the chain of keys that make keys, its end may do no more than its beginning.
    #[test]
    fn to_be_no_wider_is_handed_on(one in any_key(), two in any_key(), three in any_key()) {
        let default = RateLimit::default();
        prop_assert!(one.exceeded_by(&one, default).is_empty());
        if one.exceeded_by(&two, default).is_empty() && two.exceeded_by(&three, default).is_empty() {
            prop_assert!(one.exceeded_by(&three, default).is_empty());
        }
    }

    /// What a narrower key lets pass, the wider one does.
    #[test]
    fn whoever_exceeds_nothing_does_nothing_more(
        own in restrictions(),
        other in restrictions(),
        place in some(&["10.1.2.3", "10.1.9.9", "10.9.9.9", "192.0.2.1", "2001:db8::1", "::ffff:10.1.2.3"]),
        address in some(&["ada@a.example", "ADA@a.example", "bob@b.example", "eve@a.b.example", "eve@c.example"]),
    ) {
        if own.exceeded_by(&other).is_empty() {
            let (place, address) = (place.parse().unwrap(), address.parse().unwrap());
            prop_assert!(own.admit_address(place) || !other.admit_address(place));
            prop_assert!(own.allow_sender(&address) || !other.allow_sender(&address));
            prop_assert!(own.allow_recipient(&address) || !other.allow_recipient(&address));
        }
    }
}
