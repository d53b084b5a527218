//! A program that is only a decoding process, for the tests of the sandbox.

fn main() -> std::process::ExitCode {
    rushes_workers::child::child_main()
}
