"""Made-up shares in the shapes of the API."""

from __future__ import annotations

from streams.classify.keys import ALL_DIMENSIONS
from streams.classify.origin.overrides import suggestion
from streams.shares.windows import WINDOWS as ALL_WINDOWS

WINDOWS = {window.name: window.seconds for window in ALL_WINDOWS}
ORIGIN_SHARES = {
    "cn-open": 0.274,
    "cn-proprietary": 0.031,
    "row-open": 0.127,
    "row-proprietary": 0.545,
    "unknown": 0.023,
}
LANGUAGE_SHARES = {
    "en": ("English", 0.8287),
    "zh-Hans": ("Chinese (Simplified)", 0.0495),
    "ru": ("Russian", 0.0247),
    "es": ("Spanish", 0.0143),
    "th": ("Thai", 0.0103),
    "de": ("German", 0.0100),
    "ja": ("Japanese", 0.0090),
    "fr": ("French", 0.0085),
    "pt": ("Portuguese", 0.0070),
    "ko": ("Korean", 0.0050),
    "zh-Hant": ("Chinese (Traditional)", 0.0020),
    "und": ("Undetermined", 0.0130),
    "other": ("Other", 0.0180),
}
DEVELOPER_SHARES = {
    "Anthropic": 0.24,
    "Google": 0.21,
    "DeepSeek": 0.17,
    "OpenAI": 0.11,
    "Alibaba": 0.08,
    "Meta": 0.07,
    "Mistral": 0.06,
    "Moonshot AI": 0.03,
    "other": 0.03,
}
# A model's name is text from outside: it must stay text, however it looks.
HOSTILE = "<img src=x onerror=document.title='broken'>"
MODEL_SHARES = {
    "anthropic/claude-sonnet-4.5": (0.22, "row-proprietary"),
    "google/gemini-2.5-flash": (0.20, "row-proprietary"),
    "deepseek/deepseek-v3.2": (0.17, "cn-open"),
    "qwen/qwen3-235b-a22b-instruct-2507": (0.08, "cn-open"),
    "meta-llama/llama-3.3-70b-instruct": (0.07, "row-open"),
    HOSTILE: (0.01, "unknown"),
    "other": (0.25, None),
}
PROVIDER_SHARES = {
    "anthropic": ("Anthropic", 0.21, "us"),
    "openai": ("OpenAI", 0.11, "us"),
    "vertex_ai": ("Google Vertex AI", 0.19, "us"),
    "bedrock": ("Amazon Bedrock", 0.13, "us"),
    "vllm-berlin": ("vllm-berlin", 0.098, "self-hosted"),
    "mistral": ("Mistral", 0.05, "fr"),
    "deepseek": ("DeepSeek", 0.026, "cn"),
    "moonshot": ("Moonshot AI", 0.005, "cn"),
    "unknown": ("Unknown", 0.141, "unknown"),
    "other": ("Other", 0.04, "unknown"),
}
JURISDICTION_SHARES = {
    country: sum(share for _, share, law in PROVIDER_SHARES.values() if law == country)
    for country in ("us", "unknown", "self-hosted", "fr", "cn")
}
#: The first two have a name in a file of the operator's.
TENANT_SHARES = {
    "74e4dbdb632baffb": ("Search team", 0.41),
    "0b6c1d2e3f405162": ("Support desk", 0.22),
    "9a8b7c6d5e4f3021": ("", 0.18),
    "other": ("Other", 0.11),
    "unknown": ("No tenant named", 0.08),
}
#: Dollars of a million tokens, by origin and by provider; None where no record states its price.
PRICES = {"cn-open": 0.4, "cn-proprietary": 1.1, "row-open": 0.3, "unknown": None} | {
    "vllm-berlin": None,
    "self-hosted": None,
}
#: What a window's shares are apart from those of the last day: points of Chinese open models.
DRIFT = {"5m": 0.012, "1h": 0.006, "24h": 0.0, "7d": -0.053}


def cost_of(key, tokens):
    """Return the dollars of tokens; None where no record states its price."""
    price = PRICES.get(key, 3.0)
    return None if price is None else tokens * price / 1e6


def rows(shares, tokens, requests, **more):
    """Rows of one dimension; in requests the small shares are larger than in tokens."""
    roots = {key: share**0.7 for key, share in shares.items()}
    whole = sum(roots.values())
    costs = {key: cost_of(key, tokens * share) for key, share in shares.items()}
    priced = sum(cost or 0 for cost in costs.values())
    return [
        {
            "key": key,
            "tokens": round(tokens * share),
            "requests": round(requests * roots[key] / whole),
            "tokens_ratio": share,
            "requests_ratio": roots[key] / whole,
            "output_tokens": round(tokens / 16 * roots[key] / whole),
            "output_tokens_ratio": roots[key] / whole,
            "uncached_tokens": round(tokens * share / 4),
            "uncached_tokens_ratio": share,
            "cost": costs[key],
            "cost_ratio": None if costs[key] is None else costs[key] / priced,
            **{name: value[key] for name, value in more.items() if key in value},
        }
        for key, share in shares.items()
    ]


def tenant_rows(tokens, requests):
    """Rows of tenants, which are counted by requests and tokens."""
    shares = {key: share for key, (_, share) in TENANT_SHARES.items()}
    names = {key: name for key, (name, _) in TENANT_SHARES.items() if name}
    unknown = dict.fromkeys(("cost", "cost_ratio", "uncached_tokens", "uncached_tokens_ratio"))
    return [row | unknown for row in rows(shares, tokens, requests, name=names)]


