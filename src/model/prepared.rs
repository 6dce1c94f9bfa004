//! A prepared model: all of a model in one file, which is loaded without parsing a graph.
//! `crossrank prepare` writes it.
//!
//! Other tools can read the file, because it is in the format safetensors: see [`super::safetensors`]
//! for the container. These are its tensors, with those of the layers in order:
//!
//! | Tensor | Type and shape |
//! |---|---|
//! | `embeddings.words` (tokens) and, if there are any, `.positions` and `.segments` (token types) | matrix `[rows, hidden]` |
//! | `embeddings.norm` | norm |
//! | `layers.0.query`, `.key`, `.value`, `.attention_output` | linear `[hidden, hidden]` |
//! | `layers.0.intermediate`, `.output` | linear `[hidden, inner]`, `[inner, hidden]` |
//! | `layers.0.attention_norm`, `.output_norm` | norm |
//! | `head.0` and so on, in a cross-encoder | linear or norm; the first has `hidden` inputs, the last one output |
//! | `config.json` and, if the model has them, `tokenizer_config.json` and the files of [`ModelFiles::EMBEDDING`] | U8 `[bytes]`: the model's own file |
//! | `tokenizer.compact`, or `tokenizer.json` if that has no compact form | U8 `[bytes]`: the compact form, which the source of `tokenizer::subword::compact` describes; or the model's own file |
//!
//! A matrix NAME is `NAME.weight`, row-major, as in the ONNX file. It is F32, or I8 with `NAME.scale`
//! (F32) and `NAME.zero_point` (I32), which hold one number or one for each column. A weight is then
//! `scale * (value - zero_point)`. In embeddings, scales may have the shape `[rows, 1]`, with one for
//! each row.
//!
//! A matrix may be stored in fewer bits: instead of `NAME.weight` and `NAME.zero_point`, there are then
//! `NAME.packing`, I32 `[2]`, the number of columns and the bits B of a code; `NAME.codes`, U8
//! `[rows, bytes]`, the codes of a row as a stream of bits, lowest first; and `NAME.steps` (U8) and
//! `NAME.offsets` (I8), `[rows, groups]`, with one for each 32 columns. A value is
//! `offset + step * code`, and a weight is `scale * value`. A linear layer NAME, which computes `x weight + bias`, is a matrix `[inputs, outputs]` and
//! `NAME.bias`, F32 `[outputs]`. If it has an activation, `NAME.activation`, U8 `[bytes]`, is `gelu`,
//! `gelu_tanh`, `relu`, `silu` or `tanh`. A norm NAME is `NAME.gamma` and `NAME.beta`, F32 `[hidden]`, and
//! `NAME.eps`, F32 `[1]`.
//!
//! The number of attention heads and the numbering of positions (from 0, or from the padding's id as in
//! RoBERTa) follow from `config.json`. If the model numbers positions differently, `embeddings.padding`,
//! I32 `[1]`, is the padding's id, or -1 for positions from 0.
//!
//! Files with parts that BERT lacks have the version 3. [`Encoder`] says what the parts mean:
//!
//! | Tensor | Type and shape |
//! |---|---|
//! | `residuals` | U8 `[bytes]`: `sums`, if residuals are not those of norms |
//! | `pooling` | U8 `[bytes]`: `mean`, if the head does not read the first token |
//! | `layers.0.gated` | linear `[hidden, inner]` |
//! | `layers.0.window` | I32 `[1]`: the largest distance |
//! | `distances`, `distances.rows` | F32 and I32: embeddings of distances, row-major, and which of them each distance has |
//! | `layers.0.rotary`, `.alibi`, `.bias` | F32: the frequencies, the slopes, the numbers by head and distance |

use std::collections::BTreeMap;
use std::io::{self, Seek, Write};
use std::sync::Arc;

use bytes::Bytes;

