"""What tokens cost by list price: the source's own prices first, then genai-prices, then a few of our own.

A list price is advice (what unpriced usage would have cost), never what was spent. An unknown model has no price;
nothing here asks the network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

MILLION = 1_000_000


@dataclass(frozen=True)
class Price:
    """USD for one token."""

    input: float
    output: float
    cache_read: float
    cache_creation: float


PRICES_SCHEMA = pa.schema(
    [("model", pa.string()), ("provider", pa.string())]
    + [(name, pa.float64()) for name in ("input_usd", "output_usd", "cache_read_usd", "cache_creation_usd")]
)
PriceList = Mapping[tuple[str, str], Price]  # (model, provider); ("model", "") for any provider

# USD for a million tokens: input, output. For models that people run themselves, at common hosting prices.
OWN_PRICES = {
    "llama-3.3-70b": (0.59, 0.79),
    "mistral-small": (0.10, 0.30),
    "qwen2.5-72b": (0.35, 0.40),
    "granite-3.3-8b": (0.10, 0.10),
}
# Providers as LiteLLM names them -> as genai-prices does.
PROVIDERS = {
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "vertex_ai": "google",
    "gemini": "google",
    "azure_ai": "azure",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "xai": "x-ai",
}


def price_of(model: str, provider: str, on: date, own: PriceList | None = None) -> Price | None:
    """The list price of a model on a day, or None where nobody lists it."""
    for key in ((model, provider), (model, "")):
        if own and key in own:
            return own[key]
    return _listed(model, provider, on)


@lru_cache(maxsize=4096)
def _listed(model: str, provider: str, on: date) -> Price | None:
    name = model.rpartition("/")[2]
    for reference, company in ((name, provider), (name, PROVIDERS.get(provider, "")), (name, "")):
        price = _genai_price(reference, company, on) if reference else None
        if price is not None:
            return price
    if name in OWN_PRICES:
        input, output = (usd / MILLION for usd in OWN_PRICES[name])
        return Price(input, output, input, input)
    return None


def _genai_price(model: str, provider: str, on: date) -> Price | None:
    from genai_prices import Usage, calc_price  # noqa: PLC0415  a quarter of a second

    moment = datetime(on.year, on.month, on.day, tzinfo=UTC)

    def usd(**tokens: int) -> float:
        found = calc_price(Usage(**tokens), model, provider_id=provider or None, genai_request_timestamp=moment)
        return float(found.total_price / 1000)  # exact: decimals

    try:  # a thousand tokens: under every threshold of tiered prices
        input = usd(input_tokens=1000)
        output = usd(output_tokens=1000)
        cache_read = usd(input_tokens=1000, cache_read_tokens=1000)
        cache_creation = usd(input_tokens=1000, cache_write_tokens=1000)
    except (LookupError, ValueError):
        return None
    return Price(input, output, cache_read, cache_creation) if input or output else None


def list_prices(rows: pa.Table, on: date, own: PriceList | None = None) -> pa.Array:
    """What each row's tokens cost by list price; NULL where the model has none.

    prompt_tokens include both kinds of cache tokens, which have prices of their own.
    """
    pairs, codes = _pairs(rows)
    known = [price_of(model, provider, on, own) for model, provider in pairs]
    table = np.array([[p.input, p.output, p.cache_read, p.cache_creation] if p else [np.nan] * 4 for p in known])
    usd = table.reshape(-1, 4)[codes]
    read, creation = (_tokens(rows, name) for name in ("cache_read_tokens", "cache_creation_tokens"))
    fresh = np.maximum(_tokens(rows, "prompt_tokens") - read - creation, 0)
    parts = (fresh, _tokens(rows, "completion_tokens"), read, creation)
    total = sum(tokens * usd[:, index] for index, tokens in enumerate(parts))
    return pa.array(total, pa.float64(), from_pandas=True)  # NaN is NULL


def models_in(rows: pa.Table) -> set[tuple[str, str]]:
    """The models in `rows`, each with its provider."""
    return set(_pairs(rows)[0])


def price_table(models: Iterable[tuple[str, str]], on: date, own: PriceList | None = None) -> pa.Table:
    """The list prices of `models` (with their providers) in USD for one token; those nobody lists are left out."""
    found = [(pair, price_of(*pair, on, own)) for pair in sorted(models)]
    known = [
        (*pair, price.input, price.output, price.cache_read, price.cache_creation) for pair, price in found if price
    ]
    columns = list(zip(*known, strict=True)) or [()] * len(PRICES_SCHEMA)
    arrays = [pa.array(values, kind.type) for values, kind in zip(columns, PRICES_SCHEMA, strict=True)]
    return pa.table(arrays, schema=PRICES_SCHEMA)


def _tokens(rows: pa.Table, name: str) -> Any:
    return rows[name].fill_null(0).to_numpy()


def _pairs(rows: pa.Table) -> tuple[list[tuple[str, str]], Any]:
    models, providers = (rows[name].combine_chunks() for name in ("model", "provider"))
    models, providers = (_dictionary(column) for column in (models, providers))
    width = max(len(providers.dictionary), 1)
    combined = models.indices.to_numpy().astype(np.int64) * width + providers.indices.to_numpy()
    distinct, codes = np.unique(combined, return_inverse=True)
    names, companies = models.dictionary.to_pylist(), providers.dictionary.to_pylist()
    return [(names[code // width], companies[code % width]) for code in distinct.tolist()], codes


def _dictionary(column: Any) -> Any:
    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries().chunk(0)
    return column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
