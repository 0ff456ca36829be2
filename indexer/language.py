"""Name the language of a passage, a question or a document.

The detector is py3langid (docs/decisions/003-language-detector.md): naive Bayes over byte n-grams,
no network, no pickle. Around it stand rules for a few languages that its model lacks or prefers too
much, where script or spelling decides. Codes are BCP 47 primary subtags: Serbian is "sr" in both
scripts, Bokmål "no", Nynorsk "nn", Dari "fa", every Kurdish "ku". A language that the model has
never seen is often given the name of a relative.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

    from indexer.language_shares import LanguageShares

UNKNOWN = "und"

# A longer text is judged by evenly spaced windows: on ntrex-news passages as good as the whole text
# (96.5% and 96.6% right) in less than half the time, and the cost no longer grows with the text.
WINDOWS, WINDOW_CHARS = 3, 128

# Below this posterior the answer is UNKNOWN. For short texts the example value of py3langid's
# README: on osguide and tldr it costs 1.2 points of the headlines, and each 0.1 more costs that or
# twice that. For longer texts the highest value that costs none of the passages there.
MIN_CONFIDENCE = 0.2
MIN_CONFIDENCE_WINDOWS = 0.4

# Labels that are never asked: seldom written, and close enough to a large neighbour to take its
# short questions. Without them 91.3% instead of 89.5% of the osguide and tldr headlines in XQuAD's
# languages come out right.
NOT_ASKED = frozenset(
    ("ary", "arz", "ext", "gcf", "gcr", "hbo", "lij", "ltg", "vec", "vo", "wa", "wuu")
)

# Labels that are not the preferred code: aliases and macrolanguages of the IANA registry and CLDR.
FOLDED = {
    "fuv": "ff",
    "gom": "kok",
    "gug": "gn",
    "kik": "ki",
    "sdh": "ku",
    "tl": "fil",
    "uzs": "uz",
    "zxx": UNKNOWN,
}

_ARABIC_SCRIPT = frozenset({"ar", "fa", "ku", "ps", "ug", "ur", UNKNOWN})
# Two different ones make Sindhi: a lone U+06AA may be decoration of Arabic.
_SINDHI_LETTERS = re.compile("[\u0680\u0684\u06aa\u06bb]")
# Letters and words ("of", "in", "from", "is") that Amharic lacks.
_TIGRINYA = re.compile(r"[\u1250-\u125d]|\b(?:ናይ|ኣብ|ካብ|እዩ)\b")
# "to", the plural and "is", which Tibetan spells otherwise, between two tshegs.
_DZONGKHA = re.compile("\u0f0b(?:ལུ|ཚུ|ཨིན)(?=[\u0f0b\u0f0d\\s])")
# Characters of written Cantonese; formal text without them is no different from Mandarin.
_CANTONESE = re.compile("[嘅唔佢喺咗嚟啲冇哋]")
# Letters and words ("and", "is", "the", "of") that Hebrew lacks; the model knows no Yiddish.
_YIDDISH = re.compile(r"[\u05f0-\u05f2]|\b(?:און|איז|דער|דאס|פון)\b")
# Maldivian is the only language of this script.
_THAANA = re.compile("[\u0780-\u07b1]")


_loading = Lock()


def load_language_model() -> None:
    """Load what `detect_language` needs, if that has not been done: about 0.6 s.

    Nearly all of it is decompression, during which other threads run.
    """
    _identifier()


def _identifier() -> "LanguageIdentifier":
    """The model, about 100 MB; who asks while another thread is loading it waits for that."""
    with _loading:
        return _load()


@cache
def _load() -> "LanguageIdentifier":
    from indexer.language_model import load_identifier

    return load_identifier()


@cache
def _shares() -> "LanguageShares":
    from indexer.language_shares import LanguageShares

    return LanguageShares(_identifier(), NOT_ASKED)


def _best(text: str) -> tuple[str, float]:
    """Return the best label that is asked, with its posterior among those that are asked.

    The same as py3langid's own `set_languages`, whose copied table is 20% slower (0.4.0).
    """
    asked = [(label, share) for label, share in _identifier().rank(text) if label not in NOT_ASKED]
    label, share = asked[0]
    return label, share / (sum(share for _, share in asked) or 1.0)


def _excerpt(text: str) -> str:
    if len(text) <= WINDOWS * WINDOW_CHARS:
        return text
    step = (len(text) - WINDOW_CHARS) // (WINDOWS - 1)
    return " ".join(text[i * step : i * step + WINDOW_CHARS] for i in range(WINDOWS))


def _corrected(code: str, text: str) -> str:
    """Return the code after the rules for languages that the model lacks or prefers too much."""
    if code == "am" and _TIGRINYA.search(text):
        return "ti"
    if code == "dz" and not _DZONGKHA.search(text):
        return "bo"
    if code == "yue" and not _CANTONESE.search(text):
        return "zh"
    if code == "he" and len(set(_YIDDISH.findall(text))) > 1:
        return "yi"
    if code in _ARABIC_SCRIPT and len(set(_SINDHI_LETTERS.findall(text))) > 1:
        return "sd"
    if code == UNKNOWN and 2 * len(_THAANA.findall(text)) > len(text.replace(" ", "")):
        return "dv"
    return code


def detect_language(text: str) -> str:
    """Return the language that most of a text is written in.

    Deterministic and safe to call from several threads; about 0.5 ms however long the text is.

    Returns:
        A key of `LANGUAGE_NAMES`: a BCP 47 primary subtag, or `UNKNOWN` for a text that is blank,
        has no letters, or does not resemble any language enough.
    """
    excerpt = _excerpt(text)
    return _judged(text, excerpt, _best(excerpt)) if _has_letters(excerpt) else UNKNOWN


def detect_languages(texts: Sequence[str]) -> list[str]:
    """Return the language of each text, as `detect_language`; meant for all of a document."""
    excerpts = [_excerpt(text) for text in texts]
    lettered = [at for at, excerpt in enumerate(excerpts) if _has_letters(excerpt)]
    languages = [UNKNOWN] * len(texts)
    for at, best in zip(lettered, _shares().best([excerpts[at] for at in lettered]), strict=True):
        languages[at] = _judged(texts[at], excerpts[at], best)
    return languages


def _has_letters(text: str) -> bool:
    return any(map(str.isalpha, text))


def _judged(text: str, excerpt: str, best: tuple[str, float]) -> str:
    label, confidence = best
    least = MIN_CONFIDENCE if excerpt == text else MIN_CONFIDENCE_WINDOWS
    code = FOLDED.get(label, label) if confidence >= least else UNKNOWN
    return _corrected(code, excerpt)


def document_language(languages: Sequence[tuple[str, int]]) -> str:
    """Return the language with the most characters; the earlier one of equals.

    Args:
        languages: Of each passage (language, size_chars), in reading order.

    Returns:
        A code of the input, or `UNKNOWN` where no passage has a known language.
    """
    sizes: dict[str, int] = {}
    for language, size_chars in languages:
        if language != UNKNOWN:
            sizes[language] = sizes.get(language, 0) + size_chars
    return max(sizes, key=sizes.__getitem__, default=UNKNOWN)


def language_name(code: str) -> str:
    """Return the English name of a code ("ja": "Japanese"), or the code where none is known."""
    return LANGUAGE_NAMES.get(code, code)


# English names as in CLDR, of every answer that detect_language can give.
_NAMES = (
    "ace=Acehnese;af=Afrikaans;am=Amharic;an=Aragonese;ar=Arabic;as=Assamese;az=Azerbaijani;"
    "ba=Bashkir;bcl=Central Bikol;be=Belarusian;bg=Bulgarian;bn=Bengali;bo=Tibetan;br=Breton;"
    "bs=Bosnian;ca=Catalan;crh=Crimean Tatar;cs=Czech;cy=Welsh;da=Danish;de=German;dv=Divehi;"
    "dz=Dzongkha;el=Greek;en=English;eo=Esperanto;es=Spanish;et=Estonian;eu=Basque;fa=Persian;"
    "ff=Fula;fi=Finnish;fil=Filipino;fo=Faroese;fr=French;fy=Western Frisian;ga=Irish;"
    "gd=Scottish Gaelic;gl=Galician;gn=Guarani;grc=Ancient Greek;gu=Gujarati;guw=Gun;ha=Hausa;"
    "he=Hebrew;hi=Hindi;hr=Croatian;ht=Haitian Creole;hu=Hungarian;hy=Armenian;id=Indonesian;"
    "ig=Igbo;is=Icelandic;it=Italian;ja=Japanese;jv=Javanese;ka=Georgian;kab=Kabyle;ki=Kikuyu;"
    "kk=Kazakh;km=Khmer;kn=Kannada;ko=Korean;kok=Konkani;ku=Kurdish;ky=Kyrgyz;la=Latin;"
    "lb=Luxembourgish;lg=Ganda;ln=Lingala;lo=Lao;lt=Lithuanian;lv=Latvian;mg=Malagasy;"
    "mk=Macedonian;ml=Malayalam;mn=Mongolian;mr=Marathi;ms=Malay;mt=Maltese;my=Burmese;"
    "ne=Nepali;nl=Dutch;nn=Norwegian Nynorsk;no=Norwegian;nso=Northern Sotho;oc=Occitan;"
    "om=Oromo;or=Odia;pa=Punjabi;pcm=Nigerian Pidgin;pl=Polish;ps=Pashto;pt=Portuguese;"
    "qu=Quechua;ro=Romanian;ru=Russian;rw=Kinyarwanda;sa=Sanskrit;sd=Sindhi;se=Northern Sami;"
    "si=Sinhala;sk=Slovak;sl=Slovenian;sn=Shona;so=Somali;sq=Albanian;sr=Serbian;"
    "st=Southern Sotho;sv=Swedish;sw=Swahili;ta=Tamil;te=Telugu;tg=Tajik;th=Thai;ti=Tigrinya;"
    "tk=Turkmen;tr=Turkish;tt=Tatar;ug=Uyghur;uk=Ukrainian;und=Unknown;ur=Urdu;uz=Uzbek;"
    "vi=Vietnamese;xh=Xhosa;yi=Yiddish;yo=Yoruba;yue=Cantonese;zh=Chinese;zu=Zulu"
)
LANGUAGE_NAMES: Mapping[str, str] = MappingProxyType(dict(x.split("=") for x in _NAMES.split(";")))
