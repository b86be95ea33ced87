import { Semaphore } from '../../../core/concurrency/semaphore.js';
import type { TaskStatus } from '../../../core/engine/task-status.js';
import type { Manager } from '../../manager/manager.js';
import { type HttpAnswer, jsonAnswer } from '../../messages/http-message.js';
import { pageLimitIn } from '../../routing/page-limit.js';
import type { RequestContext } from '../../routing/request-context.js';
import type { RouteServices } from '../../routing/route-services.js';

/**
 * The number of lists that are read at once. Each reads thousands of documents: with many at once the commands of the store time
 * out, those for tokens too, and the answers fill the memory.
 */
const MAX_AT_ONCE = 4;

/** Returns a function that answers with one page of the tasks that the caller may see. */
export function taskListing({ manager }: RouteServices): (context: RequestContext) => Promise<HttpAnswer> {
  const reads = new Semaphore(MAX_AT_ONCE);
  return async (context) => {
    const limit = pageLimitIn(context);
    const appid = context.query('appid');
    if (appid !== undefined) context.require('read', appid);
    return reads.run(() => listTasks(context, appid, limit, manager));
  };
}

async function listTasks(
  context: RequestContext,
  appid: string | undefined,
  limit: number,
  manager: Manager,
): Promise<HttpAnswer> {
  const tasks: TaskStatus[] = [];
  // One more task than the page holds is read, to know whether there is another page.
  for await (const task of tasksIn(context, appid, limit + 1, manager)) {
    if (tasks.length === limit) return jsonAnswer(200, { tasks, after: tasks.at(-1)?.id });
    tasks.push(task);
  }
  return jsonAnswer(200, { tasks });
}

/** Yields the tasks that the caller may see. If it is limited to some apps, only these are read, one after another. */
async function* tasksIn(
  context: RequestContext,
  appid: string | undefined,
  limit: number,
  manager: Manager,
): AsyncGenerator<TaskStatus> {
  const after = context.query('after');
  const type = context.query('type');
  const ofType = type === undefined ? {} : { type };
  const appids = appid === undefined ? context.appids : new Set([appid]);
  if (appids === undefined) {
    yield* manager.status({ ...ofType, limit, ...(after === undefined ? {} : { after }) });
    return;
  }
  const first = after?.split('/')[0] ?? '';
  for (const name of [...appids].toSorted()) {
    if (name < first) continue;
    yield* manager.status({
      ...ofType,
      limit,
      appid: name,
      ...(name === first && after !== undefined ? { after } : {}),
    });
  }
}