use super::config::Config;
use super::embedding::Pooling;
use super::encoder::{
    Activation, Encoder, Head, HeadStep, Layer, Linear, Norm, Positions, Residuals, Table,
};
use super::files::ModelFiles;
use super::floats::Floats;
use super::int8::Int8;
use super::packed::PackedInt8;
use super::positions::{Disentangled, PositionScheme, RelativePositions};
pub(crate) use super::safetensors::is_prepared;
use super::safetensors::{DataType, Tensors, Writer, check_hash, damaged};
use super::weights::Weights;
use crate::error::Result;
use crate::tokenizer::{compact, is_compact};

impl ModelFiles {
    /// Opens a prepared model and compares its content with its hash. The bytes of the whole file
    /// become [`ModelFiles::onnx`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidModel`](crate::ErrorKind::InvalidModel) if it is not a prepared model, is
    /// damaged, or was prepared in another version of the format.
    pub fn from_prepared(file: impl Into<Bytes>) -> Result<ModelFiles> {
        let files = ModelFiles::from_checked(file.into())?;
        check_hash(&files.onnx)?;
        Ok(files)
    }

    /// As [`ModelFiles::from_prepared`], for a file whose hash has been compared already.
    pub(crate) fn from_checked(file: Bytes) -> Result<ModelFiles> {
        let tensors = Tensors::parse(&file)?;
        // Small copies: text must stay valid text even if a mapped file changes.
        let text = |name| {
            let (_, bytes) = tensors.bytes(name, DataType::U8)?;
            Ok(Bytes::copy_from_slice(&bytes))
        };
        let tokenizer = if tensors.contains(COMPACT) { COMPACT } else { TOKENIZER };
        let (tokenizer, config) = (text(tokenizer)?, text("config.json")?);
        let tokenizer_config = text("tokenizer_config.json").ok();
        let embedding = ModelFiles::EMBEDDING.into_iter();
        let embedding = embedding.filter_map(|name| Some((name.to_owned(), text(name).ok()?)));
        let embedding = embedding.collect();
        let external = BTreeMap::new();
        Ok(ModelFiles { onnx: file, external, tokenizer, config, tokenizer_config, embedding })
    }
}

/// The names of the tokenizer in its two forms.
const TOKENIZER: &str = "tokenizer.json";
const COMPACT: &str = "tokenizer.compact";

/// The name of the padding after which positions are numbered.
const PADDING: &str = "embeddings.padding";

/// The names of what is written where it differs from BERT, and what it is then.
const RESIDUALS: (&str, &str) = ("residuals", "sums");
const POOLING: (&str, &str) = ("pooling", "mean");

/// The names of the embeddings of distances, and of which of them each distance has.
const DISTANCES: [&str; 2] = ["distances", "distances.rows"];

/// Writes an encoder and the other files of its model. Only a piece of each matrix is in memory at a
/// time.
pub(crate) fn write(
    encoder: &Encoder,
    config: &Config,
    files: &ModelFiles,
    out: impl Write + Seek,
) -> io::Result<()> {
    let mut writer = Writer::new(encoder.is_plain());
    writer.encoder(encoder);
    let scheme = encoder.position_table().map(|(_, scheme)| scheme);
    if let Some(scheme) = scheme.filter(|&scheme| scheme != config.position_scheme) {
        writer.integers(PADDING.into(), &[scheme.padding()]);
    }
    let compact = compact(&files.tokenizer).map(Bytes::from);
    let tokenizer = match &compact {
        Some(compact) => (COMPACT, compact),
        None if is_compact(&files.tokenizer) => (COMPACT, &files.tokenizer),
        None => (TOKENIZER, &files.tokenizer),
    };
    let required = [("config.json", &files.config), tokenizer];
    let tokenizer_config = files.tokenizer_config.iter().map(|f| ("tokenizer_config.json", f));
    // Those of a head are a part of the encoder.
    let embedding = files.embedding.iter().map(|(name, file)| (name.as_str(), file));
    let embedding = embedding.filter(|(name, _)| ModelFiles::EMBEDDING.contains(name));
    for (name, file) in required.into_iter().chain(tokenizer_config).chain(embedding) {
        writer.text(name.into(), file.clone());
    }
    writer.write(out)
}

