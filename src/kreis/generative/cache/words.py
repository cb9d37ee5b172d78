"""Words of German and English that turn a question around, and those that say nothing: lists, to be added to."""

from __future__ import annotations

__all__ = [
    "ASKING",
    "DIRECTIONS",
    "EMPTY",
    "ENDINGS",
    "LANGUAGES",
    "MAY",
    "MONTHS",
    "MUST",
    "NEGATIONS",
    "NEGATIVE_PREFIXES",
    "OPPOSITES",
    "OUGHT",
    "UNITS",
    "stem_of",
]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ENDINGS = ("es", "en", "em", "s", "n", "e")
"""Of number and case, the longest first."""

EMPTY = {
    "en": _words("a an the of is are am be do does it its there please to and"),
    "de": _words(
        "der die das den dem des ein eine einen einem einer eines ist sind bin es sich bitte und zu zum zur bedeutet"
    ),
}
"""Words without which a question stays the same, by language."""

LANGUAGES = {
    "en": EMPTY["en"] - _words("am an so")
    | _words(
        "how what which this that i my me we our you your he she they can could should must will would may might have"
        " has had for from with at by on when where who why if not no as does did were someone anyone"
    ),
    "de": EMPTY["de"] - _words("die den des")
    | _words(
        "wie welche welcher welches welchen welchem dieser dieses ich mein meine meinem meinen meiner mich mir wir"
        " uns unser unsere du ihr man er kann können darf dürfen muss müssen soll sollen wird werden werde wurde hat"
        " habe haben für von mit bei auf im am aus nach wenn wann wo wer warum ob nicht kein keine oder als auch gegen"
        " über gibt machen mach tun was"
    ),
}
"""By which words a question's language is known."""

NEGATIONS = _words(
    "not no never none nobody nothing nowhere without neither nor cannot except unless hardly nicht nie niemals"
    " niemand nichts nirgends ohne weder außer ausser kaum"
)
"""Beside all that begins with "kein"."""
NEGATIVE_PREFIXES = (
    "un", "in", "im", "ir", "il", "dis", "non", "de", "mis", "anti", "nicht", "miss", "ent", "ab", "zer",
)  # fmt: skip

DIRECTIONS = _words(
    "before after until till since during only always maximum minimum max min vor nach vorher nachher bis seit"
    " während nur immer maximal minimal mindestens höchstens"
)
"""Which side of something is meant: both questions name the same of them."""

MAY = _words(
    "can could may might able allowed kann kannst können könnt könnte könnten darf dürfen dürfte erlaubt möglich"
)
MUST = _words("must need needs required muss musst müssen müsste brauche brauchen pflicht verpflichtet")
OUGHT = _words("should ought shall recommended soll sollen sollte sollten empfohlen")

ASKING = {
    "who": _words("who whom whose wer wen wem wessen"),
    "when": _words("when wann"),
    "where": _words("where wo wohin woher"),
    "why": _words("why warum weshalb wieso wozu"),
    "how many": _words("many much wieviel wieviele viel viele"),
    "how long": _words("long lang lange"),
    "how often": _words("often oft häufig"),
}

MONTHS = _words(
    "january february march april june july august september october november december monday tuesday wednesday"
    " thursday friday saturday sunday today tomorrow yesterday januar februar märz mai juni juli oktober dezember"
    " montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag heute morgen gestern christmas easter"
    " weihnachten ostern spring summer autumn winter frühling frühjahr sommer herbst one two three four five six"
    " seven eight nine ten eleven twelve twenty thirty fifty hundred thousand million half double first second"
    " third last next zwei drei vier fünf sechs sieben acht neun zehn elf zwölf zwanzig dreißig dreissig fünfzig"
    " hundert tausend million halb halbe doppelt erste ersten zweite zweiten dritte dritten letzte letzten nächste"
    " nächsten"
)
"""Dates and numbers in words."""

