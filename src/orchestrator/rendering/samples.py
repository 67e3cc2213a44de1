"""Two made-up mails: one with everything, one with nothing that is optional. For checks, previews and test sends."""

from __future__ import annotations

from orchestrator.rendering.content import Branding, MailContent

FULL = MailContent(
    property_record={
        "id": "0190f3a0-0000-7000-8000-000000000001",
        "owner": {"name": "SAMPLE, JANE A", "email": "owner@sample.test"},
        "address": {"line1": "114 Maple Street", "line2": "Unit 2", "city": "Dayton", "state": "OH", "zip": "45402"},
        "attrs": {"beds": 3, "baths": 2, "sqft": 1480, "year_built": 1954},
    },
    score_result={
        "score": 82,
        "reasons": [
            {
                "feature": "rent_growth",
                "weight": 0.34,
                "direction": "positive",
                "note": "Rents nearby rose 4% in the year to October",
            },
            {
                "feature": "roof",
                "weight": 0.21,
                "direction": "positive",
                "note": "New roof in 2021, by the city permit",
            },
            {
                "feature": "plumbing",
                "weight": 0.17,
                "direction": "negative",
                "note": "No plumbing permit on record since 1987",
            },
        ],
    },
    memo_url="https://memo.sample.test/114-maple-street.pdf",
    greeting="Hello Jane,",
    owner_name="SAMPLE, JANE A",
    unsubscribe_url="https://go.sample.test/u/SAMPLE",
    branding=Branding(
        company_name="Sample Realty",
        from_name="R. Sample",
        tagline="We buy and look after small houses in Dayton",
        postal_address="200 Sample Avenue, Suite 4, Dayton, OH 45402",
    ),
)

BARE = MailContent(
    property_record={
        "id": "0190f3a0-0000-7000-8000-000000000002",
        "owner": {"email": "owner@sample.test"},
        "address": {"line1": "9 Lot Road"},
    },
    score_result={"score": 0},
    memo_url="https://memo.sample.test/9",
    greeting="Hello,",
    owner_name=None,
    unsubscribe_url="mailto:stop@sample.test?subject=unsubscribe",
)
