//! The tensor names of each [`Layout`].

use super::spec::Layout;

/// Names in one tower. Names in a block are prefixed by `blocks`, in which `{}` is its number.
pub(super) struct TowerNames {
    pub(super) norm1: &'static str,
    pub(super) qkv: QkvNames,
    pub(super) out: &'static str,
    pub(super) norm2: &'static str,
    pub(super) first: &'static str,
    pub(super) second: &'static str,
    pub(super) block: &'static str,
    pub(super) positions: &'static str,
    pub(super) post_norm: &'static str,
}

/// How queries, keys and values are stored.
pub(super) enum QkvNames {
    /// In three layers.
    Apart([&'static str; 3]),
    /// In one: weight and bias.
    Together(&'static str, &'static str),
}

/// Additional names in the picture tower.
pub(super) struct VisionNames {
    pub(super) tower: TowerNames,
    pub(super) patches: &'static str,
    pub(super) class_token: &'static str,
    pub(super) pre_norm: &'static str,
    pub(super) pool: PoolNames,
    pub(super) projection: Projection,
}

/// Names of the attention pool.
pub(super) struct PoolNames {
    pub(super) query: &'static str,
    pub(super) attention: PoolAttention,
    pub(super) out: &'static str,
    pub(super) norm: &'static str,
    pub(super) first: &'static str,
    pub(super) second: &'static str,
}

/// How the pool's projections are stored.
pub(super) enum PoolAttention {
    /// Queries, keys and values in one tensor: weight and bias.
    Together(&'static str, &'static str),
    /// Queries separate from keys and values.
    QueryApart(&'static str, &'static str),
}

/// How the last layer is stored.
#[derive(Clone, Copy)]
pub(super) enum Projection {
    /// It does not exist.
    None,
    /// A layer with only a weight.
    Weight(&'static str),
    /// A layer with weight and bias.
    Full(&'static str),
    /// A matrix of inputs × outputs.
    Matrix(&'static str),
}

/// Additional names in the text tower.
pub(super) struct TextNames {
    pub(super) tower: TowerNames,
    pub(super) tokens: &'static str,
    pub(super) projection: Projection,
}

const NO_POOL: PoolNames = PoolNames {
    query: "",
    attention: PoolAttention::QueryApart("", ""),
    out: "",
    norm: "",
    first: "",
    second: "",
};

const fn hugging_face(
    block: &'static str,
    positions: &'static str,
    post_norm: &'static str,
) -> TowerNames {
    TowerNames {
        norm1: "layer_norm1",
        qkv: QkvNames::Apart(["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]),
        out: "self_attn.out_proj",
        norm2: "layer_norm2",
        first: "mlp.fc1",
        second: "mlp.fc2",
        block,
        positions,
        post_norm,
    }
}

const fn open_clip(
    block: &'static str,
    positions: &'static str,
    post_norm: &'static str,
) -> TowerNames {
    TowerNames {
        norm1: "ln_1",
        qkv: QkvNames::Together("attn.in_proj_weight", "attn.in_proj_bias"),
        out: "attn.out_proj",
        norm2: "ln_2",
        first: "mlp.c_fc",
        second: "mlp.c_proj",
        block,
        positions,
        post_norm,
    }
}

impl Layout {
    pub(super) const fn vision(self) -> VisionNames {
        let hugging_face = hugging_face(
            "vision_model.encoder.layers.{}.",
            "vision_model.embeddings.position_embedding.weight",
            "vision_model.post_layernorm",
        );
        match self {
            Self::HuggingFaceClip => VisionNames {
                tower: hugging_face,
                patches: "vision_model.embeddings.patch_embedding",
                class_token: "vision_model.embeddings.class_embedding",
                // The library's own spelling.
                pre_norm: "vision_model.pre_layrnorm",
                pool: NO_POOL,
                projection: Projection::Weight("visual_projection"),
            },
            Self::HuggingFaceSiglip => VisionNames {
                tower: hugging_face,
                patches: "vision_model.embeddings.patch_embedding",
                class_token: "",
                pre_norm: "",
                pool: PoolNames {
                    query: "vision_model.head.probe",
                    attention: PoolAttention::Together(
                        "vision_model.head.attention.in_proj_weight",
                        "vision_model.head.attention.in_proj_bias",
                    ),
                    out: "vision_model.head.attention.out_proj",
                    norm: "vision_model.head.layernorm",
                    first: "vision_model.head.mlp.fc1",
                    second: "vision_model.head.mlp.fc2",
                },
                projection: Projection::None,
            },
            Self::OpenClip => VisionNames {
                tower: open_clip(
                    "visual.transformer.resblocks.{}.",
                    "visual.positional_embedding",
                    "visual.ln_post",
                ),
                patches: "visual.conv1",
                class_token: "visual.class_embedding",
                pre_norm: "visual.ln_pre",
                pool: NO_POOL,
                projection: Projection::Matrix("visual.proj"),
            },
            Self::OpenClipPe => VisionNames {
                tower: TowerNames {
                    norm1: "norm1",
                    qkv: QkvNames::Together("attn.qkv.weight", "attn.qkv.bias"),
                    out: "attn.proj",
                    norm2: "norm2",
                    first: "mlp.fc1",
                    second: "mlp.fc2",
                    block: "visual.trunk.blocks.{}.",
                    positions: "visual.trunk.pos_embed",
                    post_norm: "visual.trunk.norm",
                },
                patches: "visual.trunk.patch_embed.proj",
                class_token: "visual.trunk.cls_token",
                pre_norm: "visual.trunk.norm_pre",
                pool: PoolNames {
                    query: "visual.trunk.attn_pool.latent",
                    attention: PoolAttention::QueryApart(
                        "visual.trunk.attn_pool.q",
                        "visual.trunk.attn_pool.kv",
                    ),
                    out: "visual.trunk.attn_pool.proj",
                    norm: "visual.trunk.attn_pool.norm",
                    first: "visual.trunk.attn_pool.mlp.fc1",
                    second: "visual.trunk.attn_pool.mlp.fc2",
                },
                projection: Projection::Full("visual.trunk.head"),
            },
        }
    }

    pub(super) const fn text(self) -> TextNames {
        let hugging_face = hugging_face(
            "text_model.encoder.layers.{}.",
            "text_model.embeddings.position_embedding.weight",
            "text_model.final_layer_norm",
        );
        match self {
            Self::HuggingFaceClip => TextNames {
                tower: hugging_face,
                tokens: "text_model.embeddings.token_embedding.weight",
                projection: Projection::Weight("text_projection"),
            },
            Self::HuggingFaceSiglip => TextNames {
                tower: hugging_face,
                tokens: "text_model.embeddings.token_embedding.weight",
                projection: Projection::Full("text_model.head"),
            },
            Self::OpenClip => TextNames {
                tower: open_clip(
                    "transformer.resblocks.{}.",
                    "positional_embedding",
                    "ln_final",
                ),
                tokens: "token_embedding.weight",
                projection: Projection::Matrix("text_projection"),
            },
            Self::OpenClipPe => TextNames {
                tower: open_clip(
                    "text.transformer.resblocks.{}.",
                    "text.positional_embedding",
                    "text.ln_final",
                ),
                tokens: "text.token_embedding.weight",
                projection: Projection::Matrix("text.text_projection"),
            },
        }
    }
}
