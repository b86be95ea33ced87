import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Clock } from '../clock.js';
import type { OccurrenceQueue } from '../delivery/occurrence-queue.js';
import type { WeChat } from '../delivery/wechat.js';
import type { Consents } from '../redis/consents.js';
import { MAX_CREATIONS, MAX_REMINDERS, type Reminders } from '../redis/reminders.js';
import { SESSION_SECONDS, type Sessions } from '../redis/sessions.js';
import type { TemplateStops } from '../redis/template-stops.js';
import type { Occurrence, Reminder, ReminderChoice, ReminderType, TimeOfDay } from '../reminder.js';
import type { Template } from '../template.js';
import { isZone, nextInstant, showTime } from '../zone-time.js';
import { notFound, Problem, unauthorized } from './problem.js';
import * as schemas from './schemas.js';

const MAX_EDITS = 5;
const BEARER = [{ session: [] }];

export interface RouteParts {
  readonly clock: Clock;
  readonly template: Template;
  readonly wechat: WeChat;
  readonly sessions: Sessions;
  readonly reminders: Reminders;
  readonly consents: Consents;
  readonly stops: TemplateStops;
  readonly queue: OccurrenceQueue;
}

type Choice = Omit<ReminderChoice, 'type'>;

/** Adds the routes that the mini program uses. */
export function addRoutes(app: FastifyInstance, parts: RouteParts): void {
  const { clock, template, wechat, sessions, reminders, consents, stops, queue } = parts;

  const userOf = async (request: FastifyRequest): Promise<string> => {
    const user = await sessions.userOf(sessionOf(request));
    if (user === undefined) throw unauthorized();
    return user;
  };

  // The sweep of the workers finds a reminder whose job could not be added.
  const enqueue = async (request: FastifyRequest, { id, nextAt }: Reminder): Promise<void> => {
    await queue
      .add({ id, instant: nextAt })
      .catch((error: Error) => request.log.warn({ error: error.message }, 'no job yet'));
  };

  const show = async (reminder: Reminder): Promise<object> =>
    withOutcomes(reminder, await reminders.history(reminder.id));

  app.post<{ Body: { code: string } }>(
    '/sessions',
    { schema: { body: schemas.session.body, response: schemas.answers(201, schemas.session.answer) } },
    async (request, reply) => {
      const found = await wechat.openidOf(request.body.code);
      if (found === 'code') throw new Problem(400, 'code', 'WeChat does not take the code: call wx.login again');
      if (found === 'blocked') throw new Problem(403, 'blocked', 'WeChat does not let this user log in');
      return reply.code(201).send({ session: await sessions.start(found.openid), expiresInSeconds: SESSION_SECONDS });
    },
  );

  app.delete('/sessions', { schema: { security: BEARER, response: schemas.answers(204) } }, async (request, reply) => {
    if (!(await sessions.end(sessionOf(request)))) throw unauthorized();
    return reply.code(204).send();
  });

  app.post<{ Params: { type: '0' | '1' }; Body: Choice & { readonly nonce?: string } }>(
    '/create/:type',
    { schema: { ...schemas.creation, security: BEARER, response: schemas.answers(201, schemas.reminder) } },
    async (request, reply) => {
      const user = await userOf(request);
      const { nonce = '', ...body } = request.body;
      const choice = { ...checkChoice(body), type: Number(request.params.type) as ReminderType };
      const now = clock.now();
      const created = await reminders.create(user, choice, nonce, nextInstant(choice, now), now);
      if (!('reminder' in created)) throw notCreated(created.outcome);
      if (created.outcome === 'done') await enqueue(request, created.reminder);
      return reply.code(201).send(withOutcomes(created.reminder, []));
    },
  );

  app.get(
    '/reminders',
    { schema: { security: BEARER, response: schemas.answers(200, schemas.list.answer) } },
    async (request) => {
      const user = await userOf(request);
      const [found, credits, stop] = await Promise.all([reminders.list(user), consents.left(user), stops.find()]);
      return {
        reminders: await Promise.all(found.map(show)),
        credits,
        needsConsent: credits < 1,
        template: template.id,
        ...(stop === undefined ? {} : { stopped: `WeChat refuses the template (${stop.errcode})` }),
      };
    },
  );

  const edit = async (request: FastifyRequest<{ Params: { id: string }; Body: Partial<Choice> }>): Promise<object> => {
    const user = await userOf(request);
    const { id } = request.params;
    for (let attempt = 0; attempt < MAX_EDITS; attempt++) {
      const before = await reminders.find(id, user);
      if (before === undefined) throw notFound();
      const choice = checkChoice({ ...choiceOf(before), ...request.body });
      const now = clock.now();
      // An occurrence that is due stays due when only the words are edited.
      const nextAt = isSameTime(before, choice) ? before.nextAt : nextInstant(choice, now);
      const edited = await reminders.edit(before, choice, nextAt, now);
      if (edited === 'ended') throw new Problem(409, 'ended', `the reminder has ended: ${before.endedBecause}`);
      if (edited === 'changed') continue;
      const after = { ...before, ...choice, nextAt, version: before.version + 1 };
      // The job of what is being sent has to tell what came of it.
      if (edited === 'done' && before.nextAt !== nextAt)
        await queue.remove({ id, instant: before.nextAt }).catch(() => {});
      await enqueue(request, after);
      return show(after);
    }
    throw new Problem(409, 'changed', 'the reminder is changed by another request: read it again');
  };
  const editOptions = {
    schema: { ...schemas.edit, security: BEARER, response: schemas.answers(200, schemas.reminder) },
  };
  app.patch('/reminders/:id', editOptions, edit);
  // `wx.request` of mini programs has no PATCH.
  app.put('/reminders/:id', editOptions, edit);

  app.delete<{ Params: { id: string } }>(
    '/reminders/:id',
    { schema: { params: schemas.edit.params, security: BEARER, response: schemas.answers(204) } },
    async (request, reply) => {
      const user = await userOf(request);
      const { id } = request.params;
      const instant = await reminders.remove(id, user);
      if (instant === undefined) throw notFound();
      await queue.remove({ id, instant }).catch(() => {});
      return reply.code(204).send();
    },
  );

  app.post<{ Body: { nonce: string } }>(
    '/consents',
    {
      schema: { body: schemas.consent.body, security: BEARER, response: schemas.answers(200, schemas.consent.answer) },
    },
    async (request) => {
      const credits = await consents.count(await userOf(request), request.body.nonce);
      return { credits, needsConsent: credits < 1 };
    },
  );
}

