import type { Grant, RefreshContext, Refresher, TokenKey } from '../../../src/index.js';

export type Answer = Partial<Grant> | Error | ((context: RefreshContext) => Promise<Partial<Grant>>);

/** Answers as a script says, counts its calls, and otherwise hands out `token-1`, `token-2`, ... */
export class ScriptedRefresher implements Refresher<'access_token'> {
  readonly type = 'access_token';
  readonly asked: RefreshContext[] = [];
  lifeSeconds = 7_200;
  /** The answer to every call once the scripted ones are used up; `undefined` stands for a new token. */
  always: Answer | undefined;
  dependencies: readonly TokenKey[] = [];
  readonly #answers: Answer[] = [];
  #serial = 0;

  get calls(): number {
    return this.asked.length;
  }

  next(...answers: Answer[]): void {
    this.#answers.push(...answers);
  }

  dependsOn(): readonly TokenKey[] {
    return this.dependencies;
  }

  async refresh(context: RefreshContext): Promise<Grant> {
    this.asked.push(context);
    const answer = this.#answers.shift() ?? this.always;
    if (answer instanceof Error) throw answer;
    const grant = typeof answer === 'function' ? await answer(context) : answer;
    const byDefault = { value: `token-${++this.#serial}`, expiresInSeconds: this.lifeSeconds };
    return { ...byDefault, ...grant };
  }
}
