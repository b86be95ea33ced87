import type { CommandCall } from '../args/command.js';
import { JSON_OUTPUT } from '../args/options.js';
import type { ServerAnswer } from '../client/server-client.js';

const CONTROL_CHARACTER = /\p{Cc}/u;

/** Prints the token of an answer, or the whole answer with `--json`. */
export function printToken({ body }: ServerAnswer, { options, io }: CommandCall): void {
  const { value } = body;
  if (typeof value !== 'string' || value === '') throw new Error('the server answered without a token');
  // A terminal would interpret control characters.
  if (CONTROL_CHARACTER.test(value)) throw new Error('the server answered with a token that has control characters');
  io.stdout.write(options.isSet(JSON_OUTPUT) ? `${JSON.stringify(body)}\n` : `${value}\n`);
}
