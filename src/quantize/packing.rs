//! The weights of an encoder in fewer bits than int8 has.

use std::sync::Mutex;

use super::compensate::{Correlation, quantize_rows};
use super::options::{BATCH_SEQUENCES, Bits};
use crate::engine::{LayerByLayer, Product};
use crate::error::Result;
use crate::model::{
    Encoder, GROUP, Layer, Linear, Output, PackedGroup, PackedInt8, Packer, Table, Weights,
};
use crate::tokenizer::Encoding;

/// `rounded`, in which those weights are packed that should have fewer than 7 bits: the token embeddings,
/// and the matrices of the layers of `floats` as the sequences of a sample need them. `None` if a weight is
/// not finite.
pub(super) fn pack(
    floats: Encoder,
    mut rounded: Encoder,
    (bits, table_bits): (Bits, Bits),
    output: &Output,
    sequences: &[Encoding],
) -> Result<Option<Encoder>> {
    if table_bits.are_packed() {
        rounded.token_embeddings = table(&floats.token_embeddings, floats.hidden(), table_bits);
    }
    if !bits.are_packed() {
        return Ok(Some(rounded));
    }
    let small = floats.quantize_small_parts();
    let Some(Encoder { position_embeddings, head, layers, .. }) = small else { return Ok(None) };
    (rounded.position_embeddings, rounded.head) = (position_embeddings, head);
    let batches: Vec<&[Encoding]> = sequences.chunks(BATCH_SEQUENCES).collect();
    let mut run = LayerByLayer::start(rounded.clone(), output, &batches)?;
    for (layer, packed) in layers.into_iter().zip(&mut rounded.layers) {
        *packed = pack_layer(layer, bits, &run)?;
        run.apply(packed.clone())?;
    }
    Ok(Some(rounded))
}

/// A table whose rows are packed one by one, with a scale for each.
fn table(table: &Table, columns: usize, bits: Bits) -> Table {
    let mut scales = Vec::with_capacity(table.rows);
    let mut packer = Packer::new(PackedInt8::new(columns, bits.count(), true, Vec::new()));
    let mut row = Vec::new();
    for i in 0..table.rows {
        row.clear();
        table.values.extend_row(i, columns, &mut row);
        let scale = scale_of(row.iter().copied(), i8::MAX);
        row.iter_mut().for_each(|value| *value = in_units(*value, scale));
        packer.push(&groups(&row, bits, i8::MAX));
        scales.push(scale);
    }
    table.values.release();
    let packed = PackedInt8 { scales, ..packer.finish() };
    Table { rows: table.rows, values: Weights::Packed(packed) }
}

fn pack_layer(layer: Layer, bits: Bits, run: &LayerByLayer) -> Result<Layer> {
    let Layer { query, key, value, attention_output, intermediate, output, .. } = &layer;
    let inputs_of = |product| match product {
        Product::Projections => query.inputs,
        Product::AttentionOutput => attention_output.inputs,
        Product::Intermediate => intermediate.inputs,
        Product::Output => output.inputs,
    };
    let products =
        [Product::Projections, Product::AttentionOutput, Product::Intermediate, Product::Output];
    let correlations = products.map(|product| Mutex::new(Correlation::new(inputs_of(product))));
    run.observe(layer.clone(), &|product, x| {
        let index = products.iter().position(|&one| one == product).expect("all are listed");
        correlations[index].lock().expect("no thread panics").add(x);
    })?;
    let [projections, attention_outputs, intermediates, outputs] =
        correlations.map(|correlation| correlation.into_inner().expect("no thread panics"));
    let pack = |linear: &Linear, correlation| pack_linear(linear, bits, correlation);
    Ok(Layer {
        query: pack(query, &projections),
        key: pack(key, &projections),
        value: pack(value, &projections),
        attention_output: pack(attention_output, &attention_outputs),
        intermediate: pack(intermediate, &intermediates),
        output: pack(output, &outputs),
        ..layer
    })
}

fn pack_linear(linear: &Linear, bits: Bits, correlation: &Correlation) -> Linear {
    let (inputs, outputs) = (linear.inputs, linear.outputs);
    let mut weights = linear.weights.to_f32(outputs);
    let limit = bits.limit();
    let column = |column: usize| weights.iter().skip(column).step_by(outputs).copied();
    let scales: Vec<f32> = (0..outputs).map(|c| scale_of(column(c), limit)).collect();
    for row in weights.chunks_exact_mut(outputs) {
        row.iter_mut().zip(&scales).for_each(|(value, scale)| *value = in_units(*value, *scale));
    }
    let mut rows = vec![Vec::new(); inputs];
    quantize_rows(&mut weights, correlation, |row, wanted| {
        rows[row] = groups(wanted, bits, limit);
        rows[row].iter().flat_map(PackedGroup::values).map(|number| number as f32).collect()
    });
    let mut packer = Packer::new(PackedInt8::new(outputs, bits.count(), false, scales));
    rows.iter().for_each(|groups| packer.push(groups));
    Linear { weights: Weights::Packed(packer.finish()), bias: linear.bias.clone(), ..*linear }
}

fn groups(values: &[f32], bits: Bits, limit: i8) -> Vec<PackedGroup> {
    values.chunks(GROUP).map(|values| PackedGroup::nearest(values, bits.count(), limit)).collect()
}

/// The scale that maps the largest magnitude to `limit`.
fn scale_of(values: impl Iterator<Item = f32>, limit: i8) -> f32 {
    values.fold(0.0, |largest: f32, value| largest.max(value.abs())) / f32::from(limit)
}

/// A weight divided by its scale, which is 0 if all its weights are.
fn in_units(value: f32, scale: f32) -> f32 {
    if scale > 0.0 { value / scale } else { 0.0 }
}
