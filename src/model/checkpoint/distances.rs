//! Relative positions, as the settings of an architecture describe them.

use std::sync::Arc;

use super::architectures::Distances;
use super::settings::Settings;
use super::tensors::{Bias, Checkpoint};
use crate::error::Result;
use crate::model::{Disentangled, RelativePositions};

/// The maximum number of tokens between which embeddings of distances are told apart. Published models have
/// 512.
const MAX_DISTANCE: usize = 1 << 15;

/// The relative positions of each layer, and the largest distance of tokens that attend to each other.
pub(super) type OfLayers = Vec<(RelativePositions, Option<usize>)>;

/// What the relative positions are made of.
pub(super) struct Source<'a> {
    pub settings: &'a Settings<'a>,
    pub tensors: &'a Checkpoint,
    /// What the names of the encoder's tensors begin with.
    pub prefix: &'a str,
    pub hidden: usize,
    pub heads: usize,
    pub layers: usize,
    pub eps: f32,
}

impl Source<'_> {
    pub fn of_layers(&self, distances: Distances) -> Result<OfLayers> {
        let of_all = match distances {
            Distances::None => RelativePositions::None,
            Distances::ModernBert => {
                return (0..self.layers).map(|i| self.modern_bert(i)).collect();
            }
            Distances::Gte => self.gte()?,
            Distances::NomicBert => self.nomic_bert()?,
            Distances::Alibi => RelativePositions::alibi(self.heads),
            Distances::Buckets => self.buckets()?,
            Distances::Disentangled => self.disentangled()?,
        };
        Ok(vec![(of_all, None); self.layers])
    }

    fn dim(&self) -> usize {
        self.hidden / self.heads
    }

    fn modern_bert(&self, layer: usize) -> Result<(RelativePositions, Option<usize>)> {
        let settings = self.settings;
        let is_local = match settings.get("layer_types").map(|types| &types[layer]) {
            Some(kind) => {
                let known = ["sliding_attention", "full_attention"].map(|known| kind == known);
                settings.expect("layer_types", known.contains(&true))?;
                known[0]
            }
            None => !layer.is_multiple_of(settings.count_or("global_attn_every_n_layers", 3)?),
        };
        // Those of transformers 5 are together.
        let (together, alone, default) = match is_local {
            true => ("sliding_attention", "local_rope_theta", 10_000.0),
            false => ("full_attention", "global_rope_theta", 160_000.0),
        };
        let parameters = settings.get("rope_parameters").map(|parameters| &parameters[together]);
        let base = match parameters {
            Some(parameters) => {
                settings.expect("rope_parameters", parameters["rope_type"] == "default")?;
                parameters["rope_theta"].as_f64().unwrap_or(default)
            }
            None => settings.number_or(alone, default)?,
        };
        let window = settings.count_or("local_attention", 128)? / 2;
        let relative = RelativePositions::rotary(base as f32, self.dim());
        Ok((relative, is_local.then_some(window)))
    }

    fn gte(&self) -> Result<RelativePositions> {
        let settings = self.settings;
        let kind = settings.text_or("position_embedding_type", "rope")?;
        settings.expect("position_embedding_type", kind == "rope")?;
        settings
            .expect("logn_attention_scale", !settings.flag_or("logn_attention_scale", false)?)?;
        if let Some(base) = self.rope_parameters(160_000.0)? {
            return Ok(RelativePositions::rotary(base as f32, self.dim()));
        }
        let base = settings.number_or("rope_theta", 10_000.0)?;
        let Some(scaling) = settings.get("rope_scaling") else {
            return Ok(RelativePositions::rotary(base as f32, self.dim()));
        };
        let factor = scaling["factor"].as_f64().filter(|&factor| factor > 1.0);
        let is_known =
            scaling["type"] == "ntk" && scaling.get("mixed_b").is_none_or(|b| b.is_null());
        let (Some(factor), true) = (factor, is_known) else {
            return Err(settings.unknown("rope_scaling"));
        };
        // The base grows by the factor, and the longest period once more (NTK-aware scaling).
        let dim = self.dim() as f64;
        let frequency =
            |i: usize| (base * factor).powf(-2.0 * i as f64 / dim) / factor.powf(2.0 / dim);
        let frequencies = (0..self.dim() / 2).map(|i| frequency(i) as f32).collect();
        Ok(RelativePositions::Rotary { frequencies })
    }

    /// The settings of transformers, or those of the model's own code.
    fn nomic_bert(&self) -> Result<RelativePositions> {
        let settings = self.settings;
        let base = match self.rope_parameters(1_000.0)? {
            Some(base) => base,
            None => {
                for name in [
                    "prenorm",
                    "parallel_block",
                    "use_rms_norm",
                    "causal",
                    "rotary_emb_interleaved",
                ] {
                    settings.expect(name, !settings.flag_or(name, false)?)?;
                }
                let fraction = settings.number_or("rotary_emb_fraction", 0.0)?;
                settings.expect("rotary_emb_fraction", fraction == 1.0)?;
                let scale = settings.get("rotary_emb_scale_base");
                settings.expect("rotary_emb_scale_base", scale.is_none())?;
                settings.number_or("rotary_emb_base", 10_000.0)?
            }
        };
        Ok(RelativePositions::rotary(base as f32, self.dim()))
    }

    /// The base of rotary positions in settings of transformers 5.
    fn rope_parameters(&self, default: f64) -> Result<Option<f64>> {
        let Some(parameters) = self.settings.get("rope_parameters") else { return Ok(None) };
        self.settings.expect("rope_parameters", parameters["rope_type"] == "default")?;
        Ok(Some(parameters["rope_theta"].as_f64().unwrap_or(default)))
    }

    /// T5's buckets (Raffel et al. 2020, arXiv:1910.10683), of which half are for queries before the key.
    fn buckets(&self) -> Result<RelativePositions> {
        const BUCKETS: usize = 32;
        const MAX_DISTANCE: usize = 128;
        let name = format!("{}encoder.relative_attention_bias.weight", self.prefix);
        let table = self.tensors.floats(&name, &[BUCKETS, self.heads])?;
        let half = BUCKETS / 2;
        let exact = half / 2;
        let bucket = |distance: usize| {
            if distance < exact {
                return distance;
            }
            // Rounded as in 32 bits, since the buckets end at powers of two.
            let octaves =
                (distance as f32 / exact as f32).ln() / ((MAX_DISTANCE / exact) as f64).ln() as f32;
            (exact + (octaves * (half - exact) as f32) as usize).min(half - 1)
        };
        let row = |query_after_key: isize| match usize::try_from(query_after_key) {
            Ok(distance) => bucket(distance),
            Err(_) => half + bucket(query_after_key.unsigned_abs()),
        };
        let reach = MAX_DISTANCE as isize;
        let of_head = |head: usize| (-reach..=reach).map(move |distance| (head, distance));
        let all = (0..self.heads).flat_map(of_head);
        let values = all.map(|(head, distance)| table[row(distance) * self.heads + head]);
        Ok(RelativePositions::Bias { reach: MAX_DISTANCE, values: values.collect() })
    }

    fn disentangled(&self) -> Result<RelativePositions> {
        let settings = self.settings;
        if !settings.flag_or("relative_attention", false)? {
            return Ok(RelativePositions::None);
        }
        settings.expect("share_att_key", settings.flag_or("share_att_key", false)?)?;
        let kinds = settings.get("pos_att_type").map(|kinds| kinds.to_string()).unwrap_or_default();
        let both = ["c2p", "p2c"].iter().all(|kind| kinds.contains(kind));
        settings.expect("pos_att_type", both)?;
        settings.expect("conv_kernel_size", settings.number_or("conv_kernel_size", 0.0)? == 0.0)?;

        let longest = settings.count("max_position_embeddings")?;
        let given = settings.number_or("max_relative_positions", -1.0)?;
        let longest = if given >= 1.0 { given as usize } else { longest };
        settings.expect("max_position_embeddings", (2..=MAX_DISTANCE).contains(&longest))?;
        let buckets = settings.number_or("position_buckets", -1.0)?;
        let buckets = (buckets >= 1.0).then_some(buckets as usize);
        let span = buckets.unwrap_or(longest);
        settings.expect("position_buckets", (4..=MAX_DISTANCE).contains(&span))?;

        let bucket = |distance: isize| match buckets {
            Some(buckets) => log_bucket(distance, buckets, longest),
            None => distance,
        };
        let (reach, span) = (longest as isize - 1, span as isize);
        let row = |distance| (bucket(distance) + span).clamp(0, 2 * span - 1) as u32;
        let rows = (-reach..=reach).map(row).collect();

        let [table, norm] = ["rel_embeddings.weight", "LayerNorm"]
            .map(|name| format!("{}encoder.{name}", self.prefix));
        let mut embeddings = self.tensors.floats(&table, &[2 * span as usize, self.hidden])?;
        let norm_kind = settings.text_or("norm_rel_ebd", "none")?;
        if norm_kind.contains("layer_norm") {
            let norm = self.tensors.norm(&norm, self.hidden, self.eps, Bias::Required)?;
            norm.apply(&mut embeddings);
        } else {
            settings.expect("norm_rel_ebd", norm_kind == "none")?;
        }
        Ok(RelativePositions::Disentangled(Arc::new(Disentangled { embeddings, rows })))
    }
}

/// DeBERTa-v2's bucket of a signed distance: small distances have their own, and `longest - 1` has the last one,
/// `buckets - 1`. Between them, buckets grow by a constant factor.
fn log_bucket(distance: isize, buckets: usize, longest: usize) -> isize {
    let middle = buckets / 2;
    let size = distance.unsigned_abs();
    if size <= middle {
        return distance;
    }
    let middle = middle as f32;
    let part = (size as f32 / middle).ln() / ((longest - 1) as f32 / middle).ln();
    let bucket = (part * (middle - 1.0)).ceil() + middle;
    bucket as isize * distance.signum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of transformers' `make_log_bucket_position(relative_pos, 256, 512)`, the sizes of DeBERTa-v3.
    #[test]
    fn distances_have_the_buckets_of_transformers() {
        let values = [
            (0, 0),
            (5, 5),
            (128, 128),
            (129, 129),
            (200, 169),
            (-300, -207),
            (400, 233),
            (511, 255),
        ];
        for (distance, bucket) in values {
            assert_eq!(log_bucket(distance, 256, 512), bucket, "{distance}");
        }
    }
}
