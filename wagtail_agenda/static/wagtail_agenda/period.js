// A period of an agenda that keeps itself up to date. Fetches its own address and puts what has
// changed where the old was, piece by piece: whatever stays the same stays the same element, so
// scrolling, focus and open details are kept. Without this script there is a link to refresh.

(() => {
  "use strict";

  const LIVE = "wagtail-agenda-live";
  const NEW = "wagtail-agenda-new";
  const PAUSED = "wagtail-agenda-paused";
  const LONGEST_WAIT = 300;
  const SOON = 5;
  const LONGEST_SUBMIT = 30;

  const isElement = (node) => node.nodeType === Node.ELEMENT_NODE;

  // What stays, what comes, what goes

  function mayBecome(old, fresh) {
    if (!old || old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return false;
    return !isElement(old) || old.id === fresh.id;
  }

  function become(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    if (!isElement(old)) {
      old.nodeValue = fresh.nodeValue;
      return;
    }
    for (const { name } of [...old.attributes]) {
      const isOpen = name === "open" && old.nodeName === "DETAILS";
      if (!fresh.hasAttribute(name) && !isOpen) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    becomeInside(old, fresh);
  }

  function becomeInside(old, fresh) {
    const named = new Map();
    for (const child of old.children) if (child.id) named.set(child.id, child);
    let next = old.firstChild;
    for (const wanted of [...fresh.childNodes]) {
      const same = isElement(wanted) && wanted.id ? named.get(wanted.id) : null;
      if (same && mayBecome(same, wanted)) {
        if (same === next) next = next.nextSibling;
        else old.insertBefore(same, next);
        become(same, wanted);
      } else if (mayBecome(next, wanted)) {
        const kept = next;
        next = next.nextSibling;
        become(kept, wanted);
      } else {
        old.insertBefore(wanted, next);
      }
    }
    while (next) {
      const gone = next;
      next = next.nextSibling;
      gone.remove();
    }
  }

  // The place where one is

  const REACHABLE = "a[href], button, summary, [tabindex]";

  function placeOf(live) {
    const focused = document.activeElement;
    if (!focused || !live.contains(focused)) return () => {};
    const home = focused.closest("[id]");
    const position = [...home.querySelectorAll(REACHABLE)].indexOf(focused);
    return () => {
      if (document.activeElement === focused) return;
      const there = focused.isConnected ? null : document.getElementById(home.id);
      const again = there && (position < 0 ? there : there.querySelectorAll(REACHABLE)[position]);
      (focused.isConnected ? focused : again || live).focus({ preventScroll: true });
    };
  }

  // Wagtail scrolls the part beside its menu, not the window.
  function scrollerOf(element) {
    for (let one = element.parentElement; one; one = one.parentElement) {
      const scrolls = ["auto", "scroll"].includes(getComputedStyle(one).overflowY);
      if (scrolls && one.scrollHeight > one.clientHeight) return one;
    }
    return document.scrollingElement;
  }

  function inSight(live) {
    const focused = document.activeElement;
    if (focused !== live && live.contains(focused)) return focused;
    const bookings = [...live.querySelectorAll("[id^=booking-]")];
    return bookings.find((one) => one.getBoundingClientRect().top >= 0);
  }

  function sightOf(live) {
    const seen = inSight(live);
    if (!seen) return () => {};
    const name = seen.closest("[id]").id;
    const before = seen.getBoundingClientRect().top;
    return () => {
      const there = seen.isConnected ? seen : document.getElementById(name);
      if (!there) return;
      // Not `scrollTop`: where an admin scrolls smoothly, that would be seen to move.
      const top = there.getBoundingClientRect().top - before;
      scrollerOf(live).scrollBy({ top, behavior: "instant" });
    };
  }

  function isBusy(live) {
    const focused = document.activeElement;
    if (focused && focused.matches("input, select, textarea, [contenteditable=true]")) return true;
    if (document.querySelector("dialog[open], [aria-modal=true]:not([aria-hidden=true])")) {
      return true;
    }
    const selection = window.getSelection();
    return !selection.isCollapsed && live.contains(selection.anchorNode);
  }

  function replace(live, fresh, announce) {
    const known = new Set([...live.querySelectorAll("[id^=booking-]")].map((one) => one.id));
    const settle = [placeOf(live), sightOf(live)];
    become(live, fresh);
    announce(live.dataset.news);
    for (const booking of live.querySelectorAll("[id^=booking-]")) {
      booking.classList.toggle(NEW, !known.has(booking.id));
    }
    for (const restore of settle) restore();
  }

  // Again and again

  function keepFresh(bar) {
    const said = bar.querySelector("[data-said]");
    const spoken = bar.querySelector("[data-news]");
    const toggle = bar.querySelector("[data-toggle]");
    const usual = Number(bar.dataset.wagtailAgendaRefresh);
    let wait = usual;
    let timer = null;
    let time = bar.dataset.time;
    let isPaused = sessionStorage.getItem(PAUSED) === "yes";
    let isLeaving = false;
    let isOver = false;
    let asking = false;

    const say = (name) => {
      said.textContent = bar.dataset[name].replace("%(time)s", time);
    };

    const later = (seconds) => {
      clearTimeout(timer);
      if (!isOver && !isPaused) timer = setTimeout(refresh, seconds * 1000);
    };

    function end(name) {
      isOver = true;
      clearTimeout(timer);
      toggle.hidden = true;
      bar.classList.add("wagtail-agenda-ended");
      said.textContent = "";
      spoken.textContent = bar.dataset[name];
    }

    async function refresh() {
      const live = document.getElementById(LIVE);
      if (asking || isOver || document.hidden) return;
      if (isLeaving || isBusy(live)) {
        later(SOON);
        return;
      }
      asking = true;
      try {
        const response = await fetch(window.location.href.split("#")[0], {
          cache: "no-store",
          credentials: "same-origin",
          redirect: "manual",
          headers: {
            "If-None-Match": `"${live.dataset.stamp}"`,
            "X-Requested-With": "XMLHttpRequest",
          },
        });
        if (response.type === "opaqueredirect" || [401, 403].includes(response.status)) {
          end("ended");
          return;
        }
        if (response.status === 404) {
          end("gone");
          return;
        }
        if (!response.ok && response.status !== 304) throw new Error(String(response.status));
        if (response.ok) {
          const page = new DOMParser().parseFromString(await response.text(), "text/html");
          const fresh = page.getElementById(LIVE);
          if (!fresh) {
            end("gone");
            return;
          }
          // While the answer was on its way somebody may have begun to type or to send something.
          if (isLeaving || isPaused || isBusy(live)) return;
          replace(live, document.adoptNode(fresh), (news) => {
            spoken.textContent = news;
          });
        }
        time = response.headers.get("Wagtail-Agenda-Time") || time;
        wait = usual;
        say("updated");
      } catch {
        wait = Math.min(wait * 2, LONGEST_WAIT);
        say("offline");
      } finally {
        asking = false;
        later(isLeaving || isBusy(live) ? SOON : wait);
      }
    }

    function pause(paused) {
      isPaused = paused;
      sessionStorage.setItem(PAUSED, paused ? "yes" : "no");
      toggle.textContent = paused ? bar.dataset.resume : bar.dataset.pause;
      say(paused ? "paused" : "updated");
      clearTimeout(timer);
    }

    toggle.hidden = false;
    pause(isPaused);
    later(wait);
    toggle.addEventListener("click", () => {
      pause(!isPaused);
      if (!isPaused) refresh();
    });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && !isPaused) refresh();
    });
    document.addEventListener("submit", () => {
      isLeaving = true;
      // Unless the answer is no page.
      setTimeout(() => {
        isLeaving = false;
      }, LONGEST_SUBMIT * 1000);
    });
    // Back from another page, out of the browser's memory.
    window.addEventListener("pageshow", (event) => {
      isLeaving = false;
      if (event.persisted && !isPaused) refresh();
    });
  }

  // Where the days do not fit side by side, begin with today's

  function openAtToday() {
    const today = document.querySelector(".wagtail-agenda-table--week thead .wagtail-agenda-today");
    const scroll = today && today.closest(".wagtail-agenda-scroll");
    if (!scroll || scroll.scrollWidth <= scroll.clientWidth) return;
    const times = today.parentElement.firstElementChild;
    scroll.scrollLeft += today.getBoundingClientRect().left - times.getBoundingClientRect().right;
  }

  openAtToday();
  const bar = document.querySelector("[data-wagtail-agenda-refresh]");
  if (bar) keepFresh(bar);
})();
