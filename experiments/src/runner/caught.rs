//! Panics of a trial, caught and put in words.
//!
//! The hook is installed once, when the program starts. Inside [`caught`] it prints nothing and
//! remembers what was said and where; everywhere else a panic is as loud as ever.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

thread_local! {
    // A hook is given the panic and nothing else, so what it hears is left here.
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static HEARD: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Makes panics inside [`caught`] silent. Called at the start of the program; once is enough.
pub fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if CATCHING.get() {
                HEARD.set(Some(in_words(panic)));
            } else {
                loud(panic);
            }
        }));
    });
}

/// What `job` returns; if it panics, what it said, and where.
pub fn caught<T>(job: impl FnOnce() -> T) -> Result<T, String> {
    let before = CATCHING.replace(true);
    // Nothing that the job has changed is looked at after a panic.
    let ended = catch_unwind(AssertUnwindSafe(job));
    CATCHING.set(before);
    ended.map_err(|panic| match HEARD.take() {
        Some(words) => words,
        None => format!("it panicked: {}", payload(panic.as_ref())),
    })
}

fn in_words(panic: &PanicHookInfo) -> String {
    let words = payload(panic.payload());
    match panic.location() {
        Some(at) => format!("it panicked at {}:{}: {words}", at.file(), at.line()),
        None => format!("it panicked: {words}"),
    }
}

fn payload(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a word")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_with_its_place_and_the_job_after_it_runs() {
        install_hook();
        let words = caught(|| panic!("a broken {}", "promise")).unwrap_err();
        let here = format!("it panicked at {}:", file!());
        assert!(words.starts_with(&here), "{words}");
        assert!(words.ends_with(": a broken promise"), "{words}");
        assert_eq!(caught(|| 7), Ok(7));
        assert!(!CATCHING.get(), "a panic outside is loud again");
    }
}
