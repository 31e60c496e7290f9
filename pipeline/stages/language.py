"""The language of a text, by its script and its commonest words; "" where that does not decide.

Enough for what the pipeline does with it (choice of models, filters in search), at no cost in memory.
"""

import re
from collections import Counter

VERSION = "1"
_SAMPLE = 20_000
_FEWEST_HITS = 3
_LEAD = 0.05
"""The best language leads the next one by this share of its hits, and by one at least."""

_WORDS = {
    "en": "the of and to in is was for that with on as it by at from are this be have not which you his they were but or an",
    "de": "der die das und ist nicht mit von den dem ein eine zu auf für im sich des auch wird wurde bei nach aus sind",
    "fr": "le la les et est des une un dans que pour qui pas sur au avec du ne ce il elle sont par plus nous vous été cette",
    "es": "el la los las de y que en un una es por con para del se no su al como más fue pero sus este ha lo son",
    "it": "il di che è la e per un una del della non con sono i le gli nel alla si da come più anche ha questo dei",
    "pt": "o os as de que e do da em um uma para com não é no na por se mais dos das ao foi como são pelo seu",
    "nl": "de het een van en is niet met op voor dat zijn te aan door ook bij naar uit werd wordt heeft deze maar om",
    "sv": "och att det som en på är av för med den till inte har de ett om var jag från men också vid eller",
    "da": "og at det som en på er af for med den til ikke har de et om var jeg fra men også ved eller blev efter mig noget",
    "no": "og at det som en på er av for med den til ikke har de et om var jeg fra men også ved eller ble etter meg noe",
    "fi": "ja on ei se että oli hän mutta kun ovat myös joka tai sen niin kuin ole mukaan jo vain",
    "pl": "i w na nie z się do jest że to o jak po od za przez dla są był co ale jego oraz może",
    "cs": "a v se na je že to s z do o k i za by ale jako od po pro jsou být který byl také",
    "hu": "a az és hogy nem is egy van volt ez meg de csak mint már ki ezt vagy még lehet",
    "ro": "și de în a la cu nu este pe că din un o mai pentru care sunt au fost sau prin",
    "tr": "ve bir bu da de için ile olarak çok daha en gibi olan var ne ki sonra kadar ama değil",
    "id": "yang dan di dari untuk dengan ini itu pada tidak adalah dalam akan ke oleh sebagai juga telah",
    "vi": "và của là có không được trong một cho các với đã này người những để từ khi về",
    "ru": "и в не на что с по как это из он к за от его для но все так же был мы они",
    "uk": "і в не на що з та як це до він за від його для але все так був ми вони є",
    "bg": "и на в не е за се от да с по като това са но или към беше при той",
    "sr": "и у је да се на за од са не су као који или али по то био из",
}
_LANGUAGES: dict[str, tuple[str, ...]] = {}
for _language, _common in _WORDS.items():
    for _word in _common.split():
        _LANGUAGES[_word] = (*_LANGUAGES.get(_word, ()), _language)

_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")), ("ko", re.compile(r"[\uac00-\ud7af]")), ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")), ("he", re.compile(r"[\u0590-\u05ff]")),
    ("fa", re.compile(r"[\u067e\u0686\u06af\u06cc]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")), ("hi", re.compile(r"[\u0900-\u097f]")), ("bn", re.compile(r"[\u0980-\u09ff]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")), ("ka", re.compile(r"[\u10a0-\u10ff]")), ("hy", re.compile(r"[\u0530-\u058f]")),
)  # fmt: skip
_FEWEST_LETTERS = 6
_KANA_SHARE, _PERSIAN_SHARE = 0.05, 0.02
_WORD = re.compile(r"[^\W\d_]+")


def language(text: str) -> str:
    """ISO 639-1 code of the language that most of ``text`` is written in, "" if there is too little to say."""
    sample = text[:_SAMPLE]
    return _by_script(sample) or _by_words(sample)


def _by_script(text: str) -> str:
    letters = sum(map(str.isalpha, text))
    found = {code: len(script.findall(text)) for code, script in _SCRIPTS}
    if found["ja"] > _KANA_SHARE * (found["ja"] + found["zh"]):
        found["ja"] += found.pop("zh")
    if found["fa"] > _PERSIAN_SHARE * found["ar"]:
        found["fa"] = found.pop("ar")
    code = max(found, key=lambda c: found[c])
    return code if found[code] >= max(_FEWEST_LETTERS, letters / 2) else ""


def _by_words(text: str) -> str:
    hits = Counter(code for word in _WORD.findall(text.lower()) for code in _LANGUAGES.get(word, ()))
    (code, most), (_, next_most) = (*hits.most_common(2), ("", 0), ("", 0))[:2]
    return code if most >= _FEWEST_HITS and most - next_most >= max(1, _LEAD * most) else ""
