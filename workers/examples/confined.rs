//! Tries, confined like a decoding process, what a hostile video would attempt. Prints what succeeded.

#![expect(clippy::print_stdout, reason = "its output is its answer")]

use std::io::Write as _;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode};

use rushes_workers::sandbox::{Limits, confine};
use rustix::process::{Signal, getppid, kill_process};

fn main() -> ExitCode {
    // A descriptor that was left open.
    let Ok(mut left_open) = std::fs::File::create("/dev/null") else {
        return ExitCode::FAILURE;
    };
    let listener = TcpListener::bind("127.0.0.1:0");
    let Some(address) = listener
        .as_ref()
        .ok()
        .and_then(|listener| listener.local_addr().ok())
    else {
        return ExitCode::FAILURE;
    };
    if let Err(error) = confine(&Limits::default()) {
        println!("not confined: {error}");
        return ExitCode::FAILURE;
    }
    let deeds: &[(&str, &dyn Fn() -> bool)] = &[
        ("read a file", &|| std::fs::read("/etc/passwd").is_ok()),
        ("write a file", &|| {
            std::fs::write("/tmp/rushes-escaped", b"x").is_ok()
        }),
        ("list a folder", &|| std::fs::read_dir("/").is_ok()),
        ("delete a file", &|| {
            std::fs::remove_file("/tmp/rushes-escaped").is_ok()
        }),
        ("connect", &|| TcpStream::connect(address).is_ok()),
        ("listen", &|| TcpListener::bind("127.0.0.1:0").is_ok()),
        ("send a datagram", &|| {
            UdpSocket::bind("127.0.0.1:0").is_ok()
        }),
        ("make a pair of sockets", &|| UnixStream::pair().is_ok()),
        ("start a program", &|| {
            Command::new("/bin/true").status().is_ok()
        }),
        ("signal its parent", &|| {
            getppid().is_some_and(|parent| kill_process(parent, Signal::CONT).is_ok())
        }),
    ];
    for (deed, tried) in deeds {
        if tried() {
            println!("{deed}");
        }
    }
    if left_open.write_all(b"x").is_ok() {
        println!("write to a descriptor left open");
    }
    // Decoders need threads.
    let worker = std::thread::Builder::new()
        .name("works".to_owned())
        .spawn(|| 42);
    match worker.map(std::thread::JoinHandle::join) {
        Ok(Ok(42)) => println!("done"),
        _ => println!("no threads"),
    }
    ExitCode::SUCCESS
}
