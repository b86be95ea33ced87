import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';

const REFUSAL =
  'ERR bad lua script for redis cluster, all the keys that the script uses should be passed using the KEYS array, and KEYS should not be in expression';
const UNPUBLISHED = 'ERR command PUBLISH not support in lua';
/** The commands whose first operand is no key. */
const WITHOUT_KEY = ['TIME', 'PUBLISH'];
const CALL = /redis\.p?call\(\s*(?:'(\w+)'\s*(?:,\s*([^,)]+))?)?/g;

export interface ScriptCheckingProxyOptions {
  /** Whether a script that publishes is refused as well. */
  readonly refusesPublish?: boolean;
}

/** A proxy in front of a Redis server, and the errors with which it has refused scripts. */
export interface ScriptCheckingProxy extends AsyncDisposable {
  readonly port: number;
  readonly refusals: readonly string[];
}

/**
 * Starts a proxy that reads scripts as those of hosted clusters do: it passes on none whose commands take a key from
 * anything but a literal `KEYS[1]`, `KEYS[2]`, ..., that calls `unpack`, that has a command within the arguments of
 * another, or that is called without a key. Everything else passes unchanged.
 */
export async function startScriptCheckingProxy(
  redisPort: number,
  options: ScriptCheckingProxyOptions = {},
): Promise<ScriptCheckingProxy> {
  const refusals: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection(redisPort, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
      });
    }
    upstream.pipe(client);
    let pending: Buffer = Buffer.alloc(0);
    client.on('data', (bytes) => {
      pending = Buffer.concat([pending, bytes]);
      for (let command = firstCommand(pending); command !== undefined; command = firstCommand(pending)) {
        const refusal = refusalOf(command.words, options);
        if (refusal !== undefined) refusals.push(refusal);
        upstream.write(refusal === undefined ? pending.subarray(0, command.length) : failingCommand(refusal));
        pending = pending.subarray(command.length);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    refusals,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function refusalOf(words: readonly string[], options: ScriptCheckingProxyOptions): string | undefined {
  const [name = '', text = '', keys] = words;
  if (!/^eval(sha)?$/i.test(name)) return undefined;
  if (keys === '0') return "ERR for redis cluster, eval/evalsha number of keys can't be negative or zero";
  if (!/^eval$/i.test(name)) return undefined;
  if (options.refusesPublish === true && text.includes('PUBLISH')) return UNPUBLISHED;
  return isAccepted(text) ? undefined : REFUSAL;
}

function isAccepted(text: string): boolean {
  if (/\bunpack\b/.test(text) || /redis\.p?call\([^()]*redis\.p?call\(/.test(text)) return false;
  return [...text.matchAll(CALL)].every(([, name, key]) => {
    if (name === undefined) return false;
    return WITHOUT_KEY.includes(name) || /^KEYS\[[1-9][0-9]*\]$/.test((key ?? '').trim());
  });
}

/** Returns a command that Redis answers with this error, so that answers stay in their order. */
function failingCommand(error: string): string {
  const words = ['EVAL', 'return redis.error_reply(ARGV[1])', '0', error];
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

interface Command {
  readonly words: readonly string[];
  /** The length in bytes. */
  readonly length: number;
}

/** Returns the first command of the bytes; `undefined` while it is not whole. */
function firstCommand(bytes: Buffer): Command | undefined {
  let at = 0;
  const number = (): number | undefined => {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return undefined;
    const value = Number(bytes.toString('latin1', at + 1, end));
    at = end + 2;
    return value;
  };
  const count = number();
  if (count === undefined) return undefined;
  const words: string[] = [];
  while (words.length < count) {
    const length = number();
    if (length === undefined || bytes.length < at + length + 2) return undefined;
    words.push(bytes.toString('utf8', at, at + length));
    at += length + 2;
  }
  return { words, length: at };
}
