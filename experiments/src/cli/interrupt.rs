//! What an interruption does to work that takes its time: the first asks it to end with what it
//! has, the second ends the program at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::terminal;

/// Ctrl-C, a plain kill, and a terminal that is closed.
#[cfg(unix)]
const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, signal_hook::consts::SIGHUP];
#[cfg(not(unix))]
const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

/// What has been asked for so far.
#[derive(Clone, Debug)]
pub(super) struct Interrupt {
    stop: Arc<AtomicBool>,
    /// The number of the last signal.
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// From now on, signals ask for an end instead of being one.
    pub fn heed() -> Interrupt {
        let interrupt = Interrupt {
            stop: Arc::default(),
            signal: Arc::new(AtomicUsize::new(SIGINT as usize)),
        };
        for signal in SIGNALS {
            if let Err(error) = interrupt.register(signal) {
                terminal::message(&format!("note: an interruption will keep nothing: {error}"));
            }
        }
        interrupt
    }

    fn register(&self, signal: i32) -> std::io::Result<()> {
        let number = signal as usize;
        // Looks at the flag before the first signal sets it.
        flag::register_conditional_shutdown(signal, exit_code(number), Arc::clone(&self.stop))?;
        flag::register_usize(signal, Arc::clone(&self.signal), number)?;
        flag::register(signal, Arc::clone(&self.stop))?;
        Ok(())
    }

    /// Set by the first signal.
    pub fn stop(&self) -> &AtomicBool {
        &self.stop
    }

    /// Has one come?
    pub fn has_come(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// How a program ends that a signal has interrupted: 130 for Ctrl-C, 143 for a plain kill.
    pub fn exit_code(&self) -> u8 {
        exit_code(self.signal.load(Ordering::Relaxed)) as u8
    }
}

fn exit_code(signal: usize) -> i32 {
    128 + signal as i32
}
