import pytest
from tests.browser.conftest import *  # noqa
from tests.browser.conftest import Opens

def test_shots(opens: Opens, site):
    for name, path, signed in (("signin","/signin",False),("home","/",True),("account","/account",True),("accounts","/accounts",True),("err","/nope-x",True)):
        for w in (1200, 360):
            page = opens(path, signed_in=signed) if True else None
            page.set_viewport_size({"width": w, "height": 800})
            for theme in (("light","dark") if w==1200 else ("light",)):
                page.emulate_media(color_scheme=theme)
                page.screenshot(path=f"/tmp/shots/{name}-{w}-{theme}.png")
