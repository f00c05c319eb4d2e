"""What genai-prices and LiteLLM say a call costs. Run by an interpreter that has both; knows nothing of enricher.

Lines of JSON in (`provider`, `name`, `key`, `input`, `cache_read`, `output`, `at`, and the circumstances `batch`,
`service_tier`, `data_residency`, `vertex_location`), the same lines out with the answers in USD, null where the library
does not know the model or fails. genai-prices answers the standard price for circumstances that it has no price for,
and knows no places: that is no answer.
"""

import importlib
import json
import os
import sys
from datetime import datetime
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"


def of_genai_prices(library: Any, call: dict[str, Any]) -> str | None:
    tokens = {"input_tokens": call["input"], "cache_read_tokens": call["cache_read"], "output_tokens": call["output"]}
    at = {"provider_id": call["provider"], "genai_request_timestamp": datetime.fromisoformat(call["at"])}
    context = {"processing": "batch"} if call.get("batch") else {}
    if "service_tier" in call:
        context = {"service_tier": call["service_tier"]}
    if "host" in call:
        return None
    try:
        standard = library.calc_price(library.Usage(**tokens), call["name"], **at).total_price
        if not context:
            return str(standard)
        told = library.calc_price(library.Usage(**tokens), call["name"], **at, price_context=context).total_price
        return None if told == standard else str(told)
    except LookupError:
        return None


def of_litellm(library: Any, call: dict[str, Any]) -> str | None:
    if not call["key"]:
        return None
    how = {name: call[name] for name in ("service_tier", "data_residency", "vertex_location") if name in call}
    try:
        if call.get("batch"):
            usage = library.Usage(prompt_tokens=call["input"], completion_tokens=call["output"])
            batch = library.cost_calculator.batch_cost_calculator
            entered, left = batch(usage, call["key"], custom_llm_provider=call["litellm_provider"])
            return repr(entered + left)
        entered, left = library.cost_per_token(
            model=call["key"],
            prompt_tokens=call["input"],
            completion_tokens=call["output"],
            cache_read_input_tokens=call["cache_read"],
            custom_llm_provider=call["litellm_provider"],
            **how,
        )
    except Exception:  # It raises what it likes for models that it does not know.
        return None
    return repr(entered + left)


def main() -> None:
    genai_prices, litellm = importlib.import_module("genai_prices"), importlib.import_module("litellm")
    # LiteLLM prints advice where answers belong.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        call = json.loads(line)
        call["genai_prices"], call["litellm"] = of_genai_prices(genai_prices, call), of_litellm(litellm, call)
        print(json.dumps(call), file=answers)


if __name__ == "__main__":
    main()
