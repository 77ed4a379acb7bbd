/*
 * The list at the door: narrows it while a name or a number is typed.
 *
 * Without this script, « Show » does the same. Lines that are not shown are disabled too, so that
 * « everybody in this list » means those one sees.
 */
(() => {
  const root = document.querySelector('[data-wagtail-agenda-check-in]');
  const form = root?.querySelector('[data-wagtail-agenda-search]');
  if (!form) return;

  const input = form.elements.q;
  const lines = [...root.querySelectorAll('[data-wagtail-agenda-arrival]')];
  const status = root.querySelector('[data-wagtail-agenda-shown]');

  const folded = (text) =>
  text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

  const narrow = () => {
    const words = folded(input.value).split(/\s+/).filter(Boolean);
    let shown = 0;
    lines.forEach((line) => {
      const text = line.dataset.wagtailAgendaArrival;
      const fits = words.every((word) => text.includes(word));
      line.hidden = !fits;
      line.querySelector('fieldset').disabled = !fits;
      shown += fits;
    });
    status.textContent = words.length
      ? status.dataset.wagtailAgendaShown.replace('SHOWN', shown).replace('TOTAL', lines.length)
      : '';
    remember();
  };

  // Whatever is sent from here comes back to the list as it is narrowed now.
  const remember = () => {
    const here = new URL(window.location.href);
    if (input.value) here.searchParams.set('q', input.value);
    else here.searchParams.delete('q');
    window.history.replaceState(window.history.state, '', here);
    const back = here.pathname + here.search;
    root.querySelectorAll('input[name="next"]').forEach((field) => {
      field.value = back;
    });
    root.querySelectorAll('form[data-wagtail-agenda-comes-back]').forEach((one) => {
      one.action = back;
    });
  };

  input.addEventListener('input', narrow);
})();
