import type { Grant, RefreshContext, Refresher, TokenKey } from '../../../src/index.js';

export type Answer = Partial<Grant> | Error | ((context: RefreshContext) => Promise<Partial<Grant>>);

/** A refresher that answers as it is told, counts what it is asked, and otherwise hands out `token-1`, `token-2`, ... */
export class ScriptedRefresher implements Refresher<'access_token'> {
  readonly type = 'access_token';
  readonly asked: RefreshContext[] = [];
  lifeSeconds = 7_200;
  /** What every answer is, once the scripted ones are used up; `undefined`: a new token. */
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
