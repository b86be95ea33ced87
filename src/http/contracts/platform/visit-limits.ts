import type { Clock } from '../../../core/concurrency/clock.js';
import { PageInstead } from './page-instead.js';
import { WindowLimit } from './window-limit.js';

const MINUTE_MS = 60_000;
const NEW_OF_PLATFORM = 60;
const NEW_OF_NETWORK = 10;
const EXCHANGES_OF_VISIT = 5;
/** The longest life of a visit. */
const VISIT_MS = 60 * MINUTE_MS;
const MAX_PLATFORMS = 1_000;
const MAX_NETWORKS = 10_000;
const MAX_VISITS = 10_000;

/** Limits what visitors, of whom nothing is known, cause at WeChat. */
export class VisitLimits {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #ofPlatforms = new WindowLimit(NEW_OF_PLATFORM, MINUTE_MS, MAX_PLATFORMS);
  readonly #ofNetworks = new WindowLimit(NEW_OF_NETWORK, MINUTE_MS, MAX_NETWORKS);
  readonly #exchanges = new WindowLimit(EXCHANGES_OF_VISIT, VISIT_MS, MAX_VISITS);

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /**
   * Counts a new visit.
   *
   * @param network - the network of the visitor; `''` if it is unknown, as that of all visitors through a Unix socket may be.
   * @throws PageInstead if there were too many.
   */
  begin(component: string, network: string): void {
    const now = this.#clock.monotonic();
    const ofNetwork = network === '' ? 0 : this.#ofNetworks.waitMs(network, now);
    assertFree(Math.max(this.#ofPlatforms.waitMs(component, now), ofNetwork));
    this.#ofPlatforms.note(component, now);
    if (network !== '') this.#ofNetworks.note(network, now);
  }

  /**
   * Counts an exchange of a code.
   *
   * @throws PageInstead if the visit has had too many.
   */
  exchange(visit: string): void {
    const now = this.#clock.monotonic();
    assertFree(this.#exchanges.waitMs(visit, now));
    this.#exchanges.note(visit, now);
  }
}

function assertFree(waitMs: number): void {
  if (waitMs > 0) throw tooMany(Math.ceil(waitMs / 1_000));
}

/** Returns the page that asks a visitor to come again. */
export function tooMany(seconds: number): PageInstead {
  const headers = { 'Retry-After': String(seconds) };
  return new PageInstead({ status: 429, name: 'tooMany', values: { seconds }, headers });
}
