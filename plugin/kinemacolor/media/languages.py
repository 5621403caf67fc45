"""Languages of tracks in QuickTime files.

FFmpeg writes a language into .mov only by QuickTime's own list of codes (its `mov_mdhd_language_map`; found by writing
all 17576 three-letter codes with FFmpeg 8.1 and reading them back) and silently drops every other, also `deu`, which
the list calls `ger`. .mp4 and .mkv hold every three-letter code.
"""

__all__ = ["QUICKTIME", "quicktime_language"]

_CODES = """
    alb amh ara arm asm aym aze baq bel ben bul bur cat ces chi dan dut dzo eng epo est fin fra geo ger gre grn guj heb
    hin hun ice ind iri ita jav jpn kan kas kaz khm kin kir kor kur lao lat lav lit mac mal mar may mlg mlt mol mon nep
    nor nya ori orm per pol por pus que ron run rus san sin slk slv smi snd som spa sve swa tam tat tel tgk tgl tha tib
    tir tuk tur uig ukr urd uzb vie wel yid
"""
QUICKTIME = frozenset(_CODES.split())
# ISO 639-2 has two codes for twenty languages; these are the ones the list spells the other way, and its own "sve".
_SAME_LANGUAGE = {
    "bod": "tib", "cym": "wel", "cze": "ces", "deu": "ger", "ell": "gre", "eus": "baq", "fas": "per", "fre": "fra",
    "hye": "arm", "isl": "ice", "kat": "geo", "mkd": "mac", "msa": "may", "mya": "bur", "nld": "dut", "rum": "ron",
    "slo": "slk", "sqi": "alb", "swe": "sve", "zho": "chi",
}  # fmt: skip


def quicktime_language(code: str) -> str | None:
    """The code under which .mov holds a language; None if it cannot. `und` stays `und`."""
    known = _SAME_LANGUAGE.get(code.lower(), code.lower())
    return known if known in QUICKTIME or known == "und" else None
