// @ts-check
// This is the layout of the reference: the position of every item, and the texts between the tables. Every public item is
// in one block. All other texts are in the doc comments.
import { OPTIONS } from './layout-options.mjs';
import { TYPES } from './layout-types.mjs';

/**
 * @typedef {{ kind: 'options' | 'fields' | 'shape' | 'signature' | 'codes', name: string }} ItemBlock
 * @typedef {{ kind: 'members', name: string, brief?: boolean }} MembersBlock
 * @typedef {{ kind: 'events', name: string, order: readonly string[], anchors: Readonly<Record<string, string>> }} EventsBlock `anchors` says where items stand that have no heading of their own
 * @typedef {{ kind: 'list', names: readonly string[] }} ListBlock
 * @typedef {{ kind: 'serve' }} ServeBlock
 * @typedef {ItemBlock | MembersBlock | EventsBlock | ListBlock | ServeBlock} Block
 * @typedef {{ id: string, title: string, text?: readonly string[], blocks: readonly Block[] }} Section
 * @typedef {{ file: string, title: string, intro: readonly string[], sections: readonly Section[] }} Page
 */

/** @type {Page} */
const EVENTS = {
  file: 'events',
  title: 'Events',
  intro: [
    'A `TokenManager` emits these events. Listen with `tokens.on(name, listener)`, or with `once` for the next one only; `off` takes the listener back.',
    'A listener may be asynchronous. One that throws or rejects disturbs neither a refresh nor other listeners: it becomes the event `listenerFailed`. An event holds no secret when it is printed. All instants are epoch milliseconds.',
  ],
  sections: [
    {
      id: 'emitted',
      title: 'All events',
      blocks: [
        {
          kind: 'events',
          name: 'TokenManagerEvents',
          order: [
            'refreshed',
            'refreshFailed',
            'recovered',
            'reauthorizationRequired',
            'delivered',
            'deliveryFailed',
            'authorized',
            'unauthorized',
            'verifyTicketMissing',
            'storeUnavailable',
            'storeAvailable',
            'storeReplaced',
            'recordQuarantined',
            'listenerFailed',
          ],
          anchors: {
            TokenManagerEvents: 'emitted',
            RefreshedEvent: 'refreshed',
            RefreshFailedEvent: 'refreshfailed',
            RecoveredEvent: 'recovered',
            DeliveredEvent: 'delivered',
            DeliveryFailedEvent: 'deliveryfailed',
          },
        },
      ],
    },
    {
      id: 'common',
      title: 'Fields that events share',
      blocks: [
        { kind: 'fields', name: 'TokenEvent' },
        { kind: 'list', names: ['TokenManagerListener'] },
      ],
    },
  ],
};

/** @type {Page} */
const ERRORS = {
  file: 'errors',
  title: 'Errors',
  intro: [
    'Misuse is a `TypeError`, thrown at the call. Every other failure is a `TokenError`: go by its `code`, and read the facts in its fields instead of its message. No field holds a secret.',
    "What WeChat's own codes (`errcode`) mean, and what to do about each, is in the [guide to errors](../guide/errors.md).",
  ],
  sections: [
    {
      id: 'codes',
      title: 'Codes',
      blocks: [{ kind: 'codes', name: 'TokenErrorCode' }],
    },
    {
      id: 'fields',
      title: 'The class and its fields',
      blocks: [
        { kind: 'members', name: 'TokenError', brief: false },
        { kind: 'fields', name: 'TokenErrorFacts' },
      ],
    },
    {
      id: 'type-error',
      title: 'TypeError',
      text: [
        'A `TypeError` says which argument or option is wrong, what it must be, and what came. It is thrown, or rejected with, before anything is stored or sent: for an unknown option name, a value out of its bounds, a type that no refresher has, a getter that throws, `params` or a `result` that holds a promise or a `Map`, and arrays with holes.',
        'A secret, token or key is refused where it is given (`register`, `put`, `params`, `keys`, over HTTP, and by the command) when it begins or ends with white space, control or invisible characters, or stands in quotation marks: `secret must not end with white space (U+000A)`. WeChat would refuse it too, but only after it was stored. Inside, line feeds and all printable characters are allowed, as in a PEM key; what is already stored is used as it is. Trim what you read from files yourself; the command does it for you.',
      ],
      blocks: [],
    },
    {
      id: 'webhooks',
      title: 'Webhooks',
      text: ['Thrown by `verifyWebhook` of `wechat-token-manager/http`.'],
      blocks: [{ kind: 'members', name: 'WebhookRefused' }],
    },
  ],
};

/** @type {readonly Page[]} */
export const LAYOUT = [OPTIONS, EVENTS, ERRORS, TYPES];