/** Returns the token of the session that a request carries, which may have ended. */
function sessionOf(request: FastifyRequest): string {
  const [, token] = /^Bearer ([\w-]{43})$/.exec(request.headers.authorization ?? '') ?? [];
  if (token === undefined) throw unauthorized();
  return token;
}

function withOutcomes({ user: _, ...reminder }: Reminder, outcomes: readonly Occurrence[]): object {
  const zone = isZone(reminder.zone) ? reminder.zone : 'UTC';
  return {
    ...reminder,
    nextLocal: showTime(reminder.nextAt, zone),
    outcomes: outcomes.map((outcome) => ({ ...outcome, local: showTime(outcome.instant, zone) })),
  };
}

function notCreated(outcome: 'other choice' | 'full' | 'too often'): Problem {
  switch (outcome) {
    case 'other choice':
      return new Problem(409, 'nonce', 'the nonce was used for another reminder');
    case 'full':
      return new Problem(409, 'too_many', `a user may have ${MAX_REMINDERS} reminders: delete one first`);
    case 'too often':
      return new Problem(429, 'too_often', `a user may make ${MAX_CREATIONS} reminders with a nonce within a day`);
  }
}

function choiceOf({ type, contentId, detail, hour, minute, weekdays, zone }: Reminder): ReminderChoice {
  return { type, contentId, detail, hour, minute, weekdays, zone };
}

function checkChoice<T extends Choice>(choice: T): T {
  if (!isZone(choice.zone)) throw new Problem(400, 'zone', 'zone must be an IANA zone, such as Asia/Shanghai');
  if (choice.detail.length > schemas.LONGEST_DETAIL) {
    throw new Problem(
      400,
      'detail',
      `detail must have at most ${schemas.LONGEST_DETAIL} characters; emoji count twice`,
    );
  }
  return choice;
}

function isSameTime(one: TimeOfDay, other: TimeOfDay): boolean {
  const sameDays = one.weekdays.join() === other.weekdays.join();
  return sameDays && one.hour === other.hour && one.minute === other.minute && one.zone === other.zone;
}
