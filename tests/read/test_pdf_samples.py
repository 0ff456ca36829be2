"""PDFs of Chromium and LibreOffice, in scripts and directions that none written by hand shows."""

from pathlib import Path

import pypdfium2 as pdfium
import pytest

from indexer.read import read_document

SAMPLES = Path(__file__).parent / "samples"


def text_of(name: str) -> str:
    return read_document(SAMPLES / name, name).text


def test_vertical_japanese_is_read_column_by_column_from_the_right() -> None:
    assert text_of("chromium-vertical.ja.pdf") == (
        "山路を登りながら、こう考えた。智に働けば角が立つ。情に棹させば流される。意地を通せば窮屈だ。"
        "とかくに人の世は住みにくい。\n\n住みにくさが高じると、安い所へ引き越したくなる。"
    )


def test_ligatures_are_spelt_out_and_soft_hyphens_leave_no_trace() -> None:
    text = text_of("chromium-mixed.pdf")
    assert "The office of the efficient offline workflow is cooperative." in text
    assert "Die Donaudampfschifffahrtsgesellschaft transportiert Warenlieferungen." in text


RTL_LINES = {
    "chromium-mixed.pdf": (
        "يعمل الجهاز بنظام Linux 6.1 منذ عام 2023 (الإصدار الثاني).",
        "המכשיר פועל עם Linux 6.1 משנת 2023 (גרסה שנייה).",
    ),
    "chromium-rtl.he.pdf": (
        "השתמשו בפקודה apt install chromium ואז הפעילו מחדש.",
        'המחיר הוא 1,250.50 ש"ח [כולל מע"מ] עד 31/12/2024.',
        'המנהל אמר: "אנחנו עובדים עם Python ו-JavaScript (ES6) בפרויקט", ויצא.',
        "ראו https://example.org/docs?id=7 לפרטים נוספים.",
        "Windows 11 היא מערכת הפעלה של Microsoft Corporation משנת 2021.",
        "התוכנה זקוקה ל-4 GB זיכרון ול-20-30 GB דיסק.",
        "המזכירה את החברה Red Hat Inc. וגם את GNU/Linux ואז חוזרת",
    ),
    "chromium-rtl.ar.pdf": (
        "السعر 1,250.50 دولار [شامل الضريبة] حتى 31/12/2024.",
        'قال المدير: "نستخدم Python و JavaScript (ES6) في المشروع"، ثم انصرف.',
        "نسبة النجاح 95% من أصل 3,000 طالب.",
        "يحتاج البرنامج إلى 4 GB من الذاكرة و 20-30 GB من القرص.",
        "تذكر الشركة Red Hat Inc. وتذكر أيضا GNU/Linux ثم تعود",
    ),
    "chromium-rtl.fa.pdf": (
        "قیمت ۱٬۲۵۰ تومان [با مالیات] تا ۳۱/۱۲/۱۴۰۲ است.",
        "«ما با Python و JavaScript (ES6) کار میکنیم» و رفت.",
    ),
    "libreoffice-rtl.ar.pdf": (
        "استخدم الأمر apt install chromium ثم أعد تشغيل الحاسوب.",
        "Windows 11 نظام تشغيل من Microsoft Corporation صدر سنة 2021.",
    ),
}


@pytest.mark.parametrize(
    ("name", "line"), [(name, line) for name, lines in RTL_LINES.items() for line in lines]
)
def test_a_right_to_left_line_with_latin_words_is_in_logical_order(name: str, line: str) -> None:
    assert line in text_of(name)


def test_a_letter_that_no_font_explains_leaves_a_mark() -> None:
    assert "قیمت 1,250.50 روپے [ٹیکس سمیت] ہے\N{REPLACEMENT CHARACTER}" in text_of(
        "chromium-rtl.ur.pdf"
    )


