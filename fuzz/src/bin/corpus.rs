//! Writes a first corpus for each target: small valid files, `corpus/TARGET/seed-N`.

use std::path::Path;

use rushes_workers::redact::picture::fuzzing::Parser;

fn main() -> std::io::Result<()> {
    for parser in Parser::ALL {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(parser.name());
        std::fs::create_dir_all(&folder)?;
        for (number, seed) in parser.seeds().iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