impl<'a> Writer<'a> {
    fn encoder(&mut self, encoder: &'a Encoder) {
        let hidden = encoder.hidden();
        let tables = [
            ("words", Some(&encoder.token_embeddings)),
            ("positions", encoder.position_table().map(|(table, _)| table)),
            ("segments", encoder.token_type_embeddings.as_ref()),
        ];
        for (name, table) in tables {
            if let Some(Table { rows, values }) = table {
                self.matrix(&format!("embeddings.{name}"), [*rows, hidden], values);
            }
        }
        self.norm("embeddings.norm", &encoder.embedding_norm);
        for (i, layer) in encoder.layers.iter().enumerate() {
            let name = |part: &str| format!("layers.{i}.{part}");
            self.linear(&name("query"), &layer.query);
            self.linear(&name("key"), &layer.key);
            self.linear(&name("value"), &layer.value);
            self.linear(&name("attention_output"), &layer.attention_output);
            self.norm(&name("attention_norm"), &layer.attention_norm);
            self.linear(&name("intermediate"), &layer.intermediate);
            if let Some(gated) = &layer.gated {
                self.linear(&name("gated"), gated);
            }
            self.linear(&name("output"), &layer.output);
            self.norm(&name("output_norm"), &layer.output_norm);
            if let Some(window) = layer.window {
                self.integers(name("window"), &[window.try_into().unwrap_or(i32::MAX)]);
            }
            match &layer.relative {
                RelativePositions::None => {}
                RelativePositions::Rotary { frequencies } => {
                    self.floats(name("rotary"), frequencies);
                }
                RelativePositions::Alibi { slopes } => self.floats(name("alibi"), slopes),
                RelativePositions::Bias { values, .. } => self.floats(name("bias"), values),
                // All layers have the same.
                RelativePositions::Disentangled(distances) if i == 0 => {
                    let [embeddings, rows] = DISTANCES.map(String::from);
                    self.floats(embeddings, &distances.embeddings);
                    let numbers: Vec<i32> = distances.rows.iter().map(|&row| row as i32).collect();
                    self.integers(rows, &numbers);
                }
                RelativePositions::Disentangled(_) => {}
            }
        }
        for (i, step) in encoder.head.steps.iter().enumerate() {
            let name = format!("head.{i}");
            match step {
                HeadStep::Linear(linear) => self.linear(&name, linear),
                HeadStep::Norm(norm) => self.norm(&name, norm),
            }
        }
        let sums = encoder.residuals == Residuals::Sums;
        let mean = matches!(encoder.head.pooling, Pooling::Mean);
        for ((name, value), _) in [(RESIDUALS, sums), (POOLING, mean)].iter().filter(|(_, is)| *is)
        {
            self.text((*name).into(), Bytes::from_static(value.as_bytes()));
        }
    }

    fn linear(&mut self, name: &str, linear: &'a Linear) {
        self.matrix(name, [linear.inputs, linear.outputs], &linear.weights);
        self.floats(format!("{name}.bias"), &linear.bias);
        if let Some(activation) = linear.activation.name() {
            self.text(format!("{name}.activation"), Bytes::from_static(activation.as_bytes()));
        }
    }

    fn norm(&mut self, name: &str, norm: &Norm) {
        self.floats(format!("{name}.gamma"), &norm.gamma);
        self.floats(format!("{name}.beta"), &norm.beta);
        self.floats(format!("{name}.eps"), &[norm.eps]);
    }
}

