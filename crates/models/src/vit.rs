//! The transformer CREs ViT-S, ViT-M and ViT-L, and one for CIFAR-10 (`book/cre.md`, section 3.4).
//!
//! They are masked autoencoders (He et al., 2022, arXiv 2111.06377) of vision transformers (Dosovitskiy et al., 2021,
//! arXiv 2010.11929) with a classifier on the encoder's tokens.

use serde::{Deserialize, Serialize};
use tensor::DType;
use tensor::random::Stream;

use crate::{
    BatchNorm, Block, ClassToken, Cre, Error, KeepPatches, LayerNorm, Linear, MaskTokens, MaskedLoss,
    Masking, Masks, PatchEmbedding, PositionalEncoding, Result, Sequential, TokenMean, Unpatchify,
    WithoutClassToken,
};

/// The stack of transformer blocks of an encoder or a decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stack {
    /// The number of features of a token: a multiple of 4, for the positional encoding, and of the number of heads.
    #[serde(serialize_with = "crate::range::width")]
    pub width: usize,
    /// The number of blocks.
    #[serde(serialize_with = "crate::range::depth")]
    pub depth: usize,
    /// The number of heads of each block.
    #[serde(serialize_with = "crate::range::width")]
    pub heads: usize,
}

/// The configuration of a transformer CRE.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Rows and columns of an image.
    #[serde(serialize_with = "crate::range::side")]
    pub side: usize,
    /// The number of channels.
    #[serde(serialize_with = "crate::range::side")]
    pub channels: usize,
    /// The number of classes.
    #[serde(serialize_with = "crate::range::outputs")]
    pub classes: usize,
    /// Rows and columns of a patch: a divisor of `side`.
    #[serde(serialize_with = "crate::range::side")]
    pub patch: usize,
    /// The blocks of the encoder.
    pub encoder: Stack,
    /// The blocks of the decoder.
    pub decoder: Stack,
    /// The ratio of hidden units of a block's MLP to the features of a token.
    #[serde(serialize_with = "crate::range::side")]
    pub mlp_ratio: usize,
    /// The patch masking in training.
    pub masking: Masking,
}

impl Config {
    /// The paper's ViT-S, for images of 1 x 28 x 28 and without masking.
    pub const S: Self = Self::of(8, 1, 1);
    /// The paper's ViT-M, which is wider and deeper.
    pub const M: Self = Self::of(32, 2, 1);
    /// The paper's ViT-L, which is still wider and deeper.
    pub const L: Self = Self::of(64, 4, 2);
    /// A model for images of 3 x 32 x 32 in patches of 4 x 4.
    pub const CIFAR10: Self = Self { side: 32, channels: 3, patch: 4, ..Self::of(64, 6, 2) };

    const fn of(width: usize, encoder_depth: usize, decoder_depth: usize) -> Self {
        Self {
            side: 28,
            channels: 1,
            classes: 10,
            patch: 7,
            encoder: Stack { width, depth: encoder_depth, heads: 4 },
            decoder: Stack { width, depth: decoder_depth, heads: 4 },
            mlp_ratio: 4,
            masking: Masking { ratio: 0.0, loss: MaskedLoss::Removed },
        }
    }

    /// The number of patches along a side; 0 for an invalid patch size.
    fn grid(&self) -> usize {
        self.side.checked_div(self.patch).unwrap_or(0)
    }

    /// The number of latent dimensions: the features of a token for each patch and of the class token.
    pub(crate) fn latent_len(&self) -> usize {
        (1 + self.grid() * self.grid()) * self.encoder.width
    }

    fn check(&self) -> Result<()> {
        let refused =
            |setting, expected, got: usize| Err(Error::Setting { setting, expected, got: got.to_string() });
        for (setting, value) in [
            ("side", self.side),
            ("channels", self.channels),
            ("classes", self.classes),
            ("patch", self.patch),
            ("encoder.heads", self.encoder.heads),
            ("decoder.heads", self.decoder.heads),
            ("mlp_ratio", self.mlp_ratio),
        ] {
            if value == 0 {
                return refused(setting, "at least 1", value);
            }
        }
        if !self.side.is_multiple_of(self.patch) {
            return refused("patch", "a divisor of the image's side", self.patch);
        }
        for (setting, Stack { width, heads, .. }) in
            [("encoder.width", self.encoder), ("decoder.width", self.decoder)]
        {
            if width == 0 || !width.is_multiple_of(4) || !width.is_multiple_of(heads) {
                return refused(setting, "a positive multiple of 4 and of the number of heads", width);
            }
        }
        Ok(())
    }
}

/// Builds the model. Every parameter is initialised from its own substream of `stream`.
///
/// The latent is the whole sequence of tokens, the class token first: `[n, 1 + patches, width]`.
///
/// # Errors
/// If a size is zero, the patches do not tile the image, a width is incompatible with the positional encoding or the
/// heads, or the masking leaves no patch.
pub fn cre(config: &Config, stream: &Stream, dtype: DType) -> Result<Cre> {
    config.check()?;
    let (side, patches) = (config.side, config.grid() * config.grid());
    let masks = Masks::new(config.masking, config.patch, patches, stream.child("mask"))?;
    let encoder = encoder(config, masks, &stream.child("encoder"), dtype)?;
    let decoder = decoder(config, masks, &stream.child("decoder"), dtype)?;
    let classifier = classifier(config, &stream.child("classifier"), dtype);
    Ok(Cre::new(encoder, decoder, classifier, &[config.channels, side, side]).with_masks(masks))
}

