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
        let scales = scales_of(&rounded.token_embeddings.values);
        rounded.token_embeddings =
            table(&floats.token_embeddings, floats.hidden(), scales, table_bits);
    }
    if !bits.are_packed() {
        return Ok(Some(rounded));
    }
    let small = floats.quantize_small_parts();
    let Some(Encoder { positions, head, layers, .. }) = small else { return Ok(None) };
    (rounded.positions, rounded.head) = (positions, head);
    let batches: Vec<&[Encoding]> = sequences.chunks(BATCH_SEQUENCES).collect();
    let mut run = LayerByLayer::start(rounded.clone(), output, &batches)?;
    for (layer, packed) in layers.into_iter().zip(&mut rounded.layers) {
        *packed = pack_layer(layer, packed, bits, &run)?;
        run.apply(packed.clone())?;
    }
    Ok(Some(rounded))
}

/// The scales of a matrix that is quantized when it is read. They are those of the packed one too.
fn scales_of(rounded: &Weights) -> Vec<f32> {
    let (scales, ..) = rounded.quantization().expect("the matrix is quantized");
    scales.to_vec()
}

/// A table whose rows are packed one by one, with a scale for each.
fn table(table: &Table, columns: usize, scales: Vec<f32>, bits: Bits) -> Table {
    let mut packer = Packer::new(PackedInt8::new(columns, bits.count(), true, scales.clone()));
    let mut row = Vec::new();
    for (i, scale) in scales.into_iter().enumerate() {
        row.clear();
        table.values.extend_row(i, columns, &mut row);
        row.iter_mut().for_each(|value| *value = in_units(*value, scale));
        packer.push(&groups(&row, bits, i8::MAX));
    }
    table.values.release();
    Table { rows: table.rows, values: Weights::Packed(packer.finish()) }
}

fn pack_layer(layer: Layer, rounded: &Layer, bits: Bits, run: &LayerByLayer) -> Result<Layer> {
    let Layer { query, key, value, attention_output, intermediate, gated, output, .. } = &layer;
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
    let pack = |linear: &Linear, rounded: &Linear, correlation| {
        pack_linear(linear, scales_of(&rounded.weights), bits, correlation)
    };
    Ok(Layer {
        query: pack(query, &rounded.query, &projections),
        key: pack(key, &rounded.key, &projections),
        value: pack(value, &rounded.value, &projections),
        attention_output: pack(attention_output, &rounded.attention_output, &attention_outputs),
        intermediate: pack(intermediate, &rounded.intermediate, &intermediates),
        gated: gated
            .as_ref()
            .zip(rounded.gated.as_ref())
            .map(|(linear, rounded)| pack(linear, rounded, &intermediates)),
        output: pack(output, &rounded.output, &outputs),
        relative: layer.relative,
        attention_norm: layer.attention_norm,
        output_norm: layer.output_norm,
        window: layer.window,
    })
}

fn pack_linear(linear: &Linear, scales: Vec<f32>, bits: Bits, correlation: &Correlation) -> Linear {
    let (inputs, outputs) = (linear.inputs, linear.outputs);
    let mut weights = linear.weights.to_f32(outputs);
    let limit = bits.limit();
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

/// A weight divided by its scale, which is 0 if all its weights are.
fn in_units(value: f32, scale: f32) -> f32 {
    if scale > 0.0 { value / scale } else { 0.0 }
}
