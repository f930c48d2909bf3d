// A thin skin: draws the HTML that Python made, and sends back what was pressed. It decides nothing.

function told(element) {
  const { do: what, dim, value } = element.dataset;
  const message = { do: what };
  if (dim !== undefined) message.dim = dim;
  if (value !== undefined) message.value = value;
  return message;
}

function filled(form) {
  return Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]));
}

function copied(button) {
  const text = button.parentElement.querySelector(button.dataset.copy).textContent;
  const before = button.textContent;
  const say = (word) => { button.textContent = word; setTimeout(() => { button.textContent = before; }, 1500); };
  const select = () => { getSelection().selectAllChildren(button.parentElement.querySelector(button.dataset.copy)); };
  navigator.clipboard
    ? navigator.clipboard.writeText(text).then(() => say("Copied"), () => { select(); say("Selected: press Ctrl+C"); })
    : (select(), say("Selected: press Ctrl+C"));
}

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "closeloop-explorer";
  root.setAttribute("data-lm-suppress-shortcuts", "true"); // keys typed here are not the notebook's
  el.append(root);

  const draw = () => {
    const key = root.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    root.innerHTML = model.get("html");
    root.removeAttribute("aria-busy");
    const wanted = root.querySelector('[aria-invalid="true"]') || root.querySelector(".panel.fresh input, .panel.fresh textarea");
    const again = key && root.querySelector(`[data-key="${CSS.escape(key)}"]`);
    (again || (key && wanted) || (key && root.querySelector("select, button")))?.focus({ preventScroll: Boolean(again) });
  };
  const send = (message) => {
    root.setAttribute("aria-busy", "true");
    model.send(message);
  };

  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button || button.type === "submit") return;
    if (button.dataset.copy) copied(button);
    else if (button.dataset.form) send({ ...filled(button.closest("form")), ...told(button) });
    else if (button.dataset.do) send(told(button));
  });
  root.addEventListener("change", (event) => {
    const select = event.target.closest("select[data-do]");
    if (!select) return;
    if (select.dataset.do !== "period") return send({ do: select.dataset.do, value: select.value });
    const [start, end] = ["start", "end"].map((name) => root.querySelector(`select[data-name=${name}]`).value);
    send({ do: "period", start, end });
  });
  root.addEventListener("keydown", (event) => { // in JupyterLab a form is not sent by Enter alone
    if (event.key !== "Enter" || event.target.tagName !== "INPUT" || !event.target.form) return;
    event.preventDefault();
    event.target.form.requestSubmit();
  });
  root.addEventListener("submit", (event) => {
    event.preventDefault();
    send({ ...filled(event.target), do: event.target.dataset.do });
  });

  let from = null;
  const week = (event) => document.elementFromPoint(event.clientX, event.clientY)?.closest?.("[data-week]")?.dataset.week;
  root.addEventListener("pointerdown", (event) => {
    from = week(event) || null;
    if (from) event.preventDefault();
  });
  root.addEventListener("pointermove", (event) => {
    const to = from && week(event);
    if (!to) return;
    const [a, b] = [from, to].sort();
    root.querySelectorAll("[data-week]").forEach((one) => {
      one.classList.toggle("chosen", a <= one.dataset.week && one.dataset.week <= b);
    });
  });
  root.addEventListener("pointerup", (event) => {
    const to = from && week(event);
    if (to) send({ do: "period", start: from, end: to });
    from = null;
  });

  model.on("change:html", draw);
  model.on("change:drawn", () => root.removeAttribute("aria-busy"));
  draw();
}

export default { render };
