// What to do about a document that did not complete, by the code of its fault.
const ADVICE = {
  empty_file: "Upload the original again.",
  unreadable: "See whether it opens in its own program, then upload it again.",
  encrypted: "Remove the password and upload it again.",
  damaged: "Open it in its own program, save it anew and upload it again.",
  unsupported: "Save it in another format, for instance as PDF, and upload that.",
  too_large: "Split it, or have the limit raised.",
  too_complex: "It is nested too deeply, which may be malicious: look at it with care and unpack it yourself.",
  timeout: "Try it again, or split it.",
  out_of_memory: "Split it, or have the limit raised.",
  crashed: "It may be damaged: save it anew in its own program.",
  empty_recording: "Upload the original again.",
  no_text: "If it shows text when opened, save it as PDF and upload that.",
  bad_image: "Save the picture anew.",
  pages_failed: "The other pages are here. Try it again to read these once more.",
  file_missing: "Upload it again.",
  file_changed: "Upload it again.",
  worker_killed: "The process died over it three times, mostly for want of memory. Try it again when less is running.",
  internal: "Try it again; the log of the worker says more.",
};

const ANY = "Try it again; if it fails once more, the log of the worker says more.";

/** Advice for a document's fault, "" where its sentence gives some itself ("…; save it anew."). */
export const adviceFor = ({ code, message }) => (message.includes(";") ? "" : (ADVICE[code] ?? ANY));
