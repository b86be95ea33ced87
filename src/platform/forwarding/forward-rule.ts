import { type CallbackRules, parseCallbackUrl } from '../../callbacks/callback-url.js';
import { mapMembers, readFields } from '../../core/primitives/assert-options.js';
import { describeName } from '../../core/primitives/redact.js';

/**
 * A rule that forwards pushes to a URL. A push matches if it has all that the rule names; of a list it has one. A rule that
 * names nothing matches every push.
 *
 * @public
 */
export interface ForwardRule {
  /** The type of an event of a third-party platform, such as `notify_icpfiling_verify_result`. */
  readonly infoType?: string | readonly string[] | undefined;
  /** The type of a message, such as `text`, or `event` for the events of accounts. */
  readonly msgType?: string | readonly string[] | undefined;
  /** The event of an account, such as `subscribe` or `CLICK`, as WeChat writes it. */
  readonly event?: string | readonly string[] | undefined;
  /** The platform that the push is for, or through which it came. */
  readonly component?: string | readonly string[] | undefined;
  /** The app that the path of the push names last: an account, an authorizer, or a platform itself. */
  readonly appid?: string | readonly string[] | undefined;
  /** The URL that gets the push, by `POST`. */
  readonly url: string;
}

/** The fields by which rules select pushes. */
export type SelectedFields = { readonly [name in Selector]?: string | undefined };

/** A rule in which each selector is a set of its own. */
export interface CheckedRule {
  /** The number of the rule, from 1 on, for messages. */
  readonly number: number;
  readonly selectors: readonly (readonly [name: Selector, texts: ReadonlySet<string>])[];
  readonly url: URL;
}

type Selector = (typeof SELECTORS)[number];

const SELECTORS = ['infoType', 'msgType', 'event', 'component', 'appid'] as const;
const NAMES = [...SELECTORS, 'url'] as const;
const MAX_RULES = 1_000;
const MAX_TEXTS = 1_000;
const MAX_LENGTH = 128;
/** The types of a platform's events that the receiver always handles itself. They contain tickets and codes. */
const HANDLED: readonly string[] = ['component_verify_ticket', 'authorized', 'updateauthorized', 'unauthorized'];

/**
 * Returns the rules with copies of their lists.
 *
 * @throws TypeError naming the rule and the field, for a rule that is malformed or can never match. Nothing of a URL but its
 *   host is shown.
 */
export function checkedForwardRules(rules: unknown, urls: CallbackRules): readonly CheckedRule[] {
  return mapMembers(rules, 'forward', (rule, index) => checkedRule(rule, index, urls), MAX_RULES);
}

/** Returns whether a push has everything that a rule names. */
export function matches({ selectors }: CheckedRule, push: SelectedFields): boolean {
  return selectors.every(([name, texts]) => texts.has(push[name] ?? ''));
}

function checkedRule(rule: unknown, index: number, urls: CallbackRules): CheckedRule {
  const what = `forward[${index}]`;
  const fields = readFields<ForwardRule>(rule, NAMES, what);
  const texts = (name: Selector): readonly string[] | undefined => checkedTexts(fields[name], `${what}.${name}`);
  const selectors = SELECTORS.flatMap((name) => {
    const given = texts(name);
    return given === undefined ? [] : [[name, new Set(given)] as const];
  });
  assertCanMatch(new Map(selectors), what);
  try {
    return { number: index + 1, selectors, url: parseCallbackUrl(fields.url, urls) };
  } catch (error) {
    throw new TypeError(`${what}.url: ${(error as TypeError).message}`);
  }
}

function checkedTexts(given: unknown, name: string): readonly string[] | undefined {
  if (given === undefined) return undefined;
  if (typeof given === 'string') return [checkedText(given, name)];
  const texts = mapMembers(given, name, (text, index) => checkedText(text, `${name}[${index}]`), MAX_TEXTS);
  if (texts.length === 0) throw new TypeError(`${name} must not be an empty list: leave it out to match every push`);
  return texts;
}

function checkedText(text: unknown, name: string): string {
  if (typeof text === 'string' && text !== '' && text.length <= MAX_LENGTH) return text;
  throw new TypeError(`${name} must be a text of 1 to ${MAX_LENGTH} characters, got ${describeName(text)}`);
}

/** @throws TypeError for a rule that no push can match, which its author expects to have an effect. */
function assertCanMatch(selectors: ReadonlyMap<Selector, ReadonlySet<string>>, what: string): void {
  const infoTypes = selectors.get('infoType');
  const messageTypes = selectors.get('msgType');
  const event = selectors.get('event');
  const other = ['msgType', 'event'].find((name) => selectors.has(name as Selector));
  if (infoTypes !== undefined && other !== undefined) {
    throw new TypeError(`${what} can never match: no push has both infoType and ${other}`);
  }
  if (event !== undefined && messageTypes !== undefined && !messageTypes.has('event')) {
    throw new TypeError(`${what} can never match: only messages whose msgType is event have an event`);
  }
  const handled = HANDLED.find((infoType) => infoTypes?.has(infoType));
  if (handled !== undefined) {
    throw new TypeError(`${what}.infoType must not name ${handled}, which the receiver handles itself`);
  }
}
