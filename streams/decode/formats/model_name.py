"""Names of Amazon Bedrock that do not say which model answered."""

from __future__ import annotations

#: Resources of Bedrock whose ARN ends with the name of a model.
_NAMING = (":foundation-model/", ":inference-profile/")


def is_opaque(name: object) -> bool:
    """Return whether a name is an ARN of Bedrock's with an id in the place of the model.

    An application inference profile is one, and so is provisioned throughput; a gateway may write
    its own prefix before it.
    """
    return (
        type(name) is str
        and "arn:" in name
        and ":bedrock:" in name
        and not any(each in name for each in _NAMING)
    )
