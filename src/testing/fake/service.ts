import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Clock, wait } from '../../core/concurrency/clock.js';
import type { JsonObject } from '../../core/primitives/json.js';
import type { FakeCall, FakeRequest } from './call.js';
import { errorAnswer, type FakeState } from './endpoint.js';
import { FAKE_ENDPOINTS } from './endpoints.js';
import { type FakeCallMatcher, type FakeFault, FakeFaultScript, matchesCall, spoilFields } from './faults.js';
import { readRequest, reset, sendDrip, sendHuge, sendJson, sendText } from './http.js';

const HTML = '<html><body>Gateway</body></html>';
const JSON_TYPE = { 'content-type': 'application/json' };

/** Answers requests, applies the scripted faults, and records the calls. */
export class FakeService {
  /** The delay of an answer, in milliseconds of the clock. */
  delayMs: number;
  isOut = false;
  readonly calls: FakeCall[] = [];
  readonly faults: FakeFaultScript = new FakeFaultScript();
  readonly #clock: Clock;
  readonly #state: FakeState;
  readonly #waiting = new Set<(call: FakeCall) => void>();
  readonly #answered = new Set<() => void>();
  readonly #closing = new AbortController();

  constructor(clock: Clock, state: FakeState, delayMs: number) {
    this.#clock = clock;
    this.#state = state;
    this.delayMs = delayMs;
  }

  nextCall(matcher: FakeCallMatcher): Promise<FakeCall> {
    return new Promise((resolve) => {
      const look = (call: FakeCall): void => {
        if (!matchesCall(matcher, call)) return;
        this.#waiting.delete(look);
        resolve(call);
      };
      this.#waiting.add(look);
    });
  }

  /** Calls a function whenever a call has been answered, until the function is called that it returns. */
  onAnswered(listener: () => void): () => void {
    this.#answered.add(listener);
    return () => void this.#answered.delete(listener);
  }

  /** Returns a signal that is aborted when the fake is closed. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  async serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    response.once('close', () => {
      for (const listener of [...this.#answered]) listener();
    });
    const request = await readRequest(message);
    const endpoint = FAKE_ENDPOINTS.get(request.path);
    const call = {
      at: this.#clock.now(),
      method: request.method,
      path: request.path,
      appid: endpoint?.appid(request, this.#state),
      subject: endpoint?.subject?.(request, this.#state),
      tokenType: endpoint?.tokenType(request),
      forced: request.body?.['force_refresh'] === true,
      errcode: undefined,
    };
    const fault = this.isOut ? 'reset' : this.faults.take(call);
    const answer = this.#answer(request, fault);
    this.#log({ ...call, errcode: answer === undefined ? undefined : Number(answer['errcode'] ?? 0) });
    const delayMs = typeof fault === 'object' && 'delayMs' in fault ? fault.delayMs : this.delayMs;
    if (delayMs > 0) await wait(this.#clock, delayMs, { ref: true, signal: this.#closing.signal });
    this.#send(response, answer, fault);
  }

  /** Drops the calls that have not been answered yet. */
  close(): void {
    this.#closing.abort(new Error('the fake was closed'));
  }

  /** Returns the answer; `undefined` if a fault replaces it. */
  #answer(request: FakeRequest, fault: FakeFault | undefined): JsonObject | undefined {
    if (fault === undefined || fault === 'lost') return this.#properAnswer(request);
    if (typeof fault === 'string' || 'status' in fault) return undefined;
    if ('errcode' in fault) return errorAnswer(fault.errcode, fault.errmsg);
    if ('answer' in fault) return fault.answer;
    const answer = this.#properAnswer(request);
    return answer === undefined || 'delayMs' in fault ? answer : spoilFields(answer, fault);
  }

  #properAnswer(request: FakeRequest): JsonObject | undefined {
    return FAKE_ENDPOINTS.get(request.path)?.answer(request, this.#state);
  }

  #log(call: FakeCall): void {
    this.calls.push(call);
    for (const look of [...this.#waiting]) look(call);
  }

  #send(response: ServerResponse, answer: JsonObject | undefined, fault: FakeFault | undefined): void {
    response.setHeader('date', new Date(this.#clock.now()).toUTCString());
    if (fault === 'reset' || fault === 'lost') reset(response);
    else if (fault === 'hang') return;
    else if (fault === 'html') sendText(response, 200, HTML);
    else if (fault === 'broken-json') sendText(response, 200, '{"access_token":"broken', JSON_TYPE);
    else if (fault === 'huge') sendHuge(response);
    else if (fault === 'drip') sendDrip(response, this.#clock);
    else if (fault !== undefined && 'status' in fault)
      sendText(response, fault.status, fault.body ?? HTML, fault.headers);
    else if (answer === undefined) sendText(response, 404, HTML);
    else sendJson(response, answer);
  }
}
