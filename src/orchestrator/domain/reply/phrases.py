"""The rules for English but opt-outs and threats: label, name, pattern.

Patterns see what `labels` makes of a text: small letters, no apostrophes (``dont``), one space between words, `` . ``
and `` ? `` around sentences, hyphens as spaces (``e mail``). Gaps are bounded, so that time grows with the length of
the text.
"""

from __future__ import annotations

from orchestrator.domain.reply.mail import ReplyLabel

_BEGIN = r"(?<=[.,?] )"
_END = r"(?= [.,?])"
_NOT_NEGATED = r"(?<!dont )(?<!not )(?<!never )(?<!cant )(?<!cannot )(?<!wont )"
_OWNED = r"(?:house|home|property|place|building|lot|land|condo|duplex|unit|apartment|it|this|that|one)"
_WRONG = ReplyLabel.WRONG_PERSON
_SOLD = ReplyLabel.SOLD
_NO = ReplyLabel.NOT_INTERESTED
_YES = ReplyLabel.INTERESTED
_ASKS = ReplyLabel.QUESTION

RULES: tuple[tuple[ReplyLabel, str, str], ...] = (
    # Not the one who is meant.
    (_WRONG, "wrong",
        r"\bwrong (?:person|guy|man|woman|lady|e ?mail|address|number|party|owner|contact|individual|people|inbox"
        r"|recipient|name|fellow|family|human|dude)\b(?! of)|\b(?:got|have|has|reached|e ?mailed|contacted|contacting"
        r"|writing|wrote)(?: to)?(?: \w+)? the wrong (?!idea|impression|number|figure|price|data|info|detail|square"
        r"|year|score|score)\w+"),
    (_WRONG, "not_the_owner",
        r"\b(?:not|isnt|aint|arent|never been|never was|neither)(?: \w+)? (?:the|an|a|its|actual"
        r"|his) (?:\w+ ){0,2}?(?:owners?|homeowners?|landlord|landowner)\b(?! (?:any ?more|any longer|since))"),
    (_WRONG, "not_mine",
        r"\b(?:not|isnt|aint|never|wasnt) (?:my|our) (?:\w+ )?(?:house|home|property|place|building|address|e ?mail"
        r"|name|problem|land|condo)\b(?! (?:any ?more|any longer|for sale|since))|"
        rf"{_BEGIN}(?:sorry )?(?:(?:this|that|it|thats|its|house|property) )?(?:is |was )?(?:not|isnt|never was"
        rf"|never) (?:mine|ours|me|us|him|her){_END}"),
    (_WRONG, "own_nothing",
        r"\b(?:dont|do not|doesnt|never|didnt|have never|havent ever|does not|have not) (?:\w+ )?(?:own|owned|had"
        r"|possess) (?!(?:\w+ ){0,3}(?:any ?more|any longer)\b)(?:a|any|anything|property|the|this|that|it|no|such"
        r"|real estate|one|land|it)\b(?!(?: \w+){0,4} (?:any ?more|any longer|since)\b)"),
    (_WRONG, "tenant",
        r"\b(?:i am|im|we are|(?<!there )(?<!they )were|just|only|i was)(?: (?:just|only|merely|simply))? (?:(?:a|an"
        r"|the|one of the) )?(?:tenants?|renters?|renting|lodger|house ?sitter|caretaker)\b(?! (?:it|the|in|to|pays?"
        r"|left|moved))|\bi (?:just |only )?rent (?:this|the|here|from|it|that|at)\b(?! (?:\w+ )?(?:out|to))|\b(?:my"
        r"|our) landlord\b|\b(?:talk|speak|contact|ask|call|write)(?: to| with)? the landlord\b"),
    (_WRONG, "someone_else",
        r"\b(?:meant|intended|supposed|looking for|confus\w+|mistak\w+|mixed|addressed)(?: \w+){0,6} ?(?:someone"
        r"|somebody|some one|another person|a different \w+) ?(?:else)?\b|\b(?:mixed up|confused|mistaken"
        r"|mistaking) (?:me |us )?(?:with|for)\b|\bmistaken identity\b"),
    (_WRONG, "nobody_here",
        r"\b(?:no|isnt|not|nobody|no one|there isnt)(?: \w+){0,5} (?:at|by|with|named|called|of) (?:\w+ )?(?:this"
        r"|that|here|such) (?:address|name|e ?mail|number|house)\b|\bno (?:one"
        r"|body) (?:here )?(?:by|named|called) \w+"),
    (_WRONG, "not_my_name",
        r"\b(?:my name|name) (?:is not|isnt|aint)\b|\b(?:this|that|it|i|im|its) (?:is |am )?(?:not|isnt|aint) (?:me"
        r"|him|her|(?:his|her|their) (?:e ?mail|address|account|number|inbox))\b|\b(?:im|i am) not (?:mr|mrs|ms"
        r"|dr) \w+"),
    (_WRONG, "do_not_know",
        r"\b(?:dont|do not|never|no idea)(?: \w+)? (?:know|knew|heard of|met|who) (?:who )?(?!you|gave|to|how|if|what"
        r"|it|this is|the answer|about|yet|when|where|why|whether|that|of you|said)(?:\w+ )(?:\w+ )?(?:is|was|are"
        r"|either|person|but|at all)\b"),
    (_WRONG, "dead",
        r"\b(?:person|man|woman|gentleman|lady|owner|he|she|recipient|individual)(?: \w+){0,6} (?:passed away"
        r"|passed on|is deceased|deceased|died|is dead)\b"),

    # It is gone.
    (_SOLD, "sold",
        r"\b(?:i|we|ive|weve|have|has|had|was|were|been|is|are|its|already|just|recently|got|now|he|she|they|parents"
        r"|that|(?<!get )(?<!have )(?<!getting )(?<!see )(?<!want )(?<!need )it)(?: (?:have|has|had|was|were|been|is"
        r"|already|just|recently|since|got|now|both|actually|finally|then|all|long|ago|,)){0,6} sold\b(?! (?:by|near"
        rf"|nearby|comps|for (?:more|less)|on the idea|me|as))|\b(?:my|our|the|this|that|his|her) {_OWNED} (?:already "
        r"|just |recently )?sold (?:in|last|to|for|two|years|a|on|months|this|three|and|already|back)\b"),
    (_SOLD, "sold_sentence",
        rf"{_BEGIN}(?:sorry |but |already |property |house |home |, ){{0,6}}sold(?: (?:it|that|this|the|last|in|years"
        r"|a|two|already|out|my|our|ours|mine))?\b"),
    (_SOLD, "no_longer_own",
        r"\b(?:no longer|not|dont|do not|doesnt|havent|have not|hasnt|isnt|arent|am not|ceased to"
        r"|stopped)(?: \w+){0,2}? ?(?:own|owned|owning|mine|ours|the owners?|belong\w*|my \w+|our \w+|his|hers"
        r"|in my name)\b(?:(?: \w+){0,5}? (?:any ?more|any longer|since|for (?:\w+ ){1,2}years))"
        r"|\bno longer (?:\w+ )?(?:own|ours|mine|the owners?|belong\w*|my|our|have (?:it|that"
        r"|the))\b|\bhavent owned\b"),
    (_SOLD, "on_its_way",
        r"\b(?:is |its |already |now |currently |went )?under (?:\w+ )?contract\b(?! with (?:a )?(?:realtor|agent"
        r"|broker))|\bin escrow\b|\baccepted (?:an|another|a \w+|the) offer\b|\bsale (?:is )?pending\b"
        r"|\bpending sale\b|\b(?:is|are|were|we|im|am|be) closing (?:on|this|next|in|soon|with)\b|\b(?:it|house"
        r"|property|deal|sale|we|just|already) (?:just |already |has |have ){0,6}closed (?:last|on|in|already|this"
        r"|yesterday|a|two|three)\b|\b(?:another|a different) buyer\b|\bhave a buyer\b"),
    (_SOLD, "new_owner",
        r"\b(?:to|contact|ask|call|e ?mail|write|try|find|are|is) (?:the|a) new (?:home)?owners?\b"
        r"|\bthe new (?:home)?owners? (?:is|are|live|moved|bought|has|have)\b|\b(?:current|present) owners? (?:is"
        r"|are)\b"),
    (_SOLD, "given_away",
        r"\b(?:transferred|signed|deeded|gave|gifted|conveyed|quitclaimed|quit claimed"
        r"|turned)(?: \w+){0,6}? (?:over )?(?:to|into) (?:my|our|his|her|the|a|an) (?:\w+ )?(?:son|daughter|kids"
        r"|children|brother|sister|wife|husband|ex|nephew|niece|family|trust|bank|church|city|mother|father|parents"
        r"|grandson|granddaughter|estate)\b"),
    (_SOLD, "lost",
        r"\bforeclosed\b|\b(?:bank|city|county|lender) (?:took|has taken|owns|repossessed)\b|\b(?:torn|burned"
        r"|burnt) down\b|\b(?:youre|you are|your|are|am afraid its|came)(?: \w+)? too late\b"),
    # No.
    (_NO, "not_interested",
        r"(?<!not )(?<!never )\b(?:not|no|isnt|arent|aint|never|wont be|wouldnt be|nor|zero|dont have any"
        r"|do not have any|havent any)(?: (?!not )\w+){0,2}? interest(?:ed)?\b(?! (?:rate|rates))|\buninterested\b"),
    (_NO, "no_thanks",
        r"\bno,? (?:but )?(?:thank(?:s| you)|ty|thx)\b|\bno , (?:but )?thank(?:s| you)\b|\bthank(?:s"
        r"| you)(?: (?:\w+ ){0,3})?(?: ,)? but (?:no|not|we|im|i)\b|\bthanks but\b"),
    (_NO, "not_selling",
        r"\b(?:not|arent|isnt|aint|never|wasnt|werent)(?: \w+){0,4}? (?:selling|for sale|on the market|sell"
        r"|in the market|part with|parting with|moving|up for sale)\b"),
    (_NO, "will_not_sell",
        r"\b(?:do not|dont|wont|will not|never|would not|wouldnt|no plans?|no intentions?|no desire|no need|no wish"
        r"|not going|not planning|not looking|refuse|will never)(?: \w+){0,3}? (?:sell|selling|part with|let (?:it"
        r"|her) go|move|moving|leave|leaving|give (?:it|this) up)\b"),
    (_NO, "keeping",
        r"\b(?:plan\w*|going|decided|want|intend\w*|prefer|like|happy|choos\w+|chose|elected"
        r"|continue)(?: \w+){0,3}? (?:to )?(?:stay|staying|keep|keeping|hold(?:ing)? (?:on|onto)|leave it to"
        r"|pass it (?:on|down)|remain)\b(?! (?:in touch|me posted|talking|you posted))|\bkeep(?:ing)? (?:it"
        r"|the (?:house|property|home|place|building|land))\b|\bstay(?:ing)? (?:put|here)\b|\bnot (?:moving"
        r"|going) anywhere\b"),
    (_NO, "happy_here",
        r"\b(?:love|happy|content|enjoy|comfortable|satisfied)(?: \w+){0,4}? (?:home|house|here|where we are"
        r"|where i am|living|neighborhood)\b|\bin (?:our|my|the) family for\b|\bleav(?:e|ing) it to (?:our"
        r"|my) (?:kids|children|son|daughter|family)\b"),
    (_NO, "pass",
        r"\b(?:ill|well|have to|gonna|will|must|to|gotta|hard|i|we) (?:have to |just |respectfully "
        r"|politely ){0,6}(?:pass|decline)\b(?=(?: (?:on (?:this|that|it|selling|the offer|your offer)|at|for now"
        r"|this time|thanks|thank|but|though|again|your|the offer|the opportunity)\b)| [.,])"
        rf"|{_BEGIN}(?:hard )?pass{_END}"),
    (_NO, "no",
        rf"{_BEGIN}(?:sorry |sorry , |hi |um )?(?:no|nope|nah|no way|never|negative|no sir|no maam|no chance"
        rf"|absolutely not|definitely not|hell no|not really|not ever|no sorry|not a chance){_END}(?! \?)"),
    (_NO, "not_open",
        r"\b(?:not|wouldnt|arent|isnt|never)(?: \w+){0,2}? (?:open to|something (?:we|i|id|wed)|looking to"
        r"|considering|consider|thinking (?:of|about)|willing)\b|\bfor any price\b|\bat any price\b"
        r"|\bnot now ,? ?not ever\b"),
    (_NO, "im_good",
        r"\b(?:im|i am|we are|were|all) (?:all )?(?:good|set|fine)(?=(?: (?:thanks|thank you|here|for now|with what"
        r"|right now|but))| [.,])|\bcant help you\b|\bnot (?:right now|at this time|at the moment|at the present time"
        rf"|at present|for me|for us|today){_END}"),
    # Yes.
    (_YES, "interested",
        r"(?<!not )(?<!never )(?<!isnt )(?<!no )(?<!arent )\b(?:im|i am|we are|were|id be|wed be|would be|very"
        r"|definitely|yes|might be|may be|could be|possibly|potentially|quite|somewhat|still|am|extremely|certainly"
        rf"|always|indeed|be) interested\b|{_BEGIN}(?:(?:yes|ok|sure|,) ){{0,6}}interested{_END}"
        r"|\bnot (?:not interested|uninterested)\b"),
    (_YES, "call_me",
        rf"{_NOT_NEGATED}(?<!to )(?<!stop )(?<!again )\b(?:call|phone|ring|text) (?:me|us|my (?:cell|wife|husband"
        rf"|office|mobile))\b|{_NOT_NEGATED}\bgive (?:me|us|him|her|my \w+) (?:a )?(?:call|ring|shout|buzz)\b"
        r"|\b(?:i will|ill|i can|i could|we will|well|can i|may i|could i|let me|and i) (?:call|ring|phone) (?:you"
        r"|u)\b|\breach me at\b|\bsend me (?:your|ur) (?:phone )?number\b|\b(?:my|our) (?:cell|phone|mobile|number"
        r"|cell phone) (?:is|number)\b|\b(?:hesitate|feel free|welcome) to (?:call|contact|reach|stop|come|e ?mail"
        r"|text|write)\b"),
    (_YES, "talk",
        r"\b(?:lets|let us) (?:\w+ )?(?:talk|chat|discuss|meet|speak|set|do (?:it|this)|connect|schedule|see|go|hear"
        rf"|make)\b|{_NOT_NEGATED}(?<!wouldnt be )(?<!not be )\b(?:happy|love|like|open|willing|glad|free|ready"
        rf"|available|pleased|id|eager|down|prepared) (?:to|for|be)(?: \w+){{0,2}}? (?:talk\w*|chat\w*|discuss\w*"
        r"|meet\w*|speak\w*|hear(?:ing)?|learn\w*|sell\w*|set|schedul\w+|negotiat\w+|entertain\w*|conversation"
        r"|listen\w*|see (?:the|your|what)|know|offers?)\b|\bhappy to (?:chat|talk|discuss|meet)\b"),
    (_YES, "open_to",
        r"(?<!not )(?<!be not )(?<!never )\b(?:open|willing) to (?:a |an |the |it|that|talking|discussing|offers?"
        r"|selling|hearing|discuss|consider|any|ideas|your)"),
    (_YES, "price",
        r"\b(?:what|how much|what kind of|whats)(?: \w+){0,5}? (?:offer\w*|pay|paying|give me|give us|worth to you"
        r"|price|your number|buy it for)\b|\bhow much (?:can|would|will|could|are|do) (?:you|u)\b|\bwhat (?:can|would"
        r"|will|could) (?:you|u) (?:give|pay|offer)\b|\bmake (?:me|us) (?:an? |your )(?:\w+ )?(?:offer|price)\b"
        r"|\b(?:best|written|fair|cash|firm|highest|serious|good|reasonable|decent) (?:offer|price)\b"
        r"|\bthe right (?:price|offer|number|buyer|deal|money)\b|\bprice wise\b|\bwould (?:you|u) (?:pay|offer|buy"
        r"|give|go)\b|\beverything has a price\b|\bname your price\b|\bdepends on the (?:number|price|offer|terms"
        r"|money)\b|\byour (?:best )?offer\b"),
    (_YES, "would_sell",
        rf"{_NOT_NEGATED}(?<!no )(?<!not be )\b(?:thinking|thought|think|considering|consider|considered|talking"
        r"|talked|contemplat\w+)(?: (?:about|of))? (?:selling|an offer|offers|listing|a sale|putting it)\b|\b(?:ready"
        r"|want|wants|wanting|hoping|willing|trying|about|like|love|need|prepared|planning|looking|eager) to (?:sell"
        r"|get rid of|list|unload|cash out|move on|let it go)\b(?<!not looking to sell)(?<!dont want to sell)(?<!not"
        r" want to sell)(?<!not planning to sell)(?<!not willing to sell)(?<!not ready to sell)(?<!dont need to"
        r" sell)(?<!not trying to sell)(?<!not about to sell)(?<!not prepared to sell)|\b(?:id|i would|we would|wed"
        r"|might|may|could|would) (?:\w+ )?(?:sell|consider|entertain|look at"
        r"|listen)\b(?<!never sell)(?<!not sell)(?<!not consider)(?<!never consider)"),
    (_YES, "tell_more",
        r"\btell (?:me|us) more\b|\b(?:like|love|want|need|hear|learn|know) (?:to (?:hear|know|learn"
        r"|see) )?(?:some )?more (?:about|info\w*|details|on)\b|\bmore information\b|\b(?:send|give) (?:me"
        r"|us) (?:more|(?:a|an|your|the) (?:\w+ )?(?:offer|proposal|number|contract))\b|\bwritten offer\b"),
    (_YES, "meet",
        r"\bset (?:up|something up)\b|\b(?:set|schedule|arrange|book) (?:\w+ ){0,2}(?:up )?(?:a |an )?(?:call|meeting"
        r"|time|visit|appointment|something|showing)\b|\b(?:cancel|move|change|reschedule|confirm) (?:my|our"
        r"|the) (?:appointment|meeting|call)\b|\b(?:stop|come|swing|drop) by\b|\bcome (?:and )?(?:see|look|over)\b"
        r"|\bnext steps?\b|\bwhat do you need from (?:me|us)\b|\b(?:im|i am|we are) (?:free|available"
        r"|around) (?:\w+ )?(?:on|monday|tuesday|wednesday|thursday|friday|saturday|sunday|tomorrow|this|next|after"
        r"|any|mornings?|afternoons?|evenings?|at)\b"),
    (_YES, "asking_price",
        r"\b(?:looking for|asking|want|need|take|for|around|least|about) (?:\w+ ){0,2}\d{2,4} ?(?:k|000|grand"
        r"|thousand)\b|\bwe have a deal\b|\b\d{3} ?k\b"),
    (_YES, "yes",
        rf"{_BEGIN}(?:hi |hello |ok |oh |um )?(?:yes|yeah|yep|yup|sure|sure thing|absolutely|definitely|yes please"
        r"|yes i (?:am|would|do)|yes we (?:are|would|do)|why not|of course|maybe|possibly|im listening|count me in"
        rf"|sounds (?:good|great|interesting|fair)|im in|deal|go ahead){_END}|\bsounds (?:good|great|interesting)\b"
        r"|\byes (?:we|i) (?:want|would|are|am|do|could|might)\b|\bcaught my (?:attention|eye|interest)\b"
        r"|\bintrigued\b"),
    # A question, and no more.
    (_ASKS, "question_mark", r"(?<=[.?,] )(?:\w+ ){0,30}?\w*(?= \?)|(?<= )\?"),
    (_ASKS, "asks",
        r"(?<=[.?] )(?:(?:hi|hello|and|so|but|also|sorry|ok|well|btw) (?:, )?){0,6}(?!what a |when (?:i|we|you) "
        r"|how (?:nice|funny|sweet|kind) )(?:who|what|whats|whos|where|when|why|how|hows|which|whose|can you"
        r"|could you|would you|are you|is this|is it|is that|do you|did you|does|have you|will you"
        r"|may i ask)\b(?: \w+){1,20}"),
    (_ASKS, "wonders",
        r"\b(?:curious|wondering|wonder|like to know|want to know|please (?:explain|clarify|tell)|dont understand"
        r"|do not understand|question is|have a question|some questions|a few questions)\b"),
)  # fmt: skip
