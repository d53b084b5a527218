//! The `rushes` binary: one program, a role per subcommand.

use std::process::ExitCode;

use clap::Parser as _;
use rushes::cli::Cli;

fn main() -> ExitCode {
    // The decoding child comes before everything: it needs no runtime, no settings and no log.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|role| role == "decode-child")
    {
        return rushes_workers::sandbox::child_main();
    }
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(rushes::config::log_filter())
        .with_writer(std::io::stderr)
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

#[expect(
    clippy::print_stderr,
    reason = "the one place where an error meets the user"
)]
fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("rushes: {error:#}");
    ExitCode::FAILURE
}