def test_bengali_syllables_are_not_torn_and_words_not_joined() -> None:
    text = text_of("chromium.bn.pdf")
    assert text.startswith("এই যন্ত্রের ওয়ারেন্টি কেনার দিন থেকে ")
    assert "তাদের মাঝে কেউ পরিবর্তন নিয়ে কাজ করে, কেউ করে না" in text


# Article 1 of the Universal Declaration of Human Rights, without the joiners that PDFs lack.
ARTICLE_1 = {
    "bn": (
        "সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা এবং অধিকার নিয়ে জন্মগ্রহণ করে। তাঁদের "
        "বিবেক এবং বুদ্ধি আছে; সুতরাং সকলেরই একে অপরের প্রতি ভ্রাতৃত্বসুলভ মনোভাব নিয়ে "
        "আচরণ করা উচিত।"
    ),
    "hi": (
        "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता "
        "प्राप्त है । उन्हें बुद्धि और अन्तरात्मा की देन प्राप्त है और परस्पर उन्हें "
        "भाईचारे के भाव से बर्ताव करना चाहिए ।"
    ),
    "ta": (
        "மனிதப் பிறிவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்; அவர்கள் மதிப்பிலும், "
        "உரிமைகளிலும் சமமானவர்கள், அவர்கள் நியாயத்தையும் மனச்சாட்சியையும் இயற்பண்பாகப் "
        "பெற்றவர்கள். அவர்கள் ஒருவருடனொருவர் சகோதர உணர்வுப் பாங்கில் நடந்துகொள்ளல் "
        "வேண்டும்."
    ),
    "km": (
        "មនុស្សទាំងអស់ កើតមកមានសេរីភាព និងសមភាព ក្នុងផ្នែកសេចក្ដីថ្លៃថ្នូរនិងសិទ្ធិ។ "
        "មនុស្ស មានវិចារណញ្ញាណនិងសតិសម្បជញ្ញៈជាប់ពីកំណើត "
        "ហើយគប្បីប្រព្រឹត្ដចំពោះគ្នាទៅវិញទៅមកក្នុងស្មារតីភាតរភាពជាបងប្អូន។"
    ),
    "bo": (
        "འགྲོ་བ་མིའི་རིགས་རྒྱུད་ཡོངས་ལ་སྐྱེས་ཙམ་ཉིད་ནས་ཆེ་མཐོངས་དང༌། ཐོབ་ཐངགི་རང་དབང་འདྲ་མཉམ་དུ་ཡོད་ལ། "
        "ཁོང་ཚོར་རང་བྱུང་གི་བློ་རྩལ་དང་བསམ་ཚུལ་བཟང་པོ་འདོན་པའི་འོས་བབས་ཀྱང་ཡོད། དེ་བཞིན་ཕན་ཚུན་གཅིག་གིས་"
        "གཅིག་ལ་བུ་སྤུན་གྱི་འདུ་ཤེས་འཛིན་པའི་བྱ་སྤྱོད་ཀྱང་ལག་ལེན་བསྟར་དགོས་པ་ཡིན༎"
    ),
    "my": (
        "လူတိုင်းသည် တူညီ လွတ်လပ်သော ဂုဏ်သိက္ခာဖြင့် လည်းကောင်း၊ တူညီလွတ်လပ်သော "
        "အခွင့်အရေးများဖြင့် လည်းကောင်း၊ မွေးဖွားလာသူများ ဖြစ်သည်။ ထိုသူတို့၌ ပိုင်းခြား "
        "ဝေဖန်တတ်သော ဉာဏ်နှင့် ကျင့်ဝတ် သိတတ်သော စိတ်တို့ရှိကြ၍ ထိုသူတို့သည် အချင်းချင်း "
        "မေတ္တာထား၍ ဆက်ဆံကျင့်သုံးသင့်၏။"
    ),
    "lo": (
        "ມະນຸດເກີດມາມີສິດເສລີພາບ ແລະ ສະເໝີໜ້າກັນໃນທາງກຽດຕິສັກ ແລະ "
        "ທາງສິດດ້ວຍມະນຸດມີສະຕິສຳປັດຊັນຍະ(ຮູ້ດີຮູ້ຊົ່ວ)ແລະມີມະໂນທຳຈື່ງຕ້ອງປະພຶດຕົ"
        "ນຕໍ່ກັນໃນທາງພີ່ນ້ອງ."
    ),
    "th": (
        "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักด[เกียรติศักดิ์]และสิทธิ "
        "ต่างมีเหตุผลและมโนธรรม และควรปฏิบัติต่อกันด้วยเจตนารมณ์แห่งภราดรภาพ"
    ),
    "ur": (
        "تمام انسان آزاد اور حقوق و عزت کے اعتبار سے برابر پیدا ہوئے ہیں۔ انہیں ضمیر اور "
        "عقل ودیعت ہوئی ہے۔ اس لئے انہیں ایک دوسرے کے ساتھ بھائی چارے کا سلوک کرنا "
        "چاہیئے۔"
    ),
}


