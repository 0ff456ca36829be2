"""Plain text: bytes -> characters."""

import pytest

from indexer.document import Document
from indexer.read.text import decode
from tests.read.conftest import ReadBytes

_SENTENCES = {
    "cp1252": "Die schönen Bücher über Straßen kosten fünf Euro, sagt die Verkäuferin höflich.",
    "cp1251": "Все люди рождаются свободными и равными в своём достоинстве и правах.",
    "cp1253": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "cp1255": "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם. כולם חוננו בתבונה ובמצפון.",
    "cp1256": "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق وقد وهبوا عقلا وضميرا.",
    "cp949": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "cp932": "すべての人間は、生まれながらにして自由であり、尊厳と権利とについて平等である。",
    "gb18030": "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心。",
    "big5": "人人生而自由，在尊嚴和權利上一律平等。他們賦有理性和良心。",
    "cp874": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ",
    "cp1250": "Wszyscy ludzie rodzą się wolni i równi w swojej godności i swoich prawach.",
    "cp1254": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. Akıl sahibidirler.",
    "koi8_r": "Все люди рождаются свободными и равными в своём достоинстве и правах.",
    "euc_jp": "すべての人間は、生まれながらにして自由であり、尊厳と権利とについて平等である。",
    "iso2022_jp": "すべての人間は、生まれながらにして自由である。",
}


@pytest.mark.parametrize(("encoding", "sentence"), list(_SENTENCES.items()))
def test_legacy_encodings_are_told_by_their_looks(encoding: str, sentence: str) -> None:
    assert decode(sentence.encode(encoding)).text == sentence


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le"])
def test_unicode_is_read_with_and_without_a_mark(encoding: str, read_bytes: ReadBytes) -> None:
    assert read_bytes("a.txt", "Katze, cat, gato".encode(encoding)).text == "Katze, cat, gato"


def test_the_document_of_a_text_is_its_cleaned_text(read_bytes: ReadBytes) -> None:
    assert read_bytes("a.txt", b"Two\r\nlines \r\n\r\n\r\n\r\nand more\r\n") == Document(
        source="a.txt", format="txt", title="", text="Two\nlines\n\nand more"
    )


def test_a_nul_byte_does_not_cut_the_text(read_bytes: ReadBytes) -> None:
    document = read_bytes("a.txt", b"before the NUL\0after the NUL, and much more text")
    assert document.text == "before the NUL after the NUL, and much more text"
    assert document.notes == ("1 NUL characters were read as blanks.",)


def test_a_western_text_is_not_taken_for_central_european() -> None:
    text = "Où est la crème brûlée ? Mañana, señor. São Paulo, às três."
    assert decode(text.encode("cp1252")).text == text


def test_the_encoding_found_is_noted(read_bytes: ReadBytes) -> None:
    document = read_bytes("a.txt", _SENTENCES["cp1251"].encode("cp1251"))
    assert document.notes == ("Decoded as cp1251.",)


def test_a_declared_encoding_does_not_overrule_valid_utf8() -> None:
    assert decode("größer".encode(), declared="iso-8859-1").text == "größer"


def test_a_declared_encoding_counts_where_utf8_fails() -> None:
    assert decode("größer €".encode("cp1252"), declared="iso-8859-1").text == "größer €"


