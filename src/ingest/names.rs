//! Names of uploaded files.

/// The sender's file name with only letters that are safe in a key.
#[must_use]
pub fn safe_name(name: &str) -> String {
    let name: String = name
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') {
                c
            } else {
                '_'
            }
        })
        .collect();
    // The extension is at the end; of a long name the end is kept.
    let name = &name[name.len().saturating_sub(100)..];
    let name = name.trim_start_matches('.');
    if name.is_empty() {
        "video".to_owned()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_senders_file_name_cannot_leave_its_folder() {
        assert_eq!(safe_name("../../etc/passwd"), "passwd");
        assert_eq!(safe_name("C:\\videos\\a b.mp4"), "a_b.mp4");
        assert_eq!(safe_name(".."), "video");
        assert_eq!(safe_name(""), "video");
        assert_eq!(safe_name(&"x".repeat(300)).len(), 100);
    }
}