@pytest.mark.parametrize(
    ("name", "language"),
    [
        *(("chromium-syllables.pdf", language) for language in ("bn", "hi", "ta")),
        ("libreoffice-syllables.pdf", "bn"),
        ("libreoffice-syllables.bo.pdf", "bo"),
        ("chromium-narrow-blanks.ur.pdf", "ur"),
    ],
)
def test_words_are_neither_torn_nor_joined_nor_repeated(name: str, language: str) -> None:
    assert ARTICLE_1[language] in " ".join(text_of(name).split())


@pytest.mark.parametrize(
    ("name", "language"),
    [
        *(("chromium-syllables.pdf", language) for language in ("km", "my", "lo", "th")),
        *(("libreoffice-syllables.pdf", language) for language in ("lo", "th")),
    ],
)
def test_letters_and_marks_of_unspaced_scripts_keep_their_order(name: str, language: str) -> None:
    assert "".join(ARTICLE_1[language].split()) in "".join(text_of(name).split())


def test_lines_inside_a_form_are_put_together_too(tmp_path: Path) -> None:
    with (
        pdfium.PdfDocument(SAMPLES / "chromium-syllables.pdf") as source,
        pdfium.PdfDocument.new() as copy,
    ):
        page = copy.new_page(*source[0].get_size())
        page.insert_obj(source.page_as_xobject(0, copy).as_pageobject())
        page.gen_content()
        copy.save(tmp_path / "form.pdf")
    text = " ".join(read_document(tmp_path / "form.pdf", "form.pdf").text.split())
    assert all(ARTICLE_1[language] in text for language in ("bn", "hi", "ta"))


def test_a_line_of_an_unspaced_script_goes_on_below_raised_and_hanging_letters() -> None:
    assert ARTICLE_1["lo"] in text_of("chromium-syllables.pdf")


def test_a_blank_stays_behind_a_hook_that_reaches_over_it() -> None:
    assert "বন্ধুত্বপূর্ণ সম্পর্ক উন্নয়নের" in text_of("libreoffice-syllables.pdf")


def test_blanks_are_where_the_print_leaves_room_for_them() -> None:
    name = "river-ferry-notice.bn.pdf"  # PDFium: "কু য়াশা", "পরেথাকতে"
    text = read_document(SAMPLES.parents[2] / "sample_docs" / name, name).text
    assert "ঘন কুয়াশা ও ঝড়" in text
    assert "লাইফ জ্যাকেট পরে থাকতে হবে" in text


def test_a_mark_stays_with_its_letter_before_a_blank() -> None:
    assert "ຢ່າງເສລີ ແລະ ສົມບູນກໍ່" in text_of("libreoffice-syllables.pdf")


def test_raised_and_hanging_letters_do_not_break_a_line() -> None:
    assert "\nសិទ្ធិមនុស្ស\n" in text_of("libreoffice-syllables.pdf")
