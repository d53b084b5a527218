//! How products with weights are computed: in floats, or in bytes.

/// How the products of a graph are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precision {
    /// In 32-bit floats.
    Exact,
    /// In bytes, with weights of up to this magnitude.
    Bytes(i8),
}

impl Precision {
    /// Bytes, as large as the processor multiplies and adds them without saturation.
    pub(super) fn of_this_processor() -> Self {
        #[cfg(target_arch = "x86_64")]
        if !is_x86_feature_detected!("avx512vnni") && !is_x86_feature_detected!("avxvnni") {
            return Self::Bytes(63);
        }
        Self::Bytes(127)
    }
}

/// Columns of a matrix of `rows` rows as rows.
pub(super) fn transpose(matrix: &[f32], rows: usize) -> Vec<f32> {
    let columns = matrix.len() / rows.max(1);
    let mut transposed = Vec::with_capacity(matrix.len());
    for column in 0..columns {
        transposed.extend(matrix[column..].iter().step_by(columns).copied());
    }
    transposed
}

/// The transposed weights as bytes, and the scale of each output.
pub(super) fn quantised(
    weight: &[f32],
    [outputs, inputs]: [usize; 2],
    most: i8,
) -> (Vec<u8>, Vec<f32>) {
    let scales: Vec<f32> = weight
        .chunks_exact(inputs.max(1))
        .map(|row| row.iter().fold(0.0_f32, |most, x| most.max(x.abs())))
        .map(|largest| (largest / f32::from(most)).max(f32::MIN_POSITIVE))
        .collect();
    let bytes = transpose(weight, outputs)
        .chunks_exact(outputs.max(1))
        .flat_map(|column| {
            column.iter().zip(&scales).map(|(value, scale)| {
                let rounded = (value / scale).round();
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "at most `most` in magnitude"
                )]
                let byte = rounded as i8;
                byte.cast_unsigned()
            })
        })
        .collect();
    (bytes, scales)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_bytes_by_output() {
        // Two outputs of three inputs.
        let weight = [1.0, -0.5, 0.25, 100.0, 0.0, -50.0];
        assert_eq!(transpose(&weight, 2), [1.0, 100.0, -0.5, 0.0, 0.25, -50.0]);
        for most in [63, 127] {
            let (bytes, scales) = quantised(&weight, [2, 3], most);
            for (at, byte) in bytes.iter().enumerate() {
                let (input, output) = (at / 2, at % 2);
                let back = f32::from(byte.cast_signed()) * scales[output];
                let error = (back - weight[output * 3 + input]).abs();
                assert!(error <= scales[output] * 0.501, "{at}: {back}");
            }
        }
    }
}
