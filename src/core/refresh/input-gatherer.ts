import type { CallbackPort } from '../model/callback-port.js';
import type { Closing } from '../model/closing.js';
import { TokenError } from '../model/errors.js';
import { InputMissing } from '../model/input-missing.js';
import type { BuiltInRefresher } from '../model/refresher.js';
import { isDynamicParams } from '../model/registration.js';
import { type Choice, chooseInput } from '../model/rotation.js';
import type { TokenKey } from '../model/token-key.js';
import { type KeyDocument, NO_KEY_DOCUMENT } from '../store/key-document.js';
import type { Storage } from '../store/storage.js';
import { assertDependencies, gatherInputs, type RefreshInputs } from './refresh-inputs.js';
import type { State } from './state.js';
import type { TokenGetter } from './token-getter.js';

export interface InputGathererParts extends Pick<Storage, 'documents' | 'clock'>, Pick<State, 'registry' | 'records'> {
  readonly refresherOf: (type: string) => BuiltInRefresher | undefined;
  readonly tokens: TokenGetter;
  readonly callbacks: Pick<CallbackPort, 'askParams'>;
  readonly closing: Closing;
}

/** Gathers the inputs of a refresh, considering which of them the store has in place of params. */
export class InputGatherer {
  readonly #parts: InputGathererParts;

  constructor(parts: InputGathererParts) {
    this.#parts = parts;
  }

  /**
   * Gathers the inputs of a key. A key that cannot be refreshed with any input fails here, before WeChat is asked.
   *
   * @throws InputMissing, or a `TokenError` with code `STORE_UNAVAILABLE` or `CLOSED`.
   */
  async gather(key: TokenKey, refresher: BuiltInRefresher, asksParams: boolean): Promise<RefreshInputs> {
    const { registry, records, documents, clock, closing, tokens, refresherOf, callbacks } = this.#parts;
    const task = registry.task(key);
    assertDependencies(key, refresherOf);
    const sources = {
      clock,
      closing,
      tokenOf: (dependency: TokenKey): Promise<string> => tokens.get(dependency),
      hasTask: (dependency: TokenKey): boolean => registry.task(dependency) !== undefined,
      isPushed: (type: string): boolean => refresherOf(type)?.pushed === true,
      wasPushed: (dependency: TokenKey): boolean => this.#wasPushed(dependency),
      callbacks,
    };
    const cached = records.cache.get(key);
    const choose = ({ rotation }: Pick<KeyDocument, 'rotation'>): Choice =>
      chooseInput(rotation, undefined, 'stored', clock.now());
    let stored = choose(cached ?? NO_KEY_DOCUMENT);
    const maySpend = refresher.spends !== undefined || isDynamicParams(task?.params);
    if (stored.kind !== 'send' && maySpend) stored = choose(await documents.read(key));
    const inputs = await gatherInputs(key, refresher, task, sources, {
      canDoWithout: stored.kind === 'send' && refresher.needsParams?.(key) !== true,
      asksParams,
    });
    if (refresher.spends === undefined || stored.kind !== 'none') return inputs;
    if (inputs.params[refresher.spends] !== undefined) return inputs;
    const message = `${key.type} needs ${refresher.spends}: put one with a grant, or register it in the params of the task`;
    throw new InputMissing(new TokenError('INPUT_MISSING', message, key));
  }

  #wasPushed(key: TokenKey): boolean {
    const { records, refresherOf } = this.#parts;
    const held = records.cache.get(key);
    return refresherOf(key.type)?.pushed === true && held !== undefined && records.leftMs(held) > 0;
  }
}
