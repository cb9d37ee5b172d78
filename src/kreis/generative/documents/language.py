"""Which language a text is in, by its most frequent words: enough to tell a page in French from one in German."""

from __future__ import annotations

import re
from collections import Counter

__all__ = ["LANGUAGES", "language_of"]

_FREQUENT = {
    "da": (
        "og at det en den til er som på de med han af for ikke der var mig sig men et har om vi min havde ham hun "
        "nu over da fra du ud sin dem os op man hans hvor eller hvad skal selv her alle vil blev kunne ind når "
        "være kan efter også ved jeg bliver disse mange hvis deres"
    ),
    "de": (
        "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus "
        "er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber "
        "vor zur bis mehr durch man sein wurde wenn ich wir kann können ihre ihr mein sollte diese dieser keine "
        "bitte was welche wo"
    ),
    "en": (
        "the of and to in a is that for it as was with be by on not he i this are or his from at which but have "
        "an had they you were there one all we can her has their been if more when will would who so no what up "
        "out about into than them some could these do your how my its should does only other"
    ),
    "es": (
        "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha me si "
        "sin sobre este ya entre cuando todo esta ser son dos también fue había era muy años hasta desde está mi "
        "porque qué sólo han yo hay vez puede todos así nos ni parte tiene él uno donde bien tiempo mismo ese "
        "ahora cada"
    ),
    "fr": (
        "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec son "
        "ou ses mais aux comme être vous nous cette l d qu sa n ont été deux même leur c ces je peut sans si tout "
        "elle où entre fait aussi bien très votre y après lors sous donc chez j m lorsque toutes quel"
    ),
    "it": (
        "di e il la che in a per un è del non le si della con da i una dei al sono come più alla nel ha delle "
        "anche gli ma lo o su se degli dal ed questo nella essere dalla suo fra tra quando ai sua stato tutti "
        "dopo cui era tutto ci loro può prima dell all quello perché solo già sul questa ancora due anni mi ho "
        "hanno cosa quali chi"
    ),
    "nl": (
        "de van het een en in is dat op te zijn met voor die niet aan er om ook als dan maar bij of uit nog naar "
        "heeft worden door over ze was kan meer tot deze je ik wordt geen hij hebben al zo kunnen wel veel we "
        "werd moet wat zich tussen onder haar hun mijn u uw wij men dit heb ben waar"
    ),
    "pl": (
        "i w na z do się nie że to o jest za od po jak przez ale tym co dla tak czy być ich już może oraz był "
        "tego jego lub przy są tylko także by ze które który która jako ma pod bez ten go można jeśli mnie tej "
        "kiedy gdy nich osób osoby należy aby mi mam moje jej u"
    ),
    "pt": (
        "de a o que e do da em um para com não uma os no se na por mais as dos como mas ao ele das à seu sua ou "
        "quando muito nos já eu também só pelo pela até isso ela entre depois sem mesmo aos seus quem nas me esse "
        "eles você essa num nem suas meu às minha numa pelos elas qual nós lhe está são tem ser foi"
    ),
    "sv": (
        "och i att det som en på är av för med den till inte om ett har de jag vi var men sig så vid kan från han "
        "man när nu eller ska efter där år vara över också mycket alla du under finns då upp skulle bara ut dig "
        "din hur vad sin deras dessa mot än blir varit kommer hade mina min dem oss personer"
    ),
}
LANGUAGES = tuple(_FREQUENT)
"""The languages that it can tell, ISO 639-1."""
_OF_WORD: dict[str, tuple[str, ...]] = {}
for _language, _words in _FREQUENT.items():
    for _word in _words.split():
        _OF_WORD[_word] = (*_OF_WORD.get(_word, ()), _language)
_WORD = re.compile(r"[^\W\d_]+")
_CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`|https?://\S+", re.DOTALL | re.MULTILINE)
_LOOKED_AT = 6_000
"""Characters: some thousand words tell no less than all of them."""
_LEAST = 2.0
_SHARE = 0.12
_AHEAD = 1.3


def language_of(text: str) -> str:
    """The language of a text, of those in `LANGUAGES`; empty where its words do not tell.

    A word that several languages have counts in each of them for its share. One language must have an eighth of the
    words, at least two, and a third more than the next; program code is left out.

    Args:
        text: Markdown, or plain. Two sentences are enough, a heading is not.

    Example:

    >>> language_of("Alle haben dreißig Tage im Jahr, und wer mehr braucht, fragt."), language_of("kreis 0.1.0")
    ('de', '')
    """
    words = _WORD.findall(_CODE.sub(" ", text[:_LOOKED_AT]).lower())
    found = dict.fromkeys(LANGUAGES, 0.0)
    for word, count in Counter(words).items():
        languages = _OF_WORD.get(word, ())
        for language in languages:
            found[language] += count / len(languages)
    (most, best), (next_, _) = sorted(((count, name) for name, count in found.items()), reverse=True)[:2]
    return best if most >= max(_LEAST, _SHARE * len(words)) and most >= _AHEAD * next_ else ""
