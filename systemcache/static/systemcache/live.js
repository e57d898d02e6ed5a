// Puts what the server says now in place of the part of a page that is marked data-live="<seconds>", as often as that.
// Without it the page shows what was so when it was loaded.
"use strict";

const part = document.querySelector("[data-live]");

async function refresh() {
  if (document.hidden || part.contains(document.activeElement)) return;
  try {
    const answer = await fetch(window.location.href, { headers: { "X-Requested-With": "fetch" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const newer = page.querySelector("[data-live]");
    if (newer) part.replaceChildren(...newer.childNodes);
  } catch {
    // The server is away: what is shown stays, and the next try may reach it.
  }
}

if (part) window.setInterval(refresh, 1000 * Number(part.dataset.live));
