"""Who and what the demo's usage is made of: models with prices, kinds of errors, teams, people and their keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import sqlalchemy as sa

from reports.store import usage_tables as tables


@dataclass(frozen=True)
class Model:
    """A model as clients meet it: list prices in USD for a million tokens, tokens and milliseconds of a request."""

    name: str
    group: str
    provider: str
    input: float
    output: float
    share: float
    prompt: int
    completion: int
    milliseconds: int
    cached: float = 0.0  # part of the prompt read from the cache
    cache_price: float = 0.1  # of the input price
    failing: float = 0.012


MODELS = (
    Model("openai/gpt-4o", "gpt-4o", "openai", 2.5, 10.0, 0.20, 1450, 310, 2900, 0.22, 0.5),
    Model("openai/gpt-4o-mini", "gpt-4o-mini", "openai", 0.15, 0.6, 0.27, 900, 260, 1300, 0.15, 0.5),
    Model("openai/gpt-5-mini", "gpt-5-mini", "openai", 0.25, 2.0, 0.10, 1200, 420, 2100, 0.25),
    Model("anthropic/claude-sonnet-4-5", "claude-sonnet", "anthropic", 3.0, 15.0, 0.18, 2600, 540, 4300, 0.45),
    Model("anthropic/claude-haiku-4-5", "claude-haiku", "anthropic", 1.0, 5.0, 0.11, 1100, 280, 1500, 0.30),
    Model("gemini/gemini-2.5-flash", "gemini-flash", "gemini", 0.3, 2.5, 0.08, 1900, 350, 1700, 0.12),
    Model("gemini/gemini-2.5-pro", "gemini-pro", "gemini", 1.25, 10.0, 0.03, 3100, 700, 6200, 0.10),
    Model("hosted_vllm/llama-3.3-70b", "llama-70b", "hosted_vllm", 0.0, 0.0, 0.03, 1300, 330, 3600, 0.0, 0.0, 0.03),
)
ADOPTED = 2  # the index of the newest model
INCIDENT_PROVIDER = "anthropic"
ERRORS = (
    ("RateLimitError", "429", 0.5),
    ("Timeout", "408", 0.2),
    ("InternalServerError", "500", 0.18),
    ("BadRequestError", "400", 0.12),
)
TEAMS = (
    ("team-platform", "Platform", 220.0),
    ("team-support", "Customer support", 320.0),
    ("team-research", "Research", None),
    ("team-marketing", "Marketing", None),
    ("team-finance", "Finance", None),
    ("team-legal", "Legal", None),
)
PEOPLE = (
    "Ada Krüger",
    "Ben Okafor",
    "Chiara Russo",
    "Daan Visser",
    "Elif Demir",
    "Farid Haddad",
    "Greta Lindqvist",
    "Hugo Martin",
    "Ines Sousa",
    "Jonas Weber",
    "Kaori Tanaka",
    "Liam Byrne",
    "Mina Petrova",
    "Noor Aziz",
    "Olga Nowak",
    "Pablo Reyes",
    "Quinn Harper",
    "Rosa Iglesias",
    "Sami Laine",
    "Tara Singh",
    "Umar Farooq",
    "Vera Horvat",
    "Wen Li",
    "Ximena Díaz",
    "Yusuf Kaya",
    "Zoe Dupont",
    "Amara Nwosu",
    "Björn Dahl",
    "Carla Mendes",
    "Dmitri Volkov",
    "Esther Kim",
    "Felix Brandt",
    "Gita Rao",
    "Hana Novák",
    "Ivan Marković",
    "Julia Schmid",
    "Kofi Mensah",
    "Lena Fischer",
    "Marco Bianchi",
    "Nadia Rahman",
)


@dataclass(frozen=True)
class Client:
    """One key and whose it is; a service works at night, a person in office hours."""

    key_id: str
    alias: str
    user_id: str
    team_id: str
    service: bool = False


def clients() -> list[Client]:
    """Forty people and some services in six teams, the biggest consumer first."""
    people = [
        Client(f"key-{index + 1:02d}", _alias(name), f"user-{index + 1:02d}", TEAMS[index % len(TEAMS)][0])
        for index, name in enumerate(PEOPLE)
    ]
    services = [
        Client("key-batch", "nightly-batch", "svc-batch", "team-platform", True),
        Client("key-chatbot", "support-chatbot", "svc-chatbot", "team-support", True),
        Client("key-unmapped", "", "", "", True),  # a key nobody is known to hold
    ]
    return [services[0], people[0], services[1], *people[1:20], services[2], *people[20:]]


def _alias(name: str) -> str:
    return name.split(maxsplit=1)[0].lower() + "-notebooks"


def facts(first_day: date) -> dict[sa.Table, pa.Table]:
    """The names, budgets and prices that go with the usage."""
    named = {f"user-{index + 1:02d}": name for index, name in enumerate(PEOPLE)}
    named |= {"svc-batch": "Nightly batch", "svc-chatbot": "Support chatbot"}
    keys = [client for client in clients() if client.user_id]
    keys.append(Client("key-dormant", "ada-old-laptop", "user-01", TEAMS[0][0]))  # never used
    priced = [model for model in MODELS if model.input]
    return {
        tables.users: pa.table({"user_id": list(named), "name": list(named.values())}),
        tables.keys: pa.table(
            {
                "key_id": [key.key_id for key in keys],
                "alias": [key.alias for key in keys],
                "user_id": [key.user_id for key in keys],
                "team_id": [key.team_id for key in keys],
            }
        ),
        tables.teams: pa.table(
            {
                "team_id": [id for id, _, _ in TEAMS],
                "name": [name for _, name, _ in TEAMS],
                "budget_usd": pa.array([budget for _, _, budget in TEAMS], pa.float64()),
            }
        ),
        tables.model_prices: pa.table(
            {
                "model": [model.name for model in priced],
                "provider": [model.provider for model in priced],
                "valid_from": pa.array([first_day] * len(priced), pa.date32()),
                "input_usd": [model.input / 1e6 for model in priced],
                "output_usd": [model.output / 1e6 for model in priced],
                "cache_read_usd": [model.input * model.cache_price / 1e6 for model in priced],
                "cache_creation_usd": [model.input / 1e6 for model in priced],
            }
        ),
    }
