// The list of services, kept fresh by the registry's watch.
import { element, fetchJson } from "/assets/page.js";

const STATES = ["active", "scaling", "healing", "idle", "down"];
const REFRESH_AFTER = 150; // milliseconds: one deploy makes many changes
const SHOWN_CHANGES = 12;

const at = (id) => document.getElementById(id);
const changes = [];
let refresh;

function showLink(state, text) {
  const [dot, words] = at("link").children;
  dot.className = `dot ${state}`;
  words.textContent = text;
}

function showTally(services) {
  const count = (state) => services.filter((service) => service.state === state).length;
  at("tally").replaceChildren(
    ...STATES.map((state) =>
      element("div", {}, element("b", {}, String(count(state))), element("span", {}, element("span", { class: `dot ${state}` }), state)),
    ),
  );
}

function serviceRow(service) {
  const wanted = service.wanted === null ? "" : ` / ${service.wanted}`;
  const name = element("a", { class: "name", href: service.methods.length ? `/docs#${service.name}` : `/api/v1/services/${service.name}` }, service.name);
  const app = service.asgi ? element("a", { class: "chip", href: `/apps/${service.name}/` }, "open app") : null;
  const methods = service.methods.map((method) =>
    element("a", { class: "chip", href: `/docs#${service.name}.${method}` }, method),
  );
  const missing = new Set(service.waiting_for);
  const calls = service.requires.map((other) =>
    element("span", { class: missing.has(other) ? "chip missing" : "chip", title: missing.has(other) ? "not ready yet" : false }, other),
  );
  return element(
    "tr",
    {},
    element("td", {}, name, service.doc ? element("div", { class: "small muted" }, service.doc.split("\n")[0]) : null),
    element("td", {}, element("span", { class: "state" }, element("span", { class: `dot ${service.state}` }), service.state)),
    element("td", { class: "number" }, `${service.ready}${wanted}`),
    element("td", {}, element("div", { class: "chips" }, app, methods)),
    element("td", {}, element("div", { class: "chips" }, calls)),
  );
}

async function showServices() {
  try {
    const services = await fetchJson("/api/v1/services");
    showTally(services);
    at("services").replaceChildren(...services.map(serviceRow));
    at("empty").hidden = services.length > 0;
  } catch (error) {
    showLink("down", `the registry does not answer: ${error.message}`);
  }
}

function changeRow({ service, instance_id, instance, cause }) {
  const state = instance ? instance.state : "gone";
  const time = cause.at ? new Date(cause.at * 1000).toLocaleTimeString() : "";
  return element(
    "li",
    {},
    element("time", {}, time),
    element("span", { class: "mono", title: service }, instance_id),
    element("span", { class: "state" }, element("span", { class: `dot ${state}` }), state),
    element("span", { class: "what muted" }, [cause.what, cause.actor && `by ${cause.actor}`, cause.evidence.split("\n").at(-1)].filter(Boolean).join(", ")),
  );
}

function showChange(change) {
  changes.unshift(change);
  changes.length = Math.min(changes.length, SHOWN_CHANGES);
  at("recent").hidden = false;
  at("changes").replaceChildren(...changes.map(changeRow));
}

function soon() {
  clearTimeout(refresh);
  refresh = setTimeout(showServices, REFRESH_AFTER);
}

const watch = new EventSource("/api/v1/watch");
watch.addEventListener("open", () => showLink("active", "live"));
watch.addEventListener("error", () => showLink("healing", "reconnecting"));
watch.addEventListener("snapshot", soon);
watch.addEventListener("completeness", soon);
watch.addEventListener("change", (event) => {
  showChange(JSON.parse(event.data));
  soon();
});
showServices();
