"""Words that decide how names are read: titles, suffixes, generic words, short forms. Folded (see ``names.fold``)."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TITLES = _words(
    """mr mrs ms miss mx dr prof professor sir dame madam madame mme monsieur mlle herr frau senor senora sheikh shaikh
    sen senator rep representative congressman congresswoman gov governor mayor president chairman chairwoman
    secretary undersecretary ambassador amb minister chancellor commissioner
    gen general lt lieutenant col colonel maj capt captain cmdr commander sgt sergeant cpl corporal pvt adm admiral brig
    rev reverend fr judge justice hon honorable honourable officer detective inspector attorney
    speaker administrator cllr councillor councilor councilman councilwoman alderman
    vice deputy assistant former prime foreign late"""
)
"""Taken off the front of a person's name."""

HONOURS = _words("phd md esq mp mep obe mbe cbe kbe qc kc dds jd mba ret usa usn usaf usmc")
"""Taken off the end of a person's name."""

GENERATIONS = {"jr": "jr", "junior": "jr", "sr": "sr", "senior": "sr", "ii": "ii", "iii": "iii", "iv": "iv"}
"""Kept at the end of a person's name: father and son are two people."""

PARTICLES = _words("al el as ad ar")
"""Articles inside Arabic names, which transliterations write or leave out."""

LEGAL_FORMS = _words("inc incorporated ltd limited llc llp plc gmbh pty srl oyj kk nv bv ag sa spa lp")
"""Taken off the end of an organisation's name: they carry no meaning of their own."""

COMPANY_WORDS = _words(
    """co company corp corporation group holding holdings international worldwide global industries enterprises
    technologies systems partners associates and"""
)
"""What an organisation's short form leaves out at its end ("Acme" for "Acme Holdings"). Not taken off the key: the Virginia
Company is not Virginia."""

PLACE_HEADS = _words("republic kingdom commonwealth state emirate sultanate")
"""Words before "of" that a country's short form leaves out ("Turkey" for "Republic of Turkey")."""

SMALL_WORDS = _words("of the and for in on at to de la le du des der die das und et y von van a an")
"""Words that an acronym may skip."""

CONTRASTS = _words(
    """north south east west northern southern eastern western central upper lower inner outer new old great greater lesser
    first second third fourth fifth sixth seventh eighth ninth tenth one two three four five six seven eight nine ten
    i ii iii iv v vi vii viii ix x xi xii left right male female men women mens womens boys girls
    january february march april may june july august september october november december
    monday tuesday wednesday thursday friday saturday sunday
    frances francis marian marion marlon leslie lesley jesse jessie jillian lillian"""
)
"""A difference in one of these is a difference in meaning, never a slip."""

SAME = {
    "us": "united states", "usa": "united states", "united states of america": "united states", "america": "united states",
    "uk": "united kingdom", "great britain": "united kingdom", "britain": "united kingdom",
    "un": "united nations", "united nations organization": "united nations", "eu": "european union",
    "uae": "united arab emirates", "ussr": "soviet union", "prc": "china", "drc": "democratic republic of congo",
    "peoples republic of china": "china", "republic of china": "taiwan",
}  # fmt: skip
"""Short forms that every reader knows; two letters are too few to be matched by rule."""

NICKNAMES = {
    short: frozenset(full.split())
    for short, full in {
        "abe": "abraham", "al": "albert alan alfred", "alex": "alexander alexandra alexis", "andy": "andrew",
        "barb": "barbara", "ben": "benjamin", "bert": "albert robert", "beth": "elizabeth", "bill": "william",
        "billy": "william", "bob": "robert", "bobby": "robert", "cathy": "catherine", "charlie": "charles",
        "chris": "christopher christine christian", "chuck": "charles", "dan": "daniel", "danny": "daniel",
        "dave": "david", "debbie": "deborah", "dick": "richard", "don": "donald", "doug": "douglas",
        "ed": "edward edwin", "eddie": "edward", "fred": "frederick", "gabe": "gabriel", "greg": "gregory",
        "hank": "henry", "harry": "harold henry", "jack": "john", "jake": "jacob", "jeff": "jeffrey",
        "jen": "jennifer", "jenny": "jennifer", "jerry": "gerald jerome", "jim": "james", "jimmy": "james",
        "joe": "joseph", "johnny": "john", "jon": "jonathan", "kate": "katherine catherine", "kathy": "katherine",
        "ken": "kenneth", "larry": "lawrence", "liz": "elizabeth", "maggie": "margaret", "matt": "matthew",
        "meg": "margaret", "mike": "michael", "nick": "nicholas", "pam": "pamela", "pat": "patrick patricia",
        "peggy": "margaret", "pete": "peter", "phil": "philip", "ray": "raymond", "rich": "richard",
        "rick": "richard", "rob": "robert", "ron": "ronald", "sam": "samuel samantha", "sandy": "sandra alexander",
        "sid": "sidney sydney", "steve": "steven stephen", "sue": "susan", "susie": "susan",
        "ted": "edward theodore", "tim": "timothy", "toby": "tobias", "tom": "thomas", "tommy": "thomas",
        "tony": "anthony", "vic": "victor", "walt": "walter", "will": "william",
    }.items()
}  # fmt: skip

GIVEN_NAMES = frozenset(NICKNAMES) | frozenset().union(*NICKNAMES.values())
"""The commonest given names, as far as they are known here; two of them may stand in either order in two people's names."""
