"""The list of prices that a deployment's settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.classify.price import genai
from streams.settings import ENV_PREFIX, SettingsError, extras

if TYPE_CHECKING:
    from streams.classify.price.prices import Prices
    from streams.settings import Settings


def prices_of(settings: Settings) -> Prices | None:
    """Return the prices by which costs are estimated, None where none are.

    Raises SettingsError where the package that has them is not installed.
    """
    if settings.prices == "none":
        return None
    try:
        return genai.load(by_developer=settings.prices == "genai-prices-developer")
    except ImportError:
        raise SettingsError(
            f"{ENV_PREFIX}PRICES={settings.prices} needs a package that is not installed: "
            f"{extras.advice('prices')}."
        ) from None
