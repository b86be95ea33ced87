import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { isJsonObject, type JsonObject } from '../../core/primitives/json.js';
import { assertNoStrayCharacter } from '../../core/primitives/stray-characters.js';
import { asUsage, UsageError } from '../failures/usage-error.js';
import type { CommandIo } from '../io/command-io.js';
import { SECRET_VARIABLE } from './option.js';
import type { GivenValue, OptionValues } from './option-values.js';
import { SECRET_FILE } from './options.js';
import { readWholeFile } from './readable-file.js';

const STANDARD_INPUT = '-';
const MAX_LENGTH = 65_536;

/**
 * Reads the app's secret from a file, the variable or standard input. At a terminal it prompts, and does not echo the
 * input.
 *
 * @throws UsageError that does not contain the secret.
 */
export async function readAppSecret(appid: string, options: OptionValues, io: CommandIo): Promise<string> {
  const file = options.given(SECRET_FILE);
  if (file !== undefined) return readSecretFile(file, io);
  const secret = io.env[SECRET_VARIABLE]?.trim();
  if (secret !== undefined && secret !== '') return withoutStrays(SECRET_VARIABLE, secret);
  if (io.stdin.isTTY === true) return withoutStrays('the secret', await ask(`secret of ${appid}: `, io));
  const read = await readStandardInput(io);
  if (read !== '') return withoutStrays('the secret on standard input', read);
  throw new UsageError(
    `the secret of ${appid} is missing: give it on standard input, in ${SECRET_VARIABLE} or with --secret-file`,
  );
}

/** Returns the content of a file without surrounding white space; `-` is standard input. */
export async function readSecretFile(file: GivenValue, io: CommandIo): Promise<string> {
  const text = file.text === STANDARD_INPUT ? await readStandardInput(io) : readWholeFile(file).trim();
  if (text !== '') return withoutStrays(`${file.source}: its content`, text);
  throw new UsageError(`${file.source}: the input is empty`);
}

/**
 * Returns the JSON object in a file, or on standard input.
 *
 * @param example - an object of the expected form, for messages.
 * @throws UsageError that shows nothing of the content.
 */
export async function readSecretJson(file: GivenValue, example: string, io: CommandIo): Promise<JsonObject> {
  const text = await readSecretFile(file, io);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UsageError(`${file.source}: its content is not JSON like ${example}`);
  }
  if (isJsonObject(value)) return value;
  throw new UsageError(`${file.source}: its content is not an object like ${example}`);
}

/**
 * Returns the secret unchanged after checking it for invisible characters and quotes, which do not belong to it.
 *
 * @throws UsageError naming the character and its position.
 */
export function withoutStrays(source: string, secret: string): string {
  asUsage(() => assertNoStrayCharacter(source, secret));
  return secret;
}

async function readStandardInput({ stdin }: CommandIo): Promise<string> {
  let text = '';
  for await (const chunk of stdin.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length > MAX_LENGTH) throw new UsageError('standard input is too long for a secret');
  }
  return text.trim();
}

function ask(prompt: string, { stdin, stderr }: CommandIo): Promise<string> {
  const nothing = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: nothing, terminal: true });
  stderr.write(prompt);
  return new Promise((resolve, reject) => {
    let answer = '';
    lines.once('line', (line) => {
      answer = line.trim();
      lines.close();
    });
    lines.once('close', () => {
      stderr.write('\n');
      if (answer === '') reject(new UsageError('no secret was given'));
      else resolve(answer);
    });
  });
}
