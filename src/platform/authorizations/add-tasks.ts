import type { Engine } from '../../core/engine/engine.js';
import { assertNoCycle } from '../../core/model/dependencies.js';
import { planRegistration, type Registration } from '../../core/model/registration.js';
import { describeName } from '../../core/primitives/redact.js';

/**
 * Registers tasks of a platform that is registered already. A registration by the manager would register a platform anew that
 * was unregistered a moment ago, without its secret.
 *
 * @throws TypeError for types that cannot be tasks; a `TokenError` with code `NOT_REGISTERED`, `STORE_UNAVAILABLE` or `CLOSED`.
 */
export async function addTasks(engine: Engine, registration: Registration): Promise<void> {
  const { refresherOf, callbacks } = engine;
  const assertTaskType = (type: unknown): void => {
    const refresher = typeof type === 'string' ? refresherOf(type) : undefined;
    if (refresher === undefined || refresher.pushed === true)
      throw new TypeError(`${describeName(type)} cannot be a task`);
  };
  const plan = planRegistration(registration, assertTaskType, callbacks.attached);
  for (const { key } of plan.tasks) assertNoCycle(key, refresherOf);
  await engine.start();
  await engine.register(plan, true);
}
