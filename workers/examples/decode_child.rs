//! A program that is nothing but a decoding child, for the tests of the sandbox.

fn main() -> std::process::ExitCode {
    rushes_workers::child::child_main()
}
