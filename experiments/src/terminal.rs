//! The one place that writes to the terminal: results to stdout, messages to stderr.

use std::io::{self, IsTerminal as _, Write as _};

/// Writes a result to stdout. A reader that has gone away ends the program quietly, as it would
/// any filter.
pub fn result(text: &str) {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    if let Err(error) = written {
        if error.kind() != io::ErrorKind::BrokenPipe {
            message(&format!("error: cannot write to standard output: {error}"));
        }
        std::process::exit(if error.kind() == io::ErrorKind::BrokenPipe {
            0
        } else {
            2
        });
    }
}

/// Writes a line for people to stderr; a failure to write is ignored.
pub fn message(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// May results on stdout be dressed in colour?
pub fn colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// May messages on stderr be dressed in colour?
pub fn message_colour() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Columns of the terminal that results go to; a fixed number where there is none.
pub fn width() -> usize {
    const NARROWEST: usize = 100;
    const WITHOUT: usize = 170;
    match io::stdout().is_terminal() {
        true => usize::from(console::Term::stdout().size().1).max(NARROWEST),
        false => WITHOUT,
    }
}

/// Is somebody watching stderr?
pub fn watched() -> bool {
    io::stderr().is_terminal()
}