@pytest.mark.parametrize(
    ("declared", "encoding", "text"),
    [
        ("gb2312", "gb18030", "朱镕基"),
        ("gbk", "gb18030", "㐀猫 costs 12 euro"),
        ("euc-kr", "cp949", "똠방각하"),
        ("shift_jis", "cp932", "髙橋"),
        ("us-ascii", "cp1252", "“cat”"),
        ("iso-8859-1", "cp1252", "“cat”"),
        ("iso-8859-9", "cp1254", "“Kedi”"),
        ("tis-620", "cp874", "“แมว”"),
    ],
)
def test_a_declared_encoding_is_the_larger_one_that_files_are_written_in(
    declared: str, encoding: str, text: str
) -> None:
    found = decode(text.encode(encoding), declared)
    assert (found.text, found.encoding) == (text, encoding)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", 'имя;цена\n"a;b";"1,5"\n'),
        ("cp866", "Гарантия на товар составляет два года со дня покупки."),
    ],
)
def test_short_cyrillic_is_not_taken_for_a_code_page_that_nobody_uses(
    encoding: str, text: str
) -> None:
    found = decode(text.encode(encoding))
    assert (found.text, found.encoding) == (text, encoding)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("koi8-r", "Имя; город\nАнна; Москва"),
        ("koi8-r", "Ёлка стоит в углу, а кошка спит."),
        ("koi8-r", "Музей закрыт в среду."),
        ("koi8-u", "Гарантія діє два роки з дня купівлі."),
    ],
)
def test_two_lines_of_koi8_are_known(encoding: str, text: str) -> None:
    found = decode(text.encode(encoding))
    assert (found.text, found.encoding) == (text, encoding)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Гарантия действует два года."),
        ("cp1251", "ГАРАНТИЯ ДВА ГОДА"),
        ("cp1251", "СЧЕТ НА ОПЛАТУ: ТРАНСФОРМАТОР 25 кВА, 1 ШТ."),
        ("iso8859_5", "Гарантия действует два года."),
        ("cp1253", "ΕΓΓΥΗΣΗ ΔΥΟ ΧΡΟΝΙΑ"),
        ("cp1253", "Η εγγύηση ισχύει για δύο χρόνια."),
        ("cp1256", "الضمان ساري المفعول لمدة عامين."),
        ("cp1256", "سائق الحافلة وصل متأخرا إلى وسط المدينة."),  # some of its words look so
        ("cp1256", "وجد"),
        ("cp1252", "Ça va être très agréable, où êtes-vous ?"),
        ("cp949", "보증 기간은 2년입니다."),
        ("big5", "保固期為兩年。"),
    ],
)
def test_others_are_not_taken_for_koi8(encoding: str, text: str) -> None:
    assert "koi8" not in decode(text.encode(encoding)).encoding


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Er scherzte über die Kritik, die er von den Nachrichten bekam."),
        ("cp1252", "Wie prognostiziert schwächt sich Hurrikan Rosa ab."),
        ("cp1252", "Se ha abierto una investigación por asesinato en Madrid."),
        ("cp1252", "Peter Jones, la estrella de Dragon’s Den, está aquí."),
        ("cp1252", "Der Käse ist süß."),
        ("cp1252", "kungör"),
        ("cp1252", "Elkeen het ’n persoon voor die"),
        ("cp1252", "Engan má eftir geðþótta svipta eign sinni."),
        ("cp1250", "Zażółć gęślą jaźń."),
        ("cp1250", "Wszyscy ludzie rodzą się wolni i równi."),
        ("cp1254", "Herkes yaşamak hakkına sahiptir."),
        ("cp1257", "Visi žmonės gimsta laisvi ir lygūs savo orumu."),
        ("cp850", "Der Käse ist süß und würzig."),
        ("mac_roman", "Toute personne a droit à l’éducation."),
        ("cp949", "a 보증 b 기간"),
        ("cp932", "Die Firma 日本電気 in Tokio"),
    ],
)
def test_a_sentence_in_latin_letters_is_read_in_its_own_encoding(encoding: str, text: str) -> None:
    found = decode(text.encode(encoding))
    assert (found.text, found.encoding) == (text, encoding)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        # Runs of high bytes as in Hebrew, and letters that it does not have.
        ("cp1251", "Билетът струва два лева."),
        ("cp1251", "Мачката спие на софата цел ден."),
        # Names that hide the language, and letters that Turkish alone has.
        ("cp1254", "New York takımının kaptanı Thomas"),
        # Letters of Icelandic where those of Turkish have their bytes.
        ("cp1252", "Safnið er lokað á miðvikudögum, en maður getur hringt í síma."),
        ("euc_jp", "猫はソファで寝る。"),
        ("euc_jp", "ネコがいます。"),
    ],
)
def test_what_stands_out_of_a_short_text_decides(encoding: str, text: str) -> None:
    found = decode(text.encode(encoding))
    assert (found.text, found.encoding) == (text, encoding)


_NAMES_OF_ALL = " Fernández, Wałęsa, Müller, Şahin."
_LONG = {
    "cp1252": "Kissa nukkuu sohvalla ja herää vasta illalla, kun keittiöstä kuuluu ääniä.",
    "cp1250": "Kot śpi na kanapie i budzi się dopiero wieczorem, gdy w kuchni coś słychać.",
    "cp1257": "Katė miega ant sofos ir pabunda tik vakare, kai virtuvėje kas nors girdėti.",
    "cp850": "Katten sover på soffan och vaknar först på kvällen, när något hörs i köket.",
}


@pytest.mark.parametrize(("encoding", "sentence"), list(_LONG.items()))
def test_a_long_text_is_what_most_of_its_parts_are(encoding: str, sentence: str) -> None:
    names = _NAMES_OF_ALL.encode(encoding, "ignore").decode(encoding)
    text = " ".join([sentence + names] + [f"{sentence} ({number})" for number in range(60)])
    found = decode(text.encode(encoding))
    assert (found.text, found.encoding) == (text, encoding)


def test_a_byte_that_the_encoding_of_a_long_text_lacks_is_counted(read_bytes: ReadBytes) -> None:
    text = " ".join([_LONG["cp1257"]] * 60)
    document = read_bytes("a.txt", text.encode("cp1257") + b" \xa5")
    assert document.text == f"{text} \N{REPLACEMENT CHARACTER}"
    assert document.notes == ("Decoded as cp1257.", "1 characters could not be decoded.")
