"""Example inputs for modules of transformers, by what the class and its config say of them: text, pictures, films, sound."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from edgekit.converters import Example, LoadOptions

LENGTH, DECODER_LENGTH = 16, 8
LENGTH_LIMIT = 512
IMAGE_SIZE, SAMPLES, FRAMES = 224, 16000, 128
#: where a config keeps what belongs to one kind of input
PARTS = ("text_config", "vision_config", "audio_config", "backbone_config", "encoder_config", "encoder", "decoder", "thinker_config")


def examples(torch: Any, module: Any, options: LoadOptions) -> list[Example]:
    """Inputs to export a module with: lengths left open first, then fixed ones, for modules that torch cannot export so.

    Args:
        torch: the package.
        module: a ``PreTrainedModel``; it is told to keep no cache, which is no output.
        options: a shape given in full for an input is that of the example.
    """
    for part in module.modules():  # an encoder and a decoder have copies of the config
        for config in _configs(getattr(part, "config", None)):
            if getattr(config, "use_cache", None):
                config.use_cache = False
    inputs, open_dims = _Maker(torch, module, options).inputs()
    fixed = Example(inputs)
    if not any(open_dims.values()):
        return [fixed]
    return [Example(inputs, {n: open_dims.get(n) or None for n in inputs}), fixed]


def _configs(config: Any) -> Iterator[Any]:
    """A config and those of its parts; nothing where there is none."""
    if config is None:
        return
    yield config
    for name in PARTS:
        part = getattr(config, name, None)
        if part is not None and hasattr(part, "to_dict"):
            yield from _configs(part)


class _Maker:
    """Makes inputs for one module."""

    def __init__(self, torch: Any, module: Any, options: LoadOptions) -> None:
        self.torch = torch
        self.module = module
        self.shapes = options.shapes
        self.dims: dict[str, dict[int, Any]] = {}
        self.lengths: dict[str, Any] = {}

    def setting(self, *names: str) -> Any:
        """The first of some entries that the config or one of its parts has."""
        for config in _configs(self.module.config):
            for name in names:
                value = getattr(config, name, None)
                if value is not None:
                    return value
        return None

    def number(self, default: int, *names: str) -> int:
        value = self.setting(*names)
        return value if isinstance(value, int) else default

    def inputs(self) -> tuple[dict[str, Any], dict[str, dict[int, Any]]]:
        """The inputs by name, and which of their dimensions stay open."""
        taken = inspect.signature(self.module.forward).parameters
        kinds = self.module.input_modalities
        kinds = {kinds} if isinstance(kinds, str) else set(kinds)
        wanted = {str(self.module.main_input_name)}
        for kind, names in (("text", ("input_ids", "attention_mask")), ("image", ("pixel_values",)), ("video", ("pixel_values_videos",))):
            if kind in kinds:
                wanted.update(names)
        if "audio" in kinds:
            wanted.update(("input_values", "input_features"))
        if "input_ids" in wanted:
            wanted.add("attention_mask")
        if getattr(self.module.config, "is_encoder_decoder", False):
            wanted.add("decoder_input_ids")
        if "input_ids" not in wanted or "input_ids" not in taken:
            wanted.discard("attention_mask")
        makers = {
            "input_ids": self.tokens, "attention_mask": self.tokens, "decoder_input_ids": self.tokens, "pixel_values": self.pictures,
            "input_values": self.sound, "input_features": self.features,
        }  # fmt: skip
        found = {n: makers[n](n) for n in taken if n in wanted and n in makers}
        return (found or {"input_ids": self.tokens("input_ids")}), self.dims

    def filled(self, name: str, shape: tuple[int, ...], numbers: bool = False) -> Any:
        """A tensor of the shape the user gave in full, else of the one that fits the config."""
        asked = self.shapes.get(name)
        if asked is not None and len(asked) == len(shape) and all(isinstance(d, int) and d > 0 for d in asked):
            shape = tuple(int(str(d)) for d in asked)
        return self.torch.ones(shape, dtype=self.torch.int64) if numbers else self.torch.zeros(shape)

    def dimension(self, name: str, low: int, high: int) -> Any:
        return self.torch.export.Dim(name, min=low, max=max(high, low))

    def tokens(self, name: str) -> Any:
        decoder = name.startswith("decoder")
        limit = min(LENGTH_LIMIT, self.number(LENGTH_LIMIT, "max_position_embeddings", "n_positions", "max_target_positions"))
        length = min(DECODER_LENGTH if decoder else LENGTH, limit)
        label = "decoder_sequence" if decoder else "sequence"
        if label not in self.lengths:
            self.lengths[label] = self.dimension(label, 2, limit)
        self.dims[name] = {1: self.lengths[label]}
        return self.filled(name, (1, length), True)

    def pictures(self, name: str) -> Any:
        size = self.setting("image_size")
        height, width = (size[0], size[-1]) if isinstance(size, list | tuple) and size else (size, size)
        if isinstance(size, Mapping):
            height, width = size.get("height"), size.get("width")
        plane = tuple(d if isinstance(d, int) else IMAGE_SIZE for d in (height, width))
        channels = self.number(3, "num_channels")
        frames = self.setting("num_frames")
        return self.filled(name, (1, *((frames,) if isinstance(frames, int) else ()), channels, *plane))

    def sound(self, name: str) -> Any:
        """Samples, whose number torch cannot leave open in most families; spectrograms of a fixed length where the config has one."""
        bins, length = self.setting("num_mel_bins"), self.setting("max_length")
        if isinstance(bins, int) and isinstance(length, int) and self.setting("conv_stride") is None:
            return self.filled(name, (1, length, bins))
        channels = self.setting("audio_channels")
        return self.filled(name, (1, channels, SAMPLES) if isinstance(channels, int) else (1, SAMPLES))

    def features(self, name: str) -> Any:
        """Spectrograms: [batch, mel bins, frames] for Whisper's kin, [batch, frames, mel bins] for the others."""
        bins = self.number(80, "num_mel_bins", "feature_projection_input_dim", "input_feat_per_channel")
        positions = self.setting("max_source_positions")
        if isinstance(positions, int) and self.setting("input_feat_per_channel") is None:
            return self.filled(name, (1, bins, 2 * positions))
        return self.filled(name, (1, FRAMES, bins))
