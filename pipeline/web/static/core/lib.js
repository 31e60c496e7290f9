// Preact and htm, which stand unchanged in vendor/ and define globals; nothing else knows how they got here.
const { Fragment, h, render } = globalThis.preact;
const { useCallback, useEffect, useId, useLayoutEffect, useMemo, useReducer, useRef, useState } = globalThis.preactHooks;

export const html = globalThis.htm.bind(h);
export { Fragment, h, render, useCallback, useEffect, useId, useLayoutEffect, useMemo, useReducer, useRef, useState };
