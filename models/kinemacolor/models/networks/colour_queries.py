"""The colour decoder of DDColor: learned queries that read the picture at three sizes and become colours.

Our own code from the paper (Kang et al. 2023), Vaswani et al. 2017 (attention) and Carion et al. 2020 (places as
sines), in the layout of the authors' files. What those ask for: a query looks at the picture first and at the other
queries second; norms come after the sums; the embedding of a size is part of what is looked at, that of places only of
where.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ColourQueries", "sine_places"]

_TEMPERATURE = 10000.0
_EPSILON = 1e-6


class _Table(nn.Module):
    """Learned rows. Not `nn.Embedding`, whose start asks for 800 modules of torch where only a layout is wanted."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(count, width))
        nn.init.trunc_normal_(self.weight)


class _LookAtPicture(nn.Module):
    """Attention of the queries to the picture; keys of the file: `multihead_attn`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.multihead_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm = nn.LayerNorm(width)

    def forward(self, queries: Tensor, own_places: Tensor, picture: Tensor, places: Tensor) -> Tensor:
        """(B, Q, C) and (B, N, C) to (B, Q, C)."""
        # Without weights asked for, torch makes no (heads, Q, N) matrix, which grows with the picture.
        seen, _ = self.multihead_attn(queries + own_places, picture + places, picture, need_weights=False)
        y: Tensor = self.norm(queries + seen)
        return y


class _LookAtEachOther(nn.Module):
    """Attention among the queries; keys of the file: `self_attn`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm = nn.LayerNorm(width)

    def forward(self, queries: Tensor, own_places: Tensor) -> Tensor:
        """(B, Q, C), shape kept."""
        placed = queries + own_places
        seen, _ = self.self_attn(placed, placed, queries, need_weights=False)
        y: Tensor = self.norm(queries + seen)
        return y


class _FeedForward(nn.Module):
    """Two layers on each query."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(width, inner)
        self.linear2 = nn.Linear(inner, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, queries: Tensor) -> Tensor:
        """(B, Q, C), shape kept."""
        y: Tensor = self.norm(queries + self.linear2(F.relu(self.linear1(queries))))
        return y


class _ThreeLayers(nn.Module):
    """From a query to its mixture of the finest features."""

    def __init__(self, width: int, outside: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList((nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, outside)))

    def forward(self, queries: Tensor) -> Tensor:
        """(B, Q, C) to (B, Q, outside)."""
        one, two, three = self.layers
        y: Tensor = three(F.relu(two(F.relu(one(queries)))))
        return y


class ColourQueries(nn.Module):
    """The decoder.

    Args:
        channels: Of the features at each size, coarsest first.
        outside: Channels of the finest features.
        queries: How many.
        width: Of a query, a multiple of four and of the heads.
        heads: Of the attentions.
        inner: Width of the layer within the feed-forward ones.
        rounds: How often all sizes are looked at, coarsest first.
    """

    def __init__(
        self, channels: Sequence[int], outside: int, *, queries: int, width: int, heads: int, inner: int, rounds: int
    ) -> None:
        super().__init__()
        layers = range(rounds * len(channels))
        self.query_feat = _Table(queries, width)
        self.query_embed = _Table(queries, width)
        self.level_embed = _Table(len(channels), width)
        self.input_proj = nn.ModuleList(nn.Conv2d(count, width, 1) for count in channels)
        self.transformer_cross_attention_layers = nn.ModuleList(_LookAtPicture(width, heads) for _ in layers)
        self.transformer_self_attention_layers = nn.ModuleList(_LookAtEachOther(width, heads) for _ in layers)
        self.transformer_ffn_layers = nn.ModuleList(_FeedForward(width, inner) for _ in layers)
        self.decoder_norm = nn.LayerNorm(width)
        self.color_embed = _ThreeLayers(width, outside)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Mixtures.

        Args:
            features: (B, channels[i], h, w) of each size, coarsest first.

        Returns:
            (B, queries, outside): for each query how it mixes the finest features to one map.
        """
        pictures = [self._picture(level, plane) for level, plane in enumerate(features)]
        places = [sine_places(plane, self.query_embed.weight.shape[1]) for plane in features]
        queries = self.query_feat.weight.expand(features[0].shape[0], -1, -1)
        for number in range(len(self.transformer_ffn_layers)):
            level = number % len(features)
            queries = self.look(number, queries, pictures[level], places[level])
        mixtures: Tensor = self.color_embed(self.decoder_norm(queries))
        return mixtures

    def look(self, number: int, queries: Tensor, picture: Tensor, places: Tensor) -> Tensor:
        """One layer: (B, Q, C) queries, (B, N, C) picture and (1, N, C) places to (B, Q, C) queries."""
        own_places = self.query_embed.weight
        queries = self.transformer_cross_attention_layers[number](queries, own_places, picture, places)
        queries = self.transformer_self_attention_layers[number](queries, own_places)
        after: Tensor = self.transformer_ffn_layers[number](queries)
        return after

    def _picture(self, level: int, plane: Tensor) -> Tensor:
        """(B, N, C)."""
        seen: Tensor = self.input_proj[level](plane).flatten(2).transpose(1, 2)
        return seen + self.level_embed.weight[level]


def sine_places(plane: Tensor, width: int) -> Tensor:
    """Places as sines and cosines: 1 to n along each side, as parts of a full turn.

    Args:
        plane: (B, C, h, w), whose size, dtype and device count.
        width: Numbers for a place, a multiple of four; the first half is for the row, the second for the column.

    Returns:
        (1, h w, width), row by row.
    """
    height, columns = plane.shape[-2:]
    down, across = (_sines(count, width // 2, plane.device) for count in (height, columns))
    grid = (down[:, None].expand(-1, columns, -1), across[None].expand(height, -1, -1))
    return torch.cat(grid, dim=2).flatten(0, 1)[None].to(plane.dtype)


def _sines(count: int, width: int, device: torch.device) -> Tensor:
    """(count, width): sine and cosine by turns, each pair of a longer wave."""
    place = torch.arange(1, count + 1, device=device) / (count + _EPSILON) * (2 * math.pi)
    wave = _TEMPERATURE ** (torch.arange(0, width, 2, device=device) / width)
    angle = place[:, None] / wave
    return torch.stack((angle.sin(), angle.cos()), dim=2).flatten(1)
