import { MAX_REMINDERS } from '../redis/reminders.js';

/** The most characters of a detail, as WeChat takes them in a field of the kind `thing`. */
export const LONGEST_DETAIL = 20;

const choice = {
  contentId: { type: 'string', minLength: 1, maxLength: 64, pattern: '^[\\w.~-]+$', description: 'What it is about.' },
  hour: { type: 'integer', minimum: 0, maximum: 23 },
  minute: { type: 'integer', minimum: 0, maximum: 59 },
  detail: {
    type: 'string',
    minLength: 1,
    maxLength: LONGEST_DETAIL,
    pattern: '^(?=.*\\S)[^\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}]*$',
    description: 'What the message says: not blank, without control characters and joined emoji.',
  },
  zone: { type: 'string', minLength: 1, maxLength: 64, description: 'An IANA zone, such as Asia/Shanghai.' },
  weekdays: {
    type: 'array',
    items: { type: 'integer', minimum: 1, maximum: 7 },
    minItems: 1,
    maxItems: 7,
    uniqueItems: true,
    description: '1 for Monday to 7 for Sunday.',
  },
} as const;

const nonce = { type: 'string', minLength: 8, maxLength: 64, pattern: '^[\\w.~-]+$' } as const;

const instant = { type: 'integer', description: 'In epoch milliseconds.' } as const;

const occurrence = {
  type: 'object',
  required: ['instant', 'local', 'state', 'reason', 'attempts'],
  properties: {
    instant,
    local: { type: 'string', description: 'The same as a clock in the zone shows it.' },
    state: { type: 'string', enum: ['waiting', 'claimed', 'sent', 'failed', 'unknown', 'skipped'] },
    reason: { type: 'string' },
    errcode: { type: 'integer' },
    attempts: { type: 'integer' },
  },
} as const;

export const reminder = {
  type: 'object',
  required: ['id', 'type', ...Object.keys(choice), 'state', 'nextAt', 'nextLocal', 'version', 'outcomes'],
  properties: {
    id: { type: 'string' },
    type: { type: 'integer', enum: [0, 1] },
    ...choice,
    state: { type: 'string', enum: ['active', 'ended'] },
    endedBecause: { type: 'string' },
    nextAt: instant,
    nextLocal: { type: 'string', description: 'The same as a clock in the zone shows it.' },
    version: { type: 'integer' },
    outcomes: { type: 'array', items: occurrence, description: 'The latest, the newest first.' },
  },
} as const;

const problem = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message'],
      properties: { code: { type: 'string' }, message: { type: 'string' } },
    },
  },
} as const;

const nothing = { type: 'null' } as const;

/** Returns the schemas of a route's answers: of the one when all is well, and of problems. */
export function answers(status: 200 | 201 | 204, answer: object = nothing): Record<string, object> {
  return { [status]: answer, '4xx': problem, '5xx': problem };
}

export const session = {
  body: {
    type: 'object',
    required: ['code'],
    additionalProperties: false,
    properties: { code: { type: 'string', minLength: 1, maxLength: 128, description: 'The code of `wx.login`.' } },
  },
  answer: {
    type: 'object',
    required: ['session', 'expiresInSeconds'],
    properties: { session: { type: 'string' }, expiresInSeconds: { type: 'integer' } },
  },
} as const;

export const creation = {
  params: { type: 'object', required: ['type'], properties: { type: { type: 'string', enum: ['0', '1'] } } },
  body: {
    type: 'object',
    required: ['contentId', 'hour', 'minute', 'detail'],
    additionalProperties: false,
    properties: {
      ...choice,
      zone: { ...choice.zone, default: 'Asia/Shanghai' },
      weekdays: { ...choice.weekdays, default: [1, 2, 3, 4, 5, 6, 7] },
      nonce: {
        ...nonce,
        description:
          'Chosen by the client for this reminder: sent again with the same nonce within a day, it is answered as the first time.',
      },
    },
    description: `A user may have ${MAX_REMINDERS}.`,
  },
} as const;

export const edit = {
  params: { type: 'object', required: ['id'], properties: { id: { type: 'string', maxLength: 64 } } },
  body: { type: 'object', minProperties: 1, additionalProperties: false, properties: choice },
} as const;

export const consent = {
  body: {
    type: 'object',
    required: ['nonce'],
    additionalProperties: false,
    properties: {
      nonce: {
        ...nonce,
        description: 'Chosen by the client for this prompt: sent again with the same nonce it is counted once.',
      },
    },
  },
  answer: {
    type: 'object',
    required: ['credits', 'needsConsent'],
    properties: {
      credits: { type: 'integer', description: 'How many messages the user has agreed to.' },
      needsConsent: { type: 'boolean' },
    },
  },
} as const;

export const list = {
  answer: {
    type: 'object',
    required: ['reminders', 'credits', 'needsConsent', 'template'],
    properties: {
      reminders: { type: 'array', items: reminder },
      ...consent.answer.properties,
      template: { type: 'string', description: 'What the client asks consent for.' },
      stopped: { type: 'string', description: 'Why no messages are sent, when the template is stopped.' },
    },
  },
} as const;
