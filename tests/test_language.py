"""The language of passages, questions and documents."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from indexer.language import (
    FOLDED,
    LANGUAGE_NAMES,
    NOT_ASKED,
    UNKNOWN,
    _load,
    detect_language,
    detect_languages,
    document_language,
    language_name,
)

SENTENCES = {
    "en": "The warranty covers every part of the machine for two years after the day of purchase.",
    "de": "Die Garantie gilt zwei Jahre ab dem Kaufdatum und umfasst alle Teile der Maschine.",
    "fr": "La garantie couvre toutes les pièces de la machine pendant deux ans après l'achat.",
    "es": "La garantía cubre todas las piezas de la máquina durante dos años desde la compra.",
    "pt": "A garantia não cobre os danos causados por quedas nem a substituição das baterias.",
    "it": "La garanzia non vale se l'apparecchio è stato aperto da persone non autorizzate.",
    "nl": "De garantie vervalt wanneer het apparaat door onbevoegden is geopend.",
    "sv": "Garantin gäller inte om maskinen har använts på något annat sätt än vad som anges här.",
    "fi": "Takuu ei ole voimassa, jos laitetta on käytetty muulla kuin ohjeessa kuvatulla tavalla.",
    "pl": "Gwarancja nie obejmuje uszkodzeń powstałych podczas przewożenia urządzenia.",
    "cs": "Záruka se nevztahuje na škody, které vznikly při přepravě přístroje.",
    "hu": "A jótállás nem terjed ki azokra a károkra, amelyek szállítás közben keletkeztek.",
    "ro": "Garanția nu acoperă pagubele care au apărut în timpul transportului aparatului.",
    "tr": "Garanti, cihazın taşınması sırasında oluşan hasarları kapsamaz.",
    "vi": "Bảo hành không áp dụng cho những hư hỏng xảy ra trong quá trình vận chuyển máy.",
    "sw": "Dhamana hii haihusu uharibifu uliotokea wakati mashine ilipokuwa ikisafirishwa.",
    "ru": "Гарантия не распространяется на повреждения, возникшие при перевозке прибора.",
    "uk": "Гарантія не поширюється на пошкодження, які виникли під час перевезення приладу.",
    "bg": "Гаранцията не покрива щети, които са възникнали при превоза на уреда.",
    "el": "Η εγγύηση δεν καλύπτει ζημιές που προκλήθηκαν κατά τη μεταφορά της συσκευής.",
    "ar": "لا يشمل الضمان الأضرار التي حدثت أثناء نقل الجهاز من مكان إلى آخر.",
    "fa": "ضمانت‌نامه شامل خسارت‌هایی که هنگام جابه‌جایی دستگاه پیش آمده است نمی‌شود.",
    "yi": "די גאַראַנטיע איז גילטיק צוויי יאָר פון דעם טאָג און דעקט אַלע טיילן פון דער מאַשין.",
    "he": "האחריות אינה חלה על נזקים שנגרמו בזמן הובלת המכשיר.",
    "hi": "मशीन को ले जाते समय हुए नुकसान पर यह गारंटी लागू नहीं होती है।",
    "bn": "যন্ত্রটি পরিবহনের সময় যে ক্ষতি হয়েছে তা এই নিশ্চয়তার আওতায় পড়ে না।",
    "ta": "இயந்திரத்தை எடுத்துச் செல்லும் போது ஏற்படும் சேதங்களுக்கு இந்த உத்தரவாதம் பொருந்தாது.",
    "th": "การรับประกันนี้ไม่รวมถึงความเสียหายที่เกิดขึ้นระหว่างการขนส่งเครื่อง",
    "ko": "이 보증은 기계를 옮기는 동안 생긴 손상에는 적용되지 않습니다.",
    "ja": "機械を運ぶ途中で生じた損傷は、この保証の対象にはなりません。",
    "zh": "本保修不包括在运输过程中造成的机器损坏。",
}

QUESTIONS = {
    "en": "How long is the warranty?",
    "de": "Wie lange gilt die Garantie?",
    "fr": "Combien de temps dure la garantie ?",
    "ru": "Сколько длится гарантия?",
    "ar": "ما هي مدة الضمان؟",
    "th": "การรับประกันนานเท่าไร",
    "ko": "보증 기간은 얼마나 되나요?",
    "ja": "保証期間はどのくらいですか。",
    "zh": "保修期多长？",
}


@pytest.mark.parametrize(("code", "text"), SENTENCES.items(), ids=SENTENCES)
def test_a_sentence_gets_its_language(code: str, text: str) -> None:
    assert detect_language(text) == code


@pytest.mark.parametrize(("code", "text"), QUESTIONS.items(), ids=QUESTIONS)
def test_a_short_question_gets_its_language(code: str, text: str) -> None:
    assert detect_language(text) == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t\u3000",
        "2024-05-17 13:45, 1,234.56, 99%",
        "... --- !!! ???",
        "🎉🚀👍",
        "١٢٣ ٤٥٦",
        "x",
        "SN-4410-XK/7B",
        "https://example.org/a/b?c=1",
        "for (int i = 0; i < n; ++i) { buf[i] = fn(x, y); }",
    ],
)
def test_a_text_in_no_language_is_unknown(text: str) -> None:
    assert detect_language(text) == UNKNOWN


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("sr", "Гаранција не покрива оштећења која су настала током превоза уређаја."),
        ("zh", "本保固不包括在運輸過程中造成的機器損壞。"),
        ("yue", "呢個保養唔包括喺運送嗰陣整爛咗嘅嘢。"),
        ("fil", "Hindi sakop ng garantiya ang mga sirang nangyari habang dinadala ang makina."),
        ("no", "Garantien dekker ikke skader som har oppstått mens apparatet ble fraktet."),
        ("nn", "Garantien dekkjer ikkje skadar som har oppstått medan apparatet vart frakta."),
    ],
)
def test_variants_share_the_code_of_their_language(code: str, text: str) -> None:
    assert detect_language(text) == code


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("am", "ዋስትናው ማሽኑ ሲጓጓዝ የደረሰውን ጉዳት አይሸፍንም።"),
        ("ti", "እቲ ዋሕስ ኣብ ግዜ መጓዓዝያ ዝበጽሐ ጉድኣት ናይቲ ማሽን ኣይሽፍንን እዩ።"),
        ("bo", "འགན་ལེན་འདིའི་ནང་འཕྲུལ་ཆས་སྐྱེལ་འདྲེན་བྱེད་སྐབས་བྱུང་བའི་སྐྱོན་མི་ཚུད།"),
        ("dz", "འཕྲུལ་ཆས་འདི་ལུ་ལོ་གཉིས་ཀྱི་འགན་ལེན་ཡོདཔ་ཨིན།"),
        ("dv", "މި މެޝިން ދުވަސްވަރެއްގެ ގެރެންޓީއެއް އެބައޮތް."),
        ("sd", "هن مشين جي ضمانت خريد ڪرڻ جي ڏينهن کان ٻن سالن تائين آهي."),
        ("ur", "یہ ضمانت مشین کی منتقلی کے دوران ہونے والے نقصان پر لاگو نہیں ہوتی۔"),
    ],
)
def test_neighbours_in_one_script_are_told_apart(code: str, text: str) -> None:
    assert detect_language(text) == code


def test_a_long_text_is_judged_by_all_of_it() -> None:
    assert detect_language(SENTENCES["en"] + "\n" + 30 * (SENTENCES["de"] + "\n")) == "de"


def test_capitals_and_decomposed_accents_change_nothing() -> None:
    decomposed = (
        "La garanti\u0301a cubre todas las piezas de la ma\u0301quina durante dos an\u0303os."
    )
    assert [detect_language(x) for x in (decomposed, SENTENCES["es"].upper())] == ["es", "es"]


def test_a_lone_surrogate_is_no_error() -> None:
    assert detect_language("\ud800 " + SENTENCES["de"]) == "de"


def test_the_answer_depends_on_the_text_alone() -> None:
    texts = [*SENTENCES.values(), *QUESTIONS.values()] * 5
    alone = [detect_language(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(detect_language, texts)) == alone
    assert [detect_language(text) for text in reversed(texts)] == alone[::-1]


def test_the_model_is_loaded_by_the_first_text_and_not_by_the_import() -> None:
    code = "import sys, indexer.language; print('py3langid' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


def test_threads_that_ask_first_load_the_model_once() -> None:
    _load.cache_clear()
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(detect_language, [SENTENCES["de"]] * 4)) == ["de"] * 4
    assert _load.cache_info().misses == 1


def test_every_answer_of_the_model_has_a_name() -> None:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    labels = set(LanguageIdentifier.from_model_file(MODEL_FILE).labels)
    answers = {FOLDED.get(label, label) for label in labels - NOT_ASKED}
    assert labels >= NOT_ASKED | set(FOLDED)
    assert set(LANGUAGE_NAMES) == answers | {"bo", "dv", "sd", "ti", "yi", UNKNOWN}


@pytest.mark.parametrize(
    ("languages", "expected"),
    [
        ([], UNKNOWN),
        ([(UNKNOWN, 900)], UNKNOWN),
        ([("de", 300), ("en", 200), ("de", 100)], "de"),
        ([("de", 300), ("en", 200), ("en", 200)], "en"),
        ([(UNKNOWN, 9000), ("ja", 10)], "ja"),
        ([("fr", 100), ("en", 100)], "fr"),
        ([("fr", 0)], "fr"),
    ],
)
def test_a_document_has_the_language_of_most_characters(
    languages: list[tuple[str, int]], expected: str
) -> None:
    assert document_language(languages) == expected


def test_a_code_has_an_english_name_or_stands_for_itself() -> None:
    codes = ["ja", "sr", "fil", "nn", UNKNOWN, "tlh"]
    names = ["Japanese", "Serbian", "Filipino", "Norwegian Nynorsk", "Unknown", "tlh"]
    assert [language_name(code) for code in codes] == names


def test_many_texts_at_once_have_the_languages_that_each_has_alone() -> None:
    whole = list(SENTENCES.values())
    texts = [
        *whole,
        *QUESTIONS.values(),
        "",
        "12:30",
        "\n".join(whole),
        *(3 * f"{t} " for t in whole),
    ]
    assert detect_languages(texts) == [detect_language(text) for text in texts]
    assert detect_languages([]) == []
