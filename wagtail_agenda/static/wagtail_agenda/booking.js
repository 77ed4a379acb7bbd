/*
 * Keeps visitors on the page they came to: the steps of a booking are fetched and shown in the
 * place of its block. Without this script, or when anything goes wrong, the same links and forms
 * lead through the same pages.
 */
(() => {
  "use strict";
  if (window.agendaBooking) return;
  window.agendaBooking = true;

  const blocks = () => [...document.querySelectorAll("[data-agenda-block]")];
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;

  // The page around has its own h1, so every heading goes down a level.
  const demote = (root) => {
    for (const level of [3, 2, 1]) {
      for (const heading of root.querySelectorAll(`h${level}`)) {
        const lower = document.createElement(`h${level + 1}`);
        for (const { name, value } of heading.attributes) lower.setAttribute(name, value);
        lower.append(...heading.childNodes);
        heading.replaceWith(lower);
      }
    }
  };

  // Two forms on one page ask the same questions: an id of its own for every label and message.
  const setApart = (root, number) => {
    for (const name of ["id", "for", "aria-describedby"]) {
      for (const element of root.querySelectorAll(`[${name}]`)) {
        const ids = element.getAttribute(name).split(/\s+/).filter(Boolean);
        element.setAttribute(name, ids.map((id) => `${id}--${number}`).join(" "));
      }
    }
    for (const link of root.querySelectorAll("a[href^='#']")) {
      link.setAttribute("href", `${link.getAttribute("href")}--${number}`);
    }
  };

  // What only the steps look like is not loaded with the block.
  const dress = (page) => Promise.all(
    [...page.querySelectorAll("link[data-agenda-style]")].map(({ href }) => {
      if ([...document.styleSheets].some((sheet) => sheet.href === href)) return null;
      const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
      return new Promise((done) => {
        link.onload = link.onerror = done;
        setTimeout(done, 3000);
        // After the block's own, wherever that stands.
        document.body.append(link);
      });
    })
  );

  // Shows the step that a response contains; false if it contains none.
  const show = async (block, response) => {
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fragment = page.querySelector("[data-agenda-fragment]");
    if (!fragment) return false;
    await dress(page);
    demote(fragment);
    const number = blocks().indexOf(block);
    if (number > 0) setApart(fragment, number);
    // They have not left the page that such a link leads back to.
    for (const link of fragment.querySelectorAll("[data-agenda-elsewhere]")) link.remove();
    block.lang = fragment.lang;
    block.dir = fragment.dir;
    block.replaceChildren(...fragment.childNodes);
    document.title = page.title;
    // A message, a day's times, a month: whatever was asked for. Otherwise the heading.
    const part = block.querySelector("[autofocus]");
    const isBelow = part && !part.matches(".agenda-booking__notice, .agenda-booking__done");
    (part ?? block.querySelector("[tabindex='-1']"))?.focus({ preventScroll: true });
    (isBelow ? part : block).scrollIntoView({
      block: isBelow ? "nearest" : "start",
      behavior: calm ? "auto" : "smooth",
    });
    count(block);
    translate(block);
    return true;
  };

  // Fetches a step into a block. `again` is what the browser does by itself if that fails.
  const go = async (block, url, options, again) => {
    if (block.getAttribute("aria-busy") === "true") return;
    block.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(url, { credentials: "same-origin", ...options });
      if (!(await show(block, response))) throw new Error("no step in the answer");
      // Going back leads to the step before, and reloading to this one: a GET in either case.
      if (response.redirected || !options) {
        if (!history.state?.agendaUrl) {
          history.replaceState({ ...history.state, agendaStart: true }, "");
        }
        const agendaBlock = blocks().indexOf(block);
        history.pushState({ agendaBlock, agendaUrl: response.url }, "");
      }
    } catch {
      again();
    } finally {
      block.removeAttribute("aria-busy");
    }
  };

  document.addEventListener("submit", (event) => {
    // A question called “action” hides `form.action`. No name of a question has capitals, though.
    const form = event.target;
    const block = blocks().find((candidate) => candidate.contains(form));
    if (!block || !form.hasAttribute("data-agenda-step") || event.defaultPrevented) return;
    event.preventDefault();
    const action = new URL(form.getAttribute("action"), location.href).href;
    const data = new URLSearchParams(new FormData(form));
    const button = event.submitter;
    if (button?.name) data.append(button.name, button.value);
    const again = () => {
      if (button?.name) {
        const pressed = document.createElement("input");
        Object.assign(pressed, { type: "hidden", name: button.name, value: button.value });
        form.appendChild(pressed);
      }
      HTMLFormElement.prototype.submit.call(form);
    };
    if (form.getAttribute("method") === "get") go(block, `${action}?${data}`, undefined, again);
    else go(block, action, { method: "POST", body: data }, again);
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-agenda-step]");
    const block = link?.closest("[data-agenda-block]");
    if (!block || event.defaultPrevented || event.button) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(block, link.href, undefined, () => location.assign(link.href));
  });

  // Shows the step that a history entry stands for.
  const restore = async ({ agendaBlock, agendaUrl }) => {
    const block = blocks()[agendaBlock];
    if (!block) return;
    try {
      if (new URL(agendaUrl).origin !== location.origin) return;
      await show(block, await fetch(agendaUrl, { credentials: "same-origin" }));
    } catch {
      location.reload();
    }
  };
  addEventListener("popstate", ({ state }) => {
    if (state?.agendaUrl) restore(state);
    else if (state?.agendaStart) location.reload();
  });

  // How long a time is still held: written every second, said twice.
  const count = (root) => {
    for (const held of root.querySelectorAll("[data-agenda-lapses]")) {
      const { agendaLapses, agendaNow, agendaLeft, agendaSoon, agendaOver } = held.dataset;
      // Measured from the server's clock, for the visitor's may be wrong. Not by `performance`,
      // which stands still while a laptop sleeps.
      const end = Date.now() + (new Date(agendaLapses) - new Date(agendaNow));
      const [shown, said] = held.querySelectorAll(".agenda-booking__left, [role=status]");
      const tell = (text) => { if (said.textContent !== text) said.textContent = text; };
      const tick = () => {
        if (!held.isConnected) return;
        const seconds = Math.max(0, Math.ceil((end - Date.now()) / 1000));
        const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
        shown.textContent = `(${agendaLeft.replace("{time}", time)})`;
        if (seconds === 0) {
          held.classList.add("agenda-booking__held--over");
          shown.textContent = agendaOver;
          tell(agendaOver);
          return;
        }
        if (seconds <= 120) tell(agendaSoon);
        setTimeout(tick, 1000);
      };
      tick();
    }
  };

  // Says what a time is where the visitor is, if their clock says something else.
  const translate = (root) => {
    for (const note of root.querySelectorAll("[data-agenda-yours]")) {
      const form = note.closest("form");
      const tell = () => {
        const times = form ? [...form.querySelectorAll("[data-agenda-start]:enabled")] : [note];
        const time = times.find((input) => input.checked) ?? times[0];
        if (!time) return;
        const { agendaStart, agendaEnd = agendaStart, agendaHere } = time.dataset;
        const [start, end] = [new Date(agendaStart), new Date(agendaEnd)];
        const own = new Date(start - start.getTimezoneOffset() * 60000).toISOString();
        note.hidden = own.slice(0, 16) === agendaStart.slice(0, 16);
        const format = new Intl.DateTimeFormat(note.closest("[lang]")?.lang || undefined, {
          weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit",
          hourCycle: "h23",
        });
        const words = {
          here: agendaHere,
          time: format.formatRange(start, end),
          zone: format.resolvedOptions().timeZone.replaceAll("_", " "),
        };
        note.textContent = note.dataset.agendaYours.replace(/{(\w+)}/g, (all, name) => words[name]);
      };
      form?.addEventListener("change", tell);
      tell();
    }
  };

  const start = () => {
    count(document);
    translate(document);
    if (history.state?.agendaUrl) restore(history.state);
  };
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
  else start();
})();
