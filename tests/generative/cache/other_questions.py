"""Pairs of questions that look alike and are not the same: each must never be answered from the other's answer."""

from __future__ import annotations

__all__ = ["OTHER_QUESTIONS", "SAME_QUESTIONS"]

_OTHER = """
negations
May I park in the yard?|May I not park in the yard?
Which costs are covered?|Which costs are not covered?
Which costs are covered by the insurance?|What isn't covered by the insurance?
Can I travel with a visa?|Can I travel without a visa?
Who has to work on public holidays?|Who doesn't have to work on public holidays?
Is there any leave in the trial period?|Is there no leave in the trial period?
Does everyone get a laptop?|Does nobody get a laptop?
Have we ever been audited?|Have we never been audited?
Darf ich im Hof parken?|Darf ich nicht im Hof parken?
Welche Kosten werden erstattet?|Welche Kosten werden nicht erstattet?
Brauche ich eine Genehmigung für die Reise?|Brauche ich keine Genehmigung für die Reise?
Wer muss an Feiertagen arbeiten?|Wer muss an Feiertagen nie arbeiten?
Kann ich mit Visum einreisen?|Kann ich ohne Visum einreisen?
Hat jeder Anspruch auf einen Parkplatz?|Hat niemand Anspruch auf einen Parkplatz?
Ist die Teilnahme üblich?|Ist die Teilnahme unüblich?
Ist der Vertrag gültig?|Ist der Vertrag ungültig?
Is the contract valid?|Is the contract invalid?
Is the request complete?|Is the request incomplete?
Is it usual to work on Saturday?|Is it unusual to work on Saturday?
Are refunds possible after 14 days?|Are refunds impossible after 14 days?
opposites
How do I enable notifications?|How do I disable notifications?
How can I turn the alarm on?|How can I turn the alarm off?
How do I open an account?|How do I close an account?
What raises the risk of infection?|What lowers the risk of infection?
How can I increase my limit?|How can I decrease my limit?
When does the shop open?|When does the shop close?
Is smoking allowed in the office?|Is smoking forbidden in the office?
Can I cancel my order before it has been shipped?|Can I cancel my order after it has been shipped?
Can I cancel my order after shipping?|Is it possible to revoke a purchase before it has been sent?
What is the minimum order?|What is the maximum order?
What is the highest premium?|What is the lowest premium?
How do I buy shares?|How do I sell shares?
Who may join the pension plan?|Who may leave the pension plan?
How do I subscribe to the newsletter?|How do I unsubscribe from the newsletter?
How do I lock the door?|How do I unlock the door?
Which countries export steel?|Which countries import steel?
How do I encrypt a file?|How do I decrypt a file?
What happens if the offer is accepted?|What happens if the offer is rejected?
What are the advantages of the plan?|What are the disadvantages of the plan?
Is the course mandatory?|Is the course voluntary?
Who hires new staff?|Who fires new staff?
Which data are public?|Which data are private?
Does the price include tax?|Does the price exclude tax?
How do I upload a report?|How do I download a report?
Where do I send the form?|Where do I receive the form?
Does heat kill the virus?|Does cold kill the virus?
How long may temporary staff stay?|How long may permanent staff stay?
Is the hospital responsible for inbound patients?|Is the hospital responsible for outbound patients?
What must be done in the morning?|What must be done in the evening?
What does the left button do?|What does the right button do?
Who pays when the rent goes up?|Who pays when the rent goes down?
What are the rules for men?|What are the rules for women?
Should adults wear masks?|Should children wear masks?
What must the employer do?|What must the employee do?
Can I return used goods?|Can I return new goods?
Wie aktiviere ich die Benachrichtigung?|Wie deaktiviere ich die Benachrichtigung?
Wie schalte ich den Alarm ein?|Wie schalte ich den Alarm aus?
Wie melde ich mich an?|Wie melde ich mich ab?
Wie eröffne ich ein Konto?|Wie schließe ich ein Konto?
Wann öffnet der Laden?|Wann schließt der Laden?
Was erhöht das Risiko?|Was senkt das Risiko?
Wie kann ich das Limit erhöhen?|Wie kann ich das Limit verringern?
Ist Rauchen im Büro erlaubt?|Ist Rauchen im Büro verboten?
Kann ich vor dem Versand stornieren?|Kann ich nach dem Versand stornieren?
Wie hoch ist der Mindestbetrag?|Wie hoch ist der Höchstbetrag?
Was kostet die Einreise?|Was kostet die Ausreise?
Wie kaufe ich Aktien?|Wie verkaufe ich Aktien?
Was sind die Vorteile des Tarifs?|Was sind die Nachteile des Tarifs?
Ist der Kurs verpflichtend?|Ist der Kurs freiwillig?
Welche Pflichten hat der Mieter?|Welche Pflichten hat der Vermieter?
Was muss der Arbeitgeber tun?|Was muss der Arbeitnehmer tun?
Ist das Parken kostenlos?|Ist das Parken kostenpflichtig?
Welche Regeln gelten für Männer?|Welche Regeln gelten für Frauen?
Was passiert bei befristeten Verträgen?|Was passiert bei unbefristeten Verträgen?
Wie lade ich einen Bericht hoch?|Wie lade ich einen Bericht herunter?
Ist der Betrag brutto gemeint?|Ist der Betrag netto gemeint?
Gilt das innerhalb der EU?|Gilt das außerhalb der EU?
Was gilt bei Zustimmung?|Was gilt bei Ablehnung?
Wann beginnt die Frist?|Wann endet die Frist?
wann muss ich vorher bescheid geben?|wann muss ich nachher bescheid geben?
roles
Can a tenant sue a landlord?|Can a landlord sue a tenant?
Does the bank pay the customer?|Does the customer pay the bank?
Do I call the manager?|Does the manager call me?
What do I owe you?|What do you owe me?
How do I get from Berlin to Hamburg?|How do I get from Hamburg to Berlin?
how do i get from berlin to hamburg?|how do i get from hamburg to berlin?
How do I convert euros to dollars?|How do I convert dollars to euros?
Is A larger than B?|Is B larger than A?
Wie komme ich von Berlin nach Hamburg?|Wie komme ich von Hamburg nach Berlin?
Zahlt die Bank dem Kunden Zinsen?|Zahlt der Kunde der Bank Zinsen?
Wie wechsle ich von Tarif A zu Tarif B?|Wie wechsle ich von Tarif B zu Tarif A?
Wer informiert mich?|Wen informiere ich?
numbers
How many days of leave do I have after 2 years?|How many days of leave do I have after 3 years?
How many days of leave do I have after two years?|How many days of leave do I have after three years?
What happens after 14 days?|What happens after 40 days?
Is a deposit of 1,000 EUR enough?|Is a deposit of 10,000 EUR enough?
Is a deposit of 1.5 percent enough?|Is a deposit of 15 percent enough?
What does paragraph 12 say?|What does paragraph 21 say?
What does section 4.1 say?|What does section 4.2 say?
Is there a discount for the first order?|Is there a discount for the second order?
How do I update to version 2.1?|How do I update to version 2.2?
What does error E404 mean?|What does error E405 mean?
Can I use a B12 lamp?|Can I use a B21 lamp?
Does COVID-19 spread in water?|Does COVID-29 spread in water?
Is half a day of leave possible?|Is a day of leave possible?
Wie viel Urlaub habe ich nach 2 Jahren?|Wie viel Urlaub habe ich nach 5 Jahren?
Wie viel Urlaub habe ich nach zwei Jahren?|Wie viel Urlaub habe ich nach fünf Jahren?
Was steht in Paragraf 12?|Was steht in Paragraf 13?
Reicht eine Anzahlung von 1,5 Prozent?|Reicht eine Anzahlung von 15 Prozent?
Gilt das ab 18 Jahren?|Gilt das ab 16 Jahren?
Was gilt ab der ersten Mahnung?|Was gilt ab der zweiten Mahnung?
units
Can I take 20 kg of luggage?|Can I take 20 lb of luggage?
May I stay for 3 weeks?|May I stay for 3 months?
Is 30 degrees Celsius too warm?|Is 30 degrees Fahrenheit too warm?
Does the fee of 5 € apply?|Does the fee of 5 $ apply?
Does it take 10 minutes?|Does it take 10 hours?
Is 5% the limit?|Is 5 ‰ the limit?
Darf ich 3 Wochen bleiben?|Darf ich 3 Monate bleiben?
Dauert das 10 Minuten?|Dauert das 10 Stunden?
Sind 5 Euro richtig?|Sind 5 Dollar richtig?
dates
What applies from 1 March 2024?|What applies from 1 May 2024?
What applies from 2024-03-01?|What applies from 2024-03-10?
What was the price in 2019?|What was the price in 2020?
Is the office open on Monday?|Is the office open on Sunday?
What is for lunch today?|What is for lunch tomorrow?
What is the deadline in summer?|What is the deadline in winter?
Was gilt ab dem 1. März 2024?|Was gilt ab dem 1. Juni 2024?
Was gilt ab dem 01.03.2024?|Was gilt ab dem 01.04.2024?
Ist am Montag geöffnet?|Ist am Sonntag geöffnet?
Was gibt es heute zu essen?|Was gibt es morgen zu essen?
Was war der Preis im Jahr 2019?|Was war der Preis im Jahr 2020?
names
What does Anna Schmidt do?|What does Anna Schneider do?
Where does Mr Miller work?|Where does Mrs Miller work?
What is the tax rate in France?|What is the tax rate in Germany?
Who founded Siemens?|Who founded Bosch?
what does peter do?|what does paul do?
Does the Plus plan have a limit?|Does the Pro plan have a limit?
How do I reach the office in Zurich?|How do I reach the office in Geneva?
How expensive is a ticket for the train to Cologne?|What does it cost to go to Bonn by train?
Is the vaccine from Pfizer effective?|How well does the vaccine from Moderna work?
Was macht Anna Schmidt?|Was macht Anna Schneider?
Wo arbeitet Herr Müller?|Wo arbeitet Frau Müller?
wo arbeitet herr müller?|wo arbeitet herr meier?
Wie hoch ist die Steuer in Frankreich?|Wie hoch ist die Steuer in Österreich?
Wie erreiche ich das Büro in Zürich?|Wie erreiche ich das Büro in Genf?
Wer hat Siemens gegründet?|Wer hat Bosch gegründet?
Hat der Tarif Plus ein Limit?|Hat der Tarif Pro ein Limit?
things
Is parking free?|Is lunch free?
How do I reset my password?|How do I reset my phone?
How long is parental leave?|How long is sick leave?
Can I bring my dog?|Can I bring my cat?
Who approves travel?|Who books travel?
When must I apply?|Where must I apply?
Who signs the contract?|When is the contract signed?
Why was I charged?|When was I charged?
How much is the fee?|How often is the fee due?
Can I work from home?|Must I work from home?
Should I see a doctor?|Must I see a doctor?
How is the weather report made?|What is the weather report?
What is the mean temperature?|What is the temperature?
Who is the CEO?|Who was the CEO?
Is the manager on leave?|Was the manager on leave?
Who manages the fund?|Who managed the fund?
Ist das Parken frei?|Ist das Essen frei?
Wie lange dauert die Elternzeit?|Wie lange dauert die Probezeit?
Wann muss ich den Antrag stellen?|Wo muss ich den Antrag stellen?
Wer genehmigt Reisen?|Wer bucht Reisen?
Kann ich von zu Hause arbeiten?|Muss ich von zu Hause arbeiten?
Wer ist der Chef?|Wer war der Chef?
Darf mein Kind in die Schule?|Muss mein Kind in die Schule?
languages
How long is the leave in the trial period?|Wie lang ist der Urlaub in der Probezeit?
Quelle est la durée du congé?|Quelle est la limite du congé?
¿Puedo aparcar aquí?|¿No puedo aparcar aquí?
Je peux fumer ici?|Je ne peux pas fumer ici?
"""

_SAME = """
How long is parental leave?|how long is the parental leave
Please, how do I reset my password?|How do I reset my password?
Who may drive the pool vehicle?|Who may drive the pool vehicles?
Are symptoms of COVID-19 different in children than in adults?|Do COVID-19 symptoms differ between children and adults?
How is COVID-19 treated?|What are ways to provide treatment for COVID-19?
Can COVID-19 cause problems for a pregnancy?|Is COVID-19 a threat to pregnancy?
Should children wear masks?|Should I give my child a mask to wear?
Wie lange dauert die Probezeit?|wie lange dauert die probezeit
Was ist eine Dienstreise?|Was bedeutet Dienstreise?
Wie lange habe ich Urlaub?|Wie lange habe ich Urlaub, bitte?
"""


def _pairs(text: str) -> list[tuple[str, str, str]]:
    found, kind = [], ""
    for line in text.strip().splitlines():
        if "|" not in line:
            kind = line
            continue
        first, second = line.split("|")
        found.append((kind, first, second))
    return found


OTHER_QUESTIONS = _pairs(_OTHER)
"""What differs, and the two questions."""
SAME_QUESTIONS = [(first, second) for _, first, second in _pairs(_SAME)]
"""What nothing speaks against."""
