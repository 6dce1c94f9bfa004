//! The architectures whose weights are read from safetensors: the names of their tensors in transformers, and
//! of their settings in `config.json`.

use super::settings::Settings;
use super::tensors::Bias;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Activation;

/// Where the parts of an encoder are.
///
/// Names of tensors are without `.weight` and `.bias`, and those of a layer without the name of the layer.
pub(super) struct Architecture {
    /// The names in `model_type`.
    model_types: &'static [&'static str],
    /// What the names of the encoder's tensors begin with, in a model that has a head.
    pub prefix: &'static str,
    pub tokens: &'static str,
    /// Tables that only some models have.
    pub positions: &'static str,
    pub token_types: &'static str,
    pub embedding_norm: &'static str,
    /// The layers, each of which has its number after it.
    pub layers: &'static str,
    pub projections: Projections,
    pub attention_output: &'static str,
    pub attention_norm: &'static str,
    pub feed_forward: FeedForward,
    pub output: &'static str,
    pub output_norm: OutputNorm,
    /// Whether linear layers and norms have biases.
    pub bias: Bias,
    pub distances: Distances,
    pub head: &'static [HeadPart],
    /// The names of settings, with their defaults.
    pub eps: (&'static str, f64),
    pub activation: (&'static str, &'static str),
    pub sizes: Sizes,
}

