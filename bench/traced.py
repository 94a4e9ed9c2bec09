"""What one grade goes through, as traces tell it: `python -m bench.traced`.

A service with a real Redis and a fake upstream is asked the same three times over HTTP, a miss, a hit, and one that is
given whole; then something else, with a reply that has to be repaired. Its spans go to a file, and are shown as trees.
Exits with 1 where a word of the answer stands in that file or in the log.
"""

import tempfile
from pathlib import Path

from bench.faulty import half
from bench.span_tree import spans_in, trees
from bench.stand import PLAIN, Stand, ask, fresh_answers

_MODEL = "gpt-4o-mini"  # so called that it has a price; the fake upstream answers to any name
_TITLES = ("A miss:", "A hit:", "The same again, given whole:", "A reply cut in half, and repaired:")
_QUESTION_WORDS = frozenset(("planted", "bed", "in", "a", "i", "since", "they", "week"))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        log, traces = Path(folder, "log"), Path(folder, "spans.jsonl")
        answers = fresh_answers(2)
        with log.open("w") as stderr, Stand() as stand:
            more = {
                **PLAIN,
                "GRADER_MODEL": f"openai/{_MODEL}",
                "GRADER_TRACES": f"file:{traces}",
                "GRADER_LOG_LEVEL": "debug",
            }
            client = stand.service(more, stderr=stderr).client
            for _ in _TITLES[:-1]:
                ask(client, answers[0])
            with stand.upstream_ill(half, times=1, model=_MODEL):
                ask(client, answers[1])
        found = spans_in(traces)
        wanted = [tree for tree in trees(found) if tree.startswith("POST /grade")]
        for title, tree in zip(_TITLES, wanted, strict=True):
            print(title, tree, sep="\n", end="\n\n")
        told = log.read_text() + traces.read_text()
    words = {word.strip(".,").lower() for answer in answers for word in answer.split()} - _QUESTION_WORDS
    leaked = sorted(word for word in words if len(word) > 4 and word in told.lower())
    print(f"{len(found)} spans and {log_lines(told)} lines in all were searched for {len(words)} words of the answers.")
    if leaked:
        raise SystemExit(f"found: {', '.join(leaked)}")
    print("None was found.")


def log_lines(text: str) -> int:
    return len(text.splitlines())


if __name__ == "__main__":
    main()
