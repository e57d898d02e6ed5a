// Sends a form as JSON with an Idempotency-Key of its own. The key stays the same until the form is changed or its
// request has been answered for good, so that sending it again after a lost answer carries it out once.
"use strict";

for (const form of document.querySelectorAll("form.keyed-form")) {
  const csrf = JSON.parse(document.getElementById("drf_csrf").textContent);
  const outcome = form.querySelector(".outcome");
  const button = form.querySelector("button[type=submit]");
  let key = null;

  // crypto.randomUUID() exists only on pages served by HTTPS or from this machine.
  const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  const show = (text, failed) => {
    outcome.hidden = false;
    outcome.classList.toggle("failed", failed);
    outcome.textContent = text;
  };

  form.addEventListener("input", () => { key = null; });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    key ??= newKey();
    const filled = [...new FormData(form)].filter(([, value]) => value !== "");
    button.disabled = true;
    try {
      const response = await fetch(form.getAttribute("action"), {
        method: "POST",
        headers: {
          "Accept": "application/json",
          "Content-Type": "application/json",
          [csrf.csrfHeaderName]: csrf.csrfToken,
          [form.dataset.keyHeader]: key,
        },
        body: JSON.stringify(Object.fromEntries(filled)),
      });
      const body = await response.json();
      show(`HTTP ${response.status}\n${JSON.stringify(body.error ?? body, null, 4)}`, !response.ok);
      // 409 and 5xx leave open what became of it: the same key learns the outcome.
      if (response.status < 500 && response.status !== 409) key = null;
      const address = response.headers.get("Location");
      if (response.ok && address) {
        const link = document.createElement("a");
        link.href = address;
        link.textContent = address;
        outcome.append("\n", link);
      }
    } catch (error) {
      show(`No answer came (${error.message}). Send the form again as it is: it is carried out once.`, true);
    } finally {
      button.disabled = false;
    }
  });
}
