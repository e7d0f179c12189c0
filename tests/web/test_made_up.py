"""The made-up numbers of the page's tests keep to the API and to the project."""

from __future__ import annotations

import dataclasses
import time

import pytest
import schemathesis
from made_up import ORIGIN_SHARES, STEPS, made_up_policy, made_up_sources, served

from streams.web import openapi


@pytest.mark.parametrize("state", ["shifted", "quiet", "young", "new"])
def test_the_made_up_answers_are_as_the_api_describes_them(state):
    described = schemathesis.openapi.from_dict(openapi.DOCUMENT)
    start = str(int(time.time()) - 90 * 86_400)
    movers = {"dimension": "origin", "key": "cn-open", "measure": "tokens", "window": "24h"}
    questions = [
        ("/api/v1/shares", {}),
        ("/api/v1/shifts", {}),
        ("/api/v1/notes", {}),
        *(
            ("/api/v1/history", {"dimension": name, "step": "1d", "start": start})
            for name in ("origin", "language", "developer", "model")
        ),
        *([("/api/v1/shifts/movers", movers)] if state != "new" else []),
    ]
    if state != "new":
        questions.append(("/api/v1/shifts/movers", movers | {"dimension": "language", "key": "ru"}))
    with served(made_up_sources(state)) as url:
        for path, query in questions:
            answer = described[path]["GET"].Case(query=query).call(base_url=url)
            described[path]["GET"].validate_response(answer)
            assert answer.status_code == 200


def test_the_made_up_policy_is_as_the_api_describes_it():
    async def policy():
        return made_up_policy(time.time())

    described = schemathesis.openapi.from_dict(openapi.DOCUMENT)["/api/v1/policy"]["GET"]
    with served(dataclasses.replace(made_up_sources(), policy=policy)) as url:
        described.validate_response(described.Case().call(base_url=url))


def test_the_made_up_origins_are_those_of_the_project():
    from streams.classify.origin.values import ORIGINS

    assert list(ORIGIN_SHARES) == list(ORIGINS)
    assert set(STEPS) == {"10s", "5m", "1h", "1d", "1w"}
