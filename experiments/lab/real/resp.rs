//! A client of the Redis protocol (RESP2), just enough to ask and to see how an answer fails.
//!
//! The lab is about the ways in which an answer does not come, so a timeout, a refused connection
//! and an error reply stay apart and nothing is ever tried again. Left out: pipelines but for
//! filling a server, push messages, inline commands, RESP3.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `+OK`
    Simple(String),
    /// `-ERR …`, without the minus.
    Error(String),
    /// `:1`
    Integer(i64),
    /// A string; none for nil.
    Bulk(Option<String>),
    /// A list; nil lists are empty.
    Array(Vec<Value>),
}

/// Why no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The connection was refused.
    Refused,
    /// The connection was not accepted in time.
    ConnectTimeout,
    /// No answer in time.
    Timeout,
    /// The connection was closed.
    Reset,
}

/// One connection.
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects to a port of this machine; every later answer has `timeout` as well.
    pub fn open(port: u16, timeout: Duration) -> Result<Connection, Failure> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = TcpStream::connect_timeout(&address, timeout).map_err(|e| match e.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Failure::ConnectTimeout,
            _ => Failure::Refused,
        })?;
        stream.set_nodelay(true).map_err(failure)?;
        stream.set_read_timeout(Some(timeout)).map_err(failure)?;
        stream.set_write_timeout(Some(timeout)).map_err(failure)?;
        Ok(Connection {
            stream: BufReader::new(stream),
        })
    }

    /// Sends one command and waits for its answer.
    pub fn call(&mut self, command: &[&str]) -> Result<Value, Failure> {
        self.send(command)?;
        self.receive()
    }

    /// Sends one command.
    pub fn send(&mut self, command: &[&str]) -> Result<(), Failure> {
        let bytes = encode(command);
        self.stream.get_mut().write_all(&bytes).map_err(failure)
    }

    /// Waits for the answer to a command that was sent.
    pub fn receive(&mut self) -> Result<Value, Failure> {
        self.read().map_err(failure)
    }

    /// Sends many commands at once and waits for all answers.
    pub fn call_all(&mut self, commands: &[Vec<&str>]) -> Result<Vec<Value>, Failure> {
        let bytes: Vec<u8> = commands.iter().flat_map(|c| encode(c)).collect();
        self.stream.get_mut().write_all(&bytes).map_err(failure)?;
        let answers = commands.iter().map(|_| self.read().map_err(failure));
        answers.collect()
    }

    fn read(&mut self) -> io::Result<Value> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let line = line.trim_end();
        let (kind, rest) = line.split_at_checked(1).ok_or_else(malformed)?;
        let number = || rest.parse::<i64>().map_err(|_| malformed());
        Ok(match kind {
            "+" => Value::Simple(rest.to_owned()),
            "-" => Value::Error(rest.to_owned()),
            ":" => Value::Integer(number()?),
            "$" => Value::Bulk(match usize::try_from(number()?) {
                Ok(length) => Some(self.read_bytes(length)?),
                Err(_) => None,
            }),
            "*" => Value::Array(
                (0..number()?)
                    .map(|_| self.read())
                    .collect::<Result<_, _>>()?,
            ),
            _ => return Err(malformed()),
        })
    }

    fn read_bytes(&mut self, length: usize) -> io::Result<String> {
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes)?;
        bytes.truncate(length);
        String::from_utf8(bytes).map_err(|_| malformed())
    }
}

impl Value {
    /// The text of a string or status.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Simple(text) | Value::Bulk(Some(text)) => Some(text),
            Value::Error(_) | Value::Integer(_) | Value::Bulk(None) | Value::Array(_) => None,
        }
    }

    /// The number of an integer.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Value::Integer(number) => Some(*number),
            Value::Simple(_) | Value::Error(_) | Value::Bulk(_) | Value::Array(_) => None,
        }
    }

    /// The items of a list.
    pub fn items(&self) -> &[Value] {
        match self {
            Value::Array(items) => items,
            Value::Simple(_) | Value::Error(_) | Value::Integer(_) | Value::Bulk(_) => &[],
        }
    }

    /// The first word of an error, such as `OOM`.
    pub fn error_code(&self) -> Option<&str> {
        match self {
            Value::Error(text) => text.split_whitespace().next(),
            Value::Simple(_) | Value::Integer(_) | Value::Bulk(_) | Value::Array(_) => None,
        }
    }
}

fn encode(command: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
    for word in command {
        bytes.extend(format!("${}\r\n{word}\r\n", word.len()).into_bytes());
    }
    bytes
}

fn failure(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Failure::Timeout,
        _ => Failure::Reset,
    }
}

fn malformed() -> io::Error {
    io::ErrorKind::InvalidData.into()
}
