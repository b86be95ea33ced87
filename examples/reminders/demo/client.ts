/** Plays a user's mini program. */
export class Client {
  readonly #origin: string;
  #session = '';

  constructor(origin: string) {
    this.#origin = origin;
  }

  async logIn(code: string): Promise<void> {
    const { session } = await this.ask<{ session: string }>('POST', '/sessions', { code });
    this.#session = session;
  }

  create(type: 0 | 1, choice: object): Promise<ShownReminder> {
    return this.ask('POST', `/create/${type}`, choice);
  }

  edit(id: string, choice: object): Promise<ShownReminder> {
    return this.ask('PATCH', `/reminders/${id}`, choice);
  }

  list(): Promise<{ reminders: readonly ShownReminder[]; credits: number; needsConsent: boolean }> {
    return this.ask('GET', '/reminders');
  }

  /** Tells the service that the user has accepted a prompt. */
  consent(nonce: string): Promise<{ credits: number }> {
    return this.ask('POST', '/consents', { nonce });
  }

  /** @throws Error with the status and the answer's words when the answer is no success. */
  async ask<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(`${this.#origin}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#session}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }
}

export interface ShownReminder {
  readonly id: string;
  readonly detail: string;
  readonly zone: string;
  readonly state: string;
  readonly nextAt: number;
  readonly nextLocal: string;
  readonly outcomes: readonly { readonly instant: number; readonly state: string; readonly reason: string }[];
}
