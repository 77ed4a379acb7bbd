// The editor of a schedule: has its week drawn again from what is typed, copies a day's hours to
// others, and gives one day hours of its own. Copying only ticks boxes: hours belong to the days
// that are ticked beside them.
(() => {
  const PAUSE = 300;

  const start = (panel) => {
    const form = panel.closest("form");
    const picture = panel.querySelector("[data-agenda-week-picture]");
    const said = panel.querySelector("[data-agenda-week-said]");
    let shown = "";
    let timer = 0;
    let request = null;

    const typed = () => {
      const data = new URLSearchParams();
      for (const [name, value] of new FormData(form)) {
        if (name.startsWith("periods-") && typeof value === "string") data.append(name, value);
      }
      // It has no name of its own: choosing a week is no change of the schedule.
      data.append("week", panel.querySelector("[data-agenda-week-of]").value);
      return data;
    };

    // The week in words: what is wrong with it, which it is, what its hours mean, a line a day.
    const lines = () => {
      const texts = picture.querySelectorAll(
        ".schedule__warnings li, .schedule__week, .schedule__rules li",
      );
      const days = [...picture.querySelectorAll(".schedule__table tbody tr")];
      const inWords = (day) => [...day.cells].map((cell) => cell.textContent.trim()).join(", ");
      const plain = (text) => text.textContent.replace(/\s+/g, " ").trim();
      return [...[...texts].map(plain), ...days.map(inWords)];
    };

    const draw = async () => {
      const data = typed();
      if (data.toString() === shown) return;
      shown = data.toString();
      request?.abort();
      request = new AbortController();
      data.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
      try {
        const answer = await fetch(panel.dataset.agendaWeek, {
          method: "POST",
          body: data,
          signal: request.signal,
        });
        if (!answer.ok) throw new Error(answer.statusText);
        const before = lines();
        picture.innerHTML = await answer.text();
        // Nobody wants to hear the whole week after every time they type.
        said.textContent = lines().filter((line) => !before.includes(line)).join("; ");
        picture.removeAttribute("data-outdated");
      } catch (error) {
        if (error.name === "AbortError") return;
        // The next stroke tries again; until then the picture is known to be old.
        shown = "";
        picture.setAttribute("data-outdated", "");
      }
    };

    const soon = () => {
      clearTimeout(timer);
      timer = setTimeout(draw, PAUSE);
    };

    // Periods that come every week, as their boxes for the days, in the order of the form.
    const weekly = () => {
      const found = new Map();
      for (const box of form.querySelectorAll('input[name^="periods-"][name$="-value-weekdays"]')) {
        const prefix = box.name.slice(0, -"-value-weekdays".length);
        if (form.elements[`${prefix}-deleted`]?.value) continue;
        // Days are ticked in hours of certain weekdays of the month as well.
        if (form.elements[`${prefix}-type`]?.value !== "weekly") continue;
        if (!found.has(prefix)) found.set(prefix, []);
        found.get(prefix).push(box);
      }
      return [...found.values()];
    };

    const has = (boxes, day) => boxes.some((box) => box.value === day && box.checked);
    const child = (boxes) => boxes[0].closest("[data-streamfield-child]");
    const press = (boxes, action) => {
      child(boxes).querySelector(`[data-streamfield-action="${action}"]`)?.click();
    };
    const tick = (boxes, day, checked) => {
      for (const box of boxes) if (box.value === day) box.checked = checked;
    };

    const copy = () => {
      const from = panel.querySelector("[data-agenda-from]").value;
      const chosen = [...panel.querySelectorAll("[data-agenda-to]:checked")];
      const days = chosen.map((box) => box.value).filter((day) => day !== from);
      for (const boxes of weekly()) {
        const before = boxes.some((box) => box.checked);
        for (const day of days) tick(boxes, day, has(boxes, from));
        if (before && !boxes.some((box) => box.checked)) press(boxes, "DELETE");
      }
      for (const box of chosen) box.checked = false;
    };

    // A copy of a period, after it, with no day but this one.
    const split = (source, day) => {
      const known = new Set(weekly().map(child));
      press(source, "DUPLICATE");
      const copy = weekly().find((boxes) => !known.has(child(boxes)));
      if (!copy) return;
      tick(source, day, false);
      for (const box of copy) box.checked = box.value === day;
    };

    const own = () => {
      const day = panel.querySelector("[data-agenda-own]").value;
      const all = weekly();
      const onDay = all.filter((boxes) => has(boxes, day));
      const sources = onDay.length ? onDay : all.slice(0, 1);
      const hasOthers = (boxes) => boxes.some((box) => box.checked && box.value !== day);
      const shared = sources.filter(hasOthers);
      // A duplicate takes the focus by itself, once it is there.
      for (const boxes of shared) split(boxes, day);
      if (shared.length || !sources.length) return;
      tick(sources[0], day, true);
      child(sources[0]).querySelector('input[name$="-value-opens"]')?.focus();
    };

    panel.addEventListener("click", (event) => {
      const button = event.target.closest("[data-agenda-press]");
      if (button) ({ copy, own })[button.dataset.agendaPress]();
    });
    for (const group of panel.querySelectorAll("[data-agenda-copy]")) group.hidden = false;

    // Blocks come, go and move by buttons, and times come from pickers elsewhere on the page.
    for (const kind of ["input", "change", "click"]) document.addEventListener(kind, soon);
    shown = typed().toString();
  };

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-agenda-week]").forEach(start);
  });
})();
