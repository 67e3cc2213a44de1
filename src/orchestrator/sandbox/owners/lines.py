"""What owners write when nobody tells them what to: a few ways to say each thing."""

from __future__ import annotations

LINES: dict[str, tuple[str, ...]] = {
    "interested": (
        "Yes, I would be open to talking about it. Saturday morning works for me.",
        "We have been thinking about selling. What would you offer?",
        "Interesting. Please call me at 555-0134 in the evening.",
        "Sure, send me the details and we can set up a time to meet.",
    ),
    "question": (
        "How did you get my address?",
        "Is this about the house on the corner or the vacant lot behind it?",
        "Who are you working for, and how did you arrive at that number?",
        "Could you explain what the score means?",
    ),
    "not_interested": (
        "Thank you, but we are not interested.",
        "No thanks. We are not selling.",
        "Not interested at this time.",
    ),
    "sold": (
        "We already sold that property last spring.",
        "I no longer own this house. It was sold in 2024.",
        "That place was sold two years ago.",
    ),
    "wrong_person": (
        "You have the wrong person. I have never owned property there.",
        "Wrong email address, I am not the owner.",
        "I think you meant somebody else with the same name. I don't own that house.",
    ),
    "opt_out": (
        "STOP",
        "Please remove me from your list.",
        "Unsubscribe me, please.",
        "Do not email me again.",
        "Take me off your mailing list and do not contact me anymore.",
    ),
    "legal": (
        "Stop contacting me or you will hear from my attorney.",
        "This is harassment. My lawyer has been informed, and I will report you to the FTC.",
    ),
    "other": (
        "Got it.",
        "My wife handles these things, I will forward it to her.",
        "We are traveling at the moment.",
    ),
}


def line(intent: str, number: int) -> str:
    """Return one way to say it; the same number gives the same words."""
    ways = LINES[intent]
    return ways[number % len(ways)]
