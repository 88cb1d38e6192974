//! One service with redis-rs: a SET every 100 ms, each in a task of its own.
//!
//! The same protocol as client.py: a JSON object as argument, `ready` once a SET has succeeded, and
//! a JSON line [start, end, error] for each request when the input ends. All options of the library
//! are left at their defaults.

use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use redis::AsyncCommands;
use redis::aio::{ConnectionLike, ConnectionManager};
use redis::cluster::ClusterClient;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

const INTERVAL: Duration = Duration::from_millis(100);

/// A request: its start, and its end and error as far as there are any.
type Row = (f64, Option<f64>, Option<String>);

#[tokio::main]
async fn main() {
    let order = std::env::args().nth(1).expect("an argument");
    let order: Value = serde_json::from_str(&order).expect("a JSON object");
    let port = &order["nodes"][0][1];
    match text(&order["mode"]) {
        "cluster" => {
            let client = ClusterClient::new(urls(&order)).unwrap();
            serve(client.get_async_connection().await.unwrap(), &order).await
        }
        "plain" => {
            let (name, file) = (text(&order["name"]), text(&order["name_file"]));
            NAME.set((CString::new(name).unwrap(), file.to_owned()))
                .unwrap();
            let client = redis::Client::open(format!("redis://{name}:{port}")).unwrap();
            serve(ConnectionManager::new(client).await.unwrap(), &order).await
        }
        mode => panic!("no client for mode {mode}"),
    }
}

fn urls(order: &Value) -> Vec<String> {
    let nodes = order["nodes"].as_array().expect("a list").iter();
    nodes
        .map(|node| format!("redis://{}:{}", text(&node[0]), node[1]))
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

async fn serve<C>(mut client: C, order: &Value)
where
    C: ConnectionLike + Clone + Send + Sync + 'static,
{
    let prefix = text(&order["prefix"]).to_owned();
    let _: () = client.set(format!("{prefix}first"), 1).await.unwrap();
    println!("ready {}", version());

    let rows: Arc<Mutex<Vec<Row>>> = Arc::default();
    let mut input = tokio::io::stdin();
    let mut end = Vec::new();
    let end = input.read_to_end(&mut end);
    tokio::pin!(end);
    let mut ticks = interval_at(Instant::now(), INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        tokio::select! {
            _ = &mut end => break,
            _ = ticks.tick() => {}
        }
        let number = {
            let mut rows = rows.lock().unwrap();
            rows.push((now(), None, None));
            rows.len() - 1
        };
        let (mut client, rows) = (client.clone(), Arc::clone(&rows));
        let key = format!("{prefix}{number}");
        tokio::spawn(async move {
            let result: redis::RedisResult<()> = client.set(key, number).await;
            let row = &mut rows.lock().unwrap()[number];
            row.1 = Some(now());
            row.2 = result
                .err()
                .map(|error| format!("{:?}: {error}", error.kind()));
        });
    }
    let rows = rows.lock().unwrap();
    for row in rows.iter() {
        println!("{}", json!(row));
    }
    // Exit without waiting for requests that are still under way.
    std::process::exit(0);
}

/// The version of redis-rs that was built in.
fn version() -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let (_, rest) = lock.split_once("name = \"redis\"\nversion = \"").unwrap();
    rest.split_once('"').unwrap().0
}

/// CLOCK_MONOTONIC in seconds, as Python's time.monotonic().
fn now() -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid timespec.
    assert_eq!(
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) },
        0
    );
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// A name, and the file that holds its address.
static NAME: OnceLock<(CString, String)> = OnceLock::new();

/// Resolves `NAME` to the address that the file holds now, as a name server without caches. A
/// `ConnectionManager` takes no resolver of its own, so libc's is replaced.
///
/// # Safety
///
/// As getaddrinfo(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn getaddrinfo(
    host: *const c_char,
    service: *const c_char,
    hints: *const libc::addrinfo,
    found: *mut *mut libc::addrinfo,
) -> c_int {
    type Lookup = unsafe extern "C" fn(
        *const c_char,
        *const c_char,
        *const libc::addrinfo,
        *mut *mut libc::addrinfo,
    ) -> c_int;
    // SAFETY: the next definition of this symbol is libc's, which has this type.
    let real: Lookup = unsafe {
        let symbol = libc::dlsym(libc::RTLD_NEXT, c"getaddrinfo".as_ptr());
        assert!(!symbol.is_null());
        std::mem::transmute(symbol)
    };
    // SAFETY: `host` is null or a C string.
    let asked = (!host.is_null()).then(|| unsafe { CStr::from_ptr(host) });
    let address = NAME
        .get()
        .filter(|(name, _)| asked == Some(name.as_c_str()))
        .map(|(_, file)| CString::new(std::fs::read_to_string(file).unwrap().trim()).unwrap());
    // SAFETY: the caller's arguments, or a C string that outlives the call.
    unsafe {
        real(
            address.as_ref().map_or(host, |it| it.as_ptr()),
            service,
            hints,
            found,
        )
    }
}
