"""Grade items with AutoRubric. Runs in AutoRubric's own environment, so it imports nothing of this project.

`python -P bench/autorubric_grade.py per_item|default MODEL ADDRESS`, items as JSON lines on stdin, one JSON line for
each on stdout as it is done. `-P` keeps `bench/` off the path, where `autorubric` would be another file. The server's
key is in OPENAI_API_KEY. `bench/autorubric.py` starts this.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

_SECONDS = 3600.0  # a small machine's server is slow; a time-out would be taken for the judge's failure
# A small model may never end its explanation. Room for twenty criteria's judgments of 150 tokens; for one of 1,000.
_MOST_TOKENS = {"per_item": 3000, "default": 1000}


def main() -> None:
    mode, model, address = sys.argv[1:]
    # Libraries print to stdout what they have to say; nothing but our lines must get there.
    results, sys.stdout = sys.stdout, sys.stderr
    items = (json.loads(line) for line in sys.stdin if line.strip())
    asyncio.run(_grade(items, mode, model, address, results))


async def _grade(items: Iterator[dict[str, Any]], mode: str, model: str, address: str, results: Any) -> None:
    import litellm
    from autorubric import LLMConfig  # type: ignore[import-not-found]
    from autorubric.graders import CriterionGrader  # type: ignore[import-not-found]

    litellm.suppress_debug_info = True
    calls = _noted(litellm)
    config = LLMConfig(
        model=f"openai/{model}",
        api_base=address,
        temperature=0.0,  # as our judges are asked
        max_tokens=_MOST_TOKENS[mode],
        timeout=_SECONDS,
        max_parallel_requests=1,  # the server has one slot
        cache_enabled=False,
    )
    grader = CriterionGrader(
        judge_model_config=config, llm_calls="per_item" if mode == "per_item" else "per_criterion", seed=1
    )
    for item in items:
        calls.clear()
        started = time.perf_counter()
        reports = await _reports(grader, item)
        line = {
            "answer_id": item["answer_id"],
            "criteria": reports,
            "calls": list(calls),
            "seconds": time.perf_counter() - started,
        }
        print(json.dumps(line), file=results, flush=True)


async def _reports(grader: Any, item: dict[str, Any]) -> list[dict[str, Any]]:
    """Verdicts in the order of the criteria, as AutoRubric words them."""
    from autorubric import Rubric

    rubric = Rubric.from_dict(
        [{"name": c["id"], "weight": c["weight"], "requirement": c["requirement"]} for c in item["criteria"]]
    )
    result = await rubric.grade(to_grade=item["answer"], grader=grader, query=item["question"])
    return [
        {"id": criterion["id"], "verdict": report.final_verdict.value, "error": report.error}
        for criterion, report in zip(item["criteria"], result.report, strict=True)
    ]


def _noted(litellm: Any) -> list[dict[str, Any]]:
    """A list that each completion is added to. AutoRubric forgets the tokens of replies that it could not read."""
    calls: list[dict[str, Any]] = []
    complete = litellm.acompletion

    async def noting(**request: Any) -> Any:
        response = await complete(**request)
        usage = getattr(response, "usage", None)
        details = getattr(usage, "prompt_tokens_details", None)
        text = response.choices[0].message.content or ""
        calls.append(
            {
                # Half a surrogate pair, where a reply was cut off, could not be written to a file.
                "text": text.encode(errors="replace").decode(),
                "input_tokens": getattr(usage, "prompt_tokens", None) or 0,
                "cached_tokens": getattr(details, "cached_tokens", None) or 0,
                "output_tokens": getattr(usage, "completion_tokens", None) or 0,
            }
        )
        return response

    litellm.acompletion = noting
    return calls


if __name__ == "__main__":
    main()