/// The encoder in a prepared model. Its shapes may not fit each other, see [`Encoder::check`]. The
/// hash is not checked.
///
/// # Errors
/// [`ErrorKind::InvalidModel`](crate::ErrorKind::InvalidModel) if there is none.
pub(crate) fn encoder(file: &Bytes, config: &Config) -> Result<Encoder> {
    let tensors = Tensors::parse(file)?;
    let heads = config.heads.ok_or_else(|| damaged("config.json lacks num_attention_heads"))?;
    let scheme = match tensors.contains(PADDING) {
        true => match tensors.integers(PADDING)?[..] {
            [padding] => PositionScheme::of_padding(padding),
            _ => return Err(damaged(&format!("{PADDING} is not one number"))),
        },
        false => config.position_scheme,
    };
    let table = |name: &str| tensors.contains_matrix(name).then(|| tensors.table(name)).transpose();
    let distances = match tensors.contains(DISTANCES[0]) {
        true => {
            let rows = tensors.integers(DISTANCES[1])?.into_iter().map(|row| row as u32);
            let embeddings = tensors.floats(DISTANCES[0])?;
            Some(Arc::new(Disentangled { embeddings, rows: rows.collect() }))
        }
        false => None,
    };
    let layers = (0..).take_while(|i| tensors.contains_matrix(&format!("layers.{i}.query")));
    let steps = (0..).map_while(|i| tensors.head_step(&format!("head.{i}")));
    Ok(Encoder {
        heads,
        token_embeddings: tensors.table("embeddings.words")?,
        token_type_embeddings: table("embeddings.segments")?,
        positions: match table("embeddings.positions")? {
            Some(table) => Positions::Embedded { table, scheme },
            None => Positions::Relative { max_length: config.max_positions },
        },
        embedding_norm: tensors.norm("embeddings.norm")?,
        residuals: match tensors.is_set(RESIDUALS)? {
            true => Residuals::Sums,
            false => Residuals::Normalized,
        },
        layers: layers.map(|i| tensors.layer(i, heads, &distances)).collect::<Result<_>>()?,
        head: Head {
            pooling: if tensors.is_set(POOLING)? { Pooling::Mean } else { Pooling::First },
            steps: steps.collect::<Result<_>>()?,
        },
    })
}

impl Tensors {
    fn layer(
        &self,
        i: usize,
        heads: usize,
        distances: &Option<Arc<Disentangled>>,
    ) -> Result<Layer> {
        let name = |part: &str| format!("layers.{i}.{part}");
        let floats = |part| match self.contains(&name(part)) {
            true => self.floats(&name(part)).map(Some),
            false => Ok(None),
        };
        let gated = Some(name("gated")).filter(|gated| self.contains_matrix(gated));
        let window = match self.contains(&name("window")) {
            true => match self.integers(&name("window"))?[..] {
                [window] => window.try_into().ok(),
                _ => return Err(damaged("a window is not one number")),
            },
            false => None,
        };
        Ok(Layer {
            query: self.linear(&name("query"))?,
            key: self.linear(&name("key"))?,
            value: self.linear(&name("value"))?,
            relative: match (floats("rotary")?, floats("alibi")?, floats("bias")?) {
                (Some(frequencies), ..) => RelativePositions::Rotary { frequencies },
                (_, Some(slopes), _) => RelativePositions::Alibi { slopes },
                (.., Some(values)) => {
                    RelativePositions::Bias { reach: values.len() / heads.max(1) / 2, values }
                }
                _ => match distances {
                    Some(distances) => RelativePositions::Disentangled(distances.clone()),
                    None => RelativePositions::None,
                },
            },
            window,
            attention_output: self.linear(&name("attention_output"))?,
            attention_norm: self.norm(&name("attention_norm"))?,
            intermediate: self.linear(&name("intermediate"))?,
            gated: gated.map(|gated| self.linear(&gated)).transpose()?,
            output: self.linear(&name("output"))?,
            output_norm: self.norm(&name("output_norm"))?,
        })
    }

    fn contains_matrix(&self, name: &str) -> bool {
        [".weight", ".packing"].iter().any(|part| self.contains(&format!("{name}{part}")))
    }

    /// Whether a text says what it may say.
    fn is_set(&self, (name, expected): (&str, &str)) -> Result<bool> {
        if !self.contains(name) {
            return Ok(false);
        }
        match self.bytes(name, DataType::U8)?.1 == expected.as_bytes() {
            true => Ok(true),
            false => Err(damaged(&format!("its {name} are unknown"))),
        }
    }

