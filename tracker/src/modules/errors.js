/** Errors that nobody caught: type, message without values, file, line. */
import { listen } from "./listen.js";
import { tell } from "./tell.js";
import { withoutValues } from "./withoutValues.js";

/** The most different errors of one page load. */
const MOST = 20;
const PLACE = /(https?:\/\/[^\s()]+?):(\d+):(\d+)/;

/** @type {Set<string>} */
const seen = new Set();

/**
 * @param {string} type
 * @param {string} message
 * @param {string} file
 * @param {number} line
 * @param {number} column
 */
const note = (type, message, file, line, column) => {
  const props = {
    t: type.slice(0, 60),
    m: withoutValues(message.slice(0, 500), type).slice(0, 300),
    f: file.split(/[?#]/)[0],
    l: line,
    c: column,
  };
  const key = Object.values(props).join();
  // Of extensions of the browser nothing is the site's.
  if (seen.has(key) || seen.size >= MOST || !/^(https?:|$)/.test(props.f)) return;
  seen.add(key);
  tell("$error", props);
};

listen("error", (event) => {
  // A script of another origin says nothing, and a picture that did not load is no error of one.
  if (!event.message || (!event.filename && !event.error)) return;
  const { error, filename, lineno, colno } = event;
  const type = (error && error.name) || "Error";
  note(String(type), String((error && error.message) || event.message), filename, lineno, colno);
});
listen("unhandledrejection", ({ reason }) => {
  const isError = reason instanceof Error;
  const [, file = "", line = 0, column = 0] = (isError && PLACE.exec(String(reason.stack))) || [];
  // What else a promise was refused with may be anything: only its type is told.
  note(isError ? reason.name : "Rejection", isError ? reason.message : typeof reason,
    file, +line, +column);
});
