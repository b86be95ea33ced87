import type { PushSettings } from '../../core/model/push/push-settings.js';
import { MessageKeys } from '../envelope/message-keys.js';
import { PushToken } from '../envelope/push-token.js';

/** The token and the keys of an app, ready for use. */
export interface ReadySecrets {
  readonly token: PushToken;
  readonly keys: MessageKeys;
}

/**
 * Makes the secrets of apps ready for use, once for each state of their settings. They are held for as long as the settings
 * are, so that nothing remains of them after the app was unregistered or its keys were changed.
 */
export class PushSecrets {
  readonly #ready = new WeakMap<PushSettings, ReadySecrets>();

  of(settings: PushSettings): ReadySecrets {
    const before = this.#ready.get(settings);
    if (before !== undefined) return before;
    const token = new PushToken(settings.token, 'push.token');
    const ready = { token, keys: new MessageKeys(settings.keys, 'push.encodingAesKey') };
    this.#ready.set(settings, ready);
    return ready;
  }
}
