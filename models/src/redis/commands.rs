//! Which commands work when: at `maxmemory` with nothing to evict, and after a failed save.
//!
//! Two flags decide (src/commands/*.json of Redis 7.0.15): a command that *writes*, and one that
//! may need memory and is *denied* at the limit. 59 commands and subcommands are denied, 49 write
//! without being denied (they free memory or need none), and the others do neither; the lists
//! below hold the first two kinds.
//!
//! | request | at `maxmemory` (server.c: processCommand) | after a failed save |
//! | --- | --- | --- |
//! | command | -OOM if it is denied | -MISCONF if it writes, or is PING |
//! | in MULTI | -OOM, whatever it is, and EXEC aborts; a DISCARD works | when EXEC is called |
//! | script, plain | -OOM if its *first* write is denied (script.c: scriptVerifyOOM) | its writes |
//! | script, shebang | -OOM at once unless `no-writes` or `allow-oom` | unless `no-writes` |
//!
//! Left out: access rules, commands of modules, and the order of two refusals at once (-OOM is
//! checked first).

use demand::answer::Cause;

use super::capability::Reply;

/// Commands that are refused at `maxmemory` (CMD_DENYOOM). All of them write.
const DENIED: &str = "\
    APPEND, BITFIELD, BITOP, BLMOVE, BRPOPLPUSH, COPY, DECR, DECRBY, FUNCTION LOAD, \
    FUNCTION RESTORE, GEOADD, GEORADIUS, GEORADIUSBYMEMBER, GEOSEARCHSTORE, GETSET, HINCRBY, \
    HINCRBYFLOAT, HMSET, HSET, HSETNX, INCR, INCRBY, INCRBYFLOAT, LINSERT, LMOVE, LPUSH, \
    LPUSHX, LSET, MSET, MSETNX, PFADD, PFDEBUG, PFMERGE, PSETEX, RESTORE, RESTORE-ASKING, \
    RPOPLPUSH, RPUSH, RPUSHX, SADD, SDIFFSTORE, SET, SETBIT, SETEX, SETNX, SETRANGE, \
    SINTERSTORE, SORT, SUNIONSTORE, XADD, XGROUP CREATE, XGROUP CREATECONSUMER, XSETID, ZADD, \
    ZDIFFSTORE, ZINCRBY, ZINTERSTORE, ZRANGESTORE, ZUNIONSTORE";

/// Commands that write and are not refused at `maxmemory`.
const WRITES: &str = "\
    BLMPOP, BLPOP, BRPOP, BZMPOP, BZPOPMAX, BZPOPMIN, DEL, EXPIRE, EXPIREAT, FLUSHALL, \
    FLUSHDB, FUNCTION DELETE, FUNCTION FLUSH, GETDEL, GETEX, HDEL, LMPOP, LPOP, LREM, LTRIM, \
    MIGRATE, MOVE, PERSIST, PEXPIRE, PEXPIREAT, RENAME, RENAMENX, RPOP, SMOVE, SPOP, SREM, \
    SWAPDB, UNLINK, XACK, XAUTOCLAIM, XCLAIM, XDEL, XGROUP DELCONSUMER, XGROUP DESTROY, \
    XGROUP SETID, XREADGROUP, XTRIM, ZMPOP, ZPOPMAX, ZPOPMIN, ZREM, ZREMRANGEBYLEX, \
    ZREMRANGEBYRANK, ZREMRANGEBYSCORE";

/// Bytes of a DEL of one key whose name has this length, as it goes into the stream and the
/// append-only file: `*2`, `$3`, `DEL`, `$24` and the name, each with CR and LF.
pub fn del_bytes(key_length: u64) -> f64 {
    let digits = key_length.max(1).ilog10() + 1;
    (4 + 4 + 5 + 1 + u64::from(digits) + 2 + key_length + 2) as f64
}

/// Something that a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// One command; a subcommand stands behind its container: `XGROUP CREATE`.
    Command(&'a str),
    /// MULTI, these commands, EXEC.
    Transaction(&'a [&'a str]),
    /// A script, with the commands that it calls in turn.
    Script(Script, &'a [&'a str]),
}

/// How a script is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// EVAL without a shebang line.
    Plain,
    /// EVAL without a shebang line, whose commands are called so that their errors are swallowed.
    Forgiving,
    /// A shebang line without flags.
    Declared,
    /// A shebang line with `allow-oom`.
    AllowOom,
    /// A shebang line with `no-writes`, or EVAL_RO, FCALL_RO.
    NoWrites,
}

/// May this command be refused at `maxmemory`?
pub fn denied_at_maxmemory(command: &str) -> bool {
    DENIED.split(", ").any(|denied| denied == command)
}

/// Does this command write?
pub fn writes(command: &str) -> bool {
    denied_at_maxmemory(command) || WRITES.split(", ").any(|writes| writes == command)
}

impl Request<'_> {
    /// What a primary at `maxmemory` replies that has nothing to evict.
    pub fn at_maxmemory(self) -> Reply {
        let refused = match self {
            Request::Command(command) => denied_at_maxmemory(command),
            Request::Transaction(commands) => !commands.is_empty(),
            Request::Script(script, commands) => match script {
                // What was written before cannot be undone, so a script goes on once it has.
                Script::Plain => commands
                    .iter()
                    .find(|command| writes(command))
                    .is_some_and(|first| denied_at_maxmemory(first)),
                Script::Declared => true,
                Script::Forgiving | Script::AllowOom | Script::NoWrites => false,
            },
        };
        reply(refused, Cause::Oom)
    }

    /// What a primary replies whose last save has failed, with `stop-writes-on-bgsave-error`.
    pub fn after_failed_save(self) -> Reply {
        let refused = match self {
            Request::Command(command) => writes(command) || command == "PING",
            Request::Transaction(commands) => commands.iter().any(|command| writes(command)),
            Request::Script(script, commands) => match script {
                Script::Plain => commands.iter().any(|command| writes(command)),
                Script::Declared | Script::AllowOom => true,
                Script::Forgiving | Script::NoWrites => false,
            },
        };
        reply(refused, Cause::Misconf)
    }
}

fn reply(refused: bool, cause: Cause) -> Reply {
    if refused {
        Reply::Error(cause)
    } else {
        Reply::Fine
    }
}
