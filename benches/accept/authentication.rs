//! What it costs to know a key.

use std::time::Instant;

use posthaste::domain::api_key::ApiKeyToken;

use crate::bed::Bed;
use crate::machine;
use crate::table::{self, Aims};

/// How many times keys are shown.
const TIMES: usize = 200_000;

/// From the text of a key to its row: known keys, few and many, and keys that were not seen since the start.
///
/// Must be run on a runtime of one thread, whose CPU time is taken.
pub async fn measure(bed: &Bed, few: &[ApiKeyToken], many: &[ApiKeyToken], aims: &mut Aims) {
    table::heading("authentication");
    let keys = bed.keys();
    let text = |tokens: &[ApiKeyToken]| -> Vec<String> {
        tokens.iter().map(|token| token.reveal().to_owned()).collect()
    };
    let verify = async |text: &str| {
        let token: ApiKeyToken = text.parse().unwrap();
        assert!(keys.verify(&token).await.unwrap().is_ok(), "a good key was refused");
    };
    let mut warm = Vec::new();
    for texts in [text(few), text(many)] {
        let began = (Instant::now(), machine::cpu_of_this_thread());
        for text in &texts {
            verify(text).await;
        }
        let shown = f64::from(u32::try_from(texts.len()).unwrap());
        let (took, cpu) =
            (began.0.elapsed().as_secs_f64(), machine::cpu_of_this_thread() - began.1);
        table::figure(&format!("cold, {} keys, us", texts.len()), took / shown * 1e6);
        table::figure(&format!("cold, {} keys, us of CPU here", texts.len()), cpu / shown * 1e6);

        let began = machine::cpu_of_this_thread();
        for number in 0..TIMES {
            // Far apart from one to the next, so that the caches of the processor do not help.
            verify(&texts[number * 7919 % texts.len()]).await;
        }
        let cpu = (machine::cpu_of_this_thread() - began) * 1e6;
        warm.push(cpu / f64::from(u32::try_from(TIMES).unwrap()));
    }
    aims.aim(&format!("warm, {} keys, us of CPU", few.len()), warm[0], "<= 2");
    aims.aim(&format!("warm, {} keys, us of CPU", many.len()), warm[1], "<= 2");
}
