"""Four answers to question 2.2 that the benchmarks grade. Our own words."""

STRONG = (
    "At an insurer in Adelaide my team ran a model that decided which claims were paid without a human. A community "
    "lawyer told us that claims from two Aboriginal townships were nearly always held back, and families waited "
    "months for repairs. I owned the model, so finding out why was my job. I split the hold rate by postcode and "
    "found 41 percent in those townships against 12 elsewhere, with the same share of fraud. The driver was a feature "
    "for missing paperwork: offices there scan late. I removed it, gave the rare postcodes more weight and retrained. "
    "On three held-back months the rates came to 15 and 13 percent, and we looked at false alarms for both groups too. "
    "I went through it with legal and the claims team, the lawyer's office read the summary, and we agreed that every "
    "release needs this comparison signed. Complaints fell from 30 a month to 4. What I took from it is to compare "
    "groups before launch, and to ask the people concerned early."
)
WEAK = (
    "Bias is a very important topic today and everyone who works with AI should care about it. I have always tried to "
    "be fair in my projects and I believe that good data is the key. If something were unfair I would certainly look "
    "into it and fix it with the usual techniques. There are many tools for that. In my experience modern models are "
    "quite objective, so it has not really been a problem, and in the end the business decides anyway."
)
EMPTY = "  \n"
SPANISH = (
    "En una empresa de préstamos en Monterrey yo mantenía un modelo que decidía a quién se le ofrecía crédito. Una "
    "compañera de atención al cliente me avisó de que casi nunca se aprobaba a las vendedoras ambulantes. Me tocaba "
    "averiguar si era culpa del modelo. Comparé la tasa de rechazo por género y por tipo de trabajo y vi 62 por ciento "
    "contra 35, con los mismos impagos. La causa era una variable de antigüedad en la nómina. La quité, equilibré los "
    "datos y volví a entrenar. Después medí otra vez los dos grupos: 38 contra 34. Lo revisé con el área legal y con "
    "producto, y acordamos un informe mensual por grupo. Las quejas bajaron a la mitad en un trimestre. Aprendí a "
    "mirar los grupos antes de lanzar, no después."
)
ANSWERS = {"strong": STRONG, "weak": WEAK, "empty": EMPTY, "Spanish": SPANISH}
