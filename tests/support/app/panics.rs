//! Notices panics that the server survives: in a handler, or in a task that nobody waits for.

use std::panic::PanicHookInfo;
use std::sync::{Mutex, Once, PoisonError};

/// All of this process, since nobody can tell which node a task belonged to.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Notes panics from now on.
pub fn watch() {
    static WATCHING: Once = Once::new();
    WATCHING.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if is_of_the_server(panic) {
                PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(panic.to_string());
            }
            before(panic);
        }));
    });
}

/// Fails if there were any.
#[track_caller]
pub fn assert_none() {
    let panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(panics.is_empty(), "the server panicked: {panics:#?}");
}

/// A test's own panics say that it failed, and come from its file or from what compares snapshots.
fn is_of_the_server(panic: &PanicHookInfo) -> bool {
    panic
        .location()
        .is_none_or(|place| !place.file().starts_with("tests/") && !place.file().contains("insta"))
}
