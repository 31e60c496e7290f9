// Figures, times and states in words.
const NUMBER = new Intl.NumberFormat("en-GB");
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const MOMENT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const AGO = new Intl.RelativeTimeFormat("en-GB", { numeric: "auto", style: "narrow" });

export const number = (n) => NUMBER.format(n);
export const moment = (when) => MOMENT.format(new Date(when));
export const count = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;
export const percent = (share) => `${Math.round(share * 100)} %`;

export function bytes(n) {
  if (n < 1000) return count(n, "byte");
  const unit = n < 1e6 ? ["KB", 1e3] : n < 1e9 ? ["MB", 1e6] : ["GB", 1e9];
  return `${(n / unit[1]).toFixed(n / unit[1] < 10 ? 1 : 0)} ${unit[0]}`;
}

/** "3 min ago"; a day where it is long ago. */
export function ago(when, now = Date.now()) {
  const seconds = (new Date(when) - now) / 1000;
  if (seconds > -60) return "just now";
  if (seconds > -3600) return AGO.format(Math.round(seconds / 60), "minute");
  if (seconds > -86400) return AGO.format(Math.round(seconds / 3600), "hour");
  if (seconds > -7 * 86400) return AGO.format(Math.round(seconds / 86400), "day");
  return DAY.format(new Date(when));
}

/** 3:05, 1:02:07. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (!parts[0]) parts.shift();
  return parts.map((part, n) => (n ? String(part).padStart(2, "0") : part)).join(":");
}

export function lasted(from, to) {
  const seconds = (new Date(to) - new Date(from)) / 1000;
  return seconds < 10 ? `${seconds.toFixed(1)} s` : seconds < 60 ? `${Math.round(seconds)} s` : `${clock(seconds)} min`;
}

/** A stretch of time as one would say it. */
export function about(seconds) {
  if (seconds < 90) return count(Math.max(1, Math.round(seconds)), "second");
  if (seconds < 5400) return count(Math.round(seconds / 60), "minute");
  return seconds < 172800 ? count(Math.round(seconds / 3600), "hour") : count(Math.round(seconds / 86400), "day");
}

/** The four stages, in order, and what each is for people. */
export const STAGES = [
  { id: "ocr", name: "Read", doing: "Reading" },
  { id: "text", name: "Divide", doing: "Dividing into passages" },
  { id: "entity", name: "Names", doing: "Finding names" },
  { id: "graph", name: "Link", doing: "Linking" },
];

export const STEPS = {
  process_ocr: "Read the file",
  create_document_node: "Tell language and kind",
  process_chunking: "Divide into passages",
  extract_entities: "Find names",
  resolve_entities: "Tell who is who",
  build_relationships: "Link names",
};

const STATES = {
  pending: ["waiting", "Waiting"],
  queued: ["waiting", "Waiting"],
  extracting: ["running", "Reading"],
  processing_chunks: ["running", "Reading"],
  processing: ["running", "Working"],
  completed: ["done", "Completed"],
  partial_error: ["partly", "Completed in part"],
  error: ["failed", "Failed"],
  cancelled: ["cancelled", "Cancelled"],
};

export const FINAL = ["completed", "partial_error", "error", "cancelled"];
export const isFinal = (status) => FINAL.includes(status);

/** How a state is drawn and said: {kind, name}; kind is waiting, running, done, partly, failed or cancelled. */
export function stateOf(status, stage = "") {
  const [kind, name] = STATES[status] ?? ["waiting", status];
  const doing = status === "processing" && STAGES.find((each) => each.id === stage)?.doing;
  return { kind, name: doing || name };
}

export const TYPES = {
  PERSON: "Person",
  ORGANIZATION: "Organisation",
  LOCATION: "Place",
  DATE: "Date",
  MONEY: "Money",
  EVENT: "Event",
  WORK: "Work",
  PRODUCT: "Product",
  LAW: "Law",
  GROUP: "Group",
  OTHER: "Other",
  EMAIL: "E-mail",
  PHONE: "Phone",
  URL: "Web address",
};

export const typeName = (type) => TYPES[type] ?? type;

/** A kind of relation, said from subject to object. */
export const predicateName = (predicate) => (predicate === "CO_OCCURS_WITH" ? "appears with" : predicate.toLowerCase().replaceAll("_", " "));

const PARTS_OF_DATE = { year: { year: "numeric" }, month: { year: "numeric", month: "long" }, day: { year: "numeric", month: "long", day: "numeric" } };

/** "3 May 1941", "May 1941" or "1941" of a date as exact as it is known. */
export function dateAs(date, precision) {
  const [year, month = "01", day = "01"] = date.split("-");
  return new Intl.DateTimeFormat("en-GB", { ...PARTS_OF_DATE[precision], timeZone: "UTC" }).format(Date.UTC(year, month - 1, day));
}

/** The stage that a step belongs to. */
export const STAGE_OF = {
  process_ocr: "ocr",
  create_document_node: "text",
  process_chunking: "text",
  extract_entities: "entity",
  resolve_entities: "entity",
  build_relationships: "graph",
};
