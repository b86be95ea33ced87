import type { JsonObject, JsonValue } from '../../core/primitives/json.js';
import type { FakeCall } from './call.js';

/**
 * A fault in an answer of the fake.
 *
 * Instead of an answer, and without anything being done: `hang` (no answer at all), `reset` (the connection is cut),
 * `html` and `broken-json` (with HTTP status 200), `huge` (2 MiB), `drip` (a byte a second, for ever), an `errcode` (with
 * WeChat's own message unless `errmsg` is given), an HTTP `status`, or another `answer`.
 *
 * With the work done: `lost` (the connection is cut before the answer), `expires_in` and `empty` (the answer has an odd
 * lifetime, or no token in it, or not that of the field that is named), `change` (these fields are others), `delayMs` (it
 * comes late).
 *
 * @public
 */
export type FakeFault =
  | 'hang'
  | 'reset'
  | 'html'
  | 'broken-json'
  | 'huge'
  | 'drip'
  | 'lost'
  | { readonly errcode: number | string; readonly errmsg?: string }
  | { readonly status: number; readonly body?: string; readonly headers?: Readonly<Record<string, string>> }
  | { readonly answer: JsonObject }
  | { readonly expires_in: JsonValue }
  | { readonly empty: true | string }
  | { readonly change: JsonObject }
  | { readonly delayMs: number };

/**
 * The calls that a fault is for: those to a path, `'*'` for all, or those that a function picks.
 *
 * @public
 */
export type FakeCallMatcher = string | ((call: FakeCall) => boolean);

/** A fault that changes fields of a proper answer. */
export type FakeFieldFault = Extract<FakeFault, { expires_in: unknown } | { empty: unknown } | { change: unknown }>;

interface ScriptedFault {
  readonly matcher: FakeCallMatcher;
  readonly fault: FakeFault;
  timesLeft: number;
}

/** Keeps the pending faults in the order in which they were scripted. */
export class FakeFaultScript {
  readonly #faults = new Set<ScriptedFault>();

  add(matcher: FakeCallMatcher, fault: FakeFault, times: number): () => void {
    const scripted = { matcher, fault, timesLeft: times };
    this.#faults.add(scripted);
    return () => void this.#faults.delete(scripted);
  }

  /** Removes and returns the fault for a call; `undefined` if it gets a proper answer. */
  take(call: FakeCall): FakeFault | undefined {
    for (const scripted of this.#faults) {
      if (!matchesCall(scripted.matcher, call)) continue;
      scripted.timesLeft -= 1;
      if (scripted.timesLeft <= 0) this.#faults.delete(scripted);
      return scripted.fault;
    }
    return undefined;
  }
}

export function matchesCall(matcher: FakeCallMatcher, call: FakeCall): boolean {
  return typeof matcher === 'function' ? matcher(call) : matcher === '*' || matcher === call.path;
}

export function spoilFields(answer: JsonObject, fault: FakeFieldFault): JsonObject {
  if ('expires_in' in fault) return { ...answer, expires_in: fault.expires_in };
  if ('change' in fault) return { ...answer, ...fault.change };
  const isEmptied = (name: string): boolean => (fault.empty === true ? isTokenName(name) : name === fault.empty);
  return Object.fromEntries(Object.entries(answer).map(([name, value]) => [name, isEmptied(name) ? '' : value]));
}

function isTokenName(name: string): boolean {
  return name.endsWith('token') || name === 'ticket';
}
