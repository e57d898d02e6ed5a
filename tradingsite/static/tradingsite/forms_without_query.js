// The forms of a page are sent to its address without the query that its list was asked with: writes take none.
"use strict";

for (const form of document.querySelectorAll("form[action]")) {
  if ((form.dataset.method ?? form.getAttribute("method") ?? "GET").toUpperCase() !== "GET") {
    form.setAttribute("action", form.getAttribute("action").split("?")[0]);
  }
}
