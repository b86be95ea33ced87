// @ts-check
// This benchmark measures what pushes cost that are none of WeChat's, or are damaged: the longest call, the memory, and
// whether anything is stored. BENCH_PUSHES makes it shorter.
import { createCipheriv, createHash, randomBytes, randomInt } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MemoryStore, TokenManager } from 'wechat-token-manager';
import { createPushReceiver } from 'wechat-token-manager/platform';
import { at } from './measure.mjs';
import { inMs, printTable, printTarget } from './report.mjs';

const COUNT = Number(process.env['BENCH_PUSHES'] ?? 100_000);
const WARM_UPS = 2_000;
const COMPONENT = 'wxcomponent';
const TOKEN = 'token';
const KEY = Buffer.from('k'.repeat(43), 'base64');
const BLOCK = 32;
const STALE_SECONDS = 660;
const MIB = 2 ** 20;
/** The bytes of the random prefix and of the length, which every message begins with. */
const HEAD = 20;
setFlagsFromString('--expose-gc');
const collect = /** @type {() => void} */ (runInNewContext('gc'));

class CountingStore extends MemoryStore {
  writes = 0;

  /** @override @param {Parameters<MemoryStore['set']>} args */
  set(...args) {
    this.writes += 1;
    return super.set(...args);
  }
}

/**
 * @typedef {object} Push
 * @property {string} query
 * @property {Buffer} body
 */

/** @type {Record<string, () => Push>} */
const KINDS = {
  'a wrong signature': () => signed(encrypted(), { token: 'other' }),
  'too old': () => signed(encrypted(), { agoSeconds: STALE_SECONDS }),
  'no base64': () => signed(`${encrypted().toString('base64').slice(0, -randomInt(1, 40))}*`, {}),
  'garbled, and signed anew': () => signed(garbled(encrypted()), {}),
};

const store = new CountingStore();
const tokens = new TokenManager({ store, wechat: { origins: ['http://127.0.0.1:1'] } });
const push = { token: TOKEN, encodingAesKey: 'k'.repeat(43) };
await tokens.register({ appid: COMPONENT, secret: 'secret', push });
/** @type {string[]} */
const errors = [];
const receiver = createPushReceiver(tokens, { onError: (error) => void errors.push(error.message) });
const good = signed(encrypted(), {});
if ((await receive(good)).body !== 'success') throw new Error('a proper push was refused');

const rows = [];
let [worst, mostGrowth] = [0, 0];
for (const [name, make] of Object.entries(KINDS)) {
  for (let index = 0; index < WARM_UPS; index++) await receive(make());
  const writes = store.writes;
  const { times, cpu, statuses, growth } = await pushAgainAndAgain(make);
  if (store.writes !== writes) throw new Error(`${name}: ${store.writes - writes} documents were written`);
  worst = Math.max(worst, at(cpu, cpu.length - 1));
  mostGrowth = Math.max(mostGrowth, growth);
  rows.push([
    name,
    [...statuses].map(([status, count]) => `${count} x ${status}`).join(', '),
    inMs(at(times, Math.floor(COUNT / 2))),
    inMs(at(times, Math.floor(times.length * 0.999))),
    inMs(at(times, times.length - 1)),
    inMs(at(cpu, cpu.length - 1)),
    `${(growth / MIB).toFixed(1)} MiB`,
  ]);
}
await tokens.close();
if (errors.length > 0) throw new Error(`errors were reported: ${errors[0]}`);
printTable(
  [`${COUNT.toLocaleString('en')} pushes`, 'answers', 'median', 'p99.9', 'longest', 'longest, CPU', 'heap'],
  rows,
);
printTarget(worst < 10, 'no bad push takes more than 10 ms of CPU', inMs(worst));
printTarget(mostGrowth < 2 * MIB, 'heap grows by less than 2 MiB', `${(mostGrowth / MIB).toFixed(1)} MiB`);

/** @param {() => Push} make */
async function pushAgainAndAgain(make) {
  const times = new Float64Array(COUNT);
  // On a machine that does other work, only the time of the processor is that of the call.
  const cpu = new Float64Array(COUNT);
  /** @type {Map<number, number>} */
  const statuses = new Map();
  const before = heapInUse();
  for (let index = 0; index < COUNT; index++) {
    const bad = make();
    const cpuBefore = process.cpuUsage();
    const startedAt = performance.now();
    const { status } = await receive(bad);
    times[index] = performance.now() - startedAt;
    const { user, system } = process.cpuUsage(cpuBefore);
    cpu[index] = (user + system) / 1_000;
    if (status === 200) throw new Error('a bad push was accepted');
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    // Timers and other callbacks get their turn, as between requests.
    if (index % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const growth = heapInUse() - before;
  return { times: [...times.sort()], cpu: [...cpu.sort()], statuses, growth };
}

/** @param {Push} pushed */
function receive({ query, body }) {
  return receiver.receive({ method: 'POST', appid: COMPONENT, query, body });
}

/** Returns an encrypted ticket. */
function encrypted() {
  const ticket = `ticket@@@${randomBytes(40).toString('base64url')}`;
  const seconds = Math.floor(Date.now() / 1_000);
  const message = Buffer.from(
    `<xml><AppId>${COMPONENT}</AppId><CreateTime>${seconds}</CreateTime><InfoType>component_verify_ticket</InfoType>` +
      `<ComponentVerifyTicket>${ticket}</ComponentVerifyTicket></xml>`,
  );
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  const frame = Buffer.concat([randomBytes(16), length, message, Buffer.from(COMPONENT)]);
  const padding = BLOCK - (frame.length % BLOCK);
  const cipher = createCipheriv('aes-256-cbc', KEY, KEY.subarray(0, 16)).setAutoPadding(false);
  return Buffer.concat([cipher.update(Buffer.concat([frame, Buffer.alloc(padding, padding)])), cipher.final()]);
}

/**
 * Returns a copy with other bytes at some places behind the head, so that the message is never what it was.
 *
 * @param {Buffer} ciphertext
 */
function garbled(ciphertext) {
  const bytes = Buffer.from(ciphertext);
  for (let change = randomInt(1, 9); change > 0; change--) {
    const place = randomInt(HEAD, bytes.length);
    bytes.writeUInt8((bytes.readUInt8(place) + randomInt(1, 256)) % 256, place);
  }
  return bytes;
}

/**
 * @param {Buffer | string} content
 * @param {{ token?: string, agoSeconds?: number }} changes
 * @returns {Push}
 */
function signed(content, { token = TOKEN, agoSeconds = 0 }) {
  const encrypt = typeof content === 'string' ? content : content.toString('base64');
  const timestamp = String(Math.floor(Date.now() / 1_000) - agoSeconds);
  const nonce = String(randomInt(1e9));
  const signature = createHash('sha1').update([token, timestamp, nonce, encrypt].sort().join('')).digest('hex');
  const query = new URLSearchParams({ timestamp, nonce, encrypt_type: 'aes', msg_signature: signature }).toString();
  return { query, body: Buffer.from(`<xml><AppId>${COMPONENT}</AppId><Encrypt>${encrypt}</Encrypt></xml>`) };
}

/** Returns the bytes that are in use after a collection. */
function heapInUse() {
  collect();
  return process.memoryUsage().heapUsed;
}
