//! One `redis-server` process: started in a directory of its own, on a free loopback port, killed
//! when dropped.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::resp::{Connection, Failure, Value};
use super::wait;

/// The program, found along the path. `--sentinel` makes it a Sentinel.
pub const PROGRAM: &str = "redis-server";

/// How long a command may take that is not itself under test.
const PATIENCE: Duration = Duration::from_secs(10);

/// What every data node of the lab is started with; all else is the built-in default.
pub const DATA_NODE: &str = "\
bind 127.0.0.1
protected-mode no
daemonize no
loglevel notice
save \"\"
appendonly no
repl-diskless-sync yes
repl-diskless-sync-delay 0
repl-diskless-load disabled
repl-timeout 60
repl-ping-replica-period 10
repl-backlog-size 1mb
replica-serve-stale-data yes
replica-read-only yes
replica-ignore-maxmemory yes
min-replicas-to-write 0
hz 10
dynamic-hz yes
tcp-keepalive 300
timeout 0
";

/// A server, running or not.
pub struct Server {
    child: Child,
    arguments: Vec<String>,
    directory: PathBuf,
    /// Where clients connect.
    pub port: u16,
}

impl Server {
    /// Starts a server whose configuration file holds `config`, in `parent/name`.
    pub fn start(parent: &Path, name: &str, port: u16, config: &str, extra: &[&str]) -> Server {
        let directory = parent.join(name);
        fs::create_dir_all(&directory).expect("the temporary directory takes it");
        let file = directory.join("redis.conf");
        let text = format!("port {port}\ndir {}\n{config}", directory.display());
        fs::write(&file, text).expect("the temporary directory takes it");
        let mut arguments = vec![file.display().to_string()];
        arguments.extend(extra.iter().map(|&word| word.to_owned()));
        Server {
            child: spawn(&directory, &arguments, &[]),
            arguments,
            directory,
            port,
        }
    }

    /// Starts the process again after a kill, with more arguments.
    pub fn restart(&mut self, extra: &[&str]) {
        self.child = spawn(&self.directory, &self.arguments, extra);
    }

    /// SIGKILL; waits until the process is gone.
    pub fn kill(&mut self) {
        self.send_kill();
        self.child.wait().expect("a child can be waited for");
    }

    /// SIGKILL, without waiting.
    pub fn send_kill(&mut self) {
        self.child.kill().expect("a child can be killed");
    }

    /// SIGTERM; waits until the process is gone.
    pub fn terminate(&mut self) {
        self.signal(Signal::TERM);
        self.child.wait().expect("a child can be waited for");
    }

    /// SIGSTOP.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a child takes signals");
    }

    /// A new connection that waits as long as a busy machine may need.
    pub fn connect(&self) -> Result<Connection, Failure> {
        Connection::open(self.port, PATIENCE)
    }

    /// One command on a connection of its own.
    pub fn ask(&self, command: &[&str]) -> Result<Value, Failure> {
        self.connect()?.call(command)
    }

    /// The same where the server is known to answer with anything but an error.
    #[track_caller]
    pub fn expect(&self, command: &[&str]) -> Value {
        match self.ask(command) {
            Ok(Value::Error(text)) => panic!("{command:?}: {text}\n{}", self.log()),
            Ok(value) => value,
            Err(failure) => panic!("{command:?}: {failure:?}\n{}", self.log()),
        }
    }

    /// One field of INFO.
    #[track_caller]
    pub fn info(&self, section: &str, field: &str) -> Option<String> {
        let info = self.expect(&["INFO", section]);
        let lines = info.text().expect("INFO is a text").lines();
        let mut values = lines.filter_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        values.next().map(str::to_owned)
    }

    /// Waits for the first +PONG.
    #[track_caller]
    pub fn wait_until_up(&mut self) {
        wait::until_true("+PONG after the start", Duration::from_secs(20), || {
            let ended = self.child.try_wait().expect("a child can be waited for");
            assert!(ended.is_none(), "redis-server ended:\n{}", self.log());
            self.ask(&["PING"]) == Ok(Value::Simple("PONG".to_owned()))
        });
    }

    /// Where its files are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Everything that it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already, and a panic on the way out would hide the first one.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(directory: &Path, arguments: &[String], extra: &[&str]) -> Child {
    let log = directory.join("log");
    let log = File::options().create(true).append(true).open(log);
    let log = log.expect("the temporary directory takes it");
    Command::new(PROGRAM)
        .args(arguments)
        .args(extra)
        .env("TZ", "UTC")
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a file can be shared"))
        .stderr(log)
        .spawn()
        .expect("redis-server was found before")
}

/// A port of this machine that nobody listens on now.
///
/// Ports are taken from below the range that the kernel hands to outgoing connections: one that it
/// chose itself might be the far end of somebody's connection by the time the server starts.
pub fn free_port() -> u16 {
    const FIRST: u16 = 11_000;
    const COUNT: u16 = 20_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % 1_000).expect("below 1000") * 20;
    for _ in 0..COUNT {
        let next = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (own + next) % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port on loopback");
}
