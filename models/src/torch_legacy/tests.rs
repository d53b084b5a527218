use super::*;

/// Assembles a legacy file by hand: the fixed pickles around a state pickle, and the storages.
fn file(state: &[u8], keys: &[&str], storages: &[&[u8]]) -> Vec<u8> {
    let mut bytes = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    bytes.extend(b"\x80\x02M\xe9\x03.");
    bytes.extend(b"\x80\x02}X\x0d\x00\x00\x00little_endian\x88s.");
    bytes.extend(state);
    bytes.extend(b"\x80\x02]");
    for key in keys {
        bytes.extend(text(key));
        bytes.push(b'a');
    }
    bytes.push(b'.');
    for storage in storages {
        bytes.extend(*storage);
    }
    bytes
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = vec![b'X'];
    bytes.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

/// A state with one tensor `w` of the given shape and strides in storage `s` of the given type.
fn state(kind: &str, shape: [u8; 2], strides: [u8; 2], offset: u8) -> Vec<u8> {
    let mut bytes = b"\x80\x02ccollections\nOrderedDict\n)R".to_vec();
    bytes.extend(text("w"));
    bytes.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
    bytes.extend(text("storage"));
    bytes.extend(format!("ctorch\n{kind}\n").bytes());
    bytes.extend(text("s"));
    bytes.extend(text("cpu"));
    bytes.extend(b"K\x06NtQ");
    bytes.extend([
        b'K', offset, b'K', shape[0], b'K', shape[1], 0x86, b'K', strides[0], b'K', strides[1],
        0x86,
    ]);
    bytes.extend(b"\x89ccollections\nOrderedDict\n)RtRs.");
    bytes
}

fn floats(values: &[f32]) -> Vec<u8> {
    let mut bytes = (values.len() as u64).to_le_bytes().to_vec();
    bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    bytes
}

const SIX: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];

#[test]
fn a_float_tensor_is_read_with_its_shape() {
    let bytes = file(
        &state("FloatStorage", [2, 3], [3, 1], 0),
        &["s"],
        &[&floats(&SIX)],
    );
    let tensors = read(&bytes).unwrap();
    assert_eq!(
        tensors["w"],
        Tensor {
            shape: vec![2, 3],
            data: TensorData::F32(SIX.to_vec())
        }
    );
}

#[test]
fn an_integer_tensor_is_read_from_its_offset() {
    let mut storage = 3_u64.to_le_bytes().to_vec();
    storage.extend([7_i64, -8, 9].iter().flat_map(|v| v.to_le_bytes()));
    let tensors = read(&file(
        &state("LongStorage", [1, 2], [2, 1], 1),
        &["s"],
        &[&storage],
    ))
    .unwrap();
    assert_eq!(
        tensors["w"],
        Tensor {
            shape: vec![1, 2],
            data: TensorData::I64(vec![-8, 9])
        }
    );
}

#[test]
fn a_pickle_that_would_run_a_command_is_refused_by_name() {
    let mut hostile = b"\x80\x02cos\nsystem\n".to_vec();
    hostile.extend(text("touch /tmp/owned"));
    hostile.extend(b"\x85R.");
    let error = read(&file(&hostile, &[], &[])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("os.system"), "{error}");
}

#[test]
fn an_instruction_outside_the_list_is_refused() {
    // `i` (INST) would import and call in one step.
    let error = read(&file(b"\x80\x02(ios\nsystem\n.", &[], &[])).unwrap_err();
    assert!(
        matches!(error, TorchError::RefusedOpcode { opcode: b'i', .. }),
        "{error}"
    );
}

#[test]
fn sizes_that_the_file_cannot_hold_are_refused_before_any_allocation() {
    let mut storage = u64::MAX.to_le_bytes().to_vec();
    let refused = |storage: &[u8]| {
        read(&file(
            &state("FloatStorage", [2, 3], [3, 1], 0),
            &["s"],
            &[storage],
        ))
        .unwrap_err()
    };
    assert!(matches!(refused(&storage), TorchError::Truncated { .. }));
    storage[..8].copy_from_slice(&(1_u64 << 60).to_le_bytes());
    assert!(matches!(refused(&storage), TorchError::Truncated { .. }));
    let past = read(&file(
        &state("FloatStorage", [200, 200], [200, 1], 0),
        &["s"],
        &[&floats(&SIX)],
    ))
    .unwrap_err();
    assert!(
        matches!(past, TorchError::TooMuchSharing | TorchError::Tensor { .. }),
        "{past}"
    );
}

#[test]
fn a_tensor_stored_by_columns_is_read_by_rows() {
    let bytes = file(
        &state("FloatStorage", [2, 3], [1, 2], 0),
        &["s"],
        &[&floats(&SIX)],
    );
    let by_rows = vec![1.0, 3.0, 5.0, 2.0, 4.0, 6.0];
    assert_eq!(read(&bytes).unwrap()["w"].data, TensorData::F32(by_rows));
}

#[test]
fn strides_that_leave_the_storage_are_refused() {
    let bytes = file(
        &state("FloatStorage", [2, 3], [4, 1], 0),
        &["s"],
        &[&floats(&SIX)],
    );
    let error = read(&bytes).unwrap_err();
    assert!(matches!(error, TorchError::Tensor { .. }), "{error}");
}

#[test]
fn tensors_that_share_one_storage_too_often_are_refused() {
    let one = state("FloatStorage", [1, 6], [6, 1], 0);
    // The same tensor repeatedly through the memo: small in the file, large in memory.
    let mut bytes = one[..one.len() - 2].to_vec();
    bytes.extend(b"q\x01s");
    for i in 0..200_u8 {
        bytes.extend(text(&i.to_string()));
        bytes.extend(b"h\x01s");
    }
    bytes.push(b'.');
    let storage = floats(&[0.0; 6]);
    let ok = read(&file(&bytes, &["s"], &[&storage]));
    assert_eq!(ok.unwrap().len(), 201, "a little sharing is sound");

    let large = state("FloatStorage", [255, 255], [255, 1], 0);
    let mut bytes = large[..large.len() - 2].to_vec();
    bytes.extend(b"q\x01s");
    for name in ["a", "b", "c", "d", "e"] {
        bytes.extend(text(name));
        bytes.extend(b"h\x01s");
    }
    bytes.push(b'.');
    let error = read(&file(&bytes, &["s"], &[&floats(&vec![0.0; 255 * 255])])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[test]
fn deep_nesting_neither_overflows_nor_hangs() {
    let mut deep = b"\x80\x02N".to_vec();
    deep.extend(std::iter::repeat_n(0x85, 1_000_000));
    deep.push(b'.');
    assert!(matches!(
        read(&file(&deep, &[], &[])).unwrap_err(),
        TorchError::NotLegacy { .. }
    ));
}

#[test]
fn every_truncation_is_an_error_and_never_a_panic() {
    let bytes = file(
        &state("FloatStorage", [2, 3], [3, 1], 0),
        &["s"],
        &[&floats(&SIX)],
    );
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length]).is_err(), "{length}");
    }
}

#[test]
fn the_zip_format_is_told_apart() {
    let error = read(b"PK\x03\x04").unwrap_err();
    assert!(error.to_string().contains("zip"), "{error}");
}

proptest::proptest! {
    #[test]
    fn a_changed_byte_never_panics(at in 0_usize..400, value: u8) {
        let mut bytes = file(&state("FloatStorage", [2, 3], [3, 1], 0), &["s"], &[&floats(&SIX)]);
        let at = at % bytes.len();
        bytes[at] = value;
        drop(read(&bytes));
    }
}