/// The projections of attention.
pub(super) enum Projections {
    /// Queries, keys and values.
    Separate([&'static str; 3]),
    /// The same in one matrix.
    Joined(&'static str),
}

/// The first part of the feed-forward block.
pub(super) enum FeedForward {
    Plain(&'static str),
    /// Two layers in one matrix, whose results are multiplied. The first one has the activation.
    Gated(&'static str),
    /// The same, where the second one has the activation.
    GatedLast(&'static str),
    /// The same in two matrices, of which the first one has the activation.
    GatedApart([&'static str; 2]),
}

/// The norm after the feed-forward block.
pub(super) enum OutputNorm {
    OfLayer(&'static str),
    /// It is before the attention of the next layer (pre-norm). The last layer has a norm of the whole model.
    OfNextLayer {
        name: &'static str,
        last: &'static str,
    },
}

/// What attention knows of distances.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Distances {
    None,
    /// Rotary positions. Some layers attend to near tokens only, with another base.
    ModernBert,
    /// Rotary positions, whose base may be scaled.
    Gte,
    /// Rotary positions.
    NomicBert,
    Alibi,
    /// Biases by buckets of distances.
    Buckets,
    Disentangled,
}

/// A part of the head for labels.
pub(super) enum HeadPart {
    Dense(&'static str, Activation),
    /// With the activation that a setting names, and its default.
    DenseOf(&'static str, (&'static str, &'static str)),
    Norm(&'static str),
    Labels(&'static str),
}

/// The names of the numbers of layers and of heads, and of the width.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub hidden: &'static str,
    pub layers: &'static str,
    pub heads: &'static str,
}

const SIZES: Sizes =
    Sizes { hidden: "hidden_size", layers: "num_hidden_layers", heads: "num_attention_heads" };

const BERT: Architecture = Architecture {
    model_types: &["bert"],
    prefix: "bert.",
    tokens: "embeddings.word_embeddings",
    positions: "embeddings.position_embeddings",
    token_types: "embeddings.token_type_embeddings",
    embedding_norm: "embeddings.LayerNorm",
    layers: "encoder.layer.",
    projections: Projections::Separate([
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
    ]),
    attention_output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    feed_forward: FeedForward::Plain("intermediate.dense"),
    output: "output.dense",
    output_norm: OutputNorm::OfLayer("output.LayerNorm"),
    bias: Bias::Required,
    distances: Distances::None,
    head: &[HeadPart::Dense("pooler.dense", Activation::Tanh), HeadPart::Labels("classifier")],
    eps: ("layer_norm_eps", 1e-12),
    activation: ("hidden_act", "gelu"),
    sizes: SIZES,
};

const ERNIE: Architecture = Architecture { model_types: &["ernie"], prefix: "ernie.", ..BERT };

const JINA_BERT: Architecture = Architecture {
    feed_forward: FeedForward::Gated("mlp.gated_layers"),
    output: "mlp.wo",
    output_norm: OutputNorm::OfLayer("mlp.layernorm"),
    distances: Distances::Alibi,
    activation: ("feed_forward_type", "geglu"),
    ..BERT
};

const ROBERTA: Architecture = Architecture {
    model_types: &["roberta", "xlm-roberta", "camembert"],
    prefix: "roberta.",
    head: &[
        HeadPart::Dense("classifier.dense", Activation::Tanh),
        HeadPart::Labels("classifier.out_proj"),
    ],
    ..BERT
};

const ELECTRA: Architecture = Architecture {
    model_types: &["electra"],
    prefix: "electra.",
    head: &[
        HeadPart::Dense("classifier.dense", Activation::Gelu),
        HeadPart::Labels("classifier.out_proj"),
    ],
    ..BERT
};

const MPNET: Architecture = Architecture {
    model_types: &["mpnet"],
    prefix: "mpnet.",
    projections: Projections::Separate([
        "attention.attn.q",
        "attention.attn.k",
        "attention.attn.v",
    ]),
    attention_output: "attention.attn.o",
    attention_norm: "attention.LayerNorm",
    distances: Distances::Buckets,
    ..ROBERTA
};

const DEBERTA: Architecture = Architecture {
    model_types: &["deberta-v2"],
    prefix: "deberta.",
    projections: Projections::Separate([
        "attention.self.query_proj",
        "attention.self.key_proj",
        "attention.self.value_proj",
    ]),
    distances: Distances::Disentangled,
    head: &[
        HeadPart::DenseOf("pooler.dense", ("pooler_hidden_act", "gelu")),
        HeadPart::Labels("classifier"),
    ],
    eps: ("layer_norm_eps", 1e-7),
    ..BERT
};

const DISTILBERT: Architecture = Architecture {
    model_types: &["distilbert"],
    prefix: "distilbert.",
    layers: "transformer.layer.",
    projections: Projections::Separate(["attention.q_lin", "attention.k_lin", "attention.v_lin"]),
    attention_output: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    feed_forward: FeedForward::Plain("ffn.lin1"),
    output: "ffn.lin2",
    output_norm: OutputNorm::OfLayer("output_layer_norm"),
    head: &[HeadPart::Dense("pre_classifier", Activation::Relu), HeadPart::Labels("classifier")],
    activation: ("activation", "gelu"),
    sizes: Sizes { hidden: "dim", layers: "n_layers", heads: "n_heads" },
    ..BERT
};

const MODERNBERT: Architecture = Architecture {
    model_types: &["modernbert"],
    prefix: "model.",
    tokens: "embeddings.tok_embeddings",
    embedding_norm: "embeddings.norm",
    layers: "layers.",
    projections: Projections::Joined("attn.Wqkv"),
    attention_output: "attn.Wo",
    attention_norm: "mlp_norm",
    feed_forward: FeedForward::Gated("mlp.Wi"),
    output: "mlp.Wo",
    output_norm: OutputNorm::OfNextLayer { name: "attn_norm", last: "final_norm" },
    bias: Bias::Optional,
    distances: Distances::ModernBert,
    head: &[
        HeadPart::DenseOf("head.dense", ("classifier_activation", "gelu")),
        HeadPart::Norm("head.norm"),
        HeadPart::Labels("classifier"),
    ],
    eps: ("norm_eps", 1e-5),
    activation: ("hidden_activation", "gelu"),
    ..BERT
};

/// gte's own code calls it `new`.
const NEW: Architecture = Architecture {
    model_types: &["new"],
    prefix: "new.",
    projections: Projections::Joined("attention.qkv_proj"),
    attention_output: "attention.o_proj",
    attention_norm: "attn_ln",
    feed_forward: FeedForward::GatedLast("mlp.up_gate_proj"),
    output: "mlp.down_proj",
    output_norm: OutputNorm::OfLayer("mlp_ln"),
    distances: Distances::Gte,
    ..BERT
};

const GTE: Architecture = Architecture { model_types: &["gte"], prefix: "gte.", ..NEW };

const NOMIC_BERT: Architecture = Architecture {
    model_types: &["nomic_bert"],
    prefix: "nomic_bert.",
    embedding_norm: "emb_ln",
    layers: "encoder.layers.",
    projections: Projections::Joined("attn.Wqkv"),
    attention_output: "attn.out_proj",
    attention_norm: "norm1",
    feed_forward: FeedForward::GatedApart(["mlp.fc12", "mlp.fc11"]),
    output: "mlp.fc2",
    output_norm: OutputNorm::OfLayer("norm2"),
    bias: Bias::Optional,
    distances: Distances::NomicBert,
    activation: ("hidden_act", "silu"),
    ..BERT
};

/// The settings of its own code, which are those of GPT-2. The tensors are the same.
const OWN_NOMIC_BERT: Architecture = Architecture {
    eps: ("layer_norm_epsilon", 1e-5),
    activation: ("activation_function", "gelu"),
    sizes: Sizes { hidden: "n_embd", layers: "n_layer", heads: "n_head" },
    ..NOMIC_BERT
};

const ALL: [&Architecture; 11] = [
    &BERT,
    &ERNIE,
    &ROBERTA,
    &ELECTRA,
    &MPNET,
    &DEBERTA,
    &DISTILBERT,
    &MODERNBERT,
    &NEW,
    &GTE,
    &NOMIC_BERT,
];

impl Architecture {
    /// The architecture that `config.json` names.
    ///
    /// # Errors
    /// [`ErrorKind::UnsupportedModel`] if it is not one of the table.
    pub fn of(settings: &Settings) -> Result<&'static Architecture> {
        let name = settings.text_or("model_type", "")?;
        let is_jina = settings.text_or("position_embedding_type", "")? == "alibi";
        if name == "bert" && is_jina {
            return Ok(&JINA_BERT);
        }
        if name == "nomic_bert" && settings.get(OWN_NOMIC_BERT.sizes.hidden).is_some() {
            return Ok(&OWN_NOMIC_BERT);
        }
        ALL.into_iter().find(|one| one.model_types.contains(&name)).ok_or_else(|| {
            let known: Vec<&str> = ALL.iter().flat_map(|one| one.model_types).copied().collect();
            Error::new(
                ErrorKind::UnsupportedModel,
                format!(
                    "config.json names the model_type \"{name}\", and weights in safetensors are read for \
                     {}; export the model with `optimum-cli export onnx`",
                    known.join(", ")
                ),
            )
        })
    }
}
