//! What was measured, for people.

#![expect(clippy::print_stdout, reason = "this is what the program is for")]

/// The figures that should be above or below others.
#[derive(Default)]
pub struct Aims {
    kept_for_the_end: Vec<(String, f64, &'static str)>,
}

impl Aims {
    /// A figure that should be above or below another.
    pub fn aim(&mut self, what: &str, value: f64, aim: &'static str) {
        figure(what, value);
        if !aim.is_empty() {
            self.kept_for_the_end.push((what.to_owned(), value, aim));
        }
    }

    /// All aims together.
    pub fn conclude(&self) {
        println!("\n{:<52} {:>10}  {:<8}", "aims", "measured", "aim");
        for (what, value, aim) in &self.kept_for_the_end {
            let kept = match aim.split_once(' ') {
                Some((">=", bound)) => bound.parse().is_ok_and(|bound: f64| *value >= bound),
                Some(("<=", bound)) => bound.parse().is_ok_and(|bound: f64| *value <= bound),
                _ => false,
            };
            println!(
                "{what:<52} {:>10}  {aim:<8} {}",
                number(*value),
                if kept { "" } else { "NOT KEPT" }
            );
        }
    }
}

/// Begins a part.
pub fn heading(text: &str) {
    println!("\n{text}");
}

/// A figure.
pub fn figure(what: &str, value: f64) {
    println!("  {what:<52} {:>10}", number(value));
}

/// Requests a second, p50 and p99 in ms, CPU seconds per 1000 of the server and of Postgres.
pub fn load(what: &str, [rate, p50, p99, server, postgres]: [f64; 5]) {
    println!(
        "  {what:<42} {rate:>7.0}/s  p50 {p50:>6.2} p99 {p99:>6.2} ms  CPU-s/1000: server {server:.3} + Postgres \
         {postgres:.3} = {:.3}",
        server + postgres
    );
}

fn number(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}
