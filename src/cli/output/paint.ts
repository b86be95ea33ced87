import { styleText } from 'node:util';
import type { TextOutput } from '../io/command-io.js';

export type Colour = 'bold' | 'dim' | 'green' | 'yellow' | 'red';
export type Paint = (colour: Colour, text: string) => string;

/** Returns a paint with colours if the output is a terminal and the user has not disabled them, otherwise a paint without. */
export function paintFor(output: TextOutput, env: NodeJS.ProcessEnv): Paint {
  return showsColours(output, env) ? colourful : plain;
}

export const plain: Paint = (_colour, text) => text;

/** The paint with colours. `validateStream` is off because Node would check its own standard output, not the given one. */
export const colourful: Paint = (colour, text) => styleText(colour, text, { validateStream: false });

function showsColours({ isTTY }: TextOutput, { NO_COLOR, FORCE_COLOR, TERM }: NodeJS.ProcessEnv): boolean {
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '') return FORCE_COLOR !== '0';
  return isTTY === true && TERM !== 'dumb';
}
