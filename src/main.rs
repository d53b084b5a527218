//! The `rushes` binary: one program, a role per subcommand.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use rushes::cli::Cli;

fn main() -> ExitCode {
    // The decoding child comes before everything: it needs no runtime, no settings and no log.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|role| role == "decode-child")
    {
        return rushes_workers::child::child_main();
    }
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(rushes::config::log_filter())
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // A log nobody reads any more is no reason to complain to the same nobody.
        .log_internal_errors(false)
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("async")
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    let outcome = runtime.block_on(cli.run());
    // Work on blocking threads that was given up (a request that went away) is not waited for.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|error| fail(&error))
}

/// Tells the user what went wrong: each cause once, for typed errors name theirs already.
fn fail(error: &anyhow::Error) -> ExitCode {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    // If even this cannot be written, the exit code has to do.
    writeln!(std::io::stderr(), "rushes: {text}").ok();
    ExitCode::FAILURE
}
