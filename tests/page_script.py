"""The script of the demonstration page in an engine of JavaScript: QuickJS, or Chromium itself."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import quickjs

from bayesreg.report.demo import script

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--virtual-time-budget=20000", "--dump-dom",
)  # fmt: skip

# Everything that is asked of the arithmetic at one setting of one problem.
ASKED = """
function modes({data, setting}) {
  const {moments} = data, k = strength(setting), q = setting.power, found = mode(moments, k, q);
  return {
    mode: found, k, hat: leastSquares(moments), floor: cost(moments, found, k, q),
    objective: leastLoss(moments) + cost(moments, found, k, q),
    path: path(moments, [k / 10, k, 10 * k], q),
  };
}
function asked({data, setting, points, region}) {
  const {moments} = data, q = setting.power;
  const answer = region ? posterior(moments, setting) : summary(moments, setting);
  return {
    ...modes({data, setting}), ...answer, lam: lam(setting), spoken: spoken(setting),
    closed: closedForm(moments, setting),
    marginal: [0, 1].map((j) => marginal(moments, setting, answer, j, points)),
    prior: priorDensity(setting, points),
    converted: converted(data, setting), calls: elsewhere(data, setting),
    again: withPower(moments, withPower(moments, setting, 1.4), q).scale,
  };
}
"""


def in_quickjs(
    cases: list[dict[str, Any]], source: str | None = None, ask: str = "asked"
) -> list[dict[str, Any]]:
    """What the arithmetic says of cases, in QuickJS: all that is asked, or of the modes alone."""
    context = quickjs.Context()
    context.eval((source or script()) + ASKED)
    return json.loads(context.eval(f"JSON.stringify({json.dumps(cases)}.map({ask}))"))


def evaluated(expression: str) -> Any:
    """What one expression is, in QuickJS."""
    context = quickjs.Context()
    context.eval(script())
    return json.loads(context.eval(f"JSON.stringify({expression})"))


def browser() -> str | None:
    """Where a Chromium is."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def in_browser(page: str, code: str, folder: Path, width: int = 1200, height: int = 900) -> Any:
    """What `code`, run in a page that has drawn itself, returns; the page's errors raise.

    The page stands in a frame of the width that is asked for: a window is never as narrow as a
    telephone.
    """
    listener = (
        "<script>const trouble = [];"
        "addEventListener('error', (event) => trouble.push(event.message));</script>"
    )
    probe = f"""
<script>
{ASKED}
(async () => {{
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const get = (id) => document.getElementById(id);
  let found = null;
  try {{
    found = await (async () => {{ {code} }})();
  }} catch (error) {{
    trouble.push(`${{error}}`);
  }}
  const text = JSON.stringify({{found, trouble}}); // btoa knows bytes alone
  const escaped = text.replace(/[^\\x00-\\x7f]/g, (c) =>
    "\\\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
  parent.postMessage(escaped, "*");
}})();
</script>"""
    inner = json.dumps(page.replace("<head>", f"<head>{listener}", 1) + probe)
    outer = f"""<!DOCTYPE html><body><script>
addEventListener("message", (event) => {{
  document.body.textContent = `FOUND${{btoa(event.data)}}END`;
}});
const frame = document.createElement("iframe");
frame.style = "border: 0; width: {width}px; height: {height}px";
frame.srcdoc = {inner.replace("</", "<" + chr(92) + "/")};
document.body.append(frame);
</script>"""
    target = folder / "probe.html"
    target.write_text(outer, encoding="utf-8")
    command = [browser(), *FLAGS, f"--user-data-dir={folder / 'profile'}", target.as_uri()]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    told = re.search("FOUND([A-Za-z0-9+/=]+)END", run.stdout)
    assert told is not None, run.stdout[-2000:]
    answer = json.loads(base64.b64decode(told[1]))
    assert answer["trouble"] == []
    return answer["found"]
