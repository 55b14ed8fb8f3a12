"""`seqtrain schema`: the JSON Schema of a config."""

from .output import print_result


def schema() -> None:
    """Print the JSON Schema of a config, for editors."""
    from ..config.json_schema import json_schema_text

    print_result(json_schema_text().removesuffix("\n"))
