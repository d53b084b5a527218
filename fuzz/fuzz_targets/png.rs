#![no_main]

use libfuzzer_sys::fuzz_target;
use rushes_workers::redact::picture::fuzzing::Parser;

fuzz_target!(|bytes: &[u8]| {
    let _ = Parser::Png.run(bytes);
});
