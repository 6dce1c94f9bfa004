//! Finds an encoder in an ONNX graph and takes out its parameters.
//!
//! The rules match from the output backwards: the head, if there is one, the layers from the last to
//! the first, the embeddings. What differs between architectures is told from the graph too: where norms
//! are, gates, distances that attention knows. They see through the differences between exporters: shapes that the
//! graph computes; layer norm and GELU as one operator or several; products in int8, dequantized or
//! in f32; the scale of attention before or after its product; queries, keys and values in one product
//! or three. Every sequence is computed without padding, so an attention mask adds nothing, and the rules
//! only check that it is one, or that it depends on distances.

mod activation;
mod attention;
mod disentangled;
mod embeddings;
mod encoder;
mod linear;
mod norm;
mod parts;
mod relative;
mod rules;

pub(super) use encoder::encoder;
