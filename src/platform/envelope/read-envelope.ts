import { isJsonObject } from '../../core/primitives/json.js';
import { readXml } from '../xml/read-xml.js';
import { XmlRefused } from '../xml/xml-refused.js';
import { EnvelopeRefused } from './envelope-refused.js';
import { isJson, textOfJson } from './pushed-json.js';

/**
 * The envelope of an encrypted push. Its other fields are left out: the signature does not cover them, and in compatible
 * mode they even repeat the message in clear.
 */
export interface Envelope {
  /** The encrypted message in base64, as it came. */
  readonly encrypt: string;
  /** The format of the push, in which its reply must be written. */
  readonly format: EnvelopeFormat;
}

export type EnvelopeFormat = 'xml' | 'json';

const FIELD = 'Encrypt';
const MAX_JSON_BYTES = 65_536;
/** Matches each string of a JSON text in turn, and whether a colon says that it is a name. */
const STRINGS_IN_JSON = /("[^"\\]*(?:\\.[^"\\]*)*")([ \t\r\n]*:)?/g;

/**
 * Reads the envelope of an encrypted push. Official accounts and platforms send XML, shops JSON, mini programs either.
 *
 * @throws EnvelopeRefused for everything else.
 */
export function readEnvelope(body: Uint8Array): Envelope {
  return isJson(body)
    ? { encrypt: encryptOfJson(body), format: 'json' }
    : { encrypt: encryptOfXml(body), format: 'xml' };
}

function encryptOfXml(body: Uint8Array): string {
  try {
    const envelope = readXml(body);
    if (envelope.name !== 'xml') throw new XmlRefused('another root element than <xml>', envelope.offset);
    return envelope.requiredTextOf(FIELD);
  } catch (error) {
    if (!(error instanceof XmlRefused)) throw error;
    throw new EnvelopeRefused(`the body is not an encrypted push: ${error.message}`);
  }
}

function encryptOfJson(body: Uint8Array): string {
  if (body.length > MAX_JSON_BYTES) throw jsonRefused(`more than ${MAX_JSON_BYTES} bytes`);
  const text = textOfJson(body);
  if (text === undefined) throw jsonRefused('bytes that are not UTF-8');
  const envelope = parsed(text);
  const encrypt = isJsonObject(envelope) ? envelope[FIELD] : undefined;
  if (typeof encrypt !== 'string' || encrypt === '') throw jsonRefused(`no text ${FIELD}`);
  // The parser takes the last of two. The message is signed in any case, but no reader should have to choose.
  if (countOf(FIELD, text) > 1) throw jsonRefused(`a second ${FIELD}`);
  return encrypt;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text.
    throw jsonRefused('a syntax error');
  }
}

/** Returns how many fields of this name a JSON text has, at any depth and in any spelling. */
function countOf(name: string, json: string): number {
  const names = [...json.matchAll(STRINGS_IN_JSON)].filter(([, , colon]) => colon !== undefined);
  return names.filter(([, literal = '']) => JSON.parse(literal) === name).length;
}

function jsonRefused(fault: string): EnvelopeRefused {
  return new EnvelopeRefused(`the body is not an encrypted push: the JSON has ${fault}`);
}
