import type { Readable } from 'node:stream';

/** The limit of the length of a line. A longer one is passed on in parts. */
const LONGEST_LINE = 65_536;

/**
 * The functions that write the lines of a worker. They are injected because a host may have replaced the streams of the
 * primary process.
 */
export interface WorkerOutput {
  out(line: string): void;
  err(line: string): void;
}

/** Passes on the output of a process line by line, so that lines of several processes never mix. */
export function passLines(stream: Readable | null, pass: (line: string) => void): void {
  let rest = '';
  // A pipe that breaks has no further output, and the loss of its last lines is acceptable.
  stream?.on('error', () => {});
  stream?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) pass(line);
    if (rest.length <= LONGEST_LINE) return;
    pass(rest);
    rest = '';
  });
  stream?.on('end', () => {
    if (rest !== '') pass(rest);
  });
}
