// Renders /openapi.json: every operation with its types, and a form to try it.
import { element, fetchJson } from "/assets/page.js";
import { shapeOf } from "/assets/shapes.js";

const FIXED_TAGS = new Set(["registry", "node"]);
let api;

const resolve = (part) => (part && part.$ref ? part.$ref.slice(2).split("/").reduce((at, key) => at[key], api) : part);
const schemaOf = (content) => Object.values(content || {})[0]?.schema;

// Descriptions use `code` and nothing else of Markdown.
const words = (text) => text.split("`").map((part, index) => (index % 2 ? element("code", {}, part) : part));

function operationsByTag() {
  const byTag = new Map(api.tags.map((tag) => [tag.name, []]));
  for (const [path, methods] of Object.entries(api.paths))
    for (const [verb, operation] of Object.entries(methods)) byTag.get(operation.tags[0])?.push({ path, verb, ...operation });
  const used = [...byTag].filter(([, operations]) => operations.length);
  return [...used.filter(([tag]) => !FIXED_TAGS.has(tag)), ...used.filter(([tag]) => FIXED_TAGS.has(tag))];
}

function labelOf(operation) {
  const call = operation.path.match(/^\/api\/v1\/call\/([^/]+)\/([^/]+)$/);
  return call ? `${call[1]}.${call[2]}` : operation.path;
}

function parametersOf(operation) {
  return (operation.parameters || []).map(resolve).filter((parameter) => parameter.name !== "traceparent");
}

function responsesView(operation) {
  return element(
    "dl",
    { class: "responses" },
    Object.entries(operation.responses).flatMap(([status, response]) => {
      const { description, content } = resolve(response);
      const detail = status === "200" ? null : element("span", { class: "muted" }, words(description));
      const shape = status === "200" && schemaOf(content) ? element("pre", { class: "shape" }, shapeOf(schemaOf(content), api)) : null;
      return [element("dt", {}, status), element("dd", {}, detail, shape)];
    }),
  );
}

function tryForm(operation) {
  const body = resolve(operation.requestBody)?.content["application/json"];
  const text = body && element("textarea", { spellcheck: "false", "aria-label": "Body", class: "mono" });
  if (text) {
    text.value = JSON.stringify(body.example ?? {}, null, 2);
    text.rows = Math.min(16, text.value.split("\n").length + 1);
  }
  const fields = parametersOf(operation).map((parameter) => ({ parameter, input: element("input", { size: 14, class: "mono", placeholder: parameter.name === "Homeport-Timeout" ? "30s" : "" }) }));
  const send = element("button", {}, "Send");
  const stop = element("button", { type: "button", class: "quiet", hidden: true }, "Stop");
  const outcome = element("div", { class: "outcome" });
  const answer = element("pre", { class: "shape answer", hidden: true });
  const form = element(
    "form",
    { class: "try", onsubmit: (event) => (event.preventDefault(), run()) },
    text,
    element("div", { class: "row" }, fields.map(({ parameter, input }) => element("label", { title: parameter.description }, parameter.name, input))),
    element("div", { class: "row" }, send, stop, outcome),
    answer,
  );

  async function run() {
    const control = new AbortController();
    stop.onclick = () => control.abort();
    send.disabled = true;
    stop.hidden = answer.hidden = false;
    answer.textContent = "";
    const started = performance.now();
    const told = (kind, words) => outcome.replaceChildren(element("span", { class: kind }, words), `${Math.round(performance.now() - started)} ms`);
    try {
      const response = await fetch(...requestOf(operation, fields, text, control.signal));
      const kind = response.ok ? "good" : "bad";
      told(kind, `${response.status}`);
      await showBody(response, answer);
      told(kind, `${response.status}`);
    } catch (error) {
      told("bad", error.name === "AbortError" ? "stopped" : error.message);
    } finally {
      send.disabled = false;
      stop.hidden = true;
    }
  }
  return form;
}

