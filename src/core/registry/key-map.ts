import type { TokenKey } from '../model/token-key.js';

interface ValuesOfApp<Value> {
  /** The values of keys without a subject, by type. */
  readonly byType: Map<string, Value>;
  /** The values of keys with a subject, by type and then by subject; created for the first such key. */
  bySubject: Map<string, Map<string, Value>> | undefined;
}

/**
 * Holds values by token key. The names of a key are looked up one after the other, so that no string has to be built or
 * stored for the key.
 */
export class KeyMap<Value> {
  readonly #apps = new Map<string, ValuesOfApp<Value>>();

  get({ appid, type, subject }: TokenKey): Value | undefined {
    return this.find(appid, type, subject);
  }

  /** Returns the value of the key with these names, so that a hot path need not create a key object. */
  find(appid: string, type: string, subject: string | undefined): Value | undefined {
    const app = this.#apps.get(appid);
    if (subject === undefined) return app?.byType.get(type);
    return app?.bySubject?.get(type)?.get(subject);
  }

  set(key: TokenKey, value: Value): void {
    const { appid, type, subject } = key;
    let app = this.#apps.get(appid);
    if (app === undefined) this.#apps.set(appid, (app = { byType: new Map(), bySubject: undefined }));
    if (subject === undefined) {
      app.byType.set(type, value);
      return;
    }
    app.bySubject ??= new Map();
    let values = app.bySubject.get(type);
    if (values === undefined) app.bySubject.set(type, (values = new Map()));
    values.set(subject, value);
  }

  /**
   * Deletes the value of a key.
   *
   * @returns whether there was one.
   */
  delete({ appid, type, subject }: TokenKey): boolean {
    const app = this.#apps.get(appid);
    if (app === undefined) return false;
    const values = subject === undefined ? undefined : app.bySubject?.get(type);
    const wasThere = subject === undefined ? app.byType.delete(type) : values?.delete(subject) === true;
    if (values?.size === 0) app.bySubject?.delete(type);
    if (app.byType.size === 0 && (app.bySubject?.size ?? 0) === 0) this.#apps.delete(appid);
    return wasThere;
  }

  /** Yields the values of one app. */
  *of(appid: string): Iterable<Value> {
    const app = this.#apps.get(appid);
    if (app !== undefined) yield* valuesOf(app);
  }

  *values(): Iterable<Value> {
    for (const app of this.#apps.values()) yield* valuesOf(app);
  }
}

function* valuesOf<Value>({ byType, bySubject }: ValuesOfApp<Value>): Iterable<Value> {
  yield* byType.values();
  for (const values of bySubject?.values() ?? []) yield* values.values();
}