UNITS = _words(
    "second seconds minute minutes hour hours day days week weeks month months year years quarter sekunde"
    " sekunden minuten stunde stunden tag tage tagen woche wochen monat monate monaten jahr jahre jahren quartal"
    " mm cm m km kilometer kilometre kilometers miles mile meter metre mg g kg gram gramm kilogram kilogramm pound"
    " pounds pfund tonne tonnen ton l ml liter litre litres celsius fahrenheit grad degrees kb mb gb tb kwh kw"
    " euro euros eur dollar dollars usd cent franken chf prozent percent percentage brutto netto gross net"
)

_PAIRS = """
open opened opening | close closed closing shut
open offen öffne geöffnet öffnung | geschlossen zu schließ schliess schließt schliesst schließung
enable enabled activate activated | disable disabled deactivate deactivated
aktivier aktiviert einschalt eingeschaltet anschalt einrichten | deaktivier deaktiviert ausschalt ausgeschaltet abschalt
start begin begins beginning | stop end ends ending finish
beginn beginnt start starten anfang anfangen fängt | end endet ende beend beendet stopp aufhör hört
increase increases increased raise rise grow up | decrease decreases decreased reduce reduces reduced lower fall down
erhöht steigt steigern vergrößern zunehmen | senk senkt sink sinkt verringer verringert reduzier reduziert abnehm
buy bought purchase | sell sold sale
kauf kaufen einkauf | verkauf verkaufen
accept accepted approve approved agree confirm | reject rejected refuse refused decline deny denied disagree
annehm angenommen akzeptier zustimm genehmig genehmigt bestätig | ablehn abgelehnt verweiger verweigert widerspr
allow allowed permit permitted legal | forbid forbidden prohibit prohibited ban banned illegal
erlaub erlaubt gestattet zulässig legal darf | verbiet verboten untersagt unzulässig illegal
add added insert | remove removed delete deleted
hinzufüg hinzugefügt ergänz | entfern entfernt lösch gelöscht
include included including | exclude excluded excluding
enthalt inklusive einschließlich mit | ausgenommen exklusive ausschließlich ohne
with | without
inside indoor internal inner | outside outdoor external outer
innen drinnen intern innerhalb | außen aussen draußen extern außerhalb ausserhalb
high higher highest | low lower lowest
hoch hoh höher höchst | niedrig niedriger niedrigst tief
large larger largest big bigger biggest | small smaller smallest little
groß gross größer größt | klein kleiner kleinst
long longer longest | short shorter shortest
lang länger längst | kurz kürzer kürzest
fast faster quick | slow slower
schnell schneller | langsam langsamer
hot warm heat | cold cool
heiß heiss warm wärm | kalt kält kühl
old older oldest | new newer newest young younger
alt älter ältest | neu neuer neuest jung jünger
good better best | bad worse worst
gut besser best | schlecht schlechter schlechtest schlimm
safe secure harmless | dangerous unsafe insecure harmful risky
sicher ungefährlich harmlos | gefährlich unsicher schädlich riskant
healthy well | sick ill
gesund | krank
alive live living | dead die died death
leb lebt lebendig | tot sterb stirb stirbt tod
win won gain | lose lost loss
gewinn gewinnt | verlier verliert verlust
import | export
income revenue earn earns | expense cost spend pay pays paid payment
einnahm einkommen verdien verdient bekomm erhalt | ausgab zahl zahlt bezahl bezahlt kostet
lend | borrow
verleih | ausleih leih
hire hired employ employed | fire fired dismiss dismissed
einstell eingestellt | entlass entlassen kündig gekündigt kündigung
join register registered subscribe enrol enroll login | leave quit deregister unsubscribe logout cancel
anmeld anmeldung angemeldet registrier abonnier eintret beitret | abmeld abmeldung abgemeldet austret kündig kündigung
arrive arrival come entry enter | depart departure go exit
ankunft ankomm einreis einreise hinfahrt | abfahrt abreis ausreis ausreise rückfahrt
send sent sender upload | receive received receiver recipient download
send sendet schick versend absend hochlad | empfang empfäng erhalt herunterlad
lock locked block blocked | unlock unlocked unblock unblocked
sperr gesperrt verriegel | entsperr entsperrt freischalt freigeschaltet
show visible public | hide hidden invisible private secret
zeig anzeig sichtbar öffentlich | versteck ausblend unsichtbar privat geheim
connect connected | disconnect disconnected
verbind verbunden | trenn getrennt
install installed | uninstall uninstalled
installier installiert | deinstallier deinstalliert
full | empty
voll | leer
early | late
früh | spät
left | right
links | rechts
top | bottom
oben | unten
front | back
vorn vorne | hinten
north east | south west
nord norden ost osten | süd süden west westen
men man male he him his husband father son boy | women woman female she her wife mother daughter girl
männ mann mannes männlich vater sohn junge herr | frau frauen weiblich mutter tochter mädchen dam
child children minor kid | adult adults parent parents
kind kinder minderjährig | erwachsen eltern
employee employees staff worker | employer employers manager boss
arbeitnehm arbeitnehmer arbeitnehmerin mitarbeiter beschäftigt | arbeitgeber chef vorgesetzt
customer customers buyer client | supplier suppliers seller vendor provider
kund käufer auftraggeber | lieferant verkäufer anbieter auftragnehmer
tenant tenants | landlord landlords
mieter mieterin | vermieter vermieterin
debtor | creditor
schuldner | gläubiger
student students pupil | teacher teachers
schüler student | lehrer lehrerin
patient patients | doctor doctors physician
patient | arzt ärzt ärztin
positive advantage benefit pro | negative disadvantage drawback con
positiv vorteil | negativ nachteil
true correct | false wrong incorrect
wahr richtig korrekt | falsch unwahr
success succeed succeeds | failure fail fails
erfolg gelingt | misserfolg scheitert fehlschlag
free gratis | paid chargeable
kostenlos gratis kostenfrei umsonst | kostenpflichtig gebührenpflichtig
mandatory required compulsory obligatory | optional voluntary
pflicht verpflichtend vorgeschrieben | freiwillig optional
temporary | permanent
befristet vorübergehend | unbefristet dauerhaft
day daytime | night nighttime
tagsüber | nachts nacht
summer | winter
sommer | winter
present attend | absent absence miss
anwesend | abwesend
same equal | different other another
gleich gleiche selb | ander anders verschied unterschiedlich
for | against
cause causes | prevent prevents cure
verursach verursacht | verhinder verhindert heil
debit | credit
lastschrift | gutschrift
domestic national | foreign international abroad
inland national | ausland international
online digital | offline
borrower | lender
import importier | export exportier
love | hate
encrypt encrypted | decrypt decrypted
verschlüssel verschlüsselt | entschlüssel entschlüsselt
gross | net
brutto | netto
first | last
major | minor
strong stronger | weak weaker
stark stärker | schwach schwächer
easy easier simple | hard harder difficult
leicht leichter einfach | schwer schwerer schwierig
cheap cheaper | expensive
billig billiger günstig | teur teuer teurer
rich | poor
reich | arm
clean | dirty
sauber | schmutzig
contagious infectious infected | immune vaccinated
ansteckend infiziert | immun geimpft
inbound incoming | outbound outgoing
eingehend | ausgehend
plus | minus
more most | less least fewer
mehr meist | weniger wenigst
over above | under below
über oberhalb | unter unterhalb
incoming | outgoing
usual | unusual
encourage recommend recommended | discourage warn
empfehl empfohlen | abrat abgerat warn
hinzu | weg
"""


def stem_of(word: str) -> str:
    """Without an ending of number or case: what is left names the same thing. Tenses stay."""
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def _pairs() -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    found = []
    for line in _PAIRS.strip().splitlines():
        left, right = (frozenset(map(stem_of, _words(side))) for side in line.split("|"))
        found.append((left, right))
    return tuple(found)


OPPOSITES = _pairs()
"""By stems: what one side says, and what the other."""