function requestOf(operation, fields, text, signal) {
  const headers = text ? { "content-type": "application/json" } : {};
  const query = new URLSearchParams();
  let path = operation.path;
  for (const { parameter, input } of fields) {
    const value = input.value.trim();
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (!value) continue;
    else if (parameter.in === "query") for (const one of parameter.schema.type === "array" ? value.split(",") : [value]) query.append(parameter.name, one);
    else headers[parameter.name] = value;
  }
  const target = query.size ? `${path}?${query}` : path;
  return [target, { method: operation.verb.toUpperCase(), headers, body: text ? text.value : undefined, signal }];
}

async function showBody(response, answer) {
  const kind = response.headers.get("content-type") || "";
  if (kind.includes("json") && !kind.includes("ndjson")) {
    const text = await response.text();
    try {
      answer.textContent = JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      answer.textContent = text;
    }
    return;
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    answer.append(part.value);
    answer.scrollTop = answer.scrollHeight;
  }
}

function operationView(operation) {
  const view = element(
    "details",
    { class: "operation", id: operation.operationId },
    element(
      "summary",
      {},
      element("span", { class: `verb ${operation.verb}` }, operation.verb.toUpperCase()),
      element("code", {}, labelOf(operation)),
      element("span", { class: "title" }, operation.summary === operation.operationId ? "" : operation.summary),
    ),
  );
  // Filled when opened: a node may have a thousand methods.
  view.addEventListener("toggle", () => view.open && view.children.length === 1 && view.append(insideOf(operation)));
  return view;
}

function insideOf(operation) {
  const body = schemaOf(resolve(operation.requestBody)?.content);
  return element(
    "div",
    { class: "inside" },
    operation.description ? element("p", {}, words(operation.description)) : null,
    element("h4", {}, "Path"),
    element("code", {}, operation.path),
    body ? [element("h4", {}, "Arguments"), element("pre", { class: "shape" }, shapeOf(body, api))] : null,
    element("h4", {}, "Answers"),
    responsesView(operation),
    element("h4", {}, "Try it"),
    tryForm(operation),
  );
}

function openFromHash() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target?.tagName === "DETAILS") target.open = true;
  target?.scrollIntoView();
}

function filterIndex(words) {
  for (const link of document.querySelectorAll("#index a")) link.hidden = !link.textContent.toLowerCase().includes(words);
  for (const title of document.querySelectorAll("#index h3")) {
    let next = title.nextElementSibling;
    title.hidden = true;
    for (; next && next.tagName === "A"; next = next.nextElementSibling) if (!next.hidden) title.hidden = false;
  }
}

async function show() {
  const main = document.getElementById("operations");
  try {
    api = await fetchJson("/openapi.json");
  } catch (error) {
    main.replaceChildren(element("p", {}, `The description cannot be read: ${error.message}`));
    return;
  }
  const groups = operationsByTag();
  const descriptions = new Map(api.tags.map((tag) => [tag.name, tag.description]));
  document.getElementById("index").replaceChildren(
    ...groups.flatMap(([tag, operations]) => [
      element("h3", {}, tag),
      ...operations.map((operation) => element("a", { href: `#${operation.operationId}`, title: labelOf(operation) }, FIXED_TAGS.has(tag) ? operation.operationId.replaceAll("_", " ") : labelOf(operation).replace(`${tag}.`, ""))),
    ]),
  );
  main.replaceChildren(
    ...groups.map(([tag, operations]) =>
      element("section", {}, element("h2", { id: tag }, tag), descriptions.get(tag) ? element("p", {}, descriptions.get(tag)) : null, operations.map(operationView)),
    ),
  );
  document.getElementById("filter").addEventListener("input", (event) => filterIndex(event.target.value.toLowerCase().trim()));
  window.addEventListener("hashchange", openFromHash);
  openFromHash();
}

show();
