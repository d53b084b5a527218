//! The `rushes` binary: one program with a subcommand per role.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use rushes::cli::Cli;
use rushes_models::with_causes;

fn main() -> ExitCode {
    // The decoding process comes first: it needs no runtime, no settings and no log.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|role| role == "decode-child")
    {
        return rushes_workers::child::child_main();
    }
    let cli = Cli::read();
    tracing_subscriber::fmt()
        .with_env_filter(rushes::config::log_filter())
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // If the log's reader is gone, an error message cannot reach it either.
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
    // Do not wait for abandoned work on blocking threads (of requests that went away).
    runtime.shutdown_background();
    outcome.unwrap_or_else(|error| fail(&error))
}

/// Prints the error with its causes.
fn fail(error: &anyhow::Error) -> ExitCode {
    // If this cannot be written either, the exit code must suffice.
    writeln!(std::io::stderr(), "rushes: {}", with_causes(&**error)).ok();
    ExitCode::FAILURE
}