fn encoder(config: &Config, masks: Masks, stream: &Stream, dtype: DType) -> Result<Sequential> {
    let Config { patch, channels, encoder: Stack { width, .. }, .. } = *config;
    let layers = Sequential::new()
        .then(PatchEmbedding::new(patch, channels, width, &stream.child("patches"), dtype))
        .then(PositionalEncoding::of_patches(config.grid(), width, dtype)?)
        .then(KeepPatches { masks })
        // The positional encoding of the class token is zero, so the token can be added afterwards.
        .then(ClassToken::new(width, &stream.child("class token"), dtype));
    let layers = blocks(layers, config.encoder, config.mlp_ratio, stream, dtype);
    Ok(layers.then(LayerNorm::new(width, dtype)))
}

fn decoder(config: &Config, masks: Masks, stream: &Stream, dtype: DType) -> Result<Sequential> {
    let Config { side, patch, channels, decoder: Stack { width, .. }, .. } = *config;
    let layers = Sequential::new()
        .then(Linear::xavier(config.encoder.width, width, &stream.child("embedding"), dtype))
        .then(MaskTokens::new(width, masks, &stream.child("mask token"), dtype))
        .then(PositionalEncoding::of_tokens(config.grid(), width, dtype)?);
    let layers = blocks(layers, config.decoder, config.mlp_ratio, stream, dtype);
    Ok(layers
        // The last two layers act on each token separately, so the class token may be removed before them.
        .then(WithoutClassToken)
        .then(LayerNorm::new(width, dtype))
        .then(Linear::xavier(width, patch * patch * channels, &stream.child("prediction"), dtype))
        .then(Unpatchify { patch, side }))
}

fn classifier(config: &Config, stream: &Stream, dtype: DType) -> Sequential {
    let width = config.encoder.width;
    Sequential::new()
        .then(WithoutClassToken)
        .then(TokenMean)
        .then(BatchNorm::without_affine(width, dtype))
        .then(Linear::xavier(width, config.classes, &stream.child("scores"), dtype))
}

fn blocks(layers: Sequential, stack: Stack, mlp_ratio: usize, stream: &Stream, dtype: DType) -> Sequential {
    (0..stack.depth).fold(layers, |layers, block| {
        let stream = stream.child(&format!("block {block}"));
        layers.then(Block::new(stack.width, stack.heads, mlp_ratio, &stream, dtype))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Module, Part};

    fn counts(config: &Config) -> [usize; 3] {
        let model = cre(config, &Stream::new(0, "init"), DType::F32).unwrap();
        Part::ALL.map(|part| model.part(part).n_params())
    }

    /// Parameter counts (fact A1 of `book/cre.md`).
    #[test]
    fn the_parameter_counts_are_those_of_the_specification() {
        for d in [8, 16, 32, 64] {
            let stack = Stack { width: d, ..Config::S.encoder };
            let config = Config { encoder: stack, decoder: stack, ..Config::S };
            assert_eq!(
                counts(&config),
                [12 * d * d + 66 * d, 13 * d * d + 66 * d + 49, 10 * d + 10],
                "width {d}"
            );
        }
        assert_eq!(counts(&Config::S), [1_296, 1_409, 90]);
    }

    /// The number of parameters: 12 d^2 + 13 d for a block, v d + d for the embedding of v values, 3 d for the
    /// encoder's class token and norm, d^2 + 4 d for the decoder's embedding, mask token and norm, and v d + v for its
    /// prediction.
    #[test]
    fn the_larger_models_have_the_parameters_of_their_depths() {
        for (config, d, [deep, shallow], v) in
            [(Config::M, 32, [2, 1], 49), (Config::L, 64, [4, 2], 49), (Config::CIFAR10, 64, [6, 2], 48)]
        {
            let block = 12 * d * d + 13 * d;
            let encoder = v * d + 4 * d + deep * block;
            let decoder = d * d + 4 * d + shallow * block + v * d + v;
            assert_eq!(counts(&config), [encoder, decoder, 10 * d + 10]);
        }
    }

    #[test]
    fn invalid_settings_are_refused_by_name() {
        let wide = |width, heads| Stack { width, heads, ..Config::S.encoder };
        let masking = Masking { ratio: 1.0, ..Config::S.masking };
        for (config, message) in [
            (Config { patch: 6, ..Config::S }, "patch: expected a divisor of the image's side, got 6"),
            (Config { patch: 0, ..Config::S }, "patch: expected at least 1, got 0"),
            (
                Config { encoder: wide(6, 2), ..Config::S },
                "encoder.width: expected a positive multiple of 4 and",
            ),
            (
                Config { decoder: wide(8, 3), ..Config::S },
                "decoder.width: expected a positive multiple of 4 and",
            ),
            (
                Config { decoder: wide(0, 1), ..Config::S },
                "decoder.width: expected a positive multiple of 4 and",
            ),
            (Config { encoder: wide(8, 0), ..Config::S }, "encoder.heads: expected at least 1"),
            (Config { masking, ..Config::S }, "masking.ratio: expected a number from 0 and below 1, got 1"),
        ] {
            let refused = cre(&config, &Stream::new(0, "init"), DType::F32).err().unwrap().to_string();
            assert!(refused.starts_with(message), "{refused}");
        }
    }

    #[test]
    fn parameters_are_named_by_part_index_and_layer() {
        let model = cre(&Config::S, &Stream::new(0, "init"), DType::F32).unwrap();
        let names: Vec<String> = model.params().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names[..3], ["encoder.0.weight", "encoder.0.bias", "encoder.3.token"]);
        assert!(names.contains(&"decoder.3.attn.qkv.weight".to_owned()));
        assert_eq!(names.last().unwrap(), "classifier.3.bias");
    }
}