def pairs(dimension, origins, shares, tokens, requests):
    """Rows of origins by another dimension, as if the two had nothing to do with each other."""
    return [
        {
            "origin": origin,
            dimension: key,
            "tokens": round(tokens * share * part),
            "requests": round(requests * share * part),
            "tokens_ratio": share * part,
            "requests_ratio": share * part,
            "output_tokens": round(tokens * share * part / 16),
            "output_tokens_ratio": share * part,
            "uncached_tokens": round(tokens * share * part / 4),
            "uncached_tokens_ratio": share * part,
            "cost": cost_of(origin, tokens * share * part),
            "cost_ratio": None,
        }
        for origin, share in origins.items()
        for key, part in shares.items()
    ]


def drifted(shares, key, points):
    """Take points from every share in proportion and give them to one."""
    left = (1 - shares[key] - points) / (1 - shares[key])
    return {one: share + points if one == key else share * left for one, share in shares.items()}


def made_up_window(name, now):
    seconds = WINDOWS[name]
    requests = round(seconds * 37.3)
    tokens = requests * 5_431
    origins = drifted(ORIGIN_SHARES, "cn-open", DRIFT[name])
    languages = {key: share for key, (_, share) in LANGUAGE_SHARES.items()}
    languages = drifted(languages, "zh-Hans", DRIFT[name] / 10)
    # Tenants are counted by the hour.
    tenants = {} if seconds < 86_400 else {"tenant": tenant_rows(tokens, requests)}
    return {
        **tenants,
        "seconds": seconds,
        "start": now - seconds,
        "end": now,
        "requests": requests,
        "tokens": tokens,
        "prompt_tokens": tokens * 15 // 16,
        "completion_tokens": tokens // 16,
        "output_tokens": tokens // 16,
        "uncached_tokens": tokens // 4,
        "cost": sum(each["cost"] or 0 for each in rows(origins, tokens, requests)),
        "priced_ratio": 0.83,
        "estimated_ratio": 0.1,
        "measured_ratio": 0.9,
        "origin": rows(origins, tokens, requests),
        "provider": rows(
            {key: share for key, (_, share, _) in PROVIDER_SHARES.items()},
            tokens,
            requests,
            name={key: name for key, (name, _, _) in PROVIDER_SHARES.items()},
        ),
        "jurisdiction": rows(
            JURISDICTION_SHARES,
            tokens,
            requests,
            name={"us": "US", "cn": "CN", "fr": "FR", "self-hosted": "Self-hosted"},
        ),
        "law": pairs("jurisdiction", origins, JURISDICTION_SHARES, tokens, requests),
        "served": pairs(
            "provider",
            origins,
            {key: share for key, (_, share, _) in PROVIDER_SHARES.items()},
            tokens,
            requests,
        ),
        "language": rows(
            languages, tokens, requests, name={k: n for k, (n, _) in LANGUAGE_SHARES.items()}
        ),
        "developer": rows(DEVELOPER_SHARES, tokens, requests),
        "model": rows(
            {key: share for key, (share, _) in MODEL_SHARES.items()},
            tokens,
            requests,
            origin={key: origin for key, (_, origin) in MODEL_SHARES.items() if origin},
        ),
        "joint": pairs("language", origins, languages, tokens, requests),
    }


def made_up_unknown(model, tokens, requests):
    return {
        "model": model,
        "tokens": tokens,
        "requests": requests,
        "matched_by": "unknown: no known name",
        "override": suggestion(model),
    }


def made_up_shares(now):
    return {
        "as_of": now - 0.8,
        "generated_at": now,
        "ready": True,
        "reasons": [],
        "since": now - 800 * 86_400,
        "simulated": True,
        "windows": {name: made_up_window(name, now) for name in WINDOWS},
        "unknown": [
            made_up_unknown("prod-chat", 1_812_000_000, 310_211),
            made_up_unknown("openrouter/auto", 901_200_300, 90_411),
            made_up_unknown(HOSTILE, 1_200, 3),
        ],
        "pipeline": {
            "lag": 12,
            "late": 41,
            "rejected": 3,
            "unread": {"count": 0, "last": None, "sources": []},
            "partitions": [
                {
                    "partition": number,
                    "position": 1_234_000 + number,
                    "end_offset": 1_234_006 + number,
                    "lag": 6,
                    "newest": now - 0.4,
                    "owned": number == 0,
                    "lost": {"1h": 1_200, "1d": 1_200} if number else {},
                }
                for number in (0, 1)
            ],
            "records": [
                {"result": "counted", "reason": "", "count": 2_468_000},
                {"result": "rejected", "reason": "not_json", "count": 3},
            ],
        },
    }


def no_traffic():
    """Return the windows of a worker that has counted nothing."""
    window = made_up_window("24h", 1000.0)
    nothing = {
        "requests": 0,
        "tokens": 0,
        "output_tokens": 0,
        "uncached_tokens": 0,
        "cost": None,
        **dict.fromkeys(("priced_ratio", "estimated_ratio", "measured_ratio")),
        **{each: [] for each in ALL_DIMENSIONS if each != "origin"},
    }
    none = [
        {"key": key, "tokens": 0, "requests": 0, "tokens_ratio": None, "requests_ratio": None}
        for key in ORIGIN_SHARES
    ]
    return dict.fromkeys(WINDOWS, window | nothing | {"origin": none})