    fn head_step(&self, name: &str) -> Option<Result<HeadStep>> {
        if self.contains_matrix(name) {
            return Some(self.linear(name).map(HeadStep::Linear));
        }
        let is_norm = self.contains(&format!("{name}.gamma"));
        is_norm.then(|| self.norm(name).map(HeadStep::Norm))
    }

    fn linear(&self, name: &str) -> Result<Linear> {
        let ([inputs, outputs], weights) = self.matrix(name)?;
        let bias = self.floats(&format!("{name}.bias"))?;
        if bias.len() != outputs {
            return Err(damaged(&format!("the length of the bias of {name} is wrong")));
        }
        if weights.quantization().is_some_and(|(.., by_row)| by_row) {
            return Err(damaged(&format!("{name} has a scale for each row")));
        }
        let activation = match self.bytes(&format!("{name}.activation"), DataType::U8) {
            Ok((_, activation)) => Activation::from_name(&activation)
                .ok_or_else(|| damaged(&format!("the activation of {name} is unknown")))?,
            Err(_) => Activation::None,
        };
        Ok(Linear { inputs, outputs, weights, bias, activation })
    }

    fn table(&self, name: &str) -> Result<Table> {
        let ([rows, _], values) = self.matrix(name)?;
        Ok(Table { rows, values })
    }

    fn norm(&self, name: &str) -> Result<Norm> {
        let part = |part| self.floats(&format!("{name}.{part}"));
        let (gamma, beta) = (part("gamma")?, part("beta")?);
        let [eps] = part("eps")?[..] else {
            return Err(damaged(&format!("{name}.eps is not one number")));
        };
        Ok(Norm { gamma, beta, eps })
    }

    fn matrix(&self, name: &str) -> Result<([usize; 2], Weights)> {
        if self.contains(&format!("{name}.packing")) {
            return self.packed(name);
        }
        let weight = format!("{name}.weight");
        let (shape, weights) = match self.bytes(&weight, DataType::F32) {
            Ok((shape, bytes)) => (shape, Weights::Float(Floats::f32(bytes))),
            Err(_) => {
                let (shape, bytes) = self.bytes(&weight, DataType::I8)?;
                let zero_points = self.integers(&format!("{name}.zero_point"))?;
                let (scales, by_row) = self.scales(name)?;
                let int8 = Int8 { bytes, unsigned: false, scales, zero_points, by_row };
                (shape, Weights::Int8(int8))
            }
        };
        match *shape {
            [rows, columns] if weights.fit(rows, columns) => Ok(([rows, columns], weights)),
            _ => Err(damaged(&format!("{name} is not a matrix"))),
        }
    }

    fn packed(&self, name: &str) -> Result<([usize; 2], Weights)> {
        let part = |part: &str, dtype| {
            let (shape, bytes) = self.bytes(&format!("{name}.{part}"), dtype)?;
            Ok((shape.first().copied().unwrap_or(0), bytes))
        };
        let (rows, codes) = part("codes", DataType::U8)?;
        let (_, steps) = part("steps", DataType::U8)?;
        let (_, offsets) = part("offsets", DataType::I8)?;
        let (scales, by_row) = self.scales(name)?;
        let packing = self.integers(&format!("{name}.packing"))?;
        let &[columns, bits] = &packing[..] else {
            return Err(damaged(&format!("{name}.packing is not two numbers")));
        };
        let [columns, bits] = [columns, bits].map(|n| usize::try_from(n).unwrap_or(0));
        let weights =
            Weights::Packed(PackedInt8 { columns, bits, codes, steps, offsets, scales, by_row });
        match weights.fit(rows, columns) {
            true => Ok(([rows, columns], weights)),
            false => Err(damaged(&format!("the packed parts of {name} do not fit together"))),
        }
    }

    /// The scales of a matrix, and whether they are those of rows.
    fn scales(&self, name: &str) -> Result<(Vec<f32>, bool)> {
        let name = format!("{name}.scale");
        let by_row = self.bytes(&name, DataType::F32)?.0.len() == 2;
        Ok((self.floats(&name)?, by_row))
    }
}
