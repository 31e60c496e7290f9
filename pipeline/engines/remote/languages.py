"""English names of languages, as hosted transcription says them, as codes of ISO 639-1."""

_NAMES = """af afrikaans, am amharic, ar arabic, as assamese, az azerbaijani, be belarusian, bg bulgarian, bn bengali, bo
tibetan, br breton, bs bosnian, ca catalan, cs czech, cy welsh, da danish, de german, el greek, en english, es
spanish, et estonian, eu basque, fa persian, fi finnish, fo faroese, fr french, ga irish, gl galician, gu gujarati,
ha hausa, he hebrew, hi hindi, hr croatian, hu hungarian, hy armenian, id indonesian, is icelandic, it italian, ja
japanese, jv javanese, ka georgian, kk kazakh, km khmer, kn kannada, ko korean, la latin, lb luxembourgish, ln
lingala, lo lao, lt lithuanian, lv latvian, mg malagasy, mi maori, mk macedonian, ml malayalam, mn mongolian, mr
marathi, ms malay, mt maltese, my myanmar, ne nepali, nl dutch, nn nynorsk, no norwegian, oc occitan, pa punjabi,
pl polish, ps pashto, pt portuguese, ro romanian, ru russian, sa sanskrit, sd sindhi, si sinhala, sk slovak, sl
slovenian, sn shona, so somali, sq albanian, sr serbian, su sundanese, sv swedish, sw swahili, ta tamil, te telugu,
tg tajik, th thai, tk turkmen, tl tagalog, tr turkish, tt tatar, uk ukrainian, ur urdu, uz uzbek, vi vietnamese, yi
yiddish, yo yoruba, zh chinese"""
_CODES = {name: code for code, name in (pair.split() for pair in _NAMES.split(","))}


def code_of(said: str | None) -> str:
    """The code of a language that is said by name or by code; "" if it is not known."""
    word = (said or "").strip().lower()
    return word if word in _CODES.values() else _CODES.get(word, "")
